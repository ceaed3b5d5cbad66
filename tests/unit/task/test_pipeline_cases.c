/* pipeline, with the small inputs of tests/data/cdc, which its README explains. The results must be
 * those that tests/model/test_model.py expects. */
#include "rig.h"

#include "streamer/base/mem.h"

#include <stdio.h>

/* --- reading a line --- */

static void put_utf8(struct buf *out, unsigned c) {
    if (c < 0x80) {
        buf_put_byte(out, (char)c);
    } else if (c < 0x800) {
        buf_put_byte(out, (char)(0xc0 | c >> 6));
        buf_put_byte(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_put_byte(out, (char)(0xe0 | c >> 12));
        buf_put_byte(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_put_byte(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* Reads a JSON string, from behind its first quote. The program's own parser cannot be used: it
 * refuses \u0000, which one of the files has. */
static void unescape(const char *p, struct buf *out) {
    buf_clear(out);
    for (; *p != '"'; p++) {
        unsigned c;
        assert_true(*p != '\0');
        if (*p != '\\') {
            buf_put_byte(out, *p);
            continue;
        }
        p++;
        if (*p != 'u') {
            assert_non_null(strchr("\"\\/", *p));
            buf_put_byte(out, *p);
            continue;
        }
        assert_int_equal(sscanf(p + 1, "%4x", &c), 1);
        put_utf8(out, c);
        p += 4;
    }
}

static void unhex(const char *p, struct buf *out) {
    unsigned byte;
    buf_clear(out);
    for (; *p != '"' && sscanf(p, "%2x", &byte) == 1; p += 2)
        buf_put_byte(out, (char)byte);
}

/* The member `name` of the line, or its hexadecimal form. Returns whether it exists and is not
 * null. */
static bool read_bytes(const char *line, const char *name, struct buf *out) {
    char start[32];
    (void)snprintf(start, sizeof start, "\"%s_hex\": \"", name);
    const char *p = strstr(line, start);
    if (p != NULL) {
        unhex(p + strlen(start), out);
        return true;
    }
    (void)snprintf(start, sizeof start, "\"%s\": \"", name);
    p = strstr(line, start);
    if (p == NULL)
        return false;
    unescape(p + strlen(start), out);
    return true;
}

struct line {
    struct buf key, value;
};

static struct input input_of(struct rig *g, const char *line, struct line *l) {
    bool is_customer = strstr(line, "\"topic\": \"customers\"") != NULL;
    const char *ts = strstr(line, "\"ts\": ");
    struct input in = rig_input(g, is_customer ? TOPIC_CUSTOMERS : TOPIC_ACCOUNTS, 0, NULL, NULL);
    assert_non_null(ts);
    in.record.timestamp_ms = strtoll(ts + 6, NULL, 10);
    if (read_bytes(line, "key", &l->key))
        in.record.key = buf_slice(&l->key);
    if (read_bytes(line, "value", &l->value))
        in.record.value = buf_slice(&l->value);
    return in;
}

/* Customer 9, then at most `max` lines of the file. The input topics have `inputs` partitions. */
static void play(struct rig *g, const char *file, const char *order, int32_t inputs,
                 bool deliver_each, int max) {
    const char *sets[] = {"late.window=3d", order, NULL};
    char path[256], *text = NULL;
    size_t size = 0;
    struct line line = {0};
    (void)snprintf(path, sizeof path, SOURCE_DIR "/tests/data/cdc/%s.jsonl", file);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        fail_msg("%s is not there", path);
    rig_init(g, inputs, inputs, sets);
    struct input nine = rig_input(g, TOPIC_CUSTOMERS, 0, NULL,
                                  "{\"customer_id\":9,\"name\":\"Nine\",\"has_loan\":\"no\"}");
    nine.record.timestamp_ms = INT64_C(1795000000000);
    rig_run(g, &nine);
    rig_deliver(g);
    for (int i = 0; i < max && getline(&text, &size, f) > 0; i++) {
        struct input in = input_of(g, text, &line);
        rig_run(g, &in);
        if (deliver_each)
            rig_deliver(g);
    }
    rig_deliver(g);
    rig_assert_conserved(g);
    free(text);
    (void)fclose(f);
    buf_release(&line.key);
    buf_release(&line.value);
}

/* --- what is right --- */

struct row {
    enum topic topic;
    const char *key, *value; /* of a mart without its calculated_at */
};

/* Times are in November 2026, and written as "27T17:20:00.000". */
#define AT(time) "\"2026-11-" time "Z\""
#define FROM_TO(loaded, from, to)                                                                  \
    ",\"loaded_at\":" AT(loaded) ",\"valid_from_at\":" from ",\"valid_to_at\":" to "}"
#define CUSTOMER(id, name, loan)                                                                   \
    "{\"customer_id\":" id ",\"customer_name\":\"" name "\",\"has_loan_flag\":" loan
#define ACCOUNT(id, customer, balance)                                                             \
    "{\"account_id\":\"" id "\",\"customer_id\":" customer ",\"balance_amount\":\"" balance        \
    "\",\"account_type\":\"savings\""
#define JOINED(id, customer, balance, from)                                                        \
    "{\"account_id\":\"" id "\"," customer ",\"balance_amount\":\"" balance                        \
    "\",\"account_type\":\"savings\",\"valid_from_at\":" from "}"
#define SUMMARY(id, customer, balance, rate, interest, new)                                        \
    "{\"account_id\":\"" id "\",\"customer_id\":" customer                                         \
    ",\"original_balance_amount\":\"" balance "\",\"interest_rate_pct\":\"" rate                   \
    "\",\"annual_interest_amount\":\"" interest "\",\"new_balance_amount\":\"" new "\""
#define PROFILE(customer, count, balance, interest)                                                \
    "{" customer ",\"total_accounts_count\":" count ",\"total_balance_amount\":\"" balance         \
    "\",\"total_annual_interest_amount\":\"" interest "\""
#define NINE "\"customer_id\":9,\"customer_name\":\"nine\",\"has_loan_flag\":false"
#define ANN "\"customer_id\":1,\"customer_name\":\"ann\",\"has_loan_flag\":true"

#define OF_CUSTOMER TOPIC_CUSTOMER_HISTORY
#define OF_ACCOUNT TOPIC_ACCOUNT_HISTORY
/* The rows that an account of customer 9 leads to. */
#define OF_NINE(id, balance, from, rate, interest, new)                                            \
    {TOPIC_ACCOUNT_WITH_CUSTOMER, id, JOINED(id, NINE, balance, from)},                            \
        {TOPIC_ACCOUNT_SUMMARY, id, SUMMARY(id, "9", balance, rate, interest, new)}, {             \
        TOPIC_CUSTOMER_PROFILE, "9", PROFILE(NINE, "1", balance, interest)                         \
    }

#define ROWS_MAX 12
#define REFUSED_MAX 4
struct expected {
    const char *file, *order;  /* a setting; NULL: none */
    struct row rows[ROWS_MAX]; /* all rows that there are, except those of customer 9 */
    struct {
        enum reason_code code;
        const char *said; /* a part of the reason */
        const char *id;   /* NULL: it could not be read */
    } refused[REFUSED_MAX];
    int64_t applied, unchanged; /* of the lines, of both entities */
    int64_t reordered, repeated, behind_tombstone, tombstones_unknown; /* of accounts */
};

static const struct expected cases[] = {
    {.file = "binlog-statement-time",
     .rows = {{OF_ACCOUNT, "C38|1795800000000",
               ACCOUNT("C38", "9", "100.00")
                   FROM_TO("27T19:20:00.000", AT("27T17:20:00.000"), AT("27T17:20:11.000"))},
              {OF_ACCOUNT, "C38|1795800011000",
               ACCOUNT("C38", "9", "150.00")
                   FROM_TO("27T19:20:00.000", AT("27T17:20:11.000"), "null")},
              OF_NINE("C38", "150.00", AT("27T17:20:11.000"), "0.010", "1.50", "151.50")},
     .applied = 3,
     .reordered = 1},
    {.file = "bom-in-json-name",
     .rows = {{OF_CUSTOMER, "8081|1795807200000",
               CUSTOMER("8081", "a", "true")
                   FROM_TO("27T19:20:00.000", AT("27T19:20:00.000"), "null")},
              {OF_CUSTOMER, "8082|1706745600000",
               CUSTOMER("8082", "a", "false")
                   FROM_TO("27T19:20:00.000", "\"2024-02-01T00:00:00.000Z\"", "null")},
              {OF_CUSTOMER, "8083|1795807200000",
               CUSTOMER("8083", "a", "false")
                   FROM_TO("27T19:20:00.000", AT("27T19:20:00.000"), "null")}},
     .applied = 3},
    {.file = "dms-op-column",
     .rows = {{OF_CUSTOMER, "8121|1795800000001",
               CUSTOMER("8121", "bo", "false")
                   FROM_TO("27T17:20:00.001", AT("27T17:20:00.001"), AT("27T17:20:02.000"))}},
     .applied = 2},
    {.file = "double-encoded",
     .rows = {{OF_ACCOUNT, "C32|1795800000000",
               ACCOUNT("C32", "9", "5.00")
                   FROM_TO("27T17:20:00.000", AT("27T17:20:00.000"), "null")},
              OF_NINE("C32", "5.00", AT("27T17:20:00.000"), "0.010", "0.05", "5.05")},
     .refused = {{REASON_MALFORMED, "encoded twice", NULL}, {REASON_MALFORMED, "JSON", NULL}},
     .applied = 1},
    {.file = "iso-date-of-debezium",
     .rows = {{OF_CUSTOMER, "8141|1707955200000",
               CUSTOMER("8141", "t", "false")
                   FROM_TO("27T19:20:00.000", "\"2024-02-15T00:00:00.000Z\"", "null")}},
     .applied = 1},
    {.file = "kafka-timestamp-minus-1", .refused = {{REASON_MALFORMED, "timestamp", "8111"}}},
    {.file = "magic-0-is-not-avro",
     .rows = {{OF_CUSTOMER, "8092|1795807200000",
               CUSTOMER("8092", "l", "false")
                   FROM_TO("27T19:20:00.000", AT("27T19:20:00.000"), "null")}},
     .refused = {{REASON_UNKNOWN_SCHEMA, "wire format", NULL},
                 {REASON_UNKNOWN_SCHEMA, "binary key", NULL}},
     .applied = 1},
    {.file = "null-decimal-microseconds-unavailable",
     .rows =
         {{OF_CUSTOMER, "1|1795820400000",
           CUSTOMER("1", "ann", "false")
               FROM_TO("27T23:00:00.000", AT("27T23:00:00.000"), AT("27T23:00:00.004"))},
          {OF_CUSTOMER, "1|1795820400004",
           CUSTOMER("1", "ann", "true") FROM_TO("27T23:00:00.005", AT("27T23:00:00.004"), "null")},
          {OF_ACCOUNT, "N1|1795820400001",
           ACCOUNT("N1", "1", "100.00")
               FROM_TO("27T23:00:00.001", AT("27T23:00:00.001"), AT("27T23:00:00.002"))},
          {OF_ACCOUNT, "N6|1795820390000",
           ACCOUNT("N6", "1", "100.50") FROM_TO("27T23:00:00.003", AT("27T22:59:50.000"), "null")},
          {OF_ACCOUNT, "N7|1795820390123",
           ACCOUNT("N7", "1", "5.00") FROM_TO("27T23:00:00.004", AT("27T22:59:50.123"), "null")},
          {TOPIC_ACCOUNT_WITH_CUSTOMER, "N6", JOINED("N6", ANN, "100.50", AT("27T22:59:50.000"))},
          {TOPIC_ACCOUNT_WITH_CUSTOMER, "N7", JOINED("N7", ANN, "5.00", AT("27T22:59:50.123"))},
          {TOPIC_ACCOUNT_SUMMARY, "N6", SUMMARY("N6", "1", "100.50", "0.015", "1.51", "102.01")},
          {TOPIC_ACCOUNT_SUMMARY, "N7", SUMMARY("N7", "1", "5.00", "0.015", "0.08", "5.08")},
          {TOPIC_CUSTOMER_PROFILE, "1", PROFILE(ANN, "2", "105.50", "1.59")}},
     .applied = 6},
    {.file = "oracle-number-typed",
     .rows = {{OF_CUSTOMER, "8361|1795807200000",
               CUSTOMER("8361", "ora", "true")
                   FROM_TO("27T19:20:00.000", AT("27T19:20:00.000"), "null")}},
     .applied = 1},
    {.file = "other-cdc-formats",
     .refused = {{REASON_MALFORMED, "Maxwell", NULL},
                 {REASON_MALFORMED, "GoldenGate", NULL},
                 {REASON_MALFORMED, "MongoDB", NULL},
                 {REASON_INVALID_CUSTOMER_ID, "payload", NULL}}},
    {.file = "reappears-after-tombstone",
     .rows = {{OF_ACCOUNT, "C39|1795651200000",
               ACCOUNT("C39", "9", "100.00")
                   FROM_TO("27T17:20:00.000", AT("26T00:00:00.000"), AT("27T00:00:00.000"))},
              {OF_ACCOUNT, "C39|1795737600000",
               ACCOUNT("C39", "9", "120.00")
                   FROM_TO("27T17:20:03.000", AT("27T00:00:00.000"), AT("27T17:20:01.000"))}},
     .applied = 3,
     .unchanged = 1,
     .behind_tombstone = 2},
    {.file = "reappears-after-tombstone",
     .order = "order.accounts=log",
     .rows = {{OF_ACCOUNT, "C39|1795651200000",
               ACCOUNT("C39", "9", "100.00")
                   FROM_TO("27T17:20:00.000", AT("26T00:00:00.000"), AT("27T17:20:01.000"))},
              {OF_ACCOUNT, "C39|1795800001000",
               ACCOUNT("C39", "9", "120.00")
                   FROM_TO("27T17:20:03.000", AT("27T17:20:01.000"), "null")},
              OF_NINE("C39", "120.00", AT("27T17:20:01.000"), "0.010", "1.20", "121.20")},
     .applied = 4,
     .reordered = 2},
    {.file = "struct-text-key",
     .rows = {{OF_ACCOUNT, "C37|1795800000000",
               ACCOUNT("C37", "9", "5.00")
                   FROM_TO("27T17:20:00.000", AT("27T17:20:00.000"), "null")},
              OF_NINE("C37", "5.00", AT("27T17:20:00.000"), "0.010", "0.05", "5.05")},
     .applied = 1,
     .unchanged = 1,
     .tombstones_unknown = 1},
    {.file = "typed-but-no-date",
     .refused = {{REASON_INVALID_UPDATED_AT, "", "8151"}, {REASON_INVALID_UPDATED_AT, "", "8152"}}},
    {.file = "update-as-d-null-c",
     .rows = {{OF_ACCOUNT, "C16|1795800000000",
               ACCOUNT("C16", "9", "456.00")
                   FROM_TO("27T17:20:00.010", AT("27T17:20:00.000"), AT("27T17:20:05.000"))},
              {OF_ACCOUNT, "C16|1795800005000",
               ACCOUNT("C16", "9", "45600.00")
                   FROM_TO("27T17:20:07.002", AT("27T17:20:05.000"), "null")},
              OF_NINE("C16", "45600.00", AT("27T17:20:05.000"), "0.020", "912.00", "46512.00")},
     .applied = 3,
     .unchanged = 4,
     .repeated = 2},
    {.file = "update-as-d-null-c-no-positions",
     .rows = {{OF_ACCOUNT, "C16|1795800000000",
               ACCOUNT("C16", "9", "456.00")
                   FROM_TO("27T17:20:00.010", AT("27T17:20:00.000"), AT("27T17:20:05.000"))},
              {OF_ACCOUNT, "C16|1795800005000",
               ACCOUNT("C16", "9", "45600.00")
                   FROM_TO("27T17:20:07.005", AT("27T17:20:05.000"), "null")},
              OF_NINE("C16", "45600.00", AT("27T17:20:05.000"), "0.020", "912.00", "46512.00")},
     .applied = 5,
     .unchanged = 2},
};

/* --- comparing --- */

static bool is_result(enum topic t) {
    return t == OF_CUSTOMER || t == OF_ACCOUNT || t == TOPIC_ACCOUNT_WITH_CUSTOMER ||
           t == TOPIC_ACCOUNT_SUMMARY || t == TOPIC_CUSTOMER_PROFILE;
}

static bool is_mart(enum topic t) {
    return t == TOPIC_ACCOUNT_SUMMARY || t == TOPIC_CUSTOMER_PROFILE;
}

static size_t live_rows(const struct rig *g) {
    size_t n = 0;
    for (size_t i = 0; i < g->sent.count; i++) {
        const struct message *m = &g->sent.messages[i];
        n += is_result(m->topic) && m->has_value &&
             capture_last(&g->sent, m->topic, buf_cstr(&g->sent.messages[i].key)) == m;
    }
    return n;
}

static void check_row(const struct rig *g, const struct expected *x, const struct row *r) {
    const struct message *m = capture_last(&g->sent, r->topic, r->key);
    struct slice value = m != NULL ? message_value(m) : slice_null(), wanted = slice_str(r->value);
    bool same = value.p != NULL &&
                (is_mart(r->topic) ? slice_has_prefix(value, wanted) : slice_eq(value, wanted));
    if (!same)
        fail_msg("%s: %s is %.*s, not %s", x->file, r->key, (int)value.n,
                 value.p != NULL ? value.p : "", r->value);
}

static void check_rows(const struct rig *g, const struct expected *x) {
    size_t count = 1; /* customer 9 */
    for (size_t i = 0; i < ROWS_MAX && x->rows[i].key != NULL; i++, count++)
        check_row(g, x, &x->rows[i]);
    if (live_rows(g) != count)
        fail_msg("%s: %zu rows, not %zu", x->file, live_rows(g), count);
}

/* Different tasks may quarantine records in another order than they came in. */
static void check_refused(const struct rig *g, const struct expected *x) {
    size_t count = 0;
    for (; count < REFUSED_MAX && x->refused[count].code != REASON_NONE; count++) {
        bool found = false;
        for (size_t i = 0; i < g->sent.count && !found; i++) {
            struct message *m = &g->sent.messages[i];
            if (m->topic != TOPIC_QUARANTINE)
                continue;
            struct slice id = message_header(m, "quarantine.id");
            const char *wanted = x->refused[count].id;
            found =
                slice_eq(message_header(m, "quarantine.code"),
                         slice_str(reason_code_name(x->refused[count].code))) &&
                strstr(buf_cstr(&m->headers), x->refused[count].said) != NULL &&
                (wanted == NULL ? id.p == NULL : id.p != NULL && slice_eq(id, slice_str(wanted)));
        }
        if (!found)
            fail_msg("%s: none is %s (%s)", x->file, reason_code_name(x->refused[count].code),
                     x->refused[count].said);
    }
    if (capture_count(&g->sent, TOPIC_QUARANTINE) != count)
        fail_msg("%s: %zu in the quarantine", x->file, capture_count(&g->sent, TOPIC_QUARANTINE));
}

static void check_counts(const struct rig *g, const struct expected *x) {
    const struct counts *c = &g->pipeline.env.counts;
    int64_t applied = c->applied[ENTITY_CUSTOMER] + c->applied[ENTITY_ACCOUNT] - 1; /* customer 9 */
    int64_t unchanged = c->unchanged[ENTITY_CUSTOMER] + c->unchanged[ENTITY_ACCOUNT];
    if (applied != x->applied || unchanged != x->unchanged)
        fail_msg("%s: %lld applied, %lld unchanged", x->file, (long long)applied,
                 (long long)unchanged);
    if (c->reordered[ENTITY_ACCOUNT] != x->reordered ||
        c->repeated[ENTITY_ACCOUNT] != x->repeated ||
        c->behind_tombstone[ENTITY_ACCOUNT] != x->behind_tombstone ||
        c->tombstones_unknown[ENTITY_ACCOUNT] != x->tombstones_unknown)
        fail_msg("%s: %lld reordered, %lld repeated, %lld behind a tombstone, %lld unknown",
                 x->file, (long long)c->reordered[ENTITY_ACCOUNT],
                 (long long)c->repeated[ENTITY_ACCOUNT],
                 (long long)c->behind_tombstone[ENTITY_ACCOUNT],
                 (long long)c->tombstones_unknown[ENTITY_ACCOUNT]);
}

static void test_pipeline_cases__as_the_model_says(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int k = 0; k < 4; k++) {
            struct rig g;
            play(&g, cases[i].file, cases[i].order, k / 2 == 0 ? 1 : RIG_N, k % 2 == 0, 1000);
            check_rows(&g, &cases[i]);
            check_refused(&g, &cases[i]);
            check_counts(&g, &cases[i]);
            rig_release(&g);
        }
    }
}

/* An update of a key comes as a delete, its tombstone and a create. If the records have positions,
 * a second copy of them is a repeat. */
static void test_pipeline_cases__a_second_copy_emits_nothing(void **state) {
    struct rig once, twice;
    (void)state;
    play(&once, "update-as-d-null-c", NULL, RIG_N, true, 4);
    play(&twice, "update-as-d-null-c", NULL, RIG_N, true, 7);
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (is_result((enum topic)t))
            assert_int_equal(capture_count(&once.sent, (enum topic)t),
                             capture_count(&twice.sent, (enum topic)t));
    rig_release(&once);
    rig_release(&twice);
}

/* Every file of the directory has a case. */
static void test_pipeline_cases__all_files(void **state) {
    (void)state;
    FILE *f = popen("ls " SOURCE_DIR "/tests/data/cdc", "r");
    char name[128];
    int files = 0;
    assert_non_null(f);
    for (; fgets(name, sizeof name, f) != NULL; files++) {
        name[strcspn(name, ".")] = '\0';
        bool found = false;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
            found = found || strcmp(cases[i].file, name) == 0;
        if (!found)
            fail_msg("%s has no case", name);
    }
    assert_int_equal(pclose(f), 0);
    assert_true(files >= 15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipeline_cases__as_the_model_says),
        cmocka_unit_test(test_pipeline_cases__a_second_copy_emits_nothing),
        cmocka_unit_test(test_pipeline_cases__all_files),
    };
    return cmocka_run_group_tests_name("pipeline_cases", tests, NULL, NULL);
}
