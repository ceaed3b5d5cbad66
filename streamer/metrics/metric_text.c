#include "streamer/metrics/metric_text.h"

#include <string.h>

#define PREFIX "streamer_"
#define TOTAL "_total"

/* --- Prometheus */

/* One metric while its lines are appended. */
struct lines {
    struct buf *out;
    const char *name;
};

static void put_escaped(struct buf *out, const char *text) {
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\n') {
            buf_put_str(out, "\\n");
            continue;
        }
        if (*p == '"' || *p == '\\')
            buf_put_byte(out, '\\');
        buf_put_byte(out, *p);
    }
}

/* `{topic="customers",partition="0"}`; nothing if there are no labels. */
static void put_labels(struct buf *out, const struct sample *s) {
    char before = '{';
    for (int i = 0; i < METRIC_LABELS_MAX && s->labels[i].name != NULL; i++, before = ',') {
        buf_put_byte(out, before);
        buf_put_str(out, s->labels[i].name);
        buf_put_str(out, "=\"");
        put_escaped(out, s->labels[i].value);
        buf_put_byte(out, '"');
    }
    if (before == ',')
        buf_put_byte(out, '}');
}

/* Decimals without zeros at their end. */
static void put_value(struct buf *out, const struct sample *s) {
    decimal_put(out, s->value, s->scale);
    if (s->scale == 0)
        return;
    while (out->p[out->n - 1] == '0')
        out->n--;
    if (out->p[out->n - 1] == '.')
        out->n--;
}

static void put_line(void *context, const struct sample *s) {
    const struct lines *l = context;
    buf_put_str(l->out, l->name);
    buf_put_str(l->out, s->suffix);
    put_labels(l->out, s);
    buf_put_byte(l->out, ' ');
    put_value(l->out, s);
    buf_put_byte(l->out, '\n');
}

void metrics_render(const struct metrics *m, int64_t now_ms, struct buf *out) {
    for (enum metric_id id = 0; id < METRIC_COUNT; id++) {
        const struct metric *metric = metric_of(id);
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
                   metric_type_name(metric->type));
        metric_visit(id, m, now_ms, put_line, &(struct lines){out, metric->name});
    }
}

/* --- Markdown */

static void put_label_names(struct buf *out, const struct metric *metric) {
    for (int i = 0; i < METRIC_LABELS_MAX && metric->labels[i] != LABEL_NONE; i++)
        buf_printf(out, "%s%s", i > 0 ? ", " : "", metric_label_name(metric->labels[i]));
}

void metrics_put_markdown(struct buf *out) {
    buf_put_str(out, "| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n");
    for (enum metric_id id = 0; id < METRIC_COUNT; id++) {
        const struct metric *metric = metric_of(id);
        if (strncmp(metric->name, PREFIX, strlen(PREFIX)) != 0)
            continue;
        buf_printf(out, "| `%s` | %s | %s | ", metric->name, metric_type_name(metric->type),
                   metric->unit);
        put_label_names(out, metric);
        buf_printf(out, " | %s%s%s |\n", metric->help, metric->note != NULL ? " " : "",
                   metric->note != NULL ? metric->note : "");
    }
}

/* --- JSON */

void metric_put_json_name(enum metric_id id, struct buf *out) {
    const char *name = metric_of(id)->name;
    if (strncmp(name, PREFIX, strlen(PREFIX)) == 0)
        name += strlen(PREFIX);
    size_t n = strlen(name), ending = strlen(TOTAL);
    if (n > ending && strcmp(name + n - ending, TOTAL) == 0)
        n -= ending;
    buf_put(out, name, n);
}
