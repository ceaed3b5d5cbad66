/* pipeline, for the records of a database's log: bad records, which the owner of their id judges,
 * truncates, the source that results name, columns without a value. */
#include "rig.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/model/position.h"
#include "streamer/task/task_history.h"

#include <stdio.h>

#define N RIG_N
#define T0 (RIG_NOW - 100000)

/* --- records --- */

/* An envelope of Debezium for PostgreSQL. lsn 0: it has no position. */
static const char *change(struct buf *out, const char *op, int64_t at, int64_t lsn,
                          const char *row) {
    bool is_delete = strcmp(op, "d") == 0;
    buf_clear(out);
    buf_printf(
        out,
        "{\"before\":%s,\"after\":%s,\"source\":{\"connector\":\"postgresql\",\"name\":\"bank\","
        "\"ts_ms\":%lld,\"lsn\":%lld},\"op\":\"%s\"}",
        is_delete ? row : "null", is_delete ? "null" : row, (long long)at, (long long)lsn, op);
    return buf_cstr(out);
}

static const char *customer_row(struct buf *out, int id, const char *name) {
    buf_clear(out);
    buf_printf(out, "{\"customer_id\":%d,\"name\":\"%s\",\"has_loan\":false}", id, name);
    return buf_cstr(out);
}

static void run_change(struct rig *g, enum topic topic, int32_t partition, const char *op,
                       int64_t at, int64_t lsn, const char *row) {
    struct buf value = {0};
    rig_run_text(g, topic, partition, NULL, change(&value, op, at, lsn, row));
    buf_release(&value);
}

#define ACCOUNT(id, balance)                                                                       \
    "{\"account_id\":\"" id "\",\"customer_id\":1,\"balance\":\"" balance                          \
    "\",\"account_type\":\"savings\"}"
#define CUSTOMER(id, name) "{\"customer_id\":\"" id "\",\"name\":\"" name "\",\"has_loan\":\"no\"}"

static const struct counts *counts_of(const struct rig *g) {
    return &g->pipeline.env.counts;
}

static struct message *last_refused(const struct rig *g) {
    size_t i = g->sent.count;
    while (i > 0 && g->sent.messages[i - 1].topic != TOPIC_QUARANTINE)
        i--;
    if (i == 0)
        fail_msg("the quarantine is empty");
    return &g->sent.messages[i - 1];
}

/* Asserts that the last quarantined message has this code and id (NULL: it has no such header). */
static void assert_refused(const struct rig *g, const char *what, const char *code,
                           const char *id) {
    struct message *m = last_refused(g);
    struct slice got = message_header(m, "quarantine.code"),
                 got_id = message_header(m, "quarantine.id");
    if (!slice_eq(got, slice_str(code)))
        fail_msg("%s: not %s, but %s", what, code, buf_cstr(&m->headers));
    if (id == NULL ? got_id.p != NULL : got_id.p == NULL || !slice_eq(got_id, slice_str(id)))
        fail_msg("%s: its id is %.*s", what, (int)got_id.n, got_id.p != NULL ? got_id.p : "");
}

static void assert_refused_count(const struct rig *g, size_t count) {
    assert_int_equal(capture_count(&g->sent, TOPIC_QUARANTINE), count);
}

/* The key "<id>|<at>" of history topics. */
static const char *history_key(struct buf *out, const char *id, int64_t at) {
    buf_clear(out);
    buf_printf(out, "%s|%lld", id, (long long)at);
    return buf_cstr(out);
}

/* Asserts that the version from `from` ends at `to`; TIMESTAMP_NONE: it is current. */
static void assert_version(const struct rig *g, enum topic topic, const char *id, int64_t from,
                           int64_t to) {
    struct buf key = {0}, end = {0};
    const struct message *m = capture_last(&g->sent, topic, history_key(&key, id, from));
    buf_put_str(&end, "\"valid_to_at\":");
    if (to == TIMESTAMP_NONE) {
        buf_put_str(&end, "null}");
    } else {
        buf_put_byte(&end, '"');
        timestamp_put_iso(&end, to);
        buf_put_str(&end, "\"}");
    }
    if (m == NULL)
        fail_msg("no version %s", buf_cstr(&key));
    else if (strstr(buf_cstr(&g->sent.messages[m - g->sent.messages].value), buf_cstr(&end)) ==
             NULL)
        fail_msg("%s is %.*s, without %s", buf_cstr(&key), (int)m->value.n, buf_slice(&m->value).p,
                 buf_cstr(&end));
    buf_release(&key);
    buf_release(&end);
}

/* --- bad records --- */

/* The owner of the id judges a bad record, in whatever partition the record is. */
static void test_pipeline_log__bad_records_go_to_the_owner(void **state) {
    static const struct {
        const char *what, *key, *value, *code, *id;
        enum topic topic;
    } cases[] = {
        {"a balance", NULL, ACCOUNT("A", "-1"), "invalid_balance", "A", TOPIC_ACCOUNTS},
        {"an id with white space around it", "k", ACCOUNT(" A ", "-1"), "invalid_balance", "A",
         TOPIC_ACCOUNTS},
        {"a customer's id in another writing", NULL, CUSTOMER("1001.0", "null"), "invalid_name",
         "1001", TOPIC_CUSTOMERS},
        {"an operation", NULL,
         "{\"before\":null,\"after\":" ACCOUNT("A", "1") ",\"op\":\"x\",\"source\":{\"ts_ms\":1}}",
         "unsupported_op", "A", TOPIC_ACCOUNTS},
        {"a list where a value belongs", NULL,
         "{\"account_id\":\"A\",\"customer_id\":1,\"balance\":[1],\"account_type\":\"savings\"}",
         "malformed", "A", TOPIC_ACCOUNTS},
        {"a time", NULL,
         "{\"customer_id\":1001,\"name\":\"Ann\",\"has_loan\":\"no\",\"updated_at\":\"soon\"}",
         "invalid_updated_at", "1001", TOPIC_CUSTOMERS},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int32_t owner = rig_owner_of(cases[i].id);
        const struct {
            int32_t input_partitions, partition;
        } places[] = {{N, owner}, {N, (owner + 1) % N}, {5, owner}, {5, 4}};
        for (size_t k = 0; k < ARRAY_LEN(places); k++) {
            struct rig g;
            char place[96];
            enum entity entity =
                cases[i].topic == TOPIC_CUSTOMERS ? ENTITY_CUSTOMER : ENTITY_ACCOUNT;
            rig_init(&g, places[k].input_partitions, places[k].input_partitions, NULL);
            g.offset = 77;
            rig_run_text(&g, cases[i].topic, places[k].partition, cases[i].key, cases[i].value);
            assert_int_equal(counts_of(&g)->forwarded[entity], k > 0);
            assert_refused_count(&g, k == 0);
            rig_deliver(&g);
            assert_refused(&g, cases[i].what, cases[i].code, cases[i].id);
            const struct message *m = last_refused(&g);
            assert_text(message_value(m), cases[i].value);
            assert_int_equal(m->has_key, cases[i].key != NULL);
            assert_int_equal(m->partition, places[k].partition % N);
            (void)snprintf(place, sizeof place, "quarantine.partition=%d\nquarantine.offset=77\n",
                           places[k].partition);
            assert_non_null(strstr(buf_cstr(&last_refused(&g)->headers), place));
            assert_refused_count(&g, 1);
            rig_assert_conserved(&g);
            rig_release(&g);
        }
    }
}

/* A bad record without an id has no owner. It is quarantined where it is. */
static void test_pipeline_log__bad_records_of_nobody(void **state) {
    static const struct {
        const char *what, *key, *value, *code;
    } cases[] = {
        {"no JSON", NULL, "{", "malformed"},
        {"no JSON: a key may be anything", "A", "{", "malformed"},
        {"no object", NULL, "[]", "malformed"},
        {"no id", "k", "{\"account_id\":\" \",\"customer_id\":1}", "invalid_account_id"},
        {"an id that is a list", NULL, "{\"account_id\":[1],\"customer_id\":1}", "malformed"},
        {"a delete without an id", NULL, "{\"__deleted\":\"true\"}", "invalid_account_id"},
        {"a tombstone without a key", NULL, NULL, "malformed"},
        {"a key that is no text", "\xff", NULL, "malformed"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig g;
        rig_init(&g, 5, 5, NULL);
        rig_run_text(&g, TOPIC_ACCOUNTS, 4, cases[i].key, cases[i].value);
        assert_int_equal(g.sent.count, 1);
        assert_refused(&g, cases[i].what, cases[i].code, NULL);
        assert_int_equal(last_refused(&g)->partition, 4 % N);
        rig_assert_conserved(&g);
        rig_release(&g);
    }
}

/* When a row becomes outdated, and when it ceases to be. */
static void test_pipeline_log__outdated(void **state) {
    static const char *const bad = "{\"customer_id\":7,\"name\":\"\",\"has_loan\":\"no\"";
    struct rig g;
    struct buf text = {0}, value = {0};
    (void)state;
    rig_init(&g, N, N, NULL);
    buf_printf(&text, "%s}", bad);
    rig_run_text(&g, TOPIC_CUSTOMERS, 0, NULL, buf_cstr(&text)); /* its id was never seen before */
    rig_deliver(&g);
    assert_int_equal(rig_outdated(&g, ENTITY_CUSTOMER), 0);
    rig_run_text(&g, TOPIC_CUSTOMERS, 0, NULL, CUSTOMER("7", "Ann"));
    rig_run_text(&g, TOPIC_CUSTOMERS, 0, NULL, buf_cstr(&text));
    rig_deliver(&g);
    assert_int_equal(rig_outdated(&g, ENTITY_CUSTOMER), 1);
    rig_restart(&g);
    assert_int_equal(rig_outdated(&g, ENTITY_CUSTOMER), 1);
    /* This ends it, although it changes nothing. */
    rig_run_text(&g, TOPIC_CUSTOMERS, 0, NULL, CUSTOMER("7", "Ann"));
    rig_deliver(&g);
    assert_int_equal(rig_outdated(&g, ENTITY_CUSTOMER), 0);
    /* In event_time neither an older record counts nor one that is too late. */
    buf_clear(&text);
    buf_printf(&text, "%s,\"updated_at\":%lld}", bad, (long long)RIG_NOW - 2000);
    rig_run_text(&g, TOPIC_CUSTOMERS, 0, NULL, buf_cstr(&text));
    rig_run_text(
        &g, TOPIC_CUSTOMERS, 0, NULL,
        "{\"customer_id\":7,\"name\":\"Bo\",\"has_loan\":\"no\",\"updated_at\":\"2024-01-01\"}");
    rig_deliver(&g);
    assert_refused(&g, "the last", "too_late", "7");
    assert_int_equal(rig_outdated(&g, ENTITY_CUSTOMER), 0);
    /* In a log any bad record counts, because it came later. */
    rig_run_text(
        &g, TOPIC_CUSTOMERS, 0, NULL,
        change(&value, "u", T0, 5, "{\"customer_id\":7,\"name\":\"\",\"has_loan\":\"no\"}"));
    rig_deliver(&g);
    assert_int_equal(rig_outdated(&g, ENTITY_CUSTOMER), 1);
    run_change(&g, TOPIC_CUSTOMERS, 0, "d", RIG_NOW, 6, "{\"customer_id\":7}");
    rig_deliver(&g);
    assert_int_equal(rig_outdated(&g, ENTITY_CUSTOMER), 0);
    rig_assert_conserved(&g);
    rig_release(&g);
    buf_release(&text);
    buf_release(&value);
}

/* Rule O4: repeats are judged first, so a fault of a repeat does not count. */
static void test_pipeline_log__bad_repeats(void **state) {
    struct rig g;
    struct buf row = {0};
    (void)state;
    rig_init(&g, 5, 5, NULL);
    run_change(&g, TOPIC_CUSTOMERS, 2, "c", T0 + 10, 9, customer_row(&row, 7, "Ann"));
    run_change(&g, TOPIC_CUSTOMERS, 2, "u", T0 + 5, 5, customer_row(&row, 7, ""));
    rig_run_text(&g, TOPIC_CUSTOMERS, 2, "7", NULL); /* a tombstone behind a repeat is a repeat */
    rig_run_text(&g, TOPIC_CUSTOMERS, 2, "7", NULL); /* the next one is a repeat, too */
    rig_deliver(&g);
    assert_refused_count(&g, 0);
    assert_int_equal(counts_of(&g)->repeated[ENTITY_CUSTOMER], 3);
    assert_int_equal(counts_of(&g)->unchanged[ENTITY_CUSTOMER], 3);
    assert_int_equal(rig_outdated(&g, ENTITY_CUSTOMER), 0);
    assert_version(&g, TOPIC_CUSTOMER_HISTORY, "7", T0 + 10, TIMESTAMP_NONE);
    /* A record is no repeat if its position is behind the last one, or cannot be read. */
    run_change(&g, TOPIC_CUSTOMERS, 2, "u", T0 + 5, 10, customer_row(&row, 7, ""));
    rig_deliver(&g);
    assert_refused(&g, "behind", "invalid_name", "7");
    assert_int_equal(rig_outdated(&g, ENTITY_CUSTOMER), 1);
    /* It ends the customer, because a bad record is between. */
    rig_run_text(&g, TOPIC_CUSTOMERS, 2, "7", NULL);
    rig_deliver(&g);
    assert_version(&g, TOPIC_CUSTOMER_HISTORY, "7", T0 + 10, RIG_NOW - 1000);
    rig_assert_conserved(&g);
    rig_release(&g);
    buf_release(&row);
}

/* --- truncates: rule O9 --- */

#define CUSTOMERS 20

static void run_customers(struct rig *g, int64_t at, int32_t inputs) {
    struct buf row = {0};
    for (int id = 1; id <= CUSTOMERS; id++)
        run_change(g, TOPIC_CUSTOMERS, id % inputs, "c", at, 0, customer_row(&row, id, "Ann"));
    rig_deliver(g);
    buf_release(&row);
}

static void test_pipeline_log__truncate(void **state) {
    static const int32_t inputs[] = {N, 5, 1};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
        struct rig g;
        char id[12];
        struct buf row = {0};
        bool in_place = inputs[i] == N;
        int32_t partition = inputs[i] - 1;
        rig_init(&g, inputs[i], N, NULL);
        run_customers(&g, T0, inputs[i]);
        const struct counts *c = counts_of(&g);
        int64_t forwarded = c->forwarded[ENTITY_CUSTOMER],
                consumed = c->consumed[TOPIC_REPARTITION_CUSTOMERS];
        run_change(&g, TOPIC_CUSTOMERS, partition, "t", T0 + 50, 0, "null");
        /* It goes to all tasks once, by the way of its partition's records. What is in place is
         * done at once. */
        assert_int_equal(c->applied[ENTITY_CUSTOMER], CUSTOMERS + in_place);
        assert_int_equal(c->forwarded[ENTITY_CUSTOMER] - forwarded, !in_place);
        rig_deliver(&g);
        assert_int_equal(c->applied[ENTITY_CUSTOMER], CUSTOMERS + N);
        assert_int_equal(c->consumed[TOPIC_REPARTITION_CUSTOMERS] - consumed, N - in_place);
        for (int k = 1; k <= CUSTOMERS; k++) {
            (void)snprintf(id, sizeof id, "%d", k);
            assert_version(&g, TOPIC_CUSTOMER_HISTORY, id, T0, T0 + 50);
        }
        /* A record from before it that arrives later ends there. One from behind it does not. */
        run_change(&g, TOPIC_CUSTOMERS, 0, "c", T0 + 20, 0, customer_row(&row, 1001, "Bo"));
        run_change(&g, TOPIC_CUSTOMERS, 0, "c", T0 + 60, 0, customer_row(&row, 1, "Bo"));
        rig_deliver(&g);
        rig_restart(&g);
        run_change(&g, TOPIC_CUSTOMERS, 0, "c", T0 + 20, 0, customer_row(&row, 1002, "Bo"));
        rig_deliver(&g);
        /* (In its own partition, a record behind the truncate never counts as before it.) */
        assert_version(&g, TOPIC_CUSTOMER_HISTORY, "1001", T0 + 20,
                       inputs[i] > 1 ? T0 + 50 : TIMESTAMP_NONE);
        assert_version(&g, TOPIC_CUSTOMER_HISTORY, "1002", T0 + 20,
                       inputs[i] > 1 ? T0 + 50 : TIMESTAMP_NONE);
        assert_version(&g, TOPIC_CUSTOMER_HISTORY, "1", T0 + 60, TIMESTAMP_NONE);
        rig_assert_conserved(&g);
        rig_release(&g);
        buf_release(&row);
    }
}

static enum topic results[] = {TOPIC_CUSTOMER_HISTORY, TOPIC_ACCOUNT_HISTORY,
                               TOPIC_ACCOUNT_WITH_CUSTOMER, TOPIC_ACCOUNT_SUMMARY,
                               TOPIC_CUSTOMER_PROFILE};

/* Asserts that both have emitted the same rows, equally often. */
static void assert_same_results(const struct rig *a, const struct rig *b) {
    for (size_t t = 0; t < ARRAY_LEN(results); t++) {
        assert_int_equal(capture_count(&a->sent, results[t]), capture_count(&b->sent, results[t]));
        for (size_t i = 0; i < a->sent.count; i++) {
            struct message *m = &a->sent.messages[i];
            if (m->topic != results[t])
                continue;
            const struct message *last = capture_last(&a->sent, m->topic, buf_cstr(&m->key));
            struct message *same = &a->sent.messages[last - a->sent.messages];
            assert_last(&b->sent, m->topic, buf_cstr(&m->key),
                        same->has_value ? buf_cstr(&same->value) : NULL);
        }
    }
}

/* Makes customers with an account each, and then truncates in pieces of `max` rows, with a restart
 * after the first piece if `restarts`. Returns how many pieces there were. */
static int run_pieces(struct rig *g, enum topic topic, int64_t max, bool restarts) {
    struct buf text = {0};
    int pieces = 1;
    rig_init(g, N, N, NULL);
    run_customers(g, T0, N);
    for (int id = 1; id <= CUSTOMERS; id++) {
        buf_clear(&text);
        buf_printf(&text,
                   "{\"account_id\":\"A%d\",\"customer_id\":%d,\"balance\":1,"
                   "\"account_type\":\"savings\"}",
                   id, id);
        run_change(g, TOPIC_ACCOUNTS, id % N, "c", T0 + 1, 0, buf_cstr(&text));
    }
    rig_deliver(g);
    rig_restart(g);
    g->pipeline.env.fanout_max_rows = max;
    struct input in = rig_input(g, topic, 1, NULL, change(&text, "t", T0 + 50, 0, "null"));
    for (; pipeline_process(&g->pipeline, &g->tasks[1], &in) == PIPELINE_PART; pieces++) {
        assert_int_equal(capture_count(&g->sent, TOPIC_REPARTITION_CUSTOMERS) % 2, 0);
        if (restarts && pieces == 1)
            rig_restart(g);
    }
    rig_deliver(g);
    rig_assert_conserved(g);
    buf_release(&text);
    return pieces;
}

/* A truncate in pieces gives the same as one in a single piece, even with a restart between two
 * pieces. */
static void test_pipeline_log__truncate_in_pieces(void **state) {
    static const enum topic topics[] = {TOPIC_CUSTOMERS, TOPIC_ACCOUNTS};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        struct rig whole, pieces, restarted;
        size_t ended = 0;
        assert_int_equal(run_pieces(&whole, topics[i], 40000, false), 1);
        assert_true(run_pieces(&pieces, topics[i], 1, false) > 3);
        assert_true(run_pieces(&restarted, topics[i], 1, true) > 3);
        assert_same_results(&whole, &pieces);
        assert_same_results(&whole, &restarted);
        for (size_t k = 0; k < whole.sent.count; k++)
            ended += whole.sent.messages[k].topic == TOPIC_ACCOUNT_WITH_CUSTOMER &&
                     !whole.sent.messages[k].has_value;
        assert_int_equal(ended, CUSTOMERS); /* the join follows whichever side was truncated */
        rig_release(&whole);
        rig_release(&pieces);
        rig_release(&restarted);
    }
}

static void test_pipeline_log__truncate_refused(void **state) {
    static const char *const quarantine[] = {"truncate=quarantine", NULL};
    static const char *const by_time[] = {"order.customers=event_time", NULL};
    static const struct {
        const char *const *sets;
        int64_t at;
        const char *code; /* NULL: it is accepted */
    } cases[] = {
        {quarantine, T0 + 50, "unsupported_op"},
        {by_time, T0 + 50, NULL},
        {by_time, RIG_NOW + INT64_C(86400000), "too_early"},
        {NULL, RIG_NOW + INT64_C(86400000), NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig g;
        rig_init(&g, N, N, cases[i].sets);
        run_customers(&g, T0, N);
        size_t before = g.sent.count;
        run_change(&g, TOPIC_CUSTOMERS, 1, "t", cases[i].at, 0, "null");
        if (cases[i].code != NULL) {
            assert_int_equal(g.sent.count, before + 1);
            assert_refused(&g, "a truncate", cases[i].code, NULL);
            assert_int_equal(last_refused(&g)->partition, 1);
            assert_version(&g, TOPIC_CUSTOMER_HISTORY, "1", T0, TIMESTAMP_NONE);
        }
        rig_deliver(&g);
        if (cases[i].code ==
            NULL) /* rule O5: a log's time beyond future.window becomes the Kafka timestamp */
            assert_version(&g, TOPIC_CUSTOMER_HISTORY, "1", T0,
                           cases[i].at > RIG_NOW ? RIG_NOW - 1000 : cases[i].at);
        rig_assert_conserved(&g);
        rig_release(&g);
    }
}

/* Customers 7 to 10, whom the truncate ends. A delete without a time comes for each of them. */
static void run_truncate_and_deletes(struct rig *g) {
    struct buf row = {0};
    for (int id = 7; id <= 10; id++)
        run_change(g, TOPIC_CUSTOMERS, 0, "c", T0, 10, customer_row(&row, id, "Ann"));
    rig_deliver(g);
    run_change(g, TOPIC_CUSTOMERS, 1, "t", T0 + 50, 20, "null");
    rig_deliver(g);
    for (int id = 7; id <= 10; id++) {
        buf_clear(&row);
        buf_printf(&row, "{\"customer_id\":%d,\"Op\":\"D\"}", id);
        rig_run_text(g, TOPIC_CUSTOMERS, 0, NULL, buf_cstr(&row));
    }
    rig_deliver(g);
    buf_release(&row);
}

static void assert_no_version(const struct rig *g, const char *id, int64_t from) {
    struct buf key = {0};
    assert_null(capture_last(&g->sent, TOPIC_CUSTOMER_HISTORY, history_key(&key, id, from)));
    buf_release(&key);
}

#define UNAVAILABLE "__debezium_unavailable_value"

/* A delete without a time follows the end of a truncate. Then a record of the log shows that the
 * delete was earlier (O8). If that record lies before the truncate, the database has no such row
 * any more (O9). The truncate came behind the record, and so its end does, too. */
static void test_pipeline_log__truncate_then_delete(void **state) {
    (void)state;
    for (int restarts = 0; restarts < 2; restarts++) {
        struct rig g;
        struct buf row = {0};
        rig_init(&g, N, N, NULL);
        run_truncate_and_deletes(&g);
        assert_version(&g, TOPIC_CUSTOMER_HISTORY, "7", T0, T0 + 50);
        if (restarts == 1)
            rig_restart(&g);
        run_change(&g, TOPIC_CUSTOMERS, 0, "u", T0 + 60, 15, customer_row(&row, 7, "Bo"));
        run_change(&g, TOPIC_CUSTOMERS, 0, "u", T0 + 60, 15, customer_row(&row, 8, UNAVAILABLE));
        run_change(&g, TOPIC_CUSTOMERS, 0, "u", T0 + 60, 25, customer_row(&row, 9, "Bo"));
        rig_deliver(&g);
        assert_refused_count(&g, 0);
        assert_no_version(&g, "7", T0 + 60);
        assert_version(&g, TOPIC_CUSTOMER_HISTORY, "7", T0, T0 + 60);
        assert_version(&g, TOPIC_CUSTOMER_HISTORY, "8", T0, T0 + 60);
        /* What lies behind the truncate is as ever. */
        assert_version(&g, TOPIC_CUSTOMER_HISTORY, "9", T0, T0 + 50);
        assert_version(&g, TOPIC_CUSTOMER_HISTORY, "9", T0 + 60, TIMESTAMP_NONE);
        /* A record that is refused moves no delete: that still ends what is late. */
        run_change(&g, TOPIC_CUSTOMERS, 0, "u", T0 + 60, 25, customer_row(&row, 10, UNAVAILABLE));
        rig_deliver(&g);
        assert_refused_count(&g, 1);
        buf_clear(&row);
        buf_printf(&row, "{\"customer_id\":10,\"name\":\"Bo\",\"updated_at\":%lld}",
                   (long long)(T0 + 70));
        rig_run_text(&g, TOPIC_CUSTOMERS, 0, NULL, buf_cstr(&row));
        rig_deliver(&g);
        assert_version(&g, TOPIC_CUSTOMER_HISTORY, "10", T0 + 70, RIG_NOW - 1000);
        rig_assert_conserved(&g);
        rig_release(&g);
        buf_release(&row);
    }
}

/* With order.* = event_time a truncate is one event of a set: it holds for all records by time. */
static void test_pipeline_log__truncate_by_time(void **state) {
    static const char *const sets[] = {"order.customers=event_time", NULL};
    struct rig g;
    struct buf row = {0};
    (void)state;
    rig_init(&g, 5, N, sets);
    run_change(&g, TOPIC_CUSTOMERS, 1, "t", T0 + 50, 0, "null");
    run_change(&g, TOPIC_CUSTOMERS, 2, "c", T0 + 20, 0, customer_row(&row, 1, "Ann"));
    run_change(&g, TOPIC_CUSTOMERS, 2, "c", T0 + 50, 0, customer_row(&row, 2, "Ann"));
    struct input replayed =
        rig_input(&g, TOPIC_CUSTOMERS, 2, NULL,
                  "{\"customer_id\":3,\"name\":\"Ann\",\"updated_at\":\"2024-02-14\"}");
    replayed.record.by_time = true;
    static const struct rig_headers by_header = {true, TIMESTAMP_NONE};
    replayed.headers = &by_header;
    rig_run(&g, &replayed);
    rig_deliver(&g);
    assert_version(&g, TOPIC_CUSTOMER_HISTORY, "1", T0 + 20, T0 + 50);
    assert_version(&g, TOPIC_CUSTOMER_HISTORY, "2", T0 + 50, TIMESTAMP_NONE);
    /* Rule O10. */
    assert_version(&g, TOPIC_CUSTOMER_HISTORY, "3", INT64_C(1707868800000), TIMESTAMP_NONE);
    rig_assert_conserved(&g);
    rig_release(&g);
    buf_release(&row);
}

/* --- the source that results name --- */

#define SOURCE(value) SINK_SOURCE_HEADER, value

static void put_source(char *out, size_t size, enum topic topic, const struct input *in) {
    (void)snprintf(out, size, "%s/%d@%lld", topic == TOPIC_CUSTOMERS ? "customers" : "accounts",
                   in->source_partition, (long long)in->source_offset);
}

static void test_pipeline_log__source_headers(void **state) {
    struct rig g;
    char account[64], customer[64], later[64];
    (void)state;
    rig_init(&g, 5, 5, NULL);
    g.offset = 100;
    struct input c = rig_input(&g, TOPIC_CUSTOMERS, 4, NULL, CUSTOMER("1", "Ann"));
    rig_run(&g, &c);
    rig_deliver(&g);
    struct input a = rig_input(&g, TOPIC_ACCOUNTS, 3, NULL, ACCOUNT("A", "5"));
    rig_run(&g, &a);
    rig_deliver(&g);
    put_source(customer, sizeof customer, TOPIC_CUSTOMERS, &c);
    put_source(account, sizeof account, TOPIC_ACCOUNTS, &a);
    assert_string_equal(customer, "customers/4@100");
    struct buf key = {0};
    rig_assert_header(&g, TOPIC_CUSTOMER_HISTORY, history_key(&key, "1", RIG_NOW - 1000),
                      SOURCE(customer));
    rig_assert_header(&g, TOPIC_ACCOUNT_HISTORY, history_key(&key, "A", RIG_NOW - 1000),
                      SOURCE(account));
    /* The account is the source, though the row was made when a ref answered its link. */
    rig_assert_header(&g, TOPIC_ACCOUNT_LINKS, "1|A", SOURCE(account));
    rig_assert_header(&g, TOPIC_CUSTOMER_REFS, "1", SOURCE(account));
    rig_assert_header(&g, TOPIC_ACCOUNT_WITH_CUSTOMER, "A", SOURCE(account));
    rig_assert_header(&g, TOPIC_ACCOUNT_SUMMARY, "A", SOURCE(account));
    rig_assert_header(&g, TOPIC_CUSTOMER_PROFILE, "1", SOURCE(account));
    /* The next account finds the ref already there. */
    struct input b = rig_input(&g, TOPIC_ACCOUNTS, 2, NULL, ACCOUNT("A", "6"));
    rig_run(&g, &b);
    rig_deliver(&g);
    put_source(account, sizeof account, TOPIC_ACCOUNTS, &b);
    rig_assert_header(&g, TOPIC_ACCOUNT_WITH_CUSTOMER, "A", SOURCE(account));
    rig_assert_header(&g, TOPIC_CUSTOMER_PROFILE, "1", SOURCE(account));
    /* The customer changes. */
    struct input d = rig_input(
        &g, TOPIC_CUSTOMERS, 0, NULL,
        "{\"customer_id\":1,\"name\":\"Bo\",\"has_loan\":1,\"updated_at\":\"2024-02-15\"}");
    rig_run(&g, &d);
    rig_deliver(&g);
    put_source(later, sizeof later, TOPIC_CUSTOMERS, &d);
    rig_assert_header(&g, TOPIC_CUSTOMER_REFS, "1", SOURCE(later));
    rig_assert_header(&g, TOPIC_CUSTOMER_HISTORY, history_key(&key, "1", RIG_NOW - 1000),
                      SOURCE(later));
    rig_assert_header(&g, TOPIC_CUSTOMER_HISTORY, history_key(&key, "1", RIG_NOW), SOURCE(later));
    rig_assert_header(&g, TOPIC_ACCOUNT_WITH_CUSTOMER, "A", SOURCE(later));
    rig_assert_header(&g, TOPIC_ACCOUNT_SUMMARY, "A", SOURCE(later));
    rig_assert_header(&g, TOPIC_CUSTOMER_PROFILE, "1", SOURCE(later));
    /* Other rates. */
    struct rates rates = default_rates();
    rates.loan_bonus_milli++;
    g.pipeline.env.rates = &rates;
    for (int32_t p = 0; p < N; p++)
        while (!task_refresh(&g.pipeline.env, &g.tasks[p]))
            continue;
    rig_assert_header(&g, TOPIC_ACCOUNT_WITH_CUSTOMER, "A", SOURCE(later));
    rig_assert_header(&g, TOPIC_ACCOUNT_SUMMARY, "A", SOURCE("rates"));
    rig_assert_header(&g, TOPIC_CUSTOMER_PROFILE, "1", SOURCE("rates"));
    /* A tombstone names its source, too. */
    struct input end = rig_input(&g, TOPIC_ACCOUNTS, 1, "A", NULL);
    rig_run(&g, &end);
    rig_deliver(&g);
    put_source(account, sizeof account, TOPIC_ACCOUNTS, &end);
    assert_last(&g.sent, TOPIC_CUSTOMER_PROFILE, "1", NULL);
    rig_assert_header(&g, TOPIC_ACCOUNT_WITH_CUSTOMER, "A", SOURCE(account));
    rig_assert_header(&g, TOPIC_ACCOUNT_SUMMARY, "A", SOURCE(account));
    rig_assert_header(&g, TOPIC_CUSTOMER_PROFILE, "1", SOURCE(account));
    rig_release(&g);
    buf_release(&key);
}

/* The row of an account that waited for its customer names the customer's record, which made it. */
static void test_pipeline_log__source_of_an_orphan(void **state) {
    struct rig g;
    char customer[64];
    (void)state;
    rig_init(&g, N, N, NULL);
    rig_run_text(&g, TOPIC_ACCOUNTS, 0, NULL, ACCOUNT("A", "5"));
    rig_deliver(&g);
    struct input c = rig_input(&g, TOPIC_CUSTOMERS, 2, NULL, CUSTOMER("1", "Ann"));
    rig_run(&g, &c);
    rig_deliver(&g);
    put_source(customer, sizeof customer, TOPIC_CUSTOMERS, &c);
    rig_assert_header(&g, TOPIC_ACCOUNT_WITH_CUSTOMER, "A", SOURCE(customer));
    rig_assert_header(&g, TOPIC_CUSTOMER_PROFILE, "1", SOURCE(customer));
    rig_release(&g);
}

/* With output.headers=none no result names its source. The position of an id is still there,
 * because a restore needs it. */
static void test_pipeline_log__no_source_headers(void **state) {
    static const char *const none[] = {"output.headers=none", NULL};
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct rig g;
        struct buf row = {0}, key = {0}, header = {0}, position = {0};
        const struct position_source source = {slice_str("postgresql"), slice_str("bank"),
                                               slice_null()};
        const struct slice parts[POSITION_PARTS] = {slice_str("9")};
        position_put(&position, POSITION_LSN, &source, parts);
        buf_printf(&header, "1:1:%s", buf_cstr(&position));
        rig_init(&g, 5, 5, k == 0 ? NULL : none);
        run_change(&g, TOPIC_CUSTOMERS, 4, "c", T0, 9, customer_row(&row, 1, "Ann"));
        rig_run_text(&g, TOPIC_ACCOUNTS, 4, NULL, ACCOUNT("A", "5"));
        rig_deliver(&g);
        size_t told = 0;
        for (size_t i = 0; i < g.sent.count; i++)
            told += message_header(&g.sent.messages[i], SINK_SOURCE_HEADER).p != NULL;
        assert_int_equal(told > 0, k == 0);
        rig_assert_header(&g, TOPIC_CUSTOMER_HISTORY, history_key(&key, "1", T0),
                          TASK_POSITION_HEADER, buf_cstr(&header));
        rig_assert_header(&g, TOPIC_ACCOUNT_HISTORY, history_key(&key, "A", RIG_NOW - 1000),
                          TASK_POSITION_HEADER, NULL);
        rig_release(&g);
        buf_release(&row);
        buf_release(&key);
        buf_release(&header);
        buf_release(&position);
    }
}

/* --- the log line about records behind tombstones: rule O8 --- */

/* Runs `run`, and puts what it writes to standard error into `out`. */
static void capture_log(void (*run)(struct rig *g), struct rig *g, struct buf *out) {
    struct stderr_capture c = stderr_capture_begin();
    run(g);
    stderr_capture_end(&c, out);
}

static void run_behind_tombstones(struct rig *g) {
    static const char *const ids[] = {"7", "8"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        char value[128];
        (void)snprintf(
            value, sizeof value,
            "{\"customer_id\":%s,\"name\":\"Ann\",\"updated_at\":\"2024-02-14T12:00:00\"}", ids[i]);
        rig_run_text(g, TOPIC_CUSTOMERS, 0, NULL, value);
        rig_run_text(g, TOPIC_CUSTOMERS, 0, ids[i], NULL);
        for (int k = 0; k < 3; k++) {
            (void)snprintf(
                value, sizeof value,
                "{\"customer_id\":%s,\"name\":\"Bo\",\"updated_at\":\"2024-02-14T13:00:0%d\"}",
                ids[i], k);
            rig_run_text(g, TOPIC_CUSTOMERS, 0, NULL, value);
        }
    }
    rig_deliver(g);
}

static int occurrences(const char *text, const char *part) {
    int n = 0;
    for (const char *p = text; (p = strstr(p, part)) != NULL; p++)
        n++;
    return n;
}

static void test_pipeline_log__told_of_tombstones(void **state) {
    static const char *const log[] = {"order.customers=log", NULL};
    struct buf lines = {0};
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct rig g;
        rig_init(&g, 5, 5, k == 0 ? NULL : log);
        capture_log(run_behind_tombstones, &g, &lines);
        assert_int_equal(counts_of(&g)->behind_tombstone[ENTITY_CUSTOMER], k == 0 ? 6 : 0);
        assert_int_equal(occurrences(buf_cstr(&lines), "set order.customers=log"), k == 0);
        assert_int_equal(occurrences(buf_cstr(&lines), "\n"), k == 0);
        if (k == 0)
            assert_non_null(strstr(buf_cstr(&lines), "level=warn"));
        else /* the customer is there, as in the database */
            assert_version(&g, TOPIC_CUSTOMER_HISTORY, "7", INT64_C(1707915600000), TIMESTAMP_NONE);
        rig_release(&g);
    }
    buf_release(&lines);
}

/* --- columns that the database did not log --- */

static void test_pipeline_log__unavailable(void **state) {
    struct rig g;
    struct buf key = {0};
    (void)state;
    rig_init(&g, 5, 5, NULL);
    run_change(&g, TOPIC_CUSTOMERS, 0, "c", T0, 1,
               "{\"customer_id\":1,\"name\":\"Ann\",\"has_loan\":false}");
    run_change(&g, TOPIC_CUSTOMERS, 0, "u", T0 + 5, 2,
               "{\"customer_id\":1,\"name\":\"" UNAVAILABLE "\",\"has_loan\":true}");
    run_change(&g, TOPIC_ACCOUNTS, 0, "c", T0, 3, ACCOUNT("A", "5"));
    run_change(&g, TOPIC_ACCOUNTS, 0, "u", T0 + 5, 4,
               "{\"account_id\":\"A\",\"customer_id\":\"" UNAVAILABLE
               "\",\"balance\":\"6\",\"account_type\":"
               "\"" UNAVAILABLE "\"}");
    rig_deliver(&g);
    assert_refused_count(&g, 0);
    assert_last(
        &g.sent, TOPIC_CUSTOMER_HISTORY, history_key(&key, "1", T0 + 5),
        "{\"customer_id\":1,\"customer_name\":\"ann\",\"has_loan_flag\":true,"
        "\"loaded_at\":\"2024-02-14T23:59:59.000Z\",\"valid_from_at\":\"2024-02-14T23:58:20.005Z\","
        "\"valid_to_at\":null}");
    assert_last(
        &g.sent, TOPIC_ACCOUNT_HISTORY, history_key(&key, "A", T0 + 5),
        "{\"account_id\":\"A\",\"customer_id\":1,\"balance_amount\":\"6.00\",\"account_type\":"
        "\"savings\",\"loaded_at\":\"2024-02-14T23:59:59.000Z\",\"valid_from_at\":"
        "\"2024-02-14T23:58:20.005Z\",\"valid_to_at\":null}");
    /* All fields are unavailable, so the record changes nothing. */
    run_change(&g, TOPIC_ACCOUNTS, 0, "u", T0 + 6, 5,
               "{\"account_id\":\"A\",\"customer_id\":\"" UNAVAILABLE
               "\",\"balance\":\"" UNAVAILABLE "\",\"account_type\":\"" UNAVAILABLE "\"}");
    rig_deliver(&g);
    assert_int_equal(counts_of(&g)->unchanged[ENTITY_ACCOUNT], 1);
    assert_int_equal(rig_outdated(&g, ENTITY_ACCOUNT), 0);
    rig_assert_conserved(&g);
    rig_release(&g);
    buf_release(&key);
}

/* If there is no version to take the value from, the record is malformed. The owner of the id finds
 * that, after the other faults. */
static void test_pipeline_log__unavailable_without_a_version(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, 5, 5, NULL);
    run_change(&g, TOPIC_ACCOUNTS, 4, "u", T0, 4,
               "{\"account_id\":\"A\",\"customer_id\":1,\"balance\":\"" UNAVAILABLE
               "\",\"account_type\":\"savings\"}");
    assert_refused_count(&g, 0);
    rig_deliver(&g);
    assert_refused(&g, "never seen", "malformed", "A");
    assert_non_null(strstr(buf_cstr(&last_refused(&g)->headers), UNAVAILABLE));
    run_change(&g, TOPIC_ACCOUNTS, 4, "u", T0, 4,
               "{\"account_id\":\"A\",\"customer_id\":1,\"balance\":\"" UNAVAILABLE
               "\",\"account_type\":\"gold\"}");
    rig_deliver(&g);
    assert_refused(&g, "the table's own fault", "invalid_account_type", "A");
    /* The versions of this id have ended. */
    run_change(&g, TOPIC_ACCOUNTS, 4, "c", T0, 5, ACCOUNT("A", "5"));
    run_change(&g, TOPIC_ACCOUNTS, 4, "d", T0 + 5, 6, ACCOUNT("A", "5"));
    run_change(&g, TOPIC_ACCOUNTS, 4, "u", T0 + 9, 7,
               "{\"account_id\":\"A\",\"customer_id\":1,\"balance\":\"" UNAVAILABLE
               "\",\"account_type\":\"savings\"}");
    rig_deliver(&g);
    assert_refused(&g, "ended", "malformed", "A");
    assert_int_equal(rig_outdated(&g, ENTITY_ACCOUNT), 0); /* nothing is current */
    /* A late record from before the first version: the current row is newer, so it is not
     * outdated. */
    struct input late = rig_input(&g, TOPIC_CUSTOMERS, 0, NULL, CUSTOMER("1", "Ann"));
    rig_run(&g, &late);
    rig_run_text(&g, TOPIC_CUSTOMERS, 0, NULL,
                 "{\"customer_id\":1,\"name\":\"" UNAVAILABLE
                 "\",\"updated_at\":\"2024-02-14T22:00\"}");
    rig_deliver(&g);
    assert_refused(&g, "before the first version", "malformed", "1");
    assert_int_equal(rig_outdated(&g, ENTITY_CUSTOMER), 0);
    rig_assert_conserved(&g);
    rig_release(&g);
}

/* --- deletes and times --- */

static void test_pipeline_log__deletes(void **state) {
    static const struct {
        const char *what, *key, *value;
    } cases[] = {
        {"a tombstone", "7", NULL},
        {"JSON null", "7", "null"},
        {"JSON null with white space", "{\"customer_id\":7}", " null\n"},
        {"a schema and no payload", "7", "{\"schema\":null,\"payload\":null}"},
        {"DMS", NULL, "{\"Op\":\"D\",\"customer_id\":\"7\",\"name\":\"Ann\"}"},
        {"flattened", NULL, "{\"__deleted\":\"true\",\"customer_id\":7}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig g;
        rig_init(&g, 5, 5, NULL);
        struct input in = rig_input(&g, TOPIC_CUSTOMERS, 1, "7", CUSTOMER("7", "Ann"));
        in.record.timestamp_ms = T0;
        rig_run(&g, &in);
        rig_run_text(&g, TOPIC_CUSTOMERS, 1, cases[i].key, cases[i].value);
        rig_deliver(&g);
        assert_int_equal(counts_of(&g)->applied[ENTITY_CUSTOMER], 2);
        assert_version(&g, TOPIC_CUSTOMER_HISTORY, "7", T0, RIG_NOW - 1000);
        rig_assert_conserved(&g);
        rig_release(&g);
    }
}

/* With other values than D, `Op` is an upsert or an unknown field. */
static void test_pipeline_log__dms_upserts(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, N, N, NULL);
    rig_run_text(
        &g, TOPIC_CUSTOMERS, 1, NULL,
        "{\"Op\":\"I\",\"customer_id\":7,\"name\":\"Ann\",\"updated_at\":\"2024-02-14T12:00\"}");
    rig_run_text(&g, TOPIC_CUSTOMERS, 1, NULL, "{\"Op\":\"U\",\"customer_id\":7,\"name\":\"Bo\"}");
    rig_deliver(&g);
    assert_int_equal(counts_of(&g)->unknown_fields[ENTITY_CUSTOMER], 0);
    rig_run_text(&g, TOPIC_CUSTOMERS, 1, NULL, "{\"Op\":\"x\",\"customer_id\":7,\"name\":\"Bo\"}");
    rig_deliver(&g);
    assert_int_equal(counts_of(&g)->unknown_fields[ENTITY_CUSTOMER], 1);
    assert_version(&g, TOPIC_CUSTOMER_HISTORY, "7", RIG_NOW - 1000, TIMESTAMP_NONE);
    rig_release(&g);
}

/* A tombstone of an id that is not there. It is counted if the id was never seen. */
static void test_pipeline_log__unknown_tombstones(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, 5, 5, NULL);
    rig_run_text(&g, TOPIC_CUSTOMERS, 1, "8", NULL);
    rig_run_text(&g, TOPIC_CUSTOMERS, 1, "7", CUSTOMER("7", "Ann"));
    for (int i = 0; i < 3; i++)
        rig_run_text(&g, TOPIC_CUSTOMERS, 1, "7", NULL);
    rig_run_text(&g, TOPIC_CUSTOMERS, 1, "8", NULL);
    rig_deliver(&g);
    assert_int_equal(counts_of(&g)->tombstones_unknown[ENTITY_CUSTOMER], 2);
    assert_int_equal(counts_of(&g)->applied[ENTITY_CUSTOMER], 2);
    assert_int_equal(counts_of(&g)->unchanged[ENTITY_CUSTOMER], 4);
    rig_assert_conserved(&g);
    rig_release(&g);
}

/* Kafka has -1 where there is no timestamp. */
static void test_pipeline_log__no_kafka_timestamp(void **state) {
    static const struct {
        const char *key, *value;
    } cases[] = {
        {"7", CUSTOMER("7", "Ann")},
        {"7", "{\"customer_id\":7,\"name\":\"Ann\",\"updated_at\":\"2024-02-15\"}"},
        {"7", NULL},
        {"7", "{\"__deleted\":\"true\",\"customer_id\":7}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig g;
        rig_init(&g, 5, 5, NULL);
        struct input in = rig_input(&g, TOPIC_CUSTOMERS, 1, cases[i].key, cases[i].value);
        in.record.timestamp_ms = -1;
        rig_run(&g, &in);
        rig_deliver(&g);
        assert_refused(&g, "-1", "malformed", "7");
        assert_true(last_refused(&g)->timestamp_ms == -1);
        rig_assert_conserved(&g);
        rig_release(&g);
    }
}

/* --- records that a header places by their time: rule O10 --- */

static void test_pipeline_log__by_header(void **state) {
    static const struct rig_headers headers = {true, RIG_NOW + INT64_C(10) * 86400000};
    struct rig g;
    struct buf row = {0}, value = {0};
    (void)state;
    rig_init(&g, 5, 5, NULL);
    run_change(&g, TOPIC_CUSTOMERS, 0, "c", T0, 5, customer_row(&row, 7, "Ann"));
    run_change(&g, TOPIC_CUSTOMERS, 0, "u", T0 + 50, 9, customer_row(&row, 7, "Bo"));
    struct input in = rig_input(&g, TOPIC_CUSTOMERS, 0, NULL,
                                change(&value, "u", T0 + 20, 7, customer_row(&row, 7, "Cy")));
    in.record.by_time = true;
    in.record.replayed_at_ms = headers.replayed_at_ms;
    in.headers = &headers;
    rig_run(&g, &in);
    rig_deliver(&g);
    /* It goes where its time belongs, is not a repeat, and moves no position. */
    assert_version(&g, TOPIC_CUSTOMER_HISTORY, "7", T0, T0 + 20);
    assert_version(&g, TOPIC_CUSTOMER_HISTORY, "7", T0 + 20, T0 + 50);
    assert_version(&g, TOPIC_CUSTOMER_HISTORY, "7", T0 + 50, TIMESTAMP_NONE);
    run_change(&g, TOPIC_CUSTOMERS, 0, "u", T0 + 50, 8, customer_row(&row, 7, "Di"));
    rig_deliver(&g);
    assert_int_equal(counts_of(&g)->repeated[ENTITY_CUSTOMER], 1);
    /* too_early is judged by quarantine.replayed_at. */
    in = rig_input(&g, TOPIC_CUSTOMERS, 0, NULL,
                   "{\"customer_id\":7,\"name\":\"Ed\",\"updated_at\":\"2024-02-25\"}");
    rig_run(&g, &in);
    rig_deliver(&g);
    assert_refused(&g, "ten days ahead", "too_early", "7");
    in.record.by_time = true;
    in.record.replayed_at_ms = headers.replayed_at_ms;
    in.headers = &headers;
    rig_run(&g, &in);
    rig_deliver(&g);
    assert_version(&g, TOPIC_CUSTOMER_HISTORY, "7", RIG_NOW + INT64_C(10) * 86400000,
                   TIMESTAMP_NONE);
    rig_assert_conserved(&g);
    rig_release(&g);
    buf_release(&row);
    buf_release(&value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipeline_log__bad_records_go_to_the_owner),
        cmocka_unit_test(test_pipeline_log__bad_records_of_nobody),
        cmocka_unit_test(test_pipeline_log__outdated),
        cmocka_unit_test(test_pipeline_log__bad_repeats),
        cmocka_unit_test(test_pipeline_log__truncate),
        cmocka_unit_test(test_pipeline_log__truncate_in_pieces),
        cmocka_unit_test(test_pipeline_log__truncate_refused),
        cmocka_unit_test(test_pipeline_log__truncate_then_delete),
        cmocka_unit_test(test_pipeline_log__truncate_by_time),
        cmocka_unit_test(test_pipeline_log__source_headers),
        cmocka_unit_test(test_pipeline_log__source_of_an_orphan),
        cmocka_unit_test(test_pipeline_log__no_source_headers),
        cmocka_unit_test(test_pipeline_log__told_of_tombstones),
        cmocka_unit_test(test_pipeline_log__unavailable),
        cmocka_unit_test(test_pipeline_log__unavailable_without_a_version),
        cmocka_unit_test(test_pipeline_log__deletes),
        cmocka_unit_test(test_pipeline_log__dms_upserts),
        cmocka_unit_test(test_pipeline_log__unknown_tombstones),
        cmocka_unit_test(test_pipeline_log__no_kafka_timestamp),
        cmocka_unit_test(test_pipeline_log__by_header),
    };
    return cmocka_run_group_tests_name("pipeline_log", tests, NULL, NULL);
}
