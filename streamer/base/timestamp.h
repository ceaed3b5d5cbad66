/* timestamp: milliseconds since 1970-01-01T00:00:00Z (proleptic Gregorian, no leap seconds) and their texts.
 */
#ifndef BASE_TIMESTAMP_H
#define BASE_TIMESTAMP_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define TIMESTAMP_MIN INT64_C(-62135596800000) /* 0001-01-01T00:00:00.000Z */
#define TIMESTAMP_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */
#define TIMESTAMP_NONE INT64_MIN               /* "no time": the null of valid_to_at */

/* ISO-8601: YYYY-MM-DD or YYYY-MM-DD[T or space]HH:MM[:SS[.fraction]][Z|±HH|±HHMM|±HH:MM]; UTC without a
 * zone; the fraction is cut to milliseconds. False unless it is a real date within MIN … MAX. */
bool timestamp_parse_iso(struct slice text, int64_t *ms);

/* The same, or an integral number (decimal_parse_integer) that is epoch milliseconds within MIN … MAX. */
bool timestamp_parse(struct slice text, int64_t *ms);

/* "2024-02-15T00:00:00.000Z"; ms within MIN … MAX. */
void timestamp_put_iso(struct buf *out, int64_t ms);

#endif
