#include "streamer/export/export_file.h"

#include "schemas/row_text.h"
#include "streamer/base/clock.h"
#include "streamer/base/json_put.h"
#include "streamer/base/version.h"
#include "streamer/export/out_file.h"
#include "streamer/export/parquet.h"
#include "streamer/export/totals.h"

#include <string.h>

/* Marts of a time end with this in place of calculated_at, as over HTTP (?as_of=). */
#define RATES_NAME "rates"
#define RATES_VALUE "current"
#define SHOWN_EVERY 256 /* rows */

struct writing {
    const struct config *config;
    const struct export_options *options;
    struct row_type shown; /* without calculated_at, if that has no meaning */
    bool shows_rates;
    enum row_text_format text;
    struct out_file *file;
    struct out_file *lines; /* where rows are written: `file`; of Parquet what it is made of */
    struct totals_of_rows totals;
    struct buf line;
    struct buf lines_path; /* of Parquet: the place of `lines` */
};

static const char *const format_names[] = {"csv", "jsonl", "parquet"};

/* --- rows --- */

static void choose_fields(struct writing *w) {
    const struct row_type *type = row_result_types[w->options->rows.table];
    const char *last = type->fields[type->field_count - 1].name;
    w->shown = *type;
    w->shows_rates = w->options->rows.as_of != TIMESTAMP_NONE && strcmp(last, "calculated_at") == 0;
    w->shown.field_count -= w->shows_rates;
}

/* Puts `text` before the end of the line, which is `tail_n` bytes long. */
static void add_to_line(struct buf *line, const char *text, size_t tail_n) {
    line->n -= tail_n;
    buf_put_str(line, text);
}

static void put_line(struct writing *w, const void *row) {
    row_text_put(w->text, &w->shown, row, &w->line);
    if (w->shows_rates && w->text == ROW_TEXT_CSV)
        add_to_line(&w->line, "," RATES_VALUE "\n", strlen("\n"));
    else if (w->shows_rates)
        add_to_line(&w->line, ",\"" RATES_NAME "\":\"" RATES_VALUE "\"}\n", strlen("}\n"));
}

static void put_header(struct writing *w) {
    row_text_put_header(w->text, &w->shown, &w->line);
    if (w->shows_rates && w->text == ROW_TEXT_CSV)
        add_to_line(&w->line, "," RATES_NAME "\n", strlen("\n"));
}

static bool write_line(struct writing *w, struct err *e) {
    bool ok = out_file_put(w->lines, buf_slice(&w->line), e);
    buf_clear(&w->line);
    return ok;
}

static void show_writing(const struct writing *w) {
    if (w->options->progress != NULL && w->totals.rows % SHOWN_EVERY == 0)
        w->options->progress(w->options->context, "writing", (uint64_t)w->totals.rows, 0);
}

static bool see_row(void *context, const void *row, struct err *e) {
    struct writing *w = context;
    put_line(w, row);
    show_writing(w);
    return totals_add_row(&w->totals, &w->shown, row, e) && write_line(w, e);
}

static void show_reading(void *context, uint64_t done, uint64_t total) {
    const struct writing *w = context;
    w->options->progress(w->options->context, "reading", done, total);
}

static bool write_rows(struct writing *w, struct table_sources *sources, struct err *e) {
    struct table_rows_options rows = w->options->rows;
    rows.progress = w->options->progress != NULL ? show_reading : NULL;
    put_header(w);
    return write_line(w, e) && table_rows(w->config, &rows, see_row, w, sources, e) &&
           out_file_flush(w->lines, e);
}

/* --- control totals --- */

static void put_rates(const struct rates *rates, struct buf *out) {
    json_put_name(out, "rates");
    buf_put_str(out, "{\"tiers\":\"");
    rates_put_tiers(rates, out);
    buf_put_str(out, "\",\"loan_bonus\":\"");
    rates_put_rate(rates->loan_bonus_milli, out);
    buf_put_str(out, "\"}");
}

static void put_positions(const struct config *c, const struct table_sources *sources,
                          struct buf *out) {
    json_put_name(out, "positions");
    buf_put_byte(out, '[');
    for (size_t i = 0; i < sources->count; i++) {
        const struct table_source *s = &sources->of[i];
        for (int32_t p = 0; p < s->positions.count; p++) {
            buf_put_str(out, out->p[out->n - 1] == '[' ? "{" : ",{");
            json_put_text(out, "topic", c->topics[s->topic]);
            json_put_int(out, "partition", p);
            json_put_int(out, "offset", s->positions.end[p]);
            buf_put_byte(out, '}');
        }
    }
    buf_put_byte(out, ']');
}

static void put_configuration_hash(const struct config *c, struct buf *out) {
    struct buf text = {0};
    char hex[OUT_FILE_SHA256_HEX + 1];
    config_put_effective(c, &text);
    sha256_hex(buf_slice(&text), hex);
    json_put_text(out, "configuration_sha256", hex);
    buf_release(&text);
}

static const char *source_of(const struct writing *w, const struct table_sources *sources) {
    return sources->of[0].positions.count > 0 ? "kafka" : w->options->rows.instance->url;
}

/* The totals of `file`, which has the rows in that format. */
static void put_totals(const struct writing *w, const struct table_sources *sources,
                       const struct out_file *file, enum export_format format, struct buf *out) {
    const struct config *c = w->config;
    char hex[OUT_FILE_SHA256_HEX + 1];
    out_file_sha256(file, hex);
    buf_put_byte(out, '{');
    json_put_text(out, "table", w->shown.name);
    json_put_time(out, "as_of", w->options->rows.as_of);
    json_put_text(out, "format", format_names[format]);
    json_put_int(out, "rows", w->totals.rows);
    json_put_name(out, "sums");
    totals_put_sums(&w->totals, &w->shown, out);
    json_put_int(out, "bytes", out_file_bytes(file));
    json_put_text(out, "sha256", hex);
    json_put_text(out, "version", streamer_version());
    json_put_text(out, "app_id", c->app_id);
    put_rates(&c->rates, out);
    put_configuration_hash(c, out);
    json_put_bool(out, "settled", w->options->settled);
    json_put_text(out, "source", source_of(w, sources));
    put_positions(c, sources, out);
    json_put_time(out, "exported_at", clock_ms(clock_of_machine(), CLOCK_REALTIME));
    buf_put_str(out, "}\n");
}

/* Gives a file its place, with its totals. */
static bool finish(struct writing *w, const struct table_sources *sources, struct out_file *file,
                   enum export_format format, struct export_result *result, struct err *e) {
    put_totals(w, sources, file, format, &result->totals);
    result->rows = w->totals.rows;
    result->bytes = out_file_bytes(file);
    return w->options->output == NULL || out_file_place(file, buf_slice(&result->totals), e);
}

/* --- Parquet --- */

/* The lines of which a Parquet file is made are a file of their own beside it. */
static bool open_lines(struct writing *w, struct err *e) {
    w->lines = w->file;
    if (w->options->format != EXPORT_PARQUET)
        return true;
    buf_printf(&w->lines_path, "%s.jsonl", w->options->output);
    w->lines = out_file_new(buf_cstr(&w->lines_path), e);
    return w->lines != NULL;
}

static struct parquet_options parquet_options(const struct writing *w, const char *from,
                                              const char *to) {
    return (struct parquet_options){.type = &w->shown,
                                    .more = w->shows_rates ? RATES_NAME : NULL,
                                    .from = from,
                                    .to = to,
                                    .library = w->options->duckdb,
                                    .stop = w->options->rows.stop};
}

static bool make_parquet(struct writing *w, struct err *e) {
    const struct parquet_options o =
        parquet_options(w, out_file_temporary(w->lines), out_file_temporary(w->file));
    return parquet_write(&o, e) && out_file_measure(w->file, e);
}

/* Without DuckDB's library: the lines stay, and a command makes the file of them. Returns false. */
static bool keep_lines(struct writing *w, const struct table_sources *sources,
                       struct export_result *result, struct err *e) {
    const char *path = buf_cstr(&w->lines_path);
    const struct parquet_options o = parquet_options(w, path, w->options->output);
    struct err why = *e;
    if (!finish(w, sources, w->lines, EXPORT_JSONL, result, e))
        return false;
    parquet_put_command(&o, &result->command);
    return err_set(e, ERR_STOP,
                   "%s; the rows are in %s: make the file of them by the command above, or install "
                   "the library and give --duckdb FILE",
                   why.text, path);
}

/* --- all --- */

static bool write_file(struct writing *w, struct export_result *result, struct err *e) {
    struct table_sources sources = {0};
    enum export_format format = w->options->format;
    bool ok = write_rows(w, &sources, e);
    if (ok && format == EXPORT_PARQUET)
        ok = make_parquet(w, e) || (e->class == ERR_CONFIG && keep_lines(w, &sources, result, e));
    ok = ok && finish(w, &sources, w->file, format, result, e);
    table_sources_release(&sources);
    return ok;
}

/* Whether the file is no longer a temporary one. */
static bool has_place(const struct out_file *f) {
    return f != NULL && out_file_temporary(f) == NULL;
}

/* What a user has to know after an error. */
static void tell_what_is_left(const struct writing *w, struct err *e) {
    bool is_stdout = w->options->output == NULL;
    struct err fault = *e;
    if (!is_stdout && (has_place(w->file) || has_place(w->lines)))
        return; /* the error says it */
    (void)err_set(e, fault.class, "%.900s; %s", fault.text,
                  is_stdout ? "what was written is not whole" : "nothing was written");
}

bool export_file(const struct config *c, const struct export_options *o,
                 struct export_result *result, struct err *e) {
    struct writing w = {.config = c,
                        .options = o,
                        .text = o->format == EXPORT_CSV ? ROW_TEXT_CSV : ROW_TEXT_JSONL,
                        .file = out_file_new(o->output, e)};
    *result = (struct export_result){0};
    if (w.file == NULL)
        return false;
    choose_fields(&w);
    bool ok = open_lines(&w, e) && write_file(&w, result, e);
    if (!ok)
        tell_what_is_left(&w, e);
    if (w.lines != w.file)
        out_file_free(w.lines);
    out_file_free(w.file);
    buf_release(&w.lines_path);
    buf_release(&w.line);
    return ok;
}
