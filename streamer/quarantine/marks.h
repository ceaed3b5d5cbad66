/* marks: which records were replayed, as the topic <app.id>-replayed says. Its messages:
 *
 *   key     struct quarantined's mark: "customers/0@17#5f3c0a9be1d24c77"
 *   value   {"replayed_at":"2024-02-15T00:00:00.000Z"}
 *
 * A mark is written in the same transaction as the record that it stands for, and never goes: a
 * full refresh reads the replayed record again, too. Memory: at most 96 bytes a
 * mark. The key "fence" is no mark (replay.c). */
#ifndef STREAMER_QUARANTINE_MARKS_H
#define STREAMER_QUARANTINE_MARKS_H

#include "streamer/base/buf.h"
#include "streamer/config/config.h"

#include <stdatomic.h>

struct marks; /* one thread */

struct marks *marks_new(void);
void marks_free(struct marks *m); /* NULL is allowed */
void marks_add(struct marks *m, struct slice mark, int64_t replayed_at_ms);
/* When the record with this mark was replayed; TIMESTAMP_NONE: it was not. */
int64_t marks_find(const struct marks *m, struct slice mark);

/* Appends the value of a mark's message. */
void marks_put_value(struct buf *out, int64_t replayed_at_ms);
/* Adds all committed marks of the topic up to its end, which is behind the offset `through` (a new
 * leader may briefly report an end before its last records); -1: whatever end it has. If there is
 * no topic, there are no marks. */
bool marks_read(struct marks *m, const struct config *c, int64_t through, const atomic_bool *stop,
                struct err *e);

#endif
