/* look: looks at one customer or account as a snapshot of the state has it, with all that the
 * checks compare it with: its ref, its customer, its links, in this and in other partitions of this
 * process. A scan looks at each id (pass.h); what was found in doubt is looked at again
 * (doubts.h). One thread. */
#ifndef STREAMER_QUALITY_LOOK_H
#define STREAMER_QUALITY_LOOK_H

#include "state/kv.h"
#include "streamer/base/buf.h"
#include "streamer/quality/checks.h"

#include <stdbool.h>
#include <stdint.h>

/* What something was found of. */
struct subject {
    enum entity entity;
    int32_t partition;
    struct slice id; /* account_id, or customer_id as decimal text; empty: the partition itself */
    /* Where the current versions of the account and of its customer start, as far as they are known
     * and there: they tell two finds with the same values apart. */
    int64_t account_from, customer_from;
    struct slice account_id; /* of a customer's link: the account that it names; else empty */
};

/* Gets what is found. The texts are borrowed (checks.h). */
typedef void look_found(void *context, const struct subject *of, enum check_id check,
                        const char *what, const char *expected, const char *found);

/* Borrowed, and the same while the look lives. */
struct look_options {
    const bool *is_here; /* by partition: this process has it, and has restored it */
    int32_t partitions;
    const struct rates *rates;
    int64_t orphan_after_ms;
    int64_t read_until_ms; /* since 1970 (caught_up.h) */
    look_found *found;
    /* Of a pass: called after about every 100 rows with how many were read since, to set the pace.
     * False: the look must end. */
    bool (*pause)(void *context, int64_t reads);
    void *context; /* of both */
};

/* Finding a row by its key counts as so many rows that are read one after the other. It costs more,
 * and so a pass over a million accounts uses 4 % of a core instead of 6 %
 * (`build/release/tests/cycle json 1000000 200000`). */
#define LOOK_READS_BY_KEY 2

struct look {
    struct judge judge; /* first */
    struct kv *kv;      /* a snapshot of the state; borrowed */
    const struct look_options *o;
    struct subject subject;
    int64_t reads, paused_reads; /* rows that were read so far, and before the last pause */
    bool must_end;               /* the pause has said so, or the state cannot be read */
    bool has_marks;              /* the partition has marks of a restore (task_replay_ahead) */
    /* Scratch. */
    struct kv_cursor *links; /* NULL until links of a customer are read that lie outside its row */
    struct account_row account, other_account;
    struct customer_row customer, other_customer;
    struct totals sums;
    struct buf id, key, value, other_value, ref_value, link_value;
};
void look_init(struct look *l, struct kv *kv, const struct look_options *o);
void look_release(struct look *l);
/* Pauses if it is time. False: the look must end, or the state cannot be read. Call it often. */
bool look_goes_on(struct look *l);

/* Read the stored value of an id's row into l->account or l->customer, whose slices then point into
 * `value` and `id`. False: it cannot be read; that was found. */
bool look_read_account(struct look *l, int32_t partition, struct slice id, struct slice value);
bool look_read_customer(struct look *l, int32_t partition, int64_t customer_id, struct slice value);
/* Look at the row that was read, with all that belongs to it; not all of it if the look must end.
 * `history` is the end of its closed
 * versions; it does not `exist` where nobody has read them. */
void look_at_account(struct look *l, int32_t partition, struct slice id,
                     const struct history_end *history);
void look_at_customer(struct look *l, int32_t partition, int64_t customer_id,
                      const struct history_end *history);
/* The partition of a customer's task. */
int32_t look_partition_of_customer(const struct look *l, int64_t customer_id);

/* Looks at a version; `attributes` of both versions must be good during the call. */
void look_at_version(struct look *l, const struct subject *of, const struct version *v,
                     const struct version *before, int64_t current_from, bool has_row);
/* Look at an account, or at one link of a customer, if it is there. */
void look_for_account(struct look *l, int32_t partition, struct slice id);
void look_for_link(struct look *l, int32_t partition, int64_t customer_id, struct slice account_id);

#endif
