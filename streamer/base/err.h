/* err: what went wrong, in a struct that the caller owns. Functions that can fail return bool or a
 * count and fill an `struct err *` on failure. The text is one line: what, where, what to do. */
#ifndef STREAMER_BASE_ERR_H
#define STREAMER_BASE_ERR_H

#include <stdbool.h>

/* What is to be done about it. */
enum err_class {
    ERR_NONE = 0,
    ERR_CONFIG,  /* the user's configuration or usage: exit code 2 */
    ERR_RETRY,   /* give the transaction up, re-read the committed offsets, catch up by replay, try
                    again */
    ERR_FENCED,  /* the same; another producer had taken over */
    ERR_DENIED,  /* the same; the brokers refuse it for want of a right */
    ERR_STOP,    /* cannot go on: stop with this message, exit code 1 */
    ERR_REBUILD, /* the local state is damaged or not ours: set it aside, and rebuild it from the
                    topics */
};

struct err {
    enum err_class class;
    char text[1024];
};

/* Fills `e` (a longer text is cut) and returns false, so that a caller can `return err_set(...)`.
 */
bool err_set(struct err *e, enum err_class class, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "text: " before what `e` says. Returns false. */
bool err_prefix(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
