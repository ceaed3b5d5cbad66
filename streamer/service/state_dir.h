/* state_dir: opens the state directory. State is a cache of the topics: if it was left by another
 * version, application or number of partitions, or is damaged, it is set aside and rebuilt from
 * them. */
#ifndef STREAMER_SERVICE_STATE_DIR_H
#define STREAMER_SERVICE_STATE_DIR_H

#include "state/rocksdb/store.h"
#include "streamer/config/config.h"

/* Looks at the directory without changing anything, and says in one line (`what`) what a start will
 * find there. False with ERR_CONFIG if a start cannot use it, or it holds another application's
 * state. */
bool state_dir_check(const struct config *config, struct buf *what, struct err *e);
/* Makes the directory, with the folders above it. False with ERR_CONFIG if it cannot be used. */
bool state_dir_prepare(const struct config *config, struct err *e);

/* Opens the store in it; the caller closes the store. NULL with `e`. now_ms: since 1970, for the
 * name of a directory that is set aside. */
struct store *state_dir_open(const struct config *config, int32_t partitions, int64_t now_ms,
                             struct err *e);

/* What a state directory at rest says of itself. */
struct state_at_rest {
    struct store *store; /* only for readers (store_open_to_read); the caller closes it */
    int32_t partitions;  /* n: of the result topics; the state may hold a part of them */
    char app_id[256];
};
/* Opens a directory that no process uses, and changes nothing there. False with `e` (ERR_CONFIG or
 * ERR_STOP): there is no state, another process uses it, or it is damaged or another version's. */
bool state_dir_open_to_read(const char *dir, struct state_at_rest *state, struct err *e);

/* Removes the state, and the directory if nothing else lies there. False with ERR_STOP. */
bool state_dir_remove(const struct config *config, struct err *e);

/* The directory of an embedded run, which keeps nothing: made anew in /tmp, and removed with all
 * that is in it. */
struct temporary_dir {
    char path[64]; /* "": there is none */
};
bool temporary_dir_make(struct temporary_dir *dir, struct err *e);
void temporary_dir_remove(struct temporary_dir *dir);

#endif
