/* feed: publishes the rows of CSV files to an input topic, as JSON objects keyed by id. */
#ifndef STREAMER_COMMANDS_FEED_H
#define STREAMER_COMMANDS_FEED_H

#include "streamer/commands/feed_complete.h"
#include "streamer/config/config.h"

#include <stdatomic.h>
#include <stdio.h>

struct feed_result {
    uint64_t rows;    /* how many were delivered, also if the command failed */
    uint64_t deletes; /* the same of the deletes of --complete */
    int64_t elapsed_ms;
};

/* How files are read and sent. All zero: RFC 4180, the fields' own names, as fast as possible. */
struct feed_options {
    int64_t rate;            /* rows a second; 0: as fast as possible */
    char delimiter;          /* '\0': the one of a first line "sep=;", else a comma */
    const char *encoding;    /* as iconv names it; NULL: UTF-8 */
    bool decimal_comma;      /* balances are written as 1.234,56 */
    const char *const *maps; /* "COLUMN=FIELD" */
    size_t map_count;
    const char *const *missing; /* labels of fields that need no column */
    size_t missing_count;
    const char *as_given;  /* the options of the command line, for advice: " -c FILE"; NULL: none */
    const char *bootstrap; /* instead of the configured brokers, or NULL */
    FILE *progress;        /* a terminal to draw on, or NULL */
    /* True: ends at once, with what the broker has acknowledged. NULL: it does not. */
    const atomic_bool *stop;
    /* --complete; NULL: not given. With its dry_run no row is published. */
    const struct feed_complete_options *complete;
};

/* Publishes every row of the `files` ("-": standard input) to the entity's topic, and waits until
 * the broker has all of them. The topic must exist. Every field of the entity needs a column in
 * each file (files/columns.h). That is checked before any row is published; for a pipe, before its
 * own first row. A row becomes {"<header>":"<field>",…}; a mapped column has the name of its field.
 * The key is the trimmed text of the id's column, or null if that is empty. The partition is the
 * one that Java clients would choose. Memory is bounded whatever the size of the files. A fault in
 * a row ends it after the rows before that are delivered; the error says how to go on behind them.
 * Returns the exit code: 0; 1 if Kafka failed or it was stopped; 2 if a file is unreadable or not
 * CSV, or the configuration is wrong. */
int feed_files(const struct config *c, enum entity entity, const char *const *files,
               size_t file_count, const struct feed_options *o, struct feed_result *result,
               struct err *e);

#endif
