#include "streamer/service/answers.h"

#include "streamer/base/clock.h"
#include "streamer/base/json.h"
#include "streamer/base/timestamp.h"
#include "streamer/http/query.h"
#include "streamer/http/routes.h"
#include "streamer/kafka/broker_watch.h"
#include "streamer/metrics/metric_text.h"

#include <stdio.h>

/* --- health */

/* What the slowest worker waits for, or the start (NULL: there are no workers). */
static void put_reason(const struct answers *a, struct worker *slowest, struct buf *out) {
    static const char *const phases[] = {[WORKER_CONNECTING] = "waiting for an assignment",
                                         [WORKER_RESTORING] = "restoring state",
                                         [WORKER_RUNNING] = "running"};
    enum worker_phase phase = slowest != NULL ? worker_phase(slowest) : WORKER_CONNECTING;
    char text[STARTING_TEXT_MAX];
    if (slowest == NULL)
        starting_copy(a->starting, text);
    else if (phase == WORKER_RETRYING || phase == WORKER_STOPPED)
        worker_last_error(slowest, text, sizeof text);
    else if (phase == WORKER_RESTORING && metric_get(&a->metrics->restore_remaining) == 0)
        (void)snprintf(text, sizeof text, "looking for what is to be restored");
    else
        (void)snprintf(text, sizeof text, "%s", phases[phase]);
    json_put_string(out, slice_str(text));
}

/* `,"invariant_violations":`, as the metric is called. */
static void put_name(enum metric_id id, struct buf *out) {
    buf_put_str(out, ",\"");
    metric_put_json_name(id, out);
    buf_put_str(out, "\":");
}

static void put_violations(const struct answers *a, bool is_open, struct buf *out) {
    put_name(METRIC_INVARIANT_VIOLATIONS, out);
    buf_put_int(out, is_open ? metric_total(METRIC_INVARIANT_VIOLATIONS, a->metrics) : 0);
}

/* null: it is not known yet how many there are. */
static void put_restore_remaining(const struct answers *a, bool is_open, bool is_running,
                                  struct buf *out) {
    int64_t remaining = is_open ? metric_total(METRIC_RESTORE_REMAINING, a->metrics) : 0;
    put_name(METRIC_RESTORE_REMAINING, out);
    if (is_running || remaining > 0)
        buf_put_int(out, remaining);
    else
        buf_put_str(out, "null");
}

/* Since when (since 1970, ms) records wait for a schema registry that does not answer; `why` is its
 * error. 0: none does. */
static int64_t registry_down_since_ms(const struct answers *a, struct err *why) {
    int64_t since = a->schemas != NULL ? schema_cache_down_since_ms(a->schemas, why) : 0;
    const struct clock *clock = clock_of_machine();
    return since == 0 ? 0
                      : clock_ms(clock, CLOCK_REALTIME) - clock_ms(clock, CLOCK_MONOTONIC) + since;
}

/* How many partitions wait, and what the first one waits for since when. */
static void put_waits(const struct answers *a, bool is_open, struct buf *out) {
    struct worker_waits waits = {0};
    if (is_open)
        workers_waits(a->workers, &waits);
    buf_printf(out, ",\"waiting_partitions\":%lld", (long long)waits.partitions);
    if (waits.partitions == 0) {
        buf_put_str(out, ",\"waiting_for\":null,\"waiting_since\":null");
        return;
    }
    buf_put_str(out, ",\"waiting_for\":");
    json_put_string(out, slice_str(waits.text));
    buf_put_str(out, ",\"waiting_since\":\"");
    timestamp_put_iso(out, waits.since_ms);
    buf_put_str(out, "\"");
}

static void answer_readiness(const struct answers *a, bool is_open, struct http_reply *reply) {
    struct worker *slowest = is_open ? workers_slowest(a->workers) : NULL;
    bool is_running = slowest != NULL && worker_phase(slowest) == WORKER_RUNNING;
    struct err why;
    int64_t down_ms = is_running ? registry_down_since_ms(a, &why) : 0;
    bool is_ready = is_running && down_ms == 0;
    struct buf *out = &reply->body;
    reply->status = is_ready ? 200 : 503;
    buf_printf(out, "{\"ready\":%s,\"reason\":", is_ready ? "true" : "false");
    if (down_ms != 0)
        json_put_string(out, slice_str(why.text));
    else
        put_reason(a, slowest, out);
    buf_put_str(out, ",\"since\":\"");
    timestamp_put_iso(out, down_ms != 0      ? down_ms
                           : slowest != NULL ? worker_ready_changed_ms(slowest)
                                             : a->workers->absent_since_ms);
    buf_put_str(out, "\",\"unreachable_brokers\":");
    broker_watch_put_json(a->config->brokers, out);
    put_waits(a, is_open, out);
    put_restore_remaining(a, is_open, is_running, out);
    put_violations(a, is_open, out);
    buf_put_str(out, "}\n");
}

static void answer_health(const struct answers *a, bool is_open, struct http_reply *reply) {
    bool is_alive = !is_open || workers_phase(a->workers) != WORKER_STOPPED;
    reply->status = is_alive ? 200 : 503;
    buf_put_str(&reply->body,
                is_alive ? "{\"alive\":true}\n" : "{\"alive\":false,\"reason\":\"stopped\"}\n");
}

/* --- figures and rows */

static void answer_metrics(const struct answers *a, struct http_reply *reply) {
    reply->status = 200;
    metrics_render(a->metrics, clock_ms(clock_of_machine(), CLOCK_REALTIME), &reply->body);
}

static bool owns(void *context, int32_t partition) {
    return workers_own(((const struct answers *)context)->workers, partition);
}

static void answer_not_here(void *context, const struct http_request *request, int32_t partition,
                            struct http_reply *reply) {
    forward_reply(&((const struct answers *)context)->forward, request, partition, reply);
}

static void answer_query(struct answers *a, const struct route *route,
                         const struct http_request *request, struct http_reply *reply) {
    const struct query_context q = {a->store, a->partitions, owns, answer_not_here, a};
    query_handle(&q, route, request, reply);
}

/* --- one request */

static void answer_route(struct answers *a, const struct route *route,
                         const struct http_request *request, struct http_reply *reply) {
    bool is_open = atomic_load(&a->is_open);
    bool is_health = route->answer == ROUTE_HEALTH || route->answer == ROUTE_READINESS;
    reply->content_type = route->content_type;
    if (!is_open && !is_health) {
        http_reply_error(reply, 503, "starting, see /readyz");
        return;
    }
    switch (route->answer) {
    case ROUTE_HEALTH:
        answer_health(a, is_open, reply);
        break;
    case ROUTE_READINESS:
        answer_readiness(a, is_open, reply);
        break;
    case ROUTE_METRICS:
        answer_metrics(a, reply);
        break;
    case ROUTE_VERSION:
    case ROUTE_HISTORY:
    case ROUTE_MART:
        answer_query(a, route, request, reply);
        break;
    }
}

void answers_handle(void *context, const struct http_request *request, struct http_reply *reply) {
    struct answers *a = context;
    const struct route *route = route_find(request->path);
    if (route == NULL) {
        http_reply_error(reply, 404, "no such resource");
    } else if (route_check_parameters(route, request, reply)) {
        workers_lock(a->workers);
        answer_route(a, route, request, reply);
        workers_unlock(a->workers);
    }
}

enum http_class answers_classify(void *context, const char *path) {
    const struct answers *a = context;
    const struct route *route = route_find(path);
    if (route == NULL)
        return HTTP_GUARDED;
    bool is_opened = route->answer == ROUTE_METRICS && a->config->http_metrics_open;
    return is_opened ? HTTP_OPEN : route->class;
}
