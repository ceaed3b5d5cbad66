#include "streamer/layers/snapshots/history.h"

#include "streamer/base/timestamp.h"

#include <assert.h>
#include <string.h>

/* An event, read back from versions and confirmations. */
struct moment {
    int64_t at, loaded_at;
    bool deleted;
    bool inherits; /* it confirms the value before it, whose attributes it has */
    struct slice attributes;
};

/* The neighbours of an event while they are folded anew. */
struct fold {
    struct history *h;
    const struct neighbours *near;
    struct moment moments[HISTORY_MOMENTS]; /* ascending by `at`, each time once */
    size_t moment_count;
    struct version versions[HISTORY_MOMENTS]; /* read off the moments */
    size_t version_count;
    struct confirmation confirmations[HISTORY_MOMENTS];
    size_t confirmation_count;
};

const struct version *neighbours_version_at(const struct neighbours *n, int64_t at,
                                            const struct timeline *t, bool moves_end) {
    for (size_t i = 0; i < n->version_count; i++) {
        const struct version *v = &n->versions[i];
        bool open = v->to == TIMESTAMP_NONE || (moves_end && v->to == t->newest_event_at);
        if (v->from <= at && (open || at < v->to))
            return v;
    }
    return NULL;
}

/* Whether this very event is known already, as far as the timeline can tell. This is common where a
 * feed sends all rows every day. */
static bool is_known(const struct timeline *t, const struct history_event *e) {
    bool holds = !e->deleted && t->has_current && slice_eq(t->current.attributes, e->attributes);
    if (holds && e->at == t->current.from)
        return true;
    const struct confirmation *c = timeline_find(t, e->at);
    if (c == NULL)
        return false;
    return e->deleted ? c->deleted : !c->deleted && holds && e->at > t->current.from;
}

bool history_needs_neighbours(const struct timeline *t, const struct history_event *e) {
    return e->moves_end ||
           (t->newest_event_at != TIMESTAMP_NONE && e->at <= t->newest_event_at && !is_known(t, e));
}

static void add_change(struct history *h, enum version_state before, struct version v,
                       enum version_state after) {
    h->changes[h->change_count++] = (struct version_change){before, after, v};
}

static void add_confirmation_change(struct history *h, struct confirmation c, bool gone,
                                    bool replaces) {
    h->confirmations[h->confirmation_count++] = (struct confirmation_change){c, gone, replaces};
}

/* The hot path: the event is newer than all before it. */
static void append(struct history *h, struct timeline *t, const struct history_event *e) {
    t->newest_event_at = e->at;
    bool same = e->deleted ? !t->has_current
                           : t->has_current && slice_eq(t->current.attributes, e->attributes);
    if (same) {
        add_confirmation_change(h, (struct confirmation){e->at, e->deleted, e->loaded_at}, false,
                                false);
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

/* Keeps the moments ascending by time. */
static void add_moment(struct fold *f, struct moment m) {
    assert(f->moment_count < HISTORY_MOMENTS);
    size_t i = f->moment_count++;
    for (; i > 0 && f->moments[i - 1].at > m.at; i--)
        f->moments[i] = f->moments[i - 1];
    f->moments[i] = m;
}

/* An end at the time `never` is left out. */
static void add_version_moments(struct fold *f, int64_t never) {
    const struct version *v = f->near->versions;
    size_t n = f->near->version_count;
    for (size_t i = 0; i < n; i++) {
        add_moment(f, (struct moment){v[i].from, v[i].loaded_at, false, false, v[i].attributes});
        bool next_follows = i + 1 < n && v[i + 1].from == v[i].to;
        if (v[i].to != TIMESTAMP_NONE && !next_follows && v[i].to != never)
            add_moment(f, (struct moment){.at = v[i].to, .deleted = true});
    }
}

static void add_confirmation_moments(struct fold *f, int64_t never) {
    for (size_t i = 0; i < f->near->confirmation_count; i++) {
        const struct confirmation *c = &f->near->confirmations[i];
        if (c->at != never)
            add_moment(f, (struct moment){c->at, c->loaded_at, c->deleted, !c->deleted, {0}});
    }
    for (size_t i = 1; i < f->moment_count; i++)
        if (f->moments[i].inherits)
            f->moments[i].attributes = f->moments[i - 1].attributes;
}

/* Puts the event among the moments. False: the very same event is there already. */
static bool insert_moment(struct fold *f, const struct history_event *e) {
    struct moment m = {e->at, e->loaded_at, e->deleted, false, e->attributes};
    for (size_t i = 0; i < f->moment_count; i++) {
        struct moment *at = &f->moments[i];
        if (at->at != e->at)
            continue;
        if (at->deleted == e->deleted && (e->deleted || slice_eq(at->attributes, e->attributes)))
            return false;
        *at = m; /* of two events at the same time the one that came later replaces the other */
        return true;
    }
    add_moment(f, m);
    return true;
}

/* Reads the versions off the moments. A moment that changes nothing is a confirmation. */
static void read_versions(struct fold *f) {
    bool open = false;
    for (size_t i = 0; i < f->moment_count; i++) {
        const struct moment *m = &f->moments[i];
        struct version *last = open ? &f->versions[f->version_count - 1] : NULL;
        if (m->deleted ? !open : open && slice_eq(last->attributes, m->attributes)) {
            f->confirmations[f->confirmation_count++] =
                (struct confirmation){m->at, m->deleted, m->loaded_at};
            continue;
        }
        if (open)
            last->to = m->at;
        open = !m->deleted;
        if (open)
            f->versions[f->version_count++] =
                (struct version){m->at, TIMESTAMP_NONE, m->loaded_at, m->attributes};
    }
}

static enum version_state version_state(const struct version *v) {
    return v->to == TIMESTAMP_NONE ? VERSION_CURRENT : VERSION_CLOSED;
}

static bool same_version(const struct version *a, const struct version *b) {
    return a->to == b->to && a->loaded_at == b->loaded_at && slice_eq(a->attributes, b->attributes);
}

static void compare_versions(struct fold *f) {
    const struct version *old = f->near->versions;
    size_t old_count = f->near->version_count, i = 0, j = 0;
    while (i < old_count || j < f->version_count) {
        const struct version *o = i < old_count ? &old[i] : NULL;
        const struct version *n = j < f->version_count ? &f->versions[j] : NULL;
        if (n == NULL || (o != NULL && o->from < n->from)) {
            add_change(f->h, version_state(o), *o, VERSION_ABSENT);
            i++;
        } else if (o == NULL || n->from < o->from) {
            add_change(f->h, VERSION_ABSENT, *n, version_state(n));
            j++;
        } else {
            if (!same_version(o, n))
                add_change(f->h, version_state(o), *n, version_state(n));
            i++;
            j++;
        }
    }
}

static const struct confirmation *find(const struct confirmation *c, size_t count, int64_t at) {
    for (size_t i = 0; i < count; i++)
        if (c[i].at == at)
            return &c[i];
    return NULL;
}

static void compare_confirmations(struct fold *f) {
    const struct neighbours *near = f->near;
    for (size_t i = 0; i < near->confirmation_count; i++)
        if (find(f->confirmations, f->confirmation_count, near->confirmations[i].at) == NULL)
            add_confirmation_change(f->h, near->confirmations[i], true, false);
    for (size_t i = 0; i < f->confirmation_count; i++) {
        const struct confirmation *c = &f->confirmations[i];
        const struct confirmation *old = find(near->confirmations, near->confirmation_count, c->at);
        if (old == NULL || old->deleted != c->deleted || old->loaded_at != c->loaded_at)
            add_confirmation_change(f->h, *c, false, old != NULL);
    }
}

static void set_current(struct fold *f, struct timeline *t) {
    const struct version *last = f->version_count > 0 ? &f->versions[f->version_count - 1] : NULL;
    /* The current version is no neighbour of an event that is far behind. */
    bool is_near =
        !t->has_current || (f->near->version_count > 0 &&
                            f->near->versions[f->near->version_count - 1].to == TIMESTAMP_NONE);
    if (!is_near)
        return;
    t->has_current = last != NULL && last->to == TIMESTAMP_NONE;
    if (t->has_current)
        t->current = *last;
}

/* The general case, a late event, a tie, or an end that moves: folds the neighbours anew. */
static void insert(struct history *h, struct timeline *t, const struct neighbours *near,
                   const struct history_event *e) {
    struct fold f = {.h = h, .near = near};
    int64_t never = e->moves_end ? t->newest_event_at : TIMESTAMP_NONE;
    add_version_moments(&f, never);
    add_confirmation_moments(&f, never);
    h->happened = insert_moment(&f, e) || e->moves_end;
    if (!h->happened)
        return;
    read_versions(&f);
    compare_versions(&f);
    compare_confirmations(&f);
    set_current(&f, t);
    if (e->moves_end)
        t->newest_event_at = e->at;
}

void history_apply(struct history *h, struct timeline *t, const struct neighbours *n,
                   const struct history_event *e) {
    h->change_count = h->confirmation_count = 0;
    h->happened = true;
    h->opens_at = e->deleted ? TIMESTAMP_NONE : e->at;
    if (history_needs_neighbours(t, e))
        insert(h, t, n, e);
    else if (is_known(t, e))
        h->happened = false;
    else
        append(h, t, e);
}
