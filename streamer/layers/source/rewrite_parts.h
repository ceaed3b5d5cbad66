/* rewrite_parts: what the files rewrite*.c share. It is private to them. */
#ifndef STREAMER_LAYERS_SOURCE_REWRITE_PARTS_H
#define STREAMER_LAYERS_SOURCE_REWRITE_PARTS_H

#include "streamer/base/decimal.h"
#include "streamer/layers/source/decode_avro.h"
#include "streamer/layers/source/rewrite.h"

/* The most digits behind the point of a decimal that is written. */
#define REWRITE_SCALE_MAX 38

/* One field of a record that is set. */
struct rewriting {
    struct decoding g; /* its decoder, entity and record */
    const char *part;  /* of an envelope: "before" or "after" */
    struct rewrite_field field;
};

/* Sets `e` to "balance: …". Returns false. */
#define rewrite_refuse(e, field, ...)                                                              \
    (err_set((e), ERR_STOP, __VA_ARGS__), err_prefix((e), "%s", field_label(field)))

/* --- numbers and times: rewrite_number.c --- */

/* text × 10^scale, exactly. False: it is no plain number, or has more digits behind the point. */
bool rewrite_decimal(struct slice text, int scale, int128 *value);
/* How many digits a plain number has behind the point. */
int rewrite_scale_of(struct slice text);
/* The number of a type of times for a text: a whole number as it is, or a time. */
bool rewrite_time(const struct time_type *type, struct slice text, int64_t *number);

/* --- formats --- */

/* Each puts `bytes` with the field set into `out`. */
bool rewrite_json(const struct rewriting *w, struct slice bytes, struct buf *out, struct err *e);
bool rewrite_avro(const struct rewriting *w, const struct schema_text *schema, struct slice bytes,
                  struct buf *out, struct err *e);

#endif
