/* What a replica says of records is compared with what the application does when it gets them: the
 * rig runs the same pipeline with three tasks and topics between them. */
#include "rig.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"
#include "streamer/quarantine/replica.h"

#include <stdio.h>
#include <string.h>

#define HOUR_MS INT64_C(3600000)
#define TRIALS_MAX 6

/* --- records --- */

static void put_time(struct buf *out, int64_t ms) {
    timestamp_put_iso(out, ms);
}

static int64_t any_time(struct rng *rng) {
    return RIG_NOW - (1 + rng_below(rng, 40)) * HOUR_MS;
}

/* Puts a change of a customer, sometimes a bad one. */
static void put_customer(struct rng *rng, int id, struct buf *out) {
    static const char *const names[] = {"Ann", "Bob", "Cleo", " "};
    static const char *const loans[] = {"yes", "no", "perhaps"};
    buf_printf(out, "{\"customer_id\":%d,\"customer_name\":\"%s\",\"has_loan\":\"%s\"", id,
               names[rng_below(rng, 20) == 0 ? 3 : rng_below(rng, 3)],
               loans[rng_below(rng, 12) == 0 ? 2 : rng_below(rng, 2)]);
}

static void put_account(struct rng *rng, int id, struct buf *out) {
    static const char *const types[] = {"Savings", "Savings", "Checking", "Gold"};
    buf_printf(out, "{\"account_id\":\"A|%d\",\"customer_id\":%d,\"balance\":\"%d\"", id,
               (int)rng_below(rng, 5),
               (int)rng_below(rng, 4) * 9000 - (rng_chance(rng, 8) ? 1 : 0));
    buf_printf(out, ",\"account_type\":\"%s\"", types[rng_below(rng, rng_chance(rng, 8) ? 4 : 3)]);
}

struct made {
    struct buf key, value;
    bool is_tombstone;
};

/* Makes a random record of one of 4 customers or so many accounts. Returns its topic. */
static enum topic make_record(struct rng *rng, int accounts, struct made *m) {
    enum topic topic = rng_chance(rng, 40) ? TOPIC_CUSTOMERS : TOPIC_ACCOUNTS;
    int id = (int)rng_below(rng, topic == TOPIC_CUSTOMERS ? 4 : accounts);
    buf_clear(&m->key);
    buf_clear(&m->value);
    buf_printf(&m->key, topic == TOPIC_CUSTOMERS ? "%d" : "A|%d", id);
    m->is_tombstone = rng_chance(rng, 8);
    (topic == TOPIC_CUSTOMERS ? put_customer : put_account)(rng, id, &m->value);
    if (rng_chance(rng, 80)) {
        buf_put_str(&m->value, ",\"updated_at\":\"");
        put_time(&m->value, any_time(rng));
        buf_put_str(&m->value, "\"");
    }
    if (rng_chance(rng, 8))
        buf_put_str(&m->value, ",\"__deleted\":\"true\"");
    if (rng_chance(rng, 20)) /* of a database's log */
        buf_printf(&m->value, ",\"__op\":\"u\",\"__lsn\":%d", 1 + (int)rng_below(rng, 50));
    buf_put_str(&m->value, "}");
    return topic;
}

static void made_release(struct made *m) {
    buf_release(&m->key);
    buf_release(&m->value);
}

/* All records of one id lie in one partition, so that they have an order. */
static struct input input_of_made(struct rig *g, struct rng *rng, enum topic topic,
                                  struct made *m) {
    struct input in = rig_input(g, topic, murmur2_partition(buf_slice(&m->key), 2),
                                buf_cstr(&m->key), m->is_tombstone ? NULL : buf_cstr(&m->value));
    in.record.timestamp_ms = any_time(rng);
    return in;
}

/* --- what the application does --- */

/* What was found of records and rows, as lines of text. */
struct findings {
    struct buf verdicts, rows;
    int64_t applied;
};

static void findings_release(struct findings *f) {
    buf_release(&f->verdicts);
    buf_release(&f->rows);
}

static struct slice without_time(struct slice json) {
    static const char last[] = ",\"calculated_at\":";
    const char *at = json.p != NULL ? memmem(json.p, json.n, last, sizeof last - 1) : NULL;
    return at != NULL ? slice_of(json.p, (size_t)(at - json.p)) : json;
}

static void put_finding(struct buf *out, enum topic topic, struct slice key, struct slice before,
                        struct slice after) {
    struct slice b = without_time(before), a = without_time(after);
    buf_printf(out, "%d %.*s: %.*s -> %.*s\n", (int)topic, (int)key.n, key.p, (int)b.n,
               b.p != NULL ? b.p : "", (int)a.n, a.p != NULL ? a.p : "");
}

/* The value of the last of the first `count` messages with the topic and key of `m`. */
static struct slice last_value(const struct capture *c, const struct message *m, size_t count) {
    for (size_t i = count; i > 0; i--)
        if (c->messages[i - 1].topic == m->topic &&
            slice_eq(message_key(&c->messages[i - 1]), message_key(m)))
            return message_value(&c->messages[i - 1]);
    return slice_null();
}

static bool is_row(enum topic t) {
    return topic_is_result(t) && t != TOPIC_QUARANTINE;
}

static int compare_messages(const void *a, const void *b) {
    const struct message *x = *(const struct message *const *)a,
                         *y = *(const struct message *const *)b;
    return x->topic != y->topic ? (int)x->topic - (int)y->topic
                                : slice_compare(message_key(x), message_key(y));
}

/* Puts the rows that the messages from `from` on have changed. */
static void put_changes(const struct capture *c, size_t from, struct buf *out) {
    const struct message **list = calloc(c->count + 1, sizeof *list);
    size_t n = 0;
    for (size_t i = from; i < c->count; i++)
        if (is_row(c->messages[i].topic))
            list[n++] = &c->messages[i];
    qsort(list, n, sizeof *list, compare_messages);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && compare_messages(&list[i - 1], &list[i]) == 0)
            continue;
        struct slice before = last_value(c, list[i], from),
                     after = last_value(c, list[i], c->count);
        if ((before.p == NULL) != (after.p == NULL) ||
            !slice_eq(without_time(before), without_time(after)))
            put_finding(out, list[i]->topic, message_key(list[i]), before, after);
    }
    free(list);
}

/* The code with which the record of that offset was quarantined, or "". */
static struct slice code_of(const struct capture *c, size_t from, int64_t offset) {
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)offset);
    for (size_t i = from; i < c->count; i++)
        if (c->messages[i].topic == TOPIC_QUARANTINE &&
            slice_eq(message_header(&c->messages[i], "quarantine.offset"), slice_str(text)))
            return message_header(&c->messages[i], "quarantine.code");
    return slice_str("");
}

static int64_t applied(const struct rig *g) {
    const struct counts *c = &g->pipeline.env.counts;
    return c->applied[ENTITY_CUSTOMER] + c->applied[ENTITY_ACCOUNT];
}

static void do_for_real(struct rig *g, const struct input *inputs, size_t count,
                        struct findings *f) {
    size_t from = g->sent.count;
    int64_t applied_before = applied(g);
    for (size_t i = 0; i < count; i++)
        rig_run(g, &inputs[i]);
    rig_deliver(g);
    for (size_t i = 0; i < count; i++) {
        struct slice code = code_of(&g->sent, from, inputs[i].offset);
        buf_printf(&f->verdicts, "%zu %.*s\n", i, (int)code.n, code.p);
    }
    f->applied = applied(g) - applied_before;
    put_changes(&g->sent, from, &f->rows);
}

/* --- what the replica says --- */

static bool note_verdict(void *context, size_t i, enum replica_verdict verdict,
                         const struct reason *why, struct err *e) {
    struct findings *f = context;
    (void)e;
    buf_printf(&f->verdicts, "%zu %s\n", i,
               verdict == REPLICA_REJECTED ? reason_code_name(why->code) : "");
    f->applied += verdict == REPLICA_APPLIED;
    return true;
}

static bool note_change(void *context, const struct replica_row *row, struct err *e) {
    struct findings *f = context;
    (void)e;
    put_finding(&f->rows, row->topic, row->key, without_time(row->before),
                without_time(row->after));
    return true;
}

/* Without the brace that a row without calculated_at ends with. */
static void drop_braces(struct buf *rows) {
    size_t n = 0;
    for (size_t i = 0; i < rows->n; i++)
        if (rows->p[i] != '}')
            rows->p[n++] = rows->p[i];
    rows->n = n;
}

static bool is_compacted(const struct capture *c, size_t i) {
    const struct message *m = &c->messages[i];
    for (size_t k = i + 1; k < c->count; k++)
        if (c->messages[k].topic == m->topic && c->messages[k].partition == m->partition &&
            slice_eq(message_key(&c->messages[k]), message_key(m)))
            return true;
    return false;
}

static void assert_fine(bool ok, const struct err *e) {
    if (!ok)
        fail_msg("%s", e->text);
}

static void fill(struct replica *r, const struct capture *c, bool compacted) {
    struct err e = {0};
    for (int s = 0; s < REPLICA_STEPS; s++) {
        enum topic topic;
        bool is_needed;
        assert_fine(replica_begin_step(r, s, &topic, &is_needed, &e), &e);
        for (size_t i = 0; is_needed && i < c->count; i++) {
            const struct message *m = &c->messages[i];
            if (m->topic == topic && replica_needs_partition(r, m->partition, RIG_N) &&
                !(compacted && is_compacted(c, i)))
                assert_fine(replica_take(r, message_key(m), message_value(m), &e), &e);
        }
    }
}

static void ask_replica(const struct rig *g, const struct input *inputs, size_t count,
                        bool compacted, struct findings *f) {
    struct err e = {0};
    struct replica *r = replica_new(&g->config, NULL);
    for (size_t i = 0; i < count; i++)
        assert_fine(replica_add(r, inputs[i].topic, &inputs[i].record, &e), &e);
    fill(r, &g->sent, compacted);
    assert_fine(replica_try(r, RIG_NOW, note_verdict, f, &e), &e);
    assert_fine(replica_rows(r, note_change, f, &e), &e);
    replica_free(r);
}

/* --- tests --- */

static const struct rig_headers replayed = {.by_time = true, .replayed_at_ms = RIG_NOW};

static void make_replay(struct input *in) {
    in->headers = &replayed;
    in->record.by_time = true;
    in->record.replayed_at_ms = RIG_NOW;
}

static void run(uint64_t seed) {
    struct rng rng = rng_seeded(seed);
    struct rig g;
    struct made m = {0}, made[TRIALS_MAX] = {0};
    struct input inputs[TRIALS_MAX];
    struct findings said = {0}, done = {0};
    size_t count = 1 + (size_t)rng_below(&rng, TRIALS_MAX);
    /* In one run of eight a customer has more accounts than fit into its row. */
    bool is_large = rng_chance(&rng, 12);
    int accounts = is_large ? 200 : 7;
    rig_init(&g, rng_chance(&rng, 50) ? RIG_N : 2, rng_chance(&rng, 50) ? RIG_N : 2, NULL);
    for (int64_t i = rng_below(&rng, is_large ? 500 : 80); i > 0; i--) {
        enum topic topic = make_record(&rng, accounts, &m);
        struct input in = input_of_made(&g, &rng, topic, &m);
        rig_run(&g, &in);
    }
    rig_deliver(&g);
    for (size_t i = 0; i < count; i++) {
        enum topic topic = make_record(&rng, accounts, &made[i]);
        inputs[i] = input_of_made(&g, &rng, topic, &made[i]);
        make_replay(&inputs[i]);
    }
    ask_replica(&g, inputs, count, rng_chance(&rng, 50), &said);
    do_for_real(&g, inputs, count, &done);
    drop_braces(&said.rows);
    drop_braces(&done.rows);
    if (!slice_eq(buf_slice(&said.verdicts), buf_slice(&done.verdicts)) ||
        !slice_eq(buf_slice(&said.rows), buf_slice(&done.rows)) || said.applied != done.applied) {
        print_message("said\n%s%s%lld applied\nbut it was\n", buf_cstr(&said.verdicts),
                      buf_cstr(&said.rows), (long long)said.applied);
        print_message("%s%s%lld applied\n", buf_cstr(&done.verdicts), buf_cstr(&done.rows),
                      (long long)done.applied);
        fail_msg("seed %llu", (unsigned long long)seed);
    }
    for (size_t i = 0; i < count; i++)
        made_release(&made[i]);
    made_release(&m);
    findings_release(&said);
    findings_release(&done);
    rig_release(&g);
}

static void test_replica__says_what_the_application_does(void **state) {
    (void)state;
    uint64_t seeds = seed_count(400);
    for (uint64_t seed = 1; seed <= seeds; seed++)
        run(seed);
}

/* --- limits --- */

/* Adds records of the customers 0 to count - 1. */
static bool add_customers(struct replica *r, size_t count, bool is_same, struct err *e) {
    bool ok = true;
    struct buf value = {0};
    for (size_t i = 0; ok && i < count; i++) {
        buf_clear(&value);
        buf_printf(&value, "{\"customer_id\":%zu,\"customer_name\":\"Ann\"}", is_same ? 0 : i);
        ok = replica_add(r, TOPIC_CUSTOMERS,
                         &(struct record){.value = buf_slice(&value),
                                          .timestamp_ms = RIG_NOW,
                                          .replayed_at_ms = TIMESTAMP_NONE},
                         e);
    }
    buf_release(&value);
    return ok;
}

static void test_replica__refuses_more_records_than_fit(void **state) {
    (void)state;
    struct rig g;
    struct err e = {0};
    rig_init(&g, RIG_N, RIG_N, NULL);
    struct replica *r = replica_new(&g.config, NULL);
    assert_true(add_customers(r, REPLICA_RECORDS_MAX, true, &e));
    assert_false(add_customers(r, 1, true, &e));
    assert_non_null(strstr(e.text, "more than 10000 records"));
    assert_non_null(strstr(e.text, "--id"));
    replica_free(r);
    rig_release(&g);
}

/* A link of one customer to one more account, as its topic has it. */
static bool take_link(struct replica *r, int account, struct err *e) {
    struct account_link link = {0, 100, slice_str("savings")};
    struct buf key = {0}, value = {0};
    buf_printf(&key, "0|A%d", account);
    buf_put_byte(&value, MESSAGE_FORMAT);
    row_put_avro(&account_link_type, &link, &value);
    bool ok = replica_take(r, buf_slice(&key), buf_slice(&value), e);
    buf_release(&key);
    buf_release(&value);
    return ok;
}

static void test_replica__refuses_a_customer_with_too_many_accounts(void **state) {
    (void)state;
    struct rig g;
    struct err e = {0};
    enum topic topic;
    bool is_needed, ok = true;
    rig_init(&g, RIG_N, RIG_N, NULL);
    struct replica *r = replica_new(&g.config, NULL);
    assert_true(add_customers(r, 1, true, &e));
    for (int s = 0; s < 2; s++)
        assert_true(replica_begin_step(r, s, &topic, &is_needed, &e));
    assert_true(is_needed && topic == TOPIC_ACCOUNT_LINKS);
    for (int i = 0; ok && i <= (int)REPLICA_IDS_MAX; i++)
        ok = take_link(r, i, &e);
    assert_false(ok);
    assert_non_null(strstr(e.text, "more than 20000 customers and accounts"));
    replica_free(r);
    rig_release(&g);
}

static bool note_truncate(void *context, size_t i, enum replica_verdict verdict,
                          const struct reason *why, struct err *e) {
    struct findings *f = context;
    (void)why;
    (void)e;
    buf_printf(&f->verdicts, "%zu%s\n", i, verdict == REPLICA_NOT_JUDGED ? " not judged" : "");
    return true;
}

static void test_replica__does_not_judge_a_truncate(void **state) {
    (void)state;
    struct rig g;
    struct err e = {0};
    struct findings f = {0};
    rig_init(&g, RIG_N, RIG_N, NULL);
    struct replica *r = replica_new(&g.config, NULL);
    const struct record truncate = {.value = slice_str("{\"op\":\"t\",\"source\":{}}"),
                                    .timestamp_ms = RIG_NOW,
                                    .by_time = true,
                                    .replayed_at_ms = TIMESTAMP_NONE};
    assert_fine(replica_add(r, TOPIC_CUSTOMERS, &truncate, &e), &e);
    assert_fine(replica_try(r, RIG_NOW, note_truncate, &f, &e), &e);
    assert_text(buf_slice(&f.verdicts), "0 not judged\n");
    findings_release(&f);
    replica_free(r);
    rig_release(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replica__refuses_more_records_than_fit),
        cmocka_unit_test(test_replica__refuses_a_customer_with_too_many_accounts),
        cmocka_unit_test(test_replica__does_not_judge_a_truncate),
        cmocka_unit_test(test_replica__says_what_the_application_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
