/* customer_row: the state of one customer as one value: its timeline, the totals of its links, some
 * of the links, and its profile as it was emitted last. Avro binary by
 * schemas/internal/customer_row.avsc. Pure.
 *
 * The profile nearly always says what follows from the others, and is written down only where it
 * does not. What is read back is exactly what was emitted. So all that follows the timeline leans
 * on its current version, and may be copied as it is for as long as that one stays. */
#ifndef STREAMER_TASK_CUSTOMER_ROW_H
#define STREAMER_TASK_CUSTOMER_ROW_H

#include "schemas/rows.h"
#include "streamer/layers/marts/customer_profile.h"
#include "streamer/layers/snapshots/history.h"
#include "streamer/task/customer_links.h"

#include <stdbool.h>
#include <stdint.h>

struct customer_row {
    struct timeline timeline;
    struct totals totals;        /* of all links */
    struct customer_links links; /* most customers' are all here */
    bool has_profile;
    struct customer_profile_row profile; /* as emitted last */
};
void customer_row_clear(struct customer_row *r); /* says nothing; keeps memory */
void customer_row_release(struct customer_row *r);
/* Nothing has to be stored. */
bool customer_row_is_empty(const struct customer_row *r);
/* How many links have rows of their own. */
int64_t customer_row_links_outside(const struct customer_row *r);

/* The current version in the form in which the customer's accounts get to know it; its name points
 * to where the timeline's does. False: its attributes are none. */
bool customer_row_ref(const struct customer_row *r, struct customer_ref *ref);

void customer_row_encode(const struct customer_row *r, struct buf *out);
/* Slices of the decoded row point into `in`. */
bool customer_row_decode(struct slice in, int64_t customer_id, struct customer_row *r);
/* All but the timeline: `in` is what timeline_decode leaves of a row, `current` the version that it
 * read; NULL: none. */
bool customer_row_decode_rest(struct slice in, int64_t customer_id, const struct version *current,
                              struct customer_row *r);

#endif
