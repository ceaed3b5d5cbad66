/* csv_rows: the rows of a CSV file as the messages that `feed` publishes: a JSON object of texts,
 * and the row's id as the key. One thread. */
#ifndef STREAMER_FILES_CSV_ROWS_H
#define STREAMER_FILES_CSV_ROWS_H

#include "streamer/files/columns.h"
#include "streamer/files/csv.h"

struct csv_rows;

struct csv_rows_options {
    struct csv_options csv;
    bool decimal_comma; /* balances are written as 1.234,56 */
};

/* Opens `path` ("-": standard input), reads the header and checks its columns against the rules,
 * which must outlive the result. NULL: an error, ERR_CONFIG. */
struct csv_rows *csv_rows_open(const char *path, const struct column_rules *rules,
                               const struct csv_rows_options *o, struct err *e);
/* The same with a text that is open, which then belongs to the result, or is closed. */
struct csv_rows *csv_rows_open_input(const struct text_input *in, const struct column_rules *rules,
                                     const struct csv_rows_options *o, struct err *e);
void csv_rows_close(struct csv_rows *r); /* NULL is allowed */

/* Reads the next row. After the end or an error nothing more can be read. */
enum csv_result csv_rows_next(struct csv_rows *r, struct err *e);

/* What the last row becomes; both are good until the next csv_rows_next. */
struct slice csv_rows_json(const struct csv_rows *r);
struct slice csv_rows_key(const struct csv_rows *r); /* the trimmed id; empty: the row has none */

/* The column of the last row that the processor reads as this field: the file's text, untrimmed. A
 * null slice: the file has no such column. */
struct slice csv_rows_field(const struct csv_rows *r, enum field field);

/* The file, for its name, its lines and how much of it was read. */
const struct csv *csv_rows_file(const struct csv_rows *r);

#endif
