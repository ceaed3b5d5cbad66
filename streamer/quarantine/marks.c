#include "streamer/quarantine/marks.h"

#include "streamer/base/json.h"
#include "streamer/base/json_put.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/kafka/topic_facts.h"
#include "streamer/kafka/topic_reader.h"

#include <stdlib.h>
#include <unistd.h>

#define FIRST_SLOTS 1024 /* a power of two */
#define MEMBERS_MAX 16
/* A new leader reports its last records within this time. */
#define END_TRIES 300
#define END_PAUSE_US 100000

/* Two hashes stand for a mark: that two marks of a billion have both in common is as likely as
 * that a disk block rots unseen. */
struct slot {
    uint64_t hash, other; /* both 0: free */
    int64_t replayed_at_ms;
};

/* Open addressing with linear probing; at most half of the slots are taken. */
struct marks {
    struct slot *slots;
    size_t size, count;
};

struct marks *marks_new(void) {
    struct marks *m = mem_calloc(1, sizeof *m);
    m->size = FIRST_SLOTS;
    m->slots = mem_calloc(m->size, sizeof *m->slots);
    return m;
}

void marks_free(struct marks *m) {
    if (m == NULL)
        return;
    free(m->slots);
    free(m);
}

/* FNV-1a, with its last bits mixed into the first ones. */
static uint64_t hash_of(struct slice text, uint64_t basis) {
    uint64_t hash = basis;
    for (size_t i = 0; i < text.n; i++)
        hash = (hash ^ (uint8_t)text.p[i]) * UINT64_C(1099511628211);
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 32;
}

static struct slot slot_for(struct slice mark, int64_t replayed_at_ms) {
    return (struct slot){hash_of(mark, UINT64_C(14695981039346656037)) | 1,
                         hash_of(mark, UINT64_C(0x9e3779b97f4a7c15)), replayed_at_ms};
}

/* The slot that holds the mark, or the free one where it belongs. */
static struct slot *place_of(const struct marks *m, const struct slot *wanted) {
    size_t i = wanted->hash >> 1 & (m->size - 1);
    while (m->slots[i].hash != 0 &&
           (m->slots[i].hash != wanted->hash || m->slots[i].other != wanted->other))
        i = (i + 1) & (m->size - 1);
    return &m->slots[i];
}

static void grow(struct marks *m) {
    struct slot *old = m->slots;
    size_t size = m->size;
    m->size *= 2;
    m->slots = mem_calloc(m->size, sizeof *m->slots);
    for (size_t i = 0; i < size; i++)
        if (old[i].hash != 0)
            *place_of(m, &old[i]) = old[i];
    free(old);
}

void marks_add(struct marks *m, struct slice mark, int64_t replayed_at_ms) {
    struct slot s = slot_for(mark, replayed_at_ms);
    struct slot *place = place_of(m, &s);
    m->count += place->hash == 0;
    *place = s;
    if (m->count * 2 > m->size)
        grow(m);
}

int64_t marks_find(const struct marks *m, struct slice mark) {
    struct slot s = slot_for(mark, 0);
    const struct slot *place = place_of(m, &s);
    return place->hash != 0 ? place->replayed_at_ms : TIMESTAMP_NONE;
}

/* --- the topic --- */

#define REPLAYED_AT "replayed_at"

void marks_put_value(struct buf *out, int64_t replayed_at_ms) {
    buf_put_byte(out, '{');
    json_put_time(out, REPLAYED_AT, replayed_at_ms);
    buf_put_byte(out, '}');
}

/* A mark counts, whatever its value is. */
static int64_t time_in(struct slice value) {
    struct json_pair pairs[MEMBERS_MAX];
    size_t count = 0;
    int64_t ms;
    if (value.p == NULL || !json_flat(value, pairs, MEMBERS_MAX, &count))
        return 0;
    for (size_t i = 0; i < count; i++)
        if (slice_eq(pairs[i].name, slice_str(REPLAYED_AT)) &&
            timestamp_parse_iso(pairs[i].text, &ms))
            return ms;
    return 0;
}

static bool take_mark(void *context, const rd_kafka_message_t *m, struct err *e) {
    struct marks *marks = context;
    (void)e;
    if (m->key != NULL)
        marks_add(marks, slice_of(m->key, m->key_len),
                  time_in(slice_of(m->payload, m->payload != NULL ? m->len : 0)));
    return true;
}

static bool read_to(struct marks *m, const struct config *c, int64_t through,
                    const atomic_bool *stop, struct err *e) {
    const struct topic_reader_options o = {.topic = c->replayed_topic, .stop = stop};
    for (int tries = 0; tries < END_TRIES; tries++) {
        struct topic_positions positions = {0};
        bool ok = topic_read(c, &o, take_mark, m, &positions, e);
        bool is_through = ok && positions.end[0] > through;
        topic_positions_release(&positions);
        if (!ok || is_through)
            return ok;
        (void)usleep(END_PAUSE_US);
    }
    return err_set(e, ERR_STOP, "kafka: topic %s: its last record does not come, check the brokers",
                   c->replayed_topic);
}

bool marks_read(struct marks *m, const struct config *c, int64_t through, const atomic_bool *stop,
                struct err *e) {
    struct topic_facts facts;
    if (!topic_facts_ask(c, c->replayed_topic, &facts, e))
        return false;
    return (facts.partitions == 0 && through < 0) || read_to(m, c, through, stop, e);
}
