#include "streamer/quarantine/retention.h"

#include "streamer/base/timestamp.h"
#include "streamer/config/config_value.h"
#include "streamer/kafka/topic_facts.h"

#include <inttypes.h>

bool retention_read(const struct config *c, int64_t *ms, struct err *e) {
    struct topic_facts facts;
    const char *topic = c->topics[TOPIC_QUARANTINE];
    if (!topic_facts_ask(c, topic, &facts, e))
        return false;
    *ms = facts.retention_ms;
    return facts.partitions > 0 ||
           err_set(e, ERR_STOP,
                   "kafka: there is no topic %s, start `streamer run`, which creates it, or check "
                   "topic.quarantine",
                   topic);
}

void retention_put(struct buf *out, const struct config *c, int64_t ms, int64_t oldest_at_ms) {
    const char *topic = c->topics[TOPIC_QUARANTINE];
    if (ms == TOPIC_FACT_UNKNOWN)
        buf_printf(out, "the broker does not tell how long topic %s keeps records", topic);
    else if (ms < 0)
        buf_printf(out, "topic %s keeps records for ever (retention.ms=-1)", topic);
    else
        buf_printf(out,
                   "topic %s keeps records for %s (retention.ms=%" PRId64
                   ", counted from their timestamps)",
                   topic, duration_text(ms).text, ms);
    if (oldest_at_ms == TIMESTAMP_NONE)
        return;
    buf_put_str(out, "; the oldest was quarantined at ");
    timestamp_put_nearest(out, oldest_at_ms);
}
