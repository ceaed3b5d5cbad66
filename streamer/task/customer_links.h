/* customer_links: those links of a customer that are part of its row: a sorted list in the bytes
 * that it is stored in, looked at and changed there. Bounded; what is over the bound has rows of
 * its own (task_rows.c). Pure.
 *
 * Avro binary by schemas/internal/customer_row.avsc, field "links": one block that says its size in
 * bytes, so that who does not need the links passes over them: -count | size | for each link,
 * ascending by account_id: account_id, then the link as by schemas/internal/link.avsc | 0. No
 * links: 0. */
#ifndef STREAMER_TASK_CUSTOMER_LINKS_H
#define STREAMER_TASK_CUSTOMER_LINKS_H

#include "schemas/rows.h"
#include "streamer/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CUSTOMER_LINKS_MAX 32
#define CUSTOMER_LINKS_BYTES                                                                       \
    4096 /* ids can be long: no link is added that would come near to more */

struct customer_links {
    int64_t count;
    struct slice items; /* borrowed */
};
void customer_links_clear(struct customer_links *l); /* none */
void customer_links_encode(const struct customer_links *l, struct buf *out);
/* Reads from the front of `in` and moves it behind. The items are looked at only when they are
 * asked for. */
bool customer_links_decode(struct slice *in, struct customer_links *l);

/* Where an account's link is, or would be. */
struct customer_links_place {
    size_t at, end; /* of its bytes among the items; equal if it is not there */
    bool exists;
    struct account_link link; /* if it is there */
};
/* False: the items are damaged. */
bool customer_links_find(const struct customer_links *l, struct slice account_id,
                         struct customer_links_place *p);
/* Puts a link there, in place of the one that is (link == NULL: takes that one out). The items are
 * in `bytes` then, which must not be what they were in. */
void customer_links_change(struct customer_links *l, const struct customer_links_place *p,
                           struct slice account_id, const struct account_link *link,
                           struct buf *bytes);
/* The next link from `*rest` on, which is l->items at first and empty at the end. False: the items
 * are damaged. */
bool customer_links_next(struct slice *rest, struct slice *account_id, struct account_link *link);

/* A link alone: schemas/internal/link.avsc. Reads from the front of `in` and moves it behind. */
void link_encode(const struct account_link *link, struct buf *out);
bool link_decode(struct slice *in, struct account_link *link);

#endif
