#include "support.h"

#include "state/keys.h"
#include "state/rocksdb/store.h"
#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/utf8.h"
#include "streamer/http/query.h"
#include "streamer/task/pipeline.h"

#include <stdio.h>

#define N 3
#define DAY INT64_C(86400000)
#define T0 INT64_C(1707955200000) /* 2024-02-15T00:00:00Z */

/* A store with some committed history in it, and which partitions this instance owns. */
struct rig {
    char *dir;
    struct store *store;
    struct query_context context;
    struct rates rates;
    bool owned[N];
};

static char *const topics[TOPIC_COUNT] = {
    [TOPIC_CUSTOMERS] = "crm \"customers\"", [TOPIC_ACCOUNTS] = "accounts"};

static bool owns(void *context, int32_t partition) {
    return ((const struct rig *)context)->owned[partition];
}

static void not_here(void *context, const struct http_request *request, int32_t partition,
                     struct http_reply *reply) {
    (void)request;
    assert_false(owns(context, partition));
    http_reply_later(reply, "elsewhere");
}

static void apply(struct task_env *env, struct task *tasks, struct event e) {
    struct reason why = {0};
    e.has_own_time = true;
    e.loaded_at_ms = e.early_after_ms = e.event_at_ms + 1;
    /* The offset is that of the day. */
    task_set_origin(env, topics[e.entity == ENTITY_ACCOUNT ? TOPIC_ACCOUNTS : TOPIC_CUSTOMERS], 1,
                    (e.event_at_ms - T0) / DAY);
    assert_true(task_apply_event(env, &tasks[murmur2_partition(e.id, N)], &e, &why));
}

static struct event customer(const char *id, int64_t at, const char *name, bool has_loan) {
    return (struct event){.entity = ENTITY_CUSTOMER,
                          .id = slice_str(id),
                          .customer_id = strtoll(id, NULL, 10),
                          .customer_name = slice_str(name),
                          .has_loan_flag = has_loan,
                          .event_at_ms = at};
}

static struct event account(const char *id, int64_t at, int64_t cents) {
    return (struct event){.entity = ENTITY_ACCOUNT,
                          .id = slice_str(id),
                          .customer_id = 7,
                          .balance_cents = cents,
                          .account_type = ACCOUNT_SAVINGS,
                          .event_at_ms = at};
}

static struct event ended(struct event e) {
    e.kind = CHANGE_DELETE;
    return e;
}

/* Applies the links and refs that were sent, and those that are sent meanwhile. */
static void deliver(struct task_env *env, struct task *tasks, struct capture *sent) {
    for (size_t i = 0; i < sent->count; i++) {
        enum topic topic = sent->messages[i].topic;
        if (topic != TOPIC_ACCOUNT_LINKS && topic != TOPIC_CUSTOMER_REFS)
            continue;
        struct task *t = &tasks[sent->messages[i].partition];
        struct buf key = {0}, value = {0}; /* the messages move when more come */
        buf_set(&key, buf_slice(&sent->messages[i].key));
        buf_set(&value, buf_slice(&sent->messages[i].value));
        struct slice body = sent->messages[i].has_value ? buf_slice(&value) : slice_null();
        if (topic == TOPIC_ACCOUNT_LINKS)
            task_apply_link(env, t, buf_slice(&key), body);
        else
            assert_true(task_apply_ref(env, t, buf_slice(&key), body));
        buf_release(&key);
        buf_release(&value);
    }
}

static void run_events(struct task_env *env, struct task *tasks) {
    /* Customer 7: ann [0, 1), a gap [1, 2), ann with a loan [2, …). */
    apply(env, tasks, customer("7", T0, "ann", false));
    apply(env, tasks, ended(customer("7", T0 + DAY, "", false)));
    apply(env, tasks, customer("7", T0 + 2 * DAY, "ann", true));
    /* Customer -1: deleted. Customer 77: with a key that begins like 7's as text. */
    apply(env, tasks, customer("-1", T0, "old", false));
    apply(env, tasks, ended(customer("-1", T0 + DAY, "", false)));
    apply(env, tasks, customer("77", T0, "other", false));
    /* Accounts whose ids begin with each other's, and one with all that a URL has to escape. */
    apply(env, tasks, account("A", T0, 100));
    apply(env, tasks, account("A", T0 + DAY, 200));
    apply(env, tasks, account("A1", T0, 300));
    apply(env, tasks, account("Ä/ %?\"", T0, 400));
}

static void rig_init(struct rig *g) {
    struct err e = {0};
    *g = (struct rig){.dir = make_scratch(), .owned = {true, true, true}};
    g->store = store_open(g->dir, 8 << 20, 1, &e);
    assert_non_null(g->store);
    g->rates = default_rates();
    g->context = (struct query_context){.store = g->store,
                                        .partitions = N,
                                        .topics = topics,
                                        .rates = &g->rates,
                                        .owns = owns,
                                        .not_here = not_here,
                                        .context = g};
    struct batch *batch = batch_new(g->store);
    struct capture sent;
    struct task tasks[N];
    capture_init(&sent);
    struct codec_writer writer;
    codec_writer_init(&writer, &codec_json, NULL);
    struct task_env env = {.kv = batch_kv(batch),
                           .sink = &sent.sink,
                           .writer = &writer,
                           .rates = &g->rates,
                           .topics = topics,
                           .origin = {.is_told = true},
                           .partitions = N,
                           .order_options = {.late_window_ms = 10 * DAY, .future_window_ms = DAY},
                           .confirmations_max = 100,
                           .fanout_max_rows = 1000,
                           .links_max = 2,
                           .now_ms = T0 + 5 * DAY};
    for (int32_t p = 0; p < N; p++)
        task_init(&tasks[p], p);
    run_events(&env, tasks);
    deliver(&env, tasks, &sent);
    for (int32_t p = 0; p < N; p++) {
        while (task_needs_refresh(&env, &tasks[p]))
            (void)task_refresh(&env, &tasks[p]);
        task_save_meta(&env, &tasks[p]);
    }
    if (!batch_commit(batch, &e))
        fail_msg("%s", e.text);
    /* Not committed: nobody may see it. */
    apply(&env, tasks, customer("7", T0 + 3 * DAY, "not yet", true));
    apply(&env, tasks, customer("8", T0 + 3 * DAY, "not yet", true));
    for (int32_t p = 0; p < N; p++)
        task_release(&tasks[p]);
    task_env_release(&env);
    codec_writer_release(&writer);
    capture_release(&sent);
    batch_free(batch);
}

static void rig_release(struct rig *g) {
    store_close(g->store);
    remove_scratch(g->dir);
}

static struct http_reply ask(const struct rig *g, const char *path, const char *as_of) {
    struct http_reply reply = {0};
    struct http_request request = {.path = path};
    if (as_of != NULL)
        request.parameters[request.parameter_count++] = (struct http_parameter){"as_of", as_of};
    const struct route *route = route_find(path);
    if (route == NULL)
        http_reply_error(&reply, 404, "no such resource");
    else
        query_handle(&g->context, route, &request, &reply);
    assert_string_equal(reply.content_type, "application/json");
    return reply;
}

/* Every answer is JSON, whatever was asked. */
static void assert_json(struct http_reply *reply, const char *path) {
    struct json json;
    json_init(&json);
    if (json_parse(&json, buf_slice(&reply->body)) == NULL)
        fail_msg("%s: %s in %s", path, json.error, buf_cstr(&reply->body));
    json_release(&json);
}

/* The body without the line's end. */
static void assert_answer(const struct rig *g, const char *path, const char *as_of,
                          const char *expected) {
    struct http_reply reply = ask(g, path, as_of);
    if (reply.status != 200)
        fail_msg("%s: %d %s", path, reply.status, buf_cstr(&reply.body));
    assert_json(&reply, path);
    struct slice body = buf_slice(&reply.body);
    assert_text(slice_trim(body), expected);
    buf_release(&reply.body);
}

static void assert_status(const struct rig *g, const char *path, const char *as_of, int status) {
    struct http_reply reply = ask(g, path, as_of);
    if (reply.status != status)
        fail_msg("%s as of %s: %d %s, not %d", path, as_of != NULL ? as_of : "-", reply.status,
                 buf_cstr(&reply.body), status);
    assert_json(&reply, path);
    buf_release(&reply.body);
}

#define ANN(loan, loaded, from, to)                                                                \
    "{\"customer_id\":7,\"customer_name\":\"ann\",\"has_loan_flag\":" loan                         \
    ",\"loaded_at\":\"2024-02-" loaded "T00:00:00.001Z\",\"valid_from_at\":\"2024-02-" from        \
    "T00:00:00.000Z\",\"valid_to_at\":" to "}"
#define ANN_FIRST ANN("false", "15", "15", "\"2024-02-16T00:00:00.000Z\"")
#define ANN_NOW ANN("true", "17", "17", "null")
#define ACCOUNT(id, balance, day, to)                                                              \
    "{\"account_id\":\"" id "\",\"customer_id\":7,\"balance_amount\":\"" balance                   \
    "\",\"account_type\":\"savings\","                                                             \
    "\"loaded_at\":\"2024-02-" day "T00:00:00.001Z\",\"valid_from_at\":\"2024-02-" day             \
    "T00:00:00.000Z\",\"valid_to_at\":" to "}"

static void test_query__current(void **state) {
    const struct rig *g = *state;
    assert_answer(g, "/v1/customers/7", NULL, ANN_NOW);
    assert_answer(g, "/v1/customers/007", NULL, ANN_NOW);
    assert_answer(g, "/v1/customers/%37", NULL, ANN_NOW);
    assert_answer(g, "/v1/customers/7/", NULL, ANN_NOW);
    assert_answer(g, "/v1/accounts/A", NULL, ACCOUNT("A", "2.00", "16", "null"));
    assert_answer(g, "/v1/accounts/A1", NULL, ACCOUNT("A1", "3.00", "15", "null"));
    assert_answer(g, "/v1/accounts/%C3%84%2f%20%25%3F%22", NULL,
                  ACCOUNT("Ä/ %?\\\"", "4.00", "15", "null"));
    assert_status(g, "/v1/customers/-1", NULL, 404); /* deleted */
    assert_status(g, "/v1/customers/8", NULL, 404);  /* not committed */
    assert_status(g, "/v1/customers/-7", NULL, 404);
    assert_status(g, "/v1/accounts/a", NULL, 404);    /* ids of accounts are text: no other case, */
    assert_status(g, "/v1/accounts/A%20", NULL, 404); /* no white space */
}

static void test_query__as_of(void **state) {
    static const struct {
        const char *as_of, *expected; /* NULL: 404 */
    } cases[] = {
        {"2024-02-14T23:59:59.999Z", NULL},
        {"2024-02-15", ANN_FIRST}, /* exactly its start */
        {"2024-02-15T12:00:00Z", ANN_FIRST},
        {"2024-02-15 23:59:59.999", ANN_FIRST},
        {"2024-02-16", NULL}, /* exactly its end */
        {"2024-02-16T12:00:00Z", NULL},
        {"2024-02-16T23:59:59.999Z", NULL},
        {"2024-02-17", ANN_NOW},
        {"2024-02-17T01:00:00+01:00", ANN_NOW},
        {"1708128000000", ANN_NOW},
        {"9999-12-31", ANN_NOW},
        {"0001-01-01", NULL},
    };
    const struct rig *g = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (cases[i].expected != NULL)
            assert_answer(g, "/v1/customers/7", cases[i].as_of, cases[i].expected);
        else
            assert_status(g, "/v1/customers/7", cases[i].as_of, 404);
    }
    assert_answer(g, "/v1/accounts/A", "2024-02-15",
                  ACCOUNT("A", "1.00", "15", "\"2024-02-16T00:00:00.000Z\""));
    assert_answer(g, "/v1/accounts/A", "2024-02-16", ACCOUNT("A", "2.00", "16", "null"));
    assert_answer(
        g, "/v1/customers/-1", "2024-02-15T10:00Z",
        "{\"customer_id\":-1,\"customer_name\":\"old\",\"has_loan_flag\":false,"
        "\"loaded_at\":\"2024-02-15T00:00:00.001Z\",\"valid_from_at\":\"2024-02-15T00:00:00.000Z\","
        "\"valid_to_at\":\"2024-02-16T00:00:00.000Z\"}");
    assert_status(g, "/v1/customers/999", "2024-02-15", 404);
}

static void test_query__history(void **state) {
    const struct rig *g = *state;
    assert_answer(g, "/v1/customers/7/history", NULL, "[" ANN_FIRST "," ANN_NOW "]");
    assert_answer(g, "/v1/customers/+7.0/history/", NULL, "[" ANN_FIRST "," ANN_NOW "]");
    assert_answer(g, "/v1/accounts/A/history", NULL,
                  "[" ACCOUNT("A", "1.00", "15", "\"2024-02-16T00:00:00.000Z\"") "," ACCOUNT(
                      "A", "2.00", "16", "null") "]");
    assert_answer(g, "/v1/accounts/A1/history", NULL, "[" ACCOUNT("A1", "3.00", "15", "null") "]");
    assert_status(g, "/v1/customers/999/history", NULL, 404);
    assert_status(g, "/v1/accounts/a/history", NULL, 404);
}

static void test_query__marts(void **state) {
    const struct rig *g = *state;
    assert_answer(g, "/v1/account_with_customer/A", NULL,
                  "{\"account_id\":\"A\",\"customer_id\":7,\"customer_name\":\"ann\","
                  "\"has_loan_flag\":true,\"balance_amount\":\"2.00\",\"account_type\":\"savings\","
                  "\"valid_from_at\":\"2024-02-16T00:00:00.000Z\"}");
    assert_status(g, "/v1/account_with_customer/B", NULL, 404);
    assert_answer(g, "/v1/account_summary/A", NULL,
                  "{\"account_id\":\"A\",\"customer_id\":7,\"original_balance_amount\":\"2.00\","
                  "\"interest_rate_pct\":\"0.015\",\"annual_interest_amount\":\"0.03\","
                  "\"new_balance_amount\":\"2.03\","
                  "\"calculated_at\":\"2024-02-20T00:00:00.000Z\"}");
    assert_answer(g, "/v1/customer_profile/7", NULL,
                  "{\"customer_id\":7,\"customer_name\":\"ann\",\"has_loan_flag\":true,"
                  "\"total_accounts_count\":3,"
                  "\"total_balance_amount\":\"9.00\",\"total_annual_interest_amount\":\"0.14\","
                  "\"calculated_at\":\"2024-02-20T00:00:00.000Z\"}");
    assert_answer(g, "/v1/account_with_customer/A", NULL,
                  "{\"account_id\":\"A\",\"customer_id\":7,\"customer_name\":\"ann\","
                  "\"has_loan_flag\":true,\"balance_amount\":\"2.00\","
                  "\"account_type\":\"savings\","
                  "\"valid_from_at\":\"2024-02-16T00:00:00.000Z\"}");
    assert_status(g, "/v1/account_with_customer/B", NULL, 404);
    assert_status(g, "/v1/account_summary/B", NULL, 404);
    assert_status(g, "/v1/customer_profile/77", NULL, 404); /* a customer without accounts */
    assert_status(g, "/v1/customer_profile/x", NULL, 400);
    assert_status(g, "/v1/account_summary/A/history", NULL, 404);
}

#define RECORD(topic, offset, day)                                                                 \
    "{\"topic\":\"" topic "\",\"partition\":1,\"offset\":" offset ",\"event_at\":\"2024-02-" day   \
    "T00:00:00.000Z\",\"loaded_at\":\"2024-02-" day "T00:00:00.001Z\"}"
#define WHY(table, id, account, customer, rest)                                                    \
    "{\"table\":\"" table "\",\"id\":\"" id "\",\"account\":" account ",\"customer\":" customer    \
    ",\"rates\":" rest "}"
#define RECORD_OF_A RECORD("accounts", "1", "16")
#define RECORD_OF_7 RECORD("crm \\\"customers\\\"", "2", "17")
#define RATES "{\"tiers\":\"10000:0.01,20000:0.015,*:0.02\",\"bonus\":\"0.005\"}"
#define NO_MART "null,\"calculated_at\":null"
#define MART RATES ",\"calculated_at\":\"2024-02-20T00:00:00.000Z\""

static void test_query__why(void **state) {
    const struct rig *g = *state;
    assert_answer(g, "/v1/why/accounts/A", NULL,
                  WHY("accounts", "A", RECORD_OF_A, "null", NO_MART));
    assert_answer(g, "/v1/why/account_with_customer/A/", NULL,
                  WHY("account_with_customer", "A", RECORD_OF_A, RECORD_OF_7, NO_MART));
    assert_answer(g, "/v1/why/account_summary/%41", NULL,
                  WHY("account_summary", "A", RECORD_OF_A, RECORD_OF_7, MART));
    assert_answer(g, "/v1/why/customers/007", NULL,
                  WHY("customers", "7", "null", RECORD_OF_7, NO_MART));
    assert_answer(g, "/v1/why/customer_profile/7", NULL,
                  WHY("customer_profile", "7", "null", RECORD_OF_7, MART));
    assert_answer(g, "/v1/why/accounts/%C3%84%2f%20%25%3F%22", NULL,
                  WHY("accounts", "Ä/ %?\\\"", RECORD("accounts", "0", "15"), "null", NO_MART));
    static const char *const absent[] = {
        "/v1/why/customers/-1",      "/v1/why/customers/8",
        "/v1/why/accounts/a",        "/v1/why/customer_profile/77",
        "/v1/why/account_summary/B", "/v1/why/account_with_customer/B",
    };
    for (size_t i = 0; i < ARRAY_LEN(absent); i++)
        assert_status(g, absent[i], NULL, 404);
}

static void test_query__why_of_what(void **state) {
    static const struct {
        const char *path, *error;
    } cases[] = {
        {"/v1/why/account/A", "no such table: account, did you mean accounts?"},
        {"/v1/why/customer_profil/7",
         "no such table: customer_profil, did you mean customer_profile?"},
        {"/v1/why/quarantine/7", "no such table: quarantine; give one of customers, accounts, "
                                 "account_with_customer, account_summary, customer_profile"},
        {"/v1/why", "no such table; give one of customers, accounts, account_with_customer, "
                    "account_summary, customer_profile"},
        {"/v1/why/%ff/7", "no such table; give one of customers, accounts, account_with_customer, "
                          "account_summary, customer_profile"},
        {"/v1/why/accounts", "give an account_id"},
        {"/v1/why/customers/x", "give a customer_id, a number"},
    };
    const struct rig *g = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_reply expected = {0}, reply = ask(g, cases[i].path, NULL);
        http_reply_error(&expected, 400, cases[i].error);
        assert_int_equal(reply.status, 400);
        assert_string_equal(buf_cstr(&reply.body), buf_cstr(&expected.body));
        buf_release(&reply.body);
        buf_release(&expected.body);
    }
    assert_status(g, "/v1/why/accounts/A/history", NULL, 404);
}

static void test_query__bad_requests(void **state) {
    static const struct {
        const char *path;
        int status;
    } cases[] = {
        {"/v1/customers", 400},
        {"/v1/customers/", 400},
        {"/v1/customers/x", 400},
        {"/v1/customers/7x", 400},
        {"/v1/customers/7.5", 400},
        {"/v1/customers/9223372036854775808", 400},
        {"/v1/customers/%zz", 400},
        {"/v1/customers/%00", 400},
        {"/v1/customers//history", 400},
        {"/v1/accounts/%", 400},
        {"/v1/accounts/%ff", 400}, /* no id is like that, and an answer could not name it */
        {"/v1/accounts/A%c3%28", 400},
        {"/v1/accounts/%ED%A0%80/history", 400},
        {"/v1/nothing/7", 404},
        {"/v1/Customers/7", 404},
        {"/v1/", 404},
        {"/v1", 404},
        {"//", 404},
        {"", 404},
        {"/v2/customers/7", 404},
        {"/customers/7", 404},
        {"/v1/customers/7/historie", 404},
        {"/v1/customers/7/history/1", 404},
        {"/v1/customers/7/%zz", 404},
        {"/v1/customers/7//", 404},
    };
    const struct rig *g = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_status(g, cases[i].path, NULL, cases[i].status);
}

/* Another instance owns the partition, or its task is being restored. */
static void test_query__not_here(void **state) {
    struct rig *g = *state;
    int32_t p = murmur2_partition(slice_str("7"), N);
    g->owned[p] = false;
    assert_status(g, "/v1/customers/7", NULL, 503);
    /* In the partition of the id, however the id is written. */
    assert_status(g, "/v1/customers/007/history", NULL, 503);
    assert_status(g, "/v1/customers/7/accounts", NULL, 503);
    assert_status(g, "/v1/customer_profile/7", NULL, 503);
    assert_status(g, "/v1/why/customers/7", NULL, 503);
    assert_status(g, "/v1/customers/7", "2024-02-15", 503);
    assert_status(g, "/v1/customers/x", NULL, 400);
    for (int32_t i = 0; i < N; i++)
        g->owned[i] = i == p;
    assert_answer(g, "/v1/customers/7", NULL, ANN_NOW);
    for (int32_t i = 0; i < N; i++)
        g->owned[i] = true;
}

/* Rows that cannot be read are answered with an error. */
static void test_query__damaged_state(void **state) {
    static const struct {
        enum family family;
        const char *path;
        bool has_time;
        struct slice value;
    } cases[] = {
        {FAMILY_ACCOUNTS, "/v1/accounts/X", false, {"\1\0\0\0\0\0", 6}}, /* another format */
        {FAMILY_ACCOUNTS, "/v1/accounts/X", false, {"\2\0", 2}},
        {FAMILY_ACCOUNTS, "/v1/accounts/X/history", false, {"", 0}},
        {FAMILY_ACCOUNT_HISTORY, "/v1/accounts/A/history", true, {"\1\2\0\6\0\0\0", 7}},
        {FAMILY_ACCOUNT_HISTORY, "/v1/accounts/A/history", true, {"\2\2", 2}},
        {FAMILY_ACCOUNT_HISTORY,
         "/v1/accounts/A/history",
         true,
         {"\2\2\0\0", 4}}, /* no attributes */
        {FAMILY_ACCOUNT_HISTORY,
         "/v1/accounts/A/history",
         true,
         {"\2\2\0\6\0\0\4", 7}}, /* no such type */
        {FAMILY_ACCOUNTS,
         "/v1/account_summary/X",
         false,
         {"\2\0\0\0\0\2\0\0\0", 9}}, /* a summary of nothing */
    };
    const struct rig *g = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e;
        struct buf key = {0};
        const char *id = cases[i].has_time ? "A" : "X";
        struct batch *batch = batch_new(g->store);
        key_text(&key, murmur2_partition(slice_str(id), N), slice_str(id));
        if (cases[i].has_time) {
            key_add_terminator(&key);
            key_add_time(&key, 1);
        }
        kv_put(batch_kv(batch), cases[i].family, buf_slice(&key), cases[i].value);
        assert_true(batch_commit(batch, &e));
        assert_status(g, cases[i].path, NULL, 500);
        kv_erase(batch_kv(batch), cases[i].family, buf_slice(&key));
        assert_true(batch_commit(batch, &e));
        batch_free(batch);
        buf_release(&key);
    }
}

static int set_up(void **state) {
    struct rig *g = mem_calloc(1, sizeof *g);
    rig_init(g);
    *state = g;
    return 0;
}

static int tear_down(void **state) {
    rig_release(*state);
    free(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query__current),       cmocka_unit_test(test_query__as_of),
        cmocka_unit_test(test_query__history),       cmocka_unit_test(test_query__marts),
        cmocka_unit_test(test_query__why),           cmocka_unit_test(test_query__why_of_what),
        cmocka_unit_test(test_query__bad_requests),  cmocka_unit_test(test_query__not_here),
        cmocka_unit_test(test_query__damaged_state),
    };
    return cmocka_run_group_tests_name("query", tests, set_up, tear_down);
}
