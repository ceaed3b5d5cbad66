#include "streamer/commands/freshness_text.h"

#include "streamer/base/words.h"

#include <ctype.h>

static enum paint_colour colour_of(struct slice status) {
    if (slice_eq(status, slice_str("pass")))
        return PAINT_GREEN;
    return slice_eq(status, slice_str("warn")) ? PAINT_YELLOW : PAINT_RED;
}

/* "WARN", as dbt shows it. */
static void put_status(struct paint *p, struct slice status) {
    struct buf upper = {0};
    for (size_t i = 0; i < status.n; i++)
        buf_put_byte(&upper, (char)toupper((unsigned char)status.p[i]));
    paint_text(p, colour_of(status), buf_slice(&upper), 14);
    buf_release(&upper);
}

static void put_age(struct paint *p, const cJSON *input) {
    struct slice newest = json_text(json_member(input, "newest_record_at"));
    int64_t age_s = instance_number(input, "age_seconds", -1);
    if (age_s < 0 || newest.n == 0) {
        paint_text(p, PAINT_PLAIN, json_text(json_member(input, "message")), 0);
        return;
    }
    paint_printf(p, PAINT_PLAIN, "newest record %.*s, %s ago", (int)newest.n, newest.p,
                 words_duration(age_s).text);
}

static void put_input(struct paint *p, const cJSON *input) {
    struct slice status = json_text(json_member(input, "status"));
    struct slice since = json_text(json_member(input, "since"));
    put_status(p, status);
    paint_text(p, PAINT_BOLD, json_text(json_member(input, "entity")), 11);
    put_age(p, input);
    paint_printf(p, PAINT_DIM, " (warn after %s, error after %s)",
                 words_duration(instance_number(input, "warn_after_seconds", 0)).text,
                 words_duration(instance_number(input, "error_after_seconds", 0)).text);
    if (!slice_eq(status, slice_str("pass")))
        paint_printf(p, PAINT_PLAIN, ", so since %.*s", (int)since.n, since.p);
    buf_put_byte(p->out, '\n');
}

static bool is_error(const cJSON *input) {
    struct slice status = json_text(json_member(input, "status"));
    return !slice_eq(status, slice_str("pass")) && !slice_eq(status, slice_str("warn"));
}

static void put_name(struct paint *p, const cJSON *instance) {
    struct buf name = {0};
    instance_put_name(instance, &name);
    paint_text(p, PAINT_PLAIN, buf_slice(&name), 0);
    buf_release(&name);
}

static bool put_unreached(struct paint *p, const cJSON *instance) {
    paint_text(p, PAINT_RED, slice_str("NOT REACHED"), 14);
    put_name(p, instance);
    buf_put_str(p->out, ": ");
    paint_text(p, PAINT_PLAIN, json_text(json_member(instance, "error")), 0);
    buf_put_byte(p->out, '\n');
    return false;
}

static bool put_instance(struct paint *p, const cJSON *instance) {
    const cJSON *input = NULL;
    bool ok = true;
    if (!instance_is_reached(instance))
        return put_unreached(p, instance);
    put_name(p, instance);
    buf_put_byte(p->out, '\n');
    cJSON_ArrayForEach(input, json_member(json_member(instance, "answer"), "inputs")) {
        put_input(p, input);
        ok = ok && !is_error(input);
    }
    return ok;
}

bool freshness_text(const struct instances *all, struct paint *p) {
    const cJSON *instance = NULL;
    bool ok = true;
    cJSON_ArrayForEach(instance, all->list) {
        ok = put_instance(p, instance) && ok;
    }
    return ok;
}
