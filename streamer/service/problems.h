/* problems: what is wrong now, in words, the worst first. Pure. */
#ifndef STREAMER_SERVICE_PROBLEMS_H
#define STREAMER_SERVICE_PROBLEMS_H

#include "streamer/base/buf.h"
#include "streamer/model/check.h"

#include <stddef.h>
#include <stdint.h>

#define PROBLEMS_MAX 20

struct problem {
    enum check_status status; /* CHECK_WARN or CHECK_FAIL */
    int64_t since_ms;         /* since 1970 */
    char subject[80];         /* the id of a check, "readiness", "brokers" or "waiting" */
    char text[512];           /* UTF-8 */
};

/* Zero-initialized: all is well. */
struct problems {
    struct problem list[PROBLEMS_MAX]; /* failures first, and of these the oldest first */
    size_t count;
};

/* Adds a problem at its place. Of too many the last ones are left out, and so is a second one with
 * the same subject and text. */
void problems_add(struct problems *p, enum check_status status, int64_t since_ms,
                  const char *subject, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The same for a check that does not pass; one that passes is no problem. */
void problems_add_check(struct problems *p, const struct check_state *check);

/* Appends [{"text":"…","status":"fail","since":"…Z","subject":"…"}, …]. */
void problems_put_json(const struct problems *p, struct buf *out);

#endif
