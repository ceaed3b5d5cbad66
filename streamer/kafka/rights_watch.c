#include "streamer/kafka/rights_watch.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/rights.h"

#include <stdlib.h>

#define EVERY_MS 5000 /* between two requests while no right is missing */
#define WAIT_MS 2000  /* for each answer; the worker does nothing else meanwhile */

struct rights_watch {
    const struct worker_kafka *kafka;
    struct kafka_client *client;
    struct rights needed, missing;
    bool has_asked; /* a request was sent, and not all answers have come */
    int64_t due_ms; /* the next request; monotonic */
    bool is_suspicious;
};

struct rights_watch *rights_watch_new(const struct worker_kafka *k, struct kafka_client *client) {
    struct rights_watch *w = mem_calloc(1, sizeof *w);
    *w = (struct rights_watch){.kafka = k, .client = client, .needed = rights_to_run()};
    return w;
}

void rights_watch_free(struct rights_watch *w) {
    free(w);
}

void rights_watch_suspect(struct rights_watch *w) {
    w->is_suspicious = true;
}

static void take_answers(struct rights_watch *w, int wait_ms) {
    if (w->has_asked && w->kafka->rights_answered(w->client, &w->needed, &w->missing, wait_ms))
        w->has_asked = false;
}

bool rights_watch_holds(struct rights_watch *w, int64_t now_ms, struct err *e) {
    bool waits = w->is_suspicious || !rights_are_none(&w->missing);
    take_answers(w, 0);
    if (!w->has_asked && (waits || now_ms >= w->due_ms)) {
        w->kafka->ask_rights(w->client, &w->needed);
        w->has_asked = true;
        w->due_ms = now_ms + EVERY_MS;
    }
    if (waits)
        take_answers(w, WAIT_MS);
    w->is_suspicious = false;
    return rights_are_none(&w->missing) || rights_deny(w->kafka->config, &w->missing, e);
}
