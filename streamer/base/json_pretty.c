#include "streamer/base/json_pretty.h"

static void put_line(struct buf *out, int indent) {
    buf_put_byte(out, '\n');
    for (int i = 0; i < indent; i++)
        buf_put_byte(out, ' ');
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The end of the string that begins at `p`. */
static const char *end_of_string(const char *p) {
    for (p++; *p != '"'; p++)
        p += *p == '\\';
    return p + 1;
}

static bool is_empty(const char *p, const char *end) {
    for (p++; p < end && is_space(*p); p++)
        ;
    return p < end && (*p == '}' || *p == ']');
}

void json_put_pretty(struct buf *out, struct slice text, int indent) {
    const char *end = text.p + text.n;
    bool is_open_and_empty = false;
    for (const char *p = text.p; p < end; p++) {
        if (is_space(*p))
            continue;
        if (*p == '"') {
            const char *to = end_of_string(p);
            buf_put(out, p, (size_t)(to - p));
            p = to - 1;
            continue;
        }
        bool opens = *p == '{' || *p == '[', closes = *p == '}' || *p == ']';
        if (closes && !is_open_and_empty)
            put_line(out, indent -= 2);
        buf_put_byte(out, *p);
        is_open_and_empty = opens && is_empty(p, end);
        if (opens && !is_open_and_empty)
            put_line(out, indent += 2);
        else if (*p == ',')
            put_line(out, indent);
        else if (*p == ':')
            buf_put_byte(out, ' ');
    }
}
