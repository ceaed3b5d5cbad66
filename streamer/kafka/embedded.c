#include "streamer/kafka/embedded.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"

#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

#define DEFAULT_PARTITIONS 2

struct embedded {
    rd_kafka_t *host; /* the handle that contains the broker */
    rd_kafka_mock_cluster_t *cluster;
};

static bool create(struct embedded *b, const char *topic, int32_t n, struct err *e) {
    rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(b->cluster, topic, n, 1);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           err_set(e, ERR_STOP, "embedded broker: topic %s: %s", topic, rd_kafka_err2str(code));
}

struct embedded *embedded_start(const struct config *c, struct topic_layout *layout,
                                struct err *e) {
    char text[256];
    struct embedded *b = mem_calloc(1, sizeof *b);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "log_level", "3", text, sizeof text);
    b->host = kafka_client(RD_KAFKA_PRODUCER, conf, e);
    b->cluster = b->host != NULL ? rd_kafka_mock_cluster_new(b->host, 1) : NULL;
    if (b->cluster == NULL) {
        if (b->host != NULL)
            (void)err_set(e, ERR_STOP, "the embedded broker does not start");
        embedded_stop(b);
        return NULL;
    }
    layout->n = c->partitions > 0 ? (int32_t)c->partitions : DEFAULT_PARTITIONS;
    layout->delete_retention_ms = INT64_MAX;
    bool ok = create(b, c->replayed_topic, 1, e);
    for (int t = 0; ok && t < TOPIC_COUNT; t++) {
        layout->partitions[t] = layout->n;
        ok = create(b, c->topics[t], layout->n, e);
    }
    if (ok)
        return b;
    embedded_stop(b);
    return NULL;
}

void embedded_stop(struct embedded *b) {
    if (b == NULL)
        return;
    if (b->cluster != NULL)
        rd_kafka_mock_cluster_destroy(b->cluster);
    if (b->host != NULL)
        rd_kafka_destroy(b->host);
    free(b);
}

const char *embedded_bootstrap(const struct embedded *b) {
    return rd_kafka_mock_cluster_bootstraps(b->cluster);
}
