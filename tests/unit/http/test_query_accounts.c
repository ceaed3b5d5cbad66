/* query_accounts: pages over a customer's accounts, against a sorted list of their ids. */
#include "support.h"

#include "state/rocksdb/store.h"
#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/http/query.h"
#include "streamer/http/query_accounts.h"
#include "streamer/task/task_rows.h"

#include <string.h>

#define T0 INT64_C(1707955200000) /* 2024-02-15T00:00:00Z */
#define CUSTOMER 7
#define ACCOUNTS 60
#define ID_MAX 24
#define LONG_ID (ACCOUNTS_PAGE_BYTES * 2 / 5)
#define LONG_IDS 5

/* A store with one task, and the ids of the accounts that link to the customer. */
struct rig {
    char *dir;
    struct store *store;
    struct query_context context;
    char ids[ACCOUNTS][ID_MAX]; /* sorted by their bytes */
    size_t count;
};

static bool owns(void *context, int32_t partition) {
    (void)context;
    return partition == 0;
}

static int compare_ids(const void *a, const void *b) {
    return strcmp(a, b);
}

/* Ids that have each other as prefixes, in another order than the numbers, and odd characters. */
static void choose_ids(struct rig *g) {
    for (size_t i = 0; i < ACCOUNTS; i++)
        (void)snprintf(g->ids[i], ID_MAX, "%s%zu", i % 7 == 3 ? "Ä/ %&\"" : "A", i * i);
    g->count = ACCOUNTS;
}

static void apply_link(struct task_env *env, struct task *t, const char *customer,
                       const char *account, int64_t cents) {
    struct buf key = {0}, value = {0};
    struct account_link link = {cents % 3, cents, slice_str(cents % 2 ? "savings" : "checking")};
    buf_printf(&key, "%s|%s", customer, account);
    buf_put_byte(&value, MESSAGE_FORMAT);
    row_put_avro(&account_link_type, &link, &value);
    task_apply_link(env, t, buf_slice(&key), cents < 0 ? slice_null() : buf_slice(&value));
    buf_release(&key);
    buf_release(&value);
}

static void apply_customer(struct task_env *env, struct task *t, const char *id) {
    struct reason why = {0};
    struct event e = {.entity = ENTITY_CUSTOMER,
                      .id = slice_str(id),
                      .customer_id = strtoll(id, NULL, 10),
                      .customer_name = slice_str("ann"),
                      .event_at_ms = T0,
                      .loaded_at_ms = T0,
                      .early_after_ms = T0,
                      .has_own_time = true};
    assert_true(task_apply_event(env, t, &e, &why));
}

/* Customer 10 has accounts with ids of which three fill a page. */
static void apply_long_ids(struct task_env *env, struct task *t) {
    char *id = mem_calloc(1, LONG_ID + 1);
    memset(id, 'x', LONG_ID);
    for (int i = 0; i < LONG_IDS; i++) {
        id[0] = (char)('a' + i);
        apply_link(env, t, "10", id, i);
    }
    free(id);
}

/* Customer 7 with all accounts, some of which lie in its row and some do not; 8 with none, 9 with
 * one that has gone; -1 is not there, but two accounts name it. 6 and 70 are its neighbours. */
static void apply_all(struct rig *g, struct task_env *env, struct task *t) {
    static const char *const customers[] = {"7", "8", "9", "10"};
    for (size_t i = 0; i < ARRAY_LEN(customers); i++)
        apply_customer(env, t, customers[i]);
    for (size_t i = 0; i < ACCOUNTS; i++)
        apply_link(env, t, "7", g->ids[i], (int64_t)i * 101);
    apply_link(env, t, "7", "A5", 1);
    apply_link(env, t, "7", "A5", -1);
    apply_link(env, t, "9", "B", 1);
    apply_link(env, t, "9", "B", -1);
    apply_link(env, t, "-1", "C", 1);
    apply_link(env, t, "-1", "D", 1);
    apply_link(env, t, "6", "A1", 1);
    apply_link(env, t, "70", "A1", 1);
    apply_long_ids(env, t);
}

static void fill(struct rig *g) {
    struct err e;
    struct batch *batch = batch_new(g->store);
    struct capture sent;
    struct rates rates = default_rates();
    struct task t;
    struct codec_writer writer;
    capture_init(&sent);
    codec_writer_init(&writer, &codec_json, NULL);
    struct task_env env = {.kv = batch_kv(batch),
                           .sink = &sent.sink,
                           .writer = &writer,
                           .rates = &rates,
                           .partitions = 1,
                           .order_options = {.late_window_ms = 1, .future_window_ms = 1},
                           .confirmations_max = 100,
                           .fanout_max_rows = 1000,
                           .links_max = 20,
                           .now_ms = T0};
    task_init(&t, 0);
    apply_all(g, &env, &t);
    assert_int_equal(t.meta.rows[FAMILY_LINKS], ACCOUNTS - 20 + LONG_IDS);
    if (!batch_commit(batch, &e))
        fail_msg("%s", e.text);
    task_release(&t);
    task_env_release(&env);
    codec_writer_release(&writer);
    capture_release(&sent);
    batch_free(batch);
}

static int set_up(void **state) {
    struct rig *g = mem_calloc(1, sizeof *g);
    struct err e = {0};
    g->dir = make_scratch();
    g->store = store_open(g->dir, 8 << 20, 1, &e);
    assert_non_null(g->store);
    g->context = (struct query_context){.store = g->store, .partitions = 1, .owns = owns};
    choose_ids(g);
    fill(g);
    qsort(g->ids, ACCOUNTS, ID_MAX, compare_ids);
    *state = g;
    return 0;
}

static int tear_down(void **state) {
    struct rig *g = *state;
    store_close(g->store);
    remove_scratch(g->dir);
    free(g);
    return 0;
}

/* Asks for a target, "/v1/customers/7/accounts?limit=2". Only the parameter `after`, which is the
 * last, may be percent-encoded. */
static struct http_reply ask(const struct rig *g, const char *target) {
    struct http_reply reply = {0};
    struct buf after = {0};
    char *text = mem_strdup(target), *rest = text, *path = strsep(&rest, "?"), *part;
    struct http_request request = {.path = path};
    while ((part = strsep(&rest, "&")) != NULL) {
        const char *name = strsep(&part, "="), *value = part;
        struct buf as_path = {0};
        buf_printf(&as_path, "/%s", part);
        if (strcmp(name, "after") == 0 && http_path_segment(buf_cstr(&as_path), 0, &after))
            value = buf_cstr(&after);
        request.parameters[request.parameter_count++] = (struct http_parameter){name, value};
        buf_release(&as_path);
    }
    const struct route *route = route_find(path);
    assert_non_null(route);
    if (route_check_parameters(route, &request, &reply))
        query_handle(&g->context, route, &request, &reply);
    buf_release(&after);
    free(text);
    return reply;
}

/* Whether the JSON value is the account with the i-th id. */
static void assert_account(const struct rig *g, const cJSON *account, size_t i) {
    struct slice id = json_text(json_member(account, "account_id"));
    assert_true(i < g->count);
    assert_text(id, g->ids[i]);
    assert_int_equal(cJSON_GetArraySize(account), 4);
    struct slice amount = json_text(json_member(account, "balance_amount"));
    assert_true(amount.n >= 4 && amount.p[amount.n - 3] == '.');
}

/* Follows the pages from a target to the end. Returns how many accounts and how many pages. */
static size_t follow(const struct rig *g, const char *target, size_t first, size_t limit,
                     size_t *pages) {
    char *next = mem_strdup(target);
    size_t at = first;
    struct json json;
    json_init(&json);
    for (*pages = 0; next != NULL; ++*pages) {
        struct http_reply reply = ask(g, next);
        assert_int_equal(reply.status, 200);
        const cJSON *root = json_parse(&json, buf_slice(&reply.body));
        assert_non_null(root);
        const cJSON *accounts = json_member(root, "accounts"), *account;
        assert_true((size_t)cJSON_GetArraySize(accounts) <= limit);
        cJSON_ArrayForEach(account, accounts) assert_account(g, account, at++);
        struct slice link = json_text(json_member(root, "next"));
        assert_true(link.p == NULL || (size_t)cJSON_GetArraySize(accounts) == limit);
        free(next);
        next = link.p != NULL ? strndup(link.p, link.n) : NULL;
        buf_release(&reply.body);
    }
    json_release(&json);
    return at - first;
}

static void test_query_accounts__pages_have_each_account_once(void **state) {
    static const size_t limits[] = {1, 2, 7, 19, 20, 21, 59, 60, 61, 100, 1000};
    const struct rig *g = *state;
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        char target[64];
        size_t pages;
        (void)snprintf(target, sizeof target, "/v1/customers/7/accounts?limit=%zu", limits[i]);
        assert_int_equal(follow(g, target, 0, limits[i], &pages), ACCOUNTS);
        assert_int_equal(pages, (ACCOUNTS + limits[i] - 1) / limits[i]);
    }
}

/* Behind each id, and behind texts that are no id. */
static void test_query_accounts__after(void **state) {
    const struct rig *g = *state;
    struct buf target = {0};
    size_t pages;
    for (size_t i = 0; i < ACCOUNTS; i++) {
        for (int is_longer = 0; is_longer < 2; is_longer++) {
            buf_clear(&target);
            buf_put_str(&target, "/v1/customers/7/accounts?after=");
            http_put_encoded(&target, slice_str(g->ids[i]));
            buf_put_str(&target, is_longer ? "%01" : "");
            assert_int_equal(follow(g, buf_cstr(&target), i + 1, 100, &pages), ACCOUNTS - i - 1);
            assert_int_equal(pages, 1);
        }
    }
    assert_int_equal(follow(g, "/v1/customers/7/accounts?after=", 0, 100, &pages), ACCOUNTS);
    assert_int_equal(follow(g, "/v1/customers/7/accounts?after=%21", 0, 100, &pages), ACCOUNTS);
    buf_release(&target);
}

static void assert_answer(const struct rig *g, const char *target, int status, const char *body) {
    struct http_reply reply = ask(g, target);
    assert_int_equal(reply.status, status);
    assert_text(slice_trim(buf_slice(&reply.body)), body);
    buf_release(&reply.body);
}

static void test_query_accounts__answers(void **state) {
    const struct rig *g = *state;
    assert_answer(g, "/v1/customers/7/accounts?limit=2", 200,
                  "{\"customer_id\":7,\"accounts\":["
                  "{\"account_id\":\"A0\",\"partition\":0,\"balance_amount\":\"0.00\","
                  "\"account_type\":\"checking\"},"
                  "{\"account_id\":\"A1\",\"partition\":2,\"balance_amount\":\"1.01\","
                  "\"account_type\":\"savings\"}],"
                  "\"next\":\"/v1/customers/7/accounts?limit=2&after=A1\"}");
    assert_answer(g, "/v1/customers/8/accounts", 200,
                  "{\"customer_id\":8,\"accounts\":[],\"next\":null}");
    assert_answer(g, "/v1/customers/9/accounts", 200,
                  "{\"customer_id\":9,\"accounts\":[],\"next\":null}");
    assert_answer(g, "/v1/customers/5/accounts", 404,
                  "{\"error\": \"no current version of customers/5\"}");
    assert_answer(
        g, "/v1/customers/-1/accounts", 404,
        "{\"error\": \"no current version of customers/-1, which 2 current accounts name\"}");
    assert_answer(g, "/v1/customers/x/accounts", 400,
                  "{\"error\": \"give a customer_id, a number\"}");
    assert_answer(g, "/v1/customers/6/accounts?after=x", 404,
                  "{\"error\": \"no current version of customers/6, which 1 current account "
                  "names\"}");
}

/* Returns how many accounts the page has; *next becomes the target of the next page, or NULL. */
static int count_page(const struct rig *g, const char *target, char **next) {
    struct json json;
    struct http_reply reply = ask(g, target);
    json_init(&json);
    const cJSON *root = json_parse(&json, buf_slice(&reply.body));
    assert_non_null(root);
    struct slice link = json_text(json_member(root, "next"));
    *next = link.p != NULL ? strndup(link.p, link.n) : NULL;
    int count = cJSON_GetArraySize(json_member(root, "accounts"));
    json_release(&json);
    buf_release(&reply.body);
    return count;
}

static void test_query_accounts__a_page_is_bounded_in_bytes(void **state) {
    const struct rig *g = *state;
    char *second, *third;
    assert_int_equal(count_page(g, "/v1/customers/10/accounts", &second), 3);
    assert_non_null(second);
    assert_int_equal(count_page(g, second, &third), 2);
    assert_null(third);
    free(second);
}

static void test_query_accounts__limits_out_of_range(void **state) {
    static const char *const bad[] = {"0", "1001", "10000", "-1", "+1",
                                      "",  "1.0",  "1e2",   " 1", "x"};
    const struct rig *g = *state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char target[64];
        (void)snprintf(target, sizeof target, "/v1/customers/7/accounts?limit=%s", bad[i]);
        assert_answer(g, target, 400,
                      "{\"error\": \"limit must be a whole number from 1 to 1000\"}");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query_accounts__pages_have_each_account_once),
        cmocka_unit_test(test_query_accounts__after),
        cmocka_unit_test(test_query_accounts__answers),
        cmocka_unit_test(test_query_accounts__a_page_is_bounded_in_bytes),
        cmocka_unit_test(test_query_accounts__limits_out_of_range),
    };
    return cmocka_run_group_tests_name("query_accounts", tests, set_up, tear_down);
}
