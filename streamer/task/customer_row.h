/* customer_row: the state of one customer as one value: its timeline, the totals of its links, some
 * of the links, and its profile as it was emitted last. Avro binary by
 * schemas/internal/customer_row.avsc. Pure.
 *
 *   timeline | totals | links | profile | origin      what is behind the timeline is the "tail"
 *
 * The profile nearly always follows from the current version and the totals. It is stored only
 * where it does not, so the tail is valid only with the current version of the timeline: it may be
 * copied as it is as long as that version stays. What is read back is exactly what was emitted.
 *
 * Rows of version 0.2 end before the origin, and are read as rows without one. */
#ifndef STREAMER_TASK_CUSTOMER_ROW_H
#define STREAMER_TASK_CUSTOMER_ROW_H

#include "schemas/rows.h"
#include "streamer/layers/marts/customer_profile.h"
#include "streamer/layers/snapshots/history.h"
#include "streamer/task/customer_links.h"
#include "streamer/task/customer_ref.h"

#include <stdbool.h>
#include <stdint.h>

struct customer_row {
    struct timeline timeline;
    struct row_origin origin;    /* of the current version */
    struct totals totals;        /* of all links */
    struct customer_links links; /* of most customers these are all links */
    bool has_profile;
    struct customer_profile_row profile; /* as emitted last; only if has_profile */
};
void customer_row_clear(struct customer_row *r); /* makes it empty, and keeps its memory */
void customer_row_release(struct customer_row *r);
/* Whether there is nothing that has to be stored. */
bool customer_row_is_empty(const struct customer_row *r);
/* The number of links that have rows of their own. */
int64_t customer_row_links_outside(const struct customer_row *r);

/* Makes of the current version the ref that the customer's accounts are sent. Its name points to
 * where the timeline's does. False if the version's attributes are damaged. */
bool customer_row_ref(const struct customer_row *r, struct customer_ref *ref);
/* The origin that goes with that ref. */
struct ref_origin customer_row_ref_origin(const struct customer_row *r);

/* Appends the row to `out`. */
void customer_row_encode(const struct customer_row *r, struct buf *out);
/* False if `in` is damaged. Slices of the decoded row point into `in`. */
bool customer_row_decode(struct slice in, int64_t customer_id, struct customer_row *r);
/* Decodes the tail alone. `in` is what timeline_decode leaves of a row. `current` is the current
 * version of the timeline that it read, or NULL if there is none. */
bool customer_row_decode_rest(struct slice in, int64_t customer_id, const struct version *current,
                              struct customer_row *r);

#endif
