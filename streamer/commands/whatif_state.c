#include "streamer/commands/whatif_state.h"

#include "state/rocksdb/peek.h"
#include "streamer/base/timestamp.h"
#include "streamer/commands/interrupt.h"
#include "streamer/service/state_dir.h"
#include "streamer/task/table_scan.h"
#include "streamer/task/task.h"

#include <stdio.h>

#define ROWS_PER_LOOK 1000 /* between two looks at whether the user wants to stop */

struct state_reading {
    struct whatif_read *r;
    const struct rates *now;
    const char *dir;
    struct kv *kv;
    int64_t rows;
};

/* What the state says of the partition's task. False: it has none, or `e`. */
static bool load_meta(const struct state_reading *x, int32_t partition, struct task_meta *meta,
                      bool *is_of_rates) {
    struct task_env env = {.kv = x->kv, .rates = x->now};
    struct task t;
    task_init(&t, partition);
    task_load_meta(&env, &t);
    *meta = t.meta;
    *is_of_rates = !task_needs_refresh(&env, &t);
    task_release(&t);
    task_env_release(&env);
    return !kv_failed(x->kv) && meta->committed_ms > 0;
}

static bool refuse_rates(const struct state_reading *x, int32_t partition, struct err *e) {
    struct buf tiers = {0};
    rates_put_tiers(x->now, &tiers);
    (void)err_set(
        e, ERR_CONFIG,
        "%s: the marts of partition %d were computed with other rates than the "
        "configuration has (rates.tiers=%s); give the configuration that it ran with (-c)",
        x->dir, partition, buf_cstr(&tiers));
    buf_release(&tiers);
    return false;
}

static bool add_rows(struct state_reading *x, int32_t partition, struct err *e) {
    struct table_scan s;
    bool stopped = false;
    table_scan_init(&s, x->kv, partition, &account_with_customer_type, TIMESTAMP_NONE);
    while (!stopped && table_scan_next(&s)) {
        if (s.row != NULL)
            rate_change_add(&x->r->change, s.row);
        stopped = ++x->rows % ROWS_PER_LOOK == 0 && atomic_load(interrupt_flag());
    }
    table_scan_release(&s);
    return !stopped || err_set(e, ERR_STOP, "interrupted");
}

static bool read_partition(struct state_reading *x, int32_t partition, struct err *e) {
    struct task_meta meta;
    bool is_of_rates;
    if (!load_meta(x, partition, &meta, &is_of_rates))
        return true;
    if (!is_of_rates)
        return refuse_rates(x, partition, e);
    if (x->r->committed_ms == 0 || meta.committed_ms < x->r->committed_ms)
        x->r->committed_ms = meta.committed_ms;
    return whatif_take_partition(x->r, partition, e) && add_rows(x, partition, e);
}

static bool read_store(struct state_reading *x, const struct state_at_rest *state, struct err *e) {
    bool ok = true;
    x->kv = store_reader_new(state->store);
    for (int32_t p = 0; p < state->partitions && ok; p++)
        ok = read_partition(x, p, e);
    if (ok && kv_failed(x->kv)) {
        *e = x->kv->err;
        ok = false;
    }
    store_reader_free(x->kv);
    return ok;
}

/* The state of other instances lies elsewhere. */
static void put_missing(struct whatif_read *r) {
    struct buf missing = {0};
    whatif_put_partitions(r, false, &missing);
    if (missing.n > 0)
        buf_printf(&r->gaps, "partitions %s: their state is not in the directory\n",
                   buf_cstr(&missing));
    buf_release(&missing);
}

static bool is_at_rest(const char *dir, struct err *e) {
    return peek_is_unused(dir, e) ||
           err_set(e, ERR_CONFIG,
                   "--state %s: in use by another process; leave --state out, so that the running "
                   "instances are asked",
                   dir);
}

bool whatif_read_state(struct whatif_read *r, const struct rates *now, const char *dir,
                       struct err *e) {
    struct state_reading x = {.r = r, .now = now, .dir = dir};
    struct state_at_rest state;
    if (!is_at_rest(dir, e) || !state_dir_open_to_read(dir, &state, e))
        return false;
    (void)snprintf(r->app_id, sizeof r->app_id, "%s", state.app_id);
    bool ok = whatif_take_count(r, state.partitions, e) &&
              whatif_take_rates(r, now, slice_str(dir), e) && read_store(&x, &state, e);
    store_close(state.store);
    /* A process that has begun meanwhile may have removed what was to be read. */
    ok = ok && is_at_rest(dir, e);
    if (ok)
        put_missing(r);
    return ok;
}
