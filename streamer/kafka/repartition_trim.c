#include "streamer/kafka/repartition_trim.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"

#include <assert.h>
#include <stdlib.h>

#define REQUEST_TIMEOUT_MS 10000

static const enum topic trimmed_topics[] = {TOPIC_REPARTITION_CUSTOMERS,
                                            TOPIC_REPARTITION_ACCOUNTS};

struct repartition_trim {
    const struct worker_kafka *kafka;
    struct kafka_client *client;
    int32_t n;
    /* By [trimmed topic * n + partition]: the first offset to keep, as noted, and as last
     * requested. */
    int64_t *noted, *asked;
    bool under_way;
};

struct repartition_trim *repartition_trim_new(const struct worker_kafka *k,
                                              struct kafka_client *client, int32_t n) {
    struct repartition_trim *p = mem_calloc(1, sizeof *p);
    *p = (struct repartition_trim){.kafka = k, .client = client, .n = n};
    p->noted = mem_calloc(ARRAY_LEN(trimmed_topics) * (size_t)n, sizeof *p->noted);
    p->asked = mem_calloc(ARRAY_LEN(trimmed_topics) * (size_t)n, sizeof *p->asked);
    return p;
}

/* Takes the answer to the request under way, if it has come. */
static void take_answer(struct repartition_trim *p, int timeout_ms) {
    struct err e;
    if (!p->under_way || !p->kafka->deleted(p->client, timeout_ms, &e))
        return;
    if (e.class != ERR_NONE)
        log_warn("purge of repartition topics", "error=%s",
                 log_quote(&(struct log_value){0}, e.text));
    p->under_way = false;
}

void repartition_trim_free(struct repartition_trim *p) {
    if (p == NULL)
        return;
    take_answer(p, 0);
    repartition_trim_step(p);
    take_answer(p, REQUEST_TIMEOUT_MS);
    free(p->noted);
    free(p->asked);
    free(p);
}

void repartition_trim_note(struct repartition_trim *p, enum topic topic, int32_t partition,
                           int64_t committed) {
    assert(partition >= 0 && partition < p->n);
    for (size_t i = 0; i < ARRAY_LEN(trimmed_topics); i++)
        if (trimmed_topics[i] == topic)
            p->noted[i * (size_t)p->n + (size_t)partition] = committed;
}

void repartition_trim_step(struct repartition_trim *p) {
    take_answer(p, 0);
    if (p->under_way)
        return;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(p->n);
    for (size_t i = 0; i < ARRAY_LEN(trimmed_topics) * (size_t)p->n; i++) {
        if (p->noted[i] <= p->asked[i])
            continue;
        const char *topic = p->kafka->config->topics[trimmed_topics[i / (size_t)p->n]];
        rd_kafka_topic_partition_list_add(list, topic, (int32_t)(i % (size_t)p->n))->offset =
            p->noted[i];
        p->asked[i] = p->noted[i];
    }
    if (list->cnt > 0) {
        p->kafka->delete_records(p->client, list, REQUEST_TIMEOUT_MS);
        p->under_way = true;
    }
    rd_kafka_topic_partition_list_destroy(list);
}
