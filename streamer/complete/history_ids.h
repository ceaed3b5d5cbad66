/* history_ids: reads from the topics of the results which ids of an entity are current, which have
 * changed after that, and which were confirmed by events that changed nothing. */
#ifndef STREAMER_COMPLETE_HISTORY_IDS_H
#define STREAMER_COMPLETE_HISTORY_IDS_H

#include "streamer/complete/vanished.h"
#include "streamer/config/config.h"
#include "streamer/export/result_reader.h"

struct history_ids {
    const struct config *config;
    enum entity entity;
    const struct result_instance *instance; /* where there is only an embedded broker; borrowed */
    const atomic_bool *stop;
    struct vanished *vanished; /* what is read goes there; borrowed */
    /* Called now and then: how much of how much was read, in offsets; total 0: it is not known. */
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *progress_context;
};

/* Notes the ids that are current in what is committed now, up to the end of each partition. The
 * caller releases `positions` if it succeeds; from an instance they have no partitions. False with
 * `e`: as result_read. */
bool history_ids_read(const struct history_ids *h, struct topic_positions *positions,
                      struct err *e);
/* Notes the ids that have changed since: those with a message behind `positions`. */
bool history_ids_read_changes(const struct history_ids *h, const struct topic_positions *positions,
                              struct err *e);
/* Notes the ids that events after that time have confirmed. Those are not in the history. The
 * embedded broker tells only the newest ones. False with `e`: as topic_read, or ERR_STOP: a message
 * was not written by this program. */
bool history_ids_read_confirmations(const struct history_ids *h, int64_t after_ms, struct err *e);

#endif
