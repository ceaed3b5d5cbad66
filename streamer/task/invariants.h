/* invariants: what must hold of every transaction, checked before it is committed, so that a
 * mistake of the program itself stops it instead of getting out. Pure functions. */
#ifndef STREAMER_TASK_INVARIANTS_H
#define STREAMER_TASK_INVARIANTS_H

#include "streamer/task/task.h"

enum invariant {
    /* Of each entity: consumed (input and repartition topics) = applied + unchanged + quarantined +
       forwarded. */
    INVARIANT_CONSERVATION,
    INVARIANT_OFFSETS, /* a committed offset never goes back, and is none that was not read */
    /* A task's counts fit each other: none is negative; current accounts are those in the index by
     * customer; no more of them have a joined row than there are; no more of those have a summary.
     */
    INVARIANT_ROWS,
    INVARIANT_COUNT
};
const char *invariant_name(enum invariant i);

/* False: `e` (ERR_STOP) says which figures disagree. */
bool invariant_conservation(const struct counts *c, struct err *e);
bool invariant_offset(int64_t committed_before, int64_t committed_now, int64_t next, struct err *e);
bool invariant_rows(const struct task_meta *m, struct err *e);

#endif
