#include "streamer/layers/marts/rate_change.h"

#include "streamer/layers/marts/account_summary.h"

#include <assert.h>
#include <stdlib.h>

void rate_change_init(struct rate_change *c, const struct rates *now, const struct rates *then) {
    *c = (struct rate_change){.now = *now, .then = *then};
}

void rate_change_release(struct rate_change *c) {
    for (size_t i = 0; i < RATE_CHANGE_LARGEST; i++)
        buf_release(&c->largest[i].account_id);
}

/* --- by rates --- */

/* There are as many steps as pairs of a tier, with the bonus and without. */
static struct rate_change_step *step_of(struct rate_change *c, int64_t now, int64_t then) {
    for (size_t i = 0; i < c->step_count; i++)
        if (c->steps[i].rate_now == now && c->steps[i].rate_then == then)
            return &c->steps[i];
    assert(c->step_count < RATE_CHANGE_STEPS);
    struct rate_change_step *step = &c->steps[c->step_count++];
    *step = (struct rate_change_step){.rate_now = now, .rate_then = then};
    return step;
}

static int by_rates(const void *a, const void *b) {
    const struct rate_change_step *x = a, *y = b;
    if (x->rate_now != y->rate_now)
        return x->rate_now < y->rate_now ? -1 : 1;
    return (x->rate_then > y->rate_then) - (x->rate_then < y->rate_then);
}

/* --- the largest --- */

static int64_t difference(const struct rate_change_account *a) {
    int64_t d = a->interest_then - a->interest_now;
    return d < 0 ? -d : d;
}

/* Whether `a`, whose id is `id`, comes before `b`. */
static bool comes_before(const struct rate_change_account *a, struct slice id,
                         const struct rate_change_account *b) {
    if (difference(a) != difference(b))
        return difference(a) > difference(b);
    return slice_compare(id, buf_slice(&b->account_id)) < 0;
}

/* Moves the last place, with the memory of its id, to `at`, and what is there to behind it. */
static struct rate_change_account *make_place(struct rate_change *c, size_t at) {
    struct rate_change_account last = c->largest[RATE_CHANGE_LARGEST - 1];
    for (size_t i = RATE_CHANGE_LARGEST - 1; i > at; i--)
        c->largest[i] = c->largest[i - 1];
    c->largest[at] = last;
    c->largest_count += c->largest_count < RATE_CHANGE_LARGEST;
    return &c->largest[at];
}

static void rank(struct rate_change *c, struct slice id, const struct rate_change_account *a) {
    size_t at = c->largest_count;
    while (at > 0 && comes_before(a, id, &c->largest[at - 1]))
        at--;
    if (at == RATE_CHANGE_LARGEST)
        return;
    struct rate_change_account *place = make_place(c, at);
    struct buf kept = place->account_id;
    *place = *a;
    place->account_id = kept;
    buf_set(&place->account_id, id);
}

/* --- one row --- */

static void add_to_side(struct rate_change_side *side, int64_t difference) {
    side->count++;
    side->sum += difference;
    if (side->largest < difference)
        side->largest = difference;
}

static void add_difference(struct rate_change *c, const struct account_summary_row *now,
                           const struct account_summary_row *then) {
    int64_t d = then->annual_interest_amount - now->annual_interest_amount;
    struct rate_change_step *step = step_of(c, now->interest_rate_pct, then->interest_rate_pct);
    step->count++;
    step->difference += d;
    c->changed++;
    if (d == 0)
        return;
    add_to_side(d > 0 ? &c->rises : &c->falls, d > 0 ? d : -d);
    const struct rate_change_account account = {.customer_id = now->customer_id,
                                                .interest_now = now->annual_interest_amount,
                                                .interest_then = then->annual_interest_amount};
    rank(c, now->account_id, &account);
}

void rate_change_add(struct rate_change *c, const struct account_with_customer_row *joined) {
    struct account_summary_row now, then;
    if (!account_summarize(&c->now, joined, 0, &now) ||
        !account_summarize(&c->then, joined, 0, &then))
        return;
    c->summaries++;
    c->interest_now += now.annual_interest_amount;
    c->interest_then += then.annual_interest_amount;
    if (!row_same_content(&account_summary_type, &now, &then))
        add_difference(c, &now, &then);
}

void rate_change_finish(struct rate_change *c) {
    qsort(c->steps, c->step_count, sizeof c->steps[0], by_rates);
}
