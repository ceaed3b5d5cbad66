#include "streamer/service/problems.h"

#include "streamer/base/json_put.h"
#include "streamer/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool is_worse(const struct problem *a, const struct problem *b) {
    return a->status != b->status ? a->status > b->status : a->since_ms < b->since_ms;
}

static bool is_known(const struct problems *p, const struct problem *problem) {
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->list[i].subject, problem->subject) == 0 &&
            strcmp(p->list[i].text, problem->text) == 0)
            return true;
    return false;
}

static void insert(struct problems *p, const struct problem *problem) {
    size_t at = 0;
    while (at < p->count && !is_worse(problem, &p->list[at]))
        at++;
    if (at == PROBLEMS_MAX)
        return;
    size_t behind = (p->count < PROBLEMS_MAX ? p->count : PROBLEMS_MAX - 1) - at;
    memmove(&p->list[at + 1], &p->list[at], behind * sizeof *p->list);
    p->list[at] = *problem;
    p->count += p->count < PROBLEMS_MAX;
}

/* Cuts no character in two. */
static void set_text(struct problem *problem, const struct buf *text) {
    struct slice cut = utf8_cut(buf_slice(text), sizeof problem->text - 1);
    memcpy(problem->text, cut.p, cut.n);
    problem->text[cut.n] = '\0';
}

void problems_add(struct problems *p, enum check_status status, int64_t since_ms,
                  const char *subject, const char *format, ...) {
    struct problem problem = {.status = status, .since_ms = since_ms};
    struct buf text = {0};
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    set_text(&problem, &text);
    buf_release(&text);
    (void)snprintf(problem.subject, sizeof problem.subject, "%s", subject);
    if (!is_known(p, &problem))
        insert(p, &problem);
}

void problems_add_check(struct problems *p, const struct check_state *check) {
    if (check->status != CHECK_PASS)
        problems_add(p, check->status, check->since_ms, check->id, "%s",
                     check->message[0] != '\0' ? check->message : check->id);
}

void problems_put_json(const struct problems *p, struct buf *out) {
    buf_put_byte(out, '[');
    for (size_t i = 0; i < p->count; i++) {
        const struct problem *problem = &p->list[i];
        buf_put_str(out, i > 0 ? ",{" : "{");
        json_put_text(out, "text", problem->text);
        json_put_text(out, "status", check_status_name(problem->status));
        json_put_time(out, "since", problem->since_ms);
        json_put_text(out, "subject", problem->subject);
        buf_put_byte(out, '}');
    }
    buf_put_byte(out, ']');
}
