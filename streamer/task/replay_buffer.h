/* replay_buffer: messages that a catch-up has read and not replayed yet. Only the newest message of
 * each key of a topic is kept, as log compaction would do. So a row of the state is read and
 * written once for many messages. It belongs to one thread. */
#ifndef STREAMER_TASK_REPLAY_BUFFER_H
#define STREAMER_TASK_REPLAY_BUFFER_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"
#include "streamer/model/sink.h"
#include "streamer/model/topic.h"

#include <stdint.h>

struct replay_message {
    size_t at; /* where it begins in `bytes`: key | value | the three headers of a history row */
    uint32_t key_n, value_n, position_n, origin_n, split_n;
    uint32_t hash;
    uint8_t topic;
    bool has_key, has_value;
    bool ahead;    /* for task_replay_ahead, not for task_replay */
    bool replaced; /* a newer message of its key has come: to be skipped */
};

/* Zero-initialized is valid and empty. */
struct replay_buffer {
    struct buf bytes;
    struct replay_message *messages; /* in the order in which they came */
    size_t count, cap;
    /* A hash table by topic, key and `ahead`, with open addressing: 1 + the index of the newest
     * message; 0: free. It has 2^slot_bits slots. */
    uint32_t *slots;
    unsigned slot_bits;
};
void replay_buffer_release(struct replay_buffer *s);
void replay_buffer_clear(struct replay_buffer *s); /* empties it and keeps its memory */

/* Adds a copy of the message, which replaces one with the same topic, key and `ahead`. */
void replay_buffer_put(struct replay_buffer *s, enum topic topic, bool ahead, struct slice key,
                       struct slice value, struct history_headers headers);

/* How much memory the messages take, replaced ones included. */
static inline size_t replay_buffer_bytes(const struct replay_buffer *s) {
    return s->bytes.n + s->count * sizeof *s->messages;
}
/* The parts of message `i`. The slices are good until the next replay_buffer_put. */
struct slice replay_buffer_key(const struct replay_buffer *s, size_t i);   /* p == NULL: null */
struct slice replay_buffer_value(const struct replay_buffer *s, size_t i); /* p == NULL: null */
struct history_headers replay_buffer_headers(const struct replay_buffer *s, size_t i);

#endif
