/* row_text: rows as lines of text, for files and for HTTP. One line is one row. No call allocates,
 * once `out` has room for a line.
 *
 * CSV is RFC 4180's, with LF at the end of each line. A field is quoted only where that is needed:
 * a text that has a comma, a quote or an end of line in it, and a text without bytes, because null
 * is an empty field without quotes. Amounts are 16500.00, rates 0.015, times
 * 2024-02-15T00:00:00.000Z, and booleans true or false.
 *
 * JSON lines are the objects of row_put_json. */
#ifndef STREAMER_SCHEMAS_ROW_TEXT_H
#define STREAMER_SCHEMAS_ROW_TEXT_H

#include "schemas/rows.h"

enum row_text_format { ROW_TEXT_CSV, ROW_TEXT_JSONL };

/* Appends the line of the fields' names. JSON lines have none: nothing is appended. */
void row_text_put_header(enum row_text_format format, const struct row_type *type, struct buf *out);
/* Appends the line of `row`, which is a struct of `type`, a type of a result topic. */
void row_text_put(enum row_text_format format, const struct row_type *type, const void *row,
                  struct buf *out);

#endif
