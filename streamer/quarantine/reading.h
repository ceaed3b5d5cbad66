/* reading: reads the quarantine topic from its beginning to its end, once, with the marks of what
 * was replayed. */
#ifndef STREAMER_QUARANTINE_READING_H
#define STREAMER_QUARANTINE_READING_H

#include "streamer/quarantine/marks.h"
#include "streamer/quarantine/selection.h"

#include <stdatomic.h>

struct reading {
    const struct config *config;
    const struct selection *selection;
    const struct marks *marks; /* NULL: replayed_at_ms is always TIMESTAMP_NONE */
    const atomic_bool *stop;   /* NULL, or true ends the reading with ERR_STOP "interrupted" */
    quarantined_seen *seen;    /* for each record that the selection has */
    void *context;
};

struct reading_result {
    uint64_t seen;        /* records that the selection has */
    uint64_t foreign;     /* messages that this program has not written */
    int64_t oldest_at_ms; /* of all records in the topic, selected or not; TIMESTAMP_NONE: none */
};

/* Calls `seen` for one partition's records in their order; partitions come mixed. Memory does not
 * grow with the topic. */
bool reading_run(const struct reading *r, struct reading_result *result, struct err *e);

#endif
