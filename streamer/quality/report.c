#include "streamer/quality/report.h"

#include "streamer/base/json.h"
#include "streamer/base/timestamp.h"

#define MASK "***"

/* A report in the making. The board is locked. */
struct report {
    const struct board *board;
    const struct report_head *head;
    struct buf *out;
};

static void put_name(struct buf *out, const char *name) {
    buf_printf(out, ",\"%s\":", name);
}

static void put_text(struct buf *out, const char *text) {
    json_put_string(out, slice_str(text));
}

/* 0: null. */
static void put_time(struct buf *out, int64_t ms) {
    if (ms == 0) {
        buf_put_str(out, "null");
        return;
    }
    buf_put_byte(out, '"');
    timestamp_put_iso(out, ms);
    buf_put_byte(out, '"');
}

/* --- samples --- */

/* The figures of the pipeline are no values of rows. */
static void put_value(const struct report *r, const struct check *c, const char *text) {
    if (text[0] == '\0')
        buf_put_str(r->out, "null");
    else
        put_text(r->out, r->head->shows_values || c->layer == LAYER_PIPELINE ? text : MASK);
}

static void put_sample(const struct report *r, const struct check *c, const struct sample *s) {
    static const char *const tables[] = {"\"customers\"", "\"accounts\"", "null"};
    buf_printf(r->out, "{\"table\":%s,\"partition\":%d,\"id\":", tables[s->entity], s->partition);
    if (s->entity == ENTITY_COUNT)
        buf_put_str(r->out, "null");
    else
        put_text(r->out, s->id);
    put_name(r->out, "what");
    put_text(r->out, s->what);
    put_name(r->out, "expected");
    put_value(r, c, s->expected);
    put_name(r->out, "found");
    put_value(r, c, s->found);
    buf_put_byte(r->out, '}');
}

/* Those of the present pass are newer; where it has found none yet, the last one's are shown. */
static void put_samples(const struct report *r, const struct check *c, const struct standing *v) {
    const struct finds *f = v->now.count > 0 ? &v->now : &v->last;
    buf_put_byte(r->out, '[');
    for (int64_t i = 0; i < f->count && i < SAMPLES_MAX; i++) {
        buf_put_str(r->out, i > 0 ? "," : "");
        put_sample(r, c, &f->samples[i]);
    }
    buf_put_byte(r->out, ']');
}

/* --- checks --- */

static void put_check(const struct report *r, enum check_id id) {
    const struct check *c = check_of(id);
    const struct standing *v = &r->board->standings[id];
    buf_printf(
        r->out,
        "{\"id\":\"%s\",\"layer\":\"%s\",\"severity\":\"%s\",\"status\":\"%s\",\"since\":", c->id,
        check_layer_name(c->layer), check_severity_name(c->severity), check_status_name(v->status));
    put_time(r->out, v->since_ms);
    put_name(r->out, "message");
    put_text(r->out, v->message);
    buf_printf(r->out, ",\"counts\":{\"looked_at\":%lld,\"found\":%lld}", (long long)v->rows,
               (long long)v->found);
    put_name(r->out, "seen_all_at");
    if (check_is_of_rows(id))
        put_time(r->out, v->seen_all_ms);
    else
        put_time(r->out, r->head->now_ms);
    put_name(r->out, "samples");
    put_samples(r, c, v);
    buf_put_byte(r->out, '}');
}

/* The checks of a layer, or (LAYER_COUNT) those that do not pass, the failures first. */
static void put_checks(const struct report *r, enum check_layer layer, enum check_status status) {
    bool is_list = layer == LAYER_COUNT, is_first = r->out->p[r->out->n - 1] == '[';
    for (int i = 0; i < CHECK_COUNT; i++) {
        const struct standing *v = &r->board->standings[i];
        if (!v->exists ||
            (is_list ? v->status != status : check_of((enum check_id)i)->layer != layer))
            continue;
        buf_put_str(r->out, is_first ? "" : ",");
        put_check(r, (enum check_id)i);
        is_first = false;
    }
}

static void put_layers(const struct report *r) {
    put_name(r->out, "layers");
    for (int l = 0; l < LAYER_COUNT; l++) {
        buf_printf(r->out, "%s\"%s\":{\"checks\":[", l == 0 ? "{" : ",",
                   check_layer_name((enum check_layer)l));
        put_checks(r, (enum check_layer)l, CHECK_PASS);
        buf_put_str(r->out, "]}");
    }
    buf_put_byte(r->out, '}');
}

static void put_failures(const struct report *r) {
    put_name(r->out, "failures");
    buf_put_byte(r->out, '[');
    put_checks(r, LAYER_COUNT, CHECK_FAIL);
    put_checks(r, LAYER_COUNT, CHECK_WARN);
    buf_put_byte(r->out, ']');
}

/* --- the whole --- */

static void put_summary(const struct report *r) {
    int64_t counts[CHECK_STATUS_COUNT] = {0};
    for (int i = 0; i < CHECK_COUNT; i++) {
        const struct standing *v = &r->board->standings[i];
        counts[v->status] += v->exists;
    }
    buf_put_str(r->out, ",\"summary\":");
    check_put_summary(r->out, counts);
}

void report_put(struct board *b, const struct report_head *head, struct buf *out) {
    struct report r = {b, head, out};
    (void)pthread_mutex_lock(&b->lock);
    buf_put_str(out, "{\"timestamp\":");
    put_time(out, head->now_ms);
    put_name(out, "app");
    put_text(out, head->app);
    put_name(out, "instance");
    put_text(out, head->instance);
    put_summary(&r);
    put_layers(&r);
    put_failures(&r);
    buf_put_str(out, "}\n");
    (void)pthread_mutex_unlock(&b->lock);
}
