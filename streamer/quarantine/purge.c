#include "streamer/quarantine/purge.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/kafka_trouble.h"
#include "streamer/kafka/rights.h"
#include "streamer/kafka/topic_facts.h"
#include "streamer/kafka/topic_reader.h"
#include "streamer/quarantine/quarantined.h"

#include <stdlib.h>

#define ANSWER_MS 30000
#define STAYS_UNKNOWN (-1) /* no record that stays was seen so far */

struct planning {
    const struct config *config;
    int64_t before_ms;
    struct purge_plan *plan;
    size_t capacity;
    struct quarantined_parts parts;
};

void purge_plan_release(struct purge_plan *p) {
    free(p->before);
    *p = (struct purge_plan){0};
}

/* The first offset of the partition that stays. */
static int64_t *before_of(struct planning *g, int32_t partition) {
    struct purge_plan *p = g->plan;
    p->before = mem_grow(p->before, &g->capacity, (size_t)partition + 1, sizeof *p->before);
    while (p->partitions <= partition)
        p->before[p->partitions++] = STAYS_UNKNOWN;
    return &p->before[partition];
}

/* A message that this program has not written has no time of its own, and goes with those around
 * it. */
static bool take(void *context, const rd_kafka_message_t *m, struct err *e) {
    struct planning *g = context;
    struct quarantined q;
    int64_t *before = before_of(g, m->partition);
    bool is_ours = quarantined_read(g->config, m, &g->parts, &q);
    bool is_older = !is_ours || q.at_ms < g->before_ms;
    (void)e;
    g->plan->all++;
    if (*before != STAYS_UNKNOWN)
        g->plan->older += is_ours && is_older;
    else if (is_older)
        g->plan->count++;
    else
        *before = m->offset;
    return true;
}

/* The embedded broker keeps the newest records only, and takes no such request. */
static bool can_delete(const struct config *c, struct err *e) {
    struct topic_facts facts;
    return topic_facts_ask(c, c->topics[TOPIC_QUARANTINE], &facts, e) &&
           (!facts.is_embedded || err_set(e, ERR_STOP,
                                          "quarantine purge: the embedded broker deletes no "
                                          "records; it forgets all of them when it ends"));
}

bool purge_plan_make(const struct config *c, int64_t before_ms, const atomic_bool *stop,
                     struct purge_plan *p, struct err *e) {
    struct planning g = {.config = c, .before_ms = before_ms, .plan = p};
    const struct topic_reader_options o = {.topic = c->topics[TOPIC_QUARANTINE], .stop = stop};
    struct topic_positions positions = {0};
    bool ok = can_delete(c, e) && topic_read(c, &o, take, &g, &positions, e);
    for (int32_t i = 0; ok && i < positions.count; i++) {
        int64_t *before = before_of(&g, i);
        if (*before == STAYS_UNKNOWN)
            *before = positions.end[i];
    }
    topic_positions_release(&positions);
    quarantined_parts_release(&g.parts);
    return ok;
}

/* --- deleting --- */

static bool check_deleted(const struct config *c, const rd_kafka_event_t *event, struct err *e) {
    const rd_kafka_topic_partition_list_t *offsets =
        rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(
            (rd_kafka_event_t *)(uintptr_t)event)); /* librdkafka only reads it */
    for (int i = 0; i < offsets->cnt; i++) {
        rd_kafka_resp_err_t code = offsets->elems[i].err;
        if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
            return rights_deny_one(c, TOPIC_QUARANTINE, RD_KAFKA_ACL_OPERATION_DELETE, e);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            return err_set(e, ERR_STOP,
                           "kafka: topic %s partition %d: its records were not deleted: %s; mend "
                           "that and purge again",
                           c->topics[TOPIC_QUARANTINE], offsets->elems[i].partition,
                           rd_kafka_err2str(code));
    }
    return true;
}

static bool delete_records(rd_kafka_t *client, const struct config *c, const struct purge_plan *p,
                           struct err *e) {
    char why[256];
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(p->partitions);
    for (int32_t i = 0; i < p->partitions; i++)
        rd_kafka_topic_partition_list_add(list, c->topics[TOPIC_QUARANTINE], i)->offset =
            p->before[i];
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(list);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DELETERECORDS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, ANSWER_MS, why, sizeof why);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DeleteRecords(client, &request, 1, options, queue);
    rd_kafka_event_t *event = kafka_admin_result(queue, "delete records", e);
    bool ok = event != NULL ? check_deleted(c, event, e) : false;
    if (event != NULL)
        rd_kafka_event_destroy(event);
    else
        e->class = ERR_STOP;
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

bool purge_run(const struct config *c, const struct purge_plan *p, struct err *e) {
    struct kafka_trouble trouble;
    rd_kafka_t *client = kafka_asking_client(c, &trouble, e);
    if (client == NULL)
        return false;
    bool ok = delete_records(client, c, p, e);
    (void)kafka_destroy(client);
    return ok;
}
