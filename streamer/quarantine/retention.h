/* retention: how long Kafka keeps what is in the quarantine. */
#ifndef STREAMER_QUARANTINE_RETENTION_H
#define STREAMER_QUARANTINE_RETENTION_H

#include "streamer/base/buf.h"
#include "streamer/config/config.h"

#include <stdint.h>

/* retention.ms of the quarantine topic: -1 is for ever, TOPIC_FACT_UNKNOWN (topic_facts.h) that the
 * broker does not tell. False with `e` (ERR_STOP): no broker answers, or there is no quarantine. */
bool retention_read(const struct config *c, int64_t *ms, struct err *e);
/* "topic quarantine keeps records for 7 days (retention.ms=604800000, counted from their
 * timestamps); the oldest was quarantined at …". oldest_at_ms TIMESTAMP_NONE: there is none. */
void retention_put(struct buf *out, const struct config *c, int64_t ms, int64_t oldest_at_ms);

#endif
