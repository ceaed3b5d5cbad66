#include "streamer/quarantine/whole_topic.h"

#include "streamer/kafka/kafka.h"
#include "streamer/kafka/kafka_trouble.h"

bool whole_topic_init(struct whole_topic *w, const struct config *c, const atomic_bool *stop,
                      struct err *e) {
    struct kafka_trouble trouble = {0};
    rd_kafka_t *client = kafka_asking_client(c, &trouble, e);
    *w = (struct whole_topic){.config = c, .stop = stop};
    if (client == NULL)
        return false;
    w->is_embedded = kafka_is_embedded(client);
    (void)kafka_destroy(client);
    return true;
}

/* The embedded broker keeps only the newest messages. */
static bool check_beginning(const struct whole_topic *w, enum topic topic, const int64_t *begin,
                            const struct topic_positions *positions, struct err *e) {
    for (int32_t p = 0; w->is_embedded && p < positions->count; p++)
        if (positions->low[p] > 0 && (begin == NULL || begin[p] != WHOLE_TOPIC_SKIP))
            return err_set(e, ERR_STOP,
                           "topic %s: the embedded broker no longer has its beginning, so what it "
                           "said is not known; use a real Kafka for this",
                           w->config->topics[topic]);
    return true;
}

bool whole_topic_read(const struct whole_topic *w, enum topic topic, const int64_t *begin,
                      int32_t begin_count, topic_reader_seen *seen, void *context, struct err *e) {
    const struct topic_reader_options o = {.topic = w->config->topics[topic],
                                           .begin = begin,
                                           .begin_count = begin_count,
                                           .stop = w->stop};
    struct topic_positions positions = {0};
    bool ok = topic_read(w->config, &o, seen, context, &positions, e) &&
              check_beginning(w, topic, begin, &positions, e);
    topic_positions_release(&positions);
    return ok;
}

struct slice message_key_of(const rd_kafka_message_t *m) {
    return m->key != NULL ? slice_of(m->key, m->key_len) : slice_null();
}

struct slice message_value_of(const rd_kafka_message_t *m) {
    return m->payload != NULL ? slice_of(m->payload, m->len) : slice_null();
}
