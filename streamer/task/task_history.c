#include "streamer/task/task_history.h"

#include "state/keys.h"
#include "streamer/base/decimal.h"
#include "streamer/base/timestamp.h"
#include "streamer/model/position.h"
#include "streamer/task/former_accounts.h"
#include "streamer/task/history_rows.h"
#include "streamer/task/task_marts.h"

#include <assert.h>
#include <string.h>

#define FORGOTTEN_AT_ONCE 4 /* old confirmations for each event: more than an event can add */

/* --- reading: versions --- */

/* A cursor over those rows of an id whose keys end with a time. The first prefix_n bytes of
 * env->key2 are what the keys begin with. */
struct scan {
    struct kv_cursor *cursor;
    enum family family;
    size_t prefix_n;
};

static struct scan begin_scan(struct task_env *env, const struct task *t, enum entity entity,
                              struct slice id, enum family family) {
    task_version_prefix(&env->key2, t, entity, id);
    struct scan s = {kv_cursor(env->kv, family), family, env->key2.n};
    key_add_time(&env->key2, 0);
    return s;
}

static void end_scan(struct scan *s) {
    cursor_free(s->cursor);
}

static bool is_inside(const struct scan *s, const struct task_env *env) {
    return cursor_in(s->cursor, slice_of(buf_slice(&env->key2).p, s->prefix_n));
}

/* Moves to the last row at or before `at`. False: there is none. */
static bool seek_back(struct scan *s, struct task_env *env, int64_t at) {
    key_replace_time(&env->key2, at);
    cursor_seek_for_prev(s->cursor, buf_slice(&env->key2));
    return is_inside(s, env);
}

/* Moves to the first row at or behind `at`. False: there is none. */
static bool seek_on(struct scan *s, struct task_env *env, int64_t at) {
    key_replace_time(&env->key2, at);
    cursor_seek(s->cursor, buf_slice(&env->key2));
    return is_inside(s, env);
}

/* Reads the version that the cursor stands on. Its attributes point into the cursor's value. */
static bool read_version(struct scan *s, struct task_env *env, struct version *v) {
    struct slice key = cursor_key(s->cursor), body;
    if (!task_body(env->kv, s->family, cursor_value(s->cursor), &body))
        return false;
    if (key.n == s->prefix_n + 8 && version_decode(body, key_time(key), v))
        return true;
    task_damaged(env->kv, s->family);
    return false;
}

/* Reads the version that the cursor stands on, and appends its attributes to env->version_bytes. */
static bool take_version(struct scan *s, struct task_env *env, struct version *v) {
    if (!read_version(s, env, v))
        return false;
    buf_put_slice(&env->version_bytes, v->attributes);
    return true;
}

/* Reads the last closed versions that start at or before `at`, at most `max` (1 or 2),
 * ascending. */
static size_t take_before(struct scan *s, struct task_env *env, int64_t at, size_t max,
                          struct version *v) {
    size_t n = 0;
    for (bool exists = seek_back(s, env, at); exists && n < max && take_version(s, env, &v[n]);
         exists = is_inside(s, env)) {
        n++;
        cursor_prev(s->cursor);
    }
    if (n == 2) {
        struct version later = v[0];
        v[0] = v[1];
        v[1] = later;
    }
    return n;
}

/* Points the versions to their attributes in env->version_bytes, which lie there in the order in
 * which they were read: those before, from the last one back, then those after. */
static void point_to_bytes(struct task_env *env, struct version *v, size_t before, size_t after) {
    const char *p = buf_slice(&env->version_bytes).p;
    for (size_t i = before; i > 0; p += v[i - 1].attributes.n, i--)
        v[i - 1].attributes.p = p;
    for (size_t i = before; i < before + after; p += v[i].attributes.n, i++)
        v[i].attributes.p = p;
}

static void load_versions(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                          const struct timeline *line, int64_t at) {
    struct neighbours *n = &env->neighbours;
    /* The current version covers `at`. */
    bool is_current = line->has_current && at >= line->current.from;
    size_t before = 0, after = 0;
    if (!is_current || at == line->current.from) {
        struct scan s = begin_scan(env, t, entity, id, entity_map(entity)->versions);
        buf_clear(&env->version_bytes);
        before = take_before(&s, env, at, is_current ? 1 : 2, n->versions);
        if (!is_current && at < INT64_MAX && seek_on(&s, env, at + 1))
            after = take_version(&s, env, &n->versions[before]);
        end_scan(&s);
        point_to_bytes(env, n->versions, before, after);
    }
    n->version_count = before + after;
    if (line->has_current && after == 0)
        n->versions[n->version_count++] = line->current;
}

/* --- reading: confirmations --- */

static bool read_confirmation(struct scan *s, struct task_env *env, struct confirmation *c) {
    struct slice body;
    if (!task_body(env->kv, s->family, cursor_value(s->cursor), &body))
        return false;
    if (confirmation_decode(body, key_time(cursor_key(s->cursor)), c))
        return true;
    task_damaged(env->kv, s->family);
    return false;
}

static void add_nearest(struct neighbours *n, int64_t at, struct confirmation c) {
    struct confirmation *last =
        n->confirmation_count > 0 ? &n->confirmations[n->confirmation_count - 1] : NULL;
    if (last != NULL && last->at > at) { /* both are behind `at`: the nearer one stays */
        if (c.at < last->at)
            *last = c;
        return;
    }
    n->confirmations[n->confirmation_count++] = c;
}

/* Where a seek begins. Before the oldest confirmation there may be many erased rows, which a cursor
 * would pass one by one. */
static int64_t behind_erased(const struct timeline *line, int64_t at) {
    return at < line->outside_oldest ? line->outside_oldest : at;
}

/* Adds the confirmations with rows of their own: the one at `at`, and the next one. */
static void add_outside(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                        const struct timeline *line, int64_t at) {
    struct neighbours *n = &env->neighbours;
    struct confirmation c;
    struct scan s = begin_scan(env, t, entity, id, entity_map(entity)->confirmations);
    bool exists = seek_on(&s, env, behind_erased(line, at)) && read_confirmation(&s, env, &c);
    if (exists && c.at == at) {
        n->confirmations[n->confirmation_count++] = c;
        cursor_next(s.cursor);
        exists = is_inside(&s, env) && read_confirmation(&s, env, &c);
    }
    if (exists)
        n->confirmations[n->confirmation_count++] = c;
    end_scan(&s);
}

static void load_confirmations(struct task_env *env, struct task *t, enum entity entity,
                               struct slice id, const struct timeline *line, int64_t at) {
    struct neighbours *n = &env->neighbours;
    n->confirmation_count = 0;
    if (line->outside_count > 0)
        add_outside(env, t, entity, id, line, at);
    for (size_t i = 0; i < line->confirmation_count && line->confirmations[i].at <= at; i++) {
        if (line->confirmations[i].at != at)
            continue;
        memmove(&n->confirmations[1], &n->confirmations[0],
                n->confirmation_count * sizeof n->confirmations[0]);
        n->confirmations[0] = line->confirmations[i];
        n->confirmation_count++;
    }
    for (size_t i = 0; i < line->confirmation_count; i++) {
        if (line->confirmations[i].at > at) {
            add_nearest(n, at, line->confirmations[i]);
            break;
        }
    }
}

/* Removes a confirmation behind the start of the next version: it belongs to that version. */
static void leave_out_far(struct neighbours *n, int64_t at) {
    const struct version *next = n->version_count > 0 ? &n->versions[n->version_count - 1] : NULL;
    if (next != NULL && next->from > at && n->confirmation_count > 0 &&
        n->confirmations[n->confirmation_count - 1].at > next->from)
        n->confirmation_count--;
}

void task_load_neighbours(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                          const struct timeline *line, int64_t at) {
    load_versions(env, t, entity, id, line, at);
    load_confirmations(env, t, entity, id, line, at);
    leave_out_far(&env->neighbours, at);
}

/* --- the newest event before a time --- */

static int64_t newest_of_versions(struct task_env *env, struct task *t, enum entity entity,
                                  struct slice id, const struct timeline *line, int64_t at) {
    struct version v;
    if (line->has_current && line->current.from < at)
        return line->current.from;
    struct scan s = begin_scan(env, t, entity, id, entity_map(entity)->versions);
    bool exists = seek_back(&s, env, at - 1) && read_version(&s, env, &v);
    end_scan(&s);
    return !exists ? TIMESTAMP_NONE : v.to < at ? v.to : v.from;
}

static int64_t newest_of_confirmations(struct task_env *env, struct task *t, enum entity entity,
                                       struct slice id, const struct timeline *line, int64_t at) {
    int64_t newest = TIMESTAMP_NONE;
    for (size_t i = 0; i < line->confirmation_count && line->confirmations[i].at < at; i++)
        newest = line->confirmations[i].at;
    if (line->outside_count == 0 || line->outside_oldest >= at) /* only erased rows lie before */
        return newest;
    struct scan s = begin_scan(env, t, entity, id, entity_map(entity)->confirmations);
    if (seek_back(&s, env, at - 1) && key_time(cursor_key(s.cursor)) > newest)
        newest = key_time(cursor_key(s.cursor));
    end_scan(&s);
    return newest;
}

int64_t task_newest_before(struct task_env *env, struct task *t, enum entity entity,
                           struct slice id, const struct timeline *line, int64_t at) {
    int64_t a = newest_of_versions(env, t, entity, id, line, at);
    int64_t b = newest_of_confirmations(env, t, entity, id, line, at);
    return a > b ? a : b;
}

/* --- the position of an id --- */

void task_put_position_header(const struct order_memory *m, struct buf *out) {
    buf_clear(out);
    buf_put_int(out, m->revision);
    buf_put_byte(out, ':');
    buf_put_int(out, m->position_is_last + 2 * m->position_is_read);
    buf_put_byte(out, ':');
    buf_put_slice(out, m->position);
    if (m->seen.n > 0) {
        buf_put_byte(out, '\t');
        buf_put_slice(out, m->seen);
    }
}

/* Takes the part before the first `end` off `*rest`, and all of it if there is no `end`. */
static struct slice take_part(struct slice *rest, char end) {
    const char *at = rest->n > 0 ? memchr(rest->p, end, rest->n) : NULL;
    size_t n = at != NULL ? (size_t)(at - rest->p) : rest->n;
    struct slice part = slice_of(rest->p, n);
    size_t taken = at != NULL ? n + 1 : n;
    *rest = slice_of(rest->p + taken, rest->n - taken);
    return part;
}

bool task_get_position_header(struct slice header, struct order_memory *m) {
    int64_t revision, flags;
    struct slice revision_text = take_part(&header, ':'), flags_text = take_part(&header, ':');
    struct slice position = take_part(&header, '\t'), seen = header;
    if (decimal_parse_integer(revision_text, &revision) != DECIMAL_OK ||
        decimal_parse_integer(flags_text, &flags) != DECIMAL_OK || flags < 0 || flags > 3 ||
        position.n == 0 || !position_is_valid(position) || !position_is_valid(seen))
        return false;
    if (revision < m->revision)
        return true;
    m->position = position;
    m->position_is_last = (flags & 1) != 0;
    m->position_is_read = (flags & 2) != 0;
    m->seen = seen;
    m->revision = revision;
    return true;
}

/* --- writing: versions --- */

/* Makes the key of a history row: "<id>|<valid_from_at in epoch ms>". */
static void history_message_key(struct task_env *env, struct slice id, int64_t from) {
    buf_set(&env->message_key, id);
    buf_put_byte(&env->message_key, '|');
    buf_put_int(&env->message_key, from);
}

/* Encodes the row of a version into env->message. */
static bool put_version(struct task_env *env, const struct event *e, const struct version *v) {
    union history_row row;
    if (!history_row_of_version(e->entity, e->id, v, &row)) {
        task_damaged(env->kv, entity_map(e->entity)->versions);
        return false;
    }
    buf_clear(&env->message);
    codec_write(env->writer, history_row_type(e->entity), &row, &env->message);
    return true;
}

/* Emits the history row of a change, or its tombstone. `position`: the value of the position
 * header, or empty. */
static void emit_version(struct task_env *env, struct task *t, const struct event *e,
                         const struct version_change *change, struct slice position,
                         bool is_split) {
    const struct version *v = &change->version;
    enum topic topic = entity_map(e->entity)->history_topic;
    struct slice value = slice_null();
    history_message_key(env, e->id, v->from);
    if (change->after != VERSION_ABSENT) {
        if (!put_version(env, e, v))
            return;
        value = buf_slice(&env->message);
    }
    task_send_version(env, topic, t->partition, buf_slice(&env->message_key), value, position,
                      is_split);
}

/* Stores a change. Closed versions have rows of their own; the current one is part of the timeline,
 * and is stored with it. */
static void store_version(struct task_env *env, struct task *t, const struct event *e,
                          const struct version_change *change) {
    enum family f = entity_map(e->entity)->versions;
    if (change->after != VERSION_CLOSED && change->before != VERSION_CLOSED)
        return;
    task_version_prefix(&env->key, t, e->entity, e->id);
    key_add_time(&env->key, change->version.from);
    if (change->after == VERSION_CLOSED) {
        buf_clear(&env->value2);
        version_encode(&change->version, &env->value2);
        task_put(env, t, f, buf_slice(&env->key), buf_slice(&env->value2),
                 change->before != VERSION_CLOSED);
    } else {
        task_erase(env, t, f, buf_slice(&env->key));
    }
}

/* The index of the change whose message carries the position; change_count: there is none. It is
 * the last change that is not a tombstone, because compaction removes tombstones. */
static size_t carrier_of(const struct task_env *env, const struct timeline *line) {
    const struct history *h = &env->history;
    size_t i = line->memory.position.n > 0 ? h->change_count : 0;
    while (i > 0 && h->changes[i - 1].after == VERSION_ABSENT)
        i--;
    return i > 0 ? i - 1 : h->change_count;
}

bool task_versions_carry_position(const struct task_env *env, const struct timeline *line) {
    return carrier_of(env, line) < env->history.change_count;
}

/* The origin of a version that the event in work has made the current one. */
static struct row_origin origin_of(const struct task_env *env, const struct version *v) {
    const struct task_origin *o = &env->origin;
    if (!o->is_told || o->topic == NULL)
        return (struct row_origin){0};
    return (struct row_origin){true, v->from != env->history.opens_at, o->partition, o->offset};
}

void task_write_versions(struct task_env *env, struct task *t, const struct event *e,
                         const struct timeline *line) {
    const struct history *h = &env->history;
    size_t carrier = carrier_of(env, line);
    struct row_origin *origin = task_row_origin(env, e->entity);
    if (!line->has_current)
        *origin = (struct row_origin){0};
    if (carrier < h->change_count)
        task_put_position_header(&line->memory, &env->position_header);
    for (size_t i = 0; i < h->change_count && !kv_failed(env->kv); i++) {
        store_version(env, t, e, &h->changes[i]);
        bool is_current = h->changes[i].after == VERSION_CURRENT;
        if (is_current)
            *origin = origin_of(env, &h->changes[i].version);
        if (e->entity == ENTITY_ACCOUNT && h->changes[i].after == VERSION_CLOSED)
            former_accounts_note_closed(env, t, e->id, &h->changes[i].version,
                                        timeline_current(line));
        emit_version(env, t, e, &h->changes[i],
                     i == carrier ? buf_slice(&env->position_header) : slice_null(),
                     is_current && origin->is_split);
    }
}

/* --- writing: confirmations --- */

/* Makes the key of what is remembered of an id: "<entity>|<id>". */
static void memory_message_key(struct task_env *env, enum entity entity, struct slice id) {
    buf_clear(&env->message_key);
    buf_put_str(&env->message_key, entity_map(entity)->memory_prefix);
    buf_put_slice(&env->message_key, id);
}

/* Emits a confirmation with a row of its own, under the key "<entity>@<id>|<at>". c == NULL: it is
 * gone. */
static void emit_outside(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                         int64_t at, const struct confirmation *c) {
    buf_clear(&env->message_key);
    buf_put_str(&env->message_key, entity_map(entity)->confirmation_prefix);
    buf_put_slice(&env->message_key, id);
    buf_put_byte(&env->message_key, '|');
    buf_put_int(&env->message_key, at);
    buf_clear(&env->message);
    buf_put_byte(&env->message, CONFIRMATIONS_FORMAT);
    if (c != NULL)
        confirmation_encode(c, &env->message);
    task_send(env, TOPIC_CONFIRMATIONS, t->partition, buf_slice(&env->message_key),
              c != NULL ? buf_slice(&env->message) : slice_null());
}

static void outside_key(struct task_env *env, const struct task *t, enum entity entity,
                        struct slice id, int64_t at) {
    task_version_prefix(&env->key2, t, entity, id);
    key_add_time(&env->key2, at);
}

void task_put_outside(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                      struct timeline *line, const struct confirmation *c, bool is_new) {
    outside_key(env, t, entity, id, c->at);
    buf_clear(&env->value2);
    confirmation_encode(c, &env->value2);
    task_put(env, t, entity_map(entity)->confirmations, buf_slice(&env->key2),
             buf_slice(&env->value2), is_new);
    line->outside_count += is_new;
    if (line->outside_oldest == TIMESTAMP_NONE || c->at < line->outside_oldest)
        line->outside_oldest = c->at;
}

void task_erase_outside(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                        struct timeline *line, int64_t at) {
    enum family f = entity_map(entity)->confirmations;
    outside_key(env, t, entity, id, at);
    task_erase(env, t, f, buf_slice(&env->key2));
    line->outside_count--;
    if (at != line->outside_oldest)
        return;
    line->outside_oldest = TIMESTAMP_NONE;
    if (line->outside_count == 0)
        return;
    struct scan s = begin_scan(env, t, entity, id, f);
    if (seek_on(&s, env, at)) /* not from the start: earlier rows are erased */
        line->outside_oldest = key_time(cursor_key(s.cursor));
    end_scan(&s);
}

/* Removes the confirmation at `at`. True: it was part of the timeline. */
static bool forget_one(struct task_env *env, struct task *t, const struct event *e,
                       struct timeline *line, int64_t at) {
    if (timeline_find(line, at) != NULL) {
        timeline_remove(line, at);
        return true;
    }
    emit_outside(env, t, e->entity, e->id, at, NULL);
    task_erase_outside(env, t, e->entity, e->id, line, at);
    return false;
}

static int64_t oldest_of(const struct timeline *line) {
    int64_t oldest = line->confirmation_count > 0 ? line->confirmations[0].at : INT64_MAX;
    return line->outside_count > 0 && line->outside_oldest < oldest ? line->outside_oldest : oldest;
}

static int64_t count_of(const struct timeline *line) {
    return (int64_t)line->confirmation_count + line->outside_count;
}

/* Adds or replaces a confirmation. True: the timeline has changed. */
static bool keep_one(struct task_env *env, struct task *t, const struct event *e,
                     struct timeline *line, const struct confirmation_change *change) {
    const struct confirmation *c = &change->confirmation;
    if (!change->replaces && count_of(line) >= env->confirmations_max && c->at < oldest_of(line)) {
        env->counts.confirmations_dropped[e->entity]++; /* it would be forgotten at once */
        return false;
    }
    bool is_inside = timeline_find(line, c->at) != NULL;
    if (is_inside)
        timeline_remove(line, c->at);
    if (is_inside || (!change->replaces && line->confirmation_count < CONFIRMATIONS_INSIDE)) {
        timeline_add(line, *c);
        return true;
    }
    emit_outside(env, t, e->entity, e->id, c->at, c);
    task_put_outside(env, t, e->entity, e->id, line, c, !change->replaces);
    return false;
}

/* Confirmations older than this are not needed: no event that is accepted can come before them. If
 * the newest event is an end that may still move (END_TOMBSTONE, END_TRUNCATE), the window counts
 * from the event before it, which may become the newest again. */
static int64_t needed_from(const struct task_env *env, const struct timeline *line) {
    int64_t newest = line->memory.end == END_NONE ? line->newest_event_at : line->memory.before_end;
    int64_t window = env->order_options.late_window_ms;
    return newest < TIMESTAMP_MIN + window ? INT64_MIN : newest - window;
}

/* Forgets some of the confirmations that are not needed, few at a time, so that no event pays for
 * many. True: the timeline has changed. */
static bool forget_old(struct task_env *env, struct task *t, const struct event *e,
                       struct timeline *line) {
    int64_t from = needed_from(env, line);
    bool inside = false;
    for (int i = 0; i < FORGOTTEN_AT_ONCE && !kv_failed(env->kv); i++) {
        int64_t oldest = oldest_of(line);
        bool too_many = count_of(line) > env->confirmations_max;
        if (count_of(line) == 0 || (oldest >= from && !too_many))
            break;
        env->counts.confirmations_dropped[e->entity] += oldest >= from;
        inside |= forget_one(env, t, e, line, oldest);
    }
    return inside;
}

bool task_write_confirmations(struct task_env *env, struct task *t, const struct event *e,
                              struct timeline *line) {
    const struct history *h = &env->history;
    bool inside = false;
    for (size_t i = 0; i < h->confirmation_count; i++) {
        const struct confirmation_change *c = &h->confirmations[i];
        inside |= c->gone ? forget_one(env, t, e, line, c->confirmation.at)
                          : keep_one(env, t, e, line, c);
    }
    return forget_old(env, t, e, line) || inside;
}

/* --- writing: what is remembered of an id --- */

void task_emit_memory(struct task_env *env, struct task *t, enum entity entity, struct slice id,
                      const struct timeline *line, bool carried) {
    const struct order_memory *m = &line->memory;
    bool says_nothing = line->confirmation_count == 0 && order_memory_is_empty(m) &&
                        (m->position.n == 0 || carried);
    memory_message_key(env, entity, id);
    buf_clear(&env->message);
    buf_put_byte(&env->message, CONFIRMATIONS_FORMAT);
    if (!says_nothing)
        id_memory_encode(line, &env->message);
    task_send(env, TOPIC_CONFIRMATIONS, t->partition, buf_slice(&env->message_key),
              says_nothing ? slice_null() : buf_slice(&env->message));
}
