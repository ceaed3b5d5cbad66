/* paint: text for a terminal, with colours or without. What comes from elsewhere cannot control the
 * terminal: its control characters become '?'. */
#ifndef STREAMER_COMMANDS_PAINT_H
#define STREAMER_COMMANDS_PAINT_H

#include "streamer/base/buf.h"

#include <stdbool.h>
#include <stdio.h>

enum paint_colour { PAINT_PLAIN, PAINT_BOLD, PAINT_DIM, PAINT_GREEN, PAINT_YELLOW, PAINT_RED };

struct paint {
    struct buf *out;
    bool has_colours;
};

/* Whether colours make sense on this stream: it is a terminal, TERM is not "dumb", and NO_COLOR
 * (no-color.org) is not set. */
bool paint_wants_colours(FILE *stream);

/* How many columns the text takes. */
int paint_columns(struct slice text);
/* The longest start of the text that takes at most `columns`. */
struct slice paint_cut(struct slice text, int columns);
/* Appends the text in a colour, in at least `width` columns (0: as it is). Text is UTF-8. */
void paint_text(struct paint *p, enum paint_colour colour, struct slice text, int width);
void paint_printf(struct paint *p, enum paint_colour colour, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
