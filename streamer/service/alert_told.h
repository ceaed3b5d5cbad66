/* alert_told: the file ALERTS of the state directory: what the receiver of the webhook was told
 * last of each check that is not well, so that a restart does not tell it again, and tells its
 * recovery:
 *
 *     app.id=bank
 *     source.freshness.accounts fail 1795597200000
 *     marts.interest fail 1795597200000 ?
 *
 * That is the id, the status and since when it is so (ms since 1970). "?": nobody knows whether the
 * receiver has got that message. A file that cannot be used costs a line in the log. One thread at
 * a time. */
#ifndef STREAMER_SERVICE_ALERT_TOLD_H
#define STREAMER_SERVICE_ALERT_TOLD_H

#include "streamer/base/buf.h"
#include "streamer/service/alert_plan.h"

#include <stdbool.h>

struct alert_told {
    struct buf path;    /* empty: there is no file */
    const char *app_id; /* borrowed */
    struct buf kept;    /* what the file holds */
    bool has_failed;    /* the last write; the log has said so */
};

/* Lets the plan, which is empty, remember what the file holds. `dir` NULL: there is no file. */
void alert_told_init(struct alert_told *t, const char *dir, const char *app_id,
                     struct alert_plan *plan);
/* Writes the file if the plan has told something since. */
void alert_told_keep(struct alert_told *t, const struct alert_plan *plan);
void alert_told_release(struct alert_told *t);

#endif
