/* state_dir: opens the state directory. State is a cache of the topics: what another version,
 * application or number of partitions left there, or what is damaged, is set aside and rebuilt from
 * them. */
#ifndef STREAMER_SERVICE_STATE_DIR_H
#define STREAMER_SERVICE_STATE_DIR_H

#include "state/rocksdb/store.h"
#include "streamer/config/config.h"

/* What is to be known before a start, without changing anything: one line into `what`. False with
 * ERR_CONFIG if a start cannot use the directory, or finds another application's state there. */
bool state_dir_check(const struct config *config, struct buf *what, struct err *e);
/* Makes the directory, with the folders above it. False with ERR_CONFIG if it cannot be used. */
bool state_dir_prepare(const struct config *config, struct err *e);

/* NULL with `e`. The caller closes it. now_ms: epoch, for the name of what is set aside. */
struct store *state_dir_open(const struct config *config, int32_t partitions, int64_t now_ms,
                             struct err *e);

#endif
