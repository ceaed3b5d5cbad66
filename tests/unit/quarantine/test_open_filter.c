/* Which rejected records are open, after random records of a few ids have gone through the real
 * pipeline. The model looks at all records that were accepted, one by one. */
#include "rig.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"
#include "streamer/model/entity.h"
#include "streamer/quarantine/newest_accepted.h"
#include "streamer/quarantine/open_filter.h"
#include "streamer/task/task_history.h"

#include <stdio.h>
#include <string.h>

#define MINUTE_MS INT64_C(60000)
#define BEGIN_MS (RIG_NOW - 10 * 24 * 60 * MINUTE_MS)
#define RECORDS_MAX 120
#define IDS 4 /* of each entity; the odd ones come from a database's log */

/* --- random records --- */

/* A record that was sent, and what became of it. */
struct sent {
    enum topic topic;
    int id; /* -1: unreadable */
    bool is_log, is_accepted, is_replayed;
    bool is_unique;           /* no other record has its content */
    bool is_newest;           /* when it was accepted, it became the newest event of its id */
    int64_t at, timestamp_ms; /* its time by the rules of the input, and the Kafka timestamp */
    int64_t offset;           /* the same over all topics, so it says the order, too */
    struct buf key, value;
};

struct story {
    struct rng rng;
    struct rig rig;
    struct sent sent[RECORDS_MAX];
    size_t count;
    int64_t newest[2][IDS]; /* the time of the newest event, by entity and id */
};

static int64_t kafka_time(const struct story *s) {
    return BEGIN_MS + (int64_t)s->count * 30 * MINUTE_MS;
}

static const char *loan_of(struct story *s, bool is_bad) {
    return is_bad ? "perhaps" : rng_chance(&s->rng, 50) ? "yes" : "no";
}

static void put_fields(struct story *s, struct sent *r, bool is_bad, struct buf *out) {
    /* Two contents are the same now and then. */
    int content = rng_chance(&s->rng, 40) ? 0 : 1 + (int)s->count;
    r->is_unique = content > 0;
    if (r->topic == TOPIC_CUSTOMERS)
        buf_printf(out, "{\"customer_id\":%d,\"customer_name\":\"n%d\",\"has_loan\":\"%s\"", r->id,
                   content, content == 0 && !is_bad ? "no" : loan_of(s, is_bad));
    else
        buf_printf(out, "{\"account_id\":\"A|%d\",\"customer_id\":1,\"balance\":\"%s%d\"", r->id,
                   is_bad ? "x" : "", content);
    if (r->topic == TOPIC_ACCOUNTS)
        buf_put_str(out, ",\"account_type\":\"savings\"");
}

/* A time that no other record has. */
static int64_t own_time(struct story *s) {
    int64_t age = rng_below(&s->rng, 60);
    return kafka_time(s) - age * 30 * MINUTE_MS - (int64_t)s->count * 1000 - 1;
}

/* Puts when and how the change was made, and sets r->at. */
static void put_time(struct story *s, struct sent *r, bool is_bad, struct buf *out) {
    bool is_delete = !is_bad && rng_chance(&s->rng, 10);
    r->at = r->timestamp_ms;
    if (r->is_log) {
        /* The clock of the database may step back. A delete or a record that says the same again
         * leaves too little in the topics then. */
        bool may_step_back = r->is_unique && !is_delete;
        r->at -= (may_step_back ? 1 + rng_below(&s->rng, 600) : 1) * MINUTE_MS;
        buf_printf(out, ",\"__op\":\"%s\",\"__source_ts_ms\":%lld%s", is_delete ? "d" : "u",
                   (long long)r->at, is_delete ? ",\"__deleted\":\"true\"" : "");
    } else if (is_delete) {
        buf_put_str(out, ",\"Op\":\"D\"");
    } else if (is_bad && rng_chance(&s->rng, 20)) {
        buf_put_str(out, ",\"updated_at\":\"soon\"");
    } else if (rng_chance(&s->rng, 70)) {
        r->at = own_time(s);
        buf_printf(out, ",\"updated_at\":%lld", (long long)r->at);
    }
}

static struct sent *new_sent(struct story *s) {
    struct sent *r = &s->sent[s->count];
    *r = (struct sent){.topic = rng_chance(&s->rng, 50) ? TOPIC_CUSTOMERS : TOPIC_ACCOUNTS,
                       .id = (int)rng_below(&s->rng, IDS),
                       .timestamp_ms = kafka_time(s)};
    r->is_log = r->id % 2 == 1;
    return r;
}

static void put_key(struct sent *r) {
    buf_printf(&r->key, r->topic == TOPIC_CUSTOMERS ? "%d" : "A|%d", r->id);
}

/* Whether the record of that offset was quarantined. */
static bool was_rejected(const struct rig *g, int64_t offset) {
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)offset);
    for (size_t i = 0; i < g->sent.count; i++)
        if (g->sent.messages[i].topic == TOPIC_QUARANTINE &&
            slice_eq(message_header(&g->sent.messages[i], "quarantine.offset"), slice_str(text)))
            return true;
    return false;
}

/* A record of a log takes the time of the newest event if its own is older. */
static void note_newest(struct story *s, struct sent *r) {
    int64_t *newest = &s->newest[r->topic == TOPIC_CUSTOMERS][r->id < 0 ? 0 : r->id];
    r->is_newest = r->is_accepted && (r->is_log || r->at >= *newest);
    if (r->is_newest && r->at > *newest)
        *newest = r->at;
}

static void send_record(struct story *s, struct sent *r, bool is_replay) {
    static const struct rig_headers replayed = {.by_time = true, .replayed_at_ms = RIG_NOW};
    struct input in = rig_input(&s->rig, r->topic, murmur2_partition(buf_slice(&r->key), 2),
                                buf_cstr(&r->key), buf_cstr(&r->value));
    in.record.timestamp_ms = r->timestamp_ms;
    if (is_replay) {
        in.headers = &replayed;
        in.record.by_time = true;
        in.record.replayed_at_ms = RIG_NOW;
    }
    r->offset = in.offset;
    rig_run(&s->rig, &in);
    rig_deliver(&s->rig);
    r->is_accepted = !was_rejected(&s->rig, r->offset);
    note_newest(s, r);
    s->count++;
}

static void send_new(struct story *s) {
    struct sent *r = new_sent(s);
    bool is_bad = rng_chance(&s->rng, 35);
    put_key(r);
    put_fields(s, r, is_bad, &r->value);
    put_time(s, r, is_bad, &r->value);
    buf_put_str(&r->value, "}");
    send_record(s, r, false);
}

/* Without an id in its value or its key. */
static void send_unreadable(struct story *s) {
    struct sent *r = new_sent(s);
    r->id = -1;
    r->is_log = false;
    buf_put_str(&r->key, "?");
    buf_put_str(&r->value, "{\"balance\":");
    send_record(s, r, false);
}

static void send_replay(struct story *s) {
    int64_t recent = s->count < 12 ? (int64_t)s->count : 12;
    struct sent *from = &s->sent[(int64_t)s->count - 1 - rng_below(&s->rng, recent)];
    if (from->is_accepted || from->is_replayed || from->id < 0)
        return;
    from->is_replayed = true;
    struct sent *r = new_sent(s);
    r->topic = from->topic;
    r->id = from->id;
    r->timestamp_ms = r->at = from->timestamp_ms;
    r->is_log = false;
    put_key(r);
    put_fields(s, r, rng_chance(&s->rng, 30), &r->value);
    if (from->at != from->timestamp_ms) {
        r->at = from->at;
        buf_printf(&r->value, ",\"updated_at\":%lld", (long long)r->at);
    }
    buf_put_str(&r->value, "}");
    send_record(s, r, true);
}

/* --- the model --- */

static bool overtakes(const struct sent *a, const struct sent *r) {
    if (!a->is_accepted || a->topic != r->topic || a->id != r->id)
        return false;
    if (!r->is_log)
        return a->at > r->at || (a->at == r->at && a->offset > r->offset);
    return a->is_newest && a->offset > r->offset &&
           a->timestamp_ms >= r->timestamp_ms; /* else it is a replay of an older record */
}

static bool is_open(const struct story *s, const struct sent *r) {
    if (r->is_accepted || r->is_replayed)
        return false;
    for (size_t i = 0; i < s->count; i++)
        if (r->id >= 0 && overtakes(&s->sent[i], r))
            return false;
    return true;
}

static void put_expected(const struct story *s, struct buf *out) {
    for (size_t i = 0; i < s->count; i++)
        if (is_open(s, &s->sent[i]))
            buf_printf(out, "%lld\n", (long long)s->sent[i].offset);
}

/* --- what the filter says --- */

static void assert_fine(bool ok, const struct err *e) {
    if (!ok)
        fail_msg("%s", e->text);
}

static bool is_replayed(const struct story *s, int64_t offset) {
    for (size_t i = 0; i < s->count; i++)
        if (s->sent[i].offset == offset)
            return s->sent[i].is_replayed;
    return false;
}

static struct quarantined quarantined_of(const struct story *s, const struct message *m) {
    struct slice topic = message_header(m, "quarantine.topic"),
                 id = message_header(m, "quarantine.id"),
                 partition = message_header(m, "quarantine.partition"),
                 offset = message_header(m, "quarantine.offset");
    static const struct sink_header replays = {"quarantine.replays", {"x", 1}};
    const struct rig_headers *headers = m->headers_from;
    return (struct quarantined){
        .partition = m->partition,
        .offset = strtoll(offset.p, NULL, 10),
        .topic = topic,
        .input_partition = (int32_t)strtol(partition.p, NULL, 10),
        .input_offset = strtoll(offset.p, NULL, 10),
        .entity = slice_eq(topic, slice_str("customers")) ? ENTITY_CUSTOMER : ENTITY_ACCOUNT,
        .id = id,
        .code = message_header(m, "quarantine.code"),
        .reason = message_header(m, "quarantine.reason"),
        .mark = slice_str("mark"),
        .at_ms = strtoll(offset.p, NULL, 10), /* so they are passed on in the order of sending */
        .key = message_key(m),
        .value = message_value(m),
        .timestamp_ms = m->timestamp_ms,
        .headers = &replays,
        .header_count = headers->by_time,
        .replayed_at_ms = is_replayed(s, strtoll(offset.p, NULL, 10)) ? RIG_NOW : TIMESTAMP_NONE,
    };
}

static bool is_compacted(const struct capture *c, size_t i) {
    const struct message *m = &c->messages[i];
    for (size_t k = i + 1; k < c->count; k++)
        if (c->messages[k].topic == m->topic && c->messages[k].partition == m->partition &&
            slice_eq(message_key(&c->messages[k]), message_key(m)))
            return true;
    return false;
}

static void put_records(const struct story *s, struct open_filter *f) {
    struct err e = {0};
    const struct capture *c = &s->rig.sent;
    for (size_t i = 0; i < c->count; i++) {
        if (c->messages[i].topic != TOPIC_QUARANTINE)
            continue;
        struct quarantined q = quarantined_of(s, &c->messages[i]);
        assert_fine(open_filter_put(f, &q, &e), &e);
    }
}

static void take_topics(const struct story *s, struct open_filter *f, bool compacted,
                        bool has_headers) {
    struct err e = {0};
    const struct capture *c = &s->rig.sent;
    for (size_t i = 0; i < c->count; i++) {
        const struct message *m = &c->messages[i];
        struct history_headers headers = {
            .origin = has_headers ? message_header(m, SINK_SOURCE_HEADER) : slice_null(),
            .split = has_headers ? message_header(m, TASK_SPLIT_HEADER) : slice_null()};
        if (open_filter_needs(f, m->topic) && !(compacted && is_compacted(c, i)))
            assert_fine(
                open_filter_take(f, m->topic, message_key(m), message_value(m), headers, &e), &e);
    }
}

static bool note_open(void *context, const struct quarantined *q, struct err *e) {
    (void)e;
    assert_text(q->mark, "mark");
    buf_printf(context, "%lld\n", (long long)q->input_offset);
    return true;
}

static void ask_filter(const struct story *s, bool compacted, bool has_headers, struct buf *out) {
    struct err e = {0};
    struct open_filter *f = open_filter_new(&s->rig.config, NULL, &e);
    assert_non_null(f);
    put_records(s, f);
    take_topics(s, f, compacted, has_headers);
    assert_fine(open_filter_pass(f, note_open, out, &e), &e);
    open_filter_free(f);
}

/* --- tests --- */

/* A row of the history that begins a minute after the record. With `vanishes`, it is taken back. */
static bool is_open_beside_a_row(bool vanishes) {
    struct err e = {0};
    struct rig g;
    struct buf open = {0};
    struct slice key = slice_str("7|1707955260000");
    struct quarantined q = {.topic = slice_str("customers"),
                            .entity = ENTITY_CUSTOMER,
                            .mark = slice_str("mark"),
                            .value = slice_str("{\"customer_id\":7}"),
                            .timestamp_ms = INT64_C(1707955200000),
                            .replayed_at_ms = TIMESTAMP_NONE};
    rig_init(&g, 2, 2, NULL);
    struct open_filter *f = open_filter_new(&g.config, NULL, &e);
    assert_non_null(f);
    assert_fine(open_filter_put(f, &q, &e), &e);
    assert_fine(open_filter_take(f, TOPIC_CUSTOMER_HISTORY, key,
                                 slice_str("{\"customer_id\":7,\"customer_name\":\"ann\","
                                           "\"has_loan_flag\":false,"
                                           "\"loaded_at\":\"2024-02-15T00:01:00.000Z\","
                                           "\"valid_from_at\":\"2024-02-15T00:01:00.000Z\","
                                           "\"valid_to_at\":null}"),
                                 (struct history_headers){0}, &e),
                &e);
    if (vanishes)
        assert_fine(open_filter_take(f, TOPIC_CUSTOMER_HISTORY, key, slice_null(),
                                     (struct history_headers){0}, &e),
                    &e);
    assert_fine(open_filter_pass(f, note_open, &open, &e), &e);
    bool is_open = open.n > 0;
    buf_release(&open);
    open_filter_free(f);
    rig_release(&g);
    return is_open;
}

static void test_open_filter__a_row_that_vanished_overtakes_nothing(void **state) {
    (void)state;
    assert_false(is_open_beside_a_row(false));
    assert_true(is_open_beside_a_row(true));
}

static void run(uint64_t seed) {
    struct story s = {.rng = rng_seeded(seed)};
    struct buf expected = {0}, got = {0};
    rig_init(&s.rig, 2, 2, NULL);
    for (int64_t i = rng_below(&s.rng, RECORDS_MAX); i > 0; i--) {
        int64_t what = rng_below(&s.rng, 100);
        if (what < 5)
            send_unreadable(&s);
        else if (what < 25 && s.count > 0)
            send_replay(&s);
        else
            send_new(&s);
    }
    put_expected(&s, &expected);
    ask_filter(&s, rng_chance(&s.rng, 50), rng_chance(&s.rng, 80), &got);
    if (!slice_eq(buf_slice(&expected), buf_slice(&got)))
        fail_msg("seed %llu: open are\n%snot\n%s", (unsigned long long)seed, buf_cstr(&expected),
                 buf_cstr(&got));
    for (size_t i = 0; i < s.count; i++) {
        buf_release(&s.sent[i].key);
        buf_release(&s.sent[i].value);
    }
    buf_release(&expected);
    buf_release(&got);
    rig_release(&s.rig);
}

static void test_open_filter__knows_what_is_overtaken(void **state) {
    (void)state;
    uint64_t seeds = seed_count(15);
    for (uint64_t seed = 1; seed <= seeds; seed++)
        run(seed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_filter__a_row_that_vanished_overtakes_nothing),
        cmocka_unit_test(test_open_filter__knows_what_is_overtaken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
