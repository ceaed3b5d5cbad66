#include "streamer/service/readiness_check.h"

#include "streamer/base/utf8.h"

#include <stdio.h>

/* How long it may be so before it is told. */
static int64_t patience_ms(enum worker_phase phase) {
    switch (phase) {
    case WORKER_STOPPED:
        return 0;
    case WORKER_RETRYING:
    case WORKER_RUNNING: /* and not ready: the registry does not answer */
        return READINESS_ERROR_PATIENCE_MS;
    case WORKER_CONNECTING:
    case WORKER_RESTORING:
        break;
    }
    return READINESS_PATIENCE_MS;
}

static enum check_status status_of(const struct readiness *r, int64_t now_ms) {
    if (r->is_ready || now_ms - r->since_ms < patience_ms(r->phase))
        return CHECK_PASS;
    return r->phase == WORKER_RESTORING ? CHECK_WARN : CHECK_FAIL;
}

static void put_message(const char *reason, char message[CHECK_MESSAGE_MAX]) {
    struct slice cut = utf8_cut(slice_str(reason), CHECK_MESSAGE_MAX - sizeof "not ready: ");
    (void)snprintf(message, CHECK_MESSAGE_MAX, "not ready: %.*s", (int)cut.n, cut.p);
}

void readiness_check(const struct readiness *r, int64_t now_ms, struct check_state *out) {
    *out = (struct check_state){.id = "readiness",
                                .layer = LAYER_PIPELINE,
                                .severity = SEVERITY_ERROR,
                                .status = status_of(r, now_ms),
                                .since_ms = r->since_ms,
                                .judged_ms = r->is_ready ? now_ms : 0};
    if (out->status != CHECK_PASS)
        put_message(r->reason, out->message);
}
