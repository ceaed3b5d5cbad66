#include "order_model.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"

#include <string.h>

const char *const order_mistake_names[ORDER_MISTAKE_COUNT] = {
#define ORDER_MISTAKE_NAME(name) #name,
    ORDER_MISTAKES(ORDER_MISTAKE_NAME)
#undef ORDER_MISTAKE_NAME
};
/* Whether a line of this file is to be wrong. */
#define WRONG(o, name) ((o)->mistake == ORDER_MISTAKE_##name)

void order_model_init(struct order_model *m) {
    *m = (struct order_model){0};
}
void order_model_release(struct order_model *m) {
    free(m->events);
    order_model_init(m);
}
struct order_model order_model_copy(const struct order_model *m) {
    struct order_model copy = *m;
    copy.cap = m->count + 1;
    copy.events = mem_alloc(copy.cap * sizeof *copy.events);
    if (m->count > 0)
        memcpy(copy.events, m->events, m->count * sizeof *copy.events);
    return copy;
}

/* --- the events, one for each time --- */

/* How many events are before the time. */
static size_t events_before(const struct order_model *m, int64_t at) {
    size_t n = 0;
    while (n < m->count && m->events[n].at < at)
        n++;
    return n;
}

static struct order_event *event_at(const struct order_model *m, int64_t at) {
    size_t i = events_before(m, at);
    return i < m->count && m->events[i].at == at ? &m->events[i] : NULL;
}

static struct order_event *newest_event(const struct order_model *m) {
    return m->count > 0 ? &m->events[m->count - 1] : NULL;
}

static void remove_event(struct order_model *m, size_t i) {
    memmove(&m->events[i], &m->events[i + 1], (m->count - i - 1) * sizeof *m->events);
    m->count--;
}

static void insert_event(struct order_model *m, const struct order_event *e) {
    m->events = mem_grow(m->events, &m->cap, m->count + 1, sizeof *m->events);
    size_t i = events_before(m, e->at);
    memmove(&m->events[i + 1], &m->events[i], (m->count - i) * sizeof *m->events);
    m->events[i] = *e;
    m->count++;
}

/* The event is alone at its time. */
static void put_alone(struct order_model *m, const struct order_model_options *o,
                      const struct order_event *e) {
    struct order_event *there = event_at(m, e->at);
    if (there == NULL)
        insert_event(m, e);
    else if (there->value != e->value || WRONG(o, O2_REPEAT_IS_NEW))
        *there = *e;
}

/* O2: of two at one time the one with the later position in its partition wins; of two partitions,
 * the one that came last. True: it is what its time says now, and was not before. */
static bool put_by_time(struct order_model *m, const struct order_model_options *o,
                        const struct order_event *e) {
    struct order_event *there = event_at(m, e->at);
    if (there != NULL && WRONG(o, O2_FIRST_WINS))
        return false;
    if (there != NULL && !there->is_end && there->input.partition == e->input.partition) {
        if (e->input.offset < there->input.offset)
            return false;
        if (there->value == e->value)
            there->input = e->input;
    }
    bool is_new = there == NULL || there->value != e->value;
    put_alone(m, o, e);
    return is_new;
}

/* --- what is read off them --- */

static int holds_at(const struct order_model *m, int64_t at) {
    size_t n = events_before(m, at + 1);
    return n > 0 ? m->events[n - 1].value : MODEL_DELETED;
}

struct model_version *order_model_versions(const struct order_model *m, size_t *count) {
    struct model_version *versions = mem_alloc((m->count + 1) * sizeof *versions);
    size_t n = 0;
    int value = MODEL_DELETED;
    for (size_t i = 0; i < m->count; i++) {
        const struct order_event *e = &m->events[i];
        if (e->value == value)
            continue;
        if (value != MODEL_DELETED)
            versions[n - 1].to = e->at;
        value = e->value;
        if (value != MODEL_DELETED)
            versions[n++] = (struct model_version){e->at, TIMESTAMP_NONE, e->loaded_at, value};
    }
    *count = n;
    return versions;
}

int order_model_current(const struct order_model *m, int64_t *from) {
    size_t n;
    struct model_version *versions = order_model_versions(m, &n);
    bool is_current = n > 0 && versions[n - 1].to == TIMESTAMP_NONE;
    int value = is_current ? versions[n - 1].value : MODEL_DELETED;
    if (is_current && from != NULL)
        *from = versions[n - 1].from;
    free(versions);
    return value;
}

/* The event that opened the current version, or NULL. */
static const struct order_event *current_event(const struct order_model *m) {
    int64_t from;
    return order_model_current(m, &from) != MODEL_DELETED ? event_at(m, from) : NULL;
}

static bool is_current(const struct order_model *m) {
    return order_model_current(m, NULL) != MODEL_DELETED;
}

bool order_model_is_outdated(const struct order_model *m) {
    return m->is_outdated;
}
int64_t order_model_newest(const struct order_model *m) {
    const struct order_event *n = newest_event(m);
    return n != NULL ? n->at : TIMESTAMP_NONE;
}

static bool same_versions(const struct order_model *a, const struct order_model *b) {
    size_t an, bn;
    struct model_version *av = order_model_versions(a, &an), *bv = order_model_versions(b, &bn);
    bool same = an == bn;
    for (size_t i = 0; same && i < an; i++)
        same = av[i].from == bv[i].from && av[i].to == bv[i].to && av[i].value == bv[i].value &&
               av[i].loaded_at == bv[i].loaded_at;
    free(av);
    free(bv);
    return same;
}

/* --- O1, O5, O6: the order and the time of a record --- */

static bool is_log(const struct order_model_options *o, const struct order_record *r) {
    if (r->by_time)
        return WRONG(o, O10_BY_LOG);
    return WRONG(o, O1_ALL_LOG) || (r->is_log && !WRONG(o, O1_ALL_BY_TIME));
}

/* A delete whose time O6 finds. A replayed one goes where its Kafka timestamp belongs (O10). */
static bool is_timeless_delete(const struct order_record *r) {
    return !r->by_time && (r->kind == ORDER_TOMBSTONE || (r->kind == ORDER_DELETE && !r->has_time));
}

static int64_t early_after(const struct order_model_options *o, const struct order_record *r) {
    return WRONG(o, O10_EARLY_BY_KAFKA) ? r->kafka_ms : r->early_after_ms;
}
static bool is_too_early(const struct order_model_options *o, const struct order_record *r) {
    return r->has_time && r->at > early_after(o, r) + o->future_window_ms;
}
/* O5 of a log: the time is the Kafka timestamp instead. */
static bool is_replaced(const struct order_model_options *o, const struct order_record *r) {
    return is_too_early(o, r) && !WRONG(o, O5_LOG_FUTURE);
}
static int64_t log_time(const struct order_model_options *o, const struct order_record *r) {
    return r->has_time && !is_replaced(o, r) ? r->at : r->kafka_ms;
}
static int64_t own_time(const struct order_record *r) {
    return r->has_time ? r->at : r->kafka_ms;
}
static bool is_too_late(const struct order_model *m, const struct order_model_options *o,
                        int64_t at) {
    return m->count > 0 && at < newest_event(m)->at - o->late_window_ms;
}

/* O6: at the Kafka timestamp, but behind what it ends. */
static int64_t time_of_end(const struct order_model *m, const struct order_model_options *o,
                           int64_t kafka_ms) {
    const struct order_event *n = newest_event(m);
    if (n == NULL || n->at < kafka_ms || WRONG(o, O6_AT_KAFKA_TIME))
        return kafka_ms;
    return n->at + 1;
}

/* --- O4: repeats --- */

static bool comparable(const struct order_model_options *o, const struct order_position *a,
                       const struct order_position *b) {
    return a->exists && b->exists && (a->source == b->source || WRONG(o, O4_ANY_SOURCE));
}

static bool is_newer(const struct order_model *m, const struct order_model_options *o,
                     const struct order_record *r) {
    if (m->count == 0)
        return true;
    if (!r->has_time && !WRONG(o, O4_TIMELESS_IS_NEWER))
        return false;
    if (is_replaced(o, r) && !WRONG(o, O4_REPLACED_IS_NEWER))
        return false;
    return log_time(o, r) > newest_event(m)->at;
}

static bool is_repeat(const struct order_model *m, const struct order_model_options *o,
                      const struct order_record *r) {
    if (!is_log(o, r) || WRONG(o, O4_NO_REPEATS))
        return false;
    if (r->is_read && !WRONG(o, O4_READS_TOO))
        return false;
    if (!comparable(o, &r->position, &m->position))
        return false;
    if (r->position.at > m->position.at - (WRONG(o, O4_EQUAL) ? 0 : 1))
        return false;
    /* A change that a snapshot row does not contain can lie before it (a transaction that wrote
     * before the snapshot and committed behind it): it is no repeat unless it was seen before that
     * row. */
    if (m->position_is_read &&
        !(comparable(o, &r->position, &m->seen) && r->position.at <= m->seen.at))
        return false;
    return !is_newer(m, o, r) || WRONG(o, O4_NEWER_TOO);
}

static void move_position(struct order_model *m, const struct order_model_options *o,
                          const struct order_position *p, bool is_read) {
    if (!p->exists)
        return;
    if (WRONG(o, O4_HIGHEST) && m->position.exists && m->position.at > p->at)
        return;
    struct order_position before = m->position_is_read ? m->seen : m->position;
    m->seen = (struct order_position){0};
    if (is_read && comparable(o, &before, p) && before.at <= p->at)
        m->seen = before;
    m->position = *p;
    m->position_is_read = is_read;
}

/* --- O8: a delete that was earlier --- */

/* Whether the time is behind the event before a delete without time that is the newest event, and
 * not behind the delete. `or_at`: the time of the event before counts, too. */
static bool is_before_delete(const struct order_model *m, int64_t at, bool or_at) {
    const struct order_event *d = newest_event(m);
    if (d == NULL || !d->is_timeless || at > d->at)
        return false;
    return m->count == 1 || at > d[-1].at || (or_at && at == d[-1].at);
}

/* True: the delete was moved to the time of the record, which wins there: nothing is left of it. */
static bool move_delete(struct order_model *m, const struct order_model_options *o,
                        const struct order_record *r, int64_t at) {
    if (WRONG(o, O8_NOT_MOVED) || (r->kind != ORDER_UPSERT && !WRONG(o, O8_BY_DELETES)))
        return false;
    if (!is_before_delete(m, at, WRONG(o, O8_AT_EVENT)))
        return false;
    m->count--;
    return true;
}

/* --- O9: truncate --- */

struct order_model_floor order_model_floor_of(const struct order_model_options *o,
                                              const struct order_truncate *t) {
    struct order_model_floor f = {true, *t};
    bool early = t->has_time && t->at > t->kafka_ms + o->future_window_ms;
    if (early && !t->is_log)
        return (struct order_model_floor){0};
    if (early || !t->has_time)
        f.truncate.at = t->kafka_ms;
    return f;
}

/* Whether what has this position, time and place in the input lies before the truncate. */
static bool lies_before(const struct order_model_options *o, const struct order_position *position,
                        int64_t at, const struct order_input *input,
                        const struct order_truncate *t) {
    if (input->partition == t->input.partition && input->offset > t->input.offset &&
        !WRONG(o, O9_OFFSETS_IGNORED))
        return false;
    if (t->is_log && comparable(o, position, &t->position) && !WRONG(o, O9_BY_TIME))
        return position->at < t->position.at;
    return at < t->at || (at == t->at && WRONG(o, O9_NOT_STRICT));
}

void order_model_floor_raise(struct order_model_floor *floor, const struct order_model_options *o,
                             const struct order_model_floor *t) {
    if (!t->exists || WRONG(o, O9_NO_FLOOR))
        return;
    const struct order_truncate *new = &t->truncate;
    if (floor->exists && lies_before(o, &new->position, new->at, &new->input, &floor->truncate))
        return;
    *floor = *t;
}

/* An end of an earlier truncate lies before this one, unless both say the same time: then it counts
 * as this one's. */
static bool is_end_by(const struct order_event *e, const struct order_truncate *t) {
    return e->is_end && e->at >= t->at;
}

/* Whether the newest event is the truncate's own end. */
static bool is_ended_by(const struct order_model *m, const struct order_truncate *t) {
    return m->count > 0 && is_end_by(newest_event(m), t);
}

/* The newest event, the truncate's own end not counted. */
static const struct order_event *newest_beside(const struct order_model *m,
                                               const struct order_truncate *t) {
    if (!is_ended_by(m, t))
        return newest_event(m);
    return m->count > 1 ? &m->events[m->count - 2] : NULL;
}

static bool remove_end(struct order_model *m, const struct order_truncate *t) {
    bool is_ended = is_ended_by(m, t);
    m->count -= is_ended;
    return is_ended;
}

/* As a delete in the order of the log: not before the newest event. */
static void put_end(struct order_model *m, const struct order_model_options *o,
                    const struct order_truncate *t) {
    const struct order_event *n = newest_event(m);
    int64_t at = t->at;
    if (n != NULL && n->at >= at)
        at = t->has_time ? n->at : n->at + 1;
    const struct order_event end = {at,   t->kafka_ms, MODEL_DELETED, false,
                                    true, *t,          t->input,      t->input};
    put_alone(m, o, &end);
    if (WRONG(o, O9_MOVES_POSITION))
        move_position(m, o, &t->position, false);
}

void order_model_truncate(struct order_model *m, const struct order_model_options *o,
                          const struct order_model_floor *t) {
    if (!t->exists || !is_current(m))
        return;
    if (!lies_before(o, &m->last, newest_event(m)->at, &m->last_input, &t->truncate))
        return;
    put_end(m, o, &t->truncate);
    m->is_outdated = false;
    m->origin = (struct order_origin){0};
}

/* Whether the truncate ends what the record says. `at`: the time of the record after O5. */
static bool is_below(const struct order_model *m, const struct order_model_options *o,
                     const struct order_model_floor *floor, const struct order_record *r,
                     int64_t at) {
    if (!floor->exists || is_timeless_delete(r))
        return false;
    const struct order_truncate *t = &floor->truncate;
    const struct order_event *n = newest_beside(m, t);
    if (is_log(o, r) && n != NULL && n->at > at)
        at = n->at; /* O3 */
    const struct order_position none = {0};
    if (!lies_before(o, is_log(o, r) ? &r->position : &none, at, &r->input, t))
        return false;
    bool has_newer = n != NULL && !lies_before(o, &m->last, n->at, &m->last_input, t);
    return !has_newer || WRONG(o, O9_FLOOR_ALWAYS);
}

/* --- placing --- */

static struct order_event event_of(const struct order_record *r, int64_t at, int value) {
    return (struct order_event){
        .at = at,
        .loaded_at = r->kafka_ms,
        .value = value,
        .is_timeless = is_timeless_delete(r),
        .input = r->input,
        .first_input = r->input,
    };
}

/* What the record says at the time: unavailable digits are those of the version that holds there.
 * False: none. */
static bool value_at(const struct order_model *m, const struct order_model_options *o,
                     const struct order_record *r, int64_t at, int *value) {
    *value = r->kind == ORDER_UPSERT ? r->value : MODEL_DELETED;
    if (r->kind != ORDER_UPSERT || r->unavailable == 0)
        return true;
    int held = WRONG(o, UNAVAILABLE_NEWEST) ? order_model_current(m, NULL) : holds_at(m, at);
    if (held == MODEL_DELETED)
        return false;
    for (int i = 0; i < 7; i++) {
        if ((r->unavailable >> i & 1) != 0)
            *value = (*value & ~(15 << 4 * i)) | (held & (15 << 4 * i));
    }
    return true;
}

static int64_t log_place(struct order_model *m, const struct order_model_options *o,
                         const struct order_record *r, int64_t at, bool moved) {
    const struct order_event *n = newest_event(m);
    if (is_timeless_delete(r))
        return time_of_end(m, o, r->kafka_ms);
    if (moved && WRONG(o, O8_COUNTED))
        m->counters.reordered++;
    if (moved || n == NULL || at >= n->at || WRONG(o, O3_BY_CLOCK))
        return at;
    if (!WRONG(o, O3_UNCOUNTED))
        m->counters.reordered++;
    return n->at + (WRONG(o, O3_BESIDE) ? 1 : 0);
}

static enum order_outcome place_in_log(struct order_model *m, const struct order_model_options *o,
                                       const struct order_model_floor *floor,
                                       const struct order_record *r) {
    int64_t at = log_time(o, r);
    if (WRONG(o, O5_LOG_LATE) && is_too_late(m, o, at))
        return ORDER_TOO_LATE;
    bool moved = move_delete(m, o, r, at);
    bool below = is_below(m, o, floor, r, at); /* a delete that moved is no newer event */
    bool was_ended = below && !WRONG(o, O9_END_STAYS) && remove_end(m, &floor->truncate);
    at = log_place(m, o, r, at, moved);
    int value;
    if (!value_at(m, o, r, at, &value))
        return ORDER_MALFORMED;
    const struct order_event e = event_of(r, at, value);
    put_alone(m, o, &e);
    m->last = r->position;
    m->last_input = r->input;
    if (below && (was_ended || is_current(m)))
        put_end(m, o, &floor->truncate);
    return ORDER_APPLIED;
}

/* The end of a truncate that the id has not met, for a record that was placed by time
 * (floor_by_time). */
static void end_by_time(struct order_model *m, const struct order_model_options *o,
                        const struct order_model_floor *floor, bool below) {
    if (below && is_current(m))
        put_end(m, o, &floor->truncate);
}

/* With order.* = event_time truncate is an event like any other; a replayed record is placed by O2
 * alone. */
static bool meets_floor(const struct order_model_options *o, const struct order_record *r) {
    return o->floor_by_time && !r->by_time;
}

static enum order_outcome place_by_time(struct order_model *m, const struct order_model_options *o,
                                        const struct order_model_floor *floor,
                                        const struct order_record *r) {
    int64_t newest = order_model_newest(m);
    int64_t at = is_timeless_delete(r) ? time_of_end(m, o, r->kafka_ms) : own_time(r);
    if (!is_timeless_delete(r) && is_too_late(m, o, at) && !WRONG(o, O5_NO_LATE))
        return ORDER_TOO_LATE;
    if (!is_timeless_delete(r) && is_too_early(o, r) && !WRONG(o, O5_NO_EARLY))
        return ORDER_TOO_EARLY;
    int value;
    if (!value_at(m, o, r, at, &value))
        return ORDER_MALFORMED;
    bool below = meets_floor(o, r) && is_below(m, o, floor, r, at);
    m->counters.late += at < newest;
    const struct order_event e = event_of(r, at, value);
    if (put_by_time(m, o, &e) && at >= newest) {
        m->last = (struct order_position){0};
        m->last_input = r->input;
    }
    end_by_time(m, o, floor, below);
    return ORDER_APPLIED;
}

/* Before the record is placed. */
static void count_behind_tombstone(struct order_model *m, const struct order_model_options *o,
                                   const struct order_record *r) {
    if (is_log(o, r) || r->kind != ORDER_UPSERT || WRONG(o, O8_UNCOUNTED))
        return;
    m->counters.behind_tombstone += is_before_delete(m, own_time(r), true);
}

/* --- outdated rows --- */

/* The record was rejected, and is no repeat. */
static void note_rejected(struct order_model *m, const struct order_model_options *o,
                          const struct order_record *r) {
    int64_t at = r->has_time && !is_too_early(o, r) ? r->at : r->kafka_ms;
    if (!is_current(m))
        return;
    if (is_log(o, r) || at >= newest_event(m)->at || WRONG(o, OUTDATED_BY_OLDER))
        m->is_outdated = true;
}

/* The record was accepted; the newest event was at `newest` before. */
static void note_accepted(struct order_model *m, const struct order_model_options *o,
                          const struct order_record *r, int64_t newest) {
    if ((is_log(o, r) || own_time(r) >= newest) && !WRONG(o, OUTDATED_STAYS))
        m->is_outdated = false;
    if (!is_current(m))
        m->is_outdated = false;
}

/* --- one record --- */

static bool is_refused(enum order_outcome outcome) {
    return outcome != ORDER_APPLIED && outcome != ORDER_UNCHANGED;
}

/* O7: what a tombstone behind this record finds. A replayed one does not count as between. */
static void note_came(struct order_model *m, const struct order_model_options *o,
                      const struct order_record *r, enum order_outcome outcome) {
    if (r->by_time && !WRONG(o, O7_REPLAY_BETWEEN))
        return;
    if (r->kind == ORDER_DELETE) {
        bool has_companion = !is_refused(outcome);
        has_companion |= outcome == ORDER_TOO_LATE && !WRONG(o, O7_LATE_HAS_NONE);
        has_companion |= outcome == ORDER_TOO_EARLY && WRONG(o, O7_EARLY_HAS_ONE);
        m->came_last = has_companion ? ORDER_CAME_DELETE : ORDER_CAME_OTHER;
    } else if (!WRONG(o, O7_NOT_FORGOTTEN)) {
        m->came_last = ORDER_CAME_OTHER;
    }
}

static bool is_unseen_and_lost(const struct order_model *m, const struct order_model_options *o,
                               const struct order_record *r) {
    return m->count == 0 && r->kind == ORDER_DELETE && !r->has_time && WRONG(o, O6_UNSEEN_LOST);
}

/* An upsert, a delete, or a tombstone that is one, is placed; the outcome may be a refusal, and `m`
 * is anything then. */
static enum order_outcome place(struct order_model *m, const struct order_model_options *o,
                                const struct order_model_floor *floor,
                                const struct order_record *r) {
    if (is_unseen_and_lost(m, o, r))
        return ORDER_APPLIED;
    return is_log(o, r) ? place_in_log(m, o, floor, r) : place_by_time(m, o, floor, r);
}

/* Forgets what changed nothing and is older than the window, except the event before a delete that
 * may move. */
static void forget(struct order_model *m, const struct order_model_options *o) {
    for (size_t i = m->count; i > 0; i--) {
        const struct order_event *e = &m->events[i - 1];
        bool is_kept = i >= m->count || (i == m->count - 1 && newest_event(m)->is_timeless);
        int before = i > 1 ? m->events[i - 2].value : MODEL_DELETED;
        if (!is_kept && e->value == before && e->at < newest_event(m)->at - o->late_window_ms)
            remove_event(m, i - 1);
    }
}

static enum order_outcome accept(struct order_model *m, const struct order_model_options *o,
                                 const struct order_record *r, const struct order_model *before) {
    bool same = same_versions(m, before);
    bool moves = (is_log(o, r) && !r->by_time) || (r->by_time && WRONG(o, O10_MOVES_POSITION));
    if (moves && !(same && WRONG(o, O4_UNCHANGED_STAYS)))
        move_position(m, o, &r->position, r->is_read);
    note_accepted(m, o, r, order_model_newest(before));
    if (o->forgets)
        forget(m, o);
    return same ? ORDER_UNCHANGED : ORDER_APPLIED;
}

/* Places the record; if it is refused, what happened is undone. */
static enum order_outcome apply_event(struct order_model *m, const struct order_model_options *o,
                                      const struct order_model_floor *floor,
                                      const struct order_record *r) {
    count_behind_tombstone(m, o, r);
    struct order_model before = order_model_copy(m);
    enum order_outcome outcome = place(m, o, floor, r);
    if (!is_refused(outcome)) {
        outcome = accept(m, o, r, &before);
        order_model_release(&before);
    } else {
        order_model_release(m);
        *m = before;
        if (outcome != ORDER_TOO_LATE)
            note_rejected(m, o, r);
        else if (WRONG(o, OUTDATED_BY_LATE))
            m->is_outdated = is_current(m);
    }
    note_came(m, o, r, outcome);
    return outcome;
}

static enum order_outcome apply_repeat(struct order_model *m) {
    /* Judged before everything else: what is wrong with it does not count. */
    m->came_last = ORDER_CAME_REPEAT;
    m->counters.repeated++;
    return ORDER_UNCHANGED;
}

static enum order_outcome apply_rejected(struct order_model *m, const struct order_model_options *o,
                                         const struct order_record *r) {
    note_rejected(m, o, r);
    bool counts = r->id_from_value || WRONG(o, O7_KEY_IS_BETWEEN);
    if (counts && !r->by_time && !WRONG(o, O7_BAD_NOT_BETWEEN))
        m->came_last = ORDER_CAME_OTHER;
    return ORDER_REFUSED;
}

static enum order_outcome apply_tombstone(struct order_model *m,
                                          const struct order_model_options *o,
                                          const struct order_model_floor *floor,
                                          const struct order_record *r) {
    if (m->came_last == ORDER_CAME_REPEAT && !r->by_time && !WRONG(o, O4_TOMBSTONE_COUNTS)) {
        m->counters.repeated++;
        return ORDER_UNCHANGED;
    }
    bool is_companion =
        m->came_last == ORDER_CAME_DELETE && !r->by_time && !WRONG(o, O7_NO_COMPANIONS);
    bool is_unseen = m->count == 0;
    m->counters.tombstones_unknown += is_unseen;
    if (is_companion || !is_current(m)) {
        if (!is_companion && is_unseen && WRONG(o, O6_UNSEEN_TOMBSTONE))
            return apply_event(m, o, floor, r);
        note_came(m, o, r, ORDER_UNCHANGED);
        return ORDER_UNCHANGED;
    }
    return apply_event(m, o, floor, r);
}

static enum order_outcome apply(struct order_model *m, const struct order_model_options *o,
                                const struct order_model_floor *floor,
                                const struct order_record *r) {
    if (r->kind == ORDER_TOMBSTONE)
        return apply_tombstone(m, o, floor, r);
    if (is_repeat(m, o, r) && !(r->kind == ORDER_REJECTED && WRONG(o, OUTDATED_BY_REPEAT)))
        return apply_repeat(m);
    if (r->kind == ORDER_REJECTED)
        return apply_rejected(m, o, r);
    return apply_event(m, o, floor, r);
}

/* `before`: what opened the version that was current before the record. */
static void note_origin(struct order_model *m, const struct order_event *before,
                        const struct order_record *r) {
    const struct order_event *now = current_event(m);
    if (now == NULL)
        m->origin = (struct order_origin){0};
    else if (now->at != before->at || now->value != before->value ||
             now->loaded_at != before->loaded_at)
        m->origin = (struct order_origin){now->first_input.partition == r->input.partition &&
                                              now->first_input.offset == r->input.offset,
                                          now->first_input};
}

enum order_outcome order_model_apply(struct order_model *m, const struct order_model_options *o,
                                     const struct order_model_floor *floor,
                                     const struct order_record *r) {
    const struct order_event *was = current_event(m);
    struct order_event before = was != NULL ? *was : (struct order_event){.value = MODEL_DELETED};
    enum order_outcome outcome = apply(m, o, floor, r);
    note_origin(m, &before, r);
    m->counters.applied += outcome == ORDER_APPLIED;
    m->counters.unchanged += outcome == ORDER_UNCHANGED;
    return outcome;
}
