#include "broker.h"

#include "streamer/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void broker_init(struct broker *b, const int32_t partitions[TOPIC_COUNT]) {
    *b = (struct broker){.generation = 1, .unknown = TOPIC_COUNT, .now_ms = INT64_C(1707955200000)};
    memcpy(b->partitions, partitions, sizeof b->partitions);
    for (int t = 0; t < TOPIC_COUNT; t++)
        for (int p = 0; p < BROKER_PARTITIONS; p++)
            b->committed[t][p] = -1;
    for (int i = 0; i < BROKER_PRODUCERS; i++)
        b->open[i] = -1;
}

void broker_release(struct broker *b) {
    for (int t = 0; t < TOPIC_COUNT; t++) {
        for (int p = 0; p < BROKER_PARTITIONS; p++) {
            struct partition_log *l = &b->logs[t][p];
            for (int64_t i = 0; i < l->count; i++) {
                buf_release(&l->records[i].key);
                buf_release(&l->records[i].value);
                if (l->records[i].headers != NULL)
                    rd_kafka_headers_destroy(l->records[i].headers);
            }
            free(l->records);
        }
    }
    free(b->txns);
}

static struct log_record *append(struct partition_log *l) {
    l->records = mem_grow(l->records, &l->cap, (size_t)l->count + 1, sizeof *l->records);
    struct log_record *r = &l->records[l->count++];
    *r = (struct log_record){.txn = -1};
    return r;
}

static void fill(struct log_record *r, struct slice key, struct slice value, int64_t timestamp_ms) {
    r->has_key = key.p != NULL;
    r->has_value = value.p != NULL;
    buf_set(&r->key, key);
    buf_set(&r->value, value);
    r->timestamp_ms = timestamp_ms;
}

struct log_record *broker_produce(struct broker *b, enum topic topic, int32_t partition,
                                  struct slice key, struct slice value, int64_t timestamp_ms) {
    struct log_record *r = append(&b->logs[topic][partition]);
    fill(r, key, value, timestamp_ms);
    return r;
}

/* --- transactions --- */

static void apply_offsets(struct broker *b, const struct txn *t) {
    for (int i = 0; i < t->offset_count; i++)
        b->committed[t->offsets[i].topic][t->offsets[i].partition] = t->offsets[i].offset;
}

static void end_if_marked(struct broker *b, int txn) {
    struct txn *t = &b->txns[txn];
    for (int i = 0; i < TOPIC_COUNT; i++)
        for (int p = 0; p < BROKER_PARTITIONS; p++)
            if (t->logs[i][p] == WRITTEN)
                return;
    if (!t->offsets_marked)
        return;
    t->state = TXN_DONE;
    if (b->open[t->producer] == txn)
        b->open[t->producer] = -1;
}

/* Writes one of the missing markers of a decided transaction. The group offsets are a log, too, and
 * may be written in any place of the order. */
static bool write_marker_of(struct broker *b, int txn, int *which) {
    struct txn *t = &b->txns[txn];
    for (int i = 0; i < TOPIC_COUNT; i++) {
        for (int p = 0; p < BROKER_PARTITIONS; p++) {
            if (t->logs[i][p] != WRITTEN || (*which)-- != 0)
                continue;
            t->logs[i][p] = MARKED;
            struct log_record *r = append(&b->logs[i][p]);
            r->txn = txn;
            r->marker = true;
            end_if_marked(b, txn);
            return true;
        }
    }
    if (!t->offsets_marked && (*which)-- == 0) {
        t->offsets_marked = true;
        if (t->committed)
            apply_offsets(b, t);
        end_if_marked(b, txn);
        return true;
    }
    return false;
}

static void finish(struct broker *b, int txn) {
    while (b->txns[txn].state != TXN_DONE) {
        int which = 0;
        (void)write_marker_of(b, txn, &which);
    }
}

static void decide(struct broker *b, int txn, bool commit) {
    b->txns[txn].state = commit ? TXN_COMMIT : TXN_ABORT;
    b->txns[txn].committed = commit;
}

int broker_init_producer(struct broker *b, int producer) {
    int txn = b->open[producer];
    if (txn >= 0 && !b->ignores_epoch) {
        if (b->txns[txn].state == TXN_OPEN)
            decide(b, txn, false);
        finish(b, txn);
    }
    return b->ignores_epoch ? b->epochs[producer] : ++b->epochs[producer];
}

bool broker_begin(struct broker *b, int producer, int epoch) {
    if (epoch != b->epochs[producer])
        return false;
    int txn = b->open[producer];
    if (txn >= 0 && b->txns[txn].state == TXN_OPEN) {
        assert(b->ignores_epoch);
        return true;
    }
    if (txn >= 0)
        finish(b, txn);
    b->txns = mem_grow(b->txns, &b->txn_cap, (size_t)b->txn_count + 1, sizeof *b->txns);
    b->txns[b->txn_count] = (struct txn){.state = TXN_OPEN, .producer = producer};
    b->open[producer] = b->txn_count++;
    return true;
}

static struct txn *open_of(struct broker *b, int producer, int epoch) {
    int txn = b->open[producer];
    return epoch == b->epochs[producer] && txn >= 0 && b->txns[txn].state == TXN_OPEN
               ? &b->txns[txn]
               : NULL;
}

int64_t broker_send(struct broker *b, int producer, int epoch, const struct sink_message *m,
                    rd_kafka_headers_t *headers) {
    struct txn *t = open_of(b, producer, epoch);
    if (t == NULL) {
        if (headers != NULL)
            rd_kafka_headers_destroy(headers);
        return -1;
    }
    struct partition_log *l = &b->logs[m->topic][m->partition];
    struct log_record *r = append(l);
    fill(r, m->key, m->value, m->timestamp_ms != 0 ? m->timestamp_ms : b->now_ms);
    r->headers = headers;
    r->txn = (int)(t - b->txns);
    t->logs[m->topic][m->partition] = WRITTEN;
    return l->count - 1;
}

bool broker_send_offsets(struct broker *b, int producer, int epoch, int generation,
                         const struct offset *offsets, int count) {
    struct txn *t = open_of(b, producer, epoch);
    if (t == NULL || (generation != b->generation && !b->ignores_generation))
        return false;
    for (int i = 0; i < count; i++) {
        assert(t->offset_count < (int)ARRAY_LEN(t->offsets));
        t->offsets[t->offset_count++] = offsets[i];
    }
    if (b->offsets_at_once)
        apply_offsets(b, t);
    return true;
}

bool broker_commit(struct broker *b, int producer, int epoch) {
    struct txn *t = open_of(b, producer, epoch);
    if (t == NULL)
        return false;
    decide(b, (int)(t - b->txns), true);
    return true;
}

bool broker_write_marker(struct broker *b, int which) {
    for (int i = 0; i < BROKER_PRODUCERS; i++) {
        int txn = b->open[i];
        if (txn >= 0 && b->txns[txn].state != TXN_OPEN && write_marker_of(b, txn, &which))
            return true;
    }
    return false;
}

bool broker_time_out(struct broker *b, int which) {
    for (int i = 0; i < BROKER_PRODUCERS; i++) {
        int txn = b->open[i];
        if (txn < 0 || b->txns[txn].state != TXN_OPEN || which-- != 0)
            continue;
        decide(b, txn, false);
        b->epochs[i]++; /* the coordinator fences the producer of a transaction that timed out */
        return true;
    }
    return false;
}

/* --- reading --- */

static bool is_decided(const struct broker *b, const struct log_record *r, enum topic topic,
                       int32_t partition) {
    return r->txn < 0 || r->marker || b->shows_all ||
           b->txns[r->txn].logs[topic][partition] == MARKED;
}

static bool is_visible(const struct broker *b, const struct log_record *r) {
    return !r->marker && !r->gone && (r->txn < 0 || b->shows_all || b->txns[r->txn].committed);
}

const struct log_record *broker_read(const struct broker *b, enum topic topic, int32_t partition,
                                     int64_t *at) {
    const struct partition_log *l = &b->logs[topic][partition];
    if (*at < l->start)
        *at = l->start;
    for (; *at < l->count; (*at)++) {
        const struct log_record *r = &l->records[*at];
        if (!is_decided(b, r, topic, partition))
            return NULL;
        if (is_visible(b, r))
            return r;
    }
    return NULL;
}

int64_t broker_end(const struct broker *b, enum topic topic, int32_t partition) {
    return b->logs[topic][partition].count;
}

int64_t broker_stable_end(const struct broker *b, enum topic topic, int32_t partition) {
    const struct partition_log *l = &b->logs[topic][partition];
    int64_t at = l->start;
    while (at < l->count && is_decided(b, &l->records[at], topic, partition))
        at++;
    return at;
}

bool broker_offset_is_stable(const struct broker *b, enum topic topic, int32_t partition) {
    if (b->tells_unstable)
        return true;
    for (int i = 0; i < BROKER_PRODUCERS; i++) {
        const struct txn *t = b->open[i] >= 0 ? &b->txns[b->open[i]] : NULL;
        for (int k = 0; t != NULL && !t->offsets_marked && k < t->offset_count; k++)
            if (t->offsets[k].topic == topic && t->offsets[k].partition == partition)
                return false;
    }
    return true;
}

/* --- compaction --- */

static bool same_key(const struct log_record *a, const struct log_record *b) {
    return slice_eq(buf_slice(&a->key), buf_slice(&b->key));
}

void broker_compact(struct broker *b, enum topic topic, int32_t partition,
                    int64_t delete_retention_ms) {
    struct partition_log *l = &b->logs[topic][partition];
    int64_t end = broker_stable_end(b, topic, partition);
    for (int64_t i = l->start; i < end; i++) {
        struct log_record *r = &l->records[i];
        if (!is_visible(b, r))
            continue;
        for (int64_t k = i + 1; k < end && !r->gone; k++)
            r->gone = is_visible(b, &l->records[k]) && same_key(r, &l->records[k]);
        if (r->has_value || r->gone)
            continue;
        /* A link or ref that waits to be processed for longer than tombstones live is a known limit
         * (state/README.md). So here its time only begins once it has been processed. */
        bool waits = topic_is_consumed(topic) && i >= b->committed[topic][partition];
        if (r->cleaned_ms == 0 || waits)
            r->cleaned_ms = b->now_ms;
        r->gone = b->now_ms - r->cleaned_ms > delete_retention_ms;
    }
}
