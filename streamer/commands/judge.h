/* judge: says of one record what the processor would make of it, by the processor's own code, but
 * without a broker or a state. What depends on the records before it is not judged: whether it is
 * too late, a repeat, or ends a row that is current, and what a column was that the database did
 * not log. One thread. */
#ifndef STREAMER_COMMANDS_JUDGE_H
#define STREAMER_COMMANDS_JUDGE_H

#include "streamer/config/config.h"
#include "streamer/model/event.h"

struct judge;

/* `now_ms` counts as the Kafka timestamp of all records. `config` is borrowed. Its schemas are
 * those of schemas.dir alone, or NULL. */
struct judge *judge_new(const struct config *config, enum entity entity, int64_t now_ms);
void judge_free(struct judge *j); /* NULL is allowed */

struct judgement {
    bool is_rejected;          /* it would be quarantined for `why` */
    const struct reason *why;  /* the judge's */
    const struct event *event; /* what it is, if it is accepted; the judge's */
    int64_t at_ms;             /* when the event was, by what the record says */
};

/* p == NULL: the key or the value is null. What the result points to is good until the next
 * call. */
struct judgement judge_record(struct judge *j, struct slice key, struct slice value);
/* The same for a value that is too large and was not kept; it has `n` bytes. */
struct judgement judge_large_record(struct judge *j, size_t n);

/* What was judged so far. */
struct judge_counts {
    uint64_t rows;
    uint64_t rejected[REASON_COUNT]; /* by enum reason_code */
    /* Of the accepted rows: */
    uint64_t timed;       /* have a time of their own, by which they may be too late */
    uint64_t untimed;     /* have none, so that the Kafka timestamp counts */
    uint64_t unavailable; /* lack a column that the database did not log */
    uint64_t tombstones;
};
const struct judge_counts *judge_counts(const struct judge *j);
uint64_t judge_rejected_rows(const struct judge_counts *c);

#endif
