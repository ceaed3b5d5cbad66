/* kafka_properties: which kafka.* settings a user may pass through to librdkafka. Names here are
 * without the "kafka." prefix. */
#ifndef STREAMER_CONFIG_KAFKA_PROPERTIES_H
#define STREAMER_CONFIG_KAFKA_PROPERTIES_H

#include "streamer/base/err.h"
#include "streamer/base/nearest.h"

/* Asks librdkafka about name and value, after refusing what would break exactly-once or the
 * processor. False with the reason and what to use instead. */
bool kafka_property_check(const char *name, const char *value, struct err *e);

/* Why `name` is refused and what to use instead ("…, use app.id"), or NULL: it is not. */
const char *kafka_property_refusal(const char *name);

/* "sasl.password" for "sasl.password.file": the secret whose value is to be read from a file. NULL:
 * `name` is no such setting. */
const char *kafka_property_of_file(const char *name);

/* The names that librdkafka documents and those of kafka_property_of_file, owned by the struct. */
struct kafka_property_names {
    char **names;
    size_t count;
};
void kafka_property_names_init(struct kafka_property_names *n);
void kafka_property_names_release(struct kafka_property_names *n);

/* Is the value of `name` not to be shown (passwords, keys, tokens)? */
bool kafka_property_is_secret(const char *name);

#endif
