/* The processor in one page: consume a record, standardize it, keep its history, join, summarize; emit what
 * changed, or quarantine what is bad. History, join and marts are one call, task_apply_event: they happen in
 * the task that owns the id, and a record that lies in another partition is forwarded there first. */
#include "streamer/pipeline.h"

#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"

#include <stdio.h>

void pipeline_init(struct pipeline *p, const struct config *config, struct kv *kv, struct sink *sink,
                   int32_t partitions, const int32_t input_partitions[ENTITY_COUNT]) {
    *p = (struct pipeline){
        .config = config,
        .quarantine_partitions = partitions,
        .env = {.kv = kv,
                .sink = sink,
                .rates = &config->rates,
                .history_options = {config->late_window_ms, (size_t)config->confirmations_max},
                .partitions = partitions,
                .fanout_max_rows = config->transaction_max_messages,
                .links_max = CUSTOMER_LINKS_MAX},
        .decoder = decoder_new((size_t)config->record_max_bytes),
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
    task_env_release(&p->env);
}

static void quarantine(struct pipeline *p, enum entity entity, const struct input *in) {
    const struct reason *why = &p->reason;
    char partition[16], offset[24];
    int partition_length = snprintf(partition, sizeof partition, "%d", in->source_partition);
    int offset_length = snprintf(offset, sizeof offset, "%lld", (long long)in->source_offset);
    const char *topic = p->config->topics[entity == ENTITY_CUSTOMER ? TOPIC_CUSTOMERS : TOPIC_ACCOUNTS];
    buf_clear(&p->header_text);
    timestamp_put_iso(&p->header_text, p->env.now_ms);
    struct sink_header headers[] = {
        {"quarantine.code", slice_str(reason_code_name(why->code))},
        {"quarantine.reason", buf_slice(&why->text)},
        {"quarantine.topic", slice_str(topic)},
        {"quarantine.partition", slice_of(partition, (size_t)partition_length)},
        {"quarantine.offset", slice_of(offset, (size_t)offset_length)},
        {"quarantine.at", buf_slice(&p->header_text)},
    };
    struct sink_message m = {
        .topic = TOPIC_QUARANTINE,
        .partition = in->source_partition % p->quarantine_partitions,
        .key = in->record.key,
        .value = in->record.value,
        .timestamp_ms = in->record.timestamp_ms,
        .like = in->headers,
        .headers = headers,
        .header_count = ARRAY_LEN(headers),
    };
    p->env.counts.quarantined[entity][why->code]++;
    p->env.counts.emitted[TOPIC_QUARANTINE]++;
    p->env.sink->send(p->env.sink, &m);
}

/* Sends the record, as received, to the partition of the task that owns its id. */
static void forward(struct pipeline *p, enum entity entity, const struct input *in, int32_t owner) {
    enum topic topic = entity == ENTITY_CUSTOMER ? TOPIC_REPARTITION_CUSTOMERS : TOPIC_REPARTITION_ACCOUNTS;
    buf_clear(&p->header_text);
    buf_printf(&p->header_text, "%d:%lld", in->source_partition, (long long)in->source_offset);
    struct sink_header source = {PIPELINE_SOURCE_HEADER, buf_slice(&p->header_text)};
    struct sink_message m = {
        .topic = topic,
        .partition = owner,
        .key = in->record.key,
        .value = in->record.value,
        .timestamp_ms = in->record.timestamp_ms,
        .like = in->headers,
        .headers = &source,
        .header_count = 1,
    };
    p->env.counts.forwarded[entity]++;
    p->env.counts.emitted[topic]++;
    p->env.sink->send(p->env.sink, &m);
}

static void count_nulls(struct counts *c, enum entity entity, uint32_t null_fields) {
    for (int f = 0; null_fields >> f != 0; f++)
        c->null_values[entity][f] += null_fields >> f & 1;
}

static void process_change(struct pipeline *p, struct task *task, const struct input *in, enum entity entity,
                           bool forwarded) {
    struct decoded decoded = {0};
    struct event event = {0};
    bool ok = decode(p->decoder, entity, &in->record, &decoded, &p->reason);
    if (ok)
        ok = standardize(&p->standardizer, entity, &decoded, in->record.timestamp_ms, &event, &p->reason);
    if (ok) {
        int32_t owner = murmur2_partition(event.id, p->env.partitions);
        bool here = forwarded || (p->in_place[entity] && owner == in->partition);
        if (!here) { /* its values are counted where it is applied */
            forward(p, entity, in, owner);
            return;
        }
        if (owner != in->partition) {
            (void)err_set(
                &p->env.kv->err, ERR_STOP,
                "%s partition %d offset %lld: a record of another partition; only streamer may write to its "
                "internal topics",
                p->config->topics[in->topic], in->partition, (long long)in->offset);
            return;
        }
        ok = task_apply_event(&p->env, task, &event, &p->reason);
    }
    count_nulls(&p->env.counts, entity, event.null_fields);
    p->env.counts.unknown_fields[entity] += decoded.unknown_fields;
    if (!ok)
        quarantine(p, entity, in);
}

static void want_change(struct pipeline *p, const struct task *task, enum entity entity, bool forwarded,
                        struct slice key) {
    if (forwarded || p->in_place[entity]) /* else it goes elsewhere */
        task_want_event(&p->env, task, entity, key);
}

void pipeline_want(struct pipeline *p, const struct task *task, enum topic topic, struct slice key) {
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
        process_change(p, task, in, ENTITY_CUSTOMER, false);
        break;
    case TOPIC_ACCOUNTS:
        process_change(p, task, in, ENTITY_ACCOUNT, false);
        break;
    case TOPIC_REPARTITION_CUSTOMERS:
        process_change(p, task, in, ENTITY_CUSTOMER, true);
        break;
    case TOPIC_REPARTITION_ACCOUNTS:
        process_change(p, task, in, ENTITY_ACCOUNT, true);
        break;
    case TOPIC_ACCOUNT_LINKS:
        task_apply_link(&p->env, task, in->record.key, in->record.value);
        break;
    case TOPIC_CUSTOMER_REFS:
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
