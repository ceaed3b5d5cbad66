#include "streamer/quarantine/open_filter.h"

#include "state/keys.h"
#include "state/rocksdb/sorter.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/layers/snapshots/timeline.h"
#include "streamer/model/entity.h"
#include "streamer/quarantine/newest_accepted.h"
#include "streamer/quarantine/record_of.h"
#include "streamer/quarantine/schema_wait.h"
#include "streamer/task/history_rows.h"
#include "streamer/task/message_keys.h"
#include "streamer/task/pipeline.h"
#include "streamer/task/task_history.h"

#include <stdlib.h>
#include <string.h>

/* Keys of the first sorter. What is known of an id comes before its records:
 *
 *   entity: 1 byte | id | 0 | kind: 1 byte | time, or partition and offset of the quarantine
 *
 * Those of the second one: time | partition and offset. Times and numbers as in state/keys.h. */
enum kind { KIND_VERSION = 1, KIND_MEMORY, KIND_CONFIRMATION, KIND_RECORD };

#define PROBES 4 /* bits for each id */

struct open_filter {
    const atomic_bool *stop;
    struct config config;     /* the caller's, but results would be written as JSON */
    struct pipeline pipeline; /* reads records; it has no state */
    struct timeline line;
    struct sorter *by_id, *by_time;
    uint8_t *bits; /* a Bloom filter of the ids of records */
    bool has_records[ENTITY_COUNT];
    struct buf key, value, attributes;
};

struct open_filter *open_filter_new(const struct config *config, const atomic_bool *stop,
                                    struct err *e) {
    struct open_filter *f = mem_calloc(1, sizeof *f);
    f->stop = stop;
    f->config = *config;
    f->config.output_format = OUTPUT_JSON;
    f->bits = mem_calloc(OPEN_FILTER_BYTES, 1);
    pipeline_init(&f->pipeline, &f->config, NULL, NULL, 1, (int32_t[ENTITY_COUNT]){1, 1});
    f->by_id = sorter_new("open-by-id", e);
    f->by_time = f->by_id != NULL ? sorter_new("open-by-time", e) : NULL;
    if (f->by_time != NULL)
        return f;
    open_filter_free(f);
    return NULL;
}

void open_filter_free(struct open_filter *f) {
    if (f == NULL)
        return;
    sorter_free(f->by_id);
    sorter_free(f->by_time);
    pipeline_release(&f->pipeline);
    timeline_release(&f->line);
    buf_release(&f->key);
    buf_release(&f->value);
    buf_release(&f->attributes);
    free(f->bits);
    free(f);
}

/* --- the ids that are asked about --- */

#define FNV_BASIS UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

/* FNV-1a, and then a mix, because its low bits alone are not random enough. */
static uint64_t hash_of(enum entity entity, struct slice id) {
    uint64_t hash = (FNV_BASIS ^ (uint64_t)entity) * FNV_PRIME;
    for (size_t i = 0; i < id.n; i++)
        hash = (hash ^ (uint8_t)id.p[i]) * FNV_PRIME;
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    return hash ^ (hash >> 33);
}

static size_t bit_of(uint64_t hash, int probe) {
    uint64_t step = (hash >> 32) | 1;
    return (size_t)((hash + (uint64_t)probe * step) % (OPEN_FILTER_BYTES * 8));
}

static void note_id(struct open_filter *f, enum entity entity, struct slice id) {
    uint64_t hash = hash_of(entity, id);
    f->has_records[entity] = true;
    for (int i = 0; i < PROBES; i++)
        f->bits[bit_of(hash, i) / 8] |= (uint8_t)(1 << bit_of(hash, i) % 8);
}

/* True for each id that was noted, and for a few others. */
static bool is_asked(const struct open_filter *f, enum entity entity, struct slice id) {
    uint64_t hash = hash_of(entity, id);
    bool all = f->has_records[entity];
    for (int i = 0; all && i < PROBES; i++)
        all = (f->bits[bit_of(hash, i) / 8] >> bit_of(hash, i) % 8 & 1) != 0;
    return all;
}

/* --- a record as bytes --- */

/* A record whose id is not known is told from others by its key and value (listing.h). */
static void put_bytes(const struct quarantined *q, struct buf *out) {
    const struct slice bytes[] = {q->key, q->value};
    for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
        bool is_there = q->id.n == 0 && bytes[i].p != NULL;
        avro_put_branch(out, is_there);
        if (is_there)
            avro_put_bytes(out, bytes[i]);
    }
}

static struct slice get_bytes(struct slice *in) {
    struct slice bytes = slice_null();
    bool is_there = false;
    if (avro_get_branch(in, &is_there) && is_there)
        (void)avro_get_bytes(in, &bytes);
    return bytes;
}

static void put_record(const struct quarantined *q, struct buf *out) {
    const int64_t numbers[] = {q->partition,       q->offset, q->input_partition, q->input_offset,
                               (int64_t)q->entity, q->at_ms,  q->timestamp_ms};
    const struct slice texts[] = {q->topic, q->code, q->reason, q->id, q->mark};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        avro_put_long(out, numbers[i]);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        avro_put_bytes(out, texts[i]);
    put_bytes(q, out);
}

/* Reads it from the front of `*in`. It was written by put_record. */
static struct quarantined get_record(struct slice *in) {
    int64_t numbers[7] = {0};
    struct slice texts[5] = {{NULL, 0}};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        (void)avro_get_long(in, &numbers[i]);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        (void)avro_get_bytes(in, &texts[i]);
    struct quarantined q = {.partition = (int32_t)numbers[0],
                            .offset = numbers[1],
                            .input_partition = (int32_t)numbers[2],
                            .input_offset = numbers[3],
                            .entity = (enum entity)numbers[4],
                            .at_ms = numbers[5],
                            .timestamp_ms = numbers[6],
                            .topic = texts[0],
                            .code = texts[1],
                            .reason = texts[2],
                            .id = texts[3],
                            .mark = texts[4],
                            .replayed_at_ms = TIMESTAMP_NONE};
    q.key = get_bytes(in);
    q.value = get_bytes(in);
    return q;
}

/* --- the records --- */

/* Begins a key of the first sorter. */
static void begin_key(struct open_filter *f, enum entity entity, struct slice id, enum kind kind) {
    buf_clear(&f->key);
    buf_put_byte(&f->key, (char)entity);
    buf_put_slice(&f->key, id);
    buf_put_byte(&f->key, 0);
    buf_put_byte(&f->key, (char)kind);
}

static bool put_open(struct open_filter *f, const struct quarantined *q, struct err *e) {
    buf_clear(&f->key);
    key_add_time(&f->key, q->at_ms);
    key_add_time(&f->key, q->partition);
    key_add_time(&f->key, q->offset);
    buf_clear(&f->value);
    put_record(q, &f->value);
    return sorter_put(f->by_time, buf_slice(&f->key), buf_slice(&f->value), e);
}

/* A record without a Kafka timestamp counts as of the time when it was quarantined. */
static int64_t timestamp_of(const struct quarantined *q) {
    return q->timestamp_ms >= 0 ? q->timestamp_ms : q->at_ms;
}

/* Reads the record as the application did. */
static bool read_event(struct open_filter *f, const struct quarantined *q, struct event *event,
                       struct err *e) {
    struct input in = {
        .topic = entity_info(q->entity)->input,
        .record = record_of(q->key, q->value, timestamp_of(q), q->headers, q->header_count),
        .source_partition = q->input_partition,
        .source_offset = q->input_offset,
    };
    bool is_good;
    int64_t begun_ms = schema_wait_begin();
    while (!pipeline_read(&f->pipeline, &in, event, &is_good))
        if (!schema_wait(begun_ms, f->stop, buf_cstr(&f->pipeline.reason.text), e))
            return err_prefix(e, "quarantine partition %d offset %lld", q->partition,
                              (long long)q->offset);
    return true;
}

bool open_filter_put(void *filter, const struct quarantined *q, struct err *e) {
    struct open_filter *f = filter;
    struct event event = {0};
    if (q->replayed_at_ms != TIMESTAMP_NONE)
        return true;
    if (q->entity != ENTITY_COUNT && !read_event(f, q, &event, e))
        return false;
    if (event.id.n == 0)
        return put_open(f, q, e);
    bool is_too_far = order_is_too_far_ahead(&f->pipeline.env.order_options, &event);
    note_id(f, q->entity, event.id);
    begin_key(f, q->entity, event.id, KIND_RECORD);
    key_add_time(&f->key, q->partition);
    key_add_time(&f->key, q->offset);
    buf_clear(&f->value);
    avro_put_bool(&f->value, event.is_log);
    avro_put_long(&f->value, is_too_far ? timestamp_of(q) : event.event_at_ms);
    put_record(q, &f->value);
    return sorter_put(f->by_id, buf_slice(&f->key), buf_slice(&f->value), e);
}

/* --- what the topics say --- */

static enum entity entity_of(enum topic topic) {
    return topic == TOPIC_CUSTOMER_HISTORY  ? ENTITY_CUSTOMER
           : topic == TOPIC_ACCOUNT_HISTORY ? ENTITY_ACCOUNT
                                            : ENTITY_COUNT;
}

bool open_filter_needs(const struct open_filter *f, enum topic topic) {
    if (topic == TOPIC_CONFIRMATIONS)
        return f->has_records[ENTITY_CUSTOMER] || f->has_records[ENTITY_ACCOUNT];
    return entity_of(topic) != ENTITY_COUNT && f->has_records[entity_of(topic)];
}

/* What a message is about. */
struct about {
    enum kind kind;
    enum entity entity;
    struct slice id;
    int64_t at; /* where the key of the first sorter ends with a time: that time */
};

static bool read_confirmations_about(struct slice key, struct about *a) {
    enum confirmations_key kind = confirmations_key_read(key, &a->entity, &a->id, &a->at);
    a->kind = kind == CONFIRMATIONS_MEMORY ? KIND_MEMORY : KIND_CONFIRMATION;
    return kind != CONFIRMATIONS_OTHER;
}

/* False: it is about no id, or about one that is not asked about. */
static bool read_about(const struct open_filter *f, enum topic topic, struct slice key,
                       struct about *a) {
    *a = (struct about){.kind = KIND_VERSION, .entity = entity_of(topic)};
    bool ok = a->entity != ENTITY_COUNT ? history_key_read(key, &a->id, &a->at)
                                        : read_confirmations_about(key, a);
    return ok && is_asked(f, a->entity, a->id);
}

bool open_filter_wants(const struct open_filter *f, enum topic topic, struct slice key) {
    struct about a;
    return key.p != NULL && read_about(f, topic, key, &a);
}

/* Decodes a row, and waits for its schema if that is not here yet. */
static bool read_row(struct open_filter *f, const struct row_type *type, struct slice value,
                     void *row, struct err *e) {
    int64_t begun_ms = schema_wait_begin();
    while (!codec_read(&f->pipeline.env.reader, type, value, row, e)) {
        struct err why = *e;
        if (why.class != ERR_RETRY || !schema_wait(begun_ms, f->stop, why.text, e))
            return false;
    }
    return true;
}

static bool put_version(struct open_filter *f, const struct about *a, struct slice value,
                        struct history_headers headers, struct err *e) {
    union history_row row;
    struct version v;
    struct row_origin origin = row_origin_read(headers);
    if (!read_row(f, history_row_type(a->entity), value, &row, e))
        return false;
    if (!history_row_to_version(a->entity, &row, &f->attributes, &v))
        return err_set(e, ERR_STOP, "a row was not written by this version of streamer");
    avro_put_long(&f->value, v.to);
    avro_put_long(&f->value, v.loaded_at);
    row_origin_encode(&origin, &f->value);
    return true;
}

/* Puts the newest confirmation that the message tells, if there is one. */
static bool put_confirmation(struct open_filter *f, const struct about *a, struct slice value,
                             struct err *e) {
    struct confirmation newest;
    enum confirmations_key kind =
        a->kind == KIND_MEMORY ? CONFIRMATIONS_MEMORY : CONFIRMATIONS_OF_ITS_OWN;
    if (!confirmations_value_read(kind, a->at, value, &f->line, &newest))
        return err_set(e, ERR_STOP, "a message was not written by this version of streamer");
    if (newest.at == TIMESTAMP_NONE)
        return true;
    avro_put_long(&f->value, newest.at);
    avro_put_long(&f->value, newest.loaded_at);
    return true;
}

/* Puts what a message says into f->value; nothing, if it says nothing. */
static bool put_evidence(struct open_filter *f, const struct about *a, struct slice value,
                         struct history_headers headers, struct err *e) {
    buf_clear(&f->value);
    if (value.p == NULL)
        return true;
    return a->kind == KIND_VERSION ? put_version(f, a, value, headers, e)
                                   : put_confirmation(f, a, value, e);
}

bool open_filter_take(struct open_filter *f, enum topic topic, struct slice key, struct slice value,
                      struct history_headers headers, struct err *e) {
    struct about a;
    if (key.p == NULL || !read_about(f, topic, key, &a))
        return true;
    if (!put_evidence(f, &a, value, headers, e))
        return err_prefix(e, "topic %s: key %.*s", f->config.topics[topic],
                          (int)(key.n > 200 ? 200 : key.n), key.p);
    begin_key(f, a.entity, a.id, a.kind);
    if (a.kind != KIND_MEMORY)
        key_add_time(&f->key, a.at);
    return f->value.n > 0 ? sorter_put(f->by_id, buf_slice(&f->key), buf_slice(&f->value), e)
                          : sorter_erase(f->by_id, buf_slice(&f->key), e);
}

/* --- judging --- */

/* The kind of a row of the first sorter. Its key begins with *id: the entity and the id. */
static enum kind kind_of(struct slice key, struct slice *id) {
    const char *end = memchr(key.p + 1, 0, key.n - 1); /* the entity may be 0 */
    *id = slice_of(key.p, (size_t)(end - key.p));
    return (enum kind)end[1];
}

static void add_evidence(enum kind kind, struct slice key, struct slice value,
                         struct newest_accepted *n) {
    struct row_origin origin = {0};
    int64_t first = 0, loaded_at = 0;
    (void)avro_get_long(&value, &first);
    (void)avro_get_long(&value, &loaded_at);
    if (kind == KIND_VERSION) {
        (void)row_origin_decode(&value, &origin);
        newest_accepted_add_version(n, key_time(key), first, loaded_at, &origin);
    } else {
        newest_accepted_add_confirmation(n, first, loaded_at);
    }
}

/* Puts a record into the second sorter if it is open. */
static bool judge(struct open_filter *f, struct slice value, const struct newest_accepted *n,
                  struct err *e) {
    struct rejected_record r = {0};
    (void)avro_get_bool(&value, &r.is_log);
    (void)avro_get_long(&value, &r.at);
    struct quarantined q = get_record(&value);
    r.timestamp_ms = timestamp_of(&q);
    r.partition = q.input_partition;
    r.offset = q.input_offset;
    return newest_accepted_overtakes(n, &r) || put_open(f, &q, e);
}

static bool judge_all(struct open_filter *f, struct err *e) {
    struct newest_accepted newest;
    struct buf current = {0}; /* entity and id */
    struct slice key, value, id;
    bool ok = sorter_begin(f->by_id, e);
    newest_accepted_clear(&newest);
    while (ok && sorter_next(f->by_id, &key, &value, e)) {
        enum kind kind = kind_of(key, &id);
        if (!slice_eq(id, buf_slice(&current))) {
            buf_set(&current, id);
            newest_accepted_clear(&newest);
        }
        if (kind == KIND_RECORD)
            ok = judge(f, value, &newest, e);
        else
            add_evidence(kind, key, value, &newest);
    }
    buf_release(&current);
    return ok && e->class == ERR_NONE;
}

bool open_filter_pass(struct open_filter *f, quarantined_seen *seen, void *context, struct err *e) {
    struct slice key, value;
    *e = (struct err){0};
    bool ok = judge_all(f, e) && sorter_begin(f->by_time, e);
    while (ok && sorter_next(f->by_time, &key, &value, e)) {
        struct quarantined q = get_record(&value);
        ok = seen(context, &q, e);
    }
    return ok && e->class == ERR_NONE;
}
