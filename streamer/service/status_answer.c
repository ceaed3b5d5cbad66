#include "streamer/service/status_answer.h"

#include "streamer/base/clock.h"
#include "streamer/base/json_put.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/version.h"
#include "streamer/base/words.h"
#include "streamer/http/routes.h"
#include "streamer/kafka/broker_watch.h"
#include "streamer/metrics/freshness.h"
#include "streamer/model/entity.h"
#include "streamer/model/reason_mask.h"
#include "streamer/service/observer.h"
#include "streamer/service/problems.h"
#include "streamer/service/readiness.h"
#include "streamer/service/status_flow.h"

#include <string.h>

#define TASKS_MAX 256
#define BROKERS_MAX PROBLEMS_MAX
#define CHECKS_MAX 100

/* What is looked at once for one answer. */
struct view {
    const struct answers *answers;
    bool is_open; /* else there are no workers, and no partitions in the metrics */
    int64_t now_ms;
    struct readiness readiness;
    struct worker_waits waits;
    struct check_state freshness[ENTITY_COUNT];
    struct check_state checks[CHECKS_MAX]; /* of quality */
    size_t check_count;
    struct figures now, before, after;
};

static void look(struct view *v, const struct answers *a) {
    const struct clock *clock = clock_of_machine();
    v->answers = a;
    v->is_open = atomic_load(&a->is_open);
    v->now_ms = clock_ms(clock, CLOCK_REALTIME);
    readiness_look(a, &v->readiness);
    v->waits = (struct worker_waits){0};
    if (v->is_open)
        workers_waits(a->workers, &v->waits);
    for (int e = 0; e < ENTITY_COUNT; e++)
        freshness_check(a->metrics, (enum entity)e, v->now_ms, &v->freshness[e]);
    v->check_count = v->is_open && a->quality_states != NULL
                         ? a->quality_states(a->quality, v->checks, CHECKS_MAX)
                         : 0;
    figures_read(a->metrics, clock_us(clock, CLOCK_MONOTONIC), &v->now);
    v->before = v->after = v->now;
    if (v->is_open)
        observer_figures(a->observer, &v->before, &v->after);
}

/* --- what is wrong --- */

static void add_readiness(const struct view *v, struct problems *p) {
    const struct readiness *r = &v->readiness;
    int64_t left = v->is_open ? metric_get(&v->answers->metrics->restore_remaining) : 0;
    bool is_error = r->phase == WORKER_RETRYING || r->phase == WORKER_STOPPED;
    if (r->is_ready)
        return;
    if (r->phase == WORKER_RESTORING && left > 0)
        problems_add(p, CHECK_WARN, r->since_ms, "readiness", "not ready: %s, %s records left",
                     r->reason, words_count(left).text);
    else
        problems_add(p, is_error ? CHECK_FAIL : CHECK_WARN, r->since_ms, "readiness",
                     "not ready: %s", r->reason);
}

static void add_brokers(const struct view *v, struct problems *p) {
    struct lost_broker lost[BROKERS_MAX];
    size_t count = broker_watch_lost(v->answers->config->brokers, lost, BROKERS_MAX);
    for (size_t i = 0; i < count; i++)
        problems_add(p, CHECK_WARN, lost[i].since_ms, "brokers", "broker %s cannot be reached",
                     lost[i].address);
}

static void add_waits(const struct view *v, struct problems *p) {
    const struct worker_waits *w = &v->waits;
    if (w->partitions > 0)
        problems_add(p, CHECK_WARN, w->since_ms, "waiting", "%s partition%s wait%s: %s",
                     words_count(w->partitions).text, w->partitions > 1 ? "s" : "",
                     w->partitions > 1 ? "" : "s", w->text);
}

/* Freshness is told here, whether quality has it among its checks or not. */
static bool is_freshness(const struct view *v, const struct check_state *check) {
    for (int e = 0; e < ENTITY_COUNT; e++)
        if (strcmp(check->id, v->freshness[e].id) == 0)
            return true;
    return false;
}

static void put_problems(const struct view *v, struct buf *out) {
    struct problems p = {0};
    add_readiness(v, &p);
    add_brokers(v, &p);
    add_waits(v, &p);
    for (int e = 0; e < ENTITY_COUNT; e++)
        problems_add_check(&p, &v->freshness[e]);
    for (size_t i = 0; i < v->check_count; i++)
        if (!is_freshness(v, &v->checks[i]))
            problems_add_check(&p, &v->checks[i]);
    json_put_name(out, "problems");
    problems_put_json(&p, out);
}

/* --- this process --- */

static void put_process(const struct view *v, struct buf *out) {
    const struct config *c = v->answers->config;
    int64_t start_ms = v->answers->metrics->process_start_cs * 10; /* negative: not known */
    int64_t up_s = start_ms > 0 ? (v->now_ms - start_ms) / 1000 : 0;
    json_put_time(out, "timestamp", v->now_ms);
    json_put_text(out, "app", c->app_id);
    json_put_text(out, "instance", v->answers->instance);
    json_put_text(out, "version", streamer_version());
    json_put_int(out, "uptime_seconds", up_s > 0 ? up_s : 0);
    json_put_bool(out, "ready", v->readiness.is_ready);
    json_put_text(out, "reason", v->readiness.reason);
    json_put_time(out, "since", v->readiness.since_ms);
}

static void put_waits(const struct view *v, struct buf *out) {
    const struct worker_waits *w = &v->waits;
    json_put_name(out, "unreachable_brokers");
    broker_watch_put_json(v->answers->config->brokers, out);
    json_put_name(out, "waiting");
    buf_put_byte(out, '{');
    json_put_int(out, "partitions", w->partitions);
    json_put_text(out, "for", w->partitions > 0 ? w->text : NULL);
    json_put_time(out, "since", w->partitions > 0 ? w->since_ms : TIMESTAMP_NONE);
    buf_put_byte(out, '}');
}

static void put_flow(const struct view *v, struct buf *out) {
    const struct flow f = {v->answers->config, &v->now, &v->before, &v->after};
    json_put_name(out, "nodes");
    flow_put_nodes(&f, out);
    json_put_name(out, "edges");
    flow_put_edges(&f, out);
}

/* --- tasks --- */

static const char *phase_name(const struct worker *worker, int32_t partition) {
    static const char *const names[] = {[TASK_ABSENT] = "connecting",
                                        [TASK_WAITING] = "waiting",
                                        [TASK_RESTORING] = "restoring",
                                        [TASK_RUNNING] = "running"};
    switch (worker_phase(worker)) {
    case WORKER_RETRYING:
        return "retrying";
    case WORKER_STOPPED:
        return "stopped";
    default:
        return names[worker_task_phase(worker, partition)];
    }
}

static void put_task(const struct view *v, const struct worker *worker, size_t index,
                     int32_t partition, struct buf *out) {
    const struct task_figures *f = &v->answers->metrics->tasks[partition];
    int64_t remaining = metric_get(&f->remaining);
    json_put_int(out, "partition", partition);
    json_put_int(out, "worker", (int64_t)index);
    json_put_text(out, "phase", phase_name(worker, partition));
    json_put_int(out, "restored", metric_get(&f->restored));
    if (remaining >= 0)
        json_put_int(out, "remaining", remaining);
    else
        json_put_text(out, "remaining", NULL);
}

static void put_tasks(const struct view *v, struct buf *out) {
    int64_t total = 0;
    json_put_name(out, "tasks");
    buf_put_byte(out, '[');
    for (int32_t p = 0; v->is_open && p < v->answers->partitions; p++) {
        size_t index;
        const struct worker *worker = workers_holder(v->answers->workers, p, &index);
        if (worker == NULL || ++total > TASKS_MAX)
            continue;
        buf_put_str(out, total > 1 ? ",{" : "{");
        put_task(v, worker, index, p, out);
        buf_put_byte(out, '}');
    }
    buf_put_byte(out, ']');
    json_put_int(out, "tasks_total", total);
}

/* --- inputs --- */

static int64_t lag_of(const struct metrics *m, enum topic topic) {
    int64_t sum = 0;
    for (int32_t i = 0; i < m->lag[topic].partitions; i++) {
        int64_t lag = metric_get(&m->lag[topic].lag[i]);
        sum += lag > 0 ? lag : 0;
    }
    return sum;
}

static void put_input(const struct view *v, enum entity entity, struct buf *out) {
    const struct metrics *m = v->answers->metrics;
    const struct entity_info *info = entity_info(entity);
    struct freshness f;
    freshness_look(m, entity, v->now_ms, &f);
    json_put_text(out, "entity", info->name);
    json_put_text(out, "topic", v->answers->config->topics[info->input]);
    json_put_int(out, "lag_records",
                 v->is_open ? lag_of(m, info->input) + lag_of(m, info->repartition) : 0);
    json_put_time(out, "newest_record_at", f.newest_record_ms);
    json_put_time(out, "newest_event_at", metric_get(&m->newest_event_ms[entity]));
    if (f.age_s >= 0)
        json_put_int(out, "age_seconds", f.age_s);
    else
        json_put_text(out, "age_seconds", NULL);
    json_put_text(out, "status", check_status_name(v->freshness[entity].status));
    json_put_time(out, "since", f.since_ms);
}

static void put_inputs(const struct view *v, struct buf *out) {
    json_put_name(out, "inputs");
    for (int e = 0; e < ENTITY_COUNT; e++) {
        buf_put_str(out, e > 0 ? ",{" : "[{");
        put_input(v, (enum entity)e, out);
        buf_put_byte(out, '}');
    }
    buf_put_byte(out, ']');
}

/* --- quarantine --- */

static void put_codes(const struct metrics *m, struct buf *out) {
    const char *before = "[{";
    for (int e = 0; e < ENTITY_COUNT; e++)
        for (int code = 0; code < REASON_COUNT; code++) {
            int64_t records = metric_get(&m->quarantined[e][code]);
            if (records == 0)
                continue;
            buf_put_str(out, before);
            json_put_text(out, "entity", entity_info((enum entity)e)->name);
            json_put_text(out, "code", reason_code_name((enum reason_code)code));
            json_put_int(out, "records", records);
            buf_put_byte(out, '}');
            before = ",{";
        }
    buf_put_str(out, before[0] == '[' ? "[]" : "]");
}

static void put_reason(const struct reject *r, bool shows_values, struct buf *out) {
    struct buf masked = {0};
    if (!shows_values)
        reason_put_masked(&masked, r->code, slice_str(r->reason));
    json_put_text(out, "reason", shows_values ? r->reason : buf_cstr(&masked));
    buf_release(&masked);
}

static void put_reject(const struct view *v, const struct reject *r, struct buf *out) {
    const struct config *c = v->answers->config;
    json_put_time(out, "at", r->at_ms);
    json_put_text(out, "topic", c->topics[entity_info(r->entity)->input]);
    json_put_int(out, "partition", r->partition);
    json_put_int(out, "offset", r->offset);
    json_put_text(out, "code", reason_code_name(r->code));
    put_reason(r, c->http_show_values, out);
    json_put_text(out, "id", r->id[0] != '\0' ? r->id : NULL);
}

static void put_quarantine(const struct view *v, struct buf *out) {
    struct rejects newest = {0};
    if (v->is_open)
        workers_rejects(v->answers->workers, &newest);
    json_put_name(out, "quarantine");
    buf_put_byte(out, '{');
    json_put_int(out, "total", figures_quarantined(&v->now));
    json_put_name(out, "by_code");
    put_codes(v->answers->metrics, out);
    json_put_name(out, "newest");
    buf_put_byte(out, '[');
    for (int i = 0; i < newest.count; i++) {
        buf_put_str(out, i > 0 ? ",{" : "{");
        put_reject(v, rejects_newest(&newest, i), out);
        buf_put_byte(out, '}');
    }
    buf_put_str(out, "]}");
}

/* --- quality and state --- */

static void put_summary(const struct view *v, struct buf *out) {
    int64_t counts[CHECK_STATUS_COUNT] = {0};
    for (size_t i = 0; i < v->check_count; i++)
        counts[v->checks[i].status]++;
    check_put_summary(out, counts);
}

static void put_check(const struct check_state *check, struct buf *out) {
    json_put_text(out, "id", check->id);
    json_put_text(out, "layer", check_layer_name(check->layer));
    json_put_text(out, "severity", check_severity_name(check->severity));
    json_put_text(out, "status", check_status_name(check->status));
    json_put_time(out, "since", check->since_ms);
    json_put_text(out, "message", check->message);
}

/* Those with this status. Returns whether there are any, or were before. */
static bool put_checks(const struct view *v, enum check_status status, bool has_some,
                       struct buf *out) {
    for (size_t i = 0; i < v->check_count; i++) {
        if (v->checks[i].status != status)
            continue;
        buf_put_str(out, has_some ? ",{" : "{");
        put_check(&v->checks[i], out);
        buf_put_byte(out, '}');
        has_some = true;
    }
    return has_some;
}

static void put_quality(const struct view *v, struct buf *out) {
    json_put_name(out, "quality");
    buf_put_byte(out, '{');
    json_put_name(out, "summary");
    put_summary(v, out);
    json_put_name(out, "failures");
    buf_put_byte(out, '[');
    (void)put_checks(v, CHECK_WARN, put_checks(v, CHECK_FAIL, false, out), out);
    buf_put_str(out, "]}");
}

static void put_state(const struct view *v, struct buf *out) {
    const struct metrics *m = v->answers->metrics;
    json_put_name(out, "state");
    buf_put_byte(out, '{');
    json_put_int(out, "bytes", metric_get(&m->state_bytes));
    json_put_int(out, "orphan_accounts", metric_get(&m->orphan_accounts));
    json_put_name(out, "outdated_rows");
    buf_put_byte(out, '{');
    for (int e = 0; e < ENTITY_COUNT; e++)
        json_put_int(out, entity_info((enum entity)e)->name, metric_get(&m->outdated_rows[e]));
    buf_put_str(out, "}}");
}

void status_answer(const struct answers *a, const struct http_request *request,
                   struct http_reply *reply) {
    struct view v;
    struct buf *out = &reply->body;
    look(&v, a);
    reply->status = 200;
    buf_put_byte(out, '{');
    put_process(&v, out);
    put_problems(&v, out);
    put_waits(&v, out);
    put_flow(&v, out);
    put_tasks(&v, out);
    put_inputs(&v, out);
    put_quarantine(&v, out);
    put_quality(&v, out);
    put_state(&v, out);
    if (route_flag(request, ROUTE_WITH_HISTORY) && v.is_open) {
        json_put_name(out, "history");
        observer_put_history(a->observer, out);
    }
    buf_put_str(out, "}\n");
}
