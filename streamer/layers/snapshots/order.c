#include "streamer/layers/snapshots/order.h"

#include "streamer/base/timestamp.h"
#include "streamer/model/position.h"

static int64_t later_of(int64_t a, int64_t b) {
    return a > b ? a : b; /* TIMESTAMP_NONE is the lowest */
}

bool order_is_too_far_ahead(const struct order_options *o, const struct event *e) {
    /* The Kafka timestamp of a refused record may be any number, so nothing is added to it. The
     * record's own time is checked. */
    return e->has_own_time && e->event_at_ms - o->future_window_ms > e->early_after_ms;
}

int64_t order_time(const struct order_options *o, const struct event *e) {
    return e->is_log && order_is_too_far_ahead(o, e) ? e->loaded_at_ms : e->event_at_ms;
}

static bool is_not_behind(struct slice position, struct slice other) {
    return position_comparable(position, other) && position_compare(position, other) <= 0;
}

bool order_is_repeat(const struct order_options *o, const struct timeline *t,
                     const struct event *e) {
    const struct order_memory *m = &t->memory;
    if (!e->is_log || e->is_read || !position_comparable(e->position, m->position) ||
        position_compare(e->position, m->position) >= 0)
        return false;
    if (m->position_is_read && !is_not_behind(e->position, m->seen))
        return false;
    bool is_timed = e->has_own_time && !order_is_too_far_ahead(o, e);
    return !is_timed || e->event_at_ms <= t->newest_event_at;
}

/* --- tombstones, and other deletes without a time of their own --- */

static enum verdict judge_tombstone(const struct timeline *t, const struct event *e) {
    if (t->newest_event_at == TIMESTAMP_NONE)
        return VERDICT_UNKNOWN_TOMBSTONE;
    if (!e->by_time && t->memory.last == LAST_REPEAT)
        return VERDICT_REPEAT;
    bool is_companion = !e->by_time && t->memory.last == LAST_DELETE; /* O7 */
    return is_companion || !t->has_current ? VERDICT_IGNORE : VERDICT_APPLY;
}

/* O6: the delete happened at its Kafka timestamp, but not before the version that it ends. */
static void place_end(const struct timeline *t, const struct event *e, struct placement *p) {
    p->at = e->loaded_at_ms;
    p->end = END_TOMBSTONE;
    if (t->newest_event_at >= p->at)
        p->at = t->newest_event_at + 1;
}

/* --- the floor that a truncate leaves --- */

/* Whether this truncate made the newest event. An end that an earlier truncate made lies before
 * this one. */
static bool is_ended_by(const struct timeline *t, const struct order_floor *truncate) {
    return t->memory.end == END_TRUNCATE && t->newest_event_at >= truncate->at;
}

/* The newest event, without an end that this truncate made. */
static int64_t newest_but_end(const struct timeline *t, const struct order_floor *truncate) {
    return is_ended_by(t, truncate) ? t->memory.before_end : t->newest_event_at;
}

/* Whether the last record of an id, whose newest event is `newest`, lies before the truncate. */
static bool last_lies_before(const struct timeline *t, int64_t newest,
                             const struct order_floor *truncate) {
    const struct order_memory *m = &t->memory;
    if (!truncate->by_time_only && m->position_is_last &&
        position_comparable(m->position, truncate->position))
        return position_compare(m->position, truncate->position) < 0;
    return newest < truncate->at;
}

/* O9: whether the record lies before the truncate. `at`: the record's time after O3. `newest`: the
 * result of newest_but_end, or the newest event before an end that moves. */
static bool is_below(const struct order_options *o, const struct timeline *t, const struct event *e,
                     const struct order_floor *floor, int64_t newest, int64_t at) {
    if (!floor->exists || e->by_time || !(e->is_log || o->floor_holds_all[e->entity]))
        return false;
    if (newest != TIMESTAMP_NONE && !last_lies_before(t, newest, floor))
        return false; /* the id has a newer event */
    if (e->source_partition == floor->source_partition && e->source_offset > floor->source_offset)
        return false;
    if (e->is_log && !floor->by_time_only && position_comparable(e->position, floor->position))
        return position_compare(e->position, floor->position) < 0;
    return at < floor->at;
}

bool order_lies_before(const struct timeline *t, const struct order_floor *truncate) {
    return t->newest_event_at != TIMESTAMP_NONE &&
           last_lies_before(t, t->newest_event_at, truncate);
}

bool order_is_later(const struct order_floor *a, const struct order_floor *b) {
    if (!b->exists)
        return true;
    if (a->source_partition == b->source_partition)
        return a->source_offset >= b->source_offset;
    if (!a->by_time_only && position_comparable(a->position, b->position))
        return position_compare(a->position, b->position) >= 0;
    return a->at >= b->at;
}

/* --- records with a place --- */

/* Whether the newest event is a delete without a time of its own. */
static bool ends_with_tombstone(const struct timeline *t) {
    return t->memory.end == END_TOMBSTONE || t->memory.end == END_TOMBSTONE_AFTER_TRUNCATE;
}

/* O8: whether an upsert lies between a delete without a time of its own and the event before it. */
static bool is_between_end_and_before(const struct timeline *t, const struct event *e, int64_t at) {
    return e->kind == CHANGE_UPSERT && ends_with_tombstone(t) && at <= t->newest_event_at &&
           at > t->memory.before_end;
}

bool order_drops_delete(const struct order_options *o, const struct timeline *t,
                        const struct event *e) {
    return e->is_log && t->memory.end == END_TOMBSTONE_AFTER_TRUNCATE &&
           is_between_end_and_before(t, e, order_time(o, e)) && !order_is_repeat(o, t, e);
}

/* Where the truncate ends an id whose newest event is at `newest`. */
static int64_t end_behind(int64_t newest, const struct order_floor *truncate) {
    if (!truncate->has_own_time && newest >= truncate->at)
        return newest + 1;
    return later_of(truncate->at, newest);
}

int64_t order_end_of(const struct timeline *t, const struct order_floor *truncate) {
    return end_behind(t->newest_event_at, truncate);
}

/* For a record below the floor, at `at`, which is the newest event apart from the truncate's own
 * end. */
static enum floor_side side_of(const struct timeline *t, const struct order_floor *floor,
                               int64_t at) {
    bool is_ended = is_ended_by(t, floor);
    int64_t end = end_behind(at, floor);
    if (end == at)
        return is_ended ? SIDE_BELOW_ITS_END : SIDE_BELOW_AT_ONCE;
    return is_ended && end != t->newest_event_at ? SIDE_BELOW_AND_ON : SIDE_BELOW;
}

static void place_in_log(const struct order_options *o, const struct timeline *t,
                         const struct event *e, const struct order_floor *floor,
                         struct placement *p) {
    int64_t time = order_time(o, e);
    p->moves_end = is_between_end_and_before(t, e, time);
    int64_t newest = p->moves_end ? t->memory.before_end : newest_but_end(t, floor);
    bool below = is_below(o, t, e, floor, newest, later_of(time, newest));
    if (!below && !p->moves_end)
        newest = t->newest_event_at;
    p->is_reordered = time < newest; /* O3 */
    p->at = p->is_reordered ? newest : time;
    if (below)
        p->side = side_of(t, floor, p->at);
}

/* For a record that is not of a log: whether O8 would make it current, or it has the time of the
 * event before the tombstone. */
static bool is_behind_tombstone(const struct timeline *t, const struct event *e) {
    return is_between_end_and_before(t, e, e->event_at_ms) ||
           (e->kind == CHANGE_UPSERT && ends_with_tombstone(t) &&
            e->event_at_ms == t->memory.before_end);
}

static void place_by_time(const struct order_options *o, const struct timeline *t,
                          const struct event *e, const struct order_floor *floor,
                          struct placement *p) {
    int64_t newest = t->newest_event_at;
    p->at = e->event_at_ms;
    p->is_behind_tombstone = is_behind_tombstone(t, e);
    if (newest != TIMESTAMP_NONE && p->at < newest - o->late_window_ms)
        p->verdict = VERDICT_TOO_LATE;
    else if (order_is_too_far_ahead(o, e))
        p->verdict = VERDICT_TOO_EARLY;
    else if (is_below(o, t, e, floor, newest_but_end(t, floor), p->at))
        p->side = SIDE_BELOW;
}

struct placement order_place(const struct order_options *o, const struct timeline *t,
                             const struct event *e, const struct order_floor *floor) {
    struct placement p = {.verdict = VERDICT_APPLY};
    if (e->kind == CHANGE_TOMBSTONE)
        p.verdict = judge_tombstone(t, e);
    else if (order_is_repeat(o, t, e))
        p.verdict = VERDICT_REPEAT;
    if (p.verdict != VERDICT_APPLY)
        return p;
    if (e->kind != CHANGE_UPSERT && !e->has_own_time && !e->by_time)
        place_end(t, e, &p);
    else if (e->is_log)
        place_in_log(o, t, e, floor, &p);
    else
        place_by_time(o, t, e, floor, &p);
    return p;
}

/* --- what is remembered --- */

/* What is remembered of a newest event of the kind `end`, if `before` is the kind of the event
 * before it. */
static enum newest_end end_behind_end(enum newest_end end, enum newest_end before) {
    bool is_after_truncate = end == END_TOMBSTONE && before == END_TRUNCATE;
    return is_after_truncate ? END_TOMBSTONE_AFTER_TRUNCATE : end;
}

/* For an event that lies somewhere before the newest event, which is an end. */
static void note_late(struct order_memory *m, int64_t at) {
    if (m->end == END_TOMBSTONE_AFTER_TRUNCATE && at >= m->before_end)
        m->end = END_TOMBSTONE;
    m->before_end = later_of(m->before_end, at);
}

static void note_newest(struct order_memory *m, const struct placement *p, int64_t before) {
    if (placement_takes_end_away(p) || (before != TIMESTAMP_NONE && p->at == before)) {
        m->end = END_NONE;
        m->before_end = TIMESTAMP_NONE;
    } else if (before == TIMESTAMP_NONE || p->at > before) {
        m->end = end_behind_end(p->end, m->end);
        m->before_end = p->end == END_NONE ? TIMESTAMP_NONE : before;
    } else if (m->end != END_NONE) {
        note_late(m, p->at);
    }
}

/* `is_last`: the record is the id's last one, whether it has a position or not. */
static void note_position(struct order_memory *m, const struct event *e, bool is_last) {
    bool carries = e->is_log && e->position.n > 0;
    if (carries && !(m->position_is_last && m->position_is_read == e->is_read &&
                     slice_eq(m->position, e->position))) {
        struct slice before = m->position_is_read ? m->seen : m->position;
        m->seen = e->is_read && is_not_behind(before, e->position) ? before : slice_of("", 0);
        m->position = e->position;
        m->position_is_last = true;
        m->position_is_read = e->is_read;
        m->revision++;
    } else if (!carries && is_last && m->position_is_last) {
        m->position_is_last = false;
        m->revision++;
    }
}

void order_note_applied(struct timeline *t, const struct event *e, const struct placement *p,
                        int64_t before, bool happened) {
    struct order_memory *m = &t->memory;
    bool is_newest = placement_takes_end_away(p) || before == TIMESTAMP_NONE || p->at >= before;
    if (happened)
        note_newest(m, p, before);
    if (!e->by_time)
        m->last = e->kind == CHANGE_DELETE ? LAST_DELETE : LAST_OTHER;
    note_position(m, e, e->is_log || (is_newest && happened));
    if (e->is_log || is_newest || !t->has_current)
        m->outdated = false;
}

void order_note_truncated(struct timeline *t, int64_t before_end) {
    t->memory.end = END_TRUNCATE;
    t->memory.before_end = before_end;
    t->memory.outdated = false;
}

void order_note_delete_dropped(struct timeline *t, int64_t before_end) {
    t->newest_event_at = t->memory.before_end;
    order_note_truncated(t, before_end);
}

void order_note_ignored(struct timeline *t, const struct event *e, enum verdict verdict) {
    if (e->by_time || t->newest_event_at == TIMESTAMP_NONE)
        return;
    t->memory.last = verdict == VERDICT_REPEAT ? LAST_REPEAT : LAST_OTHER;
}

/* Whether a rejected record is newer than the current version (schemas/README.md, "Outdated
 * rows"). */
static bool makes_outdated(const struct timeline *t, const struct event *e, enum reason_code code) {
    if (!t->has_current || code == REASON_TOO_LATE)
        return false;
    int64_t time = code == REASON_TOO_EARLY ? e->loaded_at_ms : e->event_at_ms;
    return e->is_log || time >= t->newest_event_at;
}

void order_note_rejected(struct timeline *t, const struct event *e, enum reason_code code) {
    if (t->newest_event_at == TIMESTAMP_NONE)
        return;
    if (makes_outdated(t, e, code))
        t->memory.outdated = true;
    if (e->by_time)
        return;
    if (code == REASON_TOO_LATE && e->kind == CHANGE_DELETE)
        t->memory.last = LAST_DELETE;
    else if (!e->id_is_from_key)
        t->memory.last = LAST_OTHER;
}
