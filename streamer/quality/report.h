/* report: what all checks say now, as JSON. */
#ifndef STREAMER_QUALITY_REPORT_H
#define STREAMER_QUALITY_REPORT_H

#include "streamer/base/buf.h"
#include "streamer/quality/board.h"

#include <stdbool.h>
#include <stdint.h>

struct report_head {
    const char *app, *instance;
    int64_t now_ms;    /* since 1970 */
    bool shows_values; /* http.show.values: else the values of samples are "***" */
};

/* Appends the report. Any thread. */
void report_put(struct board *b, const struct report_head *head, struct buf *out);

#endif
