/* instance_id: the name under which this instance writes transactions. It stays the same over
 * restarts, so that a transaction which the process before left open is ended at once; each state
 * directory has another one. */
#ifndef STREAMER_SERVICE_INSTANCE_ID_H
#define STREAMER_SERVICE_INSTANCE_ID_H

#include "state/rocksdb/store.h"
#include "streamer/base/err.h"
#include "streamer/config/config.h"

/* "<app.id>-<instance.id>"; without an instance.id, random digits that the store keeps stand for
 * it. The caller frees it. NULL with `e`. */
char *instance_transactional_id(const struct config *c, struct store *store, struct err *e);

#endif
