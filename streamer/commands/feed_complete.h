/* feed_complete: `feed --complete`. The files hold all rows of the entity, so whatever is current
 * and not in them is deleted. One thread.
 *
 *   1. begin    before any row is published: waits until the processor has read what is in the
 *               input; which ids are current in the committed history then
 *   2. note     each row of the files, and where its message lies
 *   3. choose   waits until the processor has read them; what is missing; asks the user
 *   4. publish  the deletes
 *
 * Nothing is deleted before 4, so whatever breaks off before that leaves all rows alive, and the
 * same command may be run again. A delete has the time of the drop and is placed by it (rule O10):
 * what changes after that time lives. An id that the history or a confirmation says is there after
 * that time is not deleted at all. */
#ifndef STREAMER_COMMANDS_FEED_COMPLETE_H
#define STREAMER_COMMANDS_FEED_COMPLETE_H

#include "streamer/base/err.h"
#include "streamer/base/slice.h"
#include "streamer/config/config.h"
#include "streamer/kafka/kafka.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What the user asked for. NULL texts: not given. */
struct feed_complete_options {
    /* The time of the drop; else the newest updated_at of the files, where a row without one counts
     * as now. */
    const char *as_of;
    const char *max_deletes; /* delete_limit.h */
    const char *timeout;     /* how long the processor may take, each time; 10m */
    const char *url;         /* of the instance, for the embedded broker */
    bool yes;                /* does not ask */
    bool dry_run;            /* says what would be deleted; the caller publishes nothing */
    const atomic_bool *stop; /* ends at once when it becomes true; NULL: never */
    FILE *out;               /* where it says what it does */
    FILE *progress;          /* a terminal to draw on, or NULL */
};

/* The header of each delete: it is placed by its time (rule O10). */
#define FEED_COMPLETE_HEADER "streamer.order"
#define FEED_COMPLETE_HEADER_VALUE "event_time"

struct feed_complete;

/* `client` is any handle; it and the options are borrowed. The caller frees the result. NULL with
 * `e`: ERR_CONFIG if an option is wrong. */
struct feed_complete *feed_complete_begin(const struct config *c, enum entity entity,
                                          const struct feed_complete_options *o, rd_kafka_t *client,
                                          struct err *e);
void feed_complete_free(struct feed_complete *f); /* NULL is allowed */

/* A row of the files: `value` is its message, `file` and `line` say where it is. */
bool feed_complete_note_row(struct feed_complete *f, struct slice value, const char *file,
                            uint64_t line, struct err *e);
/* The brokers have acknowledged a row. */
void feed_complete_note_delivered(struct feed_complete *f, int32_t partition, int64_t offset);

/* All rows are acknowledged. True: *deletes says how many rows are to be deleted. False with `e`:
 * nothing may be deleted. */
bool feed_complete_choose(struct feed_complete *f, uint64_t *deletes, struct err *e);

/* Publishes a message with the header above. */
typedef bool feed_complete_publish_one(void *context, struct slice key, struct slice value,
                                       struct err *e);
/* Publishes a delete for each of them. */
bool feed_complete_publish(struct feed_complete *f, feed_complete_publish_one *publish,
                           void *context, struct err *e);

#endif
