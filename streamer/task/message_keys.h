/* message_keys: which id a message of a result or internal topic is about, by its key (task.h,
 * task_history.h). Whoever looks for a few ids reads no more of the other messages. Pure. */
#ifndef STREAMER_TASK_MESSAGE_KEYS_H
#define STREAMER_TASK_MESSAGE_KEYS_H

#include "streamer/base/slice.h"
#include "streamer/layers/snapshots/timeline.h"
#include "streamer/model/event.h"

/* The parts of "<id>|<valid_from in epoch ms>". False: it is no such key. */
bool history_key_read(struct slice key, struct slice *id, int64_t *valid_from);
/* The parts of "<customer_id>|<account_id>". False: it is no such key. */
bool link_key_read(struct slice key, struct slice *customer_id, struct slice *account_id);

/* A key of the confirmations topic. */
enum confirmations_key {
    CONFIRMATIONS_OTHER, /* a floor, or what this program does not know */
    CONFIRMATIONS_MEMORY,
    CONFIRMATIONS_OF_ITS_OWN, /* a confirmation that has a message of its own */
};
/* Fills `entity` and `id`, and of CONFIRMATIONS_OF_ITS_OWN the time `at`, unless it is another
 * key. */
enum confirmations_key confirmations_key_read(struct slice key, enum entity *entity,
                                              struct slice *id, int64_t *at);
/* The newest confirmation that the value of such a message tells, which is no tombstone; `at` is
 * that of its key. newest->at is TIMESTAMP_NONE if it tells none. `line` is overwritten. False: it
 * was not written by this program. */
bool confirmations_value_read(enum confirmations_key kind, int64_t at, struct slice value,
                              struct timeline *line, struct confirmation *newest);

#endif
