/* The processor in one page: consume a record, standardize it, keep its history, join, summarize;
 * emit what changed, or quarantine what is bad. History, join and marts are one call,
 * task_apply_event: they happen in the task that owns the id, and a record that lies in another
 * partition is forwarded there first. */
#include "streamer/task/pipeline.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/utf8.h"

#include <stdio.h>

void pipeline_init(struct pipeline *p, const struct config *config, struct kv *kv,
                   struct sink *sink, int32_t partitions,
                   const int32_t input_partitions[ENTITY_COUNT]) {
    *p = (struct pipeline){
        .config = config,
        .quarantine_partitions = partitions,
        .env = {.kv = kv,
                .sink = sink,
                .rates = &config->rates,
                .order_options = {config->late_window_ms,
                                  config->future_window_ms,
                                  {config->orders[ENTITY_CUSTOMER] == ORDER_EVENT_TIME,
                                   config->orders[ENTITY_ACCOUNT] == ORDER_EVENT_TIME}},
                .confirmations_max = config->confirmations_max,
                .accounts_topic = config->topics[TOPIC_ACCOUNTS],
                .origin = {.is_told = config->output_headers != OUTPUT_HEADERS_NONE},
                .partitions = partitions,
                .fanout_max_rows = config->transaction_max_messages,
                .links_max = CUSTOMER_LINKS_MAX},
        .decoder = decoder_new(&(struct decoder_options){
            (size_t)config->record_max_bytes,
            {config->field_names[ENTITY_CUSTOMER], config->field_names[ENTITY_ACCOUNT]}}),
    };
    for (int e = 0; e < ENTITY_COUNT; e++)
        p->in_place[e] = input_partitions[e] == partitions;
    json_init(&p->env.json);
    counts_clear(&p->env.counts);
}

void pipeline_release(struct pipeline *p) {
    decoder_free(p->decoder);
    standardizer_release(&p->standardizer);
    buf_release(&p->reason.text);
    buf_release(&p->header_text);
    buf_release(&p->time_text);
    task_env_release(&p->env);
}

static enum topic input_topic(enum entity entity) {
    return entity == ENTITY_CUSTOMER ? TOPIC_CUSTOMERS : TOPIC_ACCOUNTS;
}

static enum topic repartition_topic(enum entity entity) {
    return entity == ENTITY_CUSTOMER ? TOPIC_REPARTITION_CUSTOMERS : TOPIC_REPARTITION_ACCOUNTS;
}

/* `id`: of the record, as far as it could be read; n == 0: not. */
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
        {"quarantine.topic", slice_str(p->config->topics[input_topic(entity)])},
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
    p->env.counts.quarantined[entity][why->code]++;
    p->env.counts.emitted[TOPIC_QUARANTINE]++;
    p->env.sink->send(p->env.sink, &m);
}

/* Sends the record, as received, to a task. */
static void send_on(struct pipeline *p, enum entity entity, const struct input *in,
                    int32_t partition) {
    enum topic topic = repartition_topic(entity);
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

static void count_nulls(struct counts *c, enum entity entity, uint32_t null_fields) {
    for (int f = 0; null_fields >> f != 0; f++)
        c->null_values[entity][f] += null_fields >> f & 1;
}

/* One input record at work. */
struct change {
    enum entity entity;
    const struct input *in;
    bool is_forwarded; /* it comes from a repartition topic */
    bool ok;           /* else p->reason says why not */
    struct decoded decoded;
    struct event event;
};

/* Rule O1. */
static bool is_log(const struct pipeline *p, const struct change *c) {
    enum order order = p->config->orders[c->entity];
    return !c->in->record.by_time &&
           (order == ORDER_LOG || (order == ORDER_AUTO && c->decoded.has_metadata));
}

/* Where the record stands, besides what it says itself. */
static void set_place(const struct pipeline *p, struct change *c) {
    const struct record *r = &c->in->record;
    struct event *e = &c->event;
    e->is_log = is_log(p, c);
    e->by_time = r->by_time;
    e->id_is_from_key = c->decoded.id_is_from_key;
    e->early_after_ms = r->replayed_at_ms != TIMESTAMP_NONE ? r->replayed_at_ms : r->timestamp_ms;
    e->source_partition = c->in->source_partition;
    e->source_offset = c->in->source_offset;
}

static bool refuse_truncate(struct pipeline *p) {
    return reason_set(&p->reason, REASON_UNSUPPORTED_OP,
                      "Unsupported operation: t (truncate=quarantine refuses it)");
}

/* A truncate of a set of events is one of them; a log's time is not believed (rule O5). */
static bool refuse_early_truncate(struct pipeline *p, const struct event *e) {
    if (e->is_log || !order_is_too_far_ahead(&p->env.order_options, e))
        return true;
    return reason_set(
        &p->reason, REASON_TOO_EARLY,
        "Too early: the truncate is more than future.window ahead of its Kafka timestamp");
}

static void read_change(struct pipeline *p, struct change *c) {
    const struct record *r = &c->in->record;
    c->ok = decode(p->decoder, c->entity, r, &c->decoded, &p->reason);
    if (c->ok)
        c->ok = standardize(&p->standardizer, c->entity, &c->decoded, r->timestamp_ms, &c->event,
                            &p->reason);
    else
        standardize_rejected(&p->standardizer, c->entity, &c->decoded, r->timestamp_ms, &c->event);
    set_place(p, c);
    if (c->ok && c->event.kind == CHANGE_TRUNCATE)
        c->ok = (p->config->truncate == TRUNCATE_APPLY || refuse_truncate(p)) &&
                refuse_early_truncate(p, &c->event);
}

/* The task of a partition in which the record does not belong. */
static void refuse_stranger(struct pipeline *p, const struct input *in) {
    (void)err_set(
        &p->env.kv->err, ERR_STOP,
        "%s partition %d offset %lld: a record of another partition; only streamer may write to its "
        "internal topics",
        p->config->topics[in->topic], in->partition, (long long)in->offset);
}

/* Once, since there may be many: what is lost, and what helps. */
static void tell_of_tombstones(struct pipeline *p, enum entity entity, struct slice id) {
    if (p->env.counts.behind_tombstone[entity] == 0 || p->has_told_of_tombstones[entity])
        return;
    p->has_told_of_tombstones[entity] = true;
    struct log_value quoted = {0}; /* large, so not before */
    struct buf text = {0};
    buf_put_slice(&text, utf8_cut(id, 100));
    log_warn("a record is older than the tombstone before it, so that its id stays deleted",
             "topic=%s id=%s advice=%s", p->config->topics[input_topic(entity)],
             log_quote(&quoted, buf_cstr(&text)),
             entity == ENTITY_CUSTOMER
                 ? "\"if the topic is a database's log, set order.customers=log\""
                 : "\"if the topic is a database's log, set order.accounts=log\"");
    buf_release(&text);
}

/* In the task that owns the id: history, join and marts; or why not, which the id remembers. */
static void apply_change(struct pipeline *p, struct task *task, struct change *c) {
    bool was_ok = c->ok;
    if (c->ok)
        c->ok = task_apply_event(&p->env, task, &c->event, &p->reason);
    else if (c->event.id.n > 0)
        c->ok = task_reject_event(&p->env, task, &c->event, &p->reason);
    if (was_ok)
        tell_of_tombstones(p, c->entity, c->event.id);
    count_nulls(&p->env.counts, c->entity, c->event.null_fields);
    p->env.counts.unknown_fields[c->entity] += c->decoded.unknown_fields;
    if (!c->ok)
        quarantine(p, c->entity, c->in, c->event.id);
}

/* A truncate is of all partitions, and nobody knows its order against the records of the others. So
 * it goes to all tasks, on the way that the records of its partition take: theirs behind it come
 * behind it. False: not done yet. */
static bool process_truncate(struct pipeline *p, struct task *task, const struct change *c) {
    bool here = c->is_forwarded || p->in_place[c->entity];
    if (here && !task_apply_truncate(&p->env, task, &c->event))
        return false;
    for (int32_t i = 0; !c->is_forwarded && i < p->env.partitions; i++)
        if (!here || i != c->in->partition)
            send_on(p, c->entity, c->in, i);
    if (!here)
        p->env.counts.forwarded[c->entity]++;
    return true;
}

static bool process_change(struct pipeline *p, struct task *task, const struct input *in,
                           enum entity entity, bool is_forwarded) {
    struct change c; /* read_change sets the rest */
    c.entity = entity;
    c.in = in;
    c.is_forwarded = is_forwarded;
    task_set_origin(&p->env, p->config->topics[input_topic(entity)], in->source_partition,
                    in->source_offset);
    read_change(p, &c);
    if (c.ok && c.event.kind == CHANGE_TRUNCATE)
        return process_truncate(p, task, &c);
    if (c.event.id.n == 0) { /* nobody owns it */
        apply_change(p, task, &c);
        return true;
    }
    int32_t owner = murmur2_partition(c.event.id, p->env.partitions);
    bool here = is_forwarded || (p->in_place[entity] && owner == in->partition);
    if (!here) { /* its values are counted where it is applied */
        send_on(p, entity, in, owner);
        p->env.counts.forwarded[entity]++;
    } else if (owner != in->partition) {
        refuse_stranger(p, in);
    } else {
        apply_change(p, task, &c);
    }
    return true;
}

static void want_change(struct pipeline *p, const struct task *task, enum entity entity,
                        bool forwarded, struct slice key) {
    if (forwarded || p->in_place[entity]) /* else it goes elsewhere */
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

bool pipeline_process(struct pipeline *p, struct task *task, const struct input *in) {
    bool done = true;
    switch (in->topic) {
    case TOPIC_CUSTOMERS:
        done = process_change(p, task, in, ENTITY_CUSTOMER, false);
        break;
    case TOPIC_ACCOUNTS:
        done = process_change(p, task, in, ENTITY_ACCOUNT, false);
        break;
    case TOPIC_REPARTITION_CUSTOMERS:
        done = process_change(p, task, in, ENTITY_CUSTOMER, true);
        break;
    case TOPIC_REPARTITION_ACCOUNTS:
        done = process_change(p, task, in, ENTITY_ACCOUNT, true);
        break;
    case TOPIC_ACCOUNT_LINKS:
        task_set_origin_text(&p->env, in->origin);
        task_apply_link(&p->env, task, in->record.key, in->record.value);
        break;
    case TOPIC_CUSTOMER_REFS:
        task_set_origin_text(&p->env, in->origin);
        done = task_apply_ref(&p->env, task, in->record.key, in->record.value);
        break;
    default:
        (void)err_set(&p->env.kv->err, ERR_STOP, "consumed a topic that is not an input: %s",
                      p->config->topics[in->topic]);
        break;
    }
    p->env.counts.consumed[in->topic] += done;
    return done;
}
