/* waiting: how much the application has not processed yet. */
#ifndef STREAMER_QUARANTINE_WAITING_H
#define STREAMER_QUARANTINE_WAITING_H

#include "streamer/quarantine/whole_topic.h"

/* Counts the committed records of all topics that the application consumes, from its group's
 * committed offsets to their ends. *is_known is false, without an error, on the embedded broker,
 * which does not tell these offsets, and if there is no right to read them. */
bool waiting_count(const struct whole_topic *w, uint64_t *records, bool *is_known, struct err *e);

#endif
