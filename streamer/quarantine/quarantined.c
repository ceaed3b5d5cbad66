#include "streamer/quarantine/quarantined.h"

#include "streamer/base/decimal.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/model/entity.h"

#include <inttypes.h>
#include <stdlib.h>

void quarantined_parts_release(struct quarantined_parts *parts) {
    free(parts->headers);
    buf_release(&parts->mark);
    *parts = (struct quarantined_parts){0};
}

/* --- headers --- */

/* The headers that pipeline.c adds. */
enum added { CODE, REASON, TOPIC, PARTITION, OFFSET, AT, ID, ADDED_COUNT };

static enum added added_of(const char *name) {
    static const char *const names[ADDED_COUNT] = {
        [CODE] = "quarantine.code",     [REASON] = "quarantine.reason",
        [TOPIC] = "quarantine.topic",   [PARTITION] = "quarantine.partition",
        [OFFSET] = "quarantine.offset", [AT] = "quarantine.at",
        [ID] = "quarantine.id",
    };
    enum added a = 0;
    while (a < ADDED_COUNT && strcmp(names[a], name) != 0)
        a++;
    return a;
}

/* All headers of the message into parts->headers. Returns how many there are. */
static size_t take_headers(const rd_kafka_message_t *m, struct quarantined_parts *parts) {
    rd_kafka_headers_t *all;
    size_t count = 0;
    const char *name;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(m, &all) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    while (rd_kafka_header_get_all(all, count, &name, &value, &size) ==
           RD_KAFKA_RESP_ERR_NO_ERROR) {
        parts->headers =
            mem_grow(parts->headers, &parts->header_capacity, count + 1, sizeof *parts->headers);
        parts->headers[count++] = (struct sink_header){name, slice_of(value, size)};
    }
    return count;
}

/* Takes the headers that were added off the end. A producer may have sent headers with the same
 * names: those are before them, and stay. */
static void take_added(struct quarantined *q, struct slice added[ADDED_COUNT]) {
    while (q->header_count > 0) {
        const struct sink_header *last = &q->headers[q->header_count - 1];
        enum added a = added_of(last->name);
        if (a == ADDED_COUNT || added[a].p != NULL)
            return;
        added[a] = last->value;
        q->header_count--;
    }
}

static enum entity entity_of(const struct config *c, struct slice topic) {
    enum entity e = 0;
    while (e < ENTITY_COUNT && !slice_eq(topic, slice_str(c->topics[entity_info(e)->input])))
        e++;
    return e;
}

static bool read_number(struct slice text, int64_t max, int64_t *number) {
    return decimal_parse_integer(text, number) == DECIMAL_OK && *number >= 0 && *number <= max;
}

static bool set_added(const struct config *c, const struct slice added[ADDED_COUNT],
                      struct quarantined *q) {
    int64_t partition;
    if (added[CODE].p == NULL || added[REASON].p == NULL || added[TOPIC].p == NULL ||
        !read_number(added[PARTITION], INT32_MAX, &partition) ||
        !read_number(added[OFFSET], INT64_MAX, &q->input_offset) ||
        !timestamp_parse_iso(added[AT], &q->at_ms))
        return false;
    q->code = added[CODE];
    q->reason = added[REASON];
    q->topic = added[TOPIC];
    q->id = added[ID];
    q->input_partition = (int32_t)partition;
    q->entity = entity_of(c, q->topic);
    return true;
}

/* --- the name of a record --- */

#define FNV_BASIS UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

/* FNV-1a over the bytes, after a byte that tells null from empty. */
static uint64_t hash_on(uint64_t hash, struct slice bytes) {
    hash = (hash ^ (uint64_t)(bytes.p != NULL)) * FNV_PRIME;
    for (size_t i = 0; bytes.p != NULL && i < bytes.n; i++)
        hash = (hash ^ (uint8_t)bytes.p[i]) * FNV_PRIME;
    return hash;
}

uint64_t quarantined_hash(const struct quarantined *q) {
    return hash_on(hash_on(FNV_BASIS, q->key), q->value);
}

static void put_mark(const struct quarantined *q, struct buf *mark) {
    struct buf time = {0};
    buf_put_int(&time, q->timestamp_ms);
    buf_clear(mark);
    quarantined_put_place(q, mark);
    buf_printf(mark, "#%016" PRIx64, hash_on(quarantined_hash(q), buf_slice(&time)));
    buf_release(&time);
}

void quarantined_put_place(const struct quarantined *q, struct buf *out) {
    buf_put_slice(out, q->topic);
    buf_printf(out, "/%" PRId32 "@%" PRId64, q->input_partition, q->input_offset);
}

/* --- the message --- */

bool quarantined_read(const struct config *c, const rd_kafka_message_t *m,
                      struct quarantined_parts *parts, struct quarantined *q) {
    rd_kafka_timestamp_type_t type;
    struct slice added[ADDED_COUNT] = {{NULL, 0}};
    *q = (struct quarantined){
        .partition = m->partition,
        .offset = m->offset,
        .key = m->key != NULL ? slice_of(m->key, m->key_len) : slice_null(),
        .value = m->payload != NULL ? slice_of(m->payload, m->len) : slice_null(),
        .timestamp_ms = rd_kafka_message_timestamp(m, &type),
        .header_count = take_headers(m, parts),
        .replayed_at_ms = TIMESTAMP_NONE,
    };
    q->headers = parts->headers;
    take_added(q, added);
    if (!set_added(c, added, q))
        return false;
    put_mark(q, &parts->mark);
    q->mark = buf_slice(&parts->mark);
    return true;
}
