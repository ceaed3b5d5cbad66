#include "streamer/commands/quality_text.h"

#define STATUS_WIDTH 6
#define SAMPLE_INDENT "        "

static struct slice member(const cJSON *object, const char *name) {
    return json_text(json_member(object, name));
}

/* Appends `before` and the member, unless the member is null. */
static void put_known(struct paint *p, const char *before, const cJSON *object, const char *name) {
    struct slice text = member(object, name);
    if (text.n == 0)
        return;
    buf_put_str(p->out, before);
    paint_text(p, PAINT_PLAIN, text, 0);
}

/* --- checks */

/* A sample without a table is about a partition and not about a row. */
static void put_sample(struct paint *p, const cJSON *sample) {
    bool is_row = member(sample, "table").n > 0;
    buf_put_str(p->out, SAMPLE_INDENT);
    put_known(p, "", sample, "table");
    put_known(p, " ", sample, "id");
    put_known(p, is_row ? ", partition " : "partition ", sample, "partition");
    put_known(p, ": ", sample, "what");
    put_known(p, ", expected ", sample, "expected");
    put_known(p, ", found ", sample, "found");
    buf_put_byte(p->out, '\n');
}

static void put_check(struct paint *p, const cJSON *check) {
    const cJSON *sample = NULL;
    struct slice status = member(check, "status");
    bool is_fail = slice_eq(status, slice_str("fail"));
    paint_text(p, is_fail ? PAINT_RED : PAINT_YELLOW, status, STATUS_WIDTH);
    paint_text(p, PAINT_BOLD, member(check, "id"), 0);
    put_known(p, " since ", check, "since");
    put_known(p, ": ", check, "message");
    buf_put_byte(p->out, '\n');
    cJSON_ArrayForEach(sample, json_member(check, "samples")) {
        put_sample(p, sample);
    }
}

/* --- when all rows were looked at */

/* Sets `oldest` to when the check that lies back furthest has seen all rows. False: one has not
 * seen all rows yet. */
static bool find_oldest(const cJSON *report, struct slice *oldest) {
    const cJSON *layer = NULL, *check = NULL;
    *oldest = slice_of(NULL, 0);
    cJSON_ArrayForEach(layer, json_member(report, "layers")) {
        cJSON_ArrayForEach(check, json_member(layer, "checks")) {
            struct slice seen = member(check, "seen_all_at");
            if (seen.n == 0)
                return false;
            if (oldest->n == 0 || slice_compare(seen, *oldest) < 0)
                *oldest = seen;
        }
    }
    return oldest->n > 0;
}

static void put_seen(struct paint *p, const cJSON *report) {
    struct slice oldest;
    if (find_oldest(report, &oldest))
        paint_printf(p, PAINT_DIM, "; all rows were looked at by %.*s", (int)oldest.n, oldest.p);
    else
        paint_printf(p, PAINT_YELLOW, "; not all rows have been looked at yet");
}

/* --- instances */

static void put_name(struct paint *p, const cJSON *instance) {
    struct buf name = {0};
    instance_put_name(instance, &name);
    paint_text(p, PAINT_PLAIN, buf_slice(&name), 0);
    buf_release(&name);
}

static bool put_unreached(struct paint *p, const cJSON *instance) {
    paint_text(p, PAINT_RED, slice_str("NOT REACHED "), 0);
    put_name(p, instance);
    buf_put_str(p->out, ": ");
    paint_text(p, PAINT_PLAIN, member(instance, "error"), 0);
    buf_put_byte(p->out, '\n');
    return false;
}

static void put_counts(struct paint *p, const cJSON *summary) {
    static const char *const names[] = {"passed", "warned", "failed"};
    paint_printf(p, PAINT_PLAIN, ": %lld checks", (long long)instance_number(summary, "total", 0));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        paint_printf(p, PAINT_PLAIN, ", %lld %s", (long long)instance_number(summary, names[i], 0),
                     names[i]);
}

static bool put_instance(struct paint *p, const cJSON *instance) {
    const cJSON *report = json_member(instance, "answer"), *check = NULL;
    const cJSON *summary = json_member(report, "summary");
    if (!instance_is_reached(instance))
        return put_unreached(p, instance);
    put_name(p, instance);
    put_counts(p, summary);
    if (cJSON_GetArraySize(json_member(instance, "partitions")) > 0)
        put_seen(p, report);
    buf_put_byte(p->out, '\n');
    cJSON_ArrayForEach(check, json_member(report, "failures")) {
        put_check(p, check);
    }
    return instance_number(summary, "failed", 1) == 0;
}

bool quality_text(const struct instances *all, struct paint *p) {
    const cJSON *instance = NULL;
    bool ok = true;
    cJSON_ArrayForEach(instance, all->list) {
        ok = put_instance(p, instance) && ok;
    }
    return ok;
}
