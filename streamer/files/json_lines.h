/* json_lines: reads a file of JSON lines as records of Kafka, line by line. The longest line that
 * is kept bounds its memory. Blank lines are skipped, and so are byte order marks of UTF-8 before
 * the first line. A line becomes a record in one of two ways:
 *
 *   {"key": …, "value": …}   an object with exactly these two members, spelled so, in any order:
 *                            the record's key and value. null is no key, or no value (a
 *                            tombstone). A string stands for its content, anything else for its
 *                            JSON text as it is in the line.
 *   anything else            the record's value, whether it is JSON or not; there is no key
 *
 * One thread. */
#ifndef STREAMER_FILES_JSON_LINES_H
#define STREAMER_FILES_JSON_LINES_H

#include "streamer/files/text_input.h"

#include <stdint.h>

struct json_lines;

enum json_lines_result { JSON_LINES_ROW, JSON_LINES_END, JSON_LINES_ERROR };

/* `in` is open and borrowed. A line of more than line_max bytes is not kept. */
struct json_lines *json_lines_new(struct text_input *in, size_t line_max);
void json_lines_free(struct json_lines *l); /* NULL is allowed */

/* Reads the next record. After the end or an error nothing more can be read. */
enum json_lines_result json_lines_next(struct json_lines *l, struct err *e);
/* The last record; both are good until the next json_lines_next. p == NULL: null. */
struct slice json_lines_key(const struct json_lines *l);
struct slice json_lines_value(const struct json_lines *l);
/* How many bytes the last line had, if it was too long to be kept; then key and value are null.
 * 0: it was kept. */
size_t json_lines_cut(const struct json_lines *l);
/* The line of the file, from 1. */
uint64_t json_lines_line(const struct json_lines *l);

#endif
