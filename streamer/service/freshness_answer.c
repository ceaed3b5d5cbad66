#include "streamer/service/freshness_answer.h"

#include "streamer/base/clock.h"
#include "streamer/base/json_put.h"
#include "streamer/metrics/freshness.h"
#include "streamer/model/entity.h"

/* null: not known. */
static void put_age(struct buf *out, int64_t age_s) {
    if (age_s < 0)
        json_put_name(out, "age_seconds"), buf_put_str(out, "null");
    else
        json_put_int(out, "age_seconds", age_s);
}

static void put_input(const struct answers *a, enum entity entity, int64_t now_ms,
                      struct buf *out) {
    const struct entity_info *info = entity_info(entity);
    struct freshness f;
    freshness_look(a->metrics, entity, now_ms, &f);
    buf_put_byte(out, '{');
    json_put_text(out, "entity", info->name);
    json_put_text(out, "topic", a->config->topics[info->input]);
    json_put_time(out, "newest_record_at", f.newest_record_ms);
    put_age(out, f.age_s);
    json_put_int(out, "warn_after_seconds", a->config->freshness_warn_ms / 1000);
    json_put_int(out, "error_after_seconds", a->config->freshness_error_ms / 1000);
    json_put_text(out, "status", freshness_status_name(f.status));
    json_put_time(out, "since", f.since_ms);
    json_put_text(out, "message", f.message);
    buf_put_byte(out, '}');
}

void freshness_answer(const struct answers *a, struct http_reply *reply) {
    int64_t now_ms = clock_ms(clock_of_machine(), CLOCK_REALTIME);
    struct buf *out = &reply->body;
    reply->status = 200;
    buf_put_byte(out, '{');
    json_put_time(out, "timestamp", now_ms);
    json_put_text(out, "app", a->config->app_id);
    json_put_name(out, "inputs");
    for (int e = 0; e < ENTITY_COUNT; e++) {
        buf_put_byte(out, e > 0 ? ',' : '[');
        put_input(a, (enum entity)e, now_ms, out);
    }
    buf_put_str(out, "]}\n");
}
