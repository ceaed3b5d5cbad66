/* export: a table of results as a file. */
#include "streamer/export/export_file.h"

#include "streamer/commands/command.h"
#include "streamer/commands/instance.h"
#include "streamer/commands/interrupt.h"
#include "streamer/commands/progress.h"
#include "streamer/commands/settle.h"
#include "streamer/config/config_value.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT_MS (INT64_C(5) * 60 * 1000)
#define TIMEOUT_MAX_MS (INT64_C(24) * 60 * 60 * 1000)

static const char *const tables[] = {"customer_history",      "account_history",
                                     "account_with_customer", "account_summary",
                                     "customer_profile",      NULL};

/* What the command line asks for. */
struct exporting {
    struct export_options options;
    struct instance instance;
    struct result_instance asked; /* its texts are those of `instance` */
    bool settles;
    int64_t timeout_ms;
    struct progress progress;
    const char *step; /* that the progress shows */
};

/* --- the command line --- */

static bool read_table(struct exporting *x, const struct arguments *a, struct err *e) {
    if (a->operand_count != 1)
        return err_set(e, ERR_CONFIG,
                       "which table? one of customer_history, account_history, "
                       "account_with_customer, account_summary, customer_profile");
    for (int i = 0; tables[i] != NULL; i++)
        if (strcmp(a->operands[0], tables[i]) == 0)
            x->options.rows.table = (enum row_result)i;
    return true; /* the parser has compared it with the tables */
}

static bool read_as_of(struct exporting *x, const struct arguments *a, struct err *e) {
    const char *text = arguments_value(a, "--as-of");
    x->options.rows.as_of = TIMESTAMP_NONE;
    return text == NULL || timestamp_parse(slice_str(text), &x->options.rows.as_of) ||
           err_set(e, ERR_CONFIG, "--as-of: \"%.100s\" is no time, write " TIMESTAMP_FORMS, text);
}

static bool read_format(struct exporting *x, const struct arguments *a, struct err *e) {
    const char *text = arguments_value(a, "--format");
    x->options.output = arguments_value(a, "--output");
    if (x->options.output != NULL && x->options.output[0] == '\0')
        return err_set(e, ERR_CONFIG, "--output: the name of the file is empty, write it");
    x->options.format = text != NULL && strcmp(text, "jsonl") == 0     ? EXPORT_JSONL
                        : text != NULL && strcmp(text, "parquet") == 0 ? EXPORT_PARQUET
                                                                       : EXPORT_CSV;
    x->options.duckdb = arguments_value(a, "--duckdb");
    if (x->options.format != EXPORT_PARQUET)
        return x->options.duckdb == NULL ||
               err_set(e, ERR_CONFIG, "--duckdb is for --format parquet");
    return x->options.output != NULL ||
           err_set(e, ERR_CONFIG, "--format parquet needs --output FILE");
}

static bool read_timeout(struct exporting *x, const struct arguments *a, struct err *e) {
    const char *text = arguments_value(a, "--timeout");
    x->settles = arguments_has(a, "--settle");
    x->timeout_ms = TIMEOUT_DEFAULT_MS;
    if (text == NULL)
        return true;
    if (!x->settles)
        return err_set(e, ERR_CONFIG, "--timeout is for --settle");
    return parse_duration(text, 1, TIMEOUT_MAX_MS, &x->timeout_ms, e) || err_prefix(e, "--timeout");
}

/* An instance that is not known matters only on the embedded broker. */
static bool find_instance(struct exporting *x, const struct config *c, const struct arguments *a,
                          struct err *e) {
    const char *url = arguments_value(a, "--url");
    if (!instance_find(&x->instance, c, url, e))
        return url == NULL;
    x->asked = (struct result_instance){.patience_ms = RESULT_INSTANCE_PATIENCE_MS,
                                        .url = buf_cstr(&x->instance.url),
                                        .token = x->instance.token,
                                        .authorities = c->http_tls_ca};
    x->options.rows.instance = &x->asked;
    return true;
}

/* --- what is shown --- */

/* Whether another step than before has begun. */
static void show_step(struct exporting *x, const char *step, uint64_t total) {
    if (x->step == NULL || strcmp(x->step, step) != 0)
        progress_init(&x->progress, x->progress.out, total);
    x->progress.total = total;
    x->step = step;
}

static void show_progress(void *context, const char *step, uint64_t done, uint64_t total) {
    struct exporting *x = context;
    show_step(x, step, total);
    progress_show(&x->progress, done, done);
}

static void show_result(const struct exporting *x, struct export_result *r) {
    const struct export_options *e = &x->options;
    if (e->output == NULL)
        (void)fprintf(stderr, "%s", buf_cstr(&r->totals));
    else
        (void)printf("%" PRId64 " rows of %s in %s (%" PRId64 " bytes%s), its control totals in "
                     "%s.totals.json\n",
                     r->rows, row_result_types[e->rows.table]->name, e->output, r->bytes,
                     e->settled ? ", settled" : "", e->output);
}

/* --- the command --- */

static bool settle(struct exporting *x, const struct config *c, const char *url, struct err *e) {
    if (!x->settles)
        return true;
    x->options.settled = settle_wait(c, url, x->timeout_ms, interrupt_flag(), e);
    if (!x->options.settled)
        (void)err_suffix(e, "; nothing was written");
    if (x->options.settled)
        (void)fprintf(stderr, "settled: everything in the topics is processed\n");
    return x->options.settled;
}

static int export_now(struct exporting *x, const struct config *c, const char *url, struct err *e) {
    struct export_result result = {0};
    bool ok = settle(x, c, url, e) && export_file(c, &x->options, &result, e);
    progress_clear(&x->progress);
    if (ok)
        show_result(x, &result);
    else if (result.command.n > 0)
        (void)printf("%s\n", buf_cstr(&result.command));
    (void)fflush(stdout);
    buf_release(&result.totals);
    buf_release(&result.command);
    return ok ? EXIT_DONE : command_fail(e);
}

static int run(const struct config *c, const struct arguments *a) {
    struct exporting x = {.options = {.rows.stop = interrupt_flag(), .progress = show_progress}};
    struct err e;
    x.options.context = &x;
    x.progress.out = isatty(STDERR_FILENO) ? stderr : NULL;
    if (!read_table(&x, a, &e) || !read_as_of(&x, a, &e) || !read_format(&x, a, &e) ||
        !read_timeout(&x, a, &e) || !find_instance(&x, c, a, &e))
        return command_refuse(a->command, &e);
    interrupt_install();
    (void)signal(SIGPIPE, SIG_IGN); /* a reader that has gone is an error of the write */
    int code = export_now(&x, c, arguments_value(a, "--url"), &e);
    instance_release(&x.instance);
    return code;
}

static const struct option options[] = {
    {"--as-of", .value = "TIME", .help = "what held at that time, as it is known now"},
    {"--format", .choices = "csv|jsonl|parquet", .help = "of the file; csv is the default"},
    {"--output", .value = "FILE",
     .help = "written whole or not at all, with FILE.totals.json "
             "beside it; else the rows go to standard output"},
    {"--duckdb", .value = "FILE",
     .help = "DuckDB's library, for parquet, where the system does not "
             "find libduckdb.so by itself"},
    {"--settle", .help = "waits first until everything in the topics is processed"},
    {"--timeout", .value = "DURATION", .help = "how long --settle waits; 5m is the default"},
    OPTION_URL,
    {0}};

static const char *const examples[] = {
    "streamer export account_summary -c streamer.properties --output summary.csv",
    "streamer export customer_history --as-of 2026-01-31 --format jsonl",
    NULL,
};

const struct command export_command = {
    .name = "export",
    .operands = "TABLE",
    .summary = "writes a table of results, or a history, to a file, with control totals beside it",
    .options = options,
    .words = tables,
    .examples = examples,
    .run = run,
};
