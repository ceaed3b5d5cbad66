#include "streamer/metrics/metrics.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/metrics/process_figures.h"

#include <assert.h>
#include <stdlib.h>

static const struct {
    int64_t us;
    const char *le;
} bounds[HISTOGRAM_BUCKETS] = {
    {1000, "0.001"},  {2000, "0.002"},  {5000, "0.005"},  {10000, "0.01"},
    {20000, "0.02"},  {50000, "0.05"},  {100000, "0.1"},  {200000, "0.2"},
    {500000, "0.5"},  {1000000, "1"},   {2000000, "2"},   {5000000, "5"},
    {10000000, "10"}, {20000000, "20"}, {30000000, "30"}, {60000000, "60"},
};

struct metrics *metrics_new(const struct config *config) {
    struct metrics *m = mem_calloc(1, sizeof *m);
    m->config = config;
    m->process_start_cs = process_start_time_cs();
    for (int entity = 0; entity < ENTITY_COUNT; entity++) {
        metric_set(&m->newest_event_ms[entity], TIMESTAMP_NONE);
        metric_set(&m->inputs[entity].newest_record_ms, TIMESTAMP_NONE);
    }
    return m;
}

void metrics_free(struct metrics *m) {
    if (m == NULL)
        return;
    for (int topic = 0; topic < TOPIC_COUNT; topic++)
        free(m->lag[topic].lag), free(m->lag[topic].end), free(m->lag[topic].reach),
            free(m->lag[topic].sent);
    free(m->tasks);
    free(m);
}

void metrics_set_partitions(struct metrics *m, enum topic topic, int32_t partitions) {
    assert(m->lag[topic].lag == NULL && partitions > 0);
    m->lag[topic].lag = mem_calloc((size_t)partitions, sizeof *m->lag[topic].lag);
    m->lag[topic].end = mem_calloc((size_t)partitions, sizeof *m->lag[topic].end);
    m->lag[topic].reach = mem_calloc((size_t)partitions, sizeof *m->lag[topic].reach);
    m->lag[topic].sent = mem_calloc((size_t)partitions, sizeof *m->lag[topic].sent);
    m->lag[topic].partitions = partitions;
    for (int32_t i = 0; i < partitions; i++) {
        metric_set(&m->lag[topic].lag[i], -1);
        metric_set(&m->lag[topic].end[i], -1);
        metric_set(&m->lag[topic].reach[i], -1);
        metric_set(&m->lag[topic].sent[i], -1);
    }
    if (topic != TOPIC_ACCOUNT_LINKS)
        return;
    m->tasks = mem_calloc((size_t)partitions, sizeof *m->tasks);
    for (int32_t i = 0; i < partitions; i++)
        metric_set(&m->tasks[i].remaining, -1);
}

void histogram_observe(struct histogram *h, int64_t us, int64_t times) {
    if (us < 0)
        us = 0;
    int i = 0;
    while (i < HISTOGRAM_BUCKETS && us > bounds[i].us)
        i++;
    metric_add(&h->buckets[i], times);
    metric_add(&h->sum_s, us / 1000000 * times);
    metric_add(&h->sum_us, us % 1000000 * times);
}

const char *histogram_bound(int bucket) {
    return bucket < HISTOGRAM_BUCKETS ? bounds[bucket].le : "+Inf";
}

int64_t histogram_bound_us(int bucket) {
    return bounds[bucket].us;
}
