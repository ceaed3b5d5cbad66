/* alert_text: an alert in words: what, where, since when, what to do. Pure. */
#ifndef STREAMER_SERVICE_ALERT_TEXT_H
#define STREAMER_SERVICE_ALERT_TEXT_H

#include "streamer/base/buf.h"
#include "streamer/service/alert.h"

/* Who tells. UTF-8, borrowed. */
struct alert_sender {
    const char *app_id;
    const char *instance;
};

struct alert_help {
    const char *advice;  /* what to do, in a sentence or two */
    const char *runbook; /* its entry, relative to the repository */
};
/* What to do about a check that is not well. Static. */
const struct alert_help *alert_help_of(const char *check_id);

/* Appends a JSON object that Slack and its likes take (docker/README.md, "Alerts"): `text` for
 * people, the rest for programs. */
void alert_put_json(const struct alert *a, const struct alert_sender *from, struct buf *out);

#endif
