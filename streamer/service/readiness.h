/* readiness: whether this process does its work, and what it waits for since when, in words. */
#ifndef STREAMER_SERVICE_READINESS_H
#define STREAMER_SERVICE_READINESS_H

#include "streamer/service/answers.h"

#include <stdbool.h>
#include <stdint.h>

struct readiness {
    bool is_ready;
    enum worker_phase phase; /* of the slowest worker; WORKER_CONNECTING if there are no workers */
    char reason[STARTING_TEXT_MAX]; /* "running", or what it waits for */
    int64_t since_ms;               /* since 1970: since when it is so */
};

/* Call it on the server's thread, where the workers are locked. */
void readiness_look(const struct answers *a, struct readiness *out);

#endif
