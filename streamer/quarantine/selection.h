/* selection: which records of the quarantine a command is about. */
#ifndef STREAMER_QUARANTINE_SELECTION_H
#define STREAMER_QUARANTINE_SELECTION_H

#include "streamer/quarantine/quarantined.h"

/* Texts as the options of the command line give them, borrowed; NULL: not given. A record must
 * match all that are given. */
struct selection_options {
    const char *code;  /* "invalid_balance" */
    const char *topic; /* the name of an input topic */
    const char *id;    /* as quarantine.id has it */
    const char *since; /* a time: quarantined then or later */
    const char *until; /* a time: quarantined before it */
    const char *at;    /* PARTITION:OFFSET in the input */
};

struct selection {
    const char *code, *topic, *id;
    int64_t since_ms, until_ms; /* TIMESTAMP_NONE: not given */
    int32_t partition;          /* of the input; -1: any */
    int64_t offset;
};

/* Checks the options. False with ERR_CONFIG: the error names the option and, of a code or a topic,
 * the nearest one. */
bool selection_init(struct selection *s, const struct config *c, const struct selection_options *o,
                    struct err *e);
bool selection_has(const struct selection *s, const struct quarantined *q);

#endif
