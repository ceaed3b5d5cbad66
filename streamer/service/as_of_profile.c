#include "streamer/service/as_of_profile.h"

#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/service/as_of_parts.h"
#include "streamer/task/as_of.h"
#include "streamer/task/history_rows.h"

#include <stdlib.h>

#define LOOKS_AT_CLOCK 256 /* so many accounts lie between two looks at the clock */

struct profile {
    struct as_of_question question;
    int64_t deadline_ms; /* CLOCK_MONOTONIC */
    /* One of the two: all instances are asked, or only this one. */
    struct gathering *all;
    struct http_exchange *exchange;
    struct http_reply failure; /* of reading what this instance has; status 0: it did not fail */
};

static void profile_free(struct profile *p) {
    as_of_question_release(&p->question);
    free(p);
}

static int64_t now_ms(void) {
    return clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
}

/* --- what this instance has, on the background's thread --- */

struct reading {
    const struct profile *profile;
    const atomic_bool *is_stopping;
    int64_t looked_at; /* accounts */
    bool is_too_slow;
    struct task_env env;
    bool *is_owned; /* by partition */
    struct as_of_part *parts;
    size_t count;
    struct as_of_customer customer;
    struct buf customer_bytes;
};

static bool goes_on(void *context) {
    struct reading *r = context;
    if (r->looked_at++ % LOOKS_AT_CLOCK == 0)
        r->is_too_slow = now_ms() >= r->profile->deadline_ms;
    return !r->is_too_slow && !atomic_load(r->is_stopping);
}

/* A partition counts only if it was this instance's before it was read, and still is. So it was
 * restored all the time. */
static void look_who_owns(struct reading *r, bool is_first) {
    struct answers *a = r->profile->question.answers;
    workers_lock(a->workers);
    for (int32_t p = 0; p < a->partitions; p++)
        r->is_owned[p] = (is_first || r->is_owned[p]) && workers_own(a->workers, p);
    workers_unlock(a->workers);
}

/* False: it must end. */
static bool read_part(struct reading *r, int32_t partition) {
    const struct as_of_question *q = &r->profile->question;
    struct task task;
    struct totals totals = {0};
    task_init(&task, partition);
    bool ok = goes_on(r) && as_of_sum(&r->env, &task, q->customer_id, q->at, goes_on, r, &totals);
    const struct customer_totals *s = &totals.sums;
    if (ok)
        r->parts[r->count++] = (struct as_of_part){partition, s->accounts, s->balance,
                                                   s->interest_without_loan, s->interest_with_loan};
    totals_release(&totals);
    task_release(&task);
    return ok;
}

static void read_customer(struct reading *r) {
    const struct as_of_question *q = &r->profile->question;
    struct task task;
    struct version v;
    union history_row row;
    task_init(&task, q->partition);
    r->customer.is_told = true;
    r->customer.exists = as_of_version(&r->env, &task, ENTITY_CUSTOMER, buf_slice(&q->id), q->at,
                                       &r->customer_bytes, &v);
    if (r->customer.exists && !history_row_of_version(ENTITY_CUSTOMER, buf_slice(&q->id), &v, &row))
        task_damaged(r->env.kv, FAMILY_CUSTOMER_HISTORY);
    else if (r->customer.exists)
        r->customer.row = row.customer;
    task_release(&task);
}

static bool read_owned(struct reading *r) {
    const struct as_of_question *q = &r->profile->question;
    if (r->is_owned[q->partition])
        read_customer(r);
    for (int32_t p = 0; p < q->answers->partitions && !kv_failed(r->env.kv); p++)
        if (r->is_owned[p] && !read_part(r, p))
            return false;
    return !kv_failed(r->env.kv);
}

/* Leaves out what is not this instance's any more. */
static void drop_lost(struct reading *r) {
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++)
        if (r->is_owned[r->parts[i].partition])
            r->parts[kept++] = r->parts[i];
    r->count = kept;
    r->customer.is_told = r->customer.is_told && r->is_owned[r->profile->question.partition];
}

static void read_own(struct reading *r, struct http_reply *reply) {
    struct answers *a = r->profile->question.answers;
    look_who_owns(r, true);
    r->env.kv = store_reader_new(a->store);
    r->env.rates = &a->config->rates;
    if (read_owned(r)) {
        look_who_owns(r, false);
        drop_lost(r);
        reply->status = 200;
        reply->content_type = "application/json";
        as_of_parts_put(&reply->body, &r->customer, r->parts, r->count);
    } else if (kv_failed(r->env.kv)) {
        http_reply_error(reply, 500, r->env.kv->err.text);
    } else {
        http_reply_later(reply, r->is_too_slow ? "the customer's accounts take too long to sum up"
                                               : "this instance stops");
    }
    store_reader_free(r->env.kv);
    task_env_release(&r->env);
}

/* `p` may be freed afterwards. */
static void hand_over(struct profile *p, struct http_reply *reply) {
    int status = reply->status;
    if (p->all == NULL) {
        http_finish(p->exchange, reply);
        profile_free(p);
        return;
    }
    if (status != 200) {
        p->failure = *reply;
        reply->body = (struct buf){0};
    }
    gather_own(p->all, status, &reply->body);
    buf_release(&reply->body);
}

static void do_own(void *context, const atomic_bool *is_stopping) {
    struct profile *p = context;
    size_t n = (size_t)p->question.answers->partitions;
    struct http_reply reply = {0};
    struct reading r = {.profile = p,
                        .is_stopping = is_stopping,
                        .is_owned = mem_calloc(n, sizeof *r.is_owned),
                        .parts = mem_calloc(n, sizeof *r.parts)};
    if (atomic_load(is_stopping)) /* the caller may have locked the workers */
        http_reply_later(&reply, "this instance stops");
    else
        read_own(&r, &reply);
    buf_release(&r.customer_bytes);
    free(r.is_owned);
    free(r.parts);
    hand_over(p, &reply);
}

/* --- all instances --- */

/* Why partitions are missing. */
static void reply_missing(const struct gather_part *parts, size_t count, struct http_reply *reply) {
    struct buf text = {0};
    const char *why = "the instances are sharing the partitions out";
    for (size_t i = 0; i < count; i++)
        if (parts[i].problem[0] != '\0' && parts[i].partition_count > 0)
            why = parts[i].problem;
    buf_printf(&text, "not all partitions can be asked: %s", why);
    http_reply_later(reply, buf_cstr(&text));
    buf_release(&text);
}

/* Adds all answers. False: they do not make a whole. */
static bool add_all(struct as_of_parts *all, const struct gather_part *parts, size_t count) {
    bool ok = true;
    for (size_t i = 0; i < count; i++)
        if (parts[i].problem[0] == '\0')
            ok = as_of_parts_add(all, buf_slice(&parts[i].answer)) && ok;
    return ok && as_of_parts_are_whole(all);
}

static void reply_profile(void *context, const struct gather_part *parts, size_t count,
                          struct http_reply *reply) {
    struct profile *p = context;
    struct as_of_question *q = &p->question;
    struct as_of_parts all;
    struct customer_profile_row row;
    as_of_parts_init(&all, q->answers->partitions);
    if (p->failure.status != 0) {
        *reply = p->failure;
    } else if (!add_all(&all, parts, count)) {
        if (q->answers->gather.peers != NULL)
            peers_doubt(q->answers->gather.peers);
        reply_missing(parts, count, reply);
    } else if (as_of_profile_of(&all.totals, q->customer_id, &all.customer, &row)) {
        as_of_reply_row(&customer_profile_type, &row, reply);
    } else {
        as_of_reply_none(q, reply);
    }
    as_of_parts_release(&all);
    profile_free(p);
}

void as_of_profile(struct as_of_question *q, const struct http_request *request) {
    struct answers *a = q->answers;
    struct profile *p = mem_calloc(1, sizeof *p);
    p->deadline_ms = now_ms() + AS_OF_MS;
    as_of_question_move(&p->question, q);
    if (route_was_sent_on(request))
        p->exchange = http_defer(request);
    else
        p->all = gather_begin(&a->gather, request, AS_OF_MS, reply_profile, p);
    background_do(a->background, do_own, p);
}
