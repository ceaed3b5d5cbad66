#include "streamer/service/status_answer.h"

#include "streamer/base/clock.h"
#include "streamer/base/json.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/version.h"
#include "streamer/service/readiness.h"

static void put_text(struct buf *out, const char *name, const char *text) {
    buf_printf(out, ",\"%s\":", name);
    json_put_string(out, slice_str(text));
}

static void put_time(struct buf *out, const char *name, int64_t ms) {
    buf_printf(out, ",\"%s\":\"", name);
    timestamp_put_iso(out, ms);
    buf_put_byte(out, '"');
}

static void put_readiness(const struct answers *a, struct buf *out) {
    struct readiness now;
    readiness_look(a, &now);
    buf_printf(out, ",\"ready\":%s", now.is_ready ? "true" : "false");
    put_text(out, "reason", now.reason);
    put_time(out, "since", now.since_ms);
}

void status_answer(const struct answers *a, const struct http_request *request,
                   struct http_reply *reply) {
    (void)request;
    struct buf *out = &reply->body;
    reply->status = 200;
    buf_put_str(out, "{\"timestamp\":\"");
    timestamp_put_iso(out, clock_ms(clock_of_machine(), CLOCK_REALTIME));
    buf_put_byte(out, '"');
    put_text(out, "app", a->config->app_id);
    put_text(out, "version", streamer_version());
    put_readiness(a, out);
    buf_put_str(out, "}\n");
}
