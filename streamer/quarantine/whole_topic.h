/* whole_topic: reads the messages of one of the application's topics from its beginning, for what
 * must know all of them. */
#ifndef STREAMER_QUARANTINE_WHOLE_TOPIC_H
#define STREAMER_QUARANTINE_WHOLE_TOPIC_H

#include "streamer/config/config.h"
#include "streamer/kafka/topic_reader.h"

struct whole_topic {
    const struct config *config;
    const atomic_bool *stop; /* NULL: nothing interrupts */
    bool is_embedded;        /* the broker is an embedded one (kafka_is_embedded) */
};
/* Asks the broker what it is. */
bool whole_topic_init(struct whole_topic *w, const struct config *c, const atomic_bool *stop,
                      struct err *e);

/* Reads the partitions for which begin[p] is not WHOLE_TOPIC_SKIP; NULL: all. begin_count is as
 * topic_reader.h says. ERR_STOP, beside the
 * errors of topic_read: the embedded broker has already deleted messages of these. */
#define WHOLE_TOPIC_SKIP INT64_MAX
bool whole_topic_read(const struct whole_topic *w, enum topic topic, const int64_t *begin,
                      int32_t begin_count, topic_reader_seen *seen, void *context, struct err *e);

/* Key and value of a message; p == NULL: null. */
struct slice message_key_of(const rd_kafka_message_t *m);
struct slice message_value_of(const rd_kafka_message_t *m);

#endif
