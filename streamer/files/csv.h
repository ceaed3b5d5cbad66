/* csv: reads RFC 4180 files, record by record. The longest record that is allowed bounds its
 * memory. The first record is the header. It accepts CRLF and LF, a UTF-8 byte order mark, line
 * breaks in quotes, and a last line without an end; it skips blank lines. A first line "sep=;",
 * which Excel writes, names the delimiter. Text that is not CSV is an error that names file and
 * line. */
#ifndef STREAMER_FILES_CSV_H
#define STREAMER_FILES_CSV_H

#include "streamer/base/err.h"
#include "streamer/base/slice.h"
#include "streamer/files/text_input.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define CSV_COLUMNS_MAX 10000

struct csv;

enum csv_result { CSV_ROW, CSV_END, CSV_ERROR };

struct csv_options {
    size_t record_max_bytes;
    char delimiter;       /* ASCII; '\0': the one of a first line "sep=;", else a comma */
    const char *encoding; /* as iconv names it; NULL: UTF-8 */
    /* The command that reads, for advice: "streamer feed customers". Borrowed. */
    const char *command;
    const atomic_bool *stop; /* true: reading ends with ERR_STOP. NULL: it does not. Borrowed. */
};

/* Opens `path` ("-": standard input) and reads the header. A name of the header must not be blank,
 * and none may occur twice. NULL: an error. All errors of this module are ERR_CONFIG. */
struct csv *csv_open(const char *path, const struct csv_options *o, struct err *e);
/* The same with a text that is open, which then belongs to the result, or is closed. */
struct csv *csv_open_input(const struct text_input *in, const struct csv_options *o, struct err *e);
void csv_close(struct csv *c); /* NULL is allowed */

size_t csv_column_count(const struct csv *c);
/* The column's name as the file has it: valid UTF-8, good until csv_close. */
struct slice csv_column_name(const struct csv *c, size_t column);

/* Reads the next row. After the end or an error nothing more can be read. */
enum csv_result csv_next(struct csv *c, struct err *e);
/* A field of the last row: valid UTF-8 without NUL, good until the next csv_next. */
struct slice csv_field(const struct csv *c, size_t column);
/* The line of the file in which the last row starts, from 1. */
uint64_t csv_line(const struct csv *c);

/* How many lines of the file come before its first row. */
uint64_t csv_header_lines(const struct csv *c);
/* How much of the file comes before the next row. With an encoding about so much. */
uint64_t csv_bytes_read(const struct csv *c);
/* The path, or "standard input" for "-". */
const char *csv_name(const struct csv *c);
/* The command of the options. */
const char *csv_command(const struct csv *c);

/* Reads the delimiter of an option --delimiter: one ASCII character that neither quotes a field nor
 * ends a line, or "\\t" for a tab. */
bool csv_parse_delimiter(const char *text, char *delimiter, struct err *e);

#endif
