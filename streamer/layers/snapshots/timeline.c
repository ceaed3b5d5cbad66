#include "streamer/layers/snapshots/timeline.h"

#include "schemas/rows.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/model/position.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct order_memory nothing_to_remember = {.before_end = TIMESTAMP_NONE};

void timeline_clear(struct timeline *t) {
    t->newest_event_at = TIMESTAMP_NONE;
    t->has_current = false;
    t->confirmation_count = 0;
    t->outside_count = 0;
    t->outside_oldest = TIMESTAMP_NONE;
    t->memory = nothing_to_remember;
}

void timeline_release(struct timeline *t) {
    free(t->confirmations);
    *t = (struct timeline){0};
    timeline_clear(t);
}

bool order_memory_is_empty(const struct order_memory *m) {
    return m->last == LAST_OTHER && m->end == END_NONE && !m->outdated;
}

bool timeline_is_empty(const struct timeline *t) {
    return t->newest_event_at == TIMESTAMP_NONE && !t->has_current && t->confirmation_count == 0 &&
           t->outside_count == 0 && order_memory_is_empty(&t->memory) && t->memory.position.n == 0;
}

/* --- confirmations --- */

/* The place of the first confirmation that is not before `at`. It is searched from the end, where
 * most events are. */
static size_t place_of(const struct timeline *t, int64_t at) {
    size_t i = t->confirmation_count;
    while (i > 0 && t->confirmations[i - 1].at >= at)
        i--;
    return i;
}

const struct confirmation *timeline_find(const struct timeline *t, int64_t at) {
    size_t i = place_of(t, at);
    return i < t->confirmation_count && t->confirmations[i].at == at ? &t->confirmations[i] : NULL;
}

void timeline_add(struct timeline *t, struct confirmation c) {
    t->confirmations = mem_grow(t->confirmations, &t->confirmation_cap, t->confirmation_count + 1,
                                sizeof *t->confirmations);
    size_t i = place_of(t, c.at);
    memmove(&t->confirmations[i + 1], &t->confirmations[i],
            (t->confirmation_count - i) * sizeof *t->confirmations);
    t->confirmations[i] = c;
    t->confirmation_count++;
}

void timeline_remove(struct timeline *t, int64_t at) {
    size_t i = place_of(t, at);
    assert(i < t->confirmation_count && t->confirmations[i].at == at);
    t->confirmation_count--;
    memmove(&t->confirmations[i], &t->confirmations[i + 1],
            (t->confirmation_count - i) * sizeof *t->confirmations);
}

void confirmation_encode(const struct confirmation *c, struct buf *out) {
    avro_put_bool(out, c->deleted);
    avro_put_long(out, time_after(c->loaded_at, c->at));
}

static bool get_confirmation(struct slice *in, int64_t at, struct confirmation *c) {
    int64_t loaded_after;
    if (!avro_get_bool(in, &c->deleted) || !avro_get_long(in, &loaded_after))
        return false;
    c->at = at;
    c->loaded_at = time_plus(at, loaded_after);
    return true;
}

bool confirmation_decode(struct slice in, int64_t at, struct confirmation *c) {
    return get_confirmation(&in, at, c) && in.n == 0;
}

/* The time of each confirmation is written as its distance from the one before it, and that of the
 * first from `base`. */
static void put_confirmations(const struct timeline *t, int64_t base, struct buf *out) {
    if (t->confirmation_count > 0)
        avro_put_long(out, (int64_t)t->confirmation_count);
    for (size_t i = 0; i < t->confirmation_count; i++) {
        const struct confirmation *c = &t->confirmations[i];
        avro_put_long(out, time_after(c->at, base));
        confirmation_encode(c, out);
        base = c->at;
    }
    avro_put_long(out, 0);
}

static bool get_confirmations(struct slice *in, int64_t base, struct timeline *t) {
    int64_t count, after;
    bool ok;
    t->confirmation_count = 0;
    while ((ok = avro_get_long(in, &count)) && count > 0) {
        for (; count > 0; count--) {
            struct confirmation c;
            if (!avro_get_long(in, &after) || !get_confirmation(in, time_plus(base, after), &c))
                return false;
            timeline_add(t, c);
            base = c.at;
        }
    }
    return ok && count == 0;
}

bool confirmations_decode(struct slice in, struct timeline *t) {
    int64_t count;
    bool ok;
    t->confirmation_count = 0;
    while ((ok = avro_get_long(&in, &count)) && count > 0) {
        for (; count > 0; count--) {
            struct confirmation c;
            if (!avro_get_long(&in, &c.at) || !avro_get_bool(&in, &c.deleted) ||
                !avro_get_long(&in, &c.loaded_at))
                return false;
            timeline_add(t, c);
        }
    }
    return ok && count == 0 && in.n == 0;
}

/* --- the memory of the order --- */

/* `base`: before_end is written as its distance from this. */
static void put_memory(const struct order_memory *m, int64_t base, struct buf *out) {
    avro_put_long(out, m->last);
    avro_put_long(out, m->end);
    avro_put_long(out, m->end == END_NONE ? 0 : time_after(m->before_end, base));
    avro_put_bool(out, m->outdated);
    avro_put_branch(out, m->position.n > 0);
    if (m->position.n > 0) {
        avro_put_bytes(out, m->position);
        avro_put_bool(out, m->position_is_last);
        avro_put_bool(out, m->position_is_read);
        avro_put_bytes(out, m->seen);
        avro_put_long(out, m->revision);
    }
}

static bool get_memory(struct slice *in, int64_t base, struct order_memory *m) {
    int64_t last, end, before;
    bool has_position;
    *m = nothing_to_remember;
    if (!avro_get_long(in, &last) || last < 0 || last > LAST_REPEAT || !avro_get_long(in, &end) ||
        end < 0 || end > END_TOMBSTONE_AFTER_TRUNCATE || !avro_get_long(in, &before) ||
        !avro_get_bool(in, &m->outdated) || !avro_get_branch(in, &has_position))
        return false;
    m->last = (enum last_record)last;
    m->end = (enum newest_end)end;
    if (end != END_NONE)
        m->before_end = time_plus(base, before);
    return !has_position ||
           (avro_get_bytes(in, &m->position) && position_is_valid(m->position) &&
            avro_get_bool(in, &m->position_is_last) && avro_get_bool(in, &m->position_is_read) &&
            avro_get_bytes(in, &m->seen) && position_is_valid(m->seen) &&
            avro_get_long(in, &m->revision));
}

void id_memory_encode(const struct timeline *t, struct buf *out) {
    put_confirmations(t, 0, out);
    put_memory(&t->memory, 0, out);
}

bool id_memory_decode(struct slice in, struct timeline *t) {
    struct order_memory m;
    if (!get_confirmations(&in, 0, t) || !get_memory(&in, 0, &m) || in.n > 0)
        return false;
    if (m.position.n == 0 || m.revision < t->memory.revision) {
        m.position = t->memory.position;
        m.position_is_last = t->memory.position_is_last;
        m.position_is_read = t->memory.position_is_read;
        m.seen = t->memory.seen;
        m.revision = t->memory.revision;
    }
    t->memory = m;
    return true;
}

/* --- the timeline in the state --- */

/* The times of a timeline are written as their distance from this. */
static int64_t base_of(const struct timeline *t) {
    return t->has_current ? t->current.from : 0;
}

/* Whether the timeline has nothing but its version and a few confirmations, like most. */
static bool is_plain(const struct timeline *t) {
    return t->outside_count == 0 && t->memory.position.n == 0 && order_memory_is_empty(&t->memory);
}

void timeline_encode(const struct timeline *t, struct buf *out) {
    int64_t base = base_of(t);
    bool plain = is_plain(t);
    avro_put_branch(out, t->has_current);
    if (t->has_current) {
        avro_put_long(out, t->current.from);
        avro_put_long(out, time_after(t->current.loaded_at, base));
        avro_put_bytes(out, t->current.attributes);
    }
    avro_put_long(out, time_after(t->newest_event_at, base));
    put_confirmations(t, base, out);
    avro_put_branch(out, !plain);
    if (plain)
        return;
    avro_put_long(out, t->outside_count);
    avro_put_long(out, t->outside_count == 0 ? 0 : time_after(t->outside_oldest, base));
    put_memory(&t->memory, base, out);
}

static bool get_rest(struct slice *in, int64_t base, struct timeline *t) {
    bool has_rest;
    int64_t oldest;
    if (!avro_get_branch(in, &has_rest))
        return false;
    if (!has_rest)
        return true;
    if (!avro_get_long(in, &t->outside_count) || t->outside_count < 0 ||
        !avro_get_long(in, &oldest))
        return false;
    t->outside_oldest = t->outside_count == 0 ? TIMESTAMP_NONE : time_plus(base, oldest);
    return get_memory(in, base, &t->memory);
}

bool timeline_decode(struct slice *in, struct timeline *t) {
    timeline_clear(t);
    if (!avro_get_branch(in, &t->has_current))
        return false;
    t->current.to = TIMESTAMP_NONE;
    if (t->has_current &&
        (!avro_get_long(in, &t->current.from) || !avro_get_long(in, &t->current.loaded_at) ||
         !avro_get_bytes(in, &t->current.attributes)))
        return false;
    int64_t base = base_of(t);
    if (!avro_get_long(in, &t->newest_event_at) || !get_confirmations(in, base, t) ||
        !get_rest(in, base, t))
        return false;
    t->current.loaded_at = time_plus(base, t->current.loaded_at);
    t->newest_event_at = time_plus(base, t->newest_event_at);
    return true;
}

void version_encode(const struct version *v, struct buf *out) {
    avro_put_long(out, time_after(v->to, v->from));
    avro_put_long(out, time_after(v->loaded_at, v->from));
    avro_put_bytes(out, v->attributes);
}

bool version_decode(struct slice in, int64_t from, struct version *v) {
    int64_t lasts, loaded_after;
    if (!avro_get_long(&in, &lasts) || !avro_get_long(&in, &loaded_after) ||
        !avro_get_bytes(&in, &v->attributes) || in.n > 0)
        return false;
    v->from = from;
    v->to = time_plus(from, lasts);
    v->loaded_at = time_plus(from, loaded_after);
    return true;
}
