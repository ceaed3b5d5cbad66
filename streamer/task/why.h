/* why: which input records made a current row, with which rates, and when. Reads the state of one
 * task, and changes nothing. */
#ifndef STREAMER_TASK_WHY_H
#define STREAMER_TASK_WHY_H

#include "streamer/task/task.h"

#include <stdbool.h>
#include <stdint.h>

enum why_table {
    WHY_CUSTOMERS,
    WHY_ACCOUNTS,
    WHY_ACCOUNT_WITH_CUSTOMER,
    WHY_ACCOUNT_SUMMARY,
    WHY_CUSTOMER_PROFILE,
    WHY_TABLE_COUNT
};

enum why_known {
    WHY_NOT_USED, /* the row is not made of it */
    /* Version 0.2 or output.headers=none wrote the row; or a late record has split the version off,
     * so that the record that opened it is no longer known; or a change is under way that the row
     * does not show yet, or may not. */
    WHY_UNKNOWN,
    WHY_KNOWN
};

/* An input record. What follows `known` is only set if it is known. */
struct why_record {
    enum why_known known;
    int64_t partition, offset; /* in the input topic of the entity */
    int64_t event_at;          /* the time that the record counts as, epoch ms */
    int64_t loaded_at;         /* its Kafka timestamp, epoch ms */
};

struct why {
    struct why_record account, customer;
    enum why_known rates;  /* known: env->rates */
    int64_t calculated_at; /* of a row of a mart, epoch ms; else TIMESTAMP_NONE */
};

/* Each table's name in HTTP's paths and the entity of its ids. */
const char *why_table_name(enum why_table table);
enum entity why_table_entity(enum why_table table);

/* Fills `why` for a row. The id of a customer is its decimal text. False: there is no such row, or
 * an error (sticky in env->kv). `t` is a task as task_init leaves it; of `env` only kv, rates and
 * scratch memory are used. */
bool why_read(struct task_env *env, struct task *t, enum why_table table, struct slice id,
              struct why *why);

#endif
