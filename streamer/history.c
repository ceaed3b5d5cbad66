#include "streamer/history.h"

#include "schemas/rows.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* An event as it is read back out of versions and confirmations. */
struct history_moment {
    int64_t at, loaded_at;
    bool deleted;
    bool inherits; /* a confirmation of the value before it: its attributes are those of whatever precedes it
                    */
    struct slice attributes;
};

/* Room for one more element behind `count`. */
static void *grow(void *items, size_t count, size_t *cap, size_t size) {
    if (count < *cap)
        return items;
    *cap = *cap == 0 ? 8 : *cap * 2;
    return mem_realloc(items, *cap * size);
}

/* --- timeline --- */

void timeline_clear(struct timeline *t) {
    t->newest_event_at = TIMESTAMP_NONE;
    t->has_current = false;
    t->confirmation_count = 0;
}

void timeline_release(struct timeline *t) {
    free(t->confirmations);
    *t = (struct timeline){.newest_event_at = TIMESTAMP_NONE};
}

static void add_confirmation(struct timeline *t, struct confirmation c) {
    t->confirmations =
        grow(t->confirmations, t->confirmation_count, &t->confirmation_cap, sizeof *t->confirmations);
    t->confirmations[t->confirmation_count++] = c;
}

void confirmations_encode(const struct timeline *t, struct buf *out) {
    if (t->confirmation_count > 0) {
        avro_put_long(out, (int64_t)t->confirmation_count);
        for (size_t i = 0; i < t->confirmation_count; i++) {
            avro_put_long(out, t->confirmations[i].at);
            avro_put_bool(out, t->confirmations[i].deleted);
            avro_put_long(out, t->confirmations[i].loaded_at);
        }
    }
    avro_put_long(out, 0);
}

/* Three values for each: two times and whether it is a delete. */
static bool get_confirmations(struct slice *in, struct timeline *t) {
    int64_t count;
    bool ok;
    t->confirmation_count = 0;
    while ((ok = avro_get_long(in, &count)) && count > 0) {
        for (; count > 0; count--) {
            struct confirmation c;
            if (!avro_get_long(in, &c.at) || !avro_get_bool(in, &c.deleted) ||
                !avro_get_long(in, &c.loaded_at))
                return false;
            add_confirmation(t, c);
        }
    }
    return ok && count == 0;
}

bool confirmations_decode(struct slice in, struct timeline *t) {
    return get_confirmations(&in, t) && in.n == 0;
}

/* --- the timeline in the state --- */

bool timeline_is_empty(const struct timeline *t) {
    return t->newest_event_at == TIMESTAMP_NONE && !t->has_current && t->confirmation_count == 0;
}

/* What times of a timeline are counted from. */
static int64_t base_of(const struct timeline *t) {
    return t->has_current ? t->current.from : 0;
}

void timeline_encode(const struct timeline *t, struct buf *out) {
    int64_t base = base_of(t);
    avro_put_branch(out, t->has_current);
    if (t->has_current) {
        avro_put_long(out, t->current.from);
        avro_put_long(out, time_after(t->current.loaded_at, base));
        avro_put_bytes(out, t->current.attributes);
    }
    avro_put_long(out, time_after(t->newest_event_at, base));
    if (t->confirmation_count > 0)
        avro_put_long(out, (int64_t)t->confirmation_count);
    for (size_t i = 0; i < t->confirmation_count; i++) {
        const struct confirmation *c = &t->confirmations[i];
        avro_put_long(out, time_after(c->at, base));
        avro_put_bool(out, c->deleted);
        avro_put_long(out, time_after(c->loaded_at, c->at));
        base = c->at;
    }
    avro_put_long(out, 0);
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
    if (!avro_get_long(in, &t->newest_event_at) || !get_confirmations(in, t))
        return false;
    t->current.loaded_at = time_plus(base, t->current.loaded_at);
    t->newest_event_at = time_plus(base, t->newest_event_at);
    for (size_t i = 0; i < t->confirmation_count; i++) {
        struct confirmation *c = &t->confirmations[i];
        base = c->at = time_plus(base, c->at);
        c->loaded_at = time_plus(base, c->loaded_at);
    }
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

/* --- applying an event --- */

void history_release(struct history *h) {
    free(h->changes);
    free(h->moments);
    free(h->old_confirmations);
    free(h->versions);
    *h = (struct history){0};
}

bool history_too_late(const struct history_options *o, const struct timeline *t, int64_t at) {
    return t->newest_event_at != TIMESTAMP_NONE && at < t->newest_event_at - o->late_window_ms;
}

/* The very event that is known already, as far as the timeline alone can tell: the daily re-feed. */
static bool is_repeat(const struct timeline *t, const struct history_event *e) {
    bool holds = !e->deleted && t->has_current && slice_eq(t->current.attributes, e->attributes);
    if (holds && e->at == t->current.from)
        return true;
    for (size_t i = t->confirmation_count; i > 0 && t->confirmations[i - 1].at >= e->at; i--) {
        const struct confirmation *c = &t->confirmations[i - 1];
        if (c->at == e->at)
            return e->deleted ? c->deleted : !c->deleted && holds && e->at > t->current.from;
    }
    return false;
}

bool history_needs_versions(const struct timeline *t, const struct history_event *e) {
    return t->newest_event_at != TIMESTAMP_NONE && e->at <= t->newest_event_at && !is_repeat(t, e);
}

static void add_change(struct history *h, enum version_state before, struct version v,
                       enum version_state after) {
    h->changes = grow(h->changes, h->change_count, &h->change_cap, sizeof *h->changes);
    h->changes[h->change_count++] = (struct version_change){before, after, v};
}

static void add_version(struct history *h, struct version v) {
    h->versions = grow(h->versions, h->version_count, &h->version_cap, sizeof *h->versions);
    h->versions[h->version_count++] = v;
}

/* Keeps the moments ascending by time: most come in order, so the search from the end is short. */
static struct history_moment *add_moment(struct history *h, struct history_moment m) {
    h->moments = grow(h->moments, h->moment_count, &h->moment_cap, sizeof *h->moments);
    size_t i = h->moment_count++;
    for (; i > 0 && h->moments[i - 1].at > m.at; i--)
        h->moments[i] = h->moments[i - 1];
    h->moments[i] = m;
    return &h->moments[i];
}

/* Forgets confirmations that no accepted event can come before any more, and the oldest ones over the limit.
 */
static void forget(struct history *h, const struct history_options *o, struct timeline *t) {
    size_t n = 0;
    while (n < t->confirmation_count && t->confirmations[n].at < t->newest_event_at - o->late_window_ms)
        n++;
    if (t->confirmation_count - n > o->confirmations_max) {
        h->confirmations_dropped = t->confirmation_count - n - o->confirmations_max;
        n += h->confirmations_dropped;
    }
    if (n == 0)
        return;
    t->confirmation_count -= n;
    memmove(t->confirmations, t->confirmations + n, t->confirmation_count * sizeof *t->confirmations);
    h->confirmations_changed = true;
}

/* The hot path: newer than everything before. */
static void append(struct history *h, struct timeline *t, const struct history_event *e) {
    t->newest_event_at = e->at;
    bool same =
        e->deleted ? !t->has_current : t->has_current && slice_eq(t->current.attributes, e->attributes);
    if (same) {
        add_confirmation(t, (struct confirmation){e->at, e->deleted, e->loaded_at});
        h->confirmations_changed = true;
        return;
    }
    if (t->has_current) {
        struct version closed = t->current;
        closed.to = e->at;
        add_change(h, VERSION_CURRENT, closed, VERSION_CLOSED);
    }
    t->has_current = !e->deleted;
    if (!e->deleted) {
        t->current = (struct version){e->at, TIMESTAMP_NONE, e->loaded_at, e->attributes};
        add_change(h, VERSION_ABSENT, t->current, VERSION_CURRENT);
    }
}

/* Reads the events back out of the versions and of the confirmations from `start` on. */
static void collect_moments(struct history *h, const struct timeline *t, const struct version *v, size_t n,
                            int64_t start) {
    h->moment_count = 0;
    for (size_t i = 0; i < n; i++) {
        (void)add_moment(h,
                         (struct history_moment){v[i].from, v[i].loaded_at, false, false, v[i].attributes});
        bool ends = v[i].to != TIMESTAMP_NONE && (i + 1 == n || v[i + 1].from != v[i].to);
        if (ends)
            (void)add_moment(h, (struct history_moment){.at = v[i].to, .deleted = true});
    }
    for (size_t i = 0; i < t->confirmation_count; i++) {
        const struct confirmation *c = &t->confirmations[i];
        if (c->at >= start)
            (void)add_moment(h, (struct history_moment){c->at, c->loaded_at, c->deleted, !c->deleted, {0}});
    }
    for (size_t i = 1; i < h->moment_count; i++)
        if (h->moments[i].inherits)
            h->moments[i].attributes = h->moments[i - 1].attributes;
}

/* Puts the event among the moments; false if the very same is there already. */
static bool insert_moment(struct history *h, const struct history_event *e) {
    struct history_moment m = {e->at, e->loaded_at, e->deleted, false, e->attributes};
    for (size_t i = 0; i < h->moment_count; i++) {
        struct history_moment *at = &h->moments[i];
        if (at->at != e->at)
            continue;
        if (at->deleted == e->deleted && (e->deleted || slice_eq(at->attributes, e->attributes)))
            return false;
        *at = m; /* at equal times the later one wins alone */
        return true;
    }
    (void)add_moment(h, m);
    return true;
}

/* Reads the versions off the moments; what changes nothing becomes a confirmation. */
static void fold_moments(struct history *h, struct timeline *t) {
    bool open = false;
    h->version_count = 0;
    for (size_t i = 0; i < h->moment_count; i++) {
        const struct history_moment *m = &h->moments[i];
        struct version *last = open ? &h->versions[h->version_count - 1] : NULL;
        if (m->deleted ? !open : open && slice_eq(last->attributes, m->attributes)) {
            add_confirmation(t, (struct confirmation){m->at, m->deleted, m->loaded_at});
            continue;
        }
        if (open)
            last->to = m->at;
        open = !m->deleted;
        if (open)
            add_version(h, (struct version){m->at, TIMESTAMP_NONE, m->loaded_at, m->attributes});
    }
}

static enum version_state version_state(const struct version *v) {
    return v->to == TIMESTAMP_NONE ? VERSION_CURRENT : VERSION_CLOSED;
}

static bool same_version(const struct version *a, const struct version *b) {
    return a->to == b->to && a->loaded_at == b->loaded_at && slice_eq(a->attributes, b->attributes);
}

static void compare_versions(struct history *h, const struct version *old, size_t old_count) {
    size_t i = 0, j = 0;
    while (i < old_count || j < h->version_count) {
        const struct version *o = i < old_count ? &old[i] : NULL;
        const struct version *n = j < h->version_count ? &h->versions[j] : NULL;
        assert(o != NULL || n != NULL);
        if (n == NULL || (o != NULL && o->from < n->from)) {
            add_change(h, version_state(o), *o, VERSION_ABSENT);
            i++;
        } else if (o == NULL || n->from < o->from) {
            add_change(h, VERSION_ABSENT, *n, version_state(n));
            j++;
        } else {
            if (!same_version(o, n))
                add_change(h, version_state(o), *n, version_state(n));
            i++;
            j++;
        }
    }
}

static bool same_confirmations(const struct confirmation *a, size_t a_count, const struct confirmation *b,
                               size_t b_count) {
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++)
        if (a[i].at != b[i].at || a[i].deleted != b[i].deleted || a[i].loaded_at != b[i].loaded_at)
            return false;
    return true;
}

/* The general case: a late event or a tie. Folds the neighbourhood anew. */
static void insert(struct history *h, struct timeline *t, const struct version *versions, size_t n,
                   const struct history_event *e) {
    int64_t start = n > 0 && versions[0].from <= e->at ? versions[0].from : INT64_MIN;
    collect_moments(h, t, versions, n, start);
    if (!insert_moment(h, e))
        return;
    size_t kept = 0;
    while (kept < t->confirmation_count && t->confirmations[kept].at < start)
        kept++;
    size_t old_count = t->confirmation_count - kept;
    while (h->old_cap < old_count)
        h->old_confirmations =
            grow(h->old_confirmations, h->old_cap, &h->old_cap, sizeof *h->old_confirmations);
    if (old_count > 0)
        memcpy(h->old_confirmations, t->confirmations + kept, old_count * sizeof *t->confirmations);
    t->confirmation_count = kept;
    fold_moments(h, t);
    compare_versions(h, versions, n);
    h->confirmations_changed = !same_confirmations(h->old_confirmations, old_count, t->confirmations + kept,
                                                   t->confirmation_count - kept);
    t->has_current = h->version_count > 0 && h->versions[h->version_count - 1].to == TIMESTAMP_NONE;
    if (t->has_current)
        t->current = h->versions[h->version_count - 1];
}

void history_apply(struct history *h, const struct history_options *o, struct timeline *t,
                   const struct version *versions, size_t version_count, const struct history_event *e) {
    assert(!history_too_late(o, t, e->at));
    h->change_count = 0;
    h->confirmations_changed = false;
    h->confirmations_dropped = 0;
    h->late = t->newest_event_at != TIMESTAMP_NONE && e->at < t->newest_event_at;
    if (history_needs_versions(t, e))
        insert(h, t, versions, version_count, e);
    else if (!is_repeat(t, e))
        append(h, t, e);
    forget(h, o, t);
}
