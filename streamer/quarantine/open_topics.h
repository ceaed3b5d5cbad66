/* open_topics: shows an open_filter the topics that it needs. */
#ifndef STREAMER_QUARANTINE_OPEN_TOPICS_H
#define STREAMER_QUARANTINE_OPEN_TOPICS_H

#include "streamer/quarantine/open_filter.h"

/* Reads them up to their ends, after all records were put into the filter. */
bool open_topics_read(struct open_filter *f, const struct config *c, const atomic_bool *stop,
                      struct err *e);

#endif
