/* quarantine: looks at rejected records, and puts them back into the input. */
#include "streamer/base/clock.h"
#include "streamer/base/json_put.h"
#include "streamer/base/timestamp.h"
#include "streamer/commands/command.h"
#include "streamer/commands/confirm.h"
#include "streamer/commands/dry_run_text.h"
#include "streamer/commands/interrupt.h"
#include "streamer/commands/quarantine_text.h"
#include "streamer/config/config_value.h"
#include "streamer/kafka/topic_facts.h"
#include "streamer/quarantine/config_with_schemas.h"
#include "streamer/quarantine/dry_run.h"
#include "streamer/quarantine/open_topics.h"
#include "streamer/quarantine/purge.h"
#include "streamer/quarantine/reading.h"
#include "streamer/quarantine/repair.h"
#include "streamer/quarantine/replay.h"
#include "streamer/quarantine/retention.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>

#define PRINT_BYTES ((size_t)64 << 10)             /* what is gathered before it is written */
#define OLDER_THAN_MAX_MS INT64_C(315576000000000) /* 10,000 years */

/* What all parts of the command need. */
struct quarantine {
    const struct config *config;
    const struct arguments *arguments;
    struct selection selection;
    bool as_json, is_distinct;
    bool has_begun; /* it changes the topics, and tells how far it is */
    struct buf out;
    struct paint paint;
    uint64_t shown;
};

/* --- printing --- */

static bool print(struct quarantine *q, size_t keep_below, struct err *e) {
    if (q->out.n <= keep_below)
        return true;
    bool ok = fwrite(q->out.p, 1, q->out.n, stdout) == q->out.n && fflush(stdout) == 0;
    buf_clear(&q->out);
    if (ok)
        return true;
    if (atomic_load(interrupt_flag())) /* while it waited for the reader of a pipe */
        (void)err_set(e, ERR_STOP, "quarantine: interrupted");
    else
        (void)err_set(e, ERR_STOP, "quarantine: standard output: cannot write, %m");
    __fpurge(stdout); /* or the end of the program would say it again */
    clearerr(stdout);
    return false;
}

static bool print_row(void *context, const struct listed *r, struct err *e) {
    struct quarantine *q = context;
    q->shown++;
    if (q->as_json)
        quarantine_json_row(&q->out, r, q->is_distinct);
    else
        quarantine_text_row(&q->paint, r, q->is_distinct);
    return print(q, PRINT_BYTES, e);
}

static bool print_record(void *context, const struct quarantined *record, struct err *e) {
    struct quarantine *q = context;
    if (!q->as_json && q->shown > 0)
        buf_put_byte(&q->out, '\n');
    q->shown++;
    if (q->as_json)
        quarantine_json_record(&q->out, record);
    else
        quarantine_text_record(&q->paint, q->config, record);
    return print(q, PRINT_BYTES, e);
}

static void put_json_end(struct quarantine *q, const struct reading_result *r, int64_t retention) {
    buf_put_str(&q->out, "{\"records\":");
    buf_put_int(&q->out, (int64_t)r->seen);
    json_put_time(&q->out, "oldest_at", r->oldest_at_ms);
    if (retention == TOPIC_FACT_UNKNOWN)
        json_put_text(&q->out, "retention_ms", NULL);
    else
        json_put_int(&q->out, "retention_ms", retention);
    json_put_int(&q->out, "foreign", (int64_t)r->foreign);
    buf_put_str(&q->out, "}\n");
}

static void put_text_end(struct quarantine *q, const struct reading_result *r, int64_t retention) {
    if (q->shown > 0)
        buf_put_byte(&q->out, '\n');
    buf_printf(&q->out, "%" PRIu64 " record%s", r->seen, r->seen == 1 ? "" : "s");
    if (q->is_distinct)
        buf_printf(&q->out, " in %" PRIu64 " line%s", q->shown, q->shown == 1 ? "" : "s");
    buf_put_str(&q->out, "; ");
    retention_put(&q->out, q->config, retention, r->oldest_at_ms);
    if (r->foreign > 0)
        buf_printf(&q->out, "; %" PRIu64 " messages are not of streamer and were passed over",
                   r->foreign);
    buf_put_byte(&q->out, '\n');
}

static bool print_end(struct quarantine *q, const struct reading_result *r, int64_t retention,
                      struct err *e) {
    if (q->as_json)
        put_json_end(q, r, retention);
    else
        put_text_end(q, r, retention);
    return print(q, 0, e);
}

/* --- list and show --- */

/* Reads the quarantine with the marks, and passes on to `seen`. */
static bool read_records(struct quarantine *q, quarantined_seen *seen, void *context,
                         struct reading_result *result, struct err *e) {
    struct marks *marks = marks_new();
    const struct reading reading = {.config = q->config,
                                    .selection = &q->selection,
                                    .marks = marks,
                                    .stop = interrupt_flag(),
                                    .seen = seen,
                                    .context = context};
    bool ok =
        marks_read(marks, q->config, -1, interrupt_flag(), e) && reading_run(&reading, result, e);
    marks_free(marks);
    return ok;
}

/* What `list --open` passes on to the listing. */
struct open_records {
    struct listing *listing;
    uint64_t count;
};

static bool put_open(void *context, const struct quarantined *record, struct err *e) {
    struct open_records *open = context;
    open->count++;
    return listing_put(open->listing, record, e);
}

static bool gather_open(struct quarantine *q, const struct config *c, struct listing *listing,
                        struct reading_result *result, struct err *e) {
    struct open_records open = {.listing = listing};
    struct open_filter *f = open_filter_new(c, interrupt_flag(), e);
    bool ok = f != NULL && read_records(q, open_filter_put, f, result, e) &&
              open_topics_read(f, c, interrupt_flag(), e) &&
              open_filter_pass(f, put_open, &open, e);
    open_filter_free(f);
    result->seen = open.count;
    return ok;
}

static bool gather(struct quarantine *q, struct listing *listing, struct reading_result *result,
                   struct err *e) {
    struct config_with_schemas c;
    if (!arguments_has(q->arguments, "--open"))
        return read_records(q, listing_put, listing, result, e);
    if (!config_with_schemas_init(&c, q->config, e))
        return false;
    bool ok = gather_open(q, &c.config, listing, result, e);
    config_with_schemas_release(&c);
    return ok;
}

static bool list(struct quarantine *q, struct err *e) {
    struct reading_result result;
    int64_t retention;
    if (!retention_read(q->config, &retention, e))
        return false;
    struct listing *listing = listing_new(q->is_distinct, e);
    bool ok = listing != NULL && gather(q, listing, &result, e) &&
              listing_rows(listing, print_row, q, e) && print_end(q, &result, retention, e);
    listing_free(listing);
    return ok;
}

static bool refuse_none(struct err *e) {
    return err_set(e, ERR_STOP,
                   "quarantine: no record matches; streamer quarantine list shows what is there");
}

static bool show(struct quarantine *q, struct err *e) {
    struct reading_result result;
    int64_t retention;
    return retention_read(q->config, &retention, e) &&
           read_records(q, print_record, q, &result, e) && (result.seen > 0 || refuse_none(e)) &&
           print_end(q, &result, retention, e);
}

/* --- replay --- */

static struct replay_options replay_options(const struct quarantine *q) {
    struct replay_options o = {.selection = &q->selection, .stop = interrupt_flag()};
    o.field_count = arguments_values(q->arguments, "--field", &o.fields);
    return o;
}

static bool count_offered(void *context, const struct replay_record *r, struct err *e) {
    uint64_t *counts = context;
    (void)e;
    counts[r->from->entity]++;
    return true;
}

static void put_count(struct buf *out, uint64_t count, const char *singular, const char *plural) {
    buf_printf(out, "%" PRIu64 " %s", count, count == 1 ? singular : plural);
}

/* Why records are not replayed. */
static void print_refusals(const struct replay_refusals *r) {
    uint64_t shown = r->refused < REPLAY_SAMPLES_MAX ? r->refused : REPLAY_SAMPLES_MAX;
    if (r->replayed_before > 0)
        (void)printf("%" PRIu64 " %s replayed before, and %s not replayed again\n",
                     r->replayed_before, r->replayed_before == 1 ? "was" : "were",
                     r->replayed_before == 1 ? "is" : "are");
    if (r->refused > 0)
        (void)printf("%" PRIu64 " cannot be replayed:\n", r->refused);
    for (uint64_t i = 0; i < shown; i++)
        (void)printf("  %s\n", r->samples[i]);
    if (shown < r->refused)
        (void)printf("  and %" PRIu64 " more\n", r->refused - shown);
}

/* What was not done makes the exit code 1. */
static bool refuse_rest(const struct replay_refusals *r, struct err *e) {
    return r->refused == 0 ||
           err_set(e, ERR_STOP, "quarantine: %" PRIu64 " of the records cannot be replayed",
                   r->refused);
}

/* Says what a replay will do. False with `e`: nothing. */
static bool plan(struct quarantine *q, const struct replay_options *o, uint64_t *count,
                 struct err *e) {
    struct replay_refusals refusals;
    uint64_t counts[ENTITY_COUNT] = {0};
    if (!replay_plan(q->config, o, count_offered, counts, &refusals, e))
        return false;
    *count = counts[ENTITY_CUSTOMER] + counts[ENTITY_ACCOUNT];
    if (*count + refusals.replayed_before + refusals.refused == 0)
        return refuse_none(e);
    struct buf text = {0};
    put_count(&text, *count, "record goes", "records go");
    (void)printf("%s back into the input: %" PRIu64 " into %s, %" PRIu64 " into %s%s\n",
                 buf_cstr(&text), counts[ENTITY_CUSTOMER], q->config->topics[TOPIC_CUSTOMERS],
                 counts[ENTITY_ACCOUNT], q->config->topics[TOPIC_ACCOUNTS],
                 o->field_count > 0 ? ", repaired" : "");
    buf_release(&text);
    print_refusals(&refusals);
    return *count > 0 || refuse_rest(&refusals, e);
}

static bool say_sent(struct quarantine *q, uint64_t sent, const struct replay_refusals *r,
                     struct err *e) {
    if (sent + r->replayed_before + r->refused == 0)
        return refuse_none(e);
    if (q->as_json) {
        quarantine_json_replay(&q->out, sent, r);
    } else {
        (void)printf("replayed %" PRIu64 " record%s\n", sent, sent == 1 ? "" : "s");
        print_refusals(r);
        (void)fflush(stdout);
    }
    return print(q, 0, e) && refuse_rest(r, e);
}

static bool send_records(struct quarantine *q, const struct replay_options *o, struct err *e) {
    struct replay_refusals refusals;
    uint64_t sent;
    q->has_begun = true;
    if (replay_run(q->config, o, &sent, &refusals, e))
        return say_sent(q, sent, &refusals, e);
    struct err fault = *e;
    return err_set(e, fault.class,
                   "quarantine: %.800s; %" PRIu64 " record%s replayed, and nothing is half done: "
                   "run it again for the rest",
                   fault.text, sent, sent == 1 ? " was" : "s were");
}

/* Nobody is asked where a program reads. */
static bool check_asking(const struct quarantine *q, struct err *e) {
    return !q->as_json || arguments_has(q->arguments, "--yes") ||
           err_set(e, ERR_CONFIG,
                   "quarantine %s: does not ask with --format json, so give --yes, too",
                   q->arguments->operands[0]);
}

/* Before anybody is asked anything. */
static bool check_fields(const struct quarantine *q, const struct replay_options *o,
                         struct err *e) {
    struct repair *r = repair_new(q->config, o->fields, o->field_count, o->stop, e);
    repair_free(r);
    return r != NULL || err_prefix(e, "quarantine replay");
}

/* --- a dry run --- */

static bool print_judged(void *context, const struct dry_run_record *r, struct err *e) {
    struct quarantine *q = context;
    if (q->as_json)
        dry_run_json_record(&q->out, r);
    else
        dry_run_text_record(&q->paint, r);
    return print(q, PRINT_BYTES, e);
}

static bool print_changed(void *context, const struct replica_row *row, struct err *e) {
    struct quarantine *q = context;
    if (q->as_json)
        dry_run_json_change(&q->out, q->config, row);
    else
        dry_run_text_change(&q->paint, q->config, row);
    return print(q, PRINT_BYTES, e);
}

static bool print_dry_run_end(struct quarantine *q, const struct dry_run_result *r, struct err *e) {
    if (q->as_json)
        dry_run_json_end(&q->out, r);
    else
        dry_run_text_end(&q->out, r);
    if (!print(q, 0, e))
        return false;
    if (!q->as_json)
        print_refusals(&r->refusals);
    return true;
}

static bool try_replay(struct quarantine *q, const struct replay_options *o, struct err *e) {
    const struct dry_run_output output = {print_judged, print_changed, q};
    struct dry_run_result r;
    if (!dry_run(q->config, o, &output, &r, e))
        return false;
    uint64_t judged = 0;
    for (int v = 0; v < REPLICA_VERDICTS; v++)
        judged += r.verdicts[v];
    if (judged + r.refusals.replayed_before + r.refusals.refused == 0)
        return refuse_none(e);
    return print_dry_run_end(q, &r, e);
}

static bool replay(struct quarantine *q, struct err *e) {
    const struct replay_options o = replay_options(q);
    bool yes = arguments_has(q->arguments, "--yes");
    uint64_t count = 0;
    if (!check_fields(q, &o, e))
        return false;
    if (arguments_has(q->arguments, "--dry-run"))
        return try_replay(q, &o, e);
    if (!check_asking(q, e) || (!yes && !plan(q, &o, &count, e)))
        return false;
    return (!yes && count == 0) || (confirm("quarantine replay", yes, e) && send_records(q, &o, e));
}

/* --- purge --- */

/* Kafka deletes from the beginning of a partition only. */
static bool refuse_filters(const struct arguments *a, struct err *e) {
    static const char *const filters[] = {"--code",  "--topic", "--id",   "--since",
                                          "--until", "--at",    "--open", "--distinct"};
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        if (arguments_has(a, filters[i]))
            return err_set(e, ERR_CONFIG,
                           "quarantine purge: %s cannot be honoured, because Kafka deletes from "
                           "the beginning of a partition only; give --older-than alone",
                           filters[i]);
    return true;
}

static bool read_age(const struct arguments *a, int64_t *ms, struct err *e) {
    const char *text = arguments_value(a, "--older-than");
    if (text == NULL)
        return err_set(e, ERR_CONFIG,
                       "quarantine purge: say how old records must be, such as --older-than 30d");
    return parse_duration(text, 0, OLDER_THAN_MAX_MS, ms, e) || err_prefix(e, "--older-than");
}

static void say_purge(const struct quarantine *q, const struct purge_plan *p) {
    (void)printf("%" PRIu64 " of %" PRIu64 " records of topic %s were quarantined more than %s ago "
                 "and are deleted for good\n",
                 p->count, p->all, q->config->topics[TOPIC_QUARANTINE],
                 arguments_value(q->arguments, "--older-than"));
    if (p->older > 0)
        (void)printf("%" PRIu64 " more are as old, but lie behind younger ones, and stay\n",
                     p->older);
}

static bool say_purged(struct quarantine *q, const struct purge_plan *p, struct err *e) {
    if (q->as_json)
        quarantine_json_purge(&q->out, p);
    else if (p->count > 0)
        buf_put_str(&q->out, "done\n");
    return print(q, 0, e);
}

static bool purge_planned(struct quarantine *q, const struct purge_plan *p, struct err *e) {
    if (!q->as_json)
        say_purge(q, p);
    if (p->count > 0) {
        q->has_begun = confirm("quarantine purge", arguments_has(q->arguments, "--yes"), e);
        if (!q->has_begun || !purge_run(q->config, p, e))
            return false;
    }
    return say_purged(q, p, e);
}

static bool purge(struct quarantine *q, struct err *e) {
    struct purge_plan p = {0};
    int64_t age_ms = 0;
    if (!refuse_filters(q->arguments, e) || !read_age(q->arguments, &age_ms, e) ||
        !check_asking(q, e))
        return false;
    int64_t before_ms = clock_ms(clock_of_machine(), CLOCK_REALTIME) - age_ms;
    bool ok =
        purge_plan_make(q->config, before_ms, interrupt_flag(), &p, e) && purge_planned(q, &p, e);
    purge_plan_release(&p);
    return ok;
}

/* --- the command --- */

static const struct part {
    const char *name;
    bool (*run)(struct quarantine *q, struct err *e);
    const char *options; /* of its own, beside the filters and --format */
    const char *so_far;  /* what an interrupted one has done before it changes anything */
} parts[] = {
    {"list", list, " --distinct --open ", "what was shown is not whole"},
    {"show", show, " ", "what was shown is not whole"},
    {"replay", replay, " --field --dry-run --yes ", "nothing was replayed"},
    /* It refuses --distinct and --open itself. */
    {"purge", purge, " --older-than --yes --distinct --open ", "nothing was deleted"},
};

static const struct part *find_part(const struct arguments *a, struct err *e) {
    if (a->operand_count != 1) {
        (void)err_set(e, ERR_CONFIG,
                      "quarantine: write streamer quarantine list, show, replay or purge, and then "
                      "options only");
        return NULL;
    }
    const struct part *p = parts;
    while (strcmp(p->name, a->operands[0]) != 0)
        p++; /* the parser takes no other word */
    return p;
}

/* An option that only another part has would do nothing. */
static bool check_options(const struct part *part, const struct arguments *a, struct err *e) {
    static const char *const own[] = {"--distinct", "--open", "--field",
                                      "--dry-run",  "--yes",  "--older-than"};
    char word[32];
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        (void)snprintf(word, sizeof word, " %s ", own[i]);
        if (arguments_has(a, own[i]) && strstr(part->options, word) == NULL)
            return err_set(e, ERR_CONFIG, "quarantine %s: does not take %s", part->name, own[i]);
    }
    return true;
}

static bool read_selection(struct quarantine *q, struct err *e) {
    const struct arguments *a = q->arguments;
    const struct selection_options o = {.code = arguments_value(a, "--code"),
                                        .topic = arguments_value(a, "--topic"),
                                        .id = arguments_value(a, "--id"),
                                        .since = arguments_value(a, "--since"),
                                        .until = arguments_value(a, "--until"),
                                        .at = arguments_value(a, "--at")};
    return selection_init(&q->selection, q->config, &o, e);
}

static int run(const struct config *c, const struct arguments *a) {
    struct err e;
    struct quarantine q = {.config = c,
                           .arguments = a,
                           .as_json = arguments_wants_json(a),
                           .is_distinct = arguments_has(a, "--distinct"),
                           .paint = {.has_colours = paint_wants_colours(stdout)}};
    q.paint.out = &q.out;
    interrupt_install();
    const struct part *part = find_part(a, &e);
    bool ok =
        part != NULL && check_options(part, a, &e) && read_selection(&q, &e) && part->run(&q, &e);
    if (!ok && part != NULL && !q.has_begun && atomic_load(interrupt_flag()))
        (void)err_suffix(&e, "; %s", part->so_far);
    buf_release(&q.out);
    return ok ? EXIT_DONE : command_fail(&e);
}

static const char *const words[] = {"list", "show", "replay", "purge", NULL};

static const struct option options[] = {
    {"--code", .value = "CODE", .help = "only records of this reason, such as invalid_balance"},
    {"--topic", .value = "TOPIC", .help = "only records of this input topic"},
    {"--id", .value = "ID", .help = "only records of this id"},
    {"--since", .value = "TIME", .help = "only what was quarantined at this time or later"},
    {"--until", .value = "TIME", .help = "only what was quarantined before this time"},
    {"--at", .value = "PARTITION:OFFSET", .help = "only the record of this place in the input"},
    {"--distinct", .help = "list: one line for each id, or for each row whose id is unreadable"},
    {"--open", .help = "list: only what was not replayed, while no newer event of its id (in a "
                       "log: no later one) was accepted"},
    {"--field", .value = "NAME=VALUE", .help = "replay: sets this field first", .repeats = true},
    {"--dry-run", .help = "replay: says what would be accepted and what would change"},
    {"--older-than", .value = "DURATION",
     .help = "purge: deletes what was quarantined before that"},
    OPTION_YES,
    OPTION_FORMAT,
    {0},
};

static const char *const examples[] = {
    "streamer quarantine list --distinct --open",
    "streamer quarantine show --topic accounts --at 0:17",
    "streamer quarantine replay --topic accounts --at 0:17 --field balance=50.50",
    "streamer quarantine replay --code too_late --since 2026-11-01",
    "streamer quarantine purge --older-than 30d",
    NULL,
};

const struct command quarantine_command = {
    .name = "quarantine",
    .operands = "list|show|replay|purge",
    .summary = "rejected records; list: a line for each; show: all of them; replay: puts them back "
               "into the input, as received or repaired, each at most once; purge: deletes old "
               "ones",
    .options = options,
    .words = words,
    .examples = examples,
    .run = run,
};
