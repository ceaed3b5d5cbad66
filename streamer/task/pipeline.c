/* The processor on one page: consume a record, standardize it, keep its history, join it, summarize
 * it; emit what changed, or quarantine what is bad. process_change, near the end, is this sentence
 * in code:
 *
 *   consume        layers/source: the fields of the record, as text
 *   standardize    layers/staging: a typed event, or the reason why the record is bad
 *   forward        if another task owns the id, the record is sent there and starts anew
 *   keep history   layers/snapshots   \
 *   join           layers/intermediate | task_apply_event does these, and emits what changed
 *   summarize      layers/marts       /
 *   quarantine     if one of the layers has found the record to be bad
 */
#include "streamer/task/pipeline.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/utf8.h"
#include "streamer/model/entity.h"
#include "streamer/task/intake.h"

#include <assert.h>
#include <stdio.h>

static const struct codec *codec_of_config(const struct config *config) {
    switch (config->output_format) {
    case OUTPUT_AVRO:
        return &codec_avro;
    case OUTPUT_CONNECT_JSON:
        return &codec_connect_json;
    case OUTPUT_JSON:
        break;
    }
    return config->output_decimals == OUTPUT_DECIMALS_NUMBER ? &codec_json_numbers : &codec_json;
}

/* The bridge from the port of schemas to that of codecs. */
static enum codec_schema find_schema(void *context, uint32_t id, struct buf *text,
                                     bool *has_references) {
    struct pipeline *p = context;
    struct schema_source *schemas = p->config->schemas;
    const struct schema_key key = {.kind = SCHEMA_BY_ID, .number = id};
    switch (schemas->lookup(schemas, &key, &p->schema)) {
    case SCHEMA_UNKNOWN:
        return CODEC_SCHEMA_UNKNOWN;
    case SCHEMA_NOT_NOW:
        return CODEC_SCHEMA_NOT_NOW;
    case SCHEMA_FOUND:
        break;
    }
    buf_set(text, buf_slice(&p->schema.text));
    *has_references = p->schema.has_references;
    return p->schema.type == SCHEMA_AVRO ? CODEC_SCHEMA_FOUND : CODEC_SCHEMA_FOREIGN;
}

void pipeline_init(struct pipeline *p, const struct config *config, struct kv *kv,
                   struct sink *sink, int32_t partitions,
                   const int32_t input_partitions[ENTITY_COUNT]) {
    *p = (struct pipeline){
        .config = config,
        .quarantine_partitions = partitions,
        .env = {.kv = kv,
                .sink = sink,
                .writer = &p->writer,
                .rates = &config->rates,
                .order_options = {config->late_window_ms,
                                  config->future_window_ms,
                                  {config->orders[ENTITY_CUSTOMER] == ORDER_EVENT_TIME,
                                   config->orders[ENTITY_ACCOUNT] == ORDER_EVENT_TIME}},
                .confirmations_max = config->confirmations_max,
                .topics = config->topics,
                .origin = {.is_told = config->output_headers != OUTPUT_HEADERS_NONE},
                .partitions = partitions,
                .fanout_max_rows = config->transaction_max_messages,
                .links_max = CUSTOMER_LINKS_MAX},
        .decoder = decoder_new(
            &(struct decoder_options){.record_max_bytes = (size_t)config->record_max_bytes,
                                      .field_names = {config->field_names[ENTITY_CUSTOMER],
                                                      config->field_names[ENTITY_ACCOUNT]},
                                      .schemas = config->schemas}),
    };
    for (int e = 0; e < ENTITY_COUNT; e++)
        p->in_place[e] = input_partitions[e] == partitions;
    codec_writer_init(&p->writer, codec_of_config(config), config->result_schema_ids);
    bool has_registry = config->schemas != NULL && !config->schemas->has_fingerprints_only;
    codec_reader_init(&p->env.reader, has_registry ? find_schema : NULL, p);
    counts_clear(&p->env.counts);
}

void pipeline_release(struct pipeline *p) {
    decoder_free(p->decoder);
    standardizer_release(&p->standardizer);
    buf_release(&p->reason.text);
    buf_release(&p->header_text);
    buf_release(&p->time_text);
    buf_release(&p->schema.text);
    codec_writer_release(&p->writer);
    task_env_release(&p->env);
}

/* The name of the topic that the user's records of the entity come from. */
static const char *input_topic(const struct pipeline *p, enum entity entity) {
    return p->config->topics[entity_info(entity)->input];
}

/* One input record on its way. */
struct change {
    enum entity entity;
    const struct input *in;
    bool is_forwarded; /* it comes from a repartition topic */
    bool ok;           /* the record is good so far; else p->reason says what is wrong */
    struct decoded decoded;
    struct event event;
};

/* --- consume --- */

/* The source layer. False: the record has to wait. */
static bool consume(struct pipeline *p, struct change *c) {
    enum decode_outcome outcome =
        decode(p->decoder, c->entity, &c->in->record, &c->decoded, &p->reason);
    c->ok = outcome == DECODE_EVENT;
    return outcome != DECODE_WAIT;
}

/* --- standardize --- */

/* The staging layer, also for a record that the source layer has rejected. */
static void standardize_change(struct pipeline *p, struct change *c) {
    struct intake_rules rules = {p->config, &p->env.order_options};
    c->ok = intake_standardize(&rules, &p->standardizer, c->entity, &c->in->record, &c->decoded,
                               c->ok, &c->event, &p->reason);
    c->event.source_partition = c->in->source_partition;
    c->event.source_offset = c->in->source_offset;
}

/* --- forward --- */

/* Sends the record, as received, to the task of a partition. */
static void send_on(struct pipeline *p, enum entity entity, const struct input *in,
                    int32_t partition) {
    enum topic topic = entity_info(entity)->repartition;
    buf_clear(&p->header_text);
    buf_printf(&p->header_text, "%d:%lld", in->source_partition, (long long)in->source_offset);
    struct sink_header source = {PIPELINE_SOURCE_HEADER, buf_slice(&p->header_text)};
    struct sink_message m = {
        .topic = topic,
        .partition = partition,
        .key = in->record.key,
        .value = in->record.value,
        .timestamp_ms = in->record.timestamp_ms,
        .headers_from = in->headers,
        .headers = &source,
        .header_count = 1,
    };
    p->env.counts.emitted[topic]++;
    p->env.sink->send(p->env.sink, &m);
}

static void forward(struct pipeline *p, const struct change *c, int32_t owner) {
    send_on(p, c->entity, c->in, owner);
    p->env.counts.forwarded[c->entity]++;
}

/* Stops the program: a forwarded record is in a partition where its id does not belong. */
static void refuse_stranger(struct pipeline *p, const struct input *in) {
    (void)err_set(
        &p->env.kv->err, ERR_STOP,
        "%s partition %d offset %lld: a record of another partition; only streamer may write to "
        "its "
        "internal topics",
        p->config->topics[in->topic], in->partition, (long long)in->offset);
}

/* --- quarantine --- */

/* Quarantines the record for p->reason. `id` is its id; n == 0: the id could not be read. */
static void quarantine(struct pipeline *p, enum entity entity, const struct input *in,
                       struct slice id) {
    const struct reason *why = &p->reason;
    char partition[16], offset[24];
    int partition_length = snprintf(partition, sizeof partition, "%d", in->source_partition);
    int offset_length = snprintf(offset, sizeof offset, "%lld", (long long)in->source_offset);
    buf_clear(&p->time_text);
    timestamp_put_iso(&p->time_text, p->env.now_ms);
    struct sink_header headers[] = {
        {"quarantine.code", slice_str(reason_code_name(why->code))},
        {"quarantine.reason", buf_slice(&why->text)},
        {"quarantine.topic", slice_str(input_topic(p, entity))},
        {"quarantine.partition", slice_of(partition, (size_t)partition_length)},
        {"quarantine.offset", slice_of(offset, (size_t)offset_length)},
        {"quarantine.at", buf_slice(&p->time_text)},
        {"quarantine.id", id},
    };
    struct sink_message m = {
        .topic = TOPIC_QUARANTINE,
        .partition = in->source_partition % p->quarantine_partitions,
        .key = in->record.key,
        .value = in->record.value,
        .timestamp_ms = in->record.timestamp_ms,
        .headers_from = in->headers,
        .headers = headers,
        .header_count = ARRAY_LEN(headers) - (id.n == 0),
    };
    rejects_add(&p->rejects,
                &(struct reject){.at_ms = p->env.now_ms,
                                 .entity = entity,
                                 .partition = in->source_partition,
                                 .offset = in->source_offset,
                                 .code = why->code},
                buf_slice(&why->text), id);
    p->env.counts.quarantined[entity][why->code]++;
    p->env.counts.emitted[TOPIC_QUARANTINE]++;
    p->env.sink->send(p->env.sink, &m);
}

/* --- keep history, join, summarize, emit --- */

/* Logs, only once because there may be many such records, what is lost and what helps. */
static void tell_of_tombstones(struct pipeline *p, enum entity entity, struct slice id) {
    if (p->env.counts.behind_tombstone[entity] == 0 || p->has_told_of_tombstones[entity])
        return;
    p->has_told_of_tombstones[entity] = true;
    struct log_value quoted = {0}; /* it is large, so it is not set up before it is needed */
    struct buf text = {0};
    buf_put_slice(&text, utf8_cut(id, 100));
    log_warn(
        "a record is older than the tombstone before it, so that its id stays deleted",
        "topic=%s id=%s advice=%s", input_topic(p, entity), log_quote(&quoted, buf_cstr(&text)),
        entity == ENTITY_CUSTOMER ? "\"if the topic is a database's log, set order.customers=log\""
                                  : "\"if the topic is a database's log, set order.accounts=log\"");
    buf_release(&text);
}

static void count_nulls(struct counts *c, enum entity entity, uint32_t null_fields) {
    for (int f = 0; null_fields >> f != 0; f++)
        c->null_values[entity][f] += null_fields >> f & 1;
}

/* The other three layers, in the task that owns the id. A bad record is judged there, too: the task
 * remembers it with the id, and may find that it is only a repeat. */
static void keep_history_join_and_summarize(struct pipeline *p, struct task *task,
                                            struct change *c) {
    bool was_ok = c->ok;
    if (c->ok)
        c->ok = task_apply_event(&p->env, task, &c->event, &p->reason);
    else if (c->event.id.n > 0)
        c->ok = task_reject_event(&p->env, task, &c->event, &p->reason);
    if (was_ok)
        tell_of_tombstones(p, c->entity, c->event.id);
    count_nulls(&p->env.counts, c->entity, c->event.null_fields);
    p->env.counts.unknown_fields[c->entity] += c->decoded.unknown_fields;
}

/* A truncate concerns all partitions, and nobody knows its order against the records of the other
 * ones. So it goes to all tasks, by the same way as the records behind it in its partition, which
 * therefore arrive behind it. */
static enum pipeline_result process_truncate(struct pipeline *p, struct task *task,
                                             const struct change *c) {
    bool here = c->is_forwarded || p->in_place[c->entity];
    if (here && !task_apply_truncate(&p->env, task, &c->event))
        return PIPELINE_PART;
    for (int32_t i = 0; !c->is_forwarded && i < p->env.partitions; i++)
        if (!here || i != c->in->partition)
            send_on(p, c->entity, c->in, i);
    if (!here)
        p->env.counts.forwarded[c->entity]++;
    return PIPELINE_DONE;
}

/* --- the way of one record --- */

/* The partition of the task that owns the record. A record without an id belongs to nobody and
 * stays where it is. */
static int32_t owner_of(const struct pipeline *p, const struct change *c) {
    if (c->event.id.n == 0)
        return c->in->partition;
    return murmur2_partition(c->event.id, p->env.partitions);
}

/* Whether the record may stay in its partition: records that only begin their way here may not. */
static bool may_stay(const struct pipeline *p, const struct change *c) {
    return c->is_forwarded || p->in_place[c->entity] || c->event.id.n == 0;
}

/* Other records may come before this one is there again. They must not go on where it stopped. */
static enum pipeline_result let_wait(struct task *task) {
    if (task != NULL)
        task_begin_anew(task);
    return PIPELINE_WAITS;
}

static enum pipeline_result process_change(struct pipeline *p, struct task *task,
                                           const struct input *in, enum entity entity,
                                           bool is_forwarded) {
    struct change c; /* consume and standardize_change set the rest */
    c.entity = entity;
    c.in = in;
    c.is_forwarded = is_forwarded;
    if (!consume(p, &c))
        return let_wait(task);
    standardize_change(p, &c);
    task_set_origin(&p->env, input_topic(p, entity), in->source_partition, in->source_offset);
    if (c.ok && c.event.kind == CHANGE_TRUNCATE)
        return process_truncate(p, task, &c);
    int32_t owner = owner_of(p, &c);
    if (!is_forwarded && !(may_stay(p, &c) && owner == in->partition)) {
        forward(p, &c, owner); /* the owner counts its values */
    } else if (owner != in->partition) {
        refuse_stranger(p, in);
    } else {
        keep_history_join_and_summarize(p, task, &c);
        if (!c.ok)
            quarantine(p, entity, in, c.event.id);
    }
    return PIPELINE_DONE;
}

/* --- prefetch --- */

static void want_change(struct pipeline *p, const struct task *task, enum entity entity,
                        bool forwarded, struct slice key) {
    if (forwarded || p->in_place[entity]) /* else the record is forwarded */
        task_want_event(&p->env, task, entity, key);
}

void pipeline_want(struct pipeline *p, const struct task *task, enum topic topic,
                   struct slice key) {
    switch (topic) {
    case TOPIC_CUSTOMERS:
        want_change(p, task, ENTITY_CUSTOMER, false, key);
        break;
    case TOPIC_ACCOUNTS:
        want_change(p, task, ENTITY_ACCOUNT, false, key);
        break;
    case TOPIC_REPARTITION_CUSTOMERS:
        want_change(p, task, ENTITY_CUSTOMER, true, key);
        break;
    case TOPIC_REPARTITION_ACCOUNTS:
        want_change(p, task, ENTITY_ACCOUNT, true, key);
        break;
    case TOPIC_ACCOUNT_LINKS:
        task_want_link(&p->env, task, key);
        break;
    case TOPIC_CUSTOMER_REFS:
        task_want_ref(&p->env, task, key);
        break;
    default:
        break;
    }
}

/* --- consume a message of any topic --- */

static struct change change_of(const struct input *in) {
    bool of_account = in->topic == TOPIC_ACCOUNTS || in->topic == TOPIC_REPARTITION_ACCOUNTS;
    return (struct change){.in = in, .entity = of_account ? ENTITY_ACCOUNT : ENTITY_CUSTOMER};
}

void pipeline_ask_ahead(struct pipeline *p, const struct input *in) {
    struct change c = change_of(in);
    if (topic_is_input(in->topic) || topic_is_repartition(in->topic))
        (void)consume(p, &c); /* decoding asks, and leaves the rest as it is */
}

bool pipeline_read(struct pipeline *p, const struct input *in, struct event *event, bool *is_good) {
    struct change c = change_of(in);
    assert(topic_is_input(in->topic));
    if (!consume(p, &c))
        return false;
    standardize_change(p, &c);
    *event = c.event;
    *is_good = c.ok;
    return true;
}

enum pipeline_result pipeline_process(struct pipeline *p, struct task *task,
                                      const struct input *in) {
    enum pipeline_result result = PIPELINE_DONE;
    switch (in->topic) {
    case TOPIC_CUSTOMERS:
        result = process_change(p, task, in, ENTITY_CUSTOMER, false);
        break;
    case TOPIC_ACCOUNTS:
        result = process_change(p, task, in, ENTITY_ACCOUNT, false);
        break;
    case TOPIC_REPARTITION_CUSTOMERS:
        result = process_change(p, task, in, ENTITY_CUSTOMER, true);
        break;
    case TOPIC_REPARTITION_ACCOUNTS:
        result = process_change(p, task, in, ENTITY_ACCOUNT, true);
        break;
    case TOPIC_ACCOUNT_LINKS:
        task_set_origin_text(&p->env, in->origin);
        task_apply_link(&p->env, task, in->record.key, in->record.value);
        break;
    case TOPIC_CUSTOMER_REFS:
        task_set_origin_text(&p->env, in->origin);
        if (!task_apply_ref(&p->env, task, in->record.key, in->record.value))
            result = PIPELINE_PART;
        break;
    default:
        (void)err_set(&p->env.kv->err, ERR_STOP, "consumed a topic that is not an input: %s",
                      p->config->topics[in->topic]);
        break;
    }
    p->env.counts.consumed[in->topic] += result == PIPELINE_DONE;
    return result;
}
