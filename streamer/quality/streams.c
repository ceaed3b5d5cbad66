#include "streamer/quality/streams.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define MILLION INT64_C(1000000)
#define MINUTE_MS INT64_C(60000)
#define AVERAGE_PARTS 100  /* a window moves the average by so much of the difference */
#define AVERAGE_STEPS 1000 /* after so many windows the average is where they are */
#define LOST_TIMES 10      /* so often the counters must say the same */
#define VANISHED_PART 4    /* a column has vanished if less than 1/4 of its values are left */
#define VANISHED_LEAST 30  /* … of so many values that there should be */

static const char *const names[ENTITY_COUNT] = {"customers", "accounts"};

/* The checks of each entity. */
static const struct {
    enum check_id rejected, unknown;
} ids[ENTITY_COUNT] = {
    [ENTITY_CUSTOMER] = {CHECK_REJECTED_CUSTOMERS, CHECK_UNKNOWN_FIELDS_CUSTOMERS},
    [ENTITY_ACCOUNT] = {CHECK_REJECTED_ACCOUNTS, CHECK_UNKNOWN_FIELDS_ACCOUNTS},
};

/* The fields that may be null, and the check of each. */
static const struct nullable {
    enum entity entity;
    enum field field;
    enum check_id id;
} nullables[] = {{ENTITY_CUSTOMER, FIELD_HAS_LOAN, CHECK_NULL_RATE_HAS_LOAN}};

/* --- marks --- */

static void read_counts(const struct metrics *m, enum entity e, struct stream_counts *c) {
    *c = (struct stream_counts){0};
    for (int r = 0; r < REASON_COUNT; r++) {
        c->codes[r] = metric_get(&m->quarantined[e][r]);
        c->rejected += c->codes[r];
    }
    for (int f = 0; f < FIELD_COUNT; f++)
        c->nulls[f] = metric_get(&m->null_values[e][f]);
    c->unknown = metric_get(&m->unknown_fields[e]);
    c->judged = metric_get(&m->applied[e]) + metric_get(&m->unchanged[e]) + c->rejected;
}

static void drop_first(struct stream_marks *m) {
    m->count--;
    memmove(&m->list[0], &m->list[1], m->count * sizeof *m->list);
    memmove(&m->at_ms[0], &m->at_ms[1], m->count * sizeof *m->at_ms);
}

static void add_mark(struct stream_marks *m, const struct stream_counts *c, int64_t now_ms,
                     size_t max) {
    if (m->count == max)
        drop_first(m);
    m->list[m->count] = *c;
    m->at_ms[m->count++] = now_ms;
}

/* The counters of a process begin at 0. So records that came before the first sample count, too. */
static void stream_init(struct stream *s, int64_t now_ms) {
    static const struct stream_counts none = {.judged = 0};
    add_mark(&s->window, &none, now_ms, STREAM_MARKS);
    add_mark(&s->hour, &none, now_ms, STREAM_MINUTES);
}

void streams_init(struct streams *s, const struct config *config, const struct metrics *metrics,
                  int64_t now_ms) {
    *s = (struct streams){.config = config, .metrics = metrics};
    averages_init(&s->averages);
    for (int e = 0; e < ENTITY_COUNT; e++)
        stream_init(&s->entities[e], now_ms);
}

/* Drops what the window of the last records no longer needs: its first mark is the last one that
 * lies so many records back. */
static void move_window(struct stream_marks *m, const struct stream_counts *now, int64_t now_ms) {
    if (now->judged - m->list[m->count - 1].judged >= STREAM_STEP)
        add_mark(m, now, now_ms, STREAM_MARKS);
    while (m->count > 1 && now->judged - m->list[1].judged >= STREAM_WINDOW)
        drop_first(m);
}

static void move_hour(struct stream_marks *m, const struct stream_counts *now, int64_t now_ms) {
    if (llabs(now_ms - m->at_ms[m->count - 1]) >= MINUTE_MS) /* the clock may step back */
        add_mark(m, now, now_ms, STREAM_MINUTES);
}

/* What has come since the first mark. */
static struct stream_counts since(const struct stream_marks *m, const struct stream_counts *now) {
    struct stream_counts d = *now;
    const struct stream_counts *first = &m->list[0];
    d.judged -= first->judged;
    d.rejected -= first->rejected;
    d.unknown -= first->unknown;
    for (int r = 0; r < REASON_COUNT; r++)
        d.codes[r] -= first->codes[r];
    for (int f = 0; f < FIELD_COUNT; f++)
        d.nulls[f] -= first->nulls[f];
    return d;
}

/* --- averages --- */

static int64_t share_of(int64_t part, int64_t whole) {
    return (int64_t)((__int128)part * MILLION / whole);
}

/* Moves the average by a part of the difference for each full window of records. */
static void move_average(int64_t *average, int64_t share, int64_t windows) {
    if (*average < 0)
        *average = share;
    for (int64_t i = 0; i < windows && i < AVERAGE_STEPS; i++)
        *average += (share - *average) / AVERAGE_PARTS;
}

/* --- rejected records --- */

static void put_codes(struct buf *out, const struct stream_counts *d) {
    for (int r = 0; r < REASON_COUNT; r++)
        if (d->codes[r] > 0)
            buf_printf(out, " %s %lld", reason_code_name((enum reason_code)r),
                       (long long)d->codes[r]);
}

/* What the share of rejected records says; puts a text if that is not good. */
static enum check_status judge_share(const struct streams *s, enum entity e, const char *when,
                                     const struct stream_counts *d, struct buf *text) {
    const struct config *c = s->config;
    if (d->judged < STREAM_LEAST)
        return CHECK_PASS;
    int64_t milli = share_of(d->rejected, d->judged) / 1000;
    enum check_status status = milli >= c->quality_quarantine_error_milli  ? CHECK_FAIL
                               : milli >= c->quality_quarantine_warn_milli ? CHECK_WARN
                                                                           : CHECK_PASS;
    if (status == CHECK_PASS || d->rejected == 0)
        return CHECK_PASS;
    if (text->n == 0) {
        buf_printf(text, "%s: %lld of %lld records %s rejected:", names[e], (long long)d->rejected,
                   (long long)d->judged, when);
        put_codes(text, d);
    }
    return status;
}

static void judge_rejected(const struct streams *s, enum entity e, const struct stream_counts *now,
                           struct board *board, int64_t now_ms) {
    struct buf text = {0};
    struct stream_counts window = since(&s->entities[e].window, now),
                         hour = since(&s->entities[e].hour, now);
    enum check_status lately = judge_share(s, e, "lately", &window, &text),
                      in_hour = judge_share(s, e, "of the last hour", &hour, &text);
    board_set(board, ids[e].rejected, lately > in_hour ? lately : in_hour, buf_cstr(&text),
              window.judged, window.rejected, now_ms);
    buf_release(&text);
}

/* --- fields that come and go --- */

/* A few records say little about what is usual. */
static bool is_full(const struct stream_counts *window) {
    return window->judged >= STREAM_WINDOW;
}

/* More than half a field a record above the average: a column is new, or has another name. */
static void judge_unknown(const struct streams *s, enum entity e,
                          const struct stream_counts *window, struct board *board, int64_t now_ms) {
    struct buf text = {0};
    int64_t average = s->averages.of[ids[e].unknown];
    bool is_bad = average >= 0 && is_full(window) &&
                  share_of(window->unknown, window->judged) > average + MILLION / 2;
    if (is_bad)
        buf_printf(
            &text,
            "%s: %lld fields of the last %lld records are not known, more than before: was a "
            "column renamed? (fields.%s adds names)",
            names[e], (long long)window->unknown, (long long)window->judged, names[e]);
    board_set(board, ids[e].unknown, is_bad ? CHECK_WARN : CHECK_PASS, buf_cstr(&text),
              window->judged, window->unknown, now_ms);
    buf_release(&text);
}

/* By how many values there should be by the average, and how many there are. */
static bool has_vanished(const struct streams *s, const struct nullable *n,
                         const struct stream_counts *window) {
    int64_t average = s->averages.of[n->id], there = window->judged - window->nulls[n->field];
    if (average < 0 || !is_full(window))
        return false;
    int64_t expected = (int64_t)((__int128)window->judged * (MILLION - average) / MILLION);
    return expected >= VANISHED_LEAST && there * VANISHED_PART < expected;
}

static void judge_nulls(const struct streams *s, const struct nullable *n,
                        const struct stream_counts *window, struct board *board, int64_t now_ms) {
    struct buf text = {0};
    bool is_bad = has_vanished(s, n, window);
    if (is_bad)
        buf_printf(&text,
                   "%lld of the last %lld values are null, on average it was %lld of 1000: did the "
                   "column vanish, or get another name?",
                   (long long)window->nulls[n->field], (long long)window->judged,
                   (long long)(s->averages.of[n->id] / 1000));
    board_set(board, n->id, is_bad ? CHECK_FAIL : CHECK_PASS, buf_cstr(&text), window->judged,
              window->nulls[n->field], now_ms);
    buf_release(&text);
}

/* A column that has vanished does not become what is usual. */
static void move_averages(struct streams *s, enum entity e, const struct stream_counts *now,
                          const struct stream_counts *window) {
    struct stream *stream = &s->entities[e];
    int64_t windows = (now->judged - stream->averaged) / STREAM_WINDOW;
    if (windows == 0 || !is_full(window))
        return;
    stream->averaged = now->judged;
    move_average(&s->averages.of[ids[e].unknown], share_of(window->unknown, window->judged),
                 windows);
    for (size_t i = 0; i < ARRAY_LEN(nullables); i++) {
        const struct nullable *n = &nullables[i];
        if (n->entity == e && !has_vanished(s, n, window))
            move_average(&s->averages.of[n->id], share_of(window->nulls[n->field], window->judged),
                         windows);
    }
}

/* --- conservation --- */

static int64_t consumed_of(const struct metrics *m, enum entity e) {
    return e == ENTITY_CUSTOMER ? metric_get(&m->consumed[TOPIC_CUSTOMERS]) +
                                      metric_get(&m->consumed[TOPIC_REPARTITION_CUSTOMERS])
                                : metric_get(&m->consumed[TOPIC_ACCOUNTS]) +
                                      metric_get(&m->consumed[TOPIC_REPARTITION_ACCOUNTS]);
}

/* A worker publishes what became of records shortly before it publishes that they were consumed. So
 * a difference counts only if several samples in a row have the same one. */
static bool is_conserved(struct streams *s, enum entity e, const struct stream_counts *now) {
    int64_t done = now->judged + metric_get(&s->metrics->forwarded[e]);
    int64_t lost = consumed_of(s->metrics, e) - done;
    s->lost_times[e] = lost == s->lost[e] ? s->lost_times[e] + 1 : 1;
    s->lost[e] = lost;
    return lost == 0 || s->lost_times[e] < LOST_TIMES;
}

static void judge_conservation(struct streams *s, const struct stream_counts now[ENTITY_COUNT],
                               struct board *board, int64_t now_ms) {
    struct buf text = {0};
    int64_t rows = 0, found = 0;
    for (int e = 0; e < ENTITY_COUNT; e++) {
        rows += now[e].judged;
        if (is_conserved(s, (enum entity)e, &now[e]))
            continue;
        found += s->lost[e] > 0 ? s->lost[e] : -s->lost[e];
        buf_printf(&text,
                   "%s%s: %lld records consumed more than were applied, unchanged, "
                   "quarantined or forwarded",
                   text.n > 0 ? "; " : "", names[e], (long long)s->lost[e]);
    }
    board_set(board, CHECK_CONSERVATION, found > 0 ? CHECK_FAIL : CHECK_PASS, buf_cstr(&text), rows,
              found, now_ms);
    buf_release(&text);
}

/* --- a sample --- */

static void sample_entity(struct streams *s, enum entity e, const struct stream_counts *now,
                          struct board *board, int64_t now_ms) {
    struct stream *stream = &s->entities[e];
    move_window(&stream->window, now, now_ms);
    move_hour(&stream->hour, now, now_ms);
    struct stream_counts window = since(&stream->window, now);
    judge_rejected(s, e, now, board, now_ms);
    judge_unknown(s, e, &window, board, now_ms);
    for (size_t i = 0; i < ARRAY_LEN(nullables); i++)
        if (nullables[i].entity == e)
            judge_nulls(s, &nullables[i], &window, board, now_ms);
    move_averages(s, e, now, &window);
}

void streams_sample(struct streams *s, struct board *board, int64_t now_ms) {
    struct stream_counts now[ENTITY_COUNT];
    for (int e = 0; e < ENTITY_COUNT; e++) {
        read_counts(s->metrics, (enum entity)e, &now[e]);
        sample_entity(s, (enum entity)e, &now[e], board, now_ms);
    }
    judge_conservation(s, now, board, now_ms);
}
