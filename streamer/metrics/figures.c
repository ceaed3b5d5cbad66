#include "streamer/metrics/figures.h"

#include "streamer/model/entity.h"

void figures_read(const struct metrics *m, int64_t at_us, struct figures *out) {
    *out = (struct figures){.at_us = at_us};
    for (int t = 0; t < TOPIC_COUNT; t++) {
        out->consumed[t] = metric_get(&m->consumed[t]);
        out->emitted[t] = metric_get(&m->emitted[t]);
    }
    for (int e = 0; e < ENTITY_COUNT; e++) {
        out->applied[e] = metric_get(&m->applied[e]);
        out->unchanged[e] = metric_get(&m->unchanged[e]);
        for (int r = 0; r < REASON_COUNT; r++)
            out->quarantined[e] += metric_get(&m->quarantined[e][r]);
    }
    out->commits = metric_get(&m->transactions[TRANSACTION_COMMITTED]);
    for (int i = 0; i <= HISTOGRAM_BUCKETS; i++)
        out->latency[i] = metric_get(&m->processing_latency.buckets[i]);
}

int64_t figures_judged(const struct figures *f, enum entity entity) {
    return f->applied[entity] + f->unchanged[entity] + f->quarantined[entity];
}

int64_t figures_consumed(const struct figures *f) {
    return f->consumed[TOPIC_CUSTOMERS] + f->consumed[TOPIC_ACCOUNTS];
}

int64_t figures_emitted(const struct figures *f) {
    int64_t sum = 0;
    for (int t = 0; t < TOPIC_COUNT; t++)
        sum += topic_is_result((enum topic)t) && t != TOPIC_QUARANTINE ? f->emitted[t] : 0;
    return sum;
}

int64_t figures_quarantined(const struct figures *f) {
    return f->quarantined[ENTITY_CUSTOMER] + f->quarantined[ENTITY_ACCOUNT];
}

int64_t figures_rate_milli(int64_t before, int64_t after, int64_t us) {
    return us > 0 && after > before ? (int64_t)((__int128)(after - before) * 1000000000 / us) : 0;
}

int64_t figures_latency_us(const struct figures *before, const struct figures *after, int percent) {
    int64_t counts[HISTOGRAM_BUCKETS + 1], all = 0, below = 0;
    for (int i = 0; i <= HISTOGRAM_BUCKETS; i++)
        all += counts[i] = after->latency[i] - before->latency[i];
    if (all <= 0)
        return -1;
    int64_t rank = (all * percent + 99) / 100; /* the record of that place, from 1 on */
    int i = 0;
    for (; i < HISTOGRAM_BUCKETS && below + counts[i] < rank; i++)
        below += counts[i];
    if (i == HISTOGRAM_BUCKETS)
        return histogram_bound_us(HISTOGRAM_BUCKETS - 1);
    int64_t low = i > 0 ? histogram_bound_us(i - 1) : 0, high = histogram_bound_us(i);
    return low + (int64_t)((__int128)(high - low) * (rank - below) / counts[i]);
}
