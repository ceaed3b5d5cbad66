/* outgoing: a copy of what is sent for one record, to hold a batch of records. */
#ifndef STREAMER_QUARANTINE_OUTGOING_H
#define STREAMER_QUARANTINE_OUTGOING_H

#include "streamer/kafka/sender.h"
#include "streamer/quarantine/quarantined.h"

struct outgoing {
    struct sender_message message; /* of which all but the topic's name is in `bytes` */
    struct slice mark;
    size_t size; /* of the allocation */
};

/* Copies the message and the mark into one allocation, which the caller frees with free(). */
struct outgoing *outgoing_new(const struct sender_message *m, struct slice mark);

#endif
