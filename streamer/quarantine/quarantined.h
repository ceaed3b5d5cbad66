/* quarantined: one message of the quarantine topic, with what its headers say of the record in it.
 *
 *   headers of the message   those of the record, as its producer sent them, and behind them
 *                            quarantine.code .reason .topic .partition .offset .at, and .id where
 *                            the id could be read (pipeline.c)
 */
#ifndef STREAMER_QUARANTINE_QUARANTINED_H
#define STREAMER_QUARANTINE_QUARANTINED_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/kafka/kafka.h"
#include "streamer/model/sink.h"

#include <stdbool.h>
#include <stdint.h>

/* Headers of a record that is replayed. */
#define QUARANTINE_REPLAYS_HEADER "quarantine.replays" /* the mark's key (see `mark`) */
#define QUARANTINE_REPLAYED_AT_HEADER                                                              \
    "quarantine.replayed_at" /* when, "2024-02-15T00:00:00.000Z" */

/* All that it points to belongs to the message or to the caller of quarantined_read, and is good
 * until its next call. */
struct quarantined {
    int32_t partition; /* where the message is in the quarantine topic */
    int64_t offset;
    /* Where the record was in the input. The topic is the one of that time. */
    struct slice topic;
    int32_t input_partition;
    int64_t input_offset;
    /* ENTITY_COUNT: the topic is no input of this configuration. */
    enum entity entity;
    struct slice code, reason;
    struct slice id;         /* n == 0: the id could not be read */
    int64_t at_ms;           /* when it was quarantined; since 1970 */
    struct slice key, value; /* p == NULL: null */
    int64_t timestamp_ms;    /* of the record; since 1970; -1: it has none */
    /* Those of the record, as its producer sent them. A value can be null. */
    const struct sink_header *headers;
    size_t header_count;
    /* The name of this record, by which it is known whether it was replayed:
     * "<topic>/<partition>@<offset>#<hash>", of its place in the input. The hash is of timestamp,
     * key and value, so that a topic that was deleted and created anew has other names. A record
     * that a full refresh quarantines again has the same name. */
    struct slice mark;
    /* When it was replayed; TIMESTAMP_NONE: it was not, or nobody has looked (marks.h). */
    int64_t replayed_at_ms;
};

/* What quarantined_read needs; one thread. Zero-initialized is ready for use. */
struct quarantined_parts {
    struct sink_header *headers;
    size_t header_capacity;
    struct buf mark;
};

/* Fills `q` from a message of the quarantine topic. False: the message was not written by this
 * program, because a header is missing or is not as it must be. */
bool quarantined_read(const struct config *c, const rd_kafka_message_t *m,
                      struct quarantined_parts *parts, struct quarantined *q);
void quarantined_parts_release(struct quarantined_parts *parts);

/* "customers/0@17": where the record was in the input. */
void quarantined_put_place(const struct quarantined *q, struct buf *out);
/* A hash of key and value, by which the same row is recognized when it comes again. */
uint64_t quarantined_hash(const struct quarantined *q);

/* Called for one record after another. False with `e`: reading stops with this error. A function of
 * this type may hold records back and pass them on later to another one: `list --open` is such a
 * stage. */
typedef bool quarantined_seen(void *context, const struct quarantined *q, struct err *e);

#endif
