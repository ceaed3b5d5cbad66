/* listing: sorts quarantined records for a list, on disk, so that memory does not grow with their
 * number. Either each record by the time of its rejection, or one row for each id. */
#ifndef STREAMER_QUARANTINE_LISTING_H
#define STREAMER_QUARANTINE_LISTING_H

#include "streamer/quarantine/quarantined.h"

/* A row of the list. */
struct listed {
    /* The record; of several of one id the newest. Its headers, key and value are not set. */
    struct quarantined newest;
    uint64_t count;                  /* of the records that the row stands for */
    int64_t first_at_ms, last_at_ms; /* when they were quarantined */
};

struct listing; /* one thread */

/* is_distinct: one row for each topic and id, in their order. Records whose id could not be read
 * are the same if their keys and values are. NULL with an error. */
struct listing *listing_new(bool is_distinct, struct err *e);
void listing_free(struct listing *l); /* NULL is allowed */

/* A quarantined_seen; the context is the listing. */
bool listing_put(void *listing, const struct quarantined *q, struct err *e);
/* Calls `row` for each row. False with `e` if `row` returns false, or the disk fails. */
bool listing_rows(struct listing *l,
                  bool (*row)(void *context, const struct listed *r, struct err *e), void *context,
                  struct err *e);

#endif
