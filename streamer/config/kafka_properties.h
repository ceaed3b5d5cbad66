/* kafka_properties: which kafka.* settings a user may pass on to librdkafka. Names here have no
 * "kafka." prefix. */
#ifndef STREAMER_CONFIG_KAFKA_PROPERTIES_H
#define STREAMER_CONFIG_KAFKA_PROPERTIES_H

#include "streamer/base/err.h"
#include "streamer/base/nearest.h"

/* Refuses properties that would break exactly-once or the processor, and then asks librdkafka about
 * name and value. False: the error says why, and what to use instead. */
bool kafka_property_check(const char *name, const char *value, struct err *e);

/* Why `name` is refused and what to use instead ("…, use app.id"). NULL: it is allowed. */
const char *kafka_property_refusal(const char *name);

/* The secret whose value a file holds: "sasl.password" for "sasl.password.file". NULL: `name` is no
 * such setting. */
const char *kafka_property_of_file(const char *name);

/* The names that librdkafka documents, and those that kafka_property_of_file knows. The struct owns
 * them. */
struct kafka_property_names {
    char **names;
    size_t count;
};
void kafka_property_names_init(struct kafka_property_names *n);
void kafka_property_names_release(struct kafka_property_names *n);

/* Whether the value of `name` must not be shown (passwords, keys, tokens). */
bool kafka_property_is_secret(const char *name);

#endif
