/* memory: the twin of the store in memory, for tests and simulation: the same kv, with commit and
 * rollback. One thread at a time. */
#ifndef STREAMER_STATE_MEMORY_H
#define STREAMER_STATE_MEMORY_H

#include "state/kv.h"

#include <stdint.h>

struct memory;
struct memory *memory_new(void);
void memory_free(struct memory *m); /* NULL is allowed */
/* Owned by `m`. */
struct kv *memory_kv(struct memory *m);
/* Makes permanent what was written since the last commit or rollback. */
void memory_commit(struct memory *m);
/* Undoes what was written since the last commit or rollback, and clears the sticky error. */
void memory_rollback(struct memory *m);
/* A new twin with the same content. Nothing may be uncommitted in `m`. The caller frees it. */
struct memory *memory_copy(const struct memory *m);
/* Removes everything of a partition, and commits that. Nothing may be uncommitted before. */
void memory_wipe(struct memory *m, int32_t partition);

#endif
