/* utf8: UTF-8 text. The only user of libunistring. */
#ifndef STREAMER_BASE_UTF8_H
#define STREAMER_BASE_UTF8_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <stdbool.h>

/* How many bytes the first character of s has, 1 … 4. It is 0 when s is empty or does not start
 * with valid UTF-8: with a surrogate, an overlong form or a character that is cut short. */
size_t utf8_char_length(struct slice s);
bool utf8_is_valid(struct slice s);

/* How many columns of a terminal the first character of s takes, 0 … 2. s starts with valid UTF-8,
 * and not with a control character. */
int utf8_char_columns(struct slice s);

/* Whether s (valid UTF-8) has no visible character: it is empty, or holds only Unicode's
 * White_Space, U+FEFF and U+200B. */
bool utf8_is_blank(struct slice s);

/* The longest start of s (valid UTF-8) of at most `max` bytes that cuts no character in two. */
struct slice utf8_cut(struct slice s, size_t max);

/* Appends s (valid UTF-8) in lower case, by Unicode's simple mapping of each character, without a
 * locale. */
void utf8_put_lower(struct buf *out, struct slice s);

#endif
