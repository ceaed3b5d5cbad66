/* feed: publishes the rows of CSV files to an input topic, as JSON objects of texts keyed by id. */
#ifndef STREAMER_FEED_H
#define STREAMER_FEED_H

#include "streamer/config.h"

#include <stdio.h>

struct feed_result {
    uint64_t rows; /* delivered, also when it failed */
    int64_t elapsed_ms;
};

/* Publishes every row of the `files` ("-": standard input) to the entity's topic and waits until the broker
 * has all of them. A row becomes {"<header>":"<field>",…}, as they stand; its key is the trimmed text of the
 * column customer_id or account_id (without regard to case, spaces, '_' and '-'), null where that is empty;
 * its partition is the one that Java clients would choose. The topic must exist. rate: rows a second, 0: as
 * fast as it goes. bootstrap: instead of the configured brokers, or NULL. progress: a terminal to draw on, or
 * NULL. Memory is bounded whatever the size of the files. Returns the exit code: 0; 1: Kafka failed; 2: a
 * file is unreadable or not CSV, or the configuration is wrong. */
int feed_files(const struct config *c, enum entity entity, const char *const *files, size_t file_count,
               int64_t rate, const char *bootstrap, FILE *progress, struct feed_result *result,
               struct err *e);

#endif
