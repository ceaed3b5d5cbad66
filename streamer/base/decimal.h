/* decimal: exact decimal numbers as scaled integers; never floating point. */
#ifndef STREAMER_BASE_DECIMAL_H
#define STREAMER_BASE_DECIMAL_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

typedef __int128 int128;

enum decimal_result { DECIMAL_OK, DECIMAL_NOT_A_NUMBER, DECIMAL_OUT_OF_RANGE };

/* Reads [+-]?(digits[.[digits]]|.digits)([eE][+-]?digits)? and nothing else; -0 is 0. The text may
 * be of any length and have any exponent. *value is the number × 10^scale, rounded half away from
 * zero; `scale` is 0 … 9. DECIMAL_OUT_OF_RANGE: the result has more than `precision` (1 … 18)
 * digits. */
enum decimal_result decimal_parse(struct slice text, int precision, int scale, int64_t *value);

/* Reads the same grammar ("1001.0", "1e3"). DECIMAL_OUT_OF_RANGE: the number is no integer, or does
 * not fit into int64. */
enum decimal_result decimal_parse_integer(struct slice text, int64_t *value);
/* The same for 0 to 10^19 - 1. */
enum decimal_result decimal_parse_unsigned(struct slice text, uint64_t *value);

/* Writes value / 10^scale with all `scale` decimals: "16500.00", "-0.05". */
void decimal_put(struct buf *out, int128 value, int scale);

/* numerator / denominator (> 0), rounded half away from zero. */
int128 decimal_divide(int128 numerator, int128 denominator);

/* The bytes of Avro's and Kafka Connect's decimals: two's complement, big-endian, as few bytes as
 * hold the value (1 … 16). decimal_put_bytes appends them. decimal_get_bytes reads them; false:
 * `bytes` is not 1 to 16 bytes long. */
void decimal_put_bytes(struct buf *out, int128 value);
bool decimal_get_bytes(struct slice bytes, int128 *value);

#define DECIMAL_BYTES_MAX 64       /* 154 digits, more than databases have */
#define DECIMAL_PLAIN_SCALE_MAX 38 /* a larger scale is written as an exponent */

/* Appends the exact text of bytes / 10^scale: "16500.00", "500" (5 with scale -2), "5e-2000000000".
 * The bytes are as above, but up to DECIMAL_BYTES_MAX of them. The length of the text is bounded
 * whatever the scale is. False: there are no bytes, or more than that; nothing is appended. */
bool decimal_put_scaled(struct buf *out, struct slice bytes, int32_t scale);

#endif
