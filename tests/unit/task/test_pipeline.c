/* pipeline: where a record goes, what the quarantine says of it, and what is counted. The records
 * of a log are in test_pipeline_log.c. */
#include "rig.h"

#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/layers/source/decode_parts.h"

#include <stdio.h>

#define N RIG_N

static void assert_as_received(const struct message *m, const struct input *in) {
    assert_true(message_key(m).p == NULL ? in->record.key.p == NULL
                                         : slice_eq(message_key(m), in->record.key));
    assert_int_equal(m->has_key, in->record.key.p != NULL);
    assert_int_equal(m->has_value, in->record.value.p != NULL);
    assert_true(slice_eq(buf_slice(&m->value), in->record.value));
    assert_true(m->timestamp_ms == in->record.timestamp_ms);
    assert_ptr_equal(m->headers_from, &rig_no_headers);
}

/* --- where a record goes --- */

#define CUSTOMER(id) "{\"customer_id\":\"" id "\",\"name\":\"Ann\",\"has_loan\":\"no\"}"
#define CUSTOMER_BOB(id) "{\"customer_id\":\"" id "\",\"name\":\"Bob\",\"has_loan\":\"no\"}"
#define ACCOUNT(id)                                                                                \
    "{\"account_id\":\"" id "\",\"customer_id\":1,\"balance\":\"1\",\"account_type\":\"savings\"}"

static void test_pipeline__in_place(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, N, N, NULL);
    rig_run_text(&g, TOPIC_CUSTOMERS, rig_owner_of("7"), "7", CUSTOMER("7"));
    rig_run_text(&g, TOPIC_ACCOUNTS, rig_owner_of("A"), NULL, ACCOUNT("A"));
    const struct counts *c = &g.pipeline.env.counts;
    assert_int_equal(c->applied[ENTITY_CUSTOMER], 1);
    assert_int_equal(c->applied[ENTITY_ACCOUNT], 1);
    assert_int_equal(c->consumed[TOPIC_CUSTOMERS], 1);
    assert_int_equal(c->consumed[TOPIC_ACCOUNTS], 1);
    assert_int_equal(capture_count(&g.sent, TOPIC_REPARTITION_CUSTOMERS), 0);
    const struct message *m = &g.sent.messages[0];
    assert_int_equal(m->topic, TOPIC_CUSTOMER_HISTORY);
    assert_int_equal(m->partition, rig_owner_of("7"));
    assert_text(message_value(m),
                "{\"customer_id\":7,\"customer_name\":\"ann\",\"has_loan_flag\":false,"
                "\"loaded_at\":\"2024-02-14T23:59:59.000Z\","
                "\"valid_from_at\":\"2024-02-14T23:59:59.000Z\",\"valid_to_at\":null}");
    assert_int_equal(m->timestamp_ms, 0);
    assert_null(m->headers_from);
    struct buf source = {0};
    buf_printf(&source, SINK_SOURCE_HEADER "=customers/%d@0\n", rig_owner_of("7"));
    assert_text(buf_slice(&m->headers), buf_cstr(&source));
    buf_release(&source);
    rig_release(&g);
}

/* A record in another partition than that of its id goes to the owner of the id, as received. */
static void test_pipeline__forward(void **state) {
    static const struct {
        int32_t input_partitions, partition;
    } cases[] = {
        {N, 1}, /* right number of partitions, but keyed by something else */
        {5, 0}, /* another number: never in place, not even if the partition has the same number */
        {5, 1}, {5, 2}, {5, 4}, {1, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig g;
        char expected[64];
        rig_init(&g, cases[i].input_partitions, cases[i].input_partitions, NULL);
        assert_int_equal(rig_owner_of("1001"), 0);
        g.offset = 1234567890123;
        struct input in =
            rig_input(&g, TOPIC_CUSTOMERS, cases[i].partition, "some key", CUSTOMER(" 1001 "));
        rig_run(&g, &in);
        assert_int_equal(g.sent.count, 1);
        const struct message *m = &g.sent.messages[0];
        assert_int_equal(m->topic, TOPIC_REPARTITION_CUSTOMERS);
        assert_int_equal(m->partition, 0);
        assert_as_received(m, &in);
        (void)snprintf(expected, sizeof expected, PIPELINE_SOURCE_HEADER "=%d:1234567890123\n",
                       cases[i].partition);
        assert_text(buf_slice(&m->headers), expected);
        assert_int_equal(g.pipeline.env.counts.forwarded[ENTITY_CUSTOMER], 1);
        assert_int_equal(g.pipeline.env.counts.consumed[TOPIC_CUSTOMERS], 1);
        for (int e = 0; e < ENTITY_COUNT; e++)
            assert_int_equal(g.pipeline.env.counts.applied[e] + g.pipeline.env.counts.unchanged[e],
                             0);
        rig_release(&g);
    }
}

static void test_pipeline__forwarded(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, 5, 5, NULL);
    rig_run_text(&g, TOPIC_REPARTITION_ACCOUNTS, rig_owner_of("A001"), NULL, ACCOUNT("A001"));
    assert_int_equal(g.pipeline.env.counts.applied[ENTITY_ACCOUNT], 1);
    assert_int_equal(g.pipeline.env.counts.consumed[TOPIC_REPARTITION_ACCOUNTS], 1);
    assert_int_equal(g.pipeline.env.counts.forwarded[ENTITY_ACCOUNT], 0);
    /* Only streamer may write to this topic, and it does not put the record there: it stops. */
    struct input in = rig_input(&g, TOPIC_REPARTITION_ACCOUNTS, (rig_owner_of("A001") + 1) % N,
                                NULL, ACCOUNT("A001"));
    (void)pipeline_process(&g.pipeline, &g.tasks[in.partition], &in);
    assert_int_equal(memory_kv(g.memory)->err.class, ERR_STOP);
    assert_non_null(
        strstr(memory_kv(g.memory)->err.text, g.config.topics[TOPIC_REPARTITION_ACCOUNTS]));
    rig_release(&g);
}

static void test_pipeline__not_an_input(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, N, N, NULL);
    struct input in = rig_input(&g, TOPIC_ACCOUNT_SUMMARY, 0, "A", "{}");
    (void)pipeline_process(&g.pipeline, &g.tasks[0], &in);
    assert_int_equal(memory_kv(g.memory)->err.class, ERR_STOP);
    rig_release(&g);
}

/* --- quarantine --- */

static void assert_quarantined(const struct rig *g, const struct input *in, int32_t partition,
                               const char *headers) {
    const struct message *m = &g->sent.messages[g->sent.count - 1];
    assert_int_equal(m->topic, TOPIC_QUARANTINE);
    assert_int_equal(m->partition, partition);
    assert_as_received(m, in);
    assert_text(buf_slice(&m->headers), headers);
}

static void test_pipeline__quarantine(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, N, 5, NULL);
    g.offset = 41;
    struct input in =
        rig_input(&g, TOPIC_CUSTOMERS, 2, NULL, "{\"customer_id\":\"x\",\"name\":\"Ann\"}");
    rig_run(&g, &in);
    assert_quarantined(&g, &in, 2,
                       "quarantine.code=invalid_customer_id\n"
                       "quarantine.reason=Invalid customer_id: non-numeric value (x)\n"
                       "quarantine.topic=customers\nquarantine.partition=2\nquarantine.offset=41\n"
                       "quarantine.at=2024-02-15T00:00:00.000Z\n");
    /* A partition that the quarantine topic does not have. */
    in = rig_input(&g, TOPIC_ACCOUNTS, 4, "",
                   "{\"account_id\":\" \",\"customer_id\":1,\"balance\":\"-1\"}");
    rig_run(&g, &in);
    assert_quarantined(&g, &in, 1,
                       "quarantine.code=invalid_account_id\n"
                       "quarantine.reason=Invalid account_id: null or empty\n"
                       "quarantine.topic=accounts\nquarantine.partition=4\nquarantine.offset=42\n"
                       "quarantine.at=2024-02-15T00:00:00.000Z\n");
    g.pipeline.quarantine_partitions = 1;
    in = rig_input(&g, TOPIC_ACCOUNTS, 4, "k", NULL);
    in.record.key = slice_null(); /* it has neither key nor value */
    rig_run(&g, &in);
    assert_quarantined(
        &g, &in, 0,
        "quarantine.code=malformed\n"
        "quarantine.reason=Malformed record: a delete without an id, for neither value nor key has "
        "one\n"
        "quarantine.topic=accounts\nquarantine.partition=4\nquarantine.offset=43\n"
        "quarantine.at=2024-02-15T00:00:00.000Z\n");
    const struct counts *c = &g.pipeline.env.counts;
    assert_int_equal(c->quarantined[ENTITY_CUSTOMER][REASON_INVALID_CUSTOMER_ID], 1);
    assert_int_equal(c->quarantined[ENTITY_ACCOUNT][REASON_INVALID_ACCOUNT_ID], 1);
    assert_int_equal(c->quarantined[ENTITY_ACCOUNT][REASON_MALFORMED], 1);
    assert_int_equal(c->emitted[TOPIC_QUARANTINE], 3);
    for (int f = FAMILY_META; f < FAMILY_COUNT; f++) /* no state has changed */
        assert_int_equal(count_family(memory_kv(g.memory), (enum family)f, slice_str("")), 0);
    rig_release(&g);
}

/* Only the task that owns the id finds the record to be too late. The quarantine still names the
 * place where its producer put it. */
static void test_pipeline__quarantine_of_a_forwarded_record(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, 5, 5, NULL);
    int32_t p = rig_owner_of("7");
    rig_run_text(&g, TOPIC_REPARTITION_CUSTOMERS, p, NULL, CUSTOMER("7"));
    struct input in =
        rig_input(&g, TOPIC_REPARTITION_CUSTOMERS, p, NULL,
                  "{\"customer_id\":7,\"name\":\"Bob\",\"updated_at\":\"2024-02-13\"}");
    in.source_partition = 4;
    in.source_offset = 99;
    rig_run(&g, &in);
    const struct message *m = &g.sent.messages[g.sent.count - 1];
    assert_int_equal(m->topic, TOPIC_QUARANTINE);
    assert_int_equal(m->partition, 1);
    assert_as_received(m, &in);
    const char *headers = buf_cstr(&g.sent.messages[g.sent.count - 1].headers);
    assert_non_null(strstr(headers, "quarantine.code=too_late\n"));
    assert_non_null(strstr(
        headers, "quarantine.topic=customers\nquarantine.partition=4\nquarantine.offset=99\n"));
    assert_null(strstr(headers, PIPELINE_SOURCE_HEADER));
    assert_int_equal(g.pipeline.env.counts.quarantined[ENTITY_CUSTOMER][REASON_TOO_LATE], 1);
    rig_release(&g);
}

/* A good record uses the buffers that a bad one has used before it. */
static void test_pipeline__a_good_record_behind_a_bad_one(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, N, N, NULL);
    int32_t p = rig_owner_of("7");
    rig_run_text(&g, TOPIC_CUSTOMERS, p, NULL, "{");
    rig_run_text(&g, TOPIC_CUSTOMERS, p, NULL, CUSTOMER("7"));
    rig_run_text(&g, TOPIC_CUSTOMERS, p, "7", NULL);
    rig_run_text(&g, TOPIC_CUSTOMERS, p, "7", NULL);
    const struct counts *c = &g.pipeline.env.counts;
    assert_int_equal(c->quarantined[ENTITY_CUSTOMER][REASON_MALFORMED], 1);
    assert_int_equal(c->applied[ENTITY_CUSTOMER], 2);
    assert_int_equal(c->unchanged[ENTITY_CUSTOMER], 1);
    assert_int_equal(capture_count(&g.sent, TOPIC_QUARANTINE), 1);
    rig_release(&g);
}

/* --- counts --- */

/* Nulls and unknown fields are counted where the record is applied, not where it is forwarded. */
static void test_pipeline__nulls_and_unknown_fields(void **state) {
    static const char value[] =
        "{\"customer_id\":1001,\"name\":\"Ann\",\"has_loan\":null,\"extra\":1,\"more\":[2]}";
    struct rig g;
    (void)state;
    rig_init(&g, 5, N, NULL);
    const struct counts *c = &g.pipeline.env.counts;
    rig_run_text(&g, TOPIC_CUSTOMERS, 4, NULL, value);
    assert_int_equal(c->null_values[ENTITY_CUSTOMER][FIELD_HAS_LOAN], 0);
    assert_int_equal(c->unknown_fields[ENTITY_CUSTOMER], 0);
    rig_run_text(&g, TOPIC_REPARTITION_CUSTOMERS, 0, NULL, value);
    assert_int_equal(c->null_values[ENTITY_CUSTOMER][FIELD_HAS_LOAN], 1);
    assert_int_equal(c->unknown_fields[ENTITY_CUSTOMER], 2);
    rig_run_text(&g, TOPIC_ACCOUNTS, 0, NULL,
                 "{\"account_id\":\" \",\"customer_id\":\"N/A\",\"balance\":1,\"extra\":1}");
    assert_int_equal(c->null_values[ENTITY_ACCOUNT][FIELD_ACCOUNT_ID], 1);
    assert_int_equal(c->null_values[ENTITY_ACCOUNT][FIELD_CUSTOMER_ID], 1);
    assert_int_equal(c->null_values[ENTITY_ACCOUNT][FIELD_BALANCE], 0);
    assert_int_equal(c->null_values[ENTITY_ACCOUNT][FIELD_ACCOUNT_TYPE], 1);
    assert_int_equal(c->unknown_fields[ENTITY_ACCOUNT], 1);
    rig_release(&g);
}

/* A ref counts as consumed when its fan-out is done, not before. */
static void test_pipeline__fanout(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, N, N, NULL);
    g.pipeline.env.fanout_max_rows = 1;
    int32_t p = rig_owner_of("A");
    rig_run_text(&g, TOPIC_ACCOUNTS, p, NULL, ACCOUNT("A"));
    struct input in = rig_input(&g, TOPIC_CUSTOMER_REFS, p, "1", NULL);
    in.record.value = slice_of("\1\1\6ann\1", 7);
    assert_int_equal(pipeline_process(&g.pipeline, &g.tasks[p], &in), PIPELINE_PART);
    assert_int_equal(g.pipeline.env.counts.consumed[TOPIC_CUSTOMER_REFS], 0);
    assert_int_equal(capture_count(&g.sent, TOPIC_ACCOUNT_SUMMARY), 1);
    assert_int_equal(pipeline_process(&g.pipeline, &g.tasks[p], &in), PIPELINE_DONE);
    assert_int_equal(g.pipeline.env.counts.consumed[TOPIC_CUSTOMER_REFS], 1);
    assert_int_equal(capture_count(&g.sent, TOPIC_ACCOUNT_SUMMARY), 1);
    rig_release(&g);
}

/* A message of another format in an internal topic, or one without a value. */
static void test_pipeline__foreign_internal_messages(void **state) {
    static const struct {
        enum topic topic;
        const char *key;
        struct slice value;
    } cases[] = {
        {TOPIC_ACCOUNT_LINKS, NULL, {NULL, 0}},
        {TOPIC_ACCOUNT_LINKS, "1", {"\1\0\2\0\2a", 6}},
        {TOPIC_ACCOUNT_LINKS, "x|A", {"\1\0\2\0\2a", 6}},
        {TOPIC_ACCOUNT_LINKS, "1|A", {"", 0}},
        {TOPIC_ACCOUNT_LINKS, "1|A", {"\2\0\2\0\2a", 6}},
        {TOPIC_ACCOUNT_LINKS, "1|A", {"\1\0\2\0\4a", 6}},
        {TOPIC_CUSTOMER_REFS, NULL, {NULL, 0}},
        {TOPIC_CUSTOMER_REFS, "x", {"\1\1\6ann\1", 7}},
        {TOPIC_CUSTOMER_REFS, "1", {"\2\1\6ann\1", 7}},
        {TOPIC_CUSTOMER_REFS, "1", {"\1\1\6ann", 6}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig g;
        rig_init(&g, N, N, NULL);
        struct input in = rig_input(&g, cases[i].topic, 0, cases[i].key, NULL);
        in.record.value = cases[i].value;
        (void)pipeline_process(&g.pipeline, &g.tasks[0], &in);
        if (memory_kv(g.memory)->err.class != ERR_STOP)
            fail_msg("case %zu was taken", i);
        assert_int_equal(g.sent.count, 0);
        rig_release(&g);
    }
}

static const char *any_value(struct rng *r, char *text, size_t size, bool is_customer) {
    static const char *const odd[] = {
        "",
        "{",
        "null",
        "[]",
        "\xff",
        "{}",
        "{\"customer_id\":{}}",
        "{\"op\":\"t\"}",
        "{\"before\":null,\"after\":null,\"op\":\"t\",\"source\":{\"ts_ms\":1707868800000}}"};
    int64_t what = rng_below(r, 100);
    if (what < 10)
        return NULL;
    if (what < 25)
        return odd[rng_below(r, ARRAY_LEN(odd))];
    const char *tail = what < 35 ? ",\"__deleted\":\"true\"" : "";
    int day = 10 + (int)rng_below(r, 5);
    if (is_customer)
        (void)snprintf(text, size,
                       "{\"customer_id\":\"%s\",\"name\":\"%s\",\"has_loan\":\"%s\","
                       "\"updated_at\":\"2024-02-%d\"%s}",
                       what < 45 ? "?" : (const char *[]){"1", "2", "3", "4"}[rng_below(r, 4)],
                       rng_chance(r, 5) ? "" : "ann", rng_chance(r, 50) ? "yes" : "no", day, tail);
    else
        (void)snprintf(
            text, size,
            "{\"account_id\":\"A%d\",\"customer_id\":%d,\"balance\":%d,\"account_type\":\"%s\","
            "\"updated_at\":\"2024-02-%d\"%s}",
            (int)rng_below(r, 5), (int)rng_below(r, 4), (int)rng_below(r, 3) - (what < 45),
            rng_chance(r, 5) ? "gold" : "savings", day, tail);
    return text;
}

/* Random records of a log: good and bad rows, deletes, and sometimes a truncate. */
static const char *any_change(struct rng *r, char *text, size_t size, bool is_customer) {
    static const char ops[] = "ccuuurdt";
    char row[128], op = ops[rng_below(r, rng_chance(r, 10) ? 8 : 7)];
    if (is_customer)
        (void)snprintf(row, sizeof row, "{\"customer_id\":%d,\"name\":\"%s\",\"has_loan\":%d}",
                       (int)rng_below(r, 5),
                       rng_chance(r, 90) ? "ann" : "__debezium_unavailable_value",
                       (int)rng_below(r, 4) % 3);
    else
        (void)snprintf(row, sizeof row,
                       "{\"account_id\":\"A%d\",\"customer_id\":%d,\"balance\":%d,"
                       "\"account_type\":\"savings\"}",
                       (int)rng_below(r, 5), (int)rng_below(r, 5), (int)rng_below(r, 4) - 1);
    bool is_delete = op == 'd';
    (void)snprintf(
        text, size,
        "{\"before\":%s,\"after\":%s,\"op\":\"%c\",\"source\":{\"ts_ms\":%lld,\"lsn\":%d}}",
        is_delete ? row : "null", is_delete || op == 't' ? "null" : row, op,
        (long long)(RIG_NOW - 1000 - rng_below(r, 60000)), (int)rng_below(r, 40));
    return text;
}

/* consumed = applied + unchanged + quarantined + forwarded, for any input, in pieces of any
 * size. */
static void check_conservation(uint64_t seed, int log_percent) {
    static const int32_t partitions[] = {1, N, 5};
    struct rng r = rng_seeded(seed);
    struct rig g;
    int32_t inputs[] = {partitions[rng_below(&r, 3)], partitions[rng_below(&r, 3)]};
    rig_init(&g, inputs[0], inputs[1], NULL);
    g.pipeline.env.fanout_max_rows = rng_chance(&r, 50) ? 1 + rng_below(&r, 3) : 1000;
    for (int i = 0; i < 200; i++) {
        char text[512];
        bool is_customer = rng_chance(&r, 50), is_log = rng_chance(&r, log_percent);
        const char *key = rng_chance(&r, 30) ? NULL : is_customer ? "2" : "A1";
        rig_run_text(&g, is_customer ? TOPIC_CUSTOMERS : TOPIC_ACCOUNTS,
                     (int32_t)rng_below(&r, inputs[!is_customer]), key,
                     (is_log ? any_change : any_value)(&r, text, sizeof text, is_customer));
        if (rng_chance(&r, 50))
            rig_deliver(&g);
    }
    rig_deliver(&g);
    const struct counts *c = &g.pipeline.env.counts;
    rig_assert_conserved(&g);
    assert_int_equal(c->consumed[TOPIC_CUSTOMERS] + c->consumed[TOPIC_ACCOUNTS], 200);
    rig_release(&g);
}

static void test_pipeline__conservation(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < seed_count(60); seed++)
        check_conservation(seed, 0);
    for (uint64_t seed = 0; seed < seed_count(60); seed++)
        check_conservation(seed, 80);
}

/* --- prefetching --- */

/* A kv between the tasks and their state, which notes the keys that are wanted and those that are
 * then read. */
struct spy {
    struct kv kv; /* first */
    struct kv *inner;
    struct {
        enum family family;
        struct buf key;
        bool asked;
    } wanted[8];
    size_t count;
};

static void spy_want(struct kv *kv, enum family f, struct slice key) {
    struct spy *spy = (struct spy *)kv;
    assert_true(spy->count < ARRAY_LEN(spy->wanted));
    spy->wanted[spy->count].family = f;
    buf_set(&spy->wanted[spy->count++].key, key);
}
static bool spy_get(struct kv *kv, enum family f, struct slice key, struct buf *value) {
    struct spy *spy = (struct spy *)kv;
    for (size_t i = 0; i < spy->count; i++)
        if (spy->wanted[i].family == f && slice_eq(buf_slice(&spy->wanted[i].key), key))
            spy->wanted[i].asked = true;
    return kv_get(spy->inner, f, key, value);
}
static void spy_put(struct kv *kv, enum family f, struct slice key, struct slice value) {
    kv_put(((struct spy *)kv)->inner, f, key, value);
}
static void spy_erase(struct kv *kv, enum family f, struct slice key) {
    kv_erase(((struct spy *)kv)->inner, f, key);
}
static struct kv_cursor *spy_cursor(struct kv *kv, enum family f) {
    return kv_cursor(((struct spy *)kv)->inner, f);
}

/* Wants what the record needs, then processes the record. So many rows must have been wanted, and
 * each of them must have been read. */
static void assert_wanted(struct rig *g, const struct input *in, size_t rows) {
    static const struct kv_ops ops = {spy_get, spy_put, spy_erase, spy_cursor, spy_want, NULL};
    struct spy spy = {.kv = {.ops = &ops}, .inner = memory_kv(g->memory)};
    g->pipeline.env.kv = &spy.kv;
    pipeline_want(&g->pipeline, &g->tasks[in->partition], in->topic, in->record.key);
    rig_run(g, in);
    g->pipeline.env.kv = spy.inner;
    assert_int_equal(spy.count, rows);
    for (size_t i = 0; i < spy.count; i++) {
        assert_true(spy.wanted[i].asked);
        buf_release(&spy.wanted[i].key);
    }
}

static void assert_text_wanted(struct rig *g, enum topic topic, int32_t partition, const char *key,
                               const char *value, size_t rows) {
    struct input in = rig_input(g, topic, partition, key, value);
    assert_wanted(g, &in, rows);
}

/* The last message that was sent to the topic, as an input. */
static void assert_message_wanted(struct rig *g, enum topic topic, size_t rows) {
    const struct message *last = NULL;
    struct buf key = {0}, value = {0};
    for (size_t i = 0; i < g->sent.count; i++)
        if (g->sent.messages[i].topic == topic)
            last = &g->sent.messages[i];
    assert_non_null(last);
    buf_set(&key, message_key(last));
    buf_set(&value, buf_slice(&last->value));
    struct input in = rig_input(g, topic, last->partition, NULL, NULL);
    in.record.key = buf_slice(&key);
    in.record.value = buf_slice(&value);
    assert_wanted(g, &in, rows);
    buf_release(&key);
    buf_release(&value);
}

static void test_pipeline__wanted_rows_are_asked_for(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, N, N, NULL);
    assert_text_wanted(&g, TOPIC_ACCOUNTS, rig_owner_of("A"), "A", ACCOUNT("A"), 1);
    assert_message_wanted(&g, TOPIC_ACCOUNT_LINKS, 1);
    assert_text_wanted(&g, TOPIC_CUSTOMERS, rig_owner_of("1"), "1", CUSTOMER("1"), 1);
    assert_message_wanted(&g, TOPIC_CUSTOMER_REFS, 1);
    assert_text_wanted(&g, TOPIC_REPARTITION_ACCOUNTS, rig_owner_of("B"), "B", ACCOUNT("B"), 1);
    assert_text_wanted(&g, TOPIC_REPARTITION_CUSTOMERS, rig_owner_of("2"), "2", CUSTOMER("2"), 1);
    /* Keys that are not an id. */
    assert_text_wanted(&g, TOPIC_ACCOUNTS, rig_owner_of("A"), NULL, ACCOUNT("A"), 0);
    assert_text_wanted(&g, TOPIC_ACCOUNTS, rig_owner_of("A"), "{\"account_id\":\"A\"}",
                       ACCOUNT("A"), 0);
    assert_text_wanted(&g, TOPIC_CUSTOMERS, rig_owner_of("1"), "one", CUSTOMER("1"), 0);
    rig_release(&g);
    rig_init(&g, N + 1, N + 1, NULL); /* the record is forwarded */
    assert_text_wanted(&g, TOPIC_ACCOUNTS, 0, "A", ACCOUNT("A"), 0);
    rig_release(&g);
}

/* --- a record that has to wait --- */

static bool is_answered; /* what the format of this test waits for is there */
static int asked;        /* how often it was asked for */

/* The format of this test: '#', then JSON. */
static bool waiting_recognizes(struct slice bytes, struct slice schema_id) {
    (void)schema_id;
    return slice_has_prefix(bytes, slice_str("#"));
}

static void waiting_read(const struct format *f, struct decoding *g) {
    (void)f;
    struct slice value = slice_of(g->record->value.p + 1, g->record->value.n - 1);
    asked++;
    if (is_answered)
        json_read_object(g, json_parse(&g->decoder->value, value));
    else
        wait_for(g, "an answer");
}

static const struct format waiting_formats[] = {
    {"of this test", waiting_recognizes, waiting_read, key_read_text},
    {"JSON", json_recognizes, json_read_value, key_read_text},
};

static void put_content(const struct rig *g, struct buf *out) {
    for (enum family f = 0; f < FAMILY_COUNT; f++)
        put_family(memory_kv(g->memory), f, slice_str(""), out);
}

/* Nothing is changed, counted or sent until the record can be read. */
static void test_pipeline__waits(void **state) {
    static const enum topic topics[] = {TOPIC_CUSTOMERS, TOPIC_REPARTITION_CUSTOMERS};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        struct rig g;
        struct buf before = {0}, after = {0};
        rig_init(&g, N, N, NULL);
        g.pipeline.decoder->formats = waiting_formats;
        rig_run_text(&g, TOPIC_CUSTOMERS, rig_owner_of("7"), "7", CUSTOMER("7"));
        size_t sent = g.sent.count;
        struct counts counts = g.pipeline.env.counts;
        put_content(&g, &before);
        struct input in = rig_input(&g, topics[i], rig_owner_of("7"), "7", "#" CUSTOMER_BOB("7"));
        is_answered = false;
        for (int k = 0; k < 3; k++) {
            assert_int_equal(pipeline_process(&g.pipeline, &g.tasks[in.partition], &in),
                             PIPELINE_WAITS);
            assert_text(buf_slice(&g.pipeline.reason.text), "an answer");
        }
        asked = 0;
        pipeline_ask_ahead(&g.pipeline, &in);
        assert_int_equal(asked, 1);
        assert_int_equal(g.sent.count, sent);
        assert_memory_equal(&counts, &g.pipeline.env.counts, sizeof counts);
        put_content(&g, &after);
        assert_text(buf_slice(&after), buf_cstr(&before));
        is_answered = true;
        assert_int_equal(pipeline_process(&g.pipeline, &g.tasks[in.partition], &in), PIPELINE_DONE);
        assert_int_equal(g.pipeline.env.counts.applied[ENTITY_CUSTOMER], 2);
        assert_int_equal(g.pipeline.env.counts.consumed[topics[i]], counts.consumed[topics[i]] + 1);
        rig_assert_conserved(&g);
        buf_release(&before);
        buf_release(&after);
        rig_release(&g);
    }
}

/* A truncate of a log before everything. It ends no row, but it looks at all of them. */
#define OLD_TRUNCATE                                                                               \
    "#{\"source\":{\"connector\":\"postgresql\",\"ts_ms\":1,\"lsn\":1},\"op\":\"t\"}"

/* A truncate that has to wait after its first part does not change what the records do that come
 * before its next one: a ref still rewrites all accounts of its customer. */
static void test_pipeline__waits_after_a_part(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, N, N, NULL);
    g.pipeline.decoder->formats = waiting_formats;
    g.pipeline.env.fanout_max_rows = 1;
    int32_t p = rig_owner_of("A");
    rig_run_text(&g, TOPIC_CUSTOMERS, rig_owner_of("1"), "1", CUSTOMER("1"));
    assert_int_equal(rig_owner_of("B"), p);
    rig_run_text(&g, TOPIC_ACCOUNTS, p, NULL, ACCOUNT("A"));
    rig_run_text(&g, TOPIC_ACCOUNTS, p, NULL, ACCOUNT("B"));
    rig_deliver(&g);
    assert_int_equal(capture_count(&g.sent, TOPIC_ACCOUNT_WITH_CUSTOMER), 2);
    struct input in = rig_input(&g, TOPIC_ACCOUNTS, p, NULL, OLD_TRUNCATE);
    is_answered = true;
    assert_int_equal(pipeline_process(&g.pipeline, &g.tasks[p], &in), PIPELINE_PART);
    is_answered = false;
    assert_int_equal(pipeline_process(&g.pipeline, &g.tasks[p], &in), PIPELINE_WAITS);
    rig_run_text(&g, TOPIC_CUSTOMERS, rig_owner_of("1"), "1", CUSTOMER_BOB("1"));
    rig_deliver(&g);
    assert_int_equal(capture_count(&g.sent, TOPIC_ACCOUNT_WITH_CUSTOMER), 4);
    is_answered = true;
    rig_run(&g, &in);
    assert_int_equal(capture_count(&g.sent, TOPIC_ACCOUNT_WITH_CUSTOMER), 4);
    rig_assert_conserved(&g);
    rig_release(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipeline__in_place),
        cmocka_unit_test(test_pipeline__forward),
        cmocka_unit_test(test_pipeline__forwarded),
        cmocka_unit_test(test_pipeline__not_an_input),
        cmocka_unit_test(test_pipeline__quarantine),
        cmocka_unit_test(test_pipeline__quarantine_of_a_forwarded_record),
        cmocka_unit_test(test_pipeline__a_good_record_behind_a_bad_one),
        cmocka_unit_test(test_pipeline__nulls_and_unknown_fields),
        cmocka_unit_test(test_pipeline__fanout),
        cmocka_unit_test(test_pipeline__foreign_internal_messages),
        cmocka_unit_test(test_pipeline__conservation),
        cmocka_unit_test(test_pipeline__wanted_rows_are_asked_for),
        cmocka_unit_test(test_pipeline__waits),
        cmocka_unit_test(test_pipeline__waits_after_a_part),
    };
    return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
