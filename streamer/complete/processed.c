#include "streamer/complete/processed.h"

#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/config/config_value.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/kafka_trouble.h"
#include "streamer/kafka/rights.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MS 10000
#define PAUSE_US 100000

/* --- what was published --- */

void published_note(struct published *p, int32_t partition, int64_t offset) {
    size_t need = (size_t)partition + 1;
    p->ends = mem_grow(p->ends, &p->cap, need, sizeof *p->ends);
    for (; p->count < need; p->count++)
        p->ends[p->count] = 0;
    if (offset + 1 > p->ends[partition])
        p->ends[partition] = offset + 1;
    p->records++;
}

void published_release(struct published *p) {
    free(p->ends);
    *p = (struct published){0};
}

/* --- what was committed --- */

struct waiting {
    const struct processed_options *options;
    int32_t count; /* of partitions */
    /* By partition: the offset to wait for. The processor commits the ends of transactions, too,
     * though no record is there. */
    int64_t *ends;
    rd_kafka_resp_err_t failure; /* of the last question */
    char why[256];               /* if it failed */
    int64_t left;                /* how much was not committed at the last answer */
};

/* The committed offset of the partition. 0: none is. */
static int64_t committed_in(const rd_kafka_topic_partition_list_t *list, const char *topic,
                            int32_t partition) {
    for (int i = 0; list != NULL && i < list->cnt; i++)
        if (list->elems[i].partition == partition && strcmp(list->elems[i].topic, topic) == 0)
            return list->elems[i].offset > 0 ? list->elems[i].offset : 0;
    return 0;
}

static void take_answer(struct waiting *w, rd_kafka_event_t *event) {
    size_t count;
    const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &count);
    const rd_kafka_error_t *error = count > 0 ? rd_kafka_group_result_error(groups[0]) : NULL;
    w->failure = error != NULL ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    (void)snprintf(w->why, sizeof w->why, "%s", rd_kafka_err2str(w->failure));
    w->left = 0;
    const rd_kafka_topic_partition_list_t *list =
        count > 0 ? rd_kafka_group_result_partitions(groups[0]) : NULL;
    for (int32_t p = 0; p < w->count; p++) {
        int64_t committed = committed_in(list, w->options->topic, p);
        w->left += committed < w->ends[p] ? w->ends[p] - committed : 0;
    }
}

/* Asks what the group has committed, in all partitions. */
static void ask(struct waiting *w) {
    rd_kafka_t *client = w->options->client;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options =
        kafka_group_options(client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_ListConsumerGroupOffsets_t *request =
        rd_kafka_ListConsumerGroupOffsets_new(w->options->config->app_id, NULL);
    rd_kafka_ListConsumerGroupOffsets(client, &request, 1, options, queue);
    struct err e;
    rd_kafka_event_t *event =
        kafka_admin_result_unless(queue, w->options->stop, "list the group's offsets", &e);
    if (event != NULL) {
        take_answer(w, event);
        rd_kafka_event_destroy(event);
    } else {
        w->failure = e.class == ERR_DENIED ? RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED
                                           : RD_KAFKA_RESP_ERR__FAIL;
        (void)snprintf(w->why, sizeof w->why, "%.200s", e.text);
    }
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
}

static bool has_all(const struct waiting *w) {
    return w->failure == RD_KAFKA_RESP_ERR_NO_ERROR && w->left == 0;
}

static bool is_stopped(const struct waiting *w) {
    return w->options->stop != NULL && atomic_load(w->options->stop);
}

static bool give_up(const struct waiting *w, struct err *e) {
    const struct processed_options *o = w->options;
    if (is_stopped(w))
        return err_set(e, ERR_STOP, "interrupted");
    if (w->failure == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) {
        (void)rights_deny_one(o->config, RIGHTS_GROUP, RD_KAFKA_ACL_OPERATION_DESCRIBE, e);
        return err_prefix(e, "kafka");
    }
    if (w->failure != RD_KAFKA_RESP_ERR_NO_ERROR)
        return err_set(e, ERR_STOP,
                       "kafka: the offsets of group %s could not be read within %s (%s)",
                       o->config->app_id, duration_text(o->timeout_ms).text, w->why);
    return err_set(e, ERR_STOP,
                   "app.id %s has not read all rows within --timeout %s, %" PRId64
                   " records of %s are left: check that `streamer run` runs, or raise --timeout",
                   o->config->app_id, duration_text(o->timeout_ms).text, w->left, o->topic);
}

static bool wait_for_all(struct waiting *w, struct err *e) {
    int64_t end_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC) + w->options->timeout_ms;
    for (ask(w); !has_all(w); ask(w)) {
        bool is_over = clock_ms(clock_of_machine(), CLOCK_MONOTONIC) >= end_ms;
        if (is_over || is_stopped(w) || w->failure == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
            return give_up(w, e);
        (void)usleep(PAUSE_US);
    }
    return true;
}

/* --- the end of the topic --- */

static rd_kafka_topic_partition_list_t *list_partitions(const struct processed_options *o,
                                                        struct err *e) {
    const struct rd_kafka_metadata *m =
        kafka_metadata(o->client, o->config->bootstrap, ANSWER_MS, NULL, e);
    if (m == NULL)
        return NULL;
    const struct rd_kafka_metadata_topic *topic = kafka_metadata_topic(m, o->topic);
    int32_t count = topic != NULL ? topic->partition_cnt : 0;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int32_t p = 0; p < count; p++)
        (void)rd_kafka_topic_partition_list_add(list, o->topic, p);
    rd_kafka_metadata_destroy(m);
    return list;
}

/* The ends of the topic do not tell everything that was published while somebody's transaction is
 * open. */
static bool find_ends(struct waiting *w, const struct published *published, struct err *e) {
    rd_kafka_topic_partition_list_t *list = list_partitions(w->options, e);
    if (list == NULL)
        return false;
    size_t n = (size_t)list->cnt;
    int64_t *low = mem_calloc(n + 1, sizeof *low);
    w->count = list->cnt;
    w->ends = mem_calloc(n + 1, sizeof *w->ends);
    bool ok = kafka_watermarks(w->options->client, list, low, w->ends, ANSWER_MS, e);
    for (size_t p = 0; ok && p < n && p < published->count; p++)
        if (published->ends[p] > w->ends[p])
            w->ends[p] = published->ends[p];
    free(low);
    rd_kafka_topic_partition_list_destroy(list);
    return ok || err_prefix(e, "kafka");
}

bool processed_wait(const struct processed_options *o, const struct published *p, struct err *e) {
    struct waiting w = {.options = o};
    bool ok = find_ends(&w, p, e) && wait_for_all(&w, e);
    free(w.ends);
    return ok;
}
