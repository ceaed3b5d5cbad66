#include "streamer/base/json.h"

#include "streamer/base/utf8.h"

#include <stdint.h>
#include <stdio.h>

/* Marks a string that was a number. Never part of valid UTF-8, so no string of the text can start with it. */
#define NUMBER_MARK '\xff'

/* The pre-pass: checks the text and copies it, with numbers quoted. */
struct scan {
    const char *start, *p, *end;
    const char *copied; /* what is before this is in `quoted` already */
    struct buf *quoted;
    int depth;
    const char *wrong; /* what is wrong at p; NULL as long as nothing is */
};

static bool scan_value(struct scan *s);

static bool scan_fail(struct scan *s, const char *wrong) {
    s->wrong = wrong;
    return false;
}

static void skip_space(struct scan *s) {
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
        s->p++;
}

/* The next byte, 0 at the end. A 0 byte in the text is nowhere valid outside of strings, so the two need no
 * telling apart. */
static char peek(const struct scan *s) {
    return s->p < s->end ? *s->p : '\0';
}

static bool take(struct scan *s, char c) {
    if (peek(s) != c)
        return false;
    s->p++;
    return true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* uXXXX, with p on the u; -1 when it is not that. */
static int take_code_unit(struct scan *s) {
    if (s->end - s->p < 5 || *s->p != 'u')
        return -1;
    int unit = 0;
    for (int i = 1; i <= 4; i++) {
        int digit = hex_digit(s->p[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    s->p += 5;
    return unit;
}

static bool scan_unicode_escape(struct scan *s) {
    int unit = take_code_unit(s);
    if (unit < 0)
        return scan_fail(s, "\\u without four hexadecimal digits");
    if (unit == 0)
        return scan_fail(s, "\\u0000 in a string");
    if (unit < 0xd800 || unit > 0xdfff)
        return true;
    if (unit >= 0xdc00 || !take(s, '\\'))
        return scan_fail(s, "lone surrogate in a string");
    int low = take_code_unit(s);
    return (low >= 0xdc00 && low <= 0xdfff) || scan_fail(s, "lone surrogate in a string");
}

static bool scan_escape(struct scan *s) {
    s->p++;
    char c = peek(s);
    if (c == 'u')
        return scan_unicode_escape(s);
    if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL)
        return scan_fail(s, "unknown escape in a string");
    s->p++;
    return true;
}

static bool scan_utf8(struct scan *s) {
    size_t n = utf8_char_length(slice_of(s->p, (size_t)(s->end - s->p)));
    s->p += n;
    return n > 0 || scan_fail(s, "invalid UTF-8");
}

static bool is_plain(unsigned char c) {
    return c >= 0x20 && c <= 0x7f && c != '"' && c != '\\';
}

static bool scan_string(struct scan *s) {
    s->p++;
    for (;;) {
        while (s->p < s->end && is_plain((unsigned char)*s->p))
            s->p++;
        if (s->p == s->end)
            return scan_fail(s, "string without an end");
        if (take(s, '"'))
            return true;
        if (*s->p == '\\') {
            if (!scan_escape(s))
                return false;
        } else if ((unsigned char)*s->p < 0x20) {
            return scan_fail(s, "control character in a string");
        } else if (!scan_utf8(s)) {
            return false;
        }
    }
}

static bool take_digits(struct scan *s) {
    const char *from = s->p;
    while (peek(s) >= '0' && peek(s) <= '9')
        s->p++;
    return s->p > from;
}

static void quote_number(struct scan *s, const char *number) {
    buf_put(s->quoted, s->copied, (size_t)(number - s->copied));
    buf_put_byte(s->quoted, '"');
    buf_put_byte(s->quoted, NUMBER_MARK);
    buf_put(s->quoted, number, (size_t)(s->p - number));
    buf_put_byte(s->quoted, '"');
    s->copied = s->p;
}

static bool scan_number(struct scan *s) {
    const char *number = s->p;
    bool negative = take(s, '-');
    if (!take(s, '0') && !take_digits(s))
        return scan_fail(s, negative ? "expected a digit" : "expected a value");
    if (take(s, '.') && !take_digits(s))
        return scan_fail(s, "expected a digit");
    if (take(s, 'e') || take(s, 'E')) {
        (void)(take(s, '+') || take(s, '-'));
        if (!take_digits(s))
            return scan_fail(s, "expected a digit");
    }
    quote_number(s, number);
    return true;
}

static bool scan_literal(struct scan *s, const char *literal) {
    size_t n = strlen(literal);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, literal, n) != 0)
        return scan_fail(s, "expected a value");
    s->p += n;
    return true;
}

static bool scan_member(struct scan *s) {
    skip_space(s);
    if (peek(s) != '"')
        return scan_fail(s, "expected a name in quotes");
    if (!scan_string(s))
        return false;
    skip_space(s);
    return take(s, ':') ? scan_value(s) : scan_fail(s, "expected ':'");
}

/* The members of an object or the elements of an array, with p on the opening bracket. */
static bool scan_list(struct scan *s, char close, bool (*scan_item)(struct scan *)) {
    if (++s->depth > JSON_DEPTH_MAX)
        return scan_fail(s, "nested too deep");
    s->p++;
    skip_space(s);
    if (!take(s, close)) {
        do {
            if (!scan_item(s))
                return false;
            skip_space(s);
        } while (take(s, ','));
        if (!take(s, close))
            return scan_fail(s, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
    }
    s->depth--;
    return true;
}

static bool scan_value(struct scan *s) {
    skip_space(s);
    switch (peek(s)) {
    case '{':
        return scan_list(s, '}', scan_member);
    case '[':
        return scan_list(s, ']', scan_value);
    case '"':
        return scan_string(s);
    case 't':
        return scan_literal(s, "true");
    case 'f':
        return scan_literal(s, "false");
    case 'n':
        return scan_literal(s, "null");
    default:
        return scan_number(s);
    }
}

static bool scan_text(struct scan *s) {
    if (!scan_value(s))
        return false;
    skip_space(s);
    if (s->p < s->end)
        return scan_fail(s, "something follows the value");
    buf_put(s->quoted, s->copied, (size_t)(s->p - s->copied));
    return true;
}

void json_init(struct json *j) {
    *j = (struct json){0};
}

void json_release(struct json *j) {
    cJSON_Delete(j->root);
    buf_release(&j->quoted);
    json_init(j);
}

const cJSON *json_parse(struct json *j, struct slice text) {
    cJSON_Delete(j->root);
    j->root = NULL;
    j->error[0] = '\0';
    buf_clear(&j->quoted);
    const char *p = text.p != NULL ? text.p : "";
    struct scan s = {.start = p, .p = p, .end = p + text.n, .copied = p, .quoted = &j->quoted};
    if (!scan_text(&s)) {
        (void)snprintf(j->error, sizeof j->error, "%s at byte %zu", s.wrong, (size_t)(s.p - s.start));
        return NULL;
    }
    j->root = cJSON_ParseWithLength(j->quoted.p, j->quoted.n);
    if (j->root == NULL)
        (void)snprintf(j->error, sizeof j->error, "refused by cJSON");
    return j->root;
}

const cJSON *json_member(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

bool json_is_number(const cJSON *item) {
    return cJSON_IsString(item) && item->valuestring[0] == NUMBER_MARK;
}

struct slice json_text(const cJSON *item) {
    if (json_is_number(item))
        return slice_str(item->valuestring + 1);
    if (cJSON_IsString(item))
        return slice_str(item->valuestring);
    if (cJSON_IsBool(item))
        return slice_str(cJSON_IsTrue(item) ? "true" : "false");
    return slice_null();
}

static void put_escaped(struct buf *out, char c) {
    static const char named[][2] = {{'"', '"'},  {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'},
                                    {'\n', 'n'}, {'\r', 'r'},  {'\t', 't'}};
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        if (named[i][0] == c) {
            buf_put_byte(out, '\\');
            buf_put_byte(out, named[i][1]);
            return;
        }
    }
    buf_printf(out, "\\u%04x", (unsigned)c);
}

static bool needs_escape(char c) {
    return (unsigned char)c < 0x20 || c == '"' || c == '\\';
}

void json_put_string(struct buf *out, struct slice text) {
    buf_put_byte(out, '"');
    size_t plain_from = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (!needs_escape(text.p[i]))
            continue;
        buf_put(out, text.p + plain_from, i - plain_from);
        put_escaped(out, text.p[i]);
        plain_from = i + 1;
    }
    buf_put(out, text.p + plain_from, text.n - plain_from);
    buf_put_byte(out, '"');
}
