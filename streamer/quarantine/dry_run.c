#include "streamer/quarantine/dry_run.h"

#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/kafka/topic_facts.h"
#include "streamer/quarantine/config_with_schemas.h"
#include "streamer/quarantine/record_of.h"
#include "streamer/quarantine/waiting.h"

#include <stdlib.h>

/* What is said of a record. */
struct label {
    struct buf place, id;
};

struct run {
    const struct dry_run_output *out;
    struct dry_run_result *result;
    struct replica *replica;
    struct label *labels;
    size_t count, cap;
};

static void run_release(struct run *r) {
    for (size_t i = 0; i < r->count; i++) {
        buf_release(&r->labels[i].place);
        buf_release(&r->labels[i].id);
    }
    free(r->labels);
    replica_free(r->replica);
}

/* --- the records --- */

static bool add_record(void *context, const struct replay_record *record, struct err *e) {
    struct run *r = context;
    const struct record read = record_of(record->key, record->value, record->timestamp_ms,
                                         record->headers, record->header_count);
    if (!replica_add(r->replica, record->topic, &read, e))
        return false;
    r->labels = mem_grow(r->labels, &r->cap, r->count + 1, sizeof *r->labels);
    struct label *label = &r->labels[r->count++];
    *label = (struct label){0};
    quarantined_put_place(record->from, &label->place);
    buf_set(&label->id, record->from->id);
    return true;
}

/* --- the topics --- */

static bool take(void *context, const rd_kafka_message_t *m, struct err *e) {
    struct run *r = context;
    return replica_take(r->replica, message_key_of(m), message_value_of(m), e);
}

static bool read_needed(struct run *r, const struct whole_topic *w, enum topic topic, int32_t n,
                        struct err *e) {
    int64_t *begin = mem_calloc((size_t)n, sizeof *begin);
    for (int32_t p = 0; p < n; p++)
        begin[p] = replica_needs_partition(r->replica, p, n) ? 0 : WHOLE_TOPIC_SKIP;
    bool ok = whole_topic_read(w, topic, begin, n, take, r, e);
    free(begin);
    return ok;
}

/* All topics with rows and internal topics have the same number of partitions. */
static bool fill(struct run *r, const struct whole_topic *w, struct err *e) {
    struct topic_facts facts;
    bool ok = topic_facts_ask(w->config, w->config->topics[TOPIC_CUSTOMER_HISTORY], &facts, e);
    for (int step = 0; ok && step < REPLICA_STEPS; step++) {
        enum topic topic;
        bool is_needed;
        ok = replica_begin_step(r->replica, step, &topic, &is_needed, e) &&
             (!is_needed || read_needed(r, w, topic, facts.partitions, e));
    }
    return ok;
}

/* --- the answer --- */

static bool judged(void *context, size_t i, enum replica_verdict verdict, const struct reason *why,
                   struct err *e) {
    struct run *r = context;
    struct dry_run_record record = {.place = buf_slice(&r->labels[i].place),
                                    .id = buf_slice(&r->labels[i].id),
                                    .verdict = verdict,
                                    .why = why};
    r->result->verdicts[verdict]++;
    return r->out->judged(r->out->context, &record, e);
}

static bool changed(void *context, const struct replica_row *row, struct err *e) {
    struct run *r = context;
    r->result->rows++;
    return r->out->changed(r->out->context, row, e);
}

static bool answer(struct run *r, const struct whole_topic *w, struct err *e) {
    struct dry_run_result *result = r->result;
    int64_t now_ms = clock_ms(clock_of_machine(), CLOCK_REALTIME);
    return waiting_count(w, &result->waiting, &result->waiting_is_known, e) && fill(r, w, e) &&
           replica_try(r->replica, now_ms, judged, r, e) && replica_rows(r->replica, changed, r, e);
}

static bool run_with(const struct config *c, const struct replay_options *o, struct run *r,
                     struct err *e) {
    struct whole_topic w;
    r->replica = replica_new(c, o->stop);
    if (!replay_plan(c, o, add_record, r, &r->result->refusals, e))
        return false;
    return r->count == 0 || (whole_topic_init(&w, c, o->stop, e) && answer(r, &w, e));
}

bool dry_run(const struct config *c, const struct replay_options *o,
             const struct dry_run_output *out, struct dry_run_result *result, struct err *e) {
    struct config_with_schemas with_schemas;
    struct run r = {.out = out, .result = result};
    *result = (struct dry_run_result){0};
    if (!config_with_schemas_init(&with_schemas, c, e))
        return false;
    bool ok = run_with(&with_schemas.config, o, &r, e);
    run_release(&r);
    config_with_schemas_release(&with_schemas);
    return ok;
}
