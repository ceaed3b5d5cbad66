#include "streamer/commands/demo_events.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"

#include <stdlib.h>
#include <string.h>

#define FLUSH_MS 1000
/* After so many rounds the same balances come again, and the same late events. */
#define ROUNDS 24

struct demo_events {
    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
    int sent;
    struct buf json;
};

/* The accounts are those of tests/data/accounts.csv; A-2079 is new. The balance of a round is
 * first + round x step. */
static const struct sample_event {
    const char *account, *type;
    int customer, first, step;
    bool is_late;
} events[] = {
    {"A-2003", "Savings", 1003, 9000, 250, false},
    {"A-2033", "Checking", 1001, 1500, 10, false},
    {DEMO_LATE_ACCOUNT, "Savings", 1012, 110, 5, true}, /* its newest event is of 2025-02-12 */
    {"A-2045", "Savings", 1015, 15750, -40, false},
    {"A-2079", "Savings", 1004, -20, 0, false}, /* is rejected */
};

static rd_kafka_t *new_producer(const struct config *config, const char *bootstrap, struct err *e) {
    rd_kafka_conf_t *conf = kafka_conf(config, e);
    if (conf != NULL && !(kafka_conf_set(conf, "bootstrap.servers", bootstrap, e) &&
                          kafka_conf_set(conf, "partitioner", "murmur2_random", e))) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return kafka_client(RD_KAFKA_PRODUCER, conf, e);
}

struct demo_events *demo_events_new(const struct config *config, const char *bootstrap,
                                    struct err *e) {
    struct demo_events *d = mem_calloc(1, sizeof *d);
    d->producer = new_producer(config, bootstrap, e);
    if (d->producer != NULL)
        d->topic = rd_kafka_topic_new(d->producer, config->topics[TOPIC_ACCOUNTS], NULL);
    if (d->topic != NULL)
        return d;
    if (d->producer != NULL)
        (void)err_set(e, ERR_STOP, "demo: kafka: %s", rd_kafka_err2str(rd_kafka_last_error()));
    demo_events_free(d);
    return NULL;
}

static void put_event(struct buf *out, const struct sample_event *event, int round) {
    buf_clear(out);
    buf_printf(out,
               "{\"account_id\":\"%s\",\"customer_id\":%d,\"balance\":%d,\"account_type\":\"%s\"",
               event->account, event->customer, event->first + round * event->step, event->type);
    if (event->is_late)
        buf_printf(out, ",\"updated_at\":\"2025-02-11T%02d:30:00Z\"", round);
    buf_put_byte(out, '}');
}

bool demo_events_send(struct demo_events *d, struct err *e) {
    const struct sample_event *event = &events[(size_t)d->sent % ARRAY_LEN(events)];
    put_event(&d->json, event, d->sent / (int)ARRAY_LEN(events) % ROUNDS);
    d->sent++;
    (void)rd_kafka_poll(d->producer, 0);
    return rd_kafka_produce(d->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, d->json.p,
                            d->json.n, event->account, strlen(event->account), NULL) == 0 ||
           err_set(e, ERR_STOP, "demo: a sample event cannot be published: %s",
                   rd_kafka_err2str(rd_kafka_last_error()));
}

void demo_events_free(struct demo_events *d) {
    if (d == NULL)
        return;
    if (d->topic != NULL)
        rd_kafka_topic_destroy(d->topic);
    if (d->producer != NULL) {
        (void)rd_kafka_flush(d->producer, FLUSH_MS);
        rd_kafka_destroy(d->producer);
    }
    buf_release(&d->json);
    free(d);
}
