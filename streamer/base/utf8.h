/* utf8: UTF-8 text. The only user of libunistring. */
#ifndef STREAMER_BASE_UTF8_H
#define STREAMER_BASE_UTF8_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <stdbool.h>

/* Bytes of the character that s starts with, 1 … 4; 0 when s is empty or does not start with valid
 * UTF-8 (so surrogates, overlong forms and what is cut short are 0). */
size_t utf8_char_length(struct slice s);
bool utf8_is_valid(struct slice s);

/* Whether nothing of s (valid UTF-8) can be seen: only Unicode's White_Space, U+FEFF and U+200B;
 * also when it is empty. */
bool utf8_is_blank(struct slice s);

/* The longest start of s (valid UTF-8) of at most max bytes that cuts no character in two. */
struct slice utf8_cut(struct slice s, size_t max);

/* Appends s (valid UTF-8) in lower case: Unicode's simple mapping, character by character, no
 * locale. */
void utf8_put_lower(struct buf *out, struct slice s);

#endif
