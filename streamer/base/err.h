/* err: what went wrong, in a struct that the caller owns. A function that can fail returns a bool
 * or a count, and fills a `struct err *` when it fails. The text is one line: what, where, what to
 * do. */
#ifndef STREAMER_BASE_ERR_H
#define STREAMER_BASE_ERR_H

#include <stdbool.h>

/* What the caller has to do about it. */
enum err_class {
    ERR_NONE = 0,
    ERR_CONFIG,  /* the user's configuration or usage: exit code 2 */
    ERR_RETRY,   /* abort the transaction, read the committed offsets again, catch up by replay, try
                    again */
    ERR_FENCED,  /* the same; another producer has taken over */
    ERR_DENIED,  /* the same; a right is missing, so the brokers refuse it */
    ERR_STOP,    /* the program cannot go on: it stops with this message and exit code 1 */
    ERR_REBUILD, /* the local state is damaged or of another application: it is set aside and
                    rebuilt from the topics */
};

struct err {
    enum err_class class;
    char text[1024];
};

/* Fills `e`; a text that is too long is cut. Returns false, so that a caller can `return
 * err_set(...)`. */
bool err_set(struct err *e, enum err_class class, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "text: " before the text of `e`. Returns false. */
bool err_prefix(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
