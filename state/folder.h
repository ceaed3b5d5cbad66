/* folder: what the store leaves in its directory beside RocksDB's files, and what can be told from their names and
 * sizes.
 *
 *   CLOSED   left by a clean close: a line "name size" for each of RocksDB's data files, and the content of CURRENT.
 *            RocksDB opens a MANIFEST that was cut short without an error, with rows missing; this tells.
 *   DAMAGED  left when RocksDB reported corruption: why. Such a directory is not opened again.
 */
#ifndef STATE_FOLDER_H
#define STATE_FOLDER_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"

#include <stdbool.h>

/* Writes CLOSED. The store is closed already. */
bool folder_leave_fingerprint(const char *dir, struct err *e);

enum folder_state {
    FOLDER_CRASHED, /* or new: no CLOSED */
    FOLDER_CLOSED,  /* as it was left */
    FOLDER_CHANGED, /* since it was closed */
};
/* Compares with CLOSED, which is removed: until the next clean close there is none. */
bool folder_take_fingerprint(const char *dir, enum folder_state *state, struct err *e);

/* Names of the table files ("000012.sst"), ascending, each ended by a line break. */
bool folder_list_tables(const char *dir, struct buf *names, struct err *e);

/* Leaves DAMAGED; a failure is only logged, for there is trouble already. */
void folder_mark_damaged(const char *dir, const char *why);
/* Why it is damaged, into `why`; false if it is not. */
bool folder_is_damaged(const char *dir, struct buf *why);

/* Removes what this module has left there. */
void folder_forget(const char *dir);

#endif
