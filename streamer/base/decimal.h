/* decimal: exact decimal numbers as scaled integers; never floating point. */
#ifndef STREAMER_BASE_DECIMAL_H
#define STREAMER_BASE_DECIMAL_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

typedef __int128 int128;

enum decimal_result { DECIMAL_OK, DECIMAL_NOT_A_NUMBER, DECIMAL_OUT_OF_RANGE };

/* Reads [+-]?(digits[.[digits]]|.digits)([eE][+-]?digits)?, nothing else, as value × 10^scale,
 * rounded half away from zero to `scale` digits after the point (0 … 9). At most `precision` (1 …
 * 18) digits in all, else DECIMAL_OUT_OF_RANGE. Any length of text, any exponent. -0 is 0. */
enum decimal_result decimal_parse(struct slice text, int precision, int scale, int64_t *value);

/* The same grammar, but the value must be an exact integer within int64 ("1001.0", "1e3"), else
 * OUT_OF_RANGE.
 */
enum decimal_result decimal_parse_integer(struct slice text, int64_t *value);
/* The same, but from 0 to 10^19 - 1. */
enum decimal_result decimal_parse_unsigned(struct slice text, uint64_t *value);

/* Writes value / 10^scale with all `scale` decimals: "16500.00", "-0.05". */
void decimal_put(struct buf *out, int128 value, int scale);

/* numerator / denominator (> 0), rounded half away from zero. */
int128 decimal_divide(int128 numerator, int128 denominator);

/* Two's complement big-endian, as few bytes as hold it (1 … 16), as Avro's and Kafka Connect's
 * decimal. `put` appends; `get` returns false unless 1 <= bytes.n <= 16. */
void decimal_put_bytes(struct buf *out, int128 value);
bool decimal_get_bytes(struct slice bytes, int128 *value);

#define DECIMAL_BYTES_MAX 64       /* of what databases have, with room: 154 digits */
#define DECIMAL_PLAIN_SCALE_MAX 38 /* up to this size of a scale the digits are written out */

/* Appends the exact text of bytes / 10^scale, where the bytes are as above, but up to
 * DECIMAL_BYTES_MAX: "16500.00", "500" (5 of scale -2), "5e-2000000000". Its length is bounded,
 * whatever the scale. False if there are no bytes, or more. */
bool decimal_put_scaled(struct buf *out, struct slice bytes, int32_t scale);

#endif
