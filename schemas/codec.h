/* codec: the encodings of rows as values of the result topics. Whoever writes or reads such a value
 * does so through a codec, so that a new encoding is one file more and one line in codec.c.
 *
 * A writer uses one codec for all that it writes. A reader finds the codec by the first bytes of
 * each value, so that a topic may hold values of several encodings. */
#ifndef STREAMER_SCHEMAS_CODEC_H
#define STREAMER_SCHEMAS_CODEC_H

#include "schemas/rows.h"

struct codec {
    const char *name;
    struct slice prefix; /* every value of this encoding begins with these bytes */
    /* Appends the value of `row`, which is a struct of `type`. It cannot fail. */
    void (*encode)(const struct row_type *type, const void *row, struct buf *out);
    /* Reads a whole value into `row`. False if it is no such row. The slices of the row point into
     * `bytes` or into what `json` holds: they are good until either changes. */
    bool (*decode)(const struct row_type *type, struct json *json, struct slice bytes, void *row);
};

/* {"account_id":"A-1","customer_id":7,…}: one object with the fields of the .avsc, in order. */
extern const struct codec codec_json;

/* The codec whose values begin as `bytes` do; NULL if there is none. */
const struct codec *codec_of(struct slice bytes);
/* Decodes with that codec. False also if there is none. */
bool codec_decode(const struct row_type *type, struct json *json, struct slice bytes, void *row);

#endif
