/* slow_produce: loaded before the program's libraries (LD_PRELOAD), makes each message cost time, as a slow disk or a starved
 * machine does:
 *
 *   PRODUCE_MS=N   at least so long takes each call of rd_kafka_produce. Messages with headers do not go through it.
 */
#include <dlfcn.h>
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <time.h>

static void wait_ms(long ms) {
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0)
        ;
}

int rd_kafka_produce(rd_kafka_topic_t *topic, int32_t partition, int flags, void *value, size_t value_size,
                     const void *key, size_t key_size, void *opaque) {
    int (*call)(rd_kafka_topic_t *, int32_t, int, void *, size_t, const void *, size_t, void *);
    *(void **)&call = dlsym(RTLD_NEXT, "rd_kafka_produce");
    const char *ms = getenv("PRODUCE_MS");
    if (call == NULL || ms == NULL)
        abort();
    wait_ms(atol(ms));
    return call(topic, partition, flags, value, value_size, key, key_size, opaque);
}
