/* whatif_read: reads all joined rows for `whatif` from the running instances, into what other rates
 * would change. whatif_state.h does so from a state directory. */
#ifndef STREAMER_COMMANDS_WHATIF_READ_H
#define STREAMER_COMMANDS_WHATIF_READ_H

#include "streamer/config/config.h"
#include "streamer/layers/marts/rate_change.h"

#include <stdbool.h>
#include <stdint.h>

/* The other rates: what was given replaces that part of today's. */
struct whatif_wanted {
    bool has_tiers, has_bonus;
    struct rates rates; /* the parts that were not given have no meaning */
};

/* What was read. */
struct whatif_read {
    struct whatif_wanted wanted;
    struct rate_change change; /* `now`: as whoever computes the marts says */
    bool has_begun;            /* `change` has its rates */
    struct buf first;          /* who said today's rates: "http://a:9464", a directory */
    int32_t partitions;        /* of the result topics, over all instances; 0: not known */
    bool *is_read;             /* by partition; owned */
    int64_t instances;         /* that were read; 0: a directory was */
    char app_id[256];          /* of a directory; else "" */
    int64_t committed_ms;      /* of a directory: the oldest last commit of a partition; else 0 */
    struct buf gaps;           /* lines: what was not read, and why. Empty: all was read */
};
void whatif_read_init(struct whatif_read *r, const struct whatif_wanted *wanted);
void whatif_read_release(struct whatif_read *r);

/* Asks the instance at `url` (NULL: that of the configuration) for all instances, and each of them
 * for its rows. True: what could not be reached is in r->gaps. False with `e`: there is no answer;
 * an instance broke off, so that its rows are counted in part; or the instances contradict each
 * other. */
bool whatif_read_instances(struct whatif_read *r, const struct config *c, const char *url,
                           struct err *e);
/* Appends the partitions that were read, or those that were not: "0 to 3, 7". */
void whatif_put_partitions(const struct whatif_read *r, bool is_read, struct buf *out);

/* --- parts of it --- */

/* Each takes what a source says, and fails with `e` if that contradicts what came before: how many
 * partitions there are in all; that it has sent one; with which rates it computes. */
bool whatif_take_count(struct whatif_read *r, int32_t partitions, struct err *e);
bool whatif_take_partition(struct whatif_read *r, int32_t p, struct err *e);
bool whatif_take_rates(struct whatif_read *r, const struct rates *now, struct slice who,
                       struct err *e);

#endif
