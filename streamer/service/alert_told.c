#include "streamer/service/alert_told.h"

#include "streamer/base/decimal.h"
#include "streamer/base/log.h"
#include "streamer/base/whole_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_NAME "ALERTS"
#define FILE_BYTES_MAX 16384 /* a longer file is not ours */

/* --- text --- */

static void put_line(const struct alert_entry *e, struct buf *out) {
    if (e->told.is_sure && e->told.status == CHECK_PASS)
        return;
    buf_printf(out, "%s %s %lld%s\n", e->id, check_status_name(e->told.status),
               (long long)e->told.since_ms, e->told.is_sure ? "" : " ?");
}

static void put(const struct alert_plan *plan, const char *app_id, struct buf *out) {
    buf_printf(out, "app.id=%s\n", app_id);
    for (size_t i = 0; i < plan->count; i++)
        put_line(&plan->entries[i], out);
}

static bool parse_status(const char *name, enum check_status *status) {
    for (int i = 0; i < CHECK_STATUS_COUNT; i++)
        if (strcmp(check_status_name((enum check_status)i), name) == 0) {
            *status = (enum check_status)i;
            return true;
        }
    return false;
}

/* Cuts the first word off; "" if there is none. */
static char *next_word(char **rest) {
    char *word = *rest;
    size_t n = strcspn(word, " ");
    *rest = word + n + (word[n] != '\0');
    word[n] = '\0';
    return word;
}

static bool parse_line(char *line, struct alert_plan *plan) {
    char *id = next_word(&line), *name = next_word(&line), *since = next_word(&line);
    enum check_status status;
    int64_t since_ms;
    bool is_sure = line[0] == '\0';
    return id[0] != '\0' && parse_status(name, &status) &&
           decimal_parse_integer(slice_str(since), &since_ms) == DECIMAL_OK &&
           (is_sure || strcmp(line, "?") == 0) &&
           alert_plan_remember(plan, id, status, since_ms, is_sure);
}

/* Cuts the first line off. NULL: there is no whole line any more. */
static char *next_line(char **rest) {
    char *line = *rest, *end = strchr(line, '\n');
    if (end == NULL)
        return NULL;
    *end = '\0';
    *rest = end + 1;
    return line;
}

/* The text is changed. NULL: all is well; else what is wrong. */
static const char *parse(char *text, const char *app_id, struct alert_plan *plan) {
    static const char key[] = "app.id=";
    char *line = next_line(&text);
    if (line == NULL || strncmp(line, key, strlen(key)) != 0)
        return "the file is damaged";
    if (strcmp(line + strlen(key), app_id) != 0)
        return "it is another application's";
    while ((line = next_line(&text)) != NULL)
        if (!parse_line(line, plan))
            return "the file is damaged";
    return text[0] == '\0' ? NULL : "the file is damaged";
}

/* --- the file --- */

static void tell(struct alert_told *t, const char *what, const char *reason) {
    log_warn(what, "file=%s error=%s", log_quote(&(struct log_value){0}, buf_cstr(&t->path)),
             log_quote(&(struct log_value){0}, reason));
}

static const char *read_file(struct alert_told *t, struct alert_plan *plan) {
    struct buf text = {0};
    const char *wrong = NULL;
    if (!whole_file_read(buf_cstr(&t->path), FILE_BYTES_MAX, &text))
        wrong = errno != ENOENT ? strerror(errno) : NULL;
    else if (strlen(buf_cstr(&text)) != text.n)
        wrong = "the file is damaged";
    else
        wrong = parse(text.p, t->app_id, plan);
    buf_release(&text);
    return wrong;
}

void alert_told_init(struct alert_told *t, const char *dir, const char *app_id,
                     struct alert_plan *plan) {
    *t = (struct alert_told){.app_id = app_id};
    if (dir == NULL)
        return;
    buf_printf(&t->path, "%s/" FILE_NAME, dir);
    const char *wrong = read_file(t, plan);
    if (wrong != NULL) {
        tell(t, "what was told before the restart is not known, and is told anew", wrong);
        plan->count = 0;
    }
    put(plan, app_id, &t->kept);
}

static void write_file(struct alert_told *t, struct slice text) {
    bool ok = whole_file_write(buf_cstr(&t->path), text);
    if (ok)
        buf_set(&t->kept, text);
    else if (!t->has_failed)
        tell(t, "what was told cannot be kept; a restart would tell it anew", strerror(errno));
    t->has_failed = !ok;
}

void alert_told_keep(struct alert_told *t, const struct alert_plan *plan) {
    struct buf text = {0};
    if (t->path.n == 0)
        return;
    put(plan, t->app_id, &text);
    if (!slice_eq(buf_slice(&text), buf_slice(&t->kept)))
        write_file(t, buf_slice(&text));
    buf_release(&text);
}

void alert_told_release(struct alert_told *t) {
    buf_release(&t->path);
    buf_release(&t->kept);
}
