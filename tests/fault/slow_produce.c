/* slow_produce: is linked around calls of the program (--wrap), and makes each message cost time,
 * like a slow disk or an overloaded machine:
 *
 *   PRODUCE_MS=N
 *       each call of rd_kafka_produce takes at least that long. Messages with headers are not sent
 *       with that call.
 */
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <time.h>

static void wait_ms(long ms) {
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0)
        ;
}

/* Names for the linker: __real_ is the call itself, and __wrap_ is what the program calls. */
int __real_rd_kafka_produce(rd_kafka_topic_t *topic, int32_t partition, int flags, void *value,
                            size_t value_size, const void *key, size_t key_size, void *opaque);
int __wrap_rd_kafka_produce(rd_kafka_topic_t *topic, int32_t partition, int flags, void *value,
                            size_t value_size, const void *key, size_t key_size, void *opaque);

int __wrap_rd_kafka_produce(rd_kafka_topic_t *topic, int32_t partition, int flags, void *value,
                            size_t value_size, const void *key, size_t key_size, void *opaque) {
    const char *ms = getenv("PRODUCE_MS");
    if (ms != NULL)
        wait_ms(atol(ms));
    return __real_rd_kafka_produce(topic, partition, flags, value, value_size, key, key_size,
                                   opaque);
}
