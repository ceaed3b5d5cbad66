/* A replay, step by step:
 *
 *   fence      a new producer with the transactional id <app.id>-replay fences every other replay,
 *              and ends the transaction that one of them has left open. Its first transaction
 *              writes the key "fence" into the topic of marks.
 *   marks      are read up to that message at least. No other replay can add one any more.
 *   quarantine is read once. Records without a mark are gathered in batches.
 *   batch      one transaction writes the records into the input, and a mark for each.
 *
 * So whatever ends a replay at whatever moment: a record and its mark are both there or both not,
 * and the next replay knows. No transaction is open while something is waited for. */
#include "streamer/quarantine/replay.h"

#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"
#include "streamer/kafka/kafka_trouble.h"
#include "streamer/kafka/rights.h"
#include "streamer/kafka/sender.h"
#include "streamer/kafka/topic_facts.h"
#include "streamer/kafka/topic_reader.h"
#include "streamer/kafka/topics.h"
#include "streamer/model/entity.h"
#include "streamer/quarantine/outgoing.h"
#include "streamer/quarantine/reading.h"
#include "streamer/quarantine/repair.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A transaction has at most so many records. It is sent when its records have so many bytes, so
 * that it has at most one more. */
#define BATCH_RECORDS 500
#define BATCH_BYTES ((size_t)1 << 20)
/* What a batch of one message has beside key, value and headers (Kafka's record format, v2). */
#define BATCH_OVERHEAD 128
#define HEADER_OVERHEAD 10
#define FENCE_KEY "fence"

struct replay {
    const struct config *config;
    const struct replay_options *options;
    struct kafka_trouble trouble; /* of the client that asks */
    struct topic_facts inputs[ENTITY_COUNT];
    struct marks *marks;
    struct repair *repair;
    replay_offer *offer;
    void *context;
    struct replay_refusals *refusals;

    int64_t now_ms;
    struct buf now_text;
    struct sink_header *headers; /* of the record that is prepared */
    size_t header_capacity;

    /* Of replay_run: */
    struct sender *sender;
    struct outgoing *batch[BATCH_RECORDS];
    size_t batch_count, batch_bytes;
    uint64_t *sent;
};

/* --- what is sent for a record --- */

static void note_refused(struct replay *r, const struct quarantined *q, const struct err *why) {
    struct replay_refusals *all = r->refusals;
    struct buf text = {0};
    if (all->refused++ < REPLAY_SAMPLES_MAX) {
        quarantined_put_place(q, &text);
        buf_printf(&text, ": %s", why->text);
        (void)snprintf(all->samples[all->refused - 1], sizeof all->samples[0], "%s",
                       buf_cstr(&text));
    }
    buf_release(&text);
}

static bool find_input(const struct replay *r, const struct quarantined *q, struct err *why) {
    if (q->entity == ENTITY_COUNT)
        return err_set(why, ERR_STOP,
                       "topic %.*s is no input of this configuration (topic.customers=%s, "
                       "topic.accounts=%s)",
                       (int)q->topic.n, q->topic.p, r->config->topics[TOPIC_CUSTOMERS],
                       r->config->topics[TOPIC_ACCOUNTS]);
    return r->inputs[q->entity].partitions > 0 ||
           err_set(why, ERR_STOP, "there is no topic %.*s any more", (int)q->topic.n, q->topic.p);
}

/* A record without updated_at would count as of now, and an old value would be current again. */
static bool keeps_time(const struct replay *r, const struct quarantined *q, struct err *why) {
    return !r->inputs[q->entity].has_append_times ||
           err_set(why, ERR_STOP,
                   "topic %.*s would give it the time of now (message.timestamp.type="
                   "LogAppendTime), set that to CreateTime for the replay",
                   (int)q->topic.n, q->topic.p);
}

/* The partition that the record had. All records of an id of a log lie there. If the topic has
 * fewer partitions by now, any other will do: a replayed record is placed by its time. */
static int32_t partition_for(const struct quarantined *q, int32_t partitions) {
    if (q->input_partition < partitions)
        return q->input_partition;
    return q->key.p != NULL ? murmur2_partition(q->key, partitions)
                            : q->input_partition % partitions;
}

static void set_headers(struct replay *r, const struct quarantined *q) {
    size_t count = q->header_count;
    r->headers = mem_grow(r->headers, &r->header_capacity, count + 2, sizeof *r->headers);
    if (count > 0)
        memcpy(r->headers, q->headers, count * sizeof *r->headers);
    r->headers[count] = (struct sink_header){QUARANTINE_REPLAYS_HEADER, q->mark};
    r->headers[count + 1] =
        (struct sink_header){QUARANTINE_REPLAYED_AT_HEADER, buf_slice(&r->now_text)};
}

static size_t bytes_of(const struct replay_record *record) {
    size_t bytes = record->key.n + record->value.n + BATCH_OVERHEAD;
    for (size_t i = 0; i < record->header_count; i++)
        bytes += strlen(record->headers[i].name) + record->headers[i].value.n + HEADER_OVERHEAD;
    return bytes;
}

static bool fits(const struct replay *r, const struct replay_record *record, struct err *why) {
    int64_t max = r->inputs[record->from->entity].message_max_bytes;
    size_t bytes = bytes_of(record);
    return max == TOPIC_FACT_UNKNOWN || bytes <= (size_t)max ||
           err_set(why, ERR_STOP,
                   "%zu bytes are more than topic %s takes (max.message.bytes=%" PRId64
                   "), raise that",
                   bytes, r->config->topics[record->topic], max);
}

/* Fills `record`. False: it cannot be replayed, because `why`. */
static bool prepare(struct replay *r, const struct quarantined *q, struct replay_record *record,
                    struct err *why) {
    if (!find_input(r, q, why) || !keeps_time(r, q, why))
        return false;
    set_headers(r, q);
    *record = (struct replay_record){
        .from = q,
        .topic = entity_info(q->entity)->input,
        .partition = partition_for(q, r->inputs[q->entity].partitions),
        .key = q->key,
        /* A record without a time would be rejected again. */
        .timestamp_ms = q->timestamp_ms > 0 ? q->timestamp_ms : q->at_ms,
        .headers = r->headers,
        .header_count = q->header_count + 2,
    };
    return repair_value(r->repair, q, &record->value, why) && fits(r, record, why);
}

static bool take(void *context, const struct quarantined *q, struct err *e) {
    struct replay *r = context;
    struct replay_record record;
    struct err why;
    if (q->replayed_at_ms != TIMESTAMP_NONE) {
        r->refusals->replayed_before++;
        return true;
    }
    if (!prepare(r, q, &record, &why)) {
        note_refused(r, q, &why);
        return true;
    }
    /* A record can be in the quarantine more than once: a full refresh rejects it again. */
    marks_add(r->marks, q->mark, r->now_ms);
    return r->offer(r->context, &record, e);
}

static bool read_quarantine(struct replay *r, struct err *e) {
    struct reading_result result;
    const struct reading reading = {.config = r->config,
                                    .selection = r->options->selection,
                                    .marks = r->marks,
                                    .stop = r->options->stop,
                                    .seen = take,
                                    .context = r};
    return reading_run(&reading, &result, e);
}

/* --- the beginning and the end --- */

static bool read_inputs(struct replay *r, rd_kafka_t *client, struct err *e) {
    const char *topics[ENTITY_COUNT];
    for (enum entity entity = 0; entity < ENTITY_COUNT; entity++)
        topics[entity] = r->config->topics[entity_info(entity)->input];
    return topic_facts_read(client, r->config, &r->trouble, topics, ENTITY_COUNT, r->inputs, e);
}

static bool begin(struct replay *r, rd_kafka_t *client, struct err *e) {
    *r->refusals = (struct replay_refusals){0};
    r->now_ms = clock_ms(clock_of_machine(), CLOCK_REALTIME);
    timestamp_put_nearest(&r->now_text, r->now_ms);
    r->marks = marks_new();
    r->repair =
        repair_new(r->config, r->options->fields, r->options->field_count, r->options->stop, e);
    return r->repair != NULL && read_inputs(r, client, e);
}

static void release(struct replay *r) {
    for (size_t i = 0; i < r->batch_count; i++)
        free(r->batch[i]);
    sender_free(r->sender);
    repair_free(r->repair);
    marks_free(r->marks);
    buf_release(&r->now_text);
    free(r->headers);
}

bool replay_plan(const struct config *c, const struct replay_options *o, replay_offer *offer,
                 void *context, struct replay_refusals *refusals, struct err *e) {
    struct replay r = {
        .config = c, .options = o, .offer = offer, .context = context, .refusals = refusals};
    rd_kafka_t *client = kafka_asking_client(c, &r.trouble, e);
    if (client == NULL)
        return false;
    bool ok =
        begin(&r, client, e) && marks_read(r.marks, c, -1, o->stop, e) && read_quarantine(&r, e);
    release(&r);
    (void)kafka_destroy(client);
    return ok;
}

/* --- sending --- */

static bool is_stopped(const struct replay *r) {
    return r->options->stop != NULL && atomic_load(r->options->stop);
}

static bool send_mark(struct replay *r, struct slice key, struct err *e) {
    struct buf value = {0};
    marks_put_value(&value, r->now_ms);
    const struct sender_message m = {
        .topic = r->config->replayed_topic, .key = key, .value = buf_slice(&value)};
    bool ok = sender_send(r->sender, &m, e);
    buf_release(&value);
    return ok;
}

static bool say_fenced(const struct config *c, struct err *e) {
    return err_set(e, ERR_FENCED,
                   "another replay of app.id %s has begun, so this one stops (transactional id "
                   "%s-replay); let it end, then run this one again if records are left",
                   c->app_id, c->app_id);
}

static bool send_batch(struct replay *r, struct err *e) {
    bool ok = r->batch_count == 0 || sender_begin(r->sender, e);
    for (size_t i = 0; ok && i < r->batch_count; i++)
        ok = sender_send(r->sender, &r->batch[i]->message, e) && send_mark(r, r->batch[i]->mark, e);
    ok = ok && (r->batch_count == 0 || sender_commit(r->sender, e));
    if (ok)
        *r->sent += r->batch_count;
    for (size_t i = 0; i < r->batch_count; i++)
        free(r->batch[i]);
    if (!ok && e->class == ERR_FENCED)
        (void)say_fenced(r->config, e);
    if (!ok && sender_is_doubtful(r->sender))
        (void)err_prefix(e, "it is not known whether the last %zu were replayed, run it again",
                         r->batch_count);
    r->batch_count = r->batch_bytes = 0;
    return ok;
}

static bool add_to_batch(void *context, const struct replay_record *record, struct err *e) {
    struct replay *r = context;
    const struct sender_message m = {.topic = r->config->topics[record->topic],
                                     .partition = record->partition,
                                     .key = record->key,
                                     .value = record->value,
                                     .timestamp_ms = record->timestamp_ms,
                                     .headers = record->headers,
                                     .header_count = record->header_count};
    struct outgoing *o = outgoing_new(&m, record->from->mark);
    r->batch[r->batch_count++] = o;
    r->batch_bytes += o->size;
    return (r->batch_count < BATCH_RECORDS && r->batch_bytes < BATCH_BYTES) || send_batch(r, e);
}

/* False with ERR_DENIED: a right is missing. Where Kafka does not tell, what is not allowed fails
 * later. */
static bool may_replay(const struct config *c, rd_kafka_t *client, struct err *e) {
    struct rights needed = rights_to_replay(), missing;
    return !rights_ask(client, c, &needed, &missing, e) || rights_are_none(&missing) ||
           rights_deny(c, &missing, e);
}

/* The embedded broker has the topic from the beginning, and answers no such questions. */
static bool check_marks_topic(const struct config *c, rd_kafka_t *client, struct err *e) {
    return kafka_is_embedded(client) ||
           (may_replay(c, client, e) && topics_create_replayed(client, c, e));
}

/* Fences the other replays, and reads what they have marked. */
static bool fence(struct replay *r, struct err *e) {
    struct buf id = {0};
    buf_printf(&id, "%s-replay", r->config->app_id);
    r->sender = sender_new(r->config, buf_cstr(&id), e);
    buf_release(&id);
    if (r->sender == NULL)
        return false;
    if (!sender_begin(r->sender, e) || !send_mark(r, slice_str(FENCE_KEY), e) ||
        !sender_commit(r->sender, e))
        return e->class == ERR_FENCED ? say_fenced(r->config, e) : false;
    return marks_read(r->marks, r->config, sender_offset(r->sender), r->options->stop, e);
}

static bool run(struct replay *r, rd_kafka_t *client, struct err *e) {
    return begin(r, client, e) && check_marks_topic(r->config, client, e) && fence(r, e) &&
           read_quarantine(r, e) && (!is_stopped(r) || err_set(e, ERR_STOP, "interrupted")) &&
           send_batch(r, e);
}

bool replay_run(const struct config *c, const struct replay_options *o, uint64_t *sent,
                struct replay_refusals *refusals, struct err *e) {
    struct replay r = {.config = c,
                       .options = o,
                       .offer = add_to_batch,
                       .context = &r,
                       .refusals = refusals,
                       .sent = sent};
    *sent = 0;
    rd_kafka_t *client = kafka_asking_client(c, &r.trouble, e);
    if (client == NULL)
        return false;
    bool ok = run(&r, client, e);
    release(&r);
    (void)kafka_destroy(client);
    return ok;
}
