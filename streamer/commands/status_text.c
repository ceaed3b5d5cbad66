#include "streamer/commands/status_text.h"

#include "streamer/base/mem.h"
#include "streamer/base/words.h"

#include <string.h>

#define NAME_WIDTH 24
#define COUNT_WIDTH 16
#define LABEL_WIDTH 12

/* --- parts --- */

static struct slice text_of(const cJSON *object, const char *name) {
    return json_text(json_member(object, name));
}

static enum paint_colour colour_of(struct slice status) {
    if (slice_eq(status, slice_str("pass")))
        return PAINT_GREEN;
    return slice_eq(status, slice_str("warn")) ? PAINT_YELLOW : PAINT_RED;
}

/* The first column of a block's first line; later lines begin with "". */
static void put_label(struct paint *p, const char *label) {
    paint_text(p, PAINT_BOLD, slice_str(label), LABEL_WIDTH);
}

static void put_plain(struct paint *p, struct slice text, int width) {
    paint_text(p, PAINT_PLAIN, text, width);
}

static void end_line(struct paint *p) {
    while (p->out->n > 0 && p->out->p[p->out->n - 1] == ' ')
        p->out->n--;
    buf_put_byte(p->out, '\n');
}

static struct words count_of(const cJSON *object, const char *name) {
    return words_count(instance_number(object, name, 0));
}

/* --- one instance --- */

static void put_head(struct paint *p, const cJSON *instance, const cJSON *status) {
    struct buf name = {0};
    instance_put_name(instance, &name);
    put_label(p, "instance");
    put_plain(p, buf_slice(&name), 0);
    paint_printf(p, PAINT_DIM, " (%.*s, version %.*s, up %s)", (int)text_of(status, "app").n,
                 text_of(status, "app").p, (int)text_of(status, "version").n,
                 text_of(status, "version").p,
                 words_duration(instance_number(status, "uptime_seconds", 0)).text);
    end_line(p);
    buf_release(&name);
}

static bool put_readiness(struct paint *p, const cJSON *status) {
    bool is_ready = cJSON_IsTrue(json_member(status, "ready"));
    put_label(p, is_ready ? "ready" : "not ready");
    paint_text(p, is_ready ? PAINT_GREEN : PAINT_RED, text_of(status, "reason"), 0);
    struct slice since = text_of(status, "since");
    paint_printf(p, PAINT_DIM, ", since %.*s", (int)since.n, since.p);
    end_line(p);
    return is_ready;
}

/* True: none of them is an error. */
static bool put_problems(struct paint *p, const cJSON *status) {
    const cJSON *problem = NULL;
    const char *label = "problems";
    bool ok = true;
    cJSON_ArrayForEach(problem, json_member(status, "problems")) {
        struct slice how = text_of(problem, "status"), since = text_of(problem, "since");
        put_label(p, label);
        paint_text(p, colour_of(how), how, 6);
        put_plain(p, text_of(problem, "text"), 0);
        paint_printf(p, PAINT_DIM, ", since %.*s", (int)since.n, since.p);
        end_line(p);
        label = "";
        ok = ok && !slice_eq(how, slice_str("fail"));
    }
    return ok;
}

static void put_inputs(struct paint *p, const cJSON *status) {
    const cJSON *input = NULL;
    const char *label = "inputs";
    cJSON_ArrayForEach(input, json_member(status, "inputs")) {
        struct slice how = text_of(input, "status"), newest = text_of(input, "newest_record_at");
        put_label(p, label);
        put_plain(p, text_of(input, "entity"), 11);
        paint_text(p, colour_of(how), how, 6);
        paint_printf(p, PAINT_PLAIN, "lag %s", count_of(input, "lag_records").text);
        if (newest.n > 0)
            paint_printf(p, PAINT_PLAIN, ", newest record %.*s (%s ago)", (int)newest.n, newest.p,
                         words_duration(instance_number(input, "age_seconds", 0)).text);
        else
            put_plain(p, slice_str(", no record"), 0);
        end_line(p);
        label = "";
    }
}

static void put_nodes(struct paint *p, const cJSON *status) {
    const cJSON *node = NULL;
    put_label(p, "layers");
    paint_text(p, PAINT_DIM, slice_str(""), NAME_WIDTH);
    paint_text(p, PAINT_DIM, slice_str("records"), COUNT_WIDTH);
    paint_text(p, PAINT_DIM, slice_str("a second"), 0);
    end_line(p);
    cJSON_ArrayForEach(node, json_member(status, "nodes")) {
        put_label(p, "");
        put_plain(p, text_of(node, "id"), NAME_WIDTH);
        put_plain(p, slice_str(count_of(node, "records").text), COUNT_WIDTH);
        put_plain(p, text_of(node, "per_second"), 0);
        end_line(p);
    }
}

/* "4: 3 running, 1 restoring, 12,345 records left" */
static void put_tasks(struct paint *p, const cJSON *status) {
    static const char *const phases[] = {"running",  "restoring",  "waiting",
                                         "retrying", "connecting", "stopped"};
    int64_t counts[ARRAY_LEN(phases)] = {0}, left = 0;
    const cJSON *task = NULL;
    cJSON_ArrayForEach(task, json_member(status, "tasks")) {
        for (size_t i = 0; i < ARRAY_LEN(phases); i++)
            counts[i] += slice_eq(text_of(task, "phase"), slice_str(phases[i]));
        left += instance_number(task, "remaining", 0);
    }
    put_label(p, "tasks");
    paint_printf(p, PAINT_PLAIN, "%s", count_of(status, "tasks_total").text);
    const char *before = ": ";
    for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
        if (counts[i] == 0)
            continue;
        paint_printf(p, i == 0 ? PAINT_PLAIN : PAINT_YELLOW, "%s%s %s", before,
                     words_count(counts[i]).text, phases[i]);
        before = ", ";
    }
    if (left > 0)
        paint_printf(p, PAINT_YELLOW, ", %s records left", words_count(left).text);
    end_line(p);
}

static void put_codes(struct paint *p, const cJSON *quarantine) {
    const cJSON *code = NULL;
    const char *before = ": ";
    cJSON_ArrayForEach(code, json_member(quarantine, "by_code")) {
        struct slice entity = text_of(code, "entity"), name = text_of(code, "code");
        paint_printf(p, PAINT_PLAIN, "%s%.*s %.*s %s", before, (int)entity.n, entity.p, (int)name.n,
                     name.p, count_of(code, "records").text);
        before = ", ";
    }
}

static void put_sample(struct paint *p, const cJSON *sample) {
    struct slice at = text_of(sample, "at"), topic = text_of(sample, "topic"),
                 reason = text_of(sample, "reason"), id = text_of(sample, "id");
    put_label(p, "");
    paint_printf(p, PAINT_DIM, "%.*s %.*s/%lld@%lld", (int)at.n, at.p, (int)topic.n, topic.p,
                 (long long)instance_number(sample, "partition", 0),
                 (long long)instance_number(sample, "offset", 0));
    paint_printf(p, PAINT_PLAIN, " %.*s", (int)reason.n, reason.p);
    if (id.n > 0)
        paint_printf(p, PAINT_PLAIN, ", id %.*s", (int)id.n, id.p);
    end_line(p);
}

static void put_quarantine(struct paint *p, const cJSON *status) {
    const cJSON *quarantine = json_member(status, "quarantine"), *sample = NULL;
    put_label(p, "quarantine");
    paint_printf(p, PAINT_PLAIN, "%s", count_of(quarantine, "total").text);
    put_codes(p, quarantine);
    end_line(p);
    cJSON_ArrayForEach(sample, json_member(quarantine, "newest")) {
        put_sample(p, sample);
    }
}

static void put_quality(struct paint *p, const cJSON *status) {
    const cJSON *summary = json_member(json_member(status, "quality"), "summary");
    int64_t failed = instance_number(summary, "failed", 0),
            warned = instance_number(summary, "warned", 0);
    if (instance_number(summary, "total", 0) == 0)
        return;
    put_label(p, "quality");
    paint_printf(p,
                 failed > 0   ? PAINT_RED
                 : warned > 0 ? PAINT_YELLOW
                              : PAINT_GREEN,
                 "%s checks: %s passed, %lld warned, %lld failed", count_of(summary, "total").text,
                 count_of(summary, "passed").text, (long long)warned, (long long)failed);
    end_line(p);
}

static void put_state(struct paint *p, const cJSON *status) {
    const cJSON *state = json_member(status, "state");
    const cJSON *outdated = json_member(state, "outdated_rows");
    put_label(p, "state");
    paint_printf(p, PAINT_PLAIN, "%s, orphan accounts %s, outdated rows: customers %s, accounts %s",
                 words_bytes(instance_number(state, "bytes", 0)).text,
                 count_of(state, "orphan_accounts").text, count_of(outdated, "customers").text,
                 count_of(outdated, "accounts").text);
    end_line(p);
}

static bool put_answer(struct paint *p, const cJSON *instance) {
    const cJSON *status = json_member(instance, "answer");
    put_head(p, instance, status);
    bool is_ready = put_readiness(p, status);
    bool ok = put_problems(p, status);
    put_inputs(p, status);
    put_nodes(p, status);
    put_tasks(p, status);
    put_quarantine(p, status);
    put_quality(p, status);
    put_state(p, status);
    return is_ready && ok;
}

static bool put_unreached(struct paint *p, const cJSON *instance) {
    struct buf name = {0};
    instance_put_name(instance, &name);
    put_label(p, "instance");
    put_plain(p, buf_slice(&name), 0);
    end_line(p);
    put_label(p, "not reached");
    paint_text(p, PAINT_RED, text_of(instance, "error"), 0);
    end_line(p);
    buf_release(&name);
    return false;
}

bool status_text(const struct instances *all, struct paint *p) {
    const cJSON *instance = NULL;
    bool ok = true;
    cJSON_ArrayForEach(instance, all->list) {
        if (instance != all->list->child)
            buf_put_byte(p->out, '\n');
        ok = (instance_is_reached(instance) ? put_answer(p, instance)
                                            : put_unreached(p, instance)) &&
             ok;
    }
    return ok;
}
