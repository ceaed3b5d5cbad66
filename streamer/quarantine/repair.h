/* repair: sets the fields that `--field name=value` names in the values of records. One thread. */
#ifndef STREAMER_QUARANTINE_REPAIR_H
#define STREAMER_QUARANTINE_REPAIR_H

#include "streamer/quarantine/quarantined.h"

#include <stdatomic.h>

struct repair;

/* `fields`: "name=value"; names match as in records, and must be fields of one of the entities at
 * least. `stop` ends waiting for schemas; NULL: nothing does. All is borrowed. NULL with an error
 * (ERR_CONFIG: a field is not as it must be). */
struct repair *repair_new(const struct config *c, const char *const *fields, size_t count,
                          const atomic_bool *stop, struct err *e);
void repair_free(struct repair *r); /* NULL is allowed */

/* The value of the record, with the fields set, into *value, which is good until the next call.
 * Without fields it is the value as received. False: this record cannot be repaired, and `why` says
 * what is in the way. */
bool repair_value(struct repair *r, const struct quarantined *q, struct slice *value,
                  struct err *why);

#endif
