#include "streamer/commands/paint.h"

#include "streamer/base/utf8.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool paint_wants_colours(FILE *stream) {
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    return isatty(fileno(stream)) == 1 && term != NULL && strcmp(term, "dumb") != 0 &&
           (no_colour == NULL || no_colour[0] == '\0');
}

static void begin(const struct paint *p, enum paint_colour colour) {
    static const char *const codes[] = {
        [PAINT_PLAIN] = "",         [PAINT_BOLD] = "\033[1m",    [PAINT_DIM] = "\033[2m",
        [PAINT_GREEN] = "\033[32m", [PAINT_YELLOW] = "\033[33m", [PAINT_RED] = "\033[1;31m",
    };
    if (p->has_colours)
        buf_put_str(p->out, codes[colour]);
}

static void end(const struct paint *p, enum paint_colour colour) {
    if (p->has_colours && colour != PAINT_PLAIN)
        buf_put_str(p->out, "\033[0m");
}

/* Whether a character of n bytes controls a terminal: C0, DEL, and C1 in UTF-8. */
static bool is_control(const char *c, size_t n) {
    unsigned char first = (unsigned char)c[0];
    return first < 0x20 || first == 0x7f || (n == 2 && first == 0xc2 && (unsigned char)c[1] < 0xa0);
}

/* Appends the text without what a terminal would obey, and returns how many characters it has. */
static int put_clean(struct buf *out, struct slice text) {
    int count = 0;
    for (size_t n; text.n > 0; text = slice_of(text.p + n, text.n - n), count++) {
        n = utf8_char_length(text);
        if (n == 0 || is_control(text.p, n)) {
            buf_put_byte(out, '?');
            n = n == 0 ? 1 : n;
        } else {
            buf_put(out, text.p, n);
        }
    }
    return count;
}

void paint_text(struct paint *p, enum paint_colour colour, struct slice text, int width) {
    begin(p, colour);
    int count = put_clean(p->out, text);
    end(p, colour);
    for (; count < width; count++)
        buf_put_byte(p->out, ' ');
}

void paint_printf(struct paint *p, enum paint_colour colour, const char *format, ...) {
    struct buf text = {0};
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    paint_text(p, colour, buf_slice(&text), 0);
    buf_release(&text);
}
