/* shell_word: texts as a shell takes them, for advice that can be pasted. */
#ifndef STREAMER_BASE_SHELL_WORD_H
#define STREAMER_BASE_SHELL_WORD_H

#include "streamer/base/buf.h"

/* Whether a shell takes the text for one word as it is. */
bool shell_word_is_plain(const char *text);
/* Appends the text as one word, in single quotes where that is needed. */
void shell_word_put(struct buf *out, const char *text);

#endif
