/* alert_plan: decides which alert the webhook is sent when. It is told each second how the checks
 * are, and what became of each attempt:
 *
 *   - A change is sent at once, but not within a minute after the last message of the same check.
 *     What the minute brings is sent when it is over: the state of then, and nothing if that is
 *     what was told last.
 *   - A message that does not get through is tried again after 1, 2 and 4 seconds, as it is. Then
 *     it is given up. Nobody knows then what the receiver has been told, so a minute later it is
 *     told the state of then.
 *   - Another instance may be the one that tells of a check. What was told of it here is forgotten
 *     then. If it comes (back) to this instance, what is wrong is told as after a start.
 *
 * Pure. Times are of a clock that never goes back, in milliseconds. One thread at a time. */
#ifndef STREAMER_SERVICE_ALERT_PLAN_H
#define STREAMER_SERVICE_ALERT_PLAN_H

#include "streamer/service/alert.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALERT_RETRIES 3
#define ALERT_PAUSE_MS 60000 /* between two messages of one check */

#define ALERT_ID_MAX 96 /* with the terminator */

/* One check. */
struct alert_entry {
    char id[ALERT_ID_MAX];
    struct check_state now; /* zero: it was not seen yet */
    struct { /* what the receiver was told last; if it does not know, what it was sent last */
        enum check_status status;
        int64_t since_ms;
        bool is_sure;
    } told;
    bool is_waiting;      /* `now` is to be sent at due_ms */
    int64_t free_ms;      /* when the pause after its last message is over */
    int64_t due_ms;       /* when the next attempt is */
    int attempts;         /* of `message`; 0: none is being sent */
    struct alert message; /* as its first attempt sends it */
};

/* Who tells of a check. */
enum alert_duty {
    ALERT_HERE,      /* this instance */
    ALERT_UNCLEAR,   /* not known at the moment: nothing is told, and nothing is forgotten */
    ALERT_ELSEWHERE, /* another instance */
};

/* Zero-initialized: nothing was told. */
struct alert_plan {
    struct alert_entry entries[ALERT_CHECKS_MAX];
    size_t count;
};

/* Adds what the receiver was told by the process before. False: there is no room, it is there
 * already, or the id is too long. */
bool alert_plan_remember(struct alert_plan *p, const char *id, enum check_status status,
                         int64_t since_ms, bool is_sure);

/* The check is so now. A message of it that is being sent is sent to its end, whoever tells. */
void alert_plan_see(struct alert_plan *p, const struct check_state *now, enum alert_duty duty,
                    int64_t now_ms);

/* The message to send now: the one that has waited longest. NULL: there is none. Tell its end by
 * alert_plan_end before anything else; it is valid until then. */
const struct alert *alert_plan_begin(struct alert_plan *p, int64_t now_ms);

enum alert_end { ALERT_SENT, ALERT_TO_RETRY, ALERT_GIVEN_UP };
/* The attempt that alert_plan_begin began has ended. */
enum alert_end alert_plan_end(struct alert_plan *p, const struct alert *message, bool is_ok,
                              int64_t now_ms);

/* When alert_plan_begin will have a message; INT64_MAX: not before something changes. */
int64_t alert_plan_due_ms(const struct alert_plan *p);

#endif
