/* rewrite: sets fields in the bytes of a record, so that a record that was rejected can be repaired
 * and sent again. All other bytes stay as they are. It reads all formats that decode.h reads:
 *
 *   flat JSON, flattened records of Debezium    the members of the object
 *   Debezium's envelope                         those of `after`; of `before` for a delete
 *   {"schema", "payload"}                       the same within the payload
 *   JSON behind the id of a schema              the same behind the id
 *   Avro                                        the value by its writer's schema
 *
 * A field is found by the names that decode knows. In JSON one that is missing is added under its
 * own name. The new value has the type that the schema says. JSON without a schema keeps the type
 * of the old value if the text fits it (a number stays a number); else the value becomes a text. */
#ifndef STREAMER_LAYERS_SOURCE_REWRITE_H
#define STREAMER_LAYERS_SOURCE_REWRITE_H

#include "streamer/base/err.h"
#include "streamer/layers/source/decode.h"

struct rewrite_field {
    enum field field;
    struct slice text; /* valid UTF-8 without a zero byte */
};

/* Puts the value of record `r`, with the fields set, into `value`. False with `e`: it cannot be
 * done, and the text says why (ERR_STOP); or the schema is not here yet, and the caller may try
 * again later (ERR_RETRY). Ends the last result of decode(). */
bool rewrite_value(struct decoder *d, enum entity entity, const struct record *r,
                   const struct rewrite_field *fields, size_t count, struct buf *value,
                   struct err *e);

#endif
