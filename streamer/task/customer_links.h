/* customer_links: those links of a customer that are part of its row. They are a sorted list, which
 * is searched and changed in the bytes in which it is stored. The list is bounded; further links
 * have rows of their own (task_rows.c). Pure.
 *
 * Avro binary by schemas/internal/customer_row.avsc, field "links". The list is one block that says
 * its size in bytes, so that whoever does not need the links can skip them:
 *
 *   -count | size | items | 0      where there are links
 *   0                              where there are none
 *
 *   items: for each link, sorted by account_id:   account_id | link (schemas/internal/link.avsc) */
#ifndef STREAMER_TASK_CUSTOMER_LINKS_H
#define STREAMER_TASK_CUSTOMER_LINKS_H

#include "schemas/rows.h"
#include "streamer/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CUSTOMER_LINKS_MAX 32
/* Ids can be long: no link is added that could bring the items above this size. */
#define CUSTOMER_LINKS_BYTES 4096

struct customer_links {
    int64_t count;
    struct slice items; /* borrowed */
};
void customer_links_clear(struct customer_links *l); /* removes all */
/* Appends the list to `out`. */
void customer_links_encode(const struct customer_links *l, struct buf *out);
/* Reads from the front of `in` and moves it behind. The items point into `in`, and are checked only
 * when they are looked at. False if `in` is damaged. */
bool customer_links_decode(struct slice *in, struct customer_links *l);

/* Where an account's link is among the items, or would be. */
struct customer_links_place {
    size_t at, end; /* of its bytes; equal if it is not there */
    bool exists;
    struct account_link link; /* only if it exists */
};
/* False if the items are damaged. */
bool customer_links_find(const struct customer_links *l, struct slice account_id,
                         struct customer_links_place *p);
/* Adds or replaces the link at a place that customer_links_find has set. link == NULL: removes it.
 * The items are in `bytes` afterwards; before, they must not be there. */
void customer_links_change(struct customer_links *l, const struct customer_links_place *p,
                           struct slice account_id, const struct account_link *link,
                           struct buf *bytes);
/* Reads the next link from the front of `*rest` and moves it behind. `*rest` is l->items at first,
 * and empty at the end. False if the items are damaged. */
bool customer_links_next(struct slice *rest, struct slice *account_id, struct account_link *link);

/* A link alone, by schemas/internal/link.avsc. Decoding reads from the front of `in` and moves it
 * behind. */
void link_encode(const struct account_link *link, struct buf *out);
bool link_decode(struct slice *in, struct account_link *link);

#endif
