/* decimal_comma: amounts as much of Europe writes them, 1.234,56, become 1234.56. Only text is
 * moved; nothing is computed. Pure.
 *
 *   amount = [+-] (whole | grouped) [',' digits]   or   [+-] ',' digits
 *   whole = digits
 *   grouped = 1 to 3 digits, the first no 0, then (separator, 3 digits) once or more
 *   separator = '.', a space, U+00A0 or U+202F; the same one throughout an amount
 *
 * White space around it does not count. */
#ifndef STREAMER_FILES_DECIMAL_COMMA_H
#define STREAMER_FILES_DECIMAL_COMMA_H

#include "streamer/base/buf.h"

/* Appends `text` as the processor reads amounts. What is no amount goes through as it is, and the
 * processor rejects it, or takes it for null. What is none here, but a number with a
 * point to the processor (12.34, 1.5e3), gets a remark behind it, so that it is rejected too: a
 * file with decimal commas has no such point, so nobody knows what it means. */
void decimal_comma_put(struct buf *out, struct slice text);

#endif
