/* customer_ref: the value of a message of customer-refs behind its format byte, and of the state
 * family of the same name: the customer's current version, and the input record that it comes from.
 * Avro binary by schemas/internal/customer_ref.avsc. Pure.
 *
 *   known | customer_name | has_loan_flag | origin
 *
 * Version 0.2 wrote no origin. Such a value ends before it, and is read as one whose origin is not
 * known. Version 0.2 in turn passes over the origin. */
#ifndef STREAMER_TASK_CUSTOMER_REF_H
#define STREAMER_TASK_CUSTOMER_REF_H

#include "schemas/rows.h"
#include "streamer/task/row_origin.h"

#include <stdbool.h>
#include <stdint.h>

/* The record that the customer's version comes from. The times are epoch ms, and only set if the
 * record exists. */
struct ref_origin {
    struct row_origin record; /* in the topic of customers */
    int64_t valid_from_at;    /* of the version: the time that the record counts as */
    int64_t loaded_at;        /* of the version: the record's Kafka timestamp */
};

/* Appends the value to `out`. */
void customer_ref_encode(const struct customer_ref *ref, const struct ref_origin *origin,
                         struct buf *out);
/* False: `in` is damaged. The name points into `in`. origin == NULL: it is not wanted. */
bool customer_ref_decode(struct slice in, struct customer_ref *ref, struct ref_origin *origin);

#endif
