/* A scan of a table against the table's topic: what a consumer has who keeps the last message of
 * each key. */
#include "rig.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/task/table_scan.h"

#include <stdio.h>
#include <string.h>

static struct rig rig;

static const struct {
    enum topic topic;
    const struct row_type *type;
} tables[] = {
    {TOPIC_CUSTOMER_HISTORY, &customer_history_type},
    {TOPIC_ACCOUNT_HISTORY, &account_history_type},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, &account_with_customer_type},
    {TOPIC_ACCOUNT_SUMMARY, &account_summary_type},
    {TOPIC_CUSTOMER_PROFILE, &customer_profile_type},
};

/* Ids of which some are the beginning of others. */
static const char *const accounts[] = {"A", "A1", "A10", "A1 b", "A|1", "B", "Ż", "~"};
static const char *const customers[] = {"1", "2", "10", "-5", "0"};

/* --- rows as lines, sorted --- */

struct lines {
    char *list[2000];
    size_t count;
};

static void lines_add(struct lines *l, struct slice text) {
    assert_true(l->count < ARRAY_LEN(l->list));
    l->list[l->count++] = strndup(text.p, text.n);
}

static void lines_clear(struct lines *l) {
    while (l->count > 0)
        free(l->list[--l->count]);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void assert_same_lines(struct lines *a, struct lines *b) {
    qsort(a->list, a->count, sizeof *a->list, by_text);
    qsort(b->list, b->count, sizeof *b->list, by_text);
    for (size_t i = 0; i < a->count && i < b->count; i++)
        assert_string_equal(a->list[i], b->list[i]);
    assert_int_equal(a->count, b->count);
}

/* --- the two sides --- */

static bool is_last_of_its_key(size_t at) {
    const struct message *m = &rig.sent.messages[at];
    for (size_t i = at + 1; i < rig.sent.count; i++)
        if (rig.sent.messages[i].topic == m->topic &&
            slice_eq(message_key(&rig.sent.messages[i]), message_key(m)))
            return false;
    return true;
}

static void read_topic(enum topic topic, int32_t partition, struct lines *out) {
    for (size_t i = 0; i < rig.sent.count; i++) {
        const struct message *m = &rig.sent.messages[i];
        if (m->topic == topic && m->partition == partition && m->has_value && is_last_of_its_key(i))
            lines_add(out, message_value(m));
    }
}

/* The value of a member that is a time or null. */
static int64_t time_in(const char *line, const char *name) {
    const char *at = strstr(line, name);
    int64_t ms = TIMESTAMP_NONE;
    assert_non_null(at);
    at += strlen(name) + strlen("\":\"");
    (void)timestamp_parse_iso(slice_of(at, strlen("2024-02-15T00:00:00.000Z")), &ms);
    return ms;
}

/* Drops the lines of versions that are not valid at the time. */
static void keep_valid(struct lines *l, int64_t as_of) {
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        int64_t to = time_in(l->list[i], "valid_to_at");
        bool valid =
            as_of >= time_in(l->list[i], "valid_from_at") && (to == TIMESTAMP_NONE || as_of < to);
        if (valid)
            l->list[kept++] = l->list[i];
        else
            free(l->list[i]);
    }
    l->count = kept;
}

static void scan_table(const struct row_type *type, int32_t partition, int64_t as_of,
                       struct lines *out) {
    struct kv *kv = memory_kv(rig.memory);
    struct table_scan s;
    struct buf line = {0};
    table_scan_init(&s, kv, partition, type, as_of);
    while (table_scan_next(&s)) {
        if (s.row == NULL)
            continue;
        buf_clear(&line);
        row_put_json(type, s.row, &line);
        lines_add(out, buf_slice(&line));
    }
    assert_null(s.row);
    assert_false(kv_failed(kv));
    table_scan_release(&s);
    buf_release(&line);
}

static void assert_table(size_t t, int64_t as_of) {
    struct lines got = {.count = 0}, expected = {.count = 0};
    for (int32_t p = 0; p < RIG_N; p++) {
        scan_table(tables[t].type, p, as_of, &got);
        read_topic(tables[t].topic, p, &expected);
        if (as_of != TIMESTAMP_NONE)
            keep_valid(&expected, as_of);
        assert_same_lines(&got, &expected);
        lines_clear(&got), lines_clear(&expected);
    }
}

/* --- the input --- */

/* The end of a record's value, which is a delete now and then. */
static void put_end(struct buf *value, struct rng *r, int64_t at) {
    if (rng_chance(r, 10))
        buf_printf(value, ",\"__deleted\":\"true\",\"__source_ts_ms\":%lld", (long long)at);
    buf_put_byte(value, '}');
}

static void feed_account(struct rng *r, int64_t at) {
    const char *id = accounts[rng_below(r, ARRAY_LEN(accounts))];
    struct buf value = {0};
    buf_printf(&value, "{\"account_id\":\"%s\",\"customer_id\":\"%s\",\"balance\":\"%d\",", id,
               customers[rng_below(r, ARRAY_LEN(customers))], (int)rng_below(r, 30000));
    buf_printf(&value, "\"account_type\":\"%s\",\"updated_at\":\"%lld\"",
               rng_chance(r, 70) ? "savings" : "checking", (long long)at);
    put_end(&value, r, at);
    rig_run_text(&rig, TOPIC_ACCOUNTS, rig_owner_of(id), id, buf_cstr(&value));
    buf_release(&value);
}

static void feed_customer(struct rng *r, int64_t at) {
    const char *id = customers[rng_below(r, ARRAY_LEN(customers))];
    struct buf value = {0};
    buf_printf(&value, "{\"customer_id\":\"%s\",\"customer_name\":\"%c\",\"has_loan\":\"%s\",", id,
               (int)('a' + rng_below(r, 9)), rng_chance(r, 50) ? "yes" : "no");
    buf_printf(&value, "\"updated_at\":\"%lld\"", (long long)at);
    put_end(&value, r, at);
    rig_run_text(&rig, TOPIC_CUSTOMERS, rig_owner_of(id), id, buf_cstr(&value));
    buf_release(&value);
}

/* Changes of the last ten hours, many of them late. */
static void feed(struct rng *r, int count) {
    for (int i = 0; i < count; i++) {
        int64_t at = RIG_NOW - 1000 - rng_below(r, 36000) * 1000;
        if (rng_chance(r, 60))
            feed_account(r, at);
        else
            feed_customer(r, at);
    }
    rig_deliver(&rig);
}

static int setup(void **state) {
    (void)state;
    rig_init(&rig, RIG_N, RIG_N, NULL);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rig_release(&rig);
    return 0;
}

static void test_table_scan__has_what_the_topic_has(void **state) {
    (void)state;
    struct rng r = rng_seeded(17);
    for (int round = 0; round < 10; round++) {
        for (size_t t = 0; t < ARRAY_LEN(tables); t++)
            assert_table(t, TIMESTAMP_NONE);
        feed(&r, 40);
    }
}

static void test_table_scan__as_of_a_time(void **state) {
    (void)state;
    struct rng r = rng_seeded(18);
    struct lines lines = {.count = 0};
    feed(&r, 300);
    read_topic(TOPIC_ACCOUNT_HISTORY, rig_owner_of("A1"), &lines);
    for (size_t i = 0; i < lines.count; i++) {
        int64_t from = time_in(lines.list[i], "valid_from_at");
        for (size_t t = 0; t < 2; t++)
            for (int64_t d = -1; d <= 1; d++)
                assert_table(t, from + d);
    }
    assert_true(lines.count > 10);
    lines_clear(&lines);
}

/* Each id once, and the versions of an id from the oldest to the current one. */
static void test_table_scan__order(void **state) {
    (void)state;
    struct rng r = rng_seeded(19);
    struct lines lines = {.count = 0};
    feed(&r, 300);
    for (int32_t p = 0; p < RIG_N; p++) {
        scan_table(&account_history_type, p, TIMESTAMP_NONE, &lines);
        for (size_t i = 1; i < lines.count; i++) {
            size_t n = (size_t)(strstr(lines.list[i], ",\"customer_id") - lines.list[i]);
            bool same_id = strncmp(lines.list[i - 1], lines.list[i], n) == 0;
            if (same_id)
                assert_true(time_in(lines.list[i - 1], "valid_from_at") <
                            time_in(lines.list[i], "valid_from_at"));
            for (size_t k = 0; !same_id && k < i; k++)
                assert_true(strncmp(lines.list[k], lines.list[i], n) != 0);
        }
        lines_clear(&lines);
    }
}

static void test_table_scan__damage_is_an_error(void **state) {
    (void)state;
    static const enum family families[] = {FAMILY_ACCOUNTS, FAMILY_ACCOUNT_HISTORY};
    struct rng r = rng_seeded(20);
    struct kv *kv = memory_kv(rig.memory);
    int32_t partition = rig_owner_of("A1");
    feed(&r, 300);
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        struct table_scan s;
        struct kv_cursor *c = kv_cursor(kv, families[i]);
        struct buf key = {0}, kept = {0}, prefix = {0};
        buf_put(&prefix, (char[]){0, (char)partition}, 2);
        cursor_seek(c, buf_slice(&prefix));
        assert_true(cursor_in(c, buf_slice(&prefix)));
        buf_set(&key, cursor_key(c)), buf_set(&kept, cursor_value(c));
        cursor_free(c);
        kv_put(kv, families[i], buf_slice(&key), slice_of(kept.p, 2));
        table_scan_init(&s, kv, partition, &account_history_type, TIMESTAMP_NONE);
        while (table_scan_next(&s))
            continue;
        assert_true(kv_failed(kv));
        table_scan_release(&s);
        kv->err = (struct err){0};
        kv_put(kv, families[i], buf_slice(&key), buf_slice(&kept));
        buf_release(&key), buf_release(&kept), buf_release(&prefix);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_table_scan__has_what_the_topic_has, setup, teardown),
        cmocka_unit_test_setup_teardown(test_table_scan__as_of_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_table_scan__order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_table_scan__damage_is_an_error, setup, teardown),
    };
    return cmocka_run_group_tests_name("table_scan", tests, NULL, NULL);
}
