/* open_filter: which rejected records are still open. A record is open until it was replayed, or
 * until an accepted event of its id overtakes it (newest_accepted.h). A record whose id cannot be
 * read can only be replayed.
 *
 *   1. open_filter_put    for each record of the quarantine topic that is asked about
 *   2. open_filter_take   for each committed message of the topics that open_filter_needs names, in
 *                         the order of the offsets
 *   3. open_filter_pass   passes the open records on
 *
 * The records and what the topics say of their ids are sorted by id on disk (sorter.h). Memory does
 * not grow with the topics, nor with the number of records: a filter of OPEN_FILTER_BYTES knows
 * which ids are asked about.
 *
 * It knows no Kafka, and belongs to one thread. */
#ifndef STREAMER_QUARANTINE_OPEN_FILTER_H
#define STREAMER_QUARANTINE_OPEN_FILTER_H

#include "streamer/model/sink.h"
#include "streamer/quarantine/quarantined.h"

#include <stdatomic.h>

/* Up to ten million ids, few others pass: less than one in a hundred. */
#define OPEN_FILTER_BYTES ((size_t)16 << 20)

struct open_filter;
/* `config` is borrowed; its `schemas` are where schemas of Avro come from. *stop (NULL: never):
 * waiting for one ends when it becomes true. NULL with `e`: there is no room on disk. */
struct open_filter *open_filter_new(const struct config *config, const atomic_bool *stop,
                                    struct err *e);
void open_filter_free(struct open_filter *f); /* NULL is allowed */

/* Takes a record; a quarantined_seen, so that `filter` is the struct open_filter. */
bool open_filter_put(void *filter, const struct quarantined *q, struct err *e);

/* Whether messages of the topic must be taken. */
bool open_filter_needs(const struct open_filter *f, enum topic topic);
/* value.p == NULL: a tombstone. `headers` are those of a history row. */
bool open_filter_take(struct open_filter *f, enum topic topic, struct slice key, struct slice value,
                      struct history_headers headers, struct err *e);
/* Whether open_filter_take looks at more than the key of such a message. */
bool open_filter_wants(const struct open_filter *f, enum topic topic, struct slice key);

/* Passes the open records on, the oldest first by the time when they were quarantined. They have
 * all that struct quarantined has, but for the headers, and for key and value where the id is
 * known. */
bool open_filter_pass(struct open_filter *f, quarantined_seen *seen, void *context, struct err *e);

#endif
