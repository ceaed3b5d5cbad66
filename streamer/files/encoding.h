/* encoding: which encoding a text has, and its conversion to UTF-8 by the C library's iconv. */
#ifndef STREAMER_FILES_ENCODING_H
#define STREAMER_FILES_ENCODING_H

#include "streamer/base/err.h"
#include "streamer/base/slice.h"

#include <stdbool.h>

struct encoding;

/* Finds out how to read a file that begins with `start`, at least its first line, where the user
 * has named the encoding `name` (NULL: none). *out is NULL for UTF-8, which needs no conversion;
 * the caller frees it. "utf-16" takes either order of bytes, by the mark or by the zeros of ASCII
 * letters. False: the name is unknown, and the error has the nearest one; or the file is plainly in
 * another encoding, and the error has the option that helps. */
bool encoding_choose(const char *name, struct slice start, struct encoding **out, struct err *e);
void encoding_free(struct encoding *c); /* NULL is allowed */

enum encoding_step {
    ENCODING_MORE,  /* the input is converted, but for a last part of a character */
    ENCODING_FULL,  /* there is no more room */
    ENCODING_WRONG, /* the input goes on with bytes that are nothing in this encoding */
};

/* Converts *in to UTF-8 and moves it on; writes at most `room` bytes (at least 16) to `out`, and
 * sets *n to how many. */
enum encoding_step encoding_convert(struct encoding *c, struct slice *in, char *out, size_t room,
                                    size_t *n);
/* Writes what the encoding still holds back, at the end of the input. */
size_t encoding_finish(struct encoding *c, char *out, size_t room);

/* Says that `rest` begins with bytes that are nothing in the encoding (NULL: UTF-8), and what to
 * try. The text names no file. Returns false. */
bool encoding_refuse(const struct encoding *c, struct slice rest, struct err *e);

#endif
