/* rejects: the newest quarantined records, as samples for people. A ring of fixed size. */
#ifndef STREAMER_TASK_REJECTS_H
#define STREAMER_TASK_REJECTS_H

#include "streamer/model/event.h"

#include <stdint.h>

#define REJECTS_MAX 10

/* The texts are cut to what fits, and are valid UTF-8. */
struct reject {
    int64_t at_ms; /* since 1970: when it was quarantined */
    enum entity entity;
    int32_t partition; /* of the input topic, as the record's producer put it */
    int64_t offset;
    enum reason_code code;
    char reason[256];
    char id[128]; /* "": the id could not be read */
};

/* Zero-initialized is empty. */
struct rejects {
    struct reject list[REJECTS_MAX];
    int next;  /* the place of the next one */
    int count; /* how many there are */
};

void rejects_clear(struct rejects *r);
/* Adds a record, whose texts are set from these. The oldest one may go. */
void rejects_add(struct rejects *r, const struct reject *what, struct slice reason,
                 struct slice id);
/* Adds all of `from`, oldest first. */
void rejects_append(struct rejects *to, const struct rejects *from);
/* Adds those of `from` that are among the newest of both, by time. Each of the two is in the order
 * of time. */
void rejects_merge(struct rejects *to, const struct rejects *from);
/* The i-th newest, from 0 to count - 1. */
const struct reject *rejects_newest(const struct rejects *r, int i);

#endif
