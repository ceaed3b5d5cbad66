#include "streamer/commands/whatif_text.h"

#include "streamer/base/decimal.h"
#include "streamer/base/json.h"
#include "streamer/base/json_put.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/words.h"
#include "streamer/commands/paint.h"

#include <string.h>

#define LABEL_WIDTH 13
#define RATE_WIDTH 11
#define COUNT_WIDTH 14
#define AMOUNT_WIDTH 24
#define ID_WIDTH 28

static void put_tiers(const struct rates *r, struct buf *out) {
    buf_put_str(out, "rates.tiers=");
    rates_put_tiers(r, out);
    buf_put_str(out, " rates.loan.bonus=");
    rates_put_rate(r->loan_bonus_milli, out);
}

/* --- for people --- */

/* Cells of one line. What comes from elsewhere is made harmless (paint.h). */
static void put_left(struct buf *out, struct slice text, int width) {
    struct paint p = {out, false};
    paint_text(&p, PAINT_PLAIN, text, width);
}

static void put_right(struct buf *out, struct slice text, int width) {
    buf_printf(out, "%*s", width > (int)text.n ? width - (int)text.n : 0, "");
    buf_put_slice(out, text);
}

static void put_amount(struct buf *out, int128 cents, int width) {
    struct buf text = {0};
    decimal_put(&text, cents, 2);
    put_right(out, buf_slice(&text), width);
    buf_release(&text);
}

static void put_rate(struct buf *out, int64_t milli, int width) {
    struct buf text = {0};
    decimal_put(&text, milli, 3);
    put_left(out, buf_slice(&text), width);
    buf_release(&text);
}

static void put_count(struct buf *out, int64_t n, int width) {
    put_right(out, slice_str(words_count(n).text), width);
}

static void put_label(struct buf *out, const char *label) {
    put_left(out, slice_str(label), LABEL_WIDTH);
}

static void put_head(const struct whatif_read *r, const struct rates *configured, struct buf *out) {
    put_label(out, "today");
    put_tiers(&r->change.now, out);
    buf_put_str(out, "\n");
    put_label(out, "what if");
    put_tiers(&r->change.then, out);
    buf_put_str(out, "\n");
    if (!rates_equal(&r->change.now, configured)) {
        put_label(out, "note");
        buf_put_str(out, "the configuration here has other rates than the instances compute with "
                         "today: ");
        put_tiers(configured, out);
        buf_put_str(out, "\n");
    }
}

static void put_source(const struct whatif_read *r, struct buf *out) {
    put_label(out, "read");
    if (r->instances > 0)
        buf_printf(out, "%s instance%s", words_count(r->instances).text,
                   r->instances == 1 ? "" : "s");
    else
        buf_printf(out, "the state of app.id %s in %s", r->app_id, r->first.p);
    buf_put_str(out, ", partitions ");
    whatif_put_partitions(r, true, out);
    buf_printf(out, " of %d", r->partitions);
    if (r->committed_ms > 0) {
        buf_put_str(out, ", as of ");
        timestamp_put_nearest(out, r->committed_ms);
    }
    buf_put_str(out, "\n");
}

static void put_side(const char *label, const struct rate_change_side *side, struct buf *out) {
    put_label(out, label);
    put_count(out, side->count, COUNT_WIDTH);
    buf_put_str(out, "  by ");
    put_amount(out, side->sum, 0);
    buf_put_str(out, " in all, by ");
    put_amount(out, side->largest, 0);
    buf_put_str(out, " at most\n");
}

static void put_totals(const struct rate_change *c, struct buf *out) {
    put_label(out, "summaries");
    put_count(out, c->summaries, COUNT_WIDTH);
    buf_printf(out, "  of which %s change\n", words_count(c->changed).text);
    put_side("rise", &c->rises, out);
    put_side("fall", &c->falls, out);
    put_label(out, "rate only");
    put_count(out, c->changed - c->rises.count - c->falls.count, COUNT_WIDTH);
    buf_put_str(out, "\n");
    put_label(out, "interest");
    put_amount(out, c->interest_now, 0);
    buf_put_str(out, " a year today, ");
    put_amount(out, c->interest_then, 0);
    buf_put_str(out, " then: ");
    put_amount(out, c->interest_then - c->interest_now, 0);
    buf_put_str(out, "\n");
}

static void put_steps(const struct rate_change *c, struct buf *out) {
    if (c->step_count == 0)
        return;
    buf_put_str(out, "\n");
    put_left(out, slice_str("rate today"), RATE_WIDTH);
    put_left(out, slice_str("then"), RATE_WIDTH);
    put_right(out, slice_str("summaries"), COUNT_WIDTH);
    put_right(out, slice_str("interest"), AMOUNT_WIDTH);
    buf_put_str(out, "\n");
    for (size_t i = 0; i < c->step_count; i++) {
        const struct rate_change_step *s = &c->steps[i];
        put_rate(out, s->rate_now, RATE_WIDTH);
        put_rate(out, s->rate_then, RATE_WIDTH);
        put_count(out, s->count, COUNT_WIDTH);
        put_amount(out, s->difference, AMOUNT_WIDTH);
        buf_put_str(out, "\n");
    }
}

static void put_largest(const struct rate_change *c, struct buf *out) {
    if (c->largest_count == 0)
        return;
    buf_put_str(out, "\n");
    put_left(out, slice_str("the largest"), ID_WIDTH);
    put_right(out, slice_str("today"), AMOUNT_WIDTH);
    put_right(out, slice_str("then"), AMOUNT_WIDTH);
    buf_put_str(out, "\n");
    for (size_t i = 0; i < c->largest_count; i++) {
        const struct rate_change_account *a = &c->largest[i];
        put_left(out, buf_slice(&a->account_id), ID_WIDTH);
        put_amount(out, a->interest_now, AMOUNT_WIDTH);
        put_amount(out, a->interest_then, AMOUNT_WIDTH);
        buf_put_str(out, "\n");
    }
}

/* The lines of r->gaps, each with a label. */
static void put_gaps(const struct whatif_read *r, struct buf *out) {
    struct slice rest = buf_slice(&r->gaps);
    while (rest.n > 0) {
        const char *end = memchr(rest.p, '\n', rest.n);
        size_t n = end != NULL ? (size_t)(end - rest.p) : rest.n;
        put_label(out, "not read");
        put_left(out, slice_of(rest.p, n), 0);
        buf_put_str(out, "\n");
        rest = slice_of(rest.p + n + (end != NULL), rest.n - n - (end != NULL));
    }
}

void whatif_put_text(const struct whatif_read *r, const struct rates *configured, struct buf *out) {
    put_head(r, configured, out);
    put_source(r, out);
    put_gaps(r, out);
    put_totals(&r->change, out);
    put_steps(&r->change, out);
    put_largest(&r->change, out);
}

/* --- for programs --- */

static void put_json_rates(const char *name, const struct rates *r, struct buf *out) {
    struct buf text = {0};
    json_put_name(out, name);
    rates_put_tiers(r, &text);
    buf_put_byte(out, '{');
    json_put_text(out, "tiers", buf_cstr(&text));
    buf_clear(&text);
    rates_put_rate(r->loan_bonus_milli, &text);
    json_put_text(out, "loan_bonus", buf_cstr(&text));
    buf_put_byte(out, '}');
    buf_release(&text);
}

static void put_json_decimal(const char *name, int128 value, int scale, struct buf *out) {
    json_put_name(out, name);
    buf_put_byte(out, '"');
    decimal_put(out, value, scale);
    buf_put_byte(out, '"');
}

static void put_json_amount(const char *name, int128 cents, struct buf *out) {
    put_json_decimal(name, cents, 2, out);
}

static void put_json_side(const char *name, const struct rate_change_side *side, struct buf *out) {
    json_put_name(out, name);
    buf_put_byte(out, '{');
    json_put_int(out, "count", side->count);
    put_json_amount("sum", side->sum, out);
    put_json_amount("largest", side->largest, out);
    buf_put_byte(out, '}');
}

static void put_json_step(const struct rate_change_step *s, struct buf *out) {
    buf_put_byte(out, '{');
    put_json_decimal("rate_now", s->rate_now, 3, out);
    put_json_decimal("rate_then", s->rate_then, 3, out);
    json_put_int(out, "count", s->count);
    put_json_amount("difference", s->difference, out);
    buf_put_byte(out, '}');
}

static void put_json_account(const struct rate_change_account *a, struct buf *out) {
    buf_put_byte(out, '{');
    json_put_name(out, "account_id");
    json_put_string(out, buf_slice(&a->account_id));
    json_put_int(out, "customer_id", a->customer_id);
    put_json_amount("interest_now", a->interest_now, out);
    put_json_amount("interest_then", a->interest_then, out);
    buf_put_byte(out, '}');
}

static void put_json_lists(const struct rate_change *c, struct buf *out) {
    json_put_name(out, "steps");
    buf_put_byte(out, '[');
    for (size_t i = 0; i < c->step_count; i++) {
        buf_put_str(out, i > 0 ? "," : "");
        put_json_step(&c->steps[i], out);
    }
    buf_put_byte(out, ']');
    json_put_name(out, "largest");
    buf_put_byte(out, '[');
    for (size_t i = 0; i < c->largest_count; i++) {
        buf_put_str(out, i > 0 ? "," : "");
        put_json_account(&c->largest[i], out);
    }
    buf_put_byte(out, ']');
}

static void put_json_source(const struct whatif_read *r, struct buf *out) {
    const char *before = "";
    json_put_int(out, "instances", r->instances);
    json_put_name(out, "state");
    if (r->instances == 0)
        json_put_string(out, buf_slice(&r->first));
    else
        buf_put_str(out, "null");
    json_put_time(out, "as_of", r->committed_ms > 0 ? r->committed_ms : TIMESTAMP_NONE);
    json_put_int(out, "partition_count", r->partitions);
    json_put_name(out, "partitions");
    buf_put_byte(out, '[');
    for (int32_t p = 0; p < r->partitions; p++) {
        if (!r->is_read[p])
            continue;
        buf_printf(out, "%s%d", before, p);
        before = ",";
    }
    buf_put_byte(out, ']');
    json_put_bool(out, "is_whole", r->gaps.n == 0);
}

void whatif_put_json(const struct whatif_read *r, const struct rates *configured, struct buf *out) {
    const struct rate_change *c = &r->change;
    buf_put_byte(out, '{');
    put_json_rates("rates_now", &c->now, out);
    put_json_rates("rates_then", &c->then, out);
    put_json_rates("rates_configured", configured, out);
    put_json_source(r, out);
    json_put_int(out, "summaries", c->summaries);
    json_put_int(out, "changed", c->changed);
    put_json_side("rises", &c->rises, out);
    put_json_side("falls", &c->falls, out);
    put_json_amount("interest_now", c->interest_now, out);
    put_json_amount("interest_then", c->interest_then, out);
    put_json_lists(c, out);
    buf_put_str(out, "}\n");
}
