/* result_reader: reads a table of results as typed rows, once: the committed messages of its topic,
 * or on the embedded broker, which forgets old messages, the rows of the instance that has it.
 *
 * Of a key that comes several times the last row or tombstone counts. Those of one key come in
 * their order. Memory does not depend on the size of the table. */
#ifndef STREAMER_EXPORT_RESULT_READER_H
#define STREAMER_EXPORT_RESULT_READER_H

#include "schemas/rows.h"
#include "streamer/kafka/topic_reader.h"

/* The instance that is asked where there is only an embedded broker. Borrowed. */
struct result_instance {
    const char *url;         /* "http://127.0.0.1:9464" */
    const char *token;       /* NULL: it asks for none */
    const char *authorities; /* path of a PEM file; "": the system's */
    struct buf *headers;     /* gets those of the answer before the first row; NULL: not wanted */
    int patience_ms;         /* how long it is asked again while it is busy; 0: not */
};
#define RESULT_INSTANCE_PATIENCE_MS 30000

struct result_reader_options {
    enum row_result table;
    enum topic_reader_end end;              /* of a topic */
    const struct result_instance *instance; /* NULL: none is known */
    const atomic_bool *stop;                /* reading ends when it becomes true; NULL: never */
    /* Called now and then: how much of how much was read, in offsets; total 0: it is not known.
     * NULL: not called. */
    void (*progress)(void *context, uint64_t done, uint64_t total);
};

struct result_row {
    int32_t partition;                 /* -1: from an instance */
    int64_t offset;                    /* the same */
    int64_t timestamp_ms;              /* of Kafka; 0: from an instance */
    struct slice key;                  /* as result topics have it (result_key.h) */
    const void *row;                   /* a struct of the table's type; NULL: a tombstone */
    const rd_kafka_message_t *message; /* NULL: from an instance */
};

/* Called for each row, on the thread that reads. The row is good until it returns. False: reading
 * stops with `e`. */
typedef bool result_reader_seen(void *context, const struct result_row *r, struct err *e);

/* The topic that has the table. */
enum topic result_topic(enum row_result table);

/* `positions` (NULL: not wanted) are those of the topic; no partitions if an instance was asked.
 * The caller releases them. False with `e`: as topic_read, or
 *
 *   ERR_STOP  a message is no row of the table; its schema cannot be found; the instance does not
 *             answer, or has broken off; reading has taken longer than the topic keeps tombstones
 *             (delete.retention.ms), so that rows which were deleted meanwhile may have been seen
 *             without their tombstones */
bool result_read(const struct config *c, const struct result_reader_options *o,
                 result_reader_seen *seen, void *context, struct topic_positions *positions,
                 struct err *e);

#endif
