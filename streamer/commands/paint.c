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

/* A character as a terminal shows it. */
struct shown {
    size_t n; /* bytes of the text */
    int columns;
    bool is_clean; /* else a '?' stands for it */
};

static struct shown first_char(struct slice text) {
    if (text.p[0] >= ' ' && text.p[0] < 0x7f) /* most are; a char above ASCII may be negative */
        return (struct shown){1, 1, true};
    size_t n = utf8_char_length(text);
    bool is_clean = n > 0 && !is_control(text.p, n);
    return (struct shown){n > 0 ? n : 1, is_clean ? utf8_char_columns(text) : 1, is_clean};
}

/* Appends the text without what a terminal would obey. */
static void put_clean(struct buf *out, struct slice text) {
    while (text.n > 0) {
        struct shown c = first_char(text);
        if (c.is_clean)
            buf_put(out, text.p, c.n);
        else
            buf_put_byte(out, '?');
        text = slice_of(text.p + c.n, text.n - c.n);
    }
}

int paint_columns(struct slice text) {
    int columns = 0;
    while (text.n > 0) {
        struct shown c = first_char(text);
        columns += c.columns;
        text = slice_of(text.p + c.n, text.n - c.n);
    }
    return columns;
}

struct slice paint_cut(struct slice text, int columns) {
    size_t n = 0;
    while (n < text.n) {
        struct shown c = first_char(slice_of(text.p + n, text.n - n));
        columns -= c.columns;
        if (columns < 0)
            break;
        n += c.n;
    }
    return slice_of(text.p, n);
}

void paint_text(struct paint *p, enum paint_colour colour, struct slice text, int width) {
    begin(p, colour);
    put_clean(p->out, text);
    end(p, colour);
    for (int n = width > 0 ? paint_columns(text) : 0; n < width; n++)
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
