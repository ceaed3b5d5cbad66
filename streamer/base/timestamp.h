/* timestamp: milliseconds since 1970-01-01T00:00:00Z (proleptic Gregorian calendar, no leap
 * seconds), and their texts. */
#ifndef STREAMER_BASE_TIMESTAMP_H
#define STREAMER_BASE_TIMESTAMP_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define TIMESTAMP_MIN INT64_C(-62135596800000) /* 0001-01-01T00:00:00.000Z */
#define TIMESTAMP_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */
#define TIMESTAMP_NONE INT64_MIN               /* "no time": the null of valid_to_at */

/* Reads ISO-8601 text, extended or basic, in one of these forms:
 *
 *   YYYY-MM-DD[zone]     YYYY-MM-DD[T|t|space]HH:MM[:SS[.fraction]][zone]
 *   YYYYMMDD[zone]       YYYYMMDD[T|t|space]HHMMSS[.fraction][zone]
 *                        YYYYMMDDHHMMSS[.fraction][zone]
 *
 * The zone is Z, ±HH, ±HHMM or ±HH:MM; without one the time is UTC. A date means the beginning of
 * that day in its zone. The fraction is cut to milliseconds. False: the text is something else, or
 * no date that exists from TIMESTAMP_MIN to TIMESTAMP_MAX. */
bool timestamp_parse_iso(struct slice text, int64_t *ms);

/* Reads the same forms, or an integer since the epoch. The number of its digits tells its unit: 9
 * or 10 are seconds, 12 or 13 milliseconds, 15 or 16 microseconds, 18 or 19 nanoseconds (each from
 * 1973 to 2286). Its first digit is not 0, and it is cut to milliseconds. A number that equals an
 * integer ("1795800000000.0") counts as that integer, which may also be a basic form. */
bool timestamp_parse(struct slice text, int64_t *ms);

/* What timestamp_parse accepts, in the words of a message. */
#define TIMESTAMP_FORMS                                                                            \
    "an ISO-8601 date or date-time of years 0001 to 9999, or epoch seconds, "                      \
    "milliseconds, microseconds or nanoseconds of years 1973 to 2286"

/* Appends "2024-02-15T00:00:00.000Z". `ms` is from TIMESTAMP_MIN to TIMESTAMP_MAX. */
void timestamp_put_iso(struct buf *out, int64_t ms);
/* The same of any `ms`: one that no text can show becomes the nearest that it can. */
void timestamp_put_nearest(struct buf *out, int64_t ms);

#endif
