/* invariants: conditions that every transaction must meet. They are checked before it is committed,
 * so that a mistake of the program stops it before wrong results get out. Pure. */
#ifndef STREAMER_TASK_INVARIANTS_H
#define STREAMER_TASK_INVARIANTS_H

#include "streamer/task/task.h"

enum invariant {
    /* For each entity: consumed (from input and repartition topics)
     * = applied + unchanged + quarantined + forwarded. */
    INVARIANT_CONSERVATION,
    /* A committed offset never decreases, and only offsets that were read are committed. */
    INVARIANT_OFFSETS,
    /* The counts of a task fit together: none is negative; there are as many current accounts as
     * entries in the index by customer, at most that many joined rows, and at most as many
     * summaries as joined rows. */
    INVARIANT_ROWS,
    INVARIANT_COUNT
};
const char *invariant_name(enum invariant i);

/* False: `e` (ERR_STOP) says which figures disagree. */
bool invariant_conservation(const struct counts *c, struct err *e);
bool invariant_offset(int64_t committed_before, int64_t committed_now, int64_t next, struct err *e);
bool invariant_rows(const struct task_meta *m, struct err *e);

#endif
