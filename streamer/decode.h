/* decode: the source layer. Tells the format of a record by its first bytes (flat JSON, Debezium envelope
 * with and without schema, Debezium flattened, tombstone) and reads its fields as text. */
#ifndef STREAMER_DECODE_H
#define STREAMER_DECODE_H

#include "streamer/event.h"

struct decoder; /* one a thread */

/* record_max_bytes: a longer value is quarantined as too_large. */
struct decoder *decoder_new(size_t record_max_bytes);
void decoder_free(struct decoder *d);

/* Fills `out`; or returns false with `why` set (malformed, unsupported_op, too_large, unknown_schema). What
 * `out` points to is good until the next call. */
bool decode(struct decoder *d, enum entity entity, const struct record *r, struct decoded *out,
            struct reason *why);

#endif
