#include "streamer/commands/whatif_read.h"

#include "streamer/base/decimal.h"
#include "streamer/base/mem.h"
#include "streamer/commands/instance.h"
#include "streamer/commands/interrupt.h"
#include "streamer/export/result_instance.h"
#include "streamer/http/http_fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTITIONS_MAX 1000000 /* more than any topic has */

void whatif_read_init(struct whatif_read *r, const struct whatif_wanted *wanted) {
    *r = (struct whatif_read){.wanted = *wanted};
}

void whatif_read_release(struct whatif_read *r) {
    rate_change_release(&r->change);
    buf_release(&r->first);
    buf_release(&r->gaps);
    free(r->is_read);
}

/* --- rates --- */

bool whatif_take_rates(struct whatif_read *r, const struct rates *now, struct slice who,
                       struct err *e) {
    struct rates then = r->wanted.rates;
    if (r->has_begun)
        return rates_equal(&r->change.now, now) ||
               err_set(e, ERR_STOP,
                       "%s and %.*s compute with different rates; wait until all instances have "
                       "the same configuration, and ask again",
                       buf_cstr(&r->first), (int)who.n, who.p);
    if (!r->wanted.has_tiers) {
        memcpy(then.tiers, now->tiers, sizeof then.tiers);
        then.tier_count = now->tier_count;
    }
    if (!r->wanted.has_bonus)
        then.loan_bonus_milli = now->loan_bonus_milli;
    int32_t highest = rates_highest_milli(&then);
    if (highest > RATES_HIGHEST_MILLI)
        return err_set(e, ERR_CONFIG,
                       "with today's other rates the highest tier and the bonus of a loan make "
                       "%d.%03d, use at most 1.000",
                       (int)highest / 1000, (int)highest % 1000);
    rate_change_init(&r->change, now, &then);
    buf_set(&r->first, who);
    r->has_begun = true;
    return true;
}

/* --- partitions --- */

bool whatif_take_count(struct whatif_read *r, int32_t partitions, struct err *e) {
    if (r->partitions == 0)
        r->is_read = mem_calloc((size_t)partitions, sizeof *r->is_read);
    if (r->partitions != 0 && r->partitions != partitions)
        return err_set(e, ERR_STOP,
                       "instances have %d and %d partitions; check that all of them "
                       "have the same app.id",
                       r->partitions, partitions);
    r->partitions = partitions;
    return true;
}

bool whatif_take_partition(struct whatif_read *r, int32_t p, struct err *e) {
    if (r->is_read[p])
        return err_set(e, ERR_STOP,
                       "partition %d came from two instances, because partitions are moving; ask "
                       "again in a moment",
                       p);
    return r->is_read[p] = true;
}

/* "0-1,3" */
static bool take_partitions(struct whatif_read *r, const char *text, struct err *e) {
    while (*text != '\0') {
        char *end;
        long first = strtol(text, &end, 10), last = *end == '-' ? strtol(end + 1, &end, 10) : first;
        if (end == text || first < 0 || last < first || last >= r->partitions)
            return err_set(e, ERR_STOP, "the instance names partitions that there are not: %.100s",
                           text);
        for (long p = first; p <= last; p++)
            if (!whatif_take_partition(r, (int32_t)p, e))
                return false;
        text = *end == ',' ? end + 1 : end;
    }
    return true;
}

void whatif_put_partitions(const struct whatif_read *r, bool is_read, struct buf *out) {
    const char *before = "";
    for (int32_t p = 0; p < r->partitions; p++) {
        int32_t last = p;
        if (r->is_read[p] != is_read)
            continue;
        while (last + 1 < r->partitions && r->is_read[last + 1] == is_read)
            last++;
        buf_printf(out, last > p ? "%s%d to %d" : "%s%d", before, p, last);
        before = ", ";
        p = last;
    }
}

/* --- one instance --- */

struct reading {
    struct whatif_read *r;
    struct slice name;
    struct buf headers;
    bool has_headers;
};

/* "tiers=10000:0.01,*:0.02 loan.bonus=0.005" */
static bool read_rates(struct slice text, struct rates *rates, struct err *e) {
    static const char tiers[] = "tiers=", bonus[] = " loan.bonus=";
    const char *at = memmem(text.p, text.n, bonus, strlen(bonus));
    if (at == NULL || !slice_has_prefix(text, slice_str(tiers)))
        return err_set(e, ERR_STOP,
                       "the instance does not say its rates; check that it is "
                       "streamer, of this version or a newer one");
    const char *from = text.p + strlen(tiers), *rate = at + strlen(bonus);
    return rates_parse_tiers(rates, slice_of(from, (size_t)(at - from)), e) &&
           rates_parse_rate(slice_of(rate, (size_t)(text.p + text.n - rate)),
                            &rates->loan_bonus_milli, e);
}

static bool take_headers(struct reading *x, struct err *e) {
    struct rates now = {0};
    struct buf text = {0};
    if (x->has_headers)
        return true;
    x->has_headers = true;
    buf_set(&text, http_fetch_header(&x->headers, "X-Streamer-Partition-Count"));
    int64_t count = 0;
    bool is_count = decimal_parse_integer(buf_slice(&text), &count) == DECIMAL_OK && count > 0 &&
                    count <= PARTITIONS_MAX;
    buf_set(&text, http_fetch_header(&x->headers, "X-Streamer-Partitions"));
    bool ok = read_rates(http_fetch_header(&x->headers, "X-Streamer-Rates"), &now, e) &&
              (is_count || err_set(e, ERR_STOP, "the instance does not say its partitions")) &&
              whatif_take_count(x->r, (int32_t)count, e) &&
              take_partitions(x->r, buf_cstr(&text), e) &&
              whatif_take_rates(x->r, &now, x->name, e);
    buf_release(&text);
    return ok;
}

static bool see_row(void *context, struct slice key, const void *row, struct err *e) {
    (void)key;
    struct reading *x = context;
    if (!take_headers(x, e))
        return false;
    rate_change_add(&x->r->change, row);
    return true;
}

static bool read_instance(struct whatif_read *r, const struct config *c, const struct instance *own,
                          const char *url, struct err *e) {
    struct reading x = {.r = r, .name = slice_str(url)};
    const struct result_instance asked = {.patience_ms = RESULT_INSTANCE_PATIENCE_MS,
                                          .url = url,
                                          .token = own->token,
                                          .authorities = c->http_tls_ca,
                                          .headers = &x.headers};
    bool ok =
        result_instance_read(&asked, ROW_ACCOUNT_WITH_CUSTOMER, interrupt_flag(), see_row, &x, e) &&
        take_headers(&x, e); /* where there is no row */
    r->instances++;
    buf_release(&x.headers);
    return ok;
}

/* --- all instances --- */

static void put_gap(struct whatif_read *r, const cJSON *instance) {
    struct slice why = json_text(json_member(instance, "error"));
    instance_put_name(instance, &r->gaps);
    buf_printf(&r->gaps, ": %.*s\n", (int)why.n, why.p);
}

static bool read_one(struct whatif_read *r, const struct config *c, const struct instance *own,
                     const cJSON *instance, struct err *e) {
    struct buf url = {0};
    if (!instance_is_reached(instance)) {
        put_gap(r, instance);
        return true;
    }
    if (cJSON_GetArraySize(json_member(instance, "partitions")) == 0)
        return true;
    bool is_self = cJSON_IsTrue(json_member(instance, "self"));
    buf_set(&url, is_self ? buf_slice(&own->url) : json_text(json_member(instance, "url")));
    bool ok = read_instance(r, c, own, buf_cstr(&url), e);
    buf_release(&url);
    return ok;
}

/* Partitions can have moved since the instances were listed. */
static void put_missing(struct whatif_read *r) {
    struct buf missing = {0};
    whatif_put_partitions(r, false, &missing);
    if (r->gaps.n == 0 && missing.n > 0)
        buf_printf(&r->gaps, "partitions %s: no instance has sent them\n", buf_cstr(&missing));
    buf_release(&missing);
}

static bool read_all(struct whatif_read *r, const struct config *c, const struct instance *own,
                     const struct instances *all, struct err *e) {
    const cJSON *instance;
    cJSON_ArrayForEach(instance, all->list) {
        if (!read_one(r, c, own, instance, e))
            return false;
    }
    put_missing(r);
    return r->has_begun || err_set(e, ERR_STOP, "no instance has sent rows: %.*s",
                                   (int)slice_trim(buf_slice(&r->gaps)).n, r->gaps.p);
}

bool whatif_read_instances(struct whatif_read *r, const struct config *c, const char *url,
                           struct err *e) {
    struct instance own;
    struct instances all;
    struct buf body = {0};
    if (!instance_find(&own, c, url, e))
        return false;
    bool ok = instance_ask(c, url, "/v1/status?all=true", &body, e) &&
              instances_read(&all, buf_slice(&body), e);
    if (ok) {
        ok = read_all(r, c, &own, &all, e);
        instances_release(&all);
    }
    buf_release(&body);
    instance_release(&own);
    return ok;
}
