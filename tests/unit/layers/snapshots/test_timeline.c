/* timeline: its confirmations, and its bytes. Against avro-c: test_state_rows.c. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/layers/snapshots/timeline.h"
#include "streamer/model/position.h"

#include <stdio.h>

static struct slice any_attributes(struct rng *r) {
    static const char *const texts[] = {"alice", "bob", "charlie", "dora", ""};
    return slice_str(texts[rng_below(r, ARRAY_LEN(texts))]);
}

static void put_lsn(struct buf *out, const char *lsn) {
    struct position_source source = {slice_str("postgresql"), slice_str("bank"), slice_null()};
    struct slice parts[POSITION_PARTS] = {slice_str(lsn), slice_null(), slice_null()};
    position_put(out, POSITION_LSN, &source, parts);
}

/* --- confirmations --- */

/* "10@1 20x@2": an upsert at 10 loaded at 1, a delete at 20 loaded at 2. */
static void assert_confirmations(const struct timeline *t, const char *expected) {
    struct buf text = {0};
    for (size_t i = 0; i < t->confirmation_count; i++) {
        const struct confirmation *c = &t->confirmations[i];
        buf_printf(&text, "%s%lld%s@%lld", i > 0 ? " " : "", (long long)c->at,
                   c->deleted ? "x" : "", (long long)c->loaded_at);
    }
    assert_string_equal(buf_cstr(&text), expected);
    buf_release(&text);
}

static void test_timeline__clear(void **state) {
    (void)state;
    struct timeline t = {0};
    timeline_clear(&t);
    assert_true(timeline_is_empty(&t));
    assert_true(t.newest_event_at == TIMESTAMP_NONE && t.outside_oldest == TIMESTAMP_NONE &&
                t.memory.before_end == TIMESTAMP_NONE);
    assert_null(timeline_current(&t));
    assert_null(timeline_find(&t, 0));
    timeline_add(&t, (struct confirmation){5, false, 1});
    assert_false(timeline_is_empty(&t));
    timeline_clear(&t);
    assert_true(timeline_is_empty(&t));
    timeline_release(&t);
    assert_true(timeline_is_empty(&t));
}

/* Whatever there is to remember makes it more than empty. */
static void test_timeline__is_empty(void **state) {
    (void)state;
    struct timeline t = {0};
    timeline_clear(&t);
    struct timeline cases[8];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        cases[i] = t;
    cases[0].newest_event_at = 0;
    cases[1].has_current = true;
    cases[2].outside_count = 1;
    cases[3].memory.last = LAST_REPEAT;
    cases[4].memory.last = LAST_DELETE;
    cases[5].memory.end = END_TRUNCATE;
    cases[6].memory.outdated = true;
    cases[7].memory.position = slice_str("l0123456789abcdef:1");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_false(timeline_is_empty(&cases[i]));
    assert_false(order_memory_is_empty(&cases[3].memory));
    assert_false(order_memory_is_empty(&cases[5].memory));
    assert_false(order_memory_is_empty(&cases[6].memory));
    assert_true(order_memory_is_empty(&t.memory));
}

/* Only a current version counts as outdated. */
static void test_timeline__is_outdated(void **state) {
    (void)state;
    struct timeline t = {0};
    timeline_clear(&t);
    t.memory.outdated = true;
    assert_false(timeline_is_outdated(&t));
    t.has_current = true;
    assert_true(timeline_is_outdated(&t));
    t.memory.outdated = false;
    assert_false(timeline_is_outdated(&t));
}

static void test_timeline__find_add_remove(void **state) {
    (void)state;
    struct timeline t = {0};
    timeline_clear(&t);
    timeline_add(&t, (struct confirmation){20, false, 1});
    timeline_add(&t, (struct confirmation){30, true, 2});
    timeline_add(&t, (struct confirmation){-10, false, 3});
    timeline_add(&t, (struct confirmation){25, true, 4});
    assert_confirmations(&t, "-10@3 20@1 25x@4 30x@2");
    assert_int_equal(timeline_find(&t, -10)->loaded_at, 3);
    assert_int_equal(timeline_find(&t, 30)->loaded_at, 2);
    assert_int_equal(timeline_find(&t, 25)->loaded_at, 4);
    assert_null(timeline_find(&t, -11));
    assert_null(timeline_find(&t, 26));
    assert_null(timeline_find(&t, 31));
    timeline_remove(&t, 20);
    assert_confirmations(&t, "-10@3 25x@4 30x@2");
    assert_null(timeline_find(&t, 20));
    timeline_remove(&t, 30);
    timeline_remove(&t, -10);
    assert_confirmations(&t, "25x@4");
    timeline_remove(&t, 25);
    assert_confirmations(&t, "");
    assert_null(timeline_find(&t, 25));
    timeline_release(&t);
}

/* Against a table by time. */
static void test_timeline__confirmations_random(void **state) {
    enum { TIMES = 40 };
    (void)state;
    struct rng r = rng_seeded(21);
    struct timeline t = {0};
    int64_t loaded[TIMES] = {0}; /* 0: none at that time */
    timeline_clear(&t);
    for (int64_t k = 1; k < 20000; k++) {
        int64_t at = rng_below(&r, TIMES);
        if (loaded[at] != 0) {
            timeline_remove(&t, at);
            loaded[at] = 0;
        } else {
            timeline_add(&t, (struct confirmation){at, k % 2 == 0, k});
            loaded[at] = k;
        }
        size_t i = 0;
        for (at = 0; at < TIMES; at++) {
            const struct confirmation *c = timeline_find(&t, at);
            assert_int_equal(c != NULL, loaded[at] != 0);
            if (c == NULL)
                continue;
            assert_ptr_equal(c, &t.confirmations[i++]);
            assert_true(c->at == at && c->loaded_at == loaded[at] &&
                        c->deleted == (loaded[at] % 2 == 0));
        }
        assert_int_equal(i, t.confirmation_count);
    }
    timeline_release(&t);
}

/* --- bytes --- */

static void assert_same_confirmations(const struct timeline *a, const struct timeline *b) {
    assert_int_equal(a->confirmation_count, b->confirmation_count);
    for (size_t i = 0; i < a->confirmation_count; i++) {
        assert_true(a->confirmations[i].at == b->confirmations[i].at);
        assert_true(a->confirmations[i].loaded_at == b->confirmations[i].loaded_at);
        assert_int_equal(a->confirmations[i].deleted, b->confirmations[i].deleted);
    }
}

static void assert_same_timeline(const struct timeline *a, const struct timeline *b) {
    assert_true(a->newest_event_at == b->newest_event_at);
    assert_int_equal(a->has_current, b->has_current);
    if (a->has_current) {
        assert_true(b->current.to == TIMESTAMP_NONE);
        assert_true(a->current.from == b->current.from &&
                    a->current.loaded_at == b->current.loaded_at);
        assert_true(slice_eq(a->current.attributes, b->current.attributes));
    }
    assert_same_confirmations(a, b);
    assert_true(a->outside_count == b->outside_count && a->outside_oldest == b->outside_oldest);
    assert_same_memory(&a->memory, &b->memory);
}

/* The caller releases it; `positions` get the bytes of its position and of the one before it. */
static void fill_timeline(struct timeline *t, struct rng *r, struct buf positions[2]) {
    *t = (struct timeline){0};
    timeline_clear(t);
    t->newest_event_at = rng_any(r);
    t->has_current = rng_chance(r, 50);
    t->current = (struct version){rng_any(r), TIMESTAMP_NONE, rng_any(r), any_attributes(r)};
    for (int64_t wanted = rng_below(r, 5); wanted > 0; wanted--) {
        struct confirmation c = {rng_any(r), rng_chance(r, 50), rng_any(r)};
        if (timeline_find(t, c.at) == NULL)
            timeline_add(t, c);
    }
    if (rng_chance(r, 40)) {
        t->outside_count = 1 + rng_below(r, INT64_MAX);
        t->outside_oldest = rng_any(r);
    }
    if (rng_chance(r, 50))
        return;
    t->memory.last = (enum last_record)rng_below(r, LAST_REPEAT + 1);
    t->memory.end = (enum newest_end)rng_below(r, END_TOMBSTONE_AFTER_TRUNCATE + 1);
    t->memory.before_end = t->memory.end == END_NONE ? TIMESTAMP_NONE : rng_any(r);
    t->memory.outdated = rng_chance(r, 50);
    put_lsn(&positions[0], rng_chance(r, 50) ? "0" : "12/ABC");
    t->memory.position = buf_slice(&positions[0]);
    if (positions[0].n > 0) {
        put_lsn(&positions[1], rng_chance(r, 50) ? "0" : "9/DEF");
        t->memory.position_is_last = rng_chance(r, 50);
        t->memory.position_is_read = rng_chance(r, 50);
        t->memory.seen = buf_slice(&positions[1]);
        t->memory.revision = rng_any(r);
    }
}

/* No part of the bytes passes for the whole. A part is of just its size, so that a read behind it
 * is seen. */
static void assert_no_part_decodes(struct slice bytes,
                                   bool (*decode)(struct slice in, struct timeline *t),
                                   struct timeline *t) {
    for (size_t n = 0; n < bytes.n; n++) {
        char *part = mem_alloc(n);
        memcpy(part, bytes.p, n);
        if (decode(slice_of(part, n), t))
            fail_msg("%zu of %zu bytes were taken for all", n, bytes.n);
        free(part);
    }
}

static bool decode_timeline(struct slice in, struct timeline *t) {
    return timeline_decode(&in, t) && in.n == 0;
}

/* There and back. */
static void test_timeline__timeline_bytes(void **state) {
    (void)state;
    struct timeline got = {0}, t;
    struct buf bytes = {0}, positions[2] = {{0}};
    for (uint64_t seed = 0; seed < 600; seed++) {
        struct rng r = rng_seeded(seed);
        fill_timeline(&t, &r, positions);
        buf_clear(&bytes);
        timeline_encode(&t, &bytes);
        size_t n = bytes.n;
        buf_put_str(&bytes, "more"); /* is left over */
        struct slice in = buf_slice(&bytes);
        assert_true(timeline_decode(&in, &got));
        assert_text(in, "more");
        assert_same_timeline(&t, &got);
        assert_no_part_decodes(slice_of(bytes.p, n), decode_timeline, &got);
        timeline_release(&t);
    }
    buf_release(&bytes);
    buf_release(&positions[0]);
    buf_release(&positions[1]);
    timeline_release(&got);
}

static void test_timeline__id_memory_bytes(void **state) {
    (void)state;
    struct timeline got = {0}, t;
    struct buf bytes = {0}, positions[2] = {{0}};
    for (uint64_t seed = 0; seed < 600; seed++) {
        struct rng r = rng_seeded(seed);
        fill_timeline(&t, &r, positions);
        buf_clear(&bytes);
        id_memory_encode(&t, &bytes);
        timeline_clear(&got);
        got.memory.revision = t.memory.revision;
        assert_true(id_memory_decode(buf_slice(&bytes), &got));
        assert_same_confirmations(&t, &got);
        assert_same_memory(&t.memory, &got.memory);
        /* Nothing else of the timeline is in there. */
        assert_true(got.newest_event_at == TIMESTAMP_NONE && !got.has_current &&
                    got.outside_count == 0);
        assert_no_part_decodes(buf_slice(&bytes), id_memory_decode, &got);
        timeline_release(&t);
    }
    buf_release(&bytes);
    buf_release(&positions[0]);
    buf_release(&positions[1]);
    timeline_release(&got);
}

static void test_timeline__version_bytes(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct rng r = rng_seeded(seed);
        struct version got, v = {rng_any(&r), rng_any(&r), rng_any(&r), any_attributes(&r)};
        struct buf bytes = {0};
        version_encode(&v, &bytes);
        assert_true(version_decode(buf_slice(&bytes), v.from, &got));
        assert_true(got.from == v.from && got.to == v.to && got.loaded_at == v.loaded_at);
        assert_true(slice_eq(got.attributes, v.attributes));
        for (size_t n = 0; n < bytes.n; n++)
            assert_false(version_decode(slice_of(bytes.p, n), v.from, &got));
        buf_put_byte(&bytes, 0);
        assert_false(version_decode(buf_slice(&bytes), v.from, &got));
        buf_release(&bytes);
    }
}

static void test_timeline__garbage_bytes(void **state) {
    (void)state;
    struct timeline t = {0};
    struct confirmation c;
    struct version v;
    struct rng r = rng_seeded(7);
    for (int i = 0; i < 60000; i++) {
        size_t n = (size_t)rng_below(&r, 40);
        char *bytes = mem_alloc(n);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (char)(rng_chance(&r, 40) ? rng_below(&r, 6) : rng_below(&r, 256));
        (void)decode_timeline(slice_of(bytes, n), &t);
        timeline_clear(&t);
        (void)id_memory_decode(slice_of(bytes, n), &t);
        (void)confirmations_decode(slice_of(bytes, n), &t);
        (void)confirmation_decode(slice_of(bytes, n), 0, &c);
        (void)version_decode(slice_of(bytes, n), 0, &v);
        timeline_clear(&t);
        free(bytes);
    }
    timeline_release(&t);
}

/* Bytes by hand: long by long, as Avro writes them (0, -1, 1, -2, … are 0, 1, 2, 3, …). */
#define REST "\0\0\0\2\0\0\0\0\0\0"
#define POSITION "\x26l0123456789abcdef:1"
#define HEAD "\x24l0123456789abcdef:"

static void test_timeline__refused_bytes(void **state) {
    static const struct {
        const char *what;
        const char *bytes;
        size_t n;
        bool ok;
    } cases[] = {
        {"plain", "\0\0\0\0", 4, true},
        {"cut before the rest", "\0\0\0", 3, false},
        {"a third branch of the rest", "\0\0\0\4", 4, false},
        {"a negative branch of the rest", "\0\0\0\1", 4, false},
        {"the rest", "\0\0\0\2\0\0\0\0\0\0\0", 11, true},
        {"outside: one confirmation", "\0\0\0\2\2\0\0\0\0\0\0", 11, true},
        {"outside: -1 confirmations", "\0\0\0\2\1\0\0\0\0\0\0", 11, false},
        {"last: repeat", "\0\0\0\2\0\0\4\0\0\0\0", 11, true},
        {"last: beyond repeat", "\0\0\0\2\0\0\6\0\0\0\0", 11, false},
        {"last: -1", "\0\0\0\2\0\0\1\0\0\0\0", 11, false},
        {"end: truncate", "\0\0\0\2\0\0\0\4\0\0\0", 11, true},
        {"end: tombstone after truncate", "\0\0\0\2\0\0\0\6\0\0\0", 11, true},
        {"end: beyond that", "\0\0\0\2\0\0\0\x08\0\0\0", 11, false},
        {"end: -1", "\0\0\0\2\0\0\0\1\0\0\0", 11, false},
        {"a position", REST "\2" POSITION "\1\0\0\2", 35, true},
        {"a position of a row of a snapshot", REST "\2" POSITION "\0\1\0\2", 35, true},
        {"that, and the position before it", REST "\2" POSITION "\1\1" POSITION "\2", 54, true},
        {"a position of nothing but a head", REST "\2" HEAD "\1\0\0\2", 34, false},
        {"a position without its colon", REST "\2\x26l0123456789abcdef01\1\0\0\2", 35, false},
        {"a position behind its bytes", REST "\2\x7el0123456789abcdef:1\1\0\0\2", 35, false},
        {"a position before it of nothing but a head", REST "\2" POSITION "\1\1" HEAD "\2", 53,
         false},
        {"a position before it that is cut", REST "\2" POSITION "\1\1\x26l0123456789abcdef", 51,
         false},
        {"a position without its revision", REST "\2" POSITION "\1\0\0", 34, false},
    };
    (void)state;
    struct timeline t = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (decode_timeline(slice_of(cases[i].bytes, cases[i].n), &t) != cases[i].ok)
            fail_msg("%s: not %s", cases[i].what, cases[i].ok ? "read" : "refused");
    timeline_release(&t);
}

/* --- which position is the last one --- */

/* A message replaces what it says; but messages of a compacted topic and headers of history rows
 * come in any order. */
static void test_timeline__id_memory_revision(void **state) {
    static const struct {
        const char *had, *says; /* an lsn, or "": none */
        int64_t had_revision, says_revision;
        const char *expected;
        int64_t revision;
    } cases[] = {
        {"", "7", 0, 1, "7", 1},  {"5", "7", 3, 4, "7", 4},
        {"5", "7", 3, 3, "7", 3}, {"5", "7", 4, 3, "5", 4}, /* lower: stays */
        {"9", "7", 3, 4, "7", 4}, /* the revision says which is the last, not the position */
        {"5", "", 4, 0, "5", 4},  /* says nothing of it */
        {"", "", 0, 0, "", 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf had = {0}, says = {0}, expected = {0}, bytes = {0};
        struct timeline t = {0}, m = {0};
        timeline_clear(&t);
        timeline_clear(&m);
        put_lsn(&had, cases[i].had);
        put_lsn(&says, cases[i].says);
        put_lsn(&expected, cases[i].expected);
        t.memory.position = buf_slice(&had);
        t.memory.position_is_last = t.memory.position_is_read = t.memory.position.n > 0;
        t.memory.seen = buf_slice(&had);
        t.memory.revision = cases[i].had_revision;
        t.memory.last = LAST_REPEAT;
        timeline_add(&t, (struct confirmation){1, false, 2});
        m.memory.position = buf_slice(&says);
        m.memory.revision = cases[i].says_revision;
        m.memory.end = END_TOMBSTONE;
        m.memory.before_end = 70;
        m.memory.outdated = true;
        timeline_add(&m, (struct confirmation){50, true, 60});
        timeline_add(&m, (struct confirmation){80, false, 90});
        id_memory_encode(&m, &bytes);
        assert_true(id_memory_decode(buf_slice(&bytes), &t));
        if (!slice_eq(t.memory.position, buf_slice(&expected)) ||
            t.memory.revision != cases[i].revision)
            fail_msg("case %zu: %.*s, revision %lld", i, (int)t.memory.position.n,
                     t.memory.position.p, (long long)t.memory.revision);
        /* The five belong together, and the others are replaced in any case. */
        bool stays = slice_eq(t.memory.position, buf_slice(&had)) && had.n > 0;
        assert_int_equal(t.memory.position_is_last, stays);
        assert_int_equal(t.memory.position_is_read, stays);
        assert_int_equal(t.memory.seen.n, stays ? had.n : 0);
        assert_int_equal(t.memory.last, LAST_OTHER);
        assert_int_equal(t.memory.end, END_TOMBSTONE);
        assert_int_equal(t.memory.before_end, 70);
        assert_true(t.memory.outdated);
        assert_confirmations(&t, "50x@60 80@90");
        timeline_release(&t);
        timeline_release(&m);
        buf_release(&had);
        buf_release(&says);
        buf_release(&expected);
        buf_release(&bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timeline__clear),
        cmocka_unit_test(test_timeline__is_empty),
        cmocka_unit_test(test_timeline__is_outdated),
        cmocka_unit_test(test_timeline__find_add_remove),
        cmocka_unit_test(test_timeline__confirmations_random),
        cmocka_unit_test(test_timeline__timeline_bytes),
        cmocka_unit_test(test_timeline__id_memory_bytes),
        cmocka_unit_test(test_timeline__version_bytes),
        cmocka_unit_test(test_timeline__garbage_bytes),
        cmocka_unit_test(test_timeline__refused_bytes),
        cmocka_unit_test(test_timeline__id_memory_revision),
    };
    return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
