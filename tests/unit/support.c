#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

void assert_text(struct slice got, const char *expected) {
    if (got.p == NULL)
        fail_msg("null, not %s", expected);
    if (!slice_eq(got, slice_str(expected)))
        fail_msg("%.*s, not %s", (int)got.n, got.p, expected);
}

/* --- standard error --- */

struct stderr_capture stderr_capture_begin(void) {
    struct stderr_capture c = {tmpfile(), dup(STDERR_FILENO)};
    assert_non_null(c.file);
    assert_true(c.own >= 0 && dup2(fileno(c.file), STDERR_FILENO) >= 0);
    return c;
}

void stderr_capture_end(struct stderr_capture *c, struct buf *out) {
    int byte;
    assert_true(dup2(c->own, STDERR_FILENO) >= 0);
    (void)close(c->own);
    rewind(c->file);
    buf_clear(out);
    while ((byte = getc(c->file)) != EOF)
        buf_put_byte(out, (char)byte);
    (void)fclose(c->file);
}

/* --- random numbers --- */

struct rng rng_seeded(uint64_t seed) {
    return (struct rng){seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
}

uint64_t rng_next(struct rng *r) { /* splitmix64 */
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int64_t rng_below(struct rng *r, int64_t n) {
    return (int64_t)(rng_next(r) % (uint64_t)n);
}
bool rng_chance(struct rng *r, int percent) {
    return rng_below(r, 100) < percent;
}

int64_t rng_any(struct rng *r) {
    static const int64_t edges[] = {0,   1,   -1,   63,   64,        -64,      -65,
                                    127, 128, -128, -129, INT64_MAX, INT64_MIN};
    if (rng_chance(r, 30))
        return edges[rng_below(r, ARRAY_LEN(edges))];
    return (int64_t)rng_next(r) >> rng_below(r, 64);
}

uint64_t seed_count(uint64_t usual) {
    const char *text = getenv("SEEDS");
    return text != NULL ? strtoull(text, NULL, 10) : usual;
}

/* --- the sink --- */

static void keep(struct buf *b, bool *has, struct slice s) {
    *has = s.p != NULL;
    buf_set(b, s);
}

static void on_send(struct sink *sink, const struct sink_message *m) {
    struct capture *c = (struct capture *)sink;
    c->messages = mem_grow(c->messages, &c->cap, c->count + 1, sizeof *c->messages);
    struct message *kept = &c->messages[c->count++];
    *kept = (struct message){.topic = m->topic,
                             .partition = m->partition,
                             .timestamp_ms = m->timestamp_ms,
                             .headers_from = m->headers_from};
    keep(&kept->key, &kept->has_key, m->key);
    keep(&kept->value, &kept->has_value, m->value);
    for (size_t i = 0; i < m->header_count; i++) {
        buf_put_str(&kept->headers, m->headers[i].name);
        buf_put_byte(&kept->headers, '=');
        buf_put_slice(&kept->headers, m->headers[i].value);
        buf_put_byte(&kept->headers, '\n');
    }
}

void capture_init(struct capture *c) {
    *c = (struct capture){.sink = {on_send}};
}

void capture_clear(struct capture *c) {
    for (size_t i = 0; i < c->count; i++) {
        buf_release(&c->messages[i].key);
        buf_release(&c->messages[i].value);
        buf_release(&c->messages[i].headers);
    }
    c->count = 0;
}

void capture_release(struct capture *c) {
    capture_clear(c);
    free(c->messages);
    capture_init(c);
}

struct slice message_key(const struct message *m) {
    return m->has_key ? buf_slice(&m->key) : slice_null();
}
struct slice message_value(const struct message *m) {
    return m->has_value ? buf_slice(&m->value) : slice_null();
}

struct slice message_header(const struct message *m, const char *name) {
    struct slice rest = buf_slice(&m->headers);
    while (rest.n > 0) {
        const char *end = memchr(rest.p, '\n', rest.n);
        struct slice line = slice_of(rest.p, (size_t)(end - rest.p));
        size_t n = strlen(name);
        if (slice_has_prefix(line, slice_str(name)) && line.n > n && line.p[n] == '=')
            return slice_of(line.p + n + 1, line.n - n - 1);
        rest = slice_of(end + 1, rest.n - line.n - 1);
    }
    return slice_null();
}

const struct message *capture_last(const struct capture *c, enum topic topic, const char *key) {
    for (size_t i = c->count; i > 0; i--) {
        const struct message *m = &c->messages[i - 1];
        if (m->topic == topic && m->has_key && slice_eq(buf_slice(&m->key), slice_str(key)))
            return m;
    }
    return NULL;
}

size_t capture_count(const struct capture *c, enum topic topic) {
    size_t n = 0;
    for (size_t i = 0; i < c->count; i++)
        n += c->messages[i].topic == topic;
    return n;
}

void assert_last(const struct capture *c, enum topic topic, const char *key, const char *value) {
    const struct message *m = capture_last(c, topic, key);
    if (m == NULL)
        fail_msg("no message with key %s", key);
    else if (value == NULL)
        assert_false(m->has_value);
    else
        assert_text(message_value(m), value);
}

/* --- the model of a history --- */

void model_init(struct model *m) {
    *m = (struct model){.newest = TIMESTAMP_NONE};
}

void model_release(struct model *m) {
    free(m->events);
    model_init(m);
}

bool model_add(struct model *m, int64_t late_window_ms, struct model_event e) {
    if (m->newest != TIMESTAMP_NONE && e.at < m->newest - late_window_ms)
        return false;
    if (m->newest == TIMESTAMP_NONE || e.at > m->newest)
        m->newest = e.at;
    for (size_t i = 0; i < m->count; i++) {
        if (m->events[i].at != e.at)
            continue;
        /* A later event replaces another; the same event changes nothing. */
        if (m->events[i].value != e.value)
            m->events[i] = e;
        return true;
    }
    m->events = mem_grow(m->events, &m->cap, m->count + 1, sizeof *m->events);
    m->events[m->count++] = e;
    return true;
}

static int by_time(const void *a, const void *b) {
    int64_t x = ((const struct model_event *)a)->at, y = ((const struct model_event *)b)->at;
    return (x > y) - (x < y);
}

struct model_version *model_versions(const struct model *m, size_t *count,
                                     struct model_event **unchanged, size_t *unchanged_count) {
    struct model_event *sorted = mem_alloc((m->count + 1) * sizeof *sorted);
    struct model_event *same = mem_alloc((m->count + 1) * sizeof *same);
    struct model_version *versions = mem_alloc((m->count + 1) * sizeof *versions);
    size_t n = 0, same_count = 0;
    int value = MODEL_DELETED; /* what holds */
    if (m->count > 0)
        memcpy(sorted, m->events, m->count * sizeof *sorted);
    qsort(sorted, m->count, sizeof *sorted, by_time);
    for (size_t i = 0; i < m->count; i++) {
        if (sorted[i].value == value) {
            same[same_count++] = sorted[i];
            continue;
        }
        if (value != MODEL_DELETED)
            versions[n - 1].to = sorted[i].at;
        value = sorted[i].value;
        if (value != MODEL_DELETED)
            versions[n++] =
                (struct model_version){sorted[i].at, TIMESTAMP_NONE, sorted[i].loaded_at, value};
    }
    free(sorted);
    *count = n;
    if (unchanged != NULL) {
        *unchanged = same;
        *unchanged_count = same_count;
    } else {
        free(same);
    }
    return versions;
}

int model_current(const struct model *m, int64_t *from) {
    size_t n;
    struct model_version *versions = model_versions(m, &n, NULL, NULL);
    bool current = n > 0 && versions[n - 1].to == TIMESTAMP_NONE;
    int value = current ? versions[n - 1].value : MODEL_DELETED;
    if (current)
        *from = versions[n - 1].from;
    free(versions);
    return value;
}

/* --- timelines --- */

void assert_same_memory(const struct order_memory *a, const struct order_memory *b) {
    assert_int_equal(a->last, b->last);
    assert_int_equal(a->end, b->end);
    assert_true(a->before_end == b->before_end && a->outdated == b->outdated);
    assert_true(slice_eq(a->position, b->position) && a->position_is_last == b->position_is_last &&
                a->revision == b->revision);
    assert_true(a->position_is_read == b->position_is_read && slice_eq(a->seen, b->seen));
}

/* --- state and files --- */

void put_hex(struct buf *out, struct slice s) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < s.n; i++) {
        buf_put_byte(out, digits[(unsigned char)s.p[i] >> 4]);
        buf_put_byte(out, digits[(unsigned char)s.p[i] & 15]);
    }
}

void put_family(struct kv *kv, enum family f, struct slice prefix, struct buf *out) {
    struct kv_cursor *c = kv_cursor(kv, f);
    for (cursor_seek(c, prefix); cursor_in(c, prefix); cursor_next(c)) {
        put_hex(out, cursor_key(c));
        buf_put_byte(out, ' ');
        put_hex(out, cursor_value(c));
        buf_put_byte(out, '\n');
    }
    cursor_free(c);
}

int64_t count_family(struct kv *kv, enum family f, struct slice prefix) {
    int64_t n = 0;
    struct kv_cursor *c = kv_cursor(kv, f);
    for (cursor_seek(c, prefix); cursor_in(c, prefix); cursor_next(c))
        n++;
    cursor_free(c);
    return n;
}

char *make_scratch(void) {
    char *dir = mem_strdup("/tmp/streamer-unit-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

void remove_scratch(char *dir) {
    (void)nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(dir);
}

struct rates default_rates(void) {
    return (struct rates){.tier_count = 3,
                          .tiers = {{1000000, 10}, {2000000, 15}, {INT64_MAX, 20}},
                          .loan_bonus_milli = 5};
}
