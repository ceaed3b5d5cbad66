/* order: what schemas/README.md, "Order of events", says of a record, rule by rule. late.window is
 * 100 and future.window 50 here. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/layers/snapshots/order.h"
#include "streamer/model/position.h"

#include <stdio.h>

#define NEVER TIMESTAMP_NONE

static const struct order_options options = {.late_window_ms = 100, .future_window_ms = 50};

/* What is known of an id. */
struct id {
    int64_t newest;
    bool is_gone; /* there is no current version */
    enum last_record last;
    enum newest_end end;
    int64_t before_end;
    const char *lsn; /* NULL: no position */
    bool position_is_last, position_is_read;
    const char *seen; /* the position before rows of a snapshot; NULL: none */
};

/* A record of it. */
struct rec {
    enum change_kind kind;
    int64_t at;    /* its own time; NEVER: none */
    int64_t kafka; /* 0: a bit behind its own */
    bool is_log, is_read, by_time;
    const char *lsn;
    int64_t replayed_at; /* 0: Kafka's timestamp */
    int32_t partition;
    int64_t offset;
};

static void put_lsn(struct buf *out, const char *lsn) {
    struct position_source source = {slice_str("postgresql"), slice_str("bank"), slice_null()};
    struct slice parts[POSITION_PARTS] = {lsn != NULL ? slice_str(lsn) : slice_null()};
    position_put(out, POSITION_LSN, &source, parts);
}

/* `positions` gets the bytes of its positions. */
static struct timeline timeline_of(const struct id *id, struct buf *positions) {
    struct timeline t = {0};
    struct buf seen = {0};
    timeline_clear(&t);
    put_lsn(positions, id->lsn);
    size_t n = positions->n;
    put_lsn(&seen, id->seen);
    buf_put_slice(positions, buf_slice(&seen));
    buf_release(&seen);
    t.newest_event_at = id->newest;
    t.has_current = id->newest != NEVER && !id->is_gone;
    t.current = (struct version){.from = id->newest, .to = TIMESTAMP_NONE};
    t.memory.last = id->last;
    t.memory.end = id->end;
    t.memory.before_end = id->end != END_NONE ? id->before_end : TIMESTAMP_NONE;
    t.memory.position = slice_of(buf_slice(positions).p, n);
    t.memory.position_is_last = id->position_is_last;
    t.memory.position_is_read = id->position_is_read;
    t.memory.seen = slice_of(buf_slice(positions).p + n, positions->n - n);
    return t;
}

static struct event event_of(const struct rec *r, struct buf *position) {
    int64_t kafka = r->kafka != 0 ? r->kafka : r->at + 7;
    put_lsn(position, r->lsn);
    return (struct event){.entity = ENTITY_ACCOUNT,
                          .kind = r->kind,
                          .id = slice_str("A"),
                          .event_at_ms = r->at != NEVER ? r->at : kafka,
                          .loaded_at_ms = kafka,
                          .has_own_time = r->at != NEVER,
                          .is_log = r->is_log,
                          .by_time = r->by_time,
                          .is_read = r->is_read,
                          .position = buf_slice(position),
                          .early_after_ms = r->replayed_at != 0 ? r->replayed_at : kafka,
                          .source_partition = r->partition,
                          .source_offset = r->offset};
}

static const char *verdict_name(enum verdict v) {
    static const char *const names[] = {"apply",  "unknown tombstone", "ignore",
                                        "repeat", "too late",          "too early"};
    return names[v];
}

static const char *side_name(enum floor_side side) {
    static const char *const names[] = {"above", "below", "below at once", "below its end",
                                        "below and on"};
    return names[side];
}

/* What only an applied record has, is looked at of these alone. */
static void assert_placement(const char *what, const struct placement *got,
                             const struct placement *expected) {
    if (got->verdict != expected->verdict)
        fail_msg("%s: %s, not %s", what, verdict_name(got->verdict),
                 verdict_name(expected->verdict));
    if (got->is_behind_tombstone != expected->is_behind_tombstone)
        fail_msg("%s: behind a tombstone %d", what, got->is_behind_tombstone);
    if (got->verdict != VERDICT_APPLY)
        return;
    if (got->at != expected->at)
        fail_msg("%s: at %lld, not %lld", what, (long long)got->at, (long long)expected->at);
    if (got->end != expected->end || got->moves_end != expected->moves_end)
        fail_msg("%s: end %d, moves %d", what, (int)got->end, got->moves_end);
    if (got->side != expected->side || got->is_reordered != expected->is_reordered)
        fail_msg("%s: %s, reordered %d", what, side_name(got->side), got->is_reordered);
}

struct place_case {
    const char *what;
    struct id id;
    struct rec rec;
    struct placement expected;
};

static void check_places(const struct place_case *cases, size_t n) {
    struct order_floor none = {0};
    struct buf a = {0}, b = {0};
    for (size_t i = 0; i < n; i++) {
        struct timeline t = timeline_of(&cases[i].id, &a);
        struct event e = event_of(&cases[i].rec, &b);
        struct placement p = order_place(&options, &t, &e, &none);
        assert_placement(cases[i].what, &p, &cases[i].expected);
    }
    buf_release(&a);
    buf_release(&b);
}

/* --- O2, O3, O5: times --- */

static const struct place_case by_time_cases[] = {
    {"O2: the first event", {.newest = NEVER}, {.at = 1000}, {.at = 1000}},
    {"O2: a newer one", {.newest = 1000}, {.at = 1001}, {.at = 1001}},
    {"O2: a late one goes where its time belongs", {.newest = 1000}, {.at = 950}, {.at = 950}},
    {"O2: a tie", {.newest = 1000}, {.at = 1000}, {.at = 1000}},
    {"O2: without a time of its own", {.newest = 1000}, {.at = NEVER, .kafka = 990}, {.at = 990}},
    {"O2: a late delete", {.newest = 1000}, {.kind = CHANGE_DELETE, .at = 950}, {.at = 950}},
    {"O4 is off", {1000, .lsn = "9"}, {.at = 990, .lsn = "5"}, {.at = 990}},
};

static void test_order__by_time(void **state) {
    (void)state;
    check_places(by_time_cases, ARRAY_LEN(by_time_cases));
}

static const struct place_case by_time_windows_cases[] = {
    {"O5: late.window behind the newest is in time", {.newest = 1000}, {.at = 900}, {.at = 900}},
    {"O5: older is not", {.newest = 1000}, {.at = 899}, {.verdict = VERDICT_TOO_LATE}},
    {"O5: a delete neither",
     {.newest = 1000},
     {.kind = CHANGE_DELETE, .at = 899},
     {.verdict = VERDICT_TOO_LATE}},
    {"O5: the first is never late", {.newest = NEVER}, {.at = 1, .kafka = 1000}, {.at = 1}},
    {"O5: future.window ahead of Kafka's timestamp",
     {.newest = 1000},
     {.at = 1550, .kafka = 1500},
     {.at = 1550}},
    {"O5: more is too early",
     {.newest = 1000},
     {.at = 1551, .kafka = 1500},
     {.verdict = VERDICT_TOO_EARLY}},
    {"O5: a delete, too, is too early",
     {.newest = 1000},
     {.kind = CHANGE_DELETE, .at = 1551, .kafka = 1500},
     {.verdict = VERDICT_TOO_EARLY}},
    {"O5: also of an id never seen",
     {.newest = NEVER},
     {.at = 1551, .kafka = 1500},
     {.verdict = VERDICT_TOO_EARLY}},
    {"O5: late and early is too late",
     {.newest = 1000},
     {.at = 899, .kafka = 800},
     {.verdict = VERDICT_TOO_LATE}},
};

static void test_order__by_time_windows(void **state) {
    (void)state;
    check_places(by_time_windows_cases, ARRAY_LEN(by_time_windows_cases));
}

static const struct place_case log_cases[] = {
    {"O3: the first record", {.newest = NEVER}, {.is_log = true, .at = 1000}, {.at = 1000}},
    {"O3: a newer one", {.newest = 1000}, {.is_log = true, .at = 1001}, {.at = 1001}},
    {"O3: as new as the newest", {.newest = 1000}, {.is_log = true, .at = 1000}, {.at = 1000}},
    {"O3: an older one takes the newest event's time",
     {.newest = 1000},
     {.is_log = true, .at = 999},
     {.at = 1000, .is_reordered = true}},
    {"O3: a delete, too",
     {.newest = 1000},
     {.kind = CHANGE_DELETE, .is_log = true, .at = 999},
     {.at = 1000, .is_reordered = true}},
    {"O3: without a time of its own",
     {.newest = 1000},
     {.is_log = true, .at = NEVER, .kafka = 990},
     {.at = 1000, .is_reordered = true}},
};

static void test_order__log(void **state) {
    (void)state;
    check_places(log_cases, ARRAY_LEN(log_cases));
}

static const struct place_case log_windows_cases[] = {
    {"O5: nothing is late",
     {.newest = 1000},
     {.is_log = true, .at = 1},
     {.at = 1000, .is_reordered = true}},
    {"O5: nothing is early",
     {.newest = 1000},
     {.is_log = true, .at = 1550, .kafka = 1500},
     {.at = 1550}},
    {"O5: a time beyond future.window becomes Kafka's timestamp",
     {.newest = 1000},
     {.is_log = true, .at = 1551, .kafka = 1500},
     {.at = 1500}},
    {"O5: which can be older than the newest event",
     {.newest = 2000},
     {.is_log = true, .at = 9999, .kafka = 1500},
     {.at = 2000, .is_reordered = true}},
    {"O5: of a delete",
     {.newest = 1000},
     {.kind = CHANGE_DELETE, .is_log = true, .at = 9999, .kafka = 1500},
     {.at = 1500}},
};

static void test_order__log_windows(void **state) {
    (void)state;
    check_places(log_windows_cases, ARRAY_LEN(log_windows_cases));
}

/* --- O4: repeats --- */

static const struct place_case repeats_cases[] = {
    {"O4: before, and older",
     {1000, .lsn = "9"},
     {.is_log = true, .at = 990, .lsn = "5"},
     {.verdict = VERDICT_REPEAT}},
    {"O4: before, and as new",
     {1000, .lsn = "9"},
     {.is_log = true, .at = 1000, .lsn = "5"},
     {.verdict = VERDICT_REPEAT}},
    {"O4: before, but newer",
     {1000, .lsn = "9"},
     {.is_log = true, .at = 1001, .lsn = "5"},
     {.at = 1001}},
    {"O4: numbers by their value",
     {1000, .lsn = "100"},
     {.is_log = true, .at = 990, .lsn = "99"},
     {.verdict = VERDICT_REPEAT}},
    {"O4: behind",
     {1000, .lsn = "5"},
     {.is_log = true, .at = 990, .lsn = "9"},
     {.at = 1000, .is_reordered = true}},
    {"O4: an equal position proves nothing",
     {1000, .lsn = "9"},
     {.is_log = true, .at = 1000, .lsn = "9"},
     {.at = 1000}},
    {"O4: an equal time proves nothing",
     {.newest = 1000},
     {.is_log = true, .at = 1000},
     {.at = 1000}},
    {"O4: the record has no position",
     {1000, .lsn = "9"},
     {.is_log = true, .at = 990},
     {.at = 1000, .is_reordered = true}},
    {"O4: the id has none",
     {.newest = 1000},
     {.is_log = true, .at = 990, .lsn = "5"},
     {.at = 1000, .is_reordered = true}},
    {"O4: 0 is no position",
     {1000, .lsn = "9"},
     {.is_log = true, .at = 990, .lsn = "0"},
     {.at = 1000, .is_reordered = true}},
    {"O4: op r is never one",
     {1000, .lsn = "9"},
     {.is_log = true, .is_read = true, .at = 990, .lsn = "5"},
     {.at = 1000, .is_reordered = true}},
    {"O4: without a time of its own it counts as not newer",
     {1000, .lsn = "9"},
     {.is_log = true, .at = NEVER, .kafka = 5000, .lsn = "5"},
     {.verdict = VERDICT_REPEAT}},
    {"O4: so it does if its time was replaced",
     {1000, .lsn = "9"},
     {.is_log = true, .at = 5051, .kafka = 5000, .lsn = "5"},
     {.verdict = VERDICT_REPEAT}},
    {"O4: the last record that carried a position counts, whatever came since",
     {1000, .lsn = "9", .position_is_last = false},
     {.is_log = true, .at = 990, .lsn = "5"},
     {.verdict = VERDICT_REPEAT}},
    {"O4: a delete",
     {1000, .lsn = "9"},
     {CHANGE_DELETE, .is_log = true, .at = 990, .lsn = "5"},
     {.verdict = VERDICT_REPEAT}},
    {"O4: a delete without a time of its own",
     {1000, .lsn = "9"},
     {CHANGE_DELETE, .is_log = true, .at = NEVER, .kafka = 5000, .lsn = "5"},
     {.verdict = VERDICT_REPEAT}},
    {"O4: judged before O8",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900, .lsn = "9"},
     {.is_log = true, .at = 950, .lsn = "5"},
     {.verdict = VERDICT_REPEAT}},
    {"O4: a tombstone directly behind a repeat",
     {1000, .last = LAST_REPEAT},
     {CHANGE_TOMBSTONE, .is_log = true, .at = NEVER, .kafka = 5000},
     {.verdict = VERDICT_REPEAT}},
    {"O10: what is placed by its time is none",
     {1000, .lsn = "9"},
     {.by_time = true, .at = 990, .lsn = "5"},
     {.at = 990}},
};

static void test_order__repeats(void **state) {
    (void)state;
    check_places(repeats_cases, ARRAY_LEN(repeats_cases));
}

/* A row of a snapshot carries the position at which the snapshot was taken. Changes that it does
 * not contain can carry lower ones: only what lies not behind the position before such rows is
 * known to be contained. */
static const struct place_case repeats_behind_snapshot_rows_cases[] = {
    {"O4: before the row, and behind what was there before it",
     {1000, .lsn = "9", .position_is_read = true, .seen = "5"},
     {.is_log = true, .at = 990, .lsn = "6"},
     {.at = 1000, .is_reordered = true}},
    {"O4: where the id was before the row",
     {1000, .lsn = "9", .position_is_read = true, .seen = "5"},
     {.is_log = true, .at = 990, .lsn = "5"},
     {.verdict = VERDICT_REPEAT}},
    {"O4: before that",
     {1000, .lsn = "9", .position_is_read = true, .seen = "5"},
     {.is_log = true, .at = 990, .lsn = "4"},
     {.verdict = VERDICT_REPEAT}},
    {"O4: a delete before that",
     {1000, .lsn = "9", .position_is_read = true, .seen = "5"},
     {CHANGE_DELETE, .is_log = true, .at = 990, .lsn = "4"},
     {.verdict = VERDICT_REPEAT}},
    {"O4: before that, but newer",
     {1000, .lsn = "9", .position_is_read = true, .seen = "5"},
     {.is_log = true, .at = 1001, .lsn = "4"},
     {.at = 1001}},
    {"O4: before that, without a time of its own",
     {1000, .lsn = "9", .position_is_read = true, .seen = "5"},
     {.is_log = true, .at = NEVER, .kafka = 5000, .lsn = "4"},
     {.verdict = VERDICT_REPEAT}},
    {"O4: another row of a snapshot, before that",
     {1000, .lsn = "9", .position_is_read = true, .seen = "5"},
     {.is_log = true, .is_read = true, .at = 990, .lsn = "4"},
     {.at = 1000, .is_reordered = true}},
    {"O4: the row was the first that carried a position",
     {1000, .lsn = "9", .position_is_read = true},
     {.is_log = true, .at = 990, .lsn = "4"},
     {.at = 1000, .is_reordered = true}},
    {"O4: the row was the first, and an older delete follows",
     {1000, .lsn = "9", .position_is_read = true},
     {CHANGE_DELETE, .is_log = true, .at = 990, .lsn = "4"},
     {.at = 1000, .is_reordered = true}},
    {"O4: behind the row",
     {1000, .lsn = "9", .position_is_read = true, .seen = "5"},
     {.is_log = true, .at = 990, .lsn = "10"},
     {.at = 1000, .is_reordered = true}},
    {"O4: as the row",
     {1000, .lsn = "9", .position_is_read = true, .seen = "9"},
     {.is_log = true, .at = 990, .lsn = "9"},
     {.at = 1000, .is_reordered = true}},
};

static void test_order__repeats_behind_snapshot_rows(void **state) {
    (void)state;
    check_places(repeats_behind_snapshot_rows_cases, ARRAY_LEN(repeats_behind_snapshot_rows_cases));
}

/* Whether a record at one place of a log is a repeat when the last one applied lay at another. */
struct place {
    enum position_kind kind;
    const char *parts[POSITION_PARTS];
    const char *connector, *name, *server_id; /* NULL: as all others */
};

static const struct {
    const char *what;
    struct place last, record;
    bool is_repeat;
} positions_cases[] = {
    {"LSN texts as text",
     {.kind = POSITION_LSN, .parts = {"0/2000"}},
     {.kind = POSITION_LSN, .parts = {"0/1FFF"}},
     true},
    {"LSN texts as text: behind",
     {.kind = POSITION_LSN, .parts = {"0/1FFF"}},
     {.kind = POSITION_LSN, .parts = {"0/2000"}},
     false},
    {"file by its number",
     {.kind = POSITION_BINLOG, .parts = {"mysql-bin.1000000", "4"}},
     {.kind = POSITION_BINLOG, .parts = {"mysql-bin.999999", "900"}},
     true},
    {"file by its number: behind",
     {.kind = POSITION_BINLOG, .parts = {"mysql-bin.999999", "900"}},
     {.kind = POSITION_BINLOG, .parts = {"mysql-bin.1000000", "4"}},
     false},
    {"file, whatever its name is",
     {.kind = POSITION_BINLOG, .parts = {"b-bin.000003", "4"}},
     {.kind = POSITION_BINLOG, .parts = {"c-bin.000002", "4"}},
     true},
    {"pos in the same file",
     {.kind = POSITION_BINLOG, .parts = {"m.2", "1000"}},
     {.kind = POSITION_BINLOG, .parts = {"m.2", "999"}},
     true},
    {"row at the same pos",
     {.kind = POSITION_BINLOG, .parts = {"m.2", "9", "11"}},
     {.kind = POSITION_BINLOG, .parts = {"m.2", "9", "2"}},
     true},
    {"an absent row is the lowest",
     {.kind = POSITION_BINLOG, .parts = {"m.2", "9", "1"}},
     {.kind = POSITION_BINLOG, .parts = {"m.2", "9"}},
     true},
    {"row 0 is absent",
     {.kind = POSITION_BINLOG, .parts = {"m.2", "9"}},
     {.kind = POSITION_BINLOG, .parts = {"m.2", "9", "0"}},
     false},
    {"an absent part in front is the lowest",
     {.kind = POSITION_COMMIT_LSN, .parts = {"0001", "5"}},
     {.kind = POSITION_COMMIT_LSN, .parts = {NULL, "9"}},
     true},
    {"an absent part is no wildcard",
     {.kind = POSITION_COMMIT_LSN, .parts = {NULL, "9"}},
     {.kind = POSITION_COMMIT_LSN, .parts = {"0001", "5"}},
     false},
    {"change_lsn",
     {.kind = POSITION_COMMIT_LSN, .parts = {"00:1:2", "00:1:3", "2"}},
     {.kind = POSITION_COMMIT_LSN, .parts = {"00:1:2", "00:1:2", "9"}},
     true},
    {"event_serial_no",
     {.kind = POSITION_COMMIT_LSN, .parts = {"00:1:2", "00:1:3", "2"}},
     {.kind = POSITION_COMMIT_LSN, .parts = {"00:1:2", "00:1:3", "1"}},
     true},
    {"commit_scn",
     {.kind = POSITION_SCN, .parts = {"100", "1"}},
     {.kind = POSITION_SCN, .parts = {"99", "9"}},
     true},
    {"scn",
     {.kind = POSITION_SCN, .parts = {"100", "10"}},
     {.kind = POSITION_SCN, .parts = {"100", "9"}},
     true},
    {"equal",
     {.kind = POSITION_SCN, .parts = {"100", "10"}},
     {.kind = POSITION_SCN, .parts = {"100", "10"}},
     false},
    {"null is not there",
     {.kind = POSITION_LSN, .parts = {"9"}},
     {.kind = POSITION_LSN, .parts = {"null"}},
     false},
    {"empty is not there",
     {.kind = POSITION_LSN, .parts = {"9"}},
     {.kind = POSITION_LSN, .parts = {""}},
     false},
    {"other kinds",
     {.kind = POSITION_SCN, .parts = {"9"}},
     {.kind = POSITION_LSN, .parts = {"5"}},
     false},
    {"another connector",
     {.kind = POSITION_LSN, .parts = {"9"}},
     {.kind = POSITION_LSN, .parts = {"5"}, .connector = "other"},
     false},
    {"another name",
     {.kind = POSITION_LSN, .parts = {"9"}},
     {.kind = POSITION_LSN, .parts = {"5"}, .name = "other"},
     false},
    {"another MySQL server",
     {.kind = POSITION_BINLOG, .parts = {"m.2", "9"}},
     {.kind = POSITION_BINLOG, .parts = {"m.2", "5"}, .server_id = "8"},
     false},
    {"server_id is MySQL's alone",
     {.kind = POSITION_LSN, .parts = {"9"}},
     {.kind = POSITION_LSN, .parts = {"5"}, .server_id = "8"},
     true},
};

static void test_order__positions(void **state) {
    (void)state;
    struct order_floor none = {0};
    for (size_t i = 0; i < ARRAY_LEN(positions_cases); i++) {
        struct buf texts[2] = {{0}};
        for (int k = 0; k < 2; k++) {
            const struct place *p = k == 0 ? &positions_cases[i].last : &positions_cases[i].record;
            struct slice parts[POSITION_PARTS];
            for (size_t j = 0; j < POSITION_PARTS; j++)
                parts[j] = p->parts[j] != NULL ? slice_str(p->parts[j]) : slice_null();
            struct position_source source = {slice_str(p->connector != NULL ? p->connector : "c"),
                                             slice_str(p->name != NULL ? p->name : "n"),
                                             slice_str(p->server_id != NULL ? p->server_id : "1")};
            position_put(&texts[k], p->kind, &source, parts);
        }
        struct buf unused = {0};
        struct timeline t = timeline_of(&(struct id){.newest = 1000}, &unused);
        struct event e = event_of(&(struct rec){.is_log = true, .at = 1000}, &unused);
        t.memory.position = buf_slice(&texts[0]);
        e.position = buf_slice(&texts[1]);
        struct placement p = order_place(&options, &t, &e, &none);
        if ((p.verdict == VERDICT_REPEAT) != positions_cases[i].is_repeat)
            fail_msg("%s: %s", positions_cases[i].what, verdict_name(p.verdict));
        buf_release(&texts[0]);
        buf_release(&texts[1]);
        buf_release(&unused);
    }
}

/* --- O6, O7: deletes without a time of their own --- */

static const struct place_case tombstones_cases[] = {
    {"O6: at Kafka's timestamp",
     {.newest = 1000},
     {CHANGE_TOMBSTONE, .at = NEVER, .kafka = 1500},
     {.at = 1500, .end = END_TOMBSTONE}},
    {"O6: a millisecond behind what is as new",
     {.newest = 1000},
     {CHANGE_TOMBSTONE, .at = NEVER, .kafka = 1000},
     {.at = 1001, .end = END_TOMBSTONE}},
    {"O6: or newer",
     {.newest = 1000},
     {CHANGE_TOMBSTONE, .at = NEVER, .kafka = 500},
     {.at = 1001, .end = END_TOMBSTONE}},
    {"O6: in a log",
     {.newest = 1000},
     {CHANGE_TOMBSTONE, .is_log = true, .at = NEVER, .kafka = 500},
     {.at = 1001, .end = END_TOMBSTONE}},
    {"O6: a flattened delete",
     {.newest = 1000},
     {CHANGE_DELETE, .at = NEVER, .kafka = 500},
     {.at = 1001, .end = END_TOMBSTONE}},
    {"O6: a flattened delete of a log",
     {.newest = 1000},
     {CHANGE_DELETE, .is_log = true, .at = NEVER, .kafka = 1500},
     {.at = 1500, .end = END_TOMBSTONE}},
    {"O6: a flattened delete of what is not current",
     {1000, .is_gone = true},
     {CHANGE_DELETE, .at = NEVER, .kafka = 1500},
     {.at = 1500, .end = END_TOMBSTONE}},
    {"O6: a flattened delete of an id never seen is kept",
     {.newest = NEVER},
     {CHANGE_DELETE, .at = NEVER, .kafka = 1500},
     {.at = 1500, .end = END_TOMBSTONE}},
    {"O6: a tombstone of one is not",
     {.newest = NEVER},
     {CHANGE_TOMBSTONE, .at = NEVER, .kafka = 1500},
     {.verdict = VERDICT_UNKNOWN_TOMBSTONE}},
    {"O6: a delete with its own time is no such end",
     {.newest = 1000},
     {CHANGE_DELETE, .at = 1500},
     {.at = 1500, .end = END_NONE}},
};

static void test_order__tombstones(void **state) {
    (void)state;
    check_places(tombstones_cases, ARRAY_LEN(tombstones_cases));
}

static const struct place_case companions_cases[] = {
    {"a tombstone of an id that is not current",
     {1000, .is_gone = true},
     {CHANGE_TOMBSTONE, .at = NEVER, .kafka = 1500},
     {.verdict = VERDICT_IGNORE}},
    {"O7: the companion of a delete",
     {1000, .is_gone = true, .last = LAST_DELETE},
     {CHANGE_TOMBSTONE, .at = NEVER, .kafka = 1500},
     {.verdict = VERDICT_IGNORE}},
    {"O7: the companion of a delete that was too late, or ended an older version",
     {1000, .last = LAST_DELETE},
     {CHANGE_TOMBSTONE, .at = NEVER, .kafka = 1500},
     {.verdict = VERDICT_IGNORE}},
    {"O7: in a log",
     {1000, .last = LAST_DELETE},
     {CHANGE_TOMBSTONE, .is_log = true, .at = NEVER, .kafka = 1500},
     {.verdict = VERDICT_IGNORE}},
    {"O7: a delete is no companion",
     {1000, .last = LAST_DELETE},
     {CHANGE_DELETE, .at = 1500},
     {.at = 1500}},
};

static void test_order__companions(void **state) {
    (void)state;
    check_places(companions_cases, ARRAY_LEN(companions_cases));
}

/* --- O8: a delete that was earlier --- */

static const struct place_case moved_ends_cases[] = {
    {"O8: between the event before the delete and the delete",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.is_log = true, .at = 950},
     {.at = 950, .moves_end = true}},
    {"O8: just behind the event before it",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.is_log = true, .at = 901},
     {.at = 901, .moves_end = true}},
    {"O8: as new as the delete",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.is_log = true, .at = 1000},
     {.at = 1000, .moves_end = true}},
    {"O8: behind the delete it is an event like any other",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.is_log = true, .at = 1001},
     {.at = 1001}},
    {"O8: as old as the event before it proves nothing",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.is_log = true, .at = 900},
     {.at = 1000, .is_reordered = true}},
    {"O8: an older one proves nothing",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.is_log = true, .at = 899},
     {.at = 1000, .is_reordered = true}},
    {"O8: there was no event before it",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = NEVER},
     {.is_log = true, .at = 5},
     {.at = 5, .moves_end = true}},
    {"O8: a row of a snapshot",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.is_log = true, .is_read = true, .at = 950},
     {.at = 950, .moves_end = true}},
    {"O8: with Kafka's timestamp, as its own is beyond future.window",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.is_log = true, .at = 9999, .kafka = 950},
     {.at = 950, .moves_end = true}},
    {"O8: a delete proves nothing",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {CHANGE_DELETE, .is_log = true, .at = 950},
     {.at = 1000, .is_reordered = true}},
    {"O8: a delete with its own time does not move",
     {1000, .is_gone = true},
     {.is_log = true, .at = 950},
     {.at = 1000, .is_reordered = true}},
    {"O8: a truncate's end does not move",
     {1000, .is_gone = true, .end = END_TRUNCATE, .before_end = 900},
     {.is_log = true, .at = 950},
     {.at = 1000, .is_reordered = true}},
    {"O8: in event_time it stays late",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.at = 950},
     {.at = 950, .is_behind_tombstone = true}},
    {"O8: in event_time, as new as the delete",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.at = 1000},
     {.at = 1000, .is_behind_tombstone = true}},
    {"O8: in event_time, as new as the event before it",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.at = 900},
     {.at = 900, .is_behind_tombstone = true}},
    {"O8: in event_time, and too late",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 800},
     {.at = 850},
     {.verdict = VERDICT_TOO_LATE, .is_behind_tombstone = true}},
    {"O8: in event_time, and there was no event before it",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = NEVER},
     {.at = 5},
     {.verdict = VERDICT_TOO_LATE, .is_behind_tombstone = true}},
    {"O8: in event_time, older than the event before it",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 950},
     {.at = 949},
     {.at = 949}},
    {"O8: in event_time, a delete",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {CHANGE_DELETE, .at = 950},
     {.at = 950}},
    {"O8: in event_time, behind the delete",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.at = 1001},
     {.at = 1001}},
};

static void test_order__moved_ends(void **state) {
    (void)state;
    check_places(moved_ends_cases, ARRAY_LEN(moved_ends_cases));
}

/* --- O10: records with a header --- */

static const struct place_case by_header_cases[] = {
    {"O10: goes where its time belongs",
     {1000, .lsn = "9"},
     {.by_time = true, .at = 950, .lsn = "10"},
     {.at = 950}},
    {"O10: is current if nothing is newer",
     {.newest = 1000},
     {.by_time = true, .at = 1001},
     {.at = 1001}},
    {"O10: may be too late",
     {.newest = 1000},
     {.by_time = true, .at = 899},
     {.verdict = VERDICT_TOO_LATE}},
    {"O10: moves no end, and counts as behind the tombstone",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.by_time = true, .at = 950},
     {.at = 950, .is_behind_tombstone = true}},
    {"O10: so it does if it is too late",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 800},
     {.by_time = true, .at = 850},
     {.verdict = VERDICT_TOO_LATE, .is_behind_tombstone = true}},
    {"O10: late and early is too late",
     {.newest = 1000},
     {.by_time = true, .at = 899, .kafka = 800, .replayed_at = 801},
     {.verdict = VERDICT_TOO_LATE}},
    {"O10: a tombstone is no repeat's",
     {1000, .last = LAST_REPEAT},
     {CHANGE_TOMBSTONE, .by_time = true, .at = NEVER, .kafka = 1500},
     {.at = 1500}},
    {"O10: nor a companion",
     {1000, .last = LAST_DELETE},
     {CHANGE_TOMBSTONE, .by_time = true, .at = NEVER, .kafka = 1500},
     {.at = 1500}},
    {"O10: a tombstone goes where its Kafka timestamp belongs",
     {.newest = 1000},
     {CHANGE_TOMBSTONE, .by_time = true, .at = NEVER, .kafka = 950},
     {.at = 950}},
    {"O10: a delete with a time goes there",
     {.newest = 1000},
     {CHANGE_DELETE, .by_time = true, .at = 950},
     {.at = 950}},
    {"O10: too_early is judged by the header",
     {.newest = 1000},
     {.by_time = true, .at = 5000, .kafka = 1500, .replayed_at = 4950},
     {.at = 5000}},
    {"O10: and is there",
     {.newest = 1000},
     {.by_time = true, .at = 5001, .kafka = 1500, .replayed_at = 4950},
     {.verdict = VERDICT_TOO_EARLY}},
};

static void test_order__by_header(void **state) {
    (void)state;
    check_places(by_header_cases, ARRAY_LEN(by_header_cases));
}

/* --- O9: truncates --- */

struct floor {
    int64_t at;
    const char *lsn;
    bool by_time_only, has_no_own_time;
    int32_t partition;
    int64_t offset;
};

static struct order_floor floor_of(const struct floor *f, struct buf *position) {
    put_lsn(position, f->lsn);
    return (struct order_floor){.exists = f->at != 0,
                                .at = f->at,
                                .has_own_time = !f->has_no_own_time,
                                .by_time_only = f->by_time_only,
                                .position = buf_slice(position),
                                .source_partition = f->partition,
                                .source_offset = f->offset};
}

struct floor_case {
    const char *what;
    struct floor floor;
    struct id id;
    struct rec rec;
    bool holds_all; /* order.* = event_time */
    struct placement expected;
};

/* The record comes from partition 1, and the truncate from partition 0 unless it says so. */
static void check_floors(const struct floor_case *cases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct buf texts[3] = {{0}};
        struct order_options o = options;
        o.floor_holds_all[ENTITY_ACCOUNT] = cases[i].holds_all;
        struct order_floor floor = floor_of(&cases[i].floor, &texts[0]);
        struct timeline t = timeline_of(&cases[i].id, &texts[1]);
        struct event e = event_of(&cases[i].rec, &texts[2]);
        struct placement p = order_place(&o, &t, &e, &floor);
        assert_placement(cases[i].what, &p, &cases[i].expected);
        for (int k = 0; k < 3; k++)
            buf_release(&texts[k]);
    }
}

static const struct floor_case below_floor_cases[] = {
    {"O9: before it by time",
     {.at = 1000},
     {.newest = NEVER},
     {.is_log = true, .at = 999, .partition = 1},
     false,
     {.at = 999, .side = SIDE_BELOW}},
    {"O9: by time strictly",
     {.at = 1000},
     {.newest = NEVER},
     {.is_log = true, .at = 1000, .partition = 1},
     false,
     {.at = 1000}},
    {"O9: by position, though newer",
     {.at = 1000, .lsn = "9"},
     {.newest = NEVER},
     {.is_log = true, .at = 1500, .lsn = "5", .partition = 1},
     false,
     {.at = 1500, .side = SIDE_BELOW_AT_ONCE}},
    {"O9: behind by position, though older",
     {.at = 1000, .lsn = "9"},
     {.newest = NEVER},
     {.is_log = true, .at = 500, .lsn = "10", .partition = 1},
     false,
     {.at = 500}},
    {"O9: at an equal position it does not lie before it",
     {.at = 1000, .lsn = "9"},
     {.newest = NEVER},
     {.is_log = true, .at = 500, .lsn = "9", .partition = 1},
     false,
     {.at = 500}},
    {"O9: only one of them has a position: by time",
     {.at = 1000, .lsn = "9"},
     {.newest = NEVER},
     {.is_log = true, .at = 999, .partition = 1},
     false,
     {.at = 999, .side = SIDE_BELOW}},
    {"O9: behind the truncate in its partition",
     {1000, .partition = 1, .offset = 7},
     {.newest = NEVER},
     {.is_log = true, .at = 500, .partition = 1, .offset = 8},
     false,
     {.at = 500}},
    {"O9: behind the truncate in its partition, though its position is before it",
     {.at = 1000, .lsn = "9", .partition = 1, .offset = 7},
     {.newest = NEVER},
     {.is_log = true, .at = 500, .lsn = "5", .partition = 1, .offset = 8},
     false,
     {.at = 500}},
    {"O9: offsets of other partitions say nothing",
     {1000, .partition = 0, .offset = 7},
     {.newest = NEVER},
     {.is_log = true, .at = 500, .partition = 1, .offset = 8},
     false,
     {.at = 500, .side = SIDE_BELOW}},
    {"O9: by the time that it has after O3",
     {.at = 1000},
     {.newest = 1000},
     {.is_log = true, .at = 500, .partition = 1},
     false,
     {.at = 1000, .is_reordered = true}},
    {"O9: by the time that it has after O3, which is below",
     {.at = 1000},
     {.newest = 900},
     {.is_log = true, .at = 500, .partition = 1},
     false,
     {.at = 900, .is_reordered = true, .side = SIDE_BELOW}},
    {"O9: by Kafka's timestamp, as its own is beyond future.window",
     {.at = 1000},
     {.newest = NEVER},
     {.is_log = true, .at = 9999, .kafka = 999, .partition = 1},
     false,
     {.at = 999, .side = SIDE_BELOW}},
};

static void test_order__below_floor(void **state) {
    (void)state;
    check_floors(below_floor_cases, ARRAY_LEN(below_floor_cases));
}

static const struct floor_case below_floor_of_newer_ids_cases[] = {
    {"O9: if the id has a newer event it is a record like any other",
     {.at = 1000, .lsn = "9"},
     {.newest = 1001},
     {.is_log = true, .at = 500, .lsn = "5", .partition = 1},
     false,
     {.at = 1001, .is_reordered = true}},
    {"O9: an event as new as the truncate is newer",
     {.at = 1000, .lsn = "9"},
     {.newest = 1000},
     {.is_log = true, .at = 500, .lsn = "5", .partition = 1},
     false,
     {.at = 1000, .is_reordered = true}},
    {"O9: the id's last record lies behind by its position, though it is older",
     {.at = 1000, .lsn = "9"},
     {500, .lsn = "10", .position_is_last = true},
     {.is_log = true, .at = 600, .lsn = "5", .partition = 1},
     false,
     {.at = 600}},
    {"O9: the id's last record lies where the truncate does",
     {.at = 1000, .lsn = "9"},
     {500, .lsn = "9", .position_is_last = true},
     {.is_log = true, .at = 600, .lsn = "5", .partition = 1},
     false,
     {.at = 600}},
    {"O9: the id's last record lies before it by its position, though it is newer",
     {.at = 1000, .lsn = "9"},
     {1200, .lsn = "4", .position_is_last = true},
     {.is_log = true, .at = 1100, .lsn = "5", .partition = 1},
     false,
     {.at = 1200, .is_reordered = true, .side = SIDE_BELOW_AT_ONCE}},
    {"O9: the position of a record before the last one says nothing",
     {.at = 1000, .lsn = "9"},
     {1200, .lsn = "4"},
     {.is_log = true, .at = 1100, .lsn = "5", .partition = 1},
     false,
     {.at = 1200, .is_reordered = true}},
    {"O9: the end that the truncate made is no newer event",
     {1000, .has_no_own_time = true},
     {1000, .is_gone = true, .end = END_TRUNCATE, .before_end = 800},
     {.is_log = true, .at = 900, .partition = 1},
     false,
     {.at = 900, .side = SIDE_BELOW}},
    {"O9: what lies below does not take its time",
     {.at = 1000},
     {1000, .is_gone = true, .end = END_TRUNCATE, .before_end = 800},
     {.is_log = true, .at = 700, .partition = 1},
     false,
     {.at = 800, .is_reordered = true, .side = SIDE_BELOW}},
};

static void test_order__below_floor_of_newer_ids(void **state) {
    (void)state;
    check_floors(below_floor_of_newer_ids_cases, ARRAY_LEN(below_floor_of_newer_ids_cases));
}

static const struct floor_case below_floor_moves_ends_cases[] = {
    {"O9: a record below that is newer than the truncate: its end moves there",
     {.at = 1000, .lsn = "9"},
     {1000, .is_gone = true, .lsn = "4", .end = END_TRUNCATE, .before_end = 800,
      .position_is_last = true},
     {.is_log = true, .at = 1200, .lsn = "5", .partition = 1},
     false,
     {.at = 1200, .side = SIDE_BELOW_ITS_END}},
    {"O9: as new as the truncate",
     {.at = 1000, .lsn = "9"},
     {1000, .is_gone = true, .lsn = "4", .end = END_TRUNCATE, .before_end = 800,
      .position_is_last = true},
     {.is_log = true, .at = 1000, .lsn = "5", .partition = 1},
     false,
     {.at = 1000, .side = SIDE_BELOW_ITS_END}},
    {"O9: the same of a truncate without a time: its end comes again behind the record",
     {.at = 1000, .lsn = "9", .has_no_own_time = true},
     {1000, .is_gone = true, .lsn = "4", .end = END_TRUNCATE, .before_end = 800,
      .position_is_last = true},
     {.is_log = true, .at = 1200, .lsn = "5", .partition = 1},
     false,
     {.at = 1200, .side = SIDE_BELOW_AND_ON}},
    {"O9: as new as such a truncate",
     {.at = 1000, .lsn = "9", .has_no_own_time = true},
     {1000, .is_gone = true, .lsn = "4", .end = END_TRUNCATE, .before_end = 800,
      .position_is_last = true},
     {.is_log = true, .at = 1000, .lsn = "5", .partition = 1},
     false,
     {.at = 1000, .side = SIDE_BELOW_AND_ON}},
    {"O9: where such a truncate's end comes anyway",
     {.at = 1000, .lsn = "9", .has_no_own_time = true},
     {1001, .is_gone = true, .lsn = "4", .end = END_TRUNCATE, .before_end = 1000,
      .position_is_last = true},
     {.is_log = true, .at = 1000, .lsn = "5", .partition = 1},
     false,
     {.at = 1000, .side = SIDE_BELOW}},
    {"O9: a newer record below a truncate without a time, of an id that it did not end",
     {.at = 1000, .lsn = "9", .has_no_own_time = true},
     {.newest = NEVER},
     {.is_log = true, .at = 1200, .lsn = "5", .partition = 1},
     false,
     {.at = 1200, .side = SIDE_BELOW}},
    {"O9: the end that an earlier truncate made is an event before it",
     {.at = 1000},
     {900, .is_gone = true, .end = END_TRUNCATE, .before_end = 800},
     {.is_log = true, .at = 850, .partition = 1},
     false,
     {.at = 900, .is_reordered = true, .side = SIDE_BELOW}},
    {"O8, O9: an end that moves is no newer event",
     {.at = 970},
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.is_log = true, .at = 950, .partition = 1},
     false,
     {.at = 950, .moves_end = true, .side = SIDE_BELOW}},
    {"O9: a delete",
     {.at = 1000},
     {.newest = 900},
     {CHANGE_DELETE, .is_log = true, .at = 950, .partition = 1},
     false,
     {.at = 950, .side = SIDE_BELOW}},
    {"O6, O9: a delete without a time ends what is there anyway",
     {.at = 1000},
     {.newest = 900},
     {CHANGE_TOMBSTONE, .is_log = true, .at = NEVER, .kafka = 950, .partition = 1},
     false,
     {.at = 950, .end = END_TOMBSTONE}},
};

static void test_order__below_floor_moves_ends(void **state) {
    (void)state;
    check_floors(below_floor_moves_ends_cases, ARRAY_LEN(below_floor_moves_ends_cases));
}

static const struct floor_case below_floor_by_header_cases[] = {
    {"O10: never meets the floor",
     {1000, .by_time_only = true},
     {.newest = NEVER},
     {.by_time = true, .at = 999, .partition = 1},
     true,
     {.at = 999}},
    {"O10: also in a log",
     {.at = 1000},
     {.newest = NEVER},
     {.by_time = true, .at = 999, .partition = 1},
     false,
     {.at = 999}},
};

static void test_order__below_floor_by_header(void **state) {
    (void)state;
    check_floors(below_floor_by_header_cases, ARRAY_LEN(below_floor_by_header_cases));
}

static const struct floor_case below_floor_by_options_cases[] = {
    {"O9: what lies behind it does",
     {.at = 1000, .lsn = "9"},
     {1000, .is_gone = true, .end = END_TRUNCATE, .before_end = 800},
     {.is_log = true, .at = 900, .lsn = "10", .partition = 1},
     false,
     {.at = 1000, .is_reordered = true}},
    {"O9: a repeat never meets the floor",
     {.at = 1000},
     {900, .lsn = "9"},
     {.is_log = true, .at = 500, .lsn = "5", .partition = 1},
     false,
     {.verdict = VERDICT_REPEAT}},
    {"O9: an event is not held",
     {.at = 1000},
     {.newest = NEVER},
     {.at = 999, .partition = 1},
     false,
     {.at = 999}},
    {"O9: order=event_time: by time",
     {1000, .by_time_only = true},
     {.newest = NEVER},
     {.at = 999, .partition = 1},
     true,
     {.at = 999, .side = SIDE_BELOW}},
    {"O9: order=event_time: positions say nothing",
     {.at = 1000, .lsn = "9", .by_time_only = true},
     {.newest = NEVER},
     {.at = 999, .lsn = "10", .partition = 1},
     true,
     {.at = 999, .side = SIDE_BELOW}},
    {"O9: order=event_time: strictly",
     {1000, .by_time_only = true},
     {.newest = NEVER},
     {.at = 1000, .partition = 1},
     true,
     {.at = 1000}},
    {"O9: no truncate",
     {.at = 0},
     {.newest = NEVER},
     {.is_log = true, .at = 999, .partition = 1},
     false,
     {.at = 999}},
};

static void test_order__below_floor_by_options(void **state) {
    (void)state;
    check_floors(below_floor_by_options_cases, ARRAY_LEN(below_floor_by_options_cases));
}

/* Which ids a truncate ends, and where. */
static const struct {
    const char *what;
    struct floor floor;
    struct id id;
    bool lies_before;
    int64_t end;
} truncate_cases[] = {
    {"O9: by time", {.at = 1000}, {.newest = 999}, true, 1000},
    {"O9: by time, strictly", {.at = 1000}, {.newest = 1000}, false, 1000},
    {"O9: newer", {.at = 1000}, {.newest = 1001}, false, 1001},
    {"O9: never seen", {.at = 1000}, {.newest = NEVER}, false, 1000},
    {"O9: by position, though newer",
     {.at = 1000, .lsn = "9"},
     {1500, .lsn = "5", .position_is_last = true},
     true,
     1500},
    {"O9: by position, though older",
     {.at = 1000, .lsn = "9"},
     {500, .lsn = "10", .position_is_last = true},
     false,
     1000},
    {"O9: at an equal position",
     {.at = 1000, .lsn = "9"},
     {500, .lsn = "9", .position_is_last = true},
     false,
     1000},
    {"O9: the last record carried none: by time",
     {.at = 1000, .lsn = "9"},
     {999, .lsn = "10"},
     true,
     1000},
    {"O9: the last record carried none: by time, newer",
     {.at = 1000, .lsn = "9"},
     {1500, .lsn = "5"},
     false,
     1500},
    {"O9: order=event_time: positions say nothing",
     {.at = 1000, .lsn = "9", .by_time_only = true},
     {999, .lsn = "10", .position_is_last = true},
     true,
     1000},
    {"O6: without a time of its own it is never before what it ends",
     {.at = 1000, .lsn = "9", .has_no_own_time = true},
     {1000, .lsn = "5", .position_is_last = true},
     true,
     1001},
    {"O6: without a time of its own, of something older",
     {1000, .has_no_own_time = true},
     {.newest = 900},
     true,
     1000},
};

static void test_order__truncate(void **state) {
    (void)state;
    struct buf a = {0}, b = {0};
    for (size_t i = 0; i < ARRAY_LEN(truncate_cases); i++) {
        struct order_floor truncate = floor_of(&truncate_cases[i].floor, &a);
        struct timeline t = timeline_of(&truncate_cases[i].id, &b);
        if (order_lies_before(&t, &truncate) != truncate_cases[i].lies_before)
            fail_msg("%s: not %s", truncate_cases[i].what,
                     truncate_cases[i].lies_before ? "before" : "behind");
        if (order_end_of(&t, &truncate) != truncate_cases[i].end)
            fail_msg("%s: ends at %lld", truncate_cases[i].what,
                     (long long)order_end_of(&t, &truncate));
    }
    buf_release(&a);
    buf_release(&b);
}

static const struct {
    const char *what;
    struct floor a, b; /* `a` is the later one, and */
    bool both;         /* `b` is, too: they are equal */
} latest_truncate_cases[] = {
    {"O9: the first", {.at = 1000}, {.at = 0}, false},
    {"O9: by time", {.at = 1001, .partition = 1}, {.at = 1000}, false},
    {"O9: equal times", {.at = 1000, .partition = 1}, {.at = 1000}, true},
    {"O9: by position, though older",
     {.at = 1000, .lsn = "9", .partition = 1},
     {.at = 1500, .lsn = "5"},
     false},
    {"O9: equal positions",
     {.at = 1000, .lsn = "9", .partition = 1},
     {.at = 1500, .lsn = "9"},
     true},
    {"O9: one without a position: by time",
     {.at = 1001, .lsn = "5", .partition = 1},
     {.at = 1000},
     false},
    {"O9: order=event_time: by time",
     {.at = 1001, .lsn = "5", .by_time_only = true, .partition = 1},
     {.at = 1000, .lsn = "9", .by_time_only = true},
     false},
    {"O9: behind it in the same partition, though older",
     {.at = 1000, .offset = 8},
     {.at = 1500, .offset = 7},
     false},
    {"O9: behind it in the same partition, though its position lies before it",
     {.at = 1000, .lsn = "5", .offset = 8},
     {.at = 1000, .lsn = "9", .offset = 7},
     false},
    {"O9: the same one", {.at = 1000, .offset = 7}, {.at = 1000, .offset = 7}, true},
};

static void test_order__latest_truncate(void **state) {
    (void)state;
    struct buf texts[2] = {{0}};
    for (size_t i = 0; i < ARRAY_LEN(latest_truncate_cases); i++) {
        struct order_floor a = floor_of(&latest_truncate_cases[i].a, &texts[0]),
                           b = floor_of(&latest_truncate_cases[i].b, &texts[1]);
        if (!order_is_later(&a, &b))
            fail_msg("%s: not later", latest_truncate_cases[i].what);
        if (b.exists && order_is_later(&b, &a) != latest_truncate_cases[i].both)
            fail_msg("%s: the other way round", latest_truncate_cases[i].what);
    }
    buf_release(&texts[0]);
    buf_release(&texts[1]);
}

/* --- what is remembered --- */

struct applied_case {
    const char *what;
    struct id id;
    struct rec rec;
    bool was_known; /* the event changed nothing of the history */
    enum last_record last;
    enum newest_end end;
    int64_t before_end;
    const char *lsn;
    bool position_is_last;
    int revisions; /* more than before */
    bool position_is_read;
    const char *seen;
};

/* Of an id whose last record, and so on, was what `id` says; after a record that was applied. */
static void check_applied(const struct applied_case *cases, size_t n) {
    struct order_floor none = {0};
    struct buf texts[4] = {{0}};
    for (size_t i = 0; i < n; i++) {
        struct timeline t = timeline_of(&cases[i].id, &texts[0]);
        struct event e = event_of(&cases[i].rec, &texts[1]);
        put_lsn(&texts[2], cases[i].lsn);
        put_lsn(&texts[3], cases[i].seen);
        struct placement p = order_place(&options, &t, &e, &none);
        assert_int_equal(p.verdict, VERDICT_APPLY);
        order_note_applied(&t, &e, &p, cases[i].id.newest, !cases[i].was_known);
        const struct order_memory *m = &t.memory;
        if (m->last != cases[i].last || m->end != cases[i].end ||
            m->before_end != cases[i].before_end)
            fail_msg("%s: last %d, end %d, before it %lld", cases[i].what, (int)m->last,
                     (int)m->end, (long long)m->before_end);
        if (!slice_eq(m->position, buf_slice(&texts[2])) ||
            m->position_is_last != cases[i].position_is_last || m->revision != cases[i].revisions)
            fail_msg("%s: position %.*s, last %d, revision %lld", cases[i].what, (int)m->position.n,
                     m->position.p, m->position_is_last, (long long)m->revision);
        if (m->position_is_read != cases[i].position_is_read ||
            !slice_eq(m->seen, buf_slice(&texts[3])))
            fail_msg("%s: read %d, seen %.*s", cases[i].what, m->position_is_read, (int)m->seen.n,
                     m->seen.p);
    }
    for (int k = 0; k < 4; k++)
        buf_release(&texts[k]);
}

static const struct applied_case note_applied_deletes_cases[] = {
    {"an upsert", {.newest = 1000}, {.at = 1001}, .before_end = NEVER},
    {"O7: a delete",
     {.newest = 1000},
     {CHANGE_DELETE, .at = 1001},
     .last = LAST_DELETE,
     .before_end = NEVER},
    {"O7: a late delete",
     {.newest = 1000},
     {CHANGE_DELETE, .at = 950},
     .last = LAST_DELETE,
     .before_end = NEVER},
    {"O7: a delete that was known",
     {.newest = 1000},
     {CHANGE_DELETE, .at = 950},
     .was_known = true,
     .last = LAST_DELETE,
     .before_end = NEVER},
    {"O7: an upsert behind a delete",
     {1000, .last = LAST_DELETE},
     {.at = 1001},
     .before_end = NEVER},
    {"O7: an upsert behind a repeat",
     {1000, .last = LAST_REPEAT},
     {.at = 1001},
     .before_end = NEVER},
    {"O7: a tombstone is no delete that another may follow",
     {.newest = 1000},
     {CHANGE_TOMBSTONE, .at = NEVER, .kafka = 1500},
     .end = END_TOMBSTONE,
     .before_end = 1000},
    {"O6, O7: a flattened delete",
     {.newest = 1000},
     {CHANGE_DELETE, .at = NEVER, .kafka = 1500},
     .last = LAST_DELETE,
     .end = END_TOMBSTONE,
     .before_end = 1000},
    {"O6: a flattened delete of an id never seen",
     {.newest = NEVER},
     {CHANGE_DELETE, .at = NEVER, .kafka = 1500},
     .last = LAST_DELETE,
     .end = END_TOMBSTONE,
     .before_end = NEVER},
};

static void test_order__note_applied_deletes(void **state) {
    (void)state;
    check_applied(note_applied_deletes_cases, ARRAY_LEN(note_applied_deletes_cases));
}

static const struct applied_case note_applied_ends_cases[] = {
    {"O8: a newer event",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.at = 1001},
     .before_end = NEVER},
    {"O8: an event as new, in event_time",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.at = 1000},
     .before_end = NEVER},
    {"O8: the end has moved",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.is_log = true, .at = 950},
     .before_end = NEVER},
    {"O8: a late event between",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {.at = 950},
     .end = END_TOMBSTONE,
     .before_end = 950},
    {"O8: a late event before",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 950},
     {.at = 920},
     .end = END_TOMBSTONE,
     .before_end = 950},
    {"O8: a late event where there was none before",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = NEVER},
     {.at = 920},
     .end = END_TOMBSTONE,
     .before_end = 920},
    {"O8, O9: a delete right behind the end of a truncate",
     {1000, .is_gone = true, .end = END_TRUNCATE, .before_end = 900},
     {CHANGE_DELETE, .at = NEVER, .kafka = 1500},
     .last = LAST_DELETE,
     .end = END_TOMBSTONE_AFTER_TRUNCATE,
     .before_end = 1000},
    {"O8, O9: another behind that one",
     {1500, .is_gone = true, .end = END_TOMBSTONE_AFTER_TRUNCATE, .before_end = 1000},
     {CHANGE_DELETE, .at = NEVER, .kafka = 1600},
     .last = LAST_DELETE,
     .end = END_TOMBSTONE,
     .before_end = 1500},
    {"O8, O9: a late event before the end of the truncate",
     {1050, .is_gone = true, .end = END_TOMBSTONE_AFTER_TRUNCATE, .before_end = 1000},
     {.at = 990},
     .end = END_TOMBSTONE_AFTER_TRUNCATE,
     .before_end = 1000},
    {"O8, O9: a late event at its time, which takes its place",
     {1050, .is_gone = true, .end = END_TOMBSTONE_AFTER_TRUNCATE, .before_end = 1000},
     {.at = 1000},
     .end = END_TOMBSTONE,
     .before_end = 1000},
    {"O8, O9: a late event between the two",
     {1050, .is_gone = true, .end = END_TOMBSTONE_AFTER_TRUNCATE, .before_end = 1000},
     {.at = 1020},
     .end = END_TOMBSTONE,
     .before_end = 1020},
    {"O8: a delete of a log takes the tombstone's time, which said it already",
     {1000, .is_gone = true, .end = END_TOMBSTONE, .before_end = 900},
     {CHANGE_DELETE, .is_log = true, .at = 950},
     .was_known = true,
     .last = LAST_DELETE,
     .end = END_TOMBSTONE,
     .before_end = 900},
};

static void test_order__note_applied_ends(void **state) {
    (void)state;
    check_applied(note_applied_ends_cases, ARRAY_LEN(note_applied_ends_cases));
}

static const struct applied_case note_applied_positions_cases[] = {
    {"O4: the first position",
     {.newest = 1000},
     {.is_log = true, .at = 1001, .lsn = "5"},
     .before_end = NEVER,
     .lsn = "5",
     .position_is_last = true,
     .revisions = 1},
    {"O4: the next",
     {1000, .lsn = "5", .position_is_last = true},
     {.is_log = true, .at = 1001, .lsn = "7"},
     .before_end = NEVER,
     .lsn = "7",
     .position_is_last = true,
     .revisions = 1},
    {"O4: a record that changes nothing moves it, too",
     {1000, .lsn = "5", .position_is_last = true},
     {.is_log = true, .at = 1000, .lsn = "7"},
     .was_known = true,
     .before_end = NEVER,
     .lsn = "7",
     .position_is_last = true,
     .revisions = 1},
    {"O4: op r sets it, though it is lower",
     {1000, .lsn = "5", .position_is_last = true},
     {.is_log = true, .is_read = true, .at = 1000, .lsn = "3"},
     .before_end = NEVER,
     .lsn = "3",
     .position_is_last = true,
     .revisions = 1,
     .position_is_read = true},
    {"O4: op r of an id that has none",
     {.newest = 1000},
     {.is_log = true, .is_read = true, .at = 1001, .lsn = "9"},
     .before_end = NEVER,
     .lsn = "9",
     .position_is_last = true,
     .revisions = 1,
     .position_is_read = true},
    {"O4: op r behind a change, whose position stays known",
     {1000, .lsn = "5", .position_is_last = true},
     {.is_log = true, .is_read = true, .at = 1001, .lsn = "9"},
     .before_end = NEVER,
     .lsn = "9",
     .position_is_last = true,
     .revisions = 1,
     .position_is_read = true,
     .seen = "5"},
    {"O4: op r where the change was",
     {1000, .lsn = "9", .position_is_last = true},
     {.is_log = true, .is_read = true, .at = 1001, .lsn = "9"},
     .before_end = NEVER,
     .lsn = "9",
     .position_is_last = true,
     .revisions = 1,
     .position_is_read = true,
     .seen = "9"},
    {"O4: another op r: of the position before the first",
     {1000, .lsn = "9", .position_is_last = true, .position_is_read = true, .seen = "5"},
     {.is_log = true, .is_read = true, .at = 1001, .lsn = "12"},
     .before_end = NEVER,
     .lsn = "12",
     .position_is_last = true,
     .revisions = 1,
     .position_is_read = true,
     .seen = "5"},
    {"O4: another op r, before that: the database was restored",
     {1000, .lsn = "9", .position_is_last = true, .position_is_read = true, .seen = "5"},
     {.is_log = true, .is_read = true, .at = 1001, .lsn = "4"},
     .before_end = NEVER,
     .lsn = "4",
     .position_is_last = true,
     .revisions = 1,
     .position_is_read = true},
    {"O4: the same op r once more",
     {1000, .lsn = "9", .position_is_last = true, .position_is_read = true, .seen = "5"},
     {.is_log = true, .is_read = true, .at = 1000, .lsn = "9"},
     .before_end = NEVER,
     .lsn = "9",
     .position_is_last = true,
     .position_is_read = true,
     .seen = "5"},
    {"O4: a change behind op r",
     {1000, .lsn = "9", .position_is_last = true, .position_is_read = true, .seen = "5"},
     {.is_log = true, .at = 1001, .lsn = "10"},
     .before_end = NEVER,
     .lsn = "10",
     .position_is_last = true,
     .revisions = 1},
    {"O4: a change that op r does not contain, though its position is lower",
     {1000, .lsn = "9", .position_is_last = true, .position_is_read = true, .seen = "5"},
     {.is_log = true, .at = 990, .lsn = "7"},
     .before_end = NEVER,
     .lsn = "7",
     .position_is_last = true,
     .revisions = 1},
    {"O4: a record without a position behind op r",
     {1000, .lsn = "9", .position_is_last = true, .position_is_read = true, .seen = "5"},
     {.is_log = true, .at = 1001},
     .before_end = NEVER,
     .lsn = "9",
     .revisions = 1,
     .position_is_read = true,
     .seen = "5"},
    {"O4: a newer one at a lower position",
     {1000, .lsn = "5", .position_is_last = true},
     {.is_log = true, .at = 1001, .lsn = "3"},
     .before_end = NEVER,
     .lsn = "3",
     .position_is_last = true,
     .revisions = 1},
    {"O4: the same once more",
     {1000, .lsn = "5", .position_is_last = true},
     {.is_log = true, .at = 1000, .lsn = "5"},
     .before_end = NEVER,
     .lsn = "5",
     .position_is_last = true},
    {"O4, O9: a record without one leaves it, but it is not the last record's",
     {1000, .lsn = "5", .position_is_last = true},
     {.is_log = true, .at = 1001},
     .before_end = NEVER,
     .lsn = "5",
     .revisions = 1},
    {"O4: a delete moves it",
     {1000, .lsn = "5", .position_is_last = true},
     {CHANGE_DELETE, .is_log = true, .at = 1001, .lsn = "7"},
     .last = LAST_DELETE,
     .before_end = NEVER,
     .lsn = "7",
     .position_is_last = true,
     .revisions = 1},
    {"order=event_time: no position",
     {.newest = 1000},
     {.at = 1001, .lsn = "7"},
     .before_end = NEVER},
};

static void test_order__note_applied_positions(void **state) {
    (void)state;
    check_applied(note_applied_positions_cases, ARRAY_LEN(note_applied_positions_cases));
}

static const struct applied_case note_applied_by_header_cases[] = {
    {"O10: behind op r",
     {1000, .lsn = "9", .position_is_last = true, .position_is_read = true, .seen = "5"},
     {.by_time = true, .is_read = true, .at = 950, .lsn = "12"},
     .before_end = NEVER,
     .lsn = "9",
     .position_is_last = true,
     .position_is_read = true,
     .seen = "5"},
    {"O10: moves no position, and is not between a delete and its companion",
     {1000, .last = LAST_DELETE, .lsn = "5", .position_is_last = true},
     {.by_time = true, .at = 950, .lsn = "7"},
     .last = LAST_DELETE,
     .before_end = NEVER,
     .lsn = "5",
     .position_is_last = true},
    {"O10: it is not between if it is the newest then, either",
     {1000, .last = LAST_REPEAT, .lsn = "5", .position_is_last = true},
     {.by_time = true, .at = 1001, .lsn = "7"},
     .last = LAST_REPEAT,
     .before_end = NEVER,
     .lsn = "5",
     .revisions = 1},
};

static void test_order__note_applied_by_header(void **state) {
    (void)state;
    check_applied(note_applied_by_header_cases, ARRAY_LEN(note_applied_by_header_cases));
}

static const struct {
    const char *what;
    struct id id;
    struct rec rec;
    enum verdict verdict;
    enum last_record last;
} note_ignored_cases[] = {
    {"O4, O7: a repeat",
     {1000, .lsn = "9"},
     {.is_log = true, .at = 990, .lsn = "5"},
     VERDICT_REPEAT,
     LAST_REPEAT},
    {"O4, O7: a delete that is a repeat",
     {1000, .last = LAST_DELETE, .lsn = "9"},
     {CHANGE_DELETE, .is_log = true, .at = 990, .lsn = "5"},
     VERDICT_REPEAT,
     LAST_REPEAT},
    {"O7: a companion has none itself",
     {1000, .last = LAST_DELETE},
     {CHANGE_TOMBSTONE, .at = NEVER, .kafka = 1500},
     VERDICT_IGNORE,
     LAST_OTHER},
    {"O4: a repeat's tombstone is a repeat, and one behind that, too",
     {1000, .last = LAST_REPEAT},
     {CHANGE_TOMBSTONE, .is_log = true, .at = NEVER, .kafka = 1500},
     VERDICT_REPEAT,
     LAST_REPEAT},
    {"O10: a replayed record does not count as between",
     {1000, .is_gone = true, .last = LAST_REPEAT},
     {CHANGE_TOMBSTONE, .by_time = true, .at = NEVER, .kafka = 1500},
     VERDICT_IGNORE,
     LAST_REPEAT},
    {"nothing is remembered of an id never seen",
     {.newest = NEVER},
     {CHANGE_TOMBSTONE, .at = NEVER, .kafka = 1500},
     VERDICT_UNKNOWN_TOMBSTONE,
     LAST_OTHER},
};

static void test_order__note_ignored(void **state) {
    (void)state;
    struct order_floor none = {0};
    struct buf a = {0}, b = {0}, c = {0};
    for (size_t i = 0; i < ARRAY_LEN(note_ignored_cases); i++) {
        struct timeline t = timeline_of(&note_ignored_cases[i].id, &a);
        struct event e = event_of(&note_ignored_cases[i].rec, &b);
        assert_int_equal(order_place(&options, &t, &e, &none).verdict,
                         note_ignored_cases[i].verdict);
        order_note_ignored(&t, &e, note_ignored_cases[i].verdict);
        if (t.memory.last != note_ignored_cases[i].last)
            fail_msg("%s: last %d", note_ignored_cases[i].what, (int)t.memory.last);
        /* A repeat moves no position. */
        put_lsn(&c, note_ignored_cases[i].id.lsn);
        assert_true(slice_eq(t.memory.position, buf_slice(&c)) && t.memory.revision == 0);
        assert_int_equal(timeline_is_empty(&t), note_ignored_cases[i].id.newest == NEVER);
    }
    buf_release(&a);
    buf_release(&b);
    buf_release(&c);
}

struct rejected_case {
    const char *what;
    struct id id;
    struct rec rec;
    enum reason_code code;
    bool id_is_of_value;
    bool outdated;
    enum last_record last;
};

/* Outdated rows, and what O7 says of rejected records. */
static void check_rejected(const struct rejected_case *cases, size_t n) {
    struct buf a = {0}, b = {0};
    for (size_t i = 0; i < n; i++) {
        struct timeline t = timeline_of(&cases[i].id, &a);
        struct event e = event_of(&cases[i].rec, &b);
        e.id_is_from_key = !cases[i].id_is_of_value;
        order_note_rejected(&t, &e, cases[i].code);
        if (timeline_is_outdated(&t) != cases[i].outdated || t.memory.last != cases[i].last)
            fail_msg("%s: outdated %d, last %d", cases[i].what, timeline_is_outdated(&t),
                     (int)t.memory.last);
        /* Once outdated, it stays so whatever else is rejected. */
        t.memory.outdated = true;
        order_note_rejected(&t, &e, cases[i].code);
        assert_true(t.memory.outdated);
    }
    buf_release(&a);
    buf_release(&b);
}

static const struct rejected_case note_rejected_outdates_cases[] = {
    {"in a log it came later",
     {.newest = 1000},
     {.is_log = true, .at = 500},
     REASON_INVALID_BALANCE,
     true,
     true,
     LAST_OTHER},
    {"op r is no repeat",
     {1000, .lsn = "9"},
     {.is_log = true, .is_read = true, .at = 990, .lsn = "5"},
     REASON_INVALID_BALANCE,
     true,
     true,
     LAST_OTHER},
    {"in event_time newer",
     {.newest = 1000},
     {.at = 1001},
     REASON_INVALID_BALANCE,
     true,
     true,
     LAST_OTHER},
    {"in event_time as new",
     {.newest = 1000},
     {.at = 1000},
     REASON_INVALID_BALANCE,
     true,
     true,
     LAST_OTHER},
    {"in event_time older",
     {.newest = 1000},
     {.at = 999},
     REASON_INVALID_BALANCE,
     true,
     false,
     LAST_OTHER},
    {"its own time cannot be read",
     {.newest = 1000},
     {.at = NEVER, .kafka = 1000},
     REASON_INVALID_UPDATED_AT,
     true,
     true,
     LAST_OTHER},
    {"too early: Kafka's timestamp counts",
     {.newest = 1000},
     {.at = 9999, .kafka = 999},
     REASON_TOO_EARLY,
     true,
     false,
     LAST_OTHER},
    {"too early: Kafka's timestamp, which is newer",
     {.newest = 1000},
     {.at = 9999, .kafka = 1000},
     REASON_TOO_EARLY,
     true,
     true,
     LAST_OTHER},
    {"too late", {.newest = 1000}, {.at = 100}, REASON_TOO_LATE, true, false, LAST_OTHER},
    {"nothing is current",
     {1000, .is_gone = true},
     {.at = 1001},
     REASON_INVALID_BALANCE,
     true,
     false,
     LAST_OTHER},
    {"an id never seen",
     {.newest = NEVER},
     {.at = 1001},
     REASON_INVALID_BALANCE,
     true,
     false,
     LAST_OTHER},
    {"O10: a replayed record is of its time",
     {.newest = 1000},
     {.by_time = true, .at = 1001},
     REASON_INVALID_BALANCE,
     true,
     true,
     LAST_OTHER},
};

static void test_order__note_rejected_outdates(void **state) {
    (void)state;
    check_rejected(note_rejected_outdates_cases, ARRAY_LEN(note_rejected_outdates_cases));
}

static const struct rejected_case note_rejected_deletes_cases[] = {
    {"O7: a delete that was too late",
     {.newest = 1000},
     {CHANGE_DELETE, .at = 100},
     REASON_TOO_LATE,
     true,
     false,
     LAST_DELETE},
    {"O7: a delete that was too late, and its id is of the key",
     {.newest = 1000},
     {CHANGE_DELETE, .at = 100},
     REASON_TOO_LATE,
     false,
     false,
     LAST_DELETE},
    {"O7: a delete that was too early is not accepted",
     {1000, .last = LAST_DELETE},
     {CHANGE_DELETE, .at = 9999, .kafka = 999},
     REASON_TOO_EARLY,
     true,
     false,
     LAST_OTHER},
    {"O7: a record between",
     {1000, .last = LAST_DELETE},
     {.at = 999},
     REASON_INVALID_BALANCE,
     true,
     false,
     LAST_OTHER},
    {"O7: a record between whose id is of the key",
     {1000, .last = LAST_DELETE},
     {.at = 999},
     REASON_MALFORMED,
     false,
     false,
     LAST_DELETE},
    {"O7: a replayed record does not count as between",
     {1000, .last = LAST_DELETE},
     {.by_time = true, .at = 999},
     REASON_INVALID_BALANCE,
     true,
     false,
     LAST_DELETE},
};

static void test_order__note_rejected_deletes(void **state) {
    (void)state;
    check_rejected(note_rejected_deletes_cases, ARRAY_LEN(note_rejected_deletes_cases));
}

/* O4, "judged before everything else": a bad record that is a repeat says nothing, and a tombstone
 * behind it is one, too. */
static void test_order__bad_repeats(void **state) {
    static const struct {
        const char *what;
        struct rec rec;
        bool is_repeat;
    } cases[] = {
        {"before, and older", {.is_log = true, .at = 990, .lsn = "5"}, true},
        {"its own time cannot be read",
         {.is_log = true, .at = NEVER, .kafka = 5000, .lsn = "5"},
         true},
        {"its time is beyond future.window",
         {.is_log = true, .at = 9999, .kafka = 5000, .lsn = "5"},
         true},
        {"newer", {.is_log = true, .at = 1001, .lsn = "5"}, false},
        {"behind", {.is_log = true, .at = 990, .lsn = "10"}, false},
        {"without a position", {.is_log = true, .at = 990}, false},
        {"op r", {.is_log = true, .is_read = true, .at = 990, .lsn = "5"}, false},
        {"an event", {.at = 990, .lsn = "5"}, false},
        {"a replayed one", {.by_time = true, .at = 990, .lsn = "5"}, false},
    };
    (void)state;
    struct order_floor none = {0};
    struct buf texts[3] = {{0}};
    const struct rec end = {CHANGE_TOMBSTONE, .is_log = true, .at = NEVER, .kafka = 5000};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct timeline t =
            timeline_of(&(struct id){1000, .lsn = "9", .last = LAST_DELETE}, &texts[0]);
        struct event e = event_of(&cases[i].rec, &texts[1]), tombstone = event_of(&end, &texts[2]);
        if (order_is_repeat(&options, &t, &e) != cases[i].is_repeat)
            fail_msg("%s: %d", cases[i].what, !cases[i].is_repeat);
        if (!cases[i].is_repeat)
            continue;
        order_note_ignored(&t, &e, VERDICT_REPEAT);
        assert_false(t.memory.outdated);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(order_place(&options, &t, &tombstone, &none).verdict, VERDICT_REPEAT);
            order_note_ignored(&t, &tombstone, VERDICT_REPEAT);
        }
    }
    for (int k = 0; k < 3; k++)
        buf_release(&texts[k]);
}

/* An outdated row is up to date again once an event is accepted that came later, or is not
 * older. */
static void test_order__outdated_ends(void **state) {
    static const struct {
        const char *what;
        struct rec rec;
        bool stays;
    } cases[] = {
        {"a newer event", {.at = 1001}, false},
        {"an event as new", {.at = 1000}, false},
        {"a late event", {.at = 999}, true},
        {"a record of a log, whatever its time", {.is_log = true, .at = 500}, false},
        {"O10: by its time", {.by_time = true, .at = 999}, true},
        {"O10: by its time, newer", {.by_time = true, .at = 1001}, false},
    };
    (void)state;
    struct order_floor none = {0};
    struct buf a = {0}, b = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct timeline t = timeline_of(&(struct id){.newest = 1000}, &a);
        struct event e = event_of(&cases[i].rec, &b);
        t.memory.outdated = true;
        struct placement p = order_place(&options, &t, &e, &none);
        order_note_applied(&t, &e, &p, 1000, true);
        if (t.memory.outdated != cases[i].stays)
            fail_msg("%s: outdated %d", cases[i].what, t.memory.outdated);
    }
    struct timeline t = timeline_of(&(struct id){1000, .lsn = "9"}, &a);
    t.memory.outdated = true;
    struct event repeat = event_of(&(struct rec){.is_log = true, .at = 990, .lsn = "5"}, &b);
    order_note_ignored(&t, &repeat, VERDICT_REPEAT);
    assert_true(t.memory.outdated); /* a repeat is not accepted as something new */
    t.has_current = false;
    order_note_truncated(&t, 990);
    assert_false(t.memory.outdated);
    assert_int_equal(t.memory.end, END_TRUNCATE);
    assert_int_equal(t.memory.before_end, 990);
    buf_release(&a);
    buf_release(&b);
}

static const struct {
    const char *what;
    struct id id;
    struct rec rec;
    bool drops;
} drops_delete_cases[] = {
    {"a record between the two",
     {1050, .is_gone = true, .end = END_TOMBSTONE_AFTER_TRUNCATE, .before_end = 1000},
     {.is_log = true, .at = 1020},
     true},
    {"at the time of the delete",
     {1050, .is_gone = true, .end = END_TOMBSTONE_AFTER_TRUNCATE, .before_end = 1000},
     {.is_log = true, .at = 1050},
     true},
    {"behind the delete",
     {1050, .is_gone = true, .end = END_TOMBSTONE_AFTER_TRUNCATE, .before_end = 1000},
     {.is_log = true, .at = 1051},
     false},
    {"at the time of the truncate",
     {1050, .is_gone = true, .end = END_TOMBSTONE_AFTER_TRUNCATE, .before_end = 1000},
     {.is_log = true, .at = 1000},
     false},
    {"not of a log",
     {1050, .is_gone = true, .end = END_TOMBSTONE_AFTER_TRUNCATE, .before_end = 1000},
     {.at = 1020},
     false},
    {"a delete proves nothing",
     {1050, .is_gone = true, .end = END_TOMBSTONE_AFTER_TRUNCATE, .before_end = 1000},
     {CHANGE_DELETE, .is_log = true, .at = 1020},
     false},
    {"a repeat",
     {1050, .is_gone = true, .end = END_TOMBSTONE_AFTER_TRUNCATE, .before_end = 1000, .lsn = "9"},
     {.is_log = true, .at = 1020, .lsn = "5"},
     false},
    {"no truncate",
     {1050, .is_gone = true, .end = END_TOMBSTONE, .before_end = 1000},
     {.is_log = true, .at = 1020},
     false},
};

/* O8, O9: such a delete is dropped, and the end of the truncate is the newest event again. */
static void test_order__drops_delete(void **state) {
    (void)state;
    struct buf a = {0}, b = {0};
    for (size_t i = 0; i < ARRAY_LEN(drops_delete_cases); i++) {
        struct timeline t = timeline_of(&drops_delete_cases[i].id, &a);
        struct event e = event_of(&drops_delete_cases[i].rec, &b);
        if (order_drops_delete(&options, &t, &e) != drops_delete_cases[i].drops)
            fail_msg("%s", drops_delete_cases[i].what);
        order_note_delete_dropped(&t, 900);
        assert_int_equal(t.newest_event_at, 1000);
        assert_int_equal(t.memory.end, END_TRUNCATE);
        assert_int_equal(t.memory.before_end, 900);
    }
    buf_release(&a);
    buf_release(&b);
}

/* A refused record's Kafka timestamp may be any number; nothing may be added to it. */
static void test_order__kafka_timestamps_at_the_ends(void **state) {
    (void)state;
    struct order_options o = {.future_window_ms = 86400000};
    struct event e = {
        .has_own_time = true, .event_at_ms = 1700000000000, .early_after_ms = INT64_MAX};
    assert_false(order_is_too_far_ahead(&o, &e));
    e.early_after_ms = INT64_MIN;
    assert_true(order_is_too_far_ahead(&o, &e));
    e.early_after_ms = e.event_at_ms - o.future_window_ms;
    assert_false(order_is_too_far_ahead(&o, &e));
    e.early_after_ms--;
    assert_true(order_is_too_far_ahead(&o, &e));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order__by_time),
        cmocka_unit_test(test_order__by_time_windows),
        cmocka_unit_test(test_order__log),
        cmocka_unit_test(test_order__log_windows),
        cmocka_unit_test(test_order__repeats),
        cmocka_unit_test(test_order__repeats_behind_snapshot_rows),
        cmocka_unit_test(test_order__positions),
        cmocka_unit_test(test_order__tombstones),
        cmocka_unit_test(test_order__companions),
        cmocka_unit_test(test_order__moved_ends),
        cmocka_unit_test(test_order__by_header),
        cmocka_unit_test(test_order__below_floor),
        cmocka_unit_test(test_order__below_floor_of_newer_ids),
        cmocka_unit_test(test_order__below_floor_moves_ends),
        cmocka_unit_test(test_order__below_floor_by_header),
        cmocka_unit_test(test_order__below_floor_by_options),
        cmocka_unit_test(test_order__truncate),
        cmocka_unit_test(test_order__latest_truncate),
        cmocka_unit_test(test_order__note_applied_deletes),
        cmocka_unit_test(test_order__note_applied_ends),
        cmocka_unit_test(test_order__note_applied_positions),
        cmocka_unit_test(test_order__note_applied_by_header),
        cmocka_unit_test(test_order__note_ignored),
        cmocka_unit_test(test_order__note_rejected_outdates),
        cmocka_unit_test(test_order__note_rejected_deletes),
        cmocka_unit_test(test_order__bad_repeats),
        cmocka_unit_test(test_order__outdated_ends),
        cmocka_unit_test(test_order__drops_delete),
        cmocka_unit_test(test_order__kafka_timestamps_at_the_ends),
    };
    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
