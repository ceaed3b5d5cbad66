#include "streamer/quarantine/open_topics.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/worker_kafka.h"
#include "streamer/quarantine/whole_topic.h"
#include "streamer/task/task_history.h"

struct showing {
    struct open_filter *filter;
    enum topic topic;
};

static struct history_headers headers_of(const rd_kafka_message_t *m) {
    rd_kafka_headers_t *headers = NULL;
    if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        headers = NULL;
    return (struct history_headers){.origin = worker_kafka_header(headers, SINK_SOURCE_HEADER),
                                    .split = worker_kafka_header(headers, TASK_SPLIT_HEADER)};
}

static bool show(void *context, const rd_kafka_message_t *m, struct err *e) {
    struct showing *s = context;
    struct slice key = message_key_of(m);
    return !open_filter_wants(s->filter, s->topic, key) ||
           open_filter_take(s->filter, s->topic, key, message_value_of(m), headers_of(m), e);
}

bool open_topics_read(struct open_filter *f, const struct config *c, const atomic_bool *stop,
                      struct err *e) {
    static const enum topic topics[] = {TOPIC_CUSTOMER_HISTORY, TOPIC_ACCOUNT_HISTORY,
                                        TOPIC_CONFIRMATIONS};
    struct whole_topic w;
    bool ok = whole_topic_init(&w, c, stop, e);
    for (size_t i = 0; ok && i < ARRAY_LEN(topics); i++) {
        struct showing s = {f, topics[i]};
        ok = !open_filter_needs(f, topics[i]) ||
             whole_topic_read(&w, topics[i], NULL, 0, show, &s, e);
    }
    return ok;
}
