#include "streamer/commands/judge.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/layers/source/decode.h"
#include "streamer/task/intake.h"

#include <assert.h>
#include <stdlib.h>

struct judge {
    enum entity entity;
    int64_t now_ms;
    struct intake_rules rules;
    struct order_options order;
    struct decoder *decoder;
    struct standardizer standardizer;
    struct decoded decoded; /* of the last record, as event and reason */
    struct event event;
    struct reason reason;
    struct judge_counts counts;
};

struct judge *judge_new(const struct config *config, enum entity entity, int64_t now_ms) {
    struct judge *j = mem_calloc(1, sizeof *j);
    j->entity = entity;
    j->now_ms = now_ms;
    j->order.future_window_ms = config->future_window_ms;
    j->rules = (struct intake_rules){config, &j->order};
    j->decoder = decoder_new(&(struct decoder_options){
        .record_max_bytes = (size_t)config->record_max_bytes,
        .field_names = {config->field_names[ENTITY_CUSTOMER], config->field_names[ENTITY_ACCOUNT]},
        .schemas = config->schemas});
    return j;
}

void judge_free(struct judge *j) {
    if (j == NULL)
        return;
    decoder_free(j->decoder);
    standardizer_release(&j->standardizer);
    buf_release(&j->reason.text);
    free(j);
}

static void count_accepted(struct judge_counts *c, const struct event *e) {
    c->timed += e->kind != CHANGE_TRUNCATE && e->has_own_time && !e->is_log;
    c->untimed += !e->has_own_time;
    c->unavailable += e->unavailable != 0;
    c->tombstones += e->kind == CHANGE_TOMBSTONE;
}

static struct judgement judgement_of(struct judge *j, bool ok) {
    j->counts.rows++;
    if (ok)
        count_accepted(&j->counts, &j->event);
    else
        j->counts.rejected[j->reason.code]++;
    return (struct judgement){.is_rejected = !ok,
                              .why = &j->reason,
                              .event = &j->event,
                              .at_ms = order_time(&j->order, &j->event)};
}

struct judgement judge_record(struct judge *j, struct slice key, struct slice value) {
    const struct record record = {
        .key = key, .value = value, .timestamp_ms = j->now_ms, .replayed_at_ms = TIMESTAMP_NONE};
    enum decode_outcome outcome = decode(j->decoder, j->entity, &record, &j->decoded, &j->reason);
    assert(outcome != DECODE_WAIT); /* only a registry makes records wait */
    bool ok = outcome == DECODE_EVENT;
    ok = intake_standardize(&j->rules, &j->standardizer, j->entity, &record, &j->decoded, ok,
                            &j->event, &j->reason);
    if (ok && intake_is_too_early(&j->rules, &j->event))
        ok = intake_refuse_early(&j->event, &j->reason);
    return judgement_of(j, ok);
}

struct judgement judge_large_record(struct judge *j, size_t n) {
    decode_refuse_size(&j->reason, n, (size_t)j->rules.config->record_max_bytes);
    j->event = (struct event){.entity = j->entity};
    return judgement_of(j, false);
}

const struct judge_counts *judge_counts(const struct judge *j) {
    return &j->counts;
}

uint64_t judge_rejected_rows(const struct judge_counts *c) {
    uint64_t n = 0;
    for (int code = 0; code < REASON_COUNT; code++)
        n += c->rejected[code];
    return n;
}
