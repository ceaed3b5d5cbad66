/* topic: every topic that the processor uses, and what it uses each for. */
#ifndef STREAMER_MODEL_TOPIC_H
#define STREAMER_MODEL_TOPIC_H

#include <stdbool.h>

/* The settings `topic.*` name the first block. Internal topics are called "<app.id>-<suffix>". */
enum topic {
    TOPIC_CUSTOMERS, /* input */
    TOPIC_ACCOUNTS,  /* input */
    TOPIC_CUSTOMER_HISTORY,
    TOPIC_ACCOUNT_HISTORY,
    TOPIC_ACCOUNT_WITH_CUSTOMER,
    TOPIC_ACCOUNT_SUMMARY,
    TOPIC_CUSTOMER_PROFILE,
    TOPIC_QUARANTINE,
    TOPIC_REPARTITION_CUSTOMERS, /* from here on internal; this and the next three are consumed */
    TOPIC_REPARTITION_ACCOUNTS,
    TOPIC_ACCOUNT_LINKS,
    TOPIC_CUSTOMER_REFS,
    TOPIC_CONFIRMATIONS, /* internal, not consumed */
    TOPIC_COUNT
};

bool topic_is_input(enum topic t);       /* customers and accounts, which the user fills */
bool topic_is_result(enum topic t);      /* topics that others read, the quarantine included */
bool topic_is_repartition(enum topic t); /* records on their way to the task that owns their id */
bool topic_is_consumed(enum topic t);    /* the inputs, the repartition topics, links and refs */
/* Whether a task's state is rebuilt from the topic. Such a topic is compacted; the other topics of
 * the processor delete by age or on demand. */
bool topic_is_replayed(enum topic t);

#endif
