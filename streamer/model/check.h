/* check: what a quality check says, in the words that the report, the metrics, the alerts and the
 * operator's page share. */
#ifndef STREAMER_MODEL_CHECK_H
#define STREAMER_MODEL_CHECK_H

#include "streamer/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum check_layer {
    LAYER_SOURCE,
    LAYER_STAGING,
    LAYER_SNAPSHOTS,
    LAYER_INTERMEDIATE,
    LAYER_MARTS,
    LAYER_PIPELINE,
    LAYER_COUNT
};

/* How bad it is if the check finds something. */
enum check_severity { SEVERITY_ERROR, SEVERITY_WARN, SEVERITY_COUNT };

enum check_status { CHECK_PASS, CHECK_WARN, CHECK_FAIL, CHECK_STATUS_COUNT };

#define CHECK_MESSAGE_MAX 256 /* with the terminator */

/* One check as it stands. */
struct check_state {
    const char *id; /* static: "marts.interest" */
    enum check_layer layer;
    enum check_severity severity;
    enum check_status status;
    int64_t since_ms;                /* since 1970: when it came to this status */
    char message[CHECK_MESSAGE_MAX]; /* UTF-8: in words, what is wrong; "" if nothing is */
    bool is_of_topic;                /* it is of a whole topic: each instance says the same */
    /* Since 1970: what it says was found by looking at what was there then or later. 0: too little
     * was looked at yet, and it passes because nothing was found. */
    int64_t judged_ms;
    bool is_known; /* false: it passes, but the process has not looked at enough to say so */
};

const char *check_layer_name(enum check_layer layer);          /* "source" */
const char *check_severity_name(enum check_severity severity); /* "error", "warn" */
const char *check_status_name(enum check_status status);       /* "pass", "warn", "fail" */

/* Appends {"total":N,"passed":N,"warned":N,"failed":N,"pass_rate":X} for so many checks of each
 * status. X is passed / total, with four decimals, half away from zero; null if there are none. */
void check_put_summary(struct buf *out, const int64_t counts[CHECK_STATUS_COUNT]);

#endif
