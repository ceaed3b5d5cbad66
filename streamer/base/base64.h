/* base64: RFC 4648, with its standard alphabet and padding. */
#ifndef STREAMER_BASE_BASE64_H
#define STREAMER_BASE_BASE64_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

/* Appends the base64 of `bytes`. */
void base64_put(struct buf *out, struct slice bytes);

/* Reads base64 into `bytes`, which has room for `max` bytes. Returns how many there are; 0: the
 * text is no base64 of 1 to `max` bytes. */
size_t base64_get(struct slice text, char *bytes, size_t max);

#endif
