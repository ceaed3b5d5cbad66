/* sender: the transactional producer of a command, which sends whole messages to any topics. One
 * thread.
 *
 * A new sender fences every other one with the same transactional id: its calls fail with
 * ERR_FENCED. It also ends what another one has left open. After a call that failed, a sender can
 * only be freed (producer.h says why no transaction is aborted). */
#ifndef STREAMER_KAFKA_SENDER_H
#define STREAMER_KAFKA_SENDER_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/model/sink.h"

#include <stdbool.h>
#include <stdint.h>

struct sender;

struct sender_message {
    const char *topic;
    int32_t partition;
    struct slice key, value;           /* p == NULL: null */
    int64_t timestamp_ms;              /* 0: now */
    const struct sink_header *headers; /* of a value p == NULL is null */
    size_t header_count;
};

/* `c` is borrowed. NULL with an error. */
struct sender *sender_new(const struct config *c, const char *transactional_id, struct err *e);
void sender_free(struct sender *s); /* NULL is allowed */

bool sender_begin(struct sender *s, struct err *e);
/* Copies the message. An error of its delivery fails the commit. */
bool sender_send(struct sender *s, const struct sender_message *m, struct err *e);
/* True: certainly committed. False: not committed, unless sender_is_doubtful. */
bool sender_commit(struct sender *s, struct err *e);
/* Whether it is unknown if the last transaction was committed. */
bool sender_is_doubtful(const struct sender *s);
/* The offset of the message that was delivered last. */
int64_t sender_offset(const struct sender *s);

#endif
