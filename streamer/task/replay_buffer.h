/* pending: committed messages that a catch-up has read and not replayed yet. Of those of a topic
 * with the same key only the last one counts: what log compaction may do at any time, done early.
 * So each row is read and written once for many messages. One thread. */
#ifndef STREAMER_TASK_REPLAY_BUFFER_H
#define STREAMER_TASK_REPLAY_BUFFER_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"
#include "streamer/model/sink.h"
#include "streamer/model/topic.h"

#include <stdint.h>

struct replay_message {
    size_t at; /* in `bytes`: the key, then the value, then its headers */
    uint32_t key_n, value_n, position_n, origin_n;
    uint32_t hash;
    uint8_t topic;
    bool has_key, has_value;
    bool ahead;    /* for task_replay_ahead */
    bool replaced; /* a later one counts */
};

/* Zero-initialized is valid and empty. */
struct replay_buffer {
    struct buf bytes;
    struct replay_message *messages; /* in the order in which they came */
    size_t count, cap;
    uint32_t *slots; /* open addressing: 1 + the index of the last message of a key; 0: free */
    unsigned slot_bits;
};
void replay_buffer_release(struct replay_buffer *s);
void replay_buffer_clear(struct replay_buffer *s); /* keeps memory */

/* Copies the message; replaces one with the same topic, key and `ahead`. */
void replay_buffer_put(struct replay_buffer *s, enum topic topic, bool ahead, struct slice key,
                       struct slice value, struct history_headers headers);

/* Of what it holds, replaced messages included. */
static inline size_t replay_buffer_bytes(const struct replay_buffer *s) {
    return s->bytes.n + s->count * sizeof *s->messages;
}
/* Good until the next replay_buffer_put. */
struct slice replay_buffer_key(const struct replay_buffer *s, size_t i);   /* p == NULL: null */
struct slice replay_buffer_value(const struct replay_buffer *s, size_t i); /* p == NULL: null */
struct history_headers replay_buffer_headers(const struct replay_buffer *s, size_t i);

#endif
