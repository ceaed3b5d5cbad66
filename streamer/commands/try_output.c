#include "streamer/commands/try_output.h"

#include "streamer/base/csv_put.h"
#include "streamer/base/json.h"
#include "streamer/base/json_put.h"
#include "streamer/base/mem.h"
#include "streamer/commands/try_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITE_BYTES 65536

struct try_output {
    struct try_output_options o;
    struct buf file; /* the name of the row's file, in UTF-8 */
    struct try_cells cells;
    struct try_table table;
    struct buf out; /* what is not written yet */
    struct buf clean;
};

/* --- JSON --- */

static void put_json_cell(struct buf *out, const struct try_column *column, struct slice text) {
    buf_put_byte(out, '"');
    buf_put_str(out, column->name);
    buf_put_str(out, "\":");
    if (text.p == NULL)
        buf_put_str(out, "null");
    else if (column->is_text)
        json_put_string(out, text);
    else
        buf_put_slice(out, text);
    buf_put_byte(out, ',');
}

/* The names of the cells that the database did not log. */
static void put_json_unavailable(struct try_output *o, const struct try_column *columns) {
    buf_put_str(&o->out, ",\"unavailable\":[");
    size_t first = o->out.n;
    for (size_t i = 0; i < o->cells.count; i++)
        if (o->cells.texts[i].p == NULL)
            buf_printf(&o->out, "%s\"%s\"", o->out.n > first ? "," : "", columns[i].name);
    buf_put_byte(&o->out, ']');
}

/* "row":{…}, "delete":{…} and the like */
static void put_json_accepted(struct try_output *o, const struct judgement *j) {
    const struct try_column *columns = try_columns(j->event->entity);
    buf_put_byte(&o->out, '"');
    buf_put_str(&o->out, try_outcome(j->event->kind));
    buf_put_str(&o->out, "\":{");
    for (size_t i = 0; i < o->cells.count; i++)
        put_json_cell(&o->out, &columns[i], o->cells.texts[i]);
    buf_put_str(&o->out,
                j->event->kind == CHANGE_UPSERT ? "\"" TRY_BEGIN "\":\"" : "\"" TRY_END "\":\"");
    buf_put_slice(&o->out, o->cells.time);
    buf_put_str(&o->out, "\"}");
    if (j->event->unavailable != 0)
        put_json_unavailable(o, columns);
}

static void put_json_rejected(struct buf *out, const struct reason *why) {
    buf_put_str(out, "\"code\":\"");
    buf_put_str(out, reason_code_name(why->code));
    buf_put_str(out, "\",\"reason\":");
    json_put_string(out, buf_slice(&why->text));
}

/* Escapes what the JSON behind `from` may hold raw and a terminal would obey: DEL and C1. */
static void escape_controls(struct try_output *o, size_t from) {
    buf_set(&o->clean, slice_of(o->out.p + from, o->out.n - from));
    o->out.n = from;
    for (size_t i = 0; i < o->clean.n; i++) {
        unsigned char byte = (unsigned char)o->clean.p[i],
                      next = i + 1 < o->clean.n ? (unsigned char)o->clean.p[i + 1] : 0;
        if (byte == 0x7f)
            buf_put_str(&o->out, "\\u007f");
        else if (byte == 0xc2 && next < 0xa0)
            buf_printf(&o->out, "\\u00%02x", (unsigned)(unsigned char)o->clean.p[++i]);
        else
            buf_put_byte(&o->out, (char)byte);
    }
}

static void put_json(struct try_output *o, uint64_t line, const struct judgement *j) {
    size_t start = o->out.n;
    buf_put_byte(&o->out, '{');
    if (o->o.names_files) {
        buf_put_str(&o->out, "\"file\":");
        json_put_string(&o->out, buf_slice(&o->file));
        buf_put_byte(&o->out, ',');
    }
    buf_put_str(&o->out, "\"line\":");
    buf_put_int(&o->out, (int64_t)line);
    buf_put_byte(&o->out, ',');
    if (j->is_rejected)
        put_json_rejected(&o->out, j->why);
    else
        put_json_accepted(o, j);
    buf_put_str(&o->out, "}\n");
    if (o->o.is_terminal)
        escape_controls(o, start);
}

static void put_json_end(struct buf *out, const struct judge_counts *c) {
    buf_printf(out, "{\"rows\":%" PRIu64 ",\"accepted\":%" PRIu64 ",\"rejected\":{", c->rows,
               c->rows - judge_rejected_rows(c));
    for (enum reason_code code = 0; code < REASON_COUNT; code++)
        if (c->rejected[code] > 0)
            json_put_int(out, reason_code_name(code), (int64_t)c->rejected[code]);
    buf_put_str(out, "}}\n");
}

/* --- CSV --- */

/* A field and the comma behind it. */
static void put_csv(struct try_output *o, struct slice text) {
    if (o->o.is_terminal) {
        struct paint paint = {&o->clean, false};
        buf_clear(&o->clean);
        paint_text(&paint, PAINT_PLAIN, text, 0);
        text = buf_slice(&o->clean);
    }
    csv_put_text(&o->out, text);
    buf_put_byte(&o->out, ',');
}

static void end_csv_line(struct buf *out) {
    out->p[out->n - 1] = '\n'; /* instead of the last comma */
}

static void put_csv_header(struct try_output *o) {
    if (o->o.names_files)
        put_csv(o, slice_str("file"));
    buf_put_str(&o->out, "line,outcome,");
    for (const struct try_column *c = try_columns(o->o.entity); c->name != NULL; c++)
        put_csv(o, slice_str(c->name));
    buf_put_str(&o->out, TRY_BEGIN "," TRY_END ",code,reason\n");
}

static void put_csv_row(struct try_output *o, uint64_t line, const struct judgement *j) {
    bool is_row = !j->is_rejected && j->event->kind == CHANGE_UPSERT;
    struct slice none = slice_of("", 0);
    if (o->o.names_files)
        put_csv(o, buf_slice(&o->file));
    buf_put_int(&o->out, (int64_t)line);
    buf_put_byte(&o->out, ',');
    put_csv(o, slice_str(j->is_rejected ? "rejected" : try_outcome(j->event->kind)));
    const struct try_column *columns = try_columns(o->o.entity);
    for (size_t i = 0; columns[i].name != NULL; i++)
        put_csv(o, i < o->cells.count ? o->cells.texts[i] : none);
    put_csv(o, is_row ? o->cells.time : none);
    put_csv(o, is_row ? none : o->cells.time);
    put_csv(o, j->is_rejected ? slice_str(reason_code_name(j->why->code)) : none);
    put_csv(o, j->is_rejected ? buf_slice(&j->why->text) : none);
    end_csv_line(&o->out);
}

/* --- what the rows come to --- */

static void put_summary(struct paint *p, const struct judge_counts *c) {
    uint64_t rejected = judge_rejected_rows(c);
    paint_printf(p, PAINT_BOLD, "%" PRIu64 " row%s: %" PRIu64 " accepted, %" PRIu64 " rejected",
                 c->rows, c->rows == 1 ? "" : "s", c->rows - rejected, rejected);
    buf_put_byte(p->out, '\n');
    for (enum reason_code code = 0; code < REASON_COUNT; code++)
        if (c->rejected[code] > 0)
            buf_printf(p->out, "  %-21s %" PRIu64 "\n", reason_code_name(code), c->rejected[code]);
}

/* What was not judged, and what the times are. */
static void put_notes(struct buf *out, const struct judge_counts *c) {
    if (c->untimed > 0)
        buf_printf(out,
                   "no time of their own: %" PRIu64
                   "; their Kafka timestamp counts, for which the time of this command stands\n",
                   c->untimed);
    if (c->timed > 0)
        buf_printf(out,
                   "not judged: whether a row is too_late, which depends on the newest event of "
                   "its id: %" PRIu64 "\n",
                   c->timed);
    if (c->unavailable > 0)
        buf_printf(out,
                   "not judged: columns that the database did not log, which keep their values; "
                   "malformed if there are none: %" PRIu64 "\n",
                   c->unavailable);
    if (c->tombstones > 0)
        buf_printf(out,
                   "not judged: whether the id of a tombstone is current, else it is ignored: "
                   "%" PRIu64 "\n",
                   c->tombstones);
}

/* --- the whole --- */

struct try_output *try_output_new(const struct try_output_options *options) {
    struct try_output *o = mem_calloc(1, sizeof *o);
    o->o = *options;
    try_table_init(&o->table, options->entity);
    if (options->format == TRY_CSV)
        put_csv_header(o);
    return o;
}

void try_output_free(struct try_output *o) {
    if (o == NULL)
        return;
    try_cells_release(&o->cells);
    try_table_release(&o->table);
    buf_release(&o->file);
    buf_release(&o->out);
    buf_release(&o->clean);
    free(o);
}

static struct paint painter(struct try_output *o) {
    return (struct paint){&o->out, o->o.has_colours};
}

void try_output_begin_file(struct try_output *o, const char *name) {
    struct paint paint = painter(o), plain = {&o->file, false};
    buf_clear(&o->file);
    paint_text(&plain, PAINT_PLAIN, slice_str(name), 0);
    if (o->o.names_files && o->o.format == TRY_TABLE)
        try_table_begin_file(&o->table, &paint, name);
}

static bool write_failed(struct err *e, const char *why) {
    return err_set(e, ERR_STOP, "cannot write to standard output: %s, the output is not complete",
                   why);
}

static bool write_out(struct try_output *o, struct err *e) {
    struct slice rest = buf_slice(&o->out);
    while (rest.n > 0) {
        ssize_t n = write(o->o.fd, rest.p, rest.n);
        if (n < 0 && errno != EINTR)
            return write_failed(e, strerror(errno));
        if (n < 0 && o->o.stop != NULL && atomic_load(o->o.stop))
            return write_failed(e, "interrupted");
        rest = n < 0 ? rest : slice_of(rest.p + n, rest.n - (size_t)n);
    }
    buf_clear(&o->out);
    return true;
}

static void put(struct try_output *o, uint64_t line, const struct judgement *j) {
    struct paint paint = painter(o);
    try_cells_fill(&o->cells, j);
    switch (o->o.format) {
    case TRY_TABLE:
        try_table_put(&o->table, &paint, line, j, &o->cells);
        break;
    case TRY_JSON:
        put_json(o, line, j);
        break;
    case TRY_CSV:
        put_csv_row(o, line, j);
        break;
    }
}

bool try_output_put(struct try_output *o, uint64_t line, const struct judgement *j, struct err *e) {
    put(o, line, j);
    return o->out.n < WRITE_BYTES || write_out(o, e);
}

bool try_output_flush(struct try_output *o, struct err *e) {
    struct paint paint = painter(o);
    try_table_flush(&o->table, &paint);
    return write_out(o, e);
}

bool try_output_end(struct try_output *o, const struct judge_counts *c, struct buf *talk,
                    struct err *e) {
    struct paint paint = painter(o), plain = {talk, false};
    try_table_flush(&o->table, &paint);
    switch (o->o.format) {
    case TRY_TABLE:
        buf_put_str(&o->out, c->rows > 0 ? "\n" : "");
        put_summary(&paint, c);
        put_notes(&o->out, c);
        break;
    case TRY_JSON:
        put_json_end(&o->out, c);
        put_notes(talk, c);
        break;
    case TRY_CSV:
        put_summary(&plain, c);
        put_notes(talk, c);
        break;
    }
    return write_out(o, e);
}
