#include "support.h"

#include "cluster.h"
#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "world.h"

#include <stdio.h>

static struct cluster shared;
static struct world world;

static void apply(struct cluster *c, struct event e) {
    assert_true(cluster_apply(c, &e));
    cluster_commit(c);
}

static void customer(struct cluster *c, const char *id, int64_t at, const char *name,
                     bool has_loan) {
    apply(c, customer_event(id, at, name, has_loan));
}

static void account(struct cluster *c, const char *id, int64_t at, int64_t customer_id,
                    int64_t cents) {
    apply(c, account_event(id, at, customer_id, cents, ACCOUNT_SAVINGS));
}

#define SUMMARY(id, balance, rate, interest, sum)                                                  \
    "{\"account_id\":\"" id "\",\"customer_id\":1,\"original_balance_amount\":\"" balance          \
    "\",\"interest_rate_pct\":\"" rate "\",\"annual_interest_amount\":\"" interest                 \
    "\",\"new_balance_amount\":\"" sum "\""

#define PROFILE(name, loan, count, balance, interest)                                              \
    "{\"customer_id\":1,\"customer_name\":\"" name "\",\"has_loan_flag\":" loan                    \
    ",\"total_accounts_count\":" count ",\"total_balance_amount\":\"" balance                      \
    "\",\"total_annual_interest_amount\":\"" interest "\""

/* --- one thing at a time --- */

static void test_task__first_messages(void **state) {
    (void)state;
    cluster_init(&shared, 1);
    customer(&shared, "1", 1000, "ann", false);
    assert_row(
        &shared, TOPIC_CUSTOMER_HISTORY, "1|1000",
        "{\"customer_id\":1,\"customer_name\":\"ann\",\"has_loan_flag\":false,"
        "\"loaded_at\":\"1970-01-01T00:00:01.007Z\",\"valid_from_at\":\"1970-01-01T00:00:01.000Z\","
        "\"valid_to_at\":null}");
    assert_null(cluster_last(&shared, TOPIC_CUSTOMER_PROFILE, "1"));
    account(&shared, "A", 1000, 1, 1650000);
    assert_row(
        &shared, TOPIC_ACCOUNT_HISTORY, "A|1000",
        "{\"account_id\":\"A\",\"customer_id\":1,\"balance_amount\":\"16500.00\","
        "\"account_type\":\"savings\","
        "\"loaded_at\":\"1970-01-01T00:00:01.007Z\",\"valid_from_at\":\"1970-01-01T00:00:01.000Z\","
        "\"valid_to_at\":null}");
    /* Its customer is not known here yet. */
    assert_null(cluster_last(&shared, TOPIC_ACCOUNT_WITH_CUSTOMER, "A"));
    assert_int_equal(task_orphans(&shared.tasks[0]), 1);
    cluster_settle(&shared);
    assert_int_equal(task_orphans(&shared.tasks[0]), 0);
    assert_row(
        &shared, TOPIC_ACCOUNT_WITH_CUSTOMER, "A",
        "{\"account_id\":\"A\",\"customer_id\":1,\"customer_name\":\"ann\",\"has_loan_flag\":false,"
        "\"balance_amount\":\"16500.00\",\"account_type\":\"savings\","
        "\"valid_from_at\":\"1970-01-01T00:00:01.000Z\"}");
    assert_row(&shared, TOPIC_ACCOUNT_SUMMARY, "A",
               SUMMARY("A", "16500.00", "0.015", "247.50", "16747.50"));
    assert_row(&shared, TOPIC_CUSTOMER_PROFILE, "1",
               PROFILE("ann", "false", "1", "16500.00", "247.50"));
    assert_meta(&shared);
    assert_change_only(&shared);
    cluster_release(&shared);
}

/* A loan raises the rate of all savings accounts of its customer, in any partition, and of no other
 * customer's. */
static void test_task__customer_change_reaches_all_accounts(void **state) {
    static const char *const ids[] = {"A", "B", "C", "D", "E", "F", "G"};
    (void)state;
    cluster_init(&shared, 3);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        account(&shared, ids[i], 1000, 1, 10000);
    account(&shared, "other", 1000, 2, 10000);
    customer(&shared, "1", 1000, "ann", false);
    customer(&shared, "2", 1000, "bob", false);
    cluster_settle(&shared);
    customer(&shared, "1", 2000, "ann", true);
    cluster_settle(&shared);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct buf text = {0};
        buf_printf(
            &text,
            "{\"account_id\":\"%s\",\"customer_id\":1,\"original_balance_amount\":\"100.00\","
            "\"interest_rate_pct\":\"0.015\",\"annual_interest_amount\":\"1.50\","
            "\"new_balance_amount\":\"101.50\"",
            ids[i]);
        assert_row(&shared, TOPIC_ACCOUNT_SUMMARY, ids[i], buf_cstr(&text));
        buf_release(&text);
    }
    assert_row(&shared, TOPIC_ACCOUNT_SUMMARY, "other",
               "{\"account_id\":\"other\",\"customer_id\":2,\"original_balance_amount\":\"100.00\","
               "\"interest_rate_pct\":\"0.010\",\"annual_interest_amount\":\"1.00\","
               "\"new_balance_amount\":\"101.00\"");
    assert_row(&shared, TOPIC_CUSTOMER_PROFILE, "1",
               PROFILE("ann", "true", "7", "700.00", "10.50"));
    assert_change_only(&shared);
    assert_meta(&shared);
    cluster_release(&shared);
}

/* One ref for each partition with links, not one for each account. */
static void test_task__one_ref_for_each_partition(void **state) {
    (void)state;
    cluster_init(&shared, 3);
    bool used[3] = {false};
    for (int i = 0; i < 20; i++) {
        char id[8];
        (void)snprintf(id, sizeof id, "A%d", i);
        account(&shared, id, 1000, 1, 100);
        used[murmur2_partition(slice_str(id), 3)] = true;
    }
    cluster_settle(&shared);
    size_t before[3];
    for (int p = 0; p < 3; p++)
        before[p] = shared.logs[TOPIC_CUSTOMER_REFS][p].count;
    customer(&shared, "1", 1000, "ann", false);
    for (int p = 0; p < 3; p++)
        assert_int_equal(shared.logs[TOPIC_CUSTOMER_REFS][p].count - before[p], used[p]);
    cluster_release(&shared);
}

static void test_task__account_moves(void **state) {
    (void)state;
    cluster_init(&shared, 3);
    customer(&shared, "1", 1000, "ann", false);
    customer(&shared, "2", 1000, "bob", true);
    account(&shared, "A", 1000, 2, 10000);
    cluster_settle(&shared);
    assert_non_null(cluster_last(&shared, TOPIC_CUSTOMER_PROFILE, "2"));
    account(&shared, "A", 2000, 1, 10000);
    cluster_settle(&shared);
    assert_row(&shared, TOPIC_ACCOUNT_SUMMARY, "A",
               SUMMARY("A", "100.00", "0.010", "1.00", "101.00"));
    assert_row(&shared, TOPIC_CUSTOMER_PROFILE, "1",
               PROFILE("ann", "false", "1", "100.00", "1.00"));
    assert_row(&shared, TOPIC_CUSTOMER_PROFILE, "2", NULL);
    assert_false(cluster_last(&shared, TOPIC_CUSTOMER_PROFILE, "2")->has_value);
    int64_t links = 0, refs = 0;
    struct buf ignored = {0};
    for (int32_t p = 0; p < 3; p++) { /* nothing is left in the state */
        links += put_part(shared.env.kv, p, PART_LINKS, &ignored);
        refs += shared.tasks[p].meta.rows[FAMILY_CUSTOMER_REFS];
    }
    assert_int_equal(links, 1);
    assert_int_equal(refs, 1);
    buf_release(&ignored);
    /* To a customer that nobody knows: an orphan. */
    account(&shared, "A", 3000, 3, 10000);
    cluster_settle(&shared);
    assert_row(&shared, TOPIC_ACCOUNT_WITH_CUSTOMER, "A", NULL);
    assert_row(&shared, TOPIC_ACCOUNT_SUMMARY, "A", NULL);
    assert_row(&shared, TOPIC_CUSTOMER_PROFILE, "1", NULL);
    int64_t orphans = 0;
    for (int32_t p = 0; p < 3; p++)
        orphans += task_orphans(&shared.tasks[p]);
    assert_int_equal(orphans, 1);
    assert_change_only(&shared);
    assert_meta(&shared);
    cluster_release(&shared);
}

/* An account leaves and comes back before the tombstone of its ref is read. The old ref is used
 * until the answer comes, and no row goes away in between. */
static void test_task__account_comes_back(void **state) {
    (void)state;
    cluster_init(&shared, 1);
    customer(&shared, "1", 1000, "ann", false);
    account(&shared, "A", 1000, 1, 10000);
    cluster_settle(&shared);
    account(&shared, "A", 1100, 2, 10000);
    account(&shared, "A", 1200, 1, 20000);
    while (cluster_waits(&shared, TOPIC_ACCOUNT_LINKS, 0)) {
        (void)cluster_consume(&shared, TOPIC_ACCOUNT_LINKS, 0);
        cluster_commit(&shared);
    }
    const struct log *refs = &shared.logs[TOPIC_CUSTOMER_REFS][0];
    while (refs->messages[refs->consumed].has_value ||
           !slice_eq(buf_slice(&refs->messages[refs->consumed].key), slice_str("1"))) {
        (void)cluster_consume(&shared, TOPIC_CUSTOMER_REFS, 0);
        cluster_commit(&shared);
    }
    size_t joined = shared.logs[TOPIC_ACCOUNT_WITH_CUSTOMER][0].count;
    (void)cluster_consume(&shared, TOPIC_CUSTOMER_REFS, 0);
    account(&shared, "A", 1300, 1, 30000);
    assert_int_equal(shared.logs[TOPIC_ACCOUNT_WITH_CUSTOMER][0].count, joined + 1);
    assert_row(&shared, TOPIC_ACCOUNT_SUMMARY, "A",
               SUMMARY("A", "300.00", "0.010", "3.00", "303.00"));
    cluster_settle(&shared);
    assert_int_equal(shared.logs[TOPIC_ACCOUNT_WITH_CUSTOMER][0].count, joined + 1);
    assert_change_only(&shared);
    assert_meta(&shared);
    cluster_release(&shared);
}

/* A kv that counts reads. */
struct counting {
    struct kv kv; /* first */
    struct kv *inner;
    int gets[FAMILY_COUNT];
};

static bool counting_get(struct kv *kv, enum family f, struct slice key, struct buf *value) {
    ((struct counting *)kv)->gets[f]++;
    return kv_get(((struct counting *)kv)->inner, f, key, value);
}
static void counting_put(struct kv *kv, enum family f, struct slice key, struct slice value) {
    kv_put(((struct counting *)kv)->inner, f, key, value);
}
static void counting_erase(struct kv *kv, enum family f, struct slice key) {
    kv_erase(((struct counting *)kv)->inner, f, key);
}
static struct kv_cursor *counting_cursor(struct kv *kv, enum family f) {
    return kv_cursor(((struct counting *)kv)->inner, f);
}

/* An account that stays with its customer takes the customer from its own last row. */
static void test_task__ref_is_not_read_again(void **state) {
    static const struct kv_ops ops = {.get = counting_get,
                                      .put = counting_put,
                                      .erase = counting_erase,
                                      .cursor = counting_cursor};
    (void)state;
    cluster_init(&shared, 1);
    customer(&shared, "1", 1000, "ann", true);
    account(&shared, "A", 1000, 1, 10000);
    cluster_settle(&shared);
    struct counting counting = {.kv = {.ops = &ops}, .inner = shared.env.kv};
    shared.env.kv = &counting.kv;
    account(&shared, "A", 1100, 1, 20000);
    assert_int_equal(counting.gets[FAMILY_CUSTOMER_REFS], 0);
    assert_row(&shared, TOPIC_ACCOUNT_SUMMARY, "A",
               SUMMARY("A", "200.00", "0.015", "3.00", "203.00"));
    account(&shared, "A", 1200, 2, 20000); /* that customer is not known */
    assert_int_equal(counting.gets[FAMILY_CUSTOMER_REFS], 1);
    assert_int_equal(counting.gets[FAMILY_ACCOUNTS], 2);
    shared.env.kv = counting.inner;
    cluster_settle(&shared);
    assert_change_only(&shared);
    cluster_release(&shared);
}

/* An account moves to a customer whose ref is in doubt, so its joined row stays as it was. When it
 * comes back, its first customer has another name. No ref will tell that name again, for another
 * account of that customer was in the partition all the time. */
static void test_task__row_of_an_absence(void **state) {
    (void)state;
    cluster_init(&shared, 1);
    customer(&shared, "1", 1000, "ann", false);
    customer(&shared, "2", 1000, "bob", false);
    account(&shared, "A", 1000, 1, 10000);
    account(&shared, "B", 1000, 1, 10000);
    account(&shared, "C", 1000, 2, 10000);
    cluster_settle(&shared);
    customer(&shared, "2", 1100, "bobby", false);
    task_replay_ahead(&shared.env, &shared.tasks[0], TOPIC_CUSTOMER_REFS, slice_str("2"));
    account(&shared, "A", 1200, 2, 10000);
    customer(&shared, "1", 1200, "anna", true);
    struct log *refs = &shared.logs[TOPIC_CUSTOMER_REFS][0];
    for (size_t i = refs->consumed; i < refs->count;
         i++) /* any order of partitions, in order within each */
        refs->compacted[i] = slice_eq(buf_slice(&refs->messages[i].key), slice_str("2"));
    while (cluster_waits(&shared, TOPIC_CUSTOMER_REFS, 0))
        assert_true(cluster_consume(&shared, TOPIC_CUSTOMER_REFS, 0));
    cluster_commit(&shared);
    account(&shared, "A", 1300, 1, 20000);
    account(&shared, "A", 1400, 1, 10000);
    cluster_settle(&shared);
    assert_row(&shared, TOPIC_ACCOUNT_SUMMARY, "A",
               SUMMARY("A", "100.00", "0.015", "1.50", "101.50"));
    assert_row(&shared, TOPIC_ACCOUNT_SUMMARY, "B",
               SUMMARY("B", "100.00", "0.015", "1.50", "101.50"));
    assert_change_only(&shared);
    cluster_release(&shared);
}

static void test_task__deletes(void **state) {
    (void)state;
    cluster_init(&shared, 3);
    customer(&shared, "1", 1000, "ann", false);
    account(&shared, "A", 1000, 1, 10000);
    account(&shared, "B", 1000, 1, 20000);
    cluster_settle(&shared);
    apply(&shared, end_event(ENTITY_CUSTOMER, CHANGE_DELETE, "1", 2000));
    cluster_settle(&shared);
    assert_row(&shared, TOPIC_ACCOUNT_WITH_CUSTOMER, "A", NULL);
    assert_row(&shared, TOPIC_ACCOUNT_SUMMARY, "B", NULL);
    assert_row(&shared, TOPIC_CUSTOMER_PROFILE, "1", NULL);
    /* The customer comes back, and the rows of its accounts come back with it. */
    customer(&shared, "1", 3000, "ann", false);
    cluster_settle(&shared);
    assert_row(&shared, TOPIC_ACCOUNT_SUMMARY, "A",
               SUMMARY("A", "100.00", "0.010", "1.00", "101.00"));
    assert_row(&shared, TOPIC_CUSTOMER_PROFILE, "1",
               PROFILE("ann", "false", "2", "300.00", "3.00"));
    apply(&shared, end_event(ENTITY_ACCOUNT, CHANGE_TOMBSTONE, "A", 4000));
    cluster_settle(&shared);
    assert_row(&shared, TOPIC_ACCOUNT_WITH_CUSTOMER, "A", NULL);
    assert_row(&shared, TOPIC_ACCOUNT_SUMMARY, "A", NULL);
    assert_row(&shared, TOPIC_CUSTOMER_PROFILE, "1",
               PROFILE("ann", "false", "1", "200.00", "2.00"));
    assert_change_only(&shared);
    assert_meta(&shared);
    cluster_release(&shared);
}

/* A savings account that becomes a checking account leaves the marts, not the join. */
static void test_task__account_type_changes(void **state) {
    (void)state;
    cluster_init(&shared, 1);
    customer(&shared, "1", 1000, "ann", false);
    account(&shared, "A", 1000, 1, 10000);
    cluster_settle(&shared);
    apply(&shared, account_event("A", 2000, 1, 10000, ACCOUNT_CHECKING));
    cluster_settle(&shared);
    assert_true(cluster_last(&shared, TOPIC_ACCOUNT_WITH_CUSTOMER, "A")->has_value);
    assert_row(&shared, TOPIC_ACCOUNT_SUMMARY, "A", NULL);
    assert_row(&shared, TOPIC_CUSTOMER_PROFILE, "1", NULL);
    assert_change_only(&shared);
    assert_meta(&shared);
    cluster_release(&shared);
}

/* Only a change of the current version changes join and marts. */
static void test_task__late_events_leave_the_marts_alone(void **state) {
    (void)state;
    cluster_init(&shared, 1);
    customer(&shared, "1", 1000, "ann", false);
    account(&shared, "A", 1000, 1, 10000);
    account(&shared, "A", 1100, 1, 20000);
    cluster_settle(&shared);
    size_t joined = shared.logs[TOPIC_ACCOUNT_WITH_CUSTOMER][0].count;
    size_t links = shared.logs[TOPIC_ACCOUNT_LINKS][0].count,
           refs = shared.logs[TOPIC_CUSTOMER_REFS][0].count;
    account(&shared, "A", 1050, 1, 30000); /* splits the closed one */
    customer(&shared, "1", 950, "anna", true);
    cluster_settle(&shared);
    assert_int_equal(shared.logs[TOPIC_ACCOUNT_WITH_CUSTOMER][0].count, joined);
    assert_int_equal(shared.logs[TOPIC_ACCOUNT_LINKS][0].count, links);
    assert_int_equal(shared.logs[TOPIC_CUSTOMER_REFS][0].count, refs);
    /* Moves the current one's start: the joined row shows it. */
    account(&shared, "A", 1080, 1, 20000);
    cluster_settle(&shared);
    assert_int_equal(shared.logs[TOPIC_ACCOUNT_WITH_CUSTOMER][0].count, joined + 1);
    assert_int_equal(shared.logs[TOPIC_ACCOUNT_LINKS][0].count, links);
    assert_false(cluster_last(&shared, TOPIC_ACCOUNT_HISTORY, "A|1100")->has_value);
    assert_int_equal(shared.env.counts.late[ENTITY_ACCOUNT], 2);
    assert_int_equal(shared.env.counts.late[ENTITY_CUSTOMER], 1);
    assert_change_only(&shared);
    cluster_release(&shared);
}

static void test_task__too_late(void **state) {
    (void)state;
    cluster_init(&shared, 1);
    account(&shared, "A", 5000, 1, 10000);
    struct event e = account_event("A", 5000 - CLUSTER_WINDOW_MS - 1, 1, 5, ACCOUNT_SAVINGS);
    size_t before = shared.logs[TOPIC_ACCOUNT_HISTORY][0].count;
    assert_false(cluster_apply(&shared, &e));
    assert_int_equal(shared.why.code, REASON_TOO_LATE);
    assert_non_null(strstr(buf_cstr(&shared.why.text), "1970-01-01T00:00:05.000Z"));
    cluster_commit(&shared);
    assert_int_equal(shared.logs[TOPIC_ACCOUNT_HISTORY][0].count, before);
    e.event_at_ms++; /* just inside */
    assert_true(cluster_apply(&shared, &e));
    cluster_commit(&shared);
    assert_int_equal(shared.logs[TOPIC_ACCOUNT_HISTORY][0].count, before + 1);
    cluster_release(&shared);
}

/* A repeat is counted, but neither stored nor sent. */
static void test_task__repeats(void **state) {
    (void)state;
    cluster_init(&shared, 1);
    customer(&shared, "1", 1000, "ann", false);
    account(&shared, "A", 1000, 1, 10000);
    cluster_settle(&shared);
    struct buf before = {0}, after = {0};
    for (int f = 0; f < FAMILY_COUNT; f++)
        put_family(shared.env.kv, (enum family)f, slice_str(""), &before);
    counts_clear(&shared.env.counts);
    for (int i = 0; i < 3; i++) {
        customer(&shared, "1", 1000, "ann", false);
        account(&shared, "A", 1000, 1, 10000);
        apply(&shared, end_event(ENTITY_CUSTOMER, CHANGE_TOMBSTONE, "99", 1000));
    }
    assert_int_equal(shared.env.counts.unchanged[ENTITY_CUSTOMER], 6);
    assert_int_equal(shared.env.counts.unchanged[ENTITY_ACCOUNT], 3);
    assert_int_equal(shared.env.counts.applied[ENTITY_CUSTOMER], 0);
    for (int t = 0; t < TOPIC_COUNT; t++)
        assert_int_equal(shared.env.counts.emitted[t], 0);
    for (int f = 0; f < FAMILY_COUNT; f++)
        put_family(shared.env.kv, (enum family)f, slice_str(""), &after);
    assert_string_equal(buf_cstr(&before), buf_cstr(&after));
    buf_release(&before);
    buf_release(&after);
    cluster_release(&shared);
}

/* A confirmation goes to the confirmations topic and nowhere else. It is removed again once it is
 * too old. */
static void test_task__confirmations(void **state) {
    (void)state;
    cluster_init(&shared, 1);
    account(&shared, "A", 1000, 1, 10000);
    assert_null(cluster_last(&shared, TOPIC_CONFIRMATIONS, "account|A"));
    account(&shared, "A", 1100, 1, 10000);
    assert_true(cluster_last(&shared, TOPIC_CONFIRMATIONS, "account|A")->has_value);
    assert_int_equal(shared.logs[TOPIC_ACCOUNT_HISTORY][0].count, 1);
    account(&shared, "A", 1100 + CLUSTER_WINDOW_MS, 1, 20000);
    assert_true(cluster_last(&shared, TOPIC_CONFIRMATIONS, "account|A")->has_value);
    account(&shared, "A", 1101 + CLUSTER_WINDOW_MS, 1, 30000);
    assert_false(cluster_last(&shared, TOPIC_CONFIRMATIONS, "account|A")->has_value);
    apply(&shared, end_event(ENTITY_CUSTOMER, CHANGE_DELETE, "5", 1000));
    assert_true(cluster_last(&shared, TOPIC_CONFIRMATIONS, "customer|5")->has_value);
    assert_change_only(&shared);
    assert_meta(&shared);
    cluster_release(&shared);
}

/* --- fan-out --- */

static void init_fanout(struct cluster *c, int64_t max_rows) {
    cluster_init(c, 1);
    for (const char *id = "A\0B\0C\0D\0E\0F\0G\0"; *id != '\0'; id += 2)
        account(c, id, 1000, 1, 10000);
    customer(c, "1", 1000, "ann", false);
    cluster_settle(c);
    c->env.fanout_max_rows = max_rows;
    customer(c, "1", 2000, "ann", true);
    assert_true(cluster_waits(c, TOPIC_CUSTOMER_REFS, 0));
}

/* A fan-out to seven accounts, two at a time. */
static void test_task__fanout_in_chunks(void **state) {
    (void)state;
    init_fanout(&shared, 2);
    size_t before = shared.logs[TOPIC_ACCOUNT_SUMMARY][0].count;
    for (size_t i = 1; i <= 4; i++) {
        bool done = cluster_consume(&shared, TOPIC_CUSTOMER_REFS, 0);
        assert_int_equal(done, i == 4);
        cluster_commit(&shared);
        assert_int_equal(shared.logs[TOPIC_ACCOUNT_SUMMARY][0].count - before, i == 4 ? 7 : 2 * i);
    }
    assert_false(cluster_waits(&shared, TOPIC_CUSTOMER_REFS, 0));
    assert_change_only(&shared);
    cluster_release(&shared);
}

/* A chunk that exactly ends the list is followed by an empty one. */
static void test_task__fanout_of_exactly_one_chunk(void **state) {
    (void)state;
    init_fanout(&shared, 7);
    size_t before = shared.logs[TOPIC_ACCOUNT_SUMMARY][0].count;
    assert_false(cluster_consume(&shared, TOPIC_CUSTOMER_REFS, 0));
    assert_true(cluster_consume(&shared, TOPIC_CUSTOMER_REFS, 0));
    cluster_commit(&shared);
    assert_int_equal(shared.logs[TOPIC_ACCOUNT_SUMMARY][0].count - before, 7);
    cluster_release(&shared);
}

/* The transaction of the third chunk is aborted, and later all state in memory is lost. Rows that
 * were committed are not sent again, and none is left out. */
static void test_task__fanout_rolled_back(void **state) {
    (void)state;
    init_fanout(&shared, 2);
    size_t before = shared.logs[TOPIC_ACCOUNT_SUMMARY][0].count;
    for (int i = 0; i < 2; i++) {
        assert_false(cluster_consume(&shared, TOPIC_CUSTOMER_REFS, 0));
        cluster_commit(&shared);
    }
    assert_false(cluster_consume(&shared, TOPIC_CUSTOMER_REFS, 0));
    cluster_rollback(&shared);
    assert_false(shared.tasks[0].resuming);
    assert_int_equal(shared.logs[TOPIC_ACCOUNT_SUMMARY][0].count - before, 4);
    for (int i = 0; !cluster_consume(&shared, TOPIC_CUSTOMER_REFS, 0); i++) {
        assert_true(i < 4);
        cluster_commit(&shared);
    }
    cluster_commit(&shared);
    assert_int_equal(shared.logs[TOPIC_ACCOUNT_SUMMARY][0].count - before, 7);
    assert_change_only(&shared);
    assert_meta(&shared);
    cluster_release(&shared);
}

/* --- more links than a row holds --- */

static void many(char id[8], int i) {
    (void)snprintf(id, 8, "A%03d", i);
}

static void assert_profile_of(int accounts) { /* of ann, each with 1.00 at 1 % */
    struct buf text = {0};
    buf_printf(&text,
               "{\"customer_id\":1,\"customer_name\":\"ann\",\"has_loan_flag\":false,"
               "\"total_accounts_count\":%d,"
               "\"total_balance_amount\":\"%d.00\",\"total_annual_interest_amount\":\"%d.%02d\"",
               accounts, accounts, accounts / 100, accounts % 100);
    assert_row(&shared, TOPIC_CUSTOMER_PROFILE, "1", buf_cstr(&text));
    buf_release(&text);
}

static void assert_links(int64_t outside) {
    assert_int_equal(shared.tasks[0].meta.rows[FAMILY_LINKS], outside);
    assert_meta(&shared);
}

/* Up to the bound no link has a row of its own, and none is looked for. Links above the bound have
 * one. The next new link takes a place that becomes free. */
static void test_task__links_outside_of_the_row(void **state) {
    static const struct kv_ops ops = {.get = counting_get,
                                      .put = counting_put,
                                      .erase = counting_erase,
                                      .cursor = counting_cursor};
    (void)state;
    char id[8];
    cluster_init(&shared, 1);
    customer(&shared, "1", 1000, "ann", false);
    struct counting counting = {.kv = {.ops = &ops}, .inner = shared.env.kv};
    shared.env.kv = &counting.kv;
    for (int i = 0; i < CUSTOMER_LINKS_MAX; i++) {
        many(id, i);
        account(&shared, id, 1000, 1, 100);
    }
    cluster_settle(&shared);
    assert_int_equal(counting.gets[FAMILY_LINKS], 0);
    assert_links(0);
    assert_profile_of(CUSTOMER_LINKS_MAX);
    for (int i = CUSTOMER_LINKS_MAX; i < CUSTOMER_LINKS_MAX + 3; i++) {
        many(id, i);
        account(&shared, id, 1000, 1, 50);
        account(&shared, id, 1001, 1, 100); /* the link outside changes, too */
        cluster_settle(&shared);
        assert_links(i + 1 - CUSTOMER_LINKS_MAX);
        assert_profile_of(i + 1);
    }
    apply(&shared, end_event(ENTITY_ACCOUNT, CHANGE_DELETE, "A007", 1002)); /* inside */
    cluster_settle(&shared);
    assert_links(3);
    assert_profile_of(CUSTOMER_LINKS_MAX + 2);
    account(&shared, "A034", 1003, 1, 70); /* stays outside, though there is room */
    account(&shared, "A034", 1004, 1, 100);
    cluster_settle(&shared);
    assert_links(3);
    account(&shared, "new", 1005, 1, 100);
    cluster_settle(&shared);
    assert_links(3);
    assert_profile_of(CUSTOMER_LINKS_MAX + 3);
    for (int i = CUSTOMER_LINKS_MAX + 2; i >= 0; i--) {
        many(id, i);
        apply(&shared, end_event(ENTITY_ACCOUNT, CHANGE_DELETE, id, 1010));
    }
    cluster_settle(&shared);
    assert_links(0);
    assert_profile_of(1);
    account(&shared, "new", 1020, 2, 100);
    cluster_settle(&shared);
    assert_row(&shared, TOPIC_CUSTOMER_PROFILE, "1", NULL);
    assert_change_only(&shared);
    shared.env.kv = counting.inner;
    cluster_release(&shared);
}

/* Long ids do not make long rows. */
static void test_task__links_with_long_ids(void **state) {
    (void)state;
    char id[1501];
    cluster_init(&shared, 1);
    customer(&shared, "1", 1000, "ann", false);
    for (int i = 0; i < 4; i++) {
        memset(id, 'a' + i, sizeof id - 1);
        id[sizeof id - 1] = '\0';
        account(&shared, id, 1000, 1, 10000);
    }
    cluster_settle(&shared);
    /* Two of them take 3000 bytes, three would take more than CUSTOMER_LINKS_BYTES. */
    assert_links(2);
    assert_row(&shared, TOPIC_CUSTOMER_PROFILE, "1",
               PROFILE("ann", "false", "4", "400.00", "4.00"));
    cluster_release(&shared);
}

/* A change of rates reaches links inside and outside of the row. */
static void test_task__links_outside_and_other_rates(void **state) {
    (void)state;
    char id[8];
    cluster_init(&shared, 1);
    shared.env.links_max = 2;
    customer(&shared, "1", 1000, "ann", false);
    for (int i = 0; i < 5; i++) {
        many(id, i);
        account(&shared, id, 1000, 1, 10000);
    }
    cluster_settle(&shared);
    assert_links(3);
    assert_row(&shared, TOPIC_CUSTOMER_PROFILE, "1",
               PROFILE("ann", "false", "5", "500.00", "5.00"));
    shared.rates.tiers[0].rate_milli = 30;
    cluster_refresh(&shared, 0);
    assert_row(&shared, TOPIC_CUSTOMER_PROFILE, "1",
               PROFILE("ann", "false", "5", "500.00", "15.00"));
    assert_row(&shared, TOPIC_ACCOUNT_SUMMARY, "A004",
               SUMMARY("A004", "100.00", "0.030", "3.00", "103.00"));
    assert_links(3);
    assert_change_only(&shared);
    cluster_release(&shared);
}

/* --- other rates --- */

static void other_rates(struct rates *r, struct rng *rng) {
    *r = (struct rates){.tier_count = 2,
                        .tiers = {{1 + rng_below(rng, 2500000), (int32_t)rng_below(rng, 40)},
                                  {INT64_MAX, (int32_t)rng_below(rng, 40)}},
                        .loan_bonus_milli = (int32_t)rng_below(rng, 3)};
}

/* All marts are recomputed at the next start, a few rows in each transaction, some of which are
 * aborted. */
static void refresh_all(struct world *w) {
    struct cluster *c = &w->cluster;
    for (int32_t p = 0; p < c->n; p++) {
        assert_true(task_needs_refresh(&c->env, &c->tasks[p]));
        bool done = false;
        for (int rounds = 0; !done; rounds++) {
            assert_true(rounds < 1000);
            done = task_refresh(&c->env, &c->tasks[p]);
            if (rng_chance(&w->rng, 15)) {
                cluster_rollback(c);
                done = false;
            }
            cluster_commit(c);
        }
        assert_false(task_needs_refresh(&c->env, &c->tasks[p]));
    }
}

static void test_task__other_rates(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < seed_count(100); seed++) {
        world_init(&world, seed % 3 == 0 ? 1 : 3, seed);
        world.cluster.env.fanout_max_rows = 1 + (int64_t)(seed % 4);
        world.cluster.env.links_max = (int64_t)(seed % 5);
        for (int i = 0; i < 80; i++) {
            if (i % 40 == 39) {
                if (seed % 2 == 0)
                    cluster_settle(&world.cluster);
                else /* a fan-out that is under way begins anew after a start */
                    for (int32_t p = 0; p < world.cluster.n; p++)
                        task_rollback(&world.cluster.tasks[p]);
                other_rates(&world.cluster.rates, &world.rng);
                refresh_all(&world);
                if (seed % 2 == 0)
                    world_check_results(&world);
            }
            world_step(&world, 60);
        }
        cluster_settle(&world.cluster);
        world_check_results(&world);
        assert_change_only(&world.cluster);
        assert_meta(&world.cluster);
        world_release(&world);
    }
}

/* --- the meta data, and a state that fails --- */

static void test_task__meta(void **state) {
    (void)state;
    cluster_init(&shared, 1);
    struct task_env *env = &shared.env;
    struct task *t = &shared.tasks[0], other;
    for (int i = 0; i < TOPIC_COUNT; i++)
        t->meta.positions[i] = i % 3 == 0 ? -1 : INT64_MAX - i;
    for (int i = 0; i < FAMILY_COUNT; i++)
        t->meta.rows[i] = i * INT64_C(10000000000);
    t->meta.committed_ms = 5;
    t->meta.current_accounts = 6;
    t->meta.joined_accounts = 7;
    t->meta.summaries = -8;
    task_save_meta(env, t);
    task_init(&other, 0);
    task_load_meta(env, &other);
    assert_memory_equal(&other.meta, &t->meta, sizeof t->meta);
    assert_memory_equal(&other.saved_meta, &t->meta, sizeof t->meta);
    other.partition = 1; /* which has none */
    task_load_meta(env, &other);
    assert_int_equal(other.meta.committed_ms, 0);
    for (int i = 0; i < TOPIC_COUNT; i++)
        assert_int_equal(other.meta.positions[i], -1);
    struct buf value = {0};
    assert_true(kv_get(env->kv, FAMILY_META, slice_of("\0\0task", 6), &value));
    for (size_t n = 0; n < value.n; n++) { /* cut short: an error, and no meta data */
        kv_put(env->kv, FAMILY_META, slice_of("\0\0task", 6), slice_of(value.p, n));
        other.partition = 0;
        task_load_meta(env, &other);
        assert_int_equal(env->kv->err.class, ERR_STOP);
        assert_int_equal(other.meta.committed_ms, 0);
        env->kv->err.class = ERR_NONE;
    }
    buf_release(&value);
    task_release(&other);
    cluster_release(&shared);
}

/* A kv that fails after some calls. */
struct failing {
    struct kv kv; /* first */
    struct kv *inner;
    int64_t calls_left;
};

static bool still_works(struct kv *kv) {
    struct failing *f = (struct failing *)kv;
    if (!kv_failed(kv) && f->calls_left-- == 0)
        (void)err_set(&kv->err, ERR_RETRY, "as if the disk were broken");
    return !kv_failed(kv);
}

static bool failing_get(struct kv *kv, enum family f, struct slice key, struct buf *value) {
    return still_works(kv) && kv_get(((struct failing *)kv)->inner, f, key, value);
}
static void failing_put(struct kv *kv, enum family f, struct slice key, struct slice value) {
    if (still_works(kv))
        kv_put(((struct failing *)kv)->inner, f, key, value);
}
static void failing_erase(struct kv *kv, enum family f, struct slice key) {
    if (still_works(kv))
        kv_erase(((struct failing *)kv)->inner, f, key);
}
static struct kv_cursor *failing_cursor(struct kv *kv, enum family f) {
    (void)still_works(kv);
    return kv_cursor(((struct failing *)kv)->inner, f);
}

/* Each step is done first with a state that fails somewhere, and rolled back, and then again with a
 * state that works. */
static void test_task__failing_state(void **state) {
    static const struct kv_ops ops = {
        .get = failing_get, .put = failing_put, .erase = failing_erase, .cursor = failing_cursor};
    (void)state;
    int64_t failures = 0;
    for (uint64_t seed = 0; seed < seed_count(60); seed++) {
        world_init(&world, 3, seed);
        struct cluster *c = &world.cluster;
        struct failing failing = {.kv = {.ops = &ops}, .inner = memory_kv(c->memory)};
        for (int i = 0; i < 150; i++) {
            for (int32_t p = 0; p < c->n; p++) {
                for (int t = TOPIC_ACCOUNT_LINKS; t <= TOPIC_CUSTOMER_REFS; t++) {
                    size_t consumed = c->logs[t][p].consumed;
                    if (!cluster_waits(c, (enum topic)t, p))
                        continue;
                    failing.calls_left = rng_below(&world.rng, 12);
                    c->env.kv = &failing.kv;
                    (void)cluster_consume(c, (enum topic)t, p);
                    failures += kv_failed(c->env.kv);
                    c->env.kv = memory_kv(c->memory);
                    failing.kv.err.class = ERR_NONE;
                    cluster_rollback(c);
                    c->logs[t][p].consumed = consumed;
                }
            }
            struct event e = customer_event("7", world.clock + i, "nobody", i % 2 == 0);
            struct event f = account_event("A", world.clock + i, i % 3, i, ACCOUNT_SAVINGS);
            failing.calls_left = rng_below(&world.rng, 12);
            c->env.kv = &failing.kv;
            (void)cluster_apply(c, rng_chance(&world.rng, 50) ? &e : &f);
            failures += kv_failed(c->env.kv);
            c->env.kv = memory_kv(c->memory);
            failing.kv.err.class = ERR_NONE;
            cluster_rollback(c);
            world_step(&world, 60);
        }
        cluster_settle(c);
        world_check_histories(&world);
        world_check_results(&world);
        assert_meta(c);
        assert_change_only(c);
        world_release(&world);
    }
    assert_true(failures > 1000);
}

/* --- all together --- */

static void test_task__random(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < seed_count(300); seed++)
        world_run(&world, seed, seed % 3 == 0 ? 1 : 3, 1 + (int64_t)(seed % 4), ORDER_MISTAKE_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_task__first_messages),
        cmocka_unit_test(test_task__customer_change_reaches_all_accounts),
        cmocka_unit_test(test_task__one_ref_for_each_partition),
        cmocka_unit_test(test_task__account_moves),
        cmocka_unit_test(test_task__account_comes_back),
        cmocka_unit_test(test_task__ref_is_not_read_again),
        cmocka_unit_test(test_task__row_of_an_absence),
        cmocka_unit_test(test_task__deletes),
        cmocka_unit_test(test_task__account_type_changes),
        cmocka_unit_test(test_task__late_events_leave_the_marts_alone),
        cmocka_unit_test(test_task__too_late),
        cmocka_unit_test(test_task__repeats),
        cmocka_unit_test(test_task__confirmations),
        cmocka_unit_test(test_task__fanout_in_chunks),
        cmocka_unit_test(test_task__fanout_of_exactly_one_chunk),
        cmocka_unit_test(test_task__fanout_rolled_back),
        cmocka_unit_test(test_task__links_outside_of_the_row),
        cmocka_unit_test(test_task__links_with_long_ids),
        cmocka_unit_test(test_task__links_outside_and_other_rates),
        cmocka_unit_test(test_task__other_rates),
        cmocka_unit_test(test_task__meta),
        cmocka_unit_test(test_task__failing_state),
        cmocka_unit_test(test_task__random),
    };
    return cmocka_run_group_tests_name("task", tests, NULL, NULL);
}
