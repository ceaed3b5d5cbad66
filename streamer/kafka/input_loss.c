#include "streamer/kafka/input_loss.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"

#include <inttypes.h>
#include <stdlib.h>

/* Appends a number as "1,234,567". */
static void put_count(struct buf *out, int64_t n) {
    if (n >= 1000) {
        put_count(out, n / 1000);
        buf_printf(out, ",%03" PRId64, n % 1000);
    } else {
        buf_printf(out, "%" PRId64, n);
    }
}

static void put_loss(struct buf *out, const rd_kafka_topic_partition_t *p, int64_t start) {
    if (start <= 0)
        return;
    buf_printf(out, "  %s/%" PRId32 " starts at %" PRId64 ": ", p->topic, p->partition, start);
    put_count(out, start);
    buf_printf(out, " earlier record%s gone, and the history %s made\n",
               start == 1 ? " is" : "s are", start == 1 ? "it" : "they");
}

/* Adds the partitions of existing inputs to `list`, and a line to `out` for each missing input. */
static void list_inputs(const struct config *c, const struct rd_kafka_metadata *metadata,
                        rd_kafka_topic_partition_list_t *list, struct buf *out) {
    for (int t = 0; t < TOPIC_COUNT; t++) {
        if (!topic_is_input((enum topic)t))
            continue;
        const struct rd_kafka_metadata_topic *topic = kafka_metadata_topic(metadata, c->topics[t]);
        if (topic == NULL)
            buf_printf(out,
                       "  %s is not there: all its records are gone, and the history they made\n",
                       c->topics[t]);
        for (int32_t p = 0; topic != NULL && p < topic->partition_cnt; p++)
            (void)rd_kafka_topic_partition_list_add(list, c->topics[t], p);
    }
}

static bool describe_starts(rd_kafka_t *client, const rd_kafka_topic_partition_list_t *list,
                            int timeout_ms, struct buf *out, struct err *e) {
    size_t n = (size_t)list->cnt;
    int64_t *low = mem_calloc(n + 1, sizeof *low), *high = mem_calloc(n + 1, sizeof *high);
    bool ok = kafka_watermarks(client, list, low, high, timeout_ms, e);
    for (size_t i = 0; ok && i < n; i++)
        put_loss(out, &list->elems[i], low[i]);
    free(low);
    free(high);
    return ok;
}

bool input_loss_describe(rd_kafka_t *client, const struct config *c,
                         const struct kafka_trouble *trouble, int timeout_ms, struct buf *out,
                         struct err *e) {
    const struct rd_kafka_metadata *metadata =
        kafka_metadata(client, c->bootstrap, timeout_ms, trouble, e);
    if (metadata == NULL)
        return false;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    buf_clear(out);
    list_inputs(c, metadata, list, out);
    bool ok = describe_starts(client, list, timeout_ms, out, e);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(metadata);
    return ok;
}
