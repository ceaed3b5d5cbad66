#include "streamer/worker/worker_sources.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"

#include <stdlib.h>
#include <string.h>

#define CALL_TIMEOUT_MS 5000

const char *worker_topic(const struct worker *w, enum topic t) {
    return w->o.config->topics[t];
}

/* --- the assignment --- */

/* False: it sets w->fatal. */
static bool take_partition(struct worker *w, const rd_kafka_topic_partition_t *tp) {
    for (int t = 0; t < TOPIC_COUNT; t++) {
        if (!topic_is_consumed((enum topic)t) ||
            strcmp(worker_topic(w, (enum topic)t), tp->topic) != 0)
            continue;
        if (tp->partition >= w->o.layout->partitions[t])
            return err_set(&w->fatal, ERR_STOP,
                           "topic %s: it got more partitions (%d or more) while this ran; restart "
                           "to use them",
                           tp->topic, tp->partition + 1);
        w->sources[w->source_count++] = (struct source){
            .topic = (enum topic)t, .partition = tp->partition, .next = -1, .committed = -1};
    }
    return true;
}

void worker_take_sources(struct worker *w, const rd_kafka_topic_partition_list_t *list) {
    for (int i = 0; i < list->cnt; i++)
        (void)take_partition(w, &list->elems[i]);
}

void worker_forget_sources(struct worker *w) {
    w->source_count = 0;
}

void worker_restart_sources(struct worker *w) {
    for (size_t i = 0; i < w->source_count; i++)
        w->sources[i].located = w->sources[i].consumed = false;
}

bool worker_is_forward_only(const struct worker *w, const struct source *s) {
    return s->partition >= w->o.layout->n || worker_stage(w, s->partition) == STAGE_NONE;
}

/* --- finding one --- */

struct source *worker_find_source(struct worker *w, enum topic topic, int32_t partition) {
    for (size_t i = 0; i < w->source_count; i++)
        if (w->sources[i].topic == topic && w->sources[i].partition == partition)
            return &w->sources[i];
    return NULL;
}

static bool has_name(const struct worker *w, const struct source *s, const char *topic,
                     int32_t partition) {
    return s->partition == partition && strcmp(worker_topic(w, s->topic), topic) == 0;
}

struct source *worker_find_source_named(struct worker *w, const char *topic, int32_t partition) {
    for (size_t i = 0; i < w->source_count; i++)
        if (has_name(w, &w->sources[i], topic, partition))
            return &w->sources[i];
    return NULL;
}

/* Messages come in runs of one partition, so the source of the last message is tried first. */
struct source *worker_source_of(struct worker *w, const rd_kafka_message_t *m) {
    const char *topic = w->o.kafka->topic(m);
    if (w->last_source >= w->source_count ||
        !has_name(w, &w->sources[w->last_source], topic, m->partition)) {
        const struct source *s = worker_find_source_named(w, topic, m->partition);
        if (s == NULL)
            return NULL;
        w->last_source = (size_t)(s - w->sources);
    }
    return &w->sources[w->last_source];
}

/* Whether this worker has the same partition of every topic that has as many partitions as there
 * are tasks. */
static bool has_siblings(struct worker *w, const struct source *s, struct err *e) {
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (topic_is_consumed((enum topic)t) && w->o.layout->partitions[t] == w->o.layout->n &&
            worker_find_source(w, (enum topic)t, s->partition) == NULL)
            return err_set(e, ERR_RETRY,
                           "the group's leader has given out partition %d of %s without that of "
                           "%s, which it may not know yet; joining the group anew",
                           s->partition, worker_topic(w, s->topic), worker_topic(w, (enum topic)t));
    return true;
}

bool worker_sources_are_whole(struct worker *w, struct err *e) {
    for (size_t i = 0; i < w->source_count; i++)
        if (w->o.layout->partitions[w->sources[i].topic] == w->o.layout->n &&
            !has_siblings(w, &w->sources[i], e))
            return false;
    return true;
}

/* --- where they begin --- */

/* Checks one topic, which may have been deleted or recreated while this runs. */
static bool topic_is_there(struct worker *w, const struct rd_kafka_metadata *md, enum topic t,
                           struct err *e) {
    const struct rd_kafka_metadata_topic *topic = kafka_metadata_topic(md, worker_topic(w, t));
    int32_t expected = w->o.layout->partitions[t];
    /* ERR_DENIED, because the user may have lost the right to see it: the caller asks Kafka. */
    if (topic == NULL || topic->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return err_set(e, ERR_DENIED,
                       "topic %s is gone: bring it back, or, if it was deleted on purpose, "
                       "reprocess everything (streamer reset)",
                       worker_topic(w, t));
    if (topic->err == RD_KAFKA_RESP_ERR_NO_ERROR && topic->partition_cnt != expected)
        return err_set(e, ERR_STOP,
                       "topic %s: it had %d partitions when this started and has %d now; restart",
                       worker_topic(w, t), expected, topic->partition_cnt);
    return true;
}

static bool topics_are_there(struct worker *w, struct err *e) {
    const struct rd_kafka_metadata *md;
    rd_kafka_resp_err_t code = w->o.kafka->metadata(w->consumer, &md, CALL_TIMEOUT_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return err_set(e, ERR_RETRY, "metadata: %s", rd_kafka_err2str(code));
    bool ok = true;
    for (int t = 0; ok && t < TOPIC_COUNT; t++)
        ok = topic_is_there(w, md, (enum topic)t, e);
    w->o.kafka->free_metadata(md);
    return ok;
}

/* One entry for each source of `which`, in that order. */
static rd_kafka_topic_partition_list_t *list_of(struct worker *w, struct source *const *which,
                                                size_t count) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        (void)rd_kafka_topic_partition_list_add(list, worker_topic(w, which[i]->topic),
                                                which[i]->partition);
    return list;
}

/* Takes the committed offset of `s` from Kafka's answer. The embedded broker stores none. There the
 * state knows it, and it outlives a rebalance: the machine may have slept. */
static bool take_committed(struct worker *w, struct source *s,
                           const rd_kafka_topic_partition_t *answer, struct err *e) {
    if (answer->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return err_set(e, kafka_class_of(answer->err), "committed offset of %s partition %d: %s",
                       answer->topic, answer->partition, rd_kafka_err2str(answer->err));
    s->committed = answer->offset >= 0 ? answer->offset : -1;
    if (w->o.ephemeral) {
        task_load_meta(&w->pipeline.env, &w->tasks[s->partition]);
        s->committed = w->tasks[s->partition].meta.positions[s->topic];
    }
    return true;
}

static bool read_committed(struct worker *w, struct source *const *which, size_t count,
                           struct err *e) {
    rd_kafka_topic_partition_list_t *list = list_of(w, which, count);
    rd_kafka_resp_err_t code = w->o.kafka->committed(w->consumer, list, CALL_TIMEOUT_MS);
    bool ok = code == RD_KAFKA_RESP_ERR_NO_ERROR ||
              err_set(e, kafka_class_of(code), "committed offsets: %s%s", rd_kafka_err2str(code),
                      code == RD_KAFKA_RESP_ERR__TIMED_OUT
                          ? "; if that stays so with the brokers up, a transaction hangs in Kafka: "
                            "kafka-transactions.sh find-hanging shows it, abort ends it"
                          : "");
    for (size_t i = 0; ok && i < count; i++)
        ok = take_committed(w, which[i], &list->elems[i], e);
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

bool worker_confirm_fatal(struct worker *w, struct source *s, struct err *e) {
    int64_t before = s->committed;
    struct err other;
    if (!read_committed(w, &s, 1, &other))
        *e = other;
    else if (s->committed != before)
        (void)err_set(e, ERR_RETRY,
                      "%s partition %d: another instance has gone on with it meanwhile",
                      worker_topic(w, s->topic), s->partition);
    return false;
}

static bool nothing_is_lost(struct worker *w, struct source *s, int64_t low, int64_t high,
                            struct err *e) {
    if (s->committed < 0 || (s->committed >= low && s->committed <= high))
        return true;
    (void)err_set(e, ERR_STOP,
                  "%s partition %d: the committed offset %lld is outside of what the topic holds "
                  "(%lld to %lld): records were deleted before they were processed, or the topic "
                  "was recreated; look for them upstream, then set the offsets of group %s to "
                  "where to go on (kafka-consumer-groups.sh --reset-offsets)",
                  worker_topic(w, s->topic), s->partition, (long long)s->committed, (long long)low,
                  (long long)high, w->o.config->app_id);
    return worker_confirm_fatal(w, s, e);
}

/* Decides where each source begins: at its committed offset, or at the start of the partition. */
static bool find_starts(struct worker *w, struct source *const *which, size_t count,
                        struct err *e) {
    rd_kafka_topic_partition_list_t *list = list_of(w, which, count);
    int64_t *low = mem_calloc(count, sizeof *low), *high = mem_calloc(count, sizeof *high);
    bool ok =
        w->o.kafka->watermarks(restore_client(w->restore), list, low, high, CALL_TIMEOUT_MS, e);
    for (size_t i = 0; ok && i < count; i++) {
        struct source *s = which[i];
        ok = nothing_is_lost(w, s, low[i], high[i], e);
        s->next = s->committed >= 0 ? s->committed : low[i];
        s->end = high[i];
        s->seen_end = 0;
        s->located = ok;
    }
    free(low);
    free(high);
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

bool worker_locate_sources(struct worker *w, struct source *const *which, size_t count,
                           struct err *e) {
    return topics_are_there(w, e) && read_committed(w, which, count, e) &&
           find_starts(w, which, count, e);
}

/* --- offsets to commit --- */

void worker_note_offset(const struct worker *w, rd_kafka_topic_partition_list_t *offsets,
                        const struct source *s, int64_t offset) {
    const char *topic = worker_topic(w, s->topic);
    rd_kafka_topic_partition_t *tp =
        rd_kafka_topic_partition_list_find(offsets, topic, s->partition);
    if (tp == NULL)
        tp = rd_kafka_topic_partition_list_add(offsets, topic, s->partition);
    tp->offset = offset;
}

void worker_note_markers(const struct worker *w, rd_kafka_topic_partition_list_t *offsets) {
    for (size_t i = 0; i < w->source_count; i++) {
        const struct source *s = &w->sources[i];
        if (s->located && topic_is_input(s->topic) && s->seen_end > s->next)
            worker_note_offset(w, offsets, s, s->seen_end);
    }
}

void worker_skip_markers(struct worker *w) {
    for (size_t i = 0; i < w->source_count; i++)
        if (w->sources[i].next < w->sources[i].committed)
            w->sources[i].next = w->sources[i].committed;
}
