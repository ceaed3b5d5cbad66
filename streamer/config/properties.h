/* properties: reads a file of key=value lines. A line that begins with '#' or '!' is a comment.
 * White space around keys and values is trimmed. CRLF and a UTF-8 byte order mark are accepted.
 * Values have no escapes. */
#ifndef STREAMER_CONFIG_PROPERTIES_H
#define STREAMER_CONFIG_PROPERTIES_H

#include "streamer/base/err.h"

#include <stddef.h>

/* Called for each setting. `key` and `value` are valid during the call. False ends the reading with
 * the handler's error. */
typedef bool properties_handler(void *context, size_t line, const char *key, const char *value,
                                struct err *e);

/* False: the file cannot be read, a line is no setting or sets a key again ("FILE:LINE: ..."), or
 * the handler returned false. */
bool properties_read(const char *path, properties_handler *handler, void *context, struct err *e);

/* Splits "key = value" in place. The text has n bytes, and the byte after them is writable. False:
 * there is no '=' or no key. */
bool properties_split(char *text, size_t n, char **key, char **value);

#endif
