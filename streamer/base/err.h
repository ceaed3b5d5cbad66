/* err: what went wrong, in a struct that the caller owns. A function that can fail returns a bool
 * or a count, and fills a `struct err *` when it fails. The text is one line: what, where, what to
 * do. */
#ifndef STREAMER_BASE_ERR_H
#define STREAMER_BASE_ERR_H

#include <stdbool.h>

/* What the caller has to do about it. */
enum err_class {
    ERR_NONE = 0,
    /* The user's configuration or usage is wrong: exit code 2. */
    ERR_CONFIG,
    /* Abort the transaction, read the committed offsets again, catch up by replay, try again. */
    ERR_RETRY,
    /* As ERR_RETRY; another producer has taken over. */
    ERR_FENCED,
    /* As ERR_RETRY; a right is missing, so the brokers refuse it. */
    ERR_DENIED,
    /* The program cannot go on: it stops with this message and exit code 1. */
    ERR_STOP,
    /* The local state is damaged, or another application's: it is set aside and rebuilt from the
     * topics. */
    ERR_REBUILD,
};

struct err {
    enum err_class class;
    char text[1024];
};

/* Fills `e`; a text that is too long is cut. Returns false, so that a caller can return the result
 * of err_set. */
bool err_set(struct err *e, enum err_class class, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "text: " before the text of `e`. Returns false. */
bool err_prefix(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts a short text behind the text of `e`, which is cut if both are too long. Returns false. */
bool err_suffix(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
