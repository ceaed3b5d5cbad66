/* try: what the processor would make of files: no broker, no state. A file is JSON lines if it
 * begins with an object or a list, else CSV, whose rows become the messages that `feed` publishes.
 * Memory is bounded whatever the size of the files. */
#include "streamer/base/clock.h"
#include "streamer/commands/command.h"
#include "streamer/commands/interrupt.h"
#include "streamer/commands/paint.h"
#include "streamer/commands/try_output.h"
#include "streamer/files/csv_rows.h"
#include "streamer/files/json_lines.h"
#include "streamer/model/entity.h"
#include "streamer/registry/schema_cache.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A line holds a value of record.max.bytes even if that is a string in which most bytes are
 * escaped, and a key beside it. */
#define LINE_BYTES_PER_BYTE 2
#define LINE_BYTES_MORE 65536

/* How files are read, as by `feed`. All but the encoding are for CSV only. */
struct csv_choices {
    char delimiter;
    const char *encoding;
    bool decimal_comma;
    const char *const *maps;
    size_t map_count;
    const char *const *missing;
    size_t missing_count;
};

struct try_run {
    const struct config *config;
    enum entity entity;
    struct csv_choices csv;
    enum try_format format;
    const char *const *files;
    size_t file_count;

    struct column_rules rules;
    struct judge *judge;
    struct try_output *output;
};

static const char *command_of(const struct try_run *t) {
    return t->entity == ENTITY_CUSTOMER ? "streamer try customers" : "streamer try accounts";
}

/* --- rows --- */

/* False with an error: the user has pressed Ctrl-C. */
static bool goes_on(struct err *e) {
    return !atomic_load_explicit(interrupt_flag(), memory_order_relaxed) ||
           err_set(e, ERR_STOP, "interrupted, the output is not complete");
}

static bool put_row(struct try_run *t, uint64_t line, const struct judgement *j, struct err *e) {
    return goes_on(e) && try_output_put(t->output, line, j, e);
}

static bool put_csv_rows(struct try_run *t, struct csv_rows *rows, struct err *e) {
    enum csv_result result;
    while ((result = csv_rows_next(rows, e)) == CSV_ROW) {
        struct slice key = csv_rows_key(rows);
        struct judgement j =
            judge_record(t->judge, key.n > 0 ? key : slice_null(), csv_rows_json(rows));
        if (!put_row(t, csv_line(csv_rows_file(rows)), &j, e))
            return false;
    }
    return result == CSV_END;
}

static bool try_csv(struct try_run *t, const struct text_input *text, struct err *e) {
    const struct csv_rows_options o = {
        .csv = {.record_max_bytes = (size_t)t->config->record_max_bytes,
                .delimiter = t->csv.delimiter,
                .encoding = t->csv.encoding,
                .command = command_of(t),
                .stop = interrupt_flag()},
        .decimal_comma = t->csv.decimal_comma,
    };
    struct csv_rows *rows = csv_rows_open_input(text, &t->rules, &o, e);
    bool ok = rows != NULL && put_csv_rows(t, rows, e);
    csv_rows_close(rows);
    return ok;
}

static bool put_json_lines(struct try_run *t, struct json_lines *lines, struct err *e) {
    enum json_lines_result result;
    while ((result = json_lines_next(lines, e)) == JSON_LINES_ROW) {
        size_t cut = json_lines_cut(lines);
        struct judgement j =
            cut > 0 ? judge_large_record(t->judge, cut)
                    : judge_record(t->judge, json_lines_key(lines), json_lines_value(lines));
        if (!put_row(t, json_lines_line(lines), &j, e))
            return false;
    }
    return result == JSON_LINES_END;
}

static bool has_csv_choices(const struct csv_choices *o) {
    return o->delimiter != '\0' || o->decimal_comma || o->map_count > 0 || o->missing_count > 0;
}

static bool try_json_lines(struct try_run *t, struct text_input *text, struct err *e) {
    if (has_csv_choices(&t->csv))
        return err_set(e, ERR_CONFIG,
                       "%s: is JSON lines, for which --map, --missing, --delimiter and "
                       "--decimal-comma do nothing, remove them",
                       text->name);
    size_t max = (size_t)t->config->record_max_bytes;
    struct json_lines *lines = json_lines_new(text, LINE_BYTES_PER_BYTE * max + LINE_BYTES_MORE);
    bool ok = put_json_lines(t, lines, e);
    json_lines_free(lines);
    return ok;
}

static bool try_file(struct try_run *t, const char *path, struct err *e) {
    const struct text_input_options o = {.encoding = t->csv.encoding,
                                         .command = command_of(t),
                                         .may_be_json = true,
                                         .stop = interrupt_flag()};
    struct text_input text;
    if (!text_input_open(&text, path, &o, e))
        return false;
    try_output_begin_file(t->output, text.name);
    if (!text_input_is_json(&text))
        return try_csv(t, &text, e); /* which releases it */
    bool ok = try_json_lines(t, &text, e);
    text_input_release(&text);
    return ok;
}

/* --- files --- */

static bool try_files(struct try_run *t, struct err *e) {
    bool ok = true;
    for (size_t i = 0; ok && i < t->file_count; i++)
        /* Ctrl-C also ends who writes into a pipe, whose end is then not that of the data. */
        ok = try_file(t, t->files[i], e) && goes_on(e);
    if (!ok && e->class == ERR_CONFIG) /* the rows before the fault are shown */
        (void)try_output_flush(t->output, &(struct err){0});
    return ok;
}

static bool end_output(struct try_run *t, struct err *e) {
    struct buf talk = {0};
    bool ok = try_output_end(t->output, judge_counts(t->judge), &talk, e);
    if (ok)
        (void)fwrite(buf_slice(&talk).p, 1, talk.n, stderr);
    buf_release(&talk);
    return ok;
}

static int judge_files(struct try_run *t) {
    struct err e = {0};
    const struct try_output_options o = {.format = t->format,
                                         .entity = t->entity,
                                         .names_files = t->file_count > 1,
                                         .is_terminal = isatty(STDOUT_FILENO) == 1,
                                         .has_colours = paint_wants_colours(stdout),
                                         .fd = STDOUT_FILENO,
                                         .stop = interrupt_flag()};
    t->judge = judge_new(t->config, t->entity, clock_ms(clock_of_machine(), CLOCK_REALTIME));
    t->output = try_output_new(&o);
    bool ok = try_files(t, &e) && end_output(t, &e);
    uint64_t rejected = judge_rejected_rows(judge_counts(t->judge));
    try_output_free(t->output);
    judge_free(t->judge);
    if (!ok)
        return command_fail(&e);
    return rejected == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int with_rules(struct try_run *t) {
    struct err e;
    const struct csv_choices *o = &t->csv;
    if (!column_rules_init(&t->rules, t->entity, t->config->field_names[t->entity], o->maps,
                           o->map_count, o->missing, o->missing_count, &e))
        return command_refuse(&try_command, &e);
    int code = judge_files(t);
    column_rules_release(&t->rules);
    return code;
}

/* The processor knows the schemas of schemas.dir without a registry. */
static int with_schemas(struct try_run *t, const struct config *c) {
    if (c->schemas_dir[0] == '\0')
        return with_rules(t);
    struct err e;
    const struct schema_cache_options o = {.directory = c->schemas_dir,
                                           .clock = clock_of_machine()};
    struct schema_cache *schemas = schema_cache_new(&o, &e);
    if (schemas == NULL)
        return command_fail(&e);
    struct config with = *c;
    with.schemas = schema_cache_source(schemas);
    t->config = &with;
    int code = with_rules(t);
    schema_cache_free(schemas);
    return code;
}

/* --- the command --- */

static const char *const formats[] = {
    [TRY_TABLE] = "table", [TRY_JSON] = "json", [TRY_CSV] = "csv"};

static enum try_format chosen_format(const struct arguments *a) {
    const char *name = arguments_value(a, "--format");
    enum try_format format = TRY_TABLE;
    while (name != NULL && format < TRY_CSV && strcmp(formats[format], name) != 0)
        format++;
    return format;
}

static bool read_csv_choices(const struct arguments *a, struct csv_choices *o, struct err *e) {
    const char *delimiter = arguments_value(a, "--delimiter");
    *o = (struct csv_choices){.encoding = arguments_value(a, "--encoding"),
                              .decimal_comma = arguments_has(a, "--decimal-comma")};
    o->map_count = arguments_values(a, "--map", &o->maps);
    o->missing_count = arguments_values(a, "--missing", &o->missing);
    return delimiter == NULL || csv_parse_delimiter(delimiter, &o->delimiter, e);
}

static bool check_operands(const struct arguments *a, struct err *e) {
    if (a->operand_count == 0)
        return err_set(e, ERR_CONFIG, "which rows? write streamer try customers|accounts FILE...");
    return a->operand_count > 1 ||
           err_set(e, ERR_CONFIG, "which file? write streamer try %s FILE... (- is standard input)",
                   a->operands[0]);
}

static int run(const struct config *c, const struct arguments *a) {
    struct err e;
    struct try_run t = {.config = c, .format = chosen_format(a)};
    if (!check_operands(a, &e) || !read_csv_choices(a, &t.csv, &e))
        return command_refuse(&try_command, &e);
    t.entity = strcmp(a->operands[0], "customers") == 0 ? ENTITY_CUSTOMER : ENTITY_ACCOUNT;
    t.files = a->operands + 1;
    t.file_count = a->operand_count - 1;
    interrupt_install();
    return with_schemas(&t, c);
}

static const struct option options[] = {
    {"--format", .choices = "table|json|csv",
     .help = "a table for people, which is the default; an object a line; or CSV"},
    {"--delimiter", .value = "CHARACTER", .help = "what separates the columns: ';', '|' or '\\t'"},
    {"--encoding", .value = "ENCODING",
     .help = "what the files are written in, if not UTF-8: windows-1252, latin-1, utf-16"},
    {"--decimal-comma", .help = "balances are written as 1.234,56"},
    {"--map", .value = "COLUMN=FIELD", .repeats = true, .help = "the column is that field"},
    {"--missing", .value = "FIELD", .repeats = true, .help = "the files lack that field"},
    {0},
};

static const char *const words[] = {"customers", "accounts", NULL};

static const char *const examples[] = {
    "streamer try customers customers.csv",
    "streamer try --format json -c streamer.properties accounts events.jsonl | tail -n 1",
    "zcat accounts.csv.gz | streamer try --delimiter ';' --map loan=has_loan accounts -",
    NULL,
};

const struct command try_command = {
    .name = "try",
    .operands = "customers|accounts FILE...",
    .summary = "shows what each row of files would become, or why it would be quarantined: CSV, "
               "or lines of JSON (- is standard input); no broker, no state; exit code 1 if a row "
               "would be quarantined",
    .options = options,
    .words = words,
    .examples = examples,
    .run = run,
};
