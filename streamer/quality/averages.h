/* averages: what is usual in the inputs, which the checks of what flows compare with (streams.h),
 * and its text, which outlives the process (averages_file.h). Pure.
 *
 *     averages 1                             the format
 *     staging.null_rate.has_loan 204000      the id of a check, and its average
 *     end                                    without this line the text was cut
 *
 * Each line ends with '\n'. There is a line for each average that is known. */
#ifndef STREAMER_QUALITY_AVERAGES_H
#define STREAMER_QUALITY_AVERAGES_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"
#include "streamer/quality/checks.h"

#include <stdbool.h>
#include <stdint.h>

#define AVERAGE_MAX INT64_C(1000000000000000) /* a billion fields a record */

struct averages {
    /* By check: null values, or unknown fields, in millionths of a record, up to AVERAGE_MAX. -1:
     * it is not known yet, or the check has none. */
    int64_t of[CHECK_COUNT];
};

/* Nothing is known. */
void averages_init(struct averages *a);
bool averages_equal(const struct averages *a, const struct averages *b);

/* Appends the text. */
void averages_put(const struct averages *a, struct buf *out);
/* Reads a text. False if it is damaged: then nothing is known. */
bool averages_parse(struct averages *a, struct slice text);

#endif
