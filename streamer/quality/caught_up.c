#include "streamer/quality/caught_up.h"

#include "streamer/base/mem.h"

static const enum topic awaited[] = {TOPIC_CUSTOMERS, TOPIC_ACCOUNT_LINKS, TOPIC_CUSTOMER_REFS};

struct lag {
    int64_t known; /* partitions */
    int64_t records;
};

static void add_topic(struct lag *sum, const struct metrics *m, enum topic topic) {
    for (int32_t p = 0; p < m->lag[topic].partitions; p++) {
        int64_t lag = metric_get(&m->lag[topic].lag[p]);
        sum->known += lag >= 0;
        sum->records += lag > 0 ? lag : 0;
    }
}

static struct lag sum_lag(const struct metrics *m) {
    struct lag sum = {0};
    for (size_t i = 0; i < ARRAY_LEN(awaited); i++)
        add_topic(&sum, m, awaited[i]);
    return sum;
}

static int64_t sum_consumed(const struct metrics *m) {
    int64_t sum = 0;
    for (int t = 0; t < TOPIC_COUNT; t++)
        sum += metric_get(&m->consumed[t]);
    return sum;
}

/* With other partitions it begins anew, because they may have a backlog that is not known yet. */
void caught_up_sample(struct caught_up *c, const struct metrics *m, int64_t now_ms) {
    struct lag lag = sum_lag(m);
    int64_t consumed = sum_consumed(m);
    bool is_behind = lag.known == 0 || lag.known != c->known ||
                     (lag.records > 0 && lag.records >= consumed - c->consumed);
    c->samples = is_behind ? 0 : c->samples + 1;
    c->known = lag.known;
    c->consumed = consumed;
    if (c->samples >= CAUGHT_UP_SAMPLES)
        c->until_ms = now_ms;
}
