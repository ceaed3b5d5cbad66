/* history_ids: reads from the history topic of an entity which ids are current, and which have
 * changed after that. */
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

#endif
