#include "streamer/base/csv_put.h"

/* The loop has no early end, so that the compiler looks at many bytes at once. */
static bool needs_quotes(struct slice text) {
    bool found = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        found |= (c == ',') | (c == '"') | (c == '\n') | (c == '\r');
    }
    return found;
}

static void put_quoted(struct buf *out, struct slice text) {
    buf_put_byte(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"')
            buf_put_byte(out, '"');
        buf_put_byte(out, text.p[i]);
    }
    buf_put_byte(out, '"');
}

void csv_put_text(struct buf *out, struct slice text) {
    if (needs_quotes(text))
        put_quoted(out, text);
    else
        buf_put_slice(out, text);
}
