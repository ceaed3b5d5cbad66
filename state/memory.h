/* memory: the in-memory twin of the store, for tests and simulation: the same kv, with commit and
 * rollback.
 */
#ifndef STREAMER_STATE_MEMORY_H
#define STREAMER_STATE_MEMORY_H

#include "state/kv.h"

#include <stdint.h>

struct memory;
struct memory *memory_new(void);
void memory_free(struct memory *m);
struct kv *memory_kv(struct memory *m);
/* Makes what was written since the last one permanent. */
void memory_commit(struct memory *m);
/* Takes it back, and the sticky error with it. */
void memory_rollback(struct memory *m);
/* Another one with the same content; nothing is uncommitted in `m`. */
struct memory *memory_copy(const struct memory *m);
/* Removes, and commits that, everything of a partition. */
void memory_wipe(struct memory *m, int32_t partition);

#endif
