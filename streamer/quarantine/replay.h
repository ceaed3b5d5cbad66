/* replay: puts quarantined records back into the input, each at most once. */
#ifndef STREAMER_QUARANTINE_REPLAY_H
#define STREAMER_QUARANTINE_REPLAY_H

#include "streamer/quarantine/selection.h"

#include <stdatomic.h>

/* What is sent for one quarantined record. Good until the next one. */
struct replay_record {
    const struct quarantined *from;
    enum topic topic; /* an input topic */
    int32_t partition;
    struct slice key, value; /* the value as received, or repaired; p == NULL: null */
    int64_t timestamp_ms;
    /* Those of the record, then QUARANTINE_REPLAYS_HEADER and QUARANTINE_REPLAYED_AT_HEADER. */
    const struct sink_header *headers;
    size_t header_count;
};

/* Called for each record that would be sent. False with `e` stops the replay. */
typedef bool replay_offer(void *context, const struct replay_record *r, struct err *e);

struct replay_options {
    const struct selection *selection;
    const char *const *fields; /* "name=value": repairs the value by these */
    size_t field_count;
    const atomic_bool *stop; /* NULL: nothing interrupts */
};

/* Why records of the selection are not sent. */
#define REPLAY_SAMPLES_MAX 10
struct replay_refusals {
    uint64_t replayed_before;
    uint64_t refused;                      /* for other reasons */
    char samples[REPLAY_SAMPLES_MAX][512]; /* "customers/0@17: …", of the first ten */
};

/* Offers what replay_run would send, without a fence, and sends nothing. */
bool replay_plan(const struct config *c, const struct replay_options *o, replay_offer *offer,
                 void *context, struct replay_refusals *refusals, struct err *e);

/* Fences all other replays of this app.id, and sends. *sent counts what is certainly committed,
 * whatever the result is. ERR_FENCED: another replay has begun meanwhile. */
bool replay_run(const struct config *c, const struct replay_options *o, uint64_t *sent,
                struct replay_refusals *refusals, struct err *e);

#endif
