/* row_origin: the input record that the current version of an id comes from, as the rows of
 * accounts and customers keep it. It is known from the headers of the version's message in the
 * history topic, so a restore brings it back. Pure. */
#ifndef STREAMER_TASK_ROW_ORIGIN_H
#define STREAMER_TASK_ROW_ORIGIN_H

#include "streamer/base/buf.h"
#include "streamer/model/sink.h"

#include <stdbool.h>
#include <stdint.h>

struct row_origin {
    bool exists; /* false: the message named no record */
    /* The record did not open the version: a late event or an end has split the version off the one
     * before it. Which record opened it is not known. */
    bool is_split;
    int64_t partition, offset; /* in the input topic of the entity; the offset is not negative */
};

/* Reads the record that the headers of a history row name, if they name one. */
struct row_origin row_origin_read(struct history_headers headers);

/* Avro binary: the field "origin" of schemas/internal/account_row.avsc and customer_row.avsc.
 * Decoding reads from the front of `in` and moves it behind. False: `in` is damaged. */
void row_origin_encode(const struct row_origin *o, struct buf *out);
bool row_origin_decode(struct slice *in, struct row_origin *o);

#endif
