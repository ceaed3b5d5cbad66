/* csv: reads RFC 4180 files, record by record, in memory bounded by the longest record allowed. The
 * first record is the header. CRLF and LF, UTF-8 byte order marks, line breaks in quotes and a last
 * line without an end are accepted; blank lines are skipped. A first line "sep=;", as Excel writes
 * it, names the delimiter. What is not CSV is an error that names file and line. */
#ifndef STREAMER_COMMANDS_CSV_H
#define STREAMER_COMMANDS_CSV_H

#include "streamer/base/err.h"
#include "streamer/base/slice.h"

#include <stddef.h>
#include <stdint.h>

#define CSV_COLUMNS_MAX 10000

struct csv;

enum csv_result { CSV_ROW, CSV_END, CSV_ERROR };

struct csv_options {
    size_t record_max_bytes;
    char delimiter; /* '\0': that of a first line "sep=;", else a comma */
    const char
        *command; /* who reads, "streamer feed customers", for advice; borrowed during csv_open */
};

/* Opens `path` ("-": standard input) and reads the header; its names are neither empty (white space
 * aside) nor twice there. NULL with an error; all errors of this module are ERR_CONFIG. */
struct csv *csv_open(const char *path, const struct csv_options *o, struct err *e);
void csv_close(struct csv *c); /* NULL is allowed */

size_t csv_column_count(const struct csv *c);
struct slice csv_column_name(const struct csv *c,
                             size_t column); /* valid UTF-8, as it stands; until csv_close */

/* The next row, or the end, or an error (after which nothing more can be read). */
enum csv_result csv_next(struct csv *c, struct err *e);
/* A field of that row: valid UTF-8 without NUL, until the next csv_next. */
struct slice csv_field(const struct csv *c, size_t column);
/* Where it starts: 1-based line of the file. */
uint64_t csv_line(const struct csv *c);

uint64_t csv_bytes_read(const struct csv *c);
/* "-" is called "standard input". */
const char *csv_name(const struct csv *c);

#endif
