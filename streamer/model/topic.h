/* topic: every topic that the processor knows, and what they are to it. */
#ifndef STREAMER_MODEL_TOPIC_H
#define STREAMER_MODEL_TOPIC_H

#include <stdbool.h>

/* Every topic that the processor knows. The names of the first block come from `topic.*`; those of
 * the internal ones are "<app.id>-<suffix>". */
enum topic {
    TOPIC_CUSTOMERS, /* input */
    TOPIC_ACCOUNTS,  /* input */
    TOPIC_CUSTOMER_HISTORY,
    TOPIC_ACCOUNT_HISTORY,
    TOPIC_ACCOUNT_WITH_CUSTOMER,
    TOPIC_ACCOUNT_SUMMARY,
    TOPIC_CUSTOMER_PROFILE,
    TOPIC_QUARANTINE,
    TOPIC_REPARTITION_CUSTOMERS, /* internal from here on; in: */
    TOPIC_REPARTITION_ACCOUNTS,
    TOPIC_ACCOUNT_LINKS,
    TOPIC_CUSTOMER_REFS,
    TOPIC_CONFIRMATIONS, /* not an input */
    TOPIC_COUNT
};

bool topic_is_input(enum topic t);  /* the two inputs: what is in them is the user's business */
bool topic_is_result(enum topic t); /* what others read; the quarantine, too */
bool topic_is_repartition(enum topic t); /* records on their way to the task that owns their id */
bool topic_is_consumed(enum topic t); /* the two inputs, the repartition topics, links and refs */
/* What the state of a task is rebuilt from; compacted. The others but the users' delete by age or
 * on demand.
 */
bool topic_is_replayed(enum topic t);

#endif
