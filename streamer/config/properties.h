/* properties: reads a file of key=value lines. '#' and '!' begin comments, white space around keys
 * and values is trimmed, CRLF and a UTF-8 byte order mark are accepted; values are as they stand,
 * without escapes. */
#ifndef STREAMER_CONFIG_PROPERTIES_H
#define STREAMER_CONFIG_PROPERTIES_H

#include "streamer/base/err.h"

#include <stddef.h>

/* Called for each setting; what it borrows is good during the call. False ends the reading with its
 * error. */
typedef bool properties_handler(void *context, size_t line, const char *key, const char *value,
                                struct err *e);

/* False: the file cannot be read, a line is not a setting or sets a key again ("FILE:LINE: ..."),
 * or the handler said so. */
bool properties_read(const char *path, properties_handler *handler, void *context, struct err *e);

/* Splits "key = value" (n bytes and a writable one after them) in place. False: there is no '=' or
 * no key. */
bool properties_split(char *text, size_t n, char **key, char **value);

#endif
