#include "streamer/service/answers.h"

#include "streamer/base/clock.h"
#include "streamer/base/json.h"
#include "streamer/base/timestamp.h"
#include "streamer/http/openapi.h"
#include "streamer/http/page.h"
#include "streamer/http/query.h"
#include "streamer/http/routes.h"
#include "streamer/kafka/broker_watch.h"
#include "streamer/metrics/metric_text.h"
#include "streamer/service/as_of_answer.h"
#include "streamer/service/exports.h"
#include "streamer/service/freshness_answer.h"
#include "streamer/service/lineage_answer.h"
#include "streamer/service/readiness.h"
#include "streamer/service/status_answer.h"

/* --- health */

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
    struct readiness now;
    struct buf *out = &reply->body;
    readiness_look(a, &now);
    reply->status = now.is_ready ? 200 : 503;
    buf_printf(out, "{\"ready\":%s,\"reason\":", now.is_ready ? "true" : "false");
    json_put_string(out, slice_str(now.reason));
    buf_put_str(out, ",\"since\":\"");
    timestamp_put_iso(out, now.since_ms);
    buf_put_str(out, "\",\"unreachable_brokers\":");
    broker_watch_put_json(a->config->brokers, out);
    put_waits(a, is_open, out);
    put_restore_remaining(a, is_open, now.phase == WORKER_RUNNING, out);
    put_violations(a, is_open, out);
    buf_put_str(out, "}\n");
}

static void answer_health(const struct answers *a, bool is_open, struct http_reply *reply) {
    bool is_alive = !is_open || workers_phase(a->workers) != WORKER_STOPPED;
    reply->status = is_alive ? 200 : 503;
    buf_put_str(&reply->body,
                is_alive ? "{\"alive\":true}\n" : "{\"alive\":false,\"reason\":\"stopped\"}\n");
}

/* --- the page */

static void answer_page(struct http_reply *reply) {
    reply->status = 200;
    reply->policy = page_policy;
    reply->etag = page_etag;
    buf_put(&reply->body, page_html, page_html_bytes);
}

/* --- figures and rows */

static void answer_metrics(const struct answers *a, struct http_reply *reply) {
    reply->status = 200;
    metrics_render(a->metrics, clock_ms(clock_of_machine(), CLOCK_REALTIME), &reply->body);
}

static void answer_quality(const struct answers *a, struct http_reply *reply) {
    reply->status = 200;
    quality_put_report(a->quality, &reply->body);
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
    const struct query_context q = {
        .store = a->store,
        .partitions = a->partitions,
        .topics = a->config->topics,
        .rates = &a->config->rates,
        .owns = owns,
        .not_here = answer_not_here,
        .context = a,
    };
    query_handle(&q, route, request, reply);
}

static void answer_openapi(const struct config *c, struct http_reply *reply) {
    const struct openapi_access access = {
        .needs_token = c->http_token_file[0] != '\0',
        .metrics_is_open = c->http_metrics_open != 0,
    };
    reply->status = 200;
    openapi_put(&access, &reply->body);
}

/* --- one request */

/* Whether it is answered before all workers have begun, too. */
static bool is_answered_early(enum route_answer answer) {
    return answer == ROUTE_HEALTH || answer == ROUTE_READINESS || answer == ROUTE_STATUS ||
           answer == ROUTE_FRESHNESS || answer == ROUTE_PAGE;
}

static void answer_route(struct answers *a, const struct route *route,
                         const struct http_request *request, struct http_reply *reply) {
    bool is_open = atomic_load(&a->is_open);
    reply->content_type = route->content_type;
    if (!is_open && !is_answered_early(route->answer)) {
        http_reply_later(reply, "starting, see /readyz");
        return;
    }
    switch (route->answer) {
    case ROUTE_PAGE:
        answer_page(reply);
        break;
    case ROUTE_HEALTH:
        answer_health(a, is_open, reply);
        break;
    case ROUTE_READINESS:
        answer_readiness(a, is_open, reply);
        break;
    case ROUTE_METRICS:
        answer_metrics(a, reply);
        break;
    case ROUTE_QUALITY:
        answer_quality(a, reply);
        break;
    case ROUTE_VERSION:
    case ROUTE_HISTORY:
    case ROUTE_MART:
    case ROUTE_ACCOUNTS:
    case ROUTE_WHY:
    case ROUTE_JOINED:
        if (as_of_is_asked(route, request))
            as_of_answer(a, route, request, reply);
        else
            answer_query(a, route, request, reply);
        break;
    case ROUTE_STATUS:
        status_answer(a, request, reply);
        break;
    case ROUTE_FRESHNESS:
        freshness_answer(a, reply);
        break;
    case ROUTE_LINEAGE:
        lineage_answer(a, reply);
        break;
    case ROUTE_EXPORT:
        exports_answer(a->exports, request, reply);
        break;
    case ROUTE_OPENAPI:
        answer_openapi(a->config, reply);
        break;
    }
}

/* Whether the answers of all instances are wanted, and the question comes from a client. */
static bool is_for_all(const struct http_request *request) {
    return route_flag(request, ROUTE_ALL) && !route_was_sent_on(request);
}

static void answer_for_all(const struct answers *a, const struct http_request *request,
                           struct http_reply *reply) {
    const struct gather alone = {.own_url = a->config->http_advertised_url};
    gather_reply(atomic_load(&a->is_open) ? &a->gather : &alone, request, reply);
}

void answers_handle(void *context, const struct http_request *request, struct http_reply *reply) {
    struct answers *a = context;
    const struct route *route = route_find(request->path);
    if (route == NULL) {
        http_reply_error(reply, 404, "no such resource");
    } else if (route_check_parameters(route, request, reply)) {
        workers_lock(a->workers);
        answer_route(a, route, request, reply);
        if (is_for_all(request))
            answer_for_all(a, request, reply);
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
