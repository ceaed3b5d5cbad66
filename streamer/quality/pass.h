/* pass: looks at all rows of one partition in a snapshot of the state: every account and customer
 * with its versions, every link, ref and index row; and counts them. Accounts and customers are
 * read in the order of their keys, beside the versions, which have the same order. One thread. */
#ifndef STREAMER_QUALITY_PASS_H
#define STREAMER_QUALITY_PASS_H

#include "streamer/quality/look.h"
#include "streamer/task/task.h"

#include <stdbool.h>
#include <stdint.h>

/* What a pass has counted. */
struct pass_counts {
    int64_t rows[FAMILY_COUNT];
    int64_t current_accounts, joined_accounts, summaries, links_outside;
    int64_t outdated[ENTITY_COUNT];
    int64_t versions; /* closed ones and current ones */
    /* Sums over hashes of (customer_id, account_id): of current accounts, and of the index. */
    uint64_t accounts_hash, index_hash;
};

struct pass {
    struct look *look; /* borrowed; its pause sets the pace */
    struct pass_counts counts;
};

/* Looks at the partition. `meta` is what the snapshot says of its task. False: it was told to end,
 * or the state cannot be read (then look->kv has the error). */
bool pass_partition(struct pass *p, int32_t partition, const struct task_meta *meta);

#endif
