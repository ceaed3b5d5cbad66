#include "streamer/base/json.h"

#include "streamer/base/digits.h"
#include "streamer/base/utf8.h"

#include <endian.h>
#include <stdint.h>
#include <stdio.h>

/* Marks a string that was a number. This byte is no part of valid UTF-8, so no string of the text
 * can start with it. */
#define NUMBER_MARK '\xff'

/* The validating pass: checks the text and copies it, with numbers in quotes. */
struct scan {
    const char *start, *p, *end;
    const char *copied; /* the text before this is in `quoted` already */
    struct buf *quoted;
    int depth;
    bool escaped;      /* a string had an escape */
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

/* The next byte, or 0 at the end. A 0 byte in the text is valid nowhere outside of strings, so
 * nobody has to tell the two apart. */
static char peek(const struct scan *s) {
    return s->p < s->end ? *s->p : '\0';
}

static bool take(struct scan *s, char c) {
    if (peek(s) != c)
        return false;
    s->p++;
    return true;
}

/* Takes uXXXX, with p on the u. Returns -1 if something else is there. */
static int take_code_unit(struct scan *s) {
    if (s->end - s->p < 5 || *s->p != 'u')
        return -1;
    int unit = 0;
    for (int i = 1; i <= 4; i++) {
        int digit = digits_hex_value(s->p[i]);
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
    s->escaped = true;
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

static bool needs_escape(char c) {
    return (unsigned char)c < 0x20 || c == '"' || c == '\\';
}

/* The byte in each of the eight bytes of a word. */
#define EIGHT(byte) ((byte)*UINT64_C(0x0101010101010101))

/* Sets the high bit of each byte in w that needs an escape. The result is exact up to the first
 * such byte, and callers use no more of it. Subtracting n from a byte below 0x80 sets its high bit
 * if the byte is less than n. */
static uint64_t escapes_in(uint64_t w) {
    uint64_t control = w - EIGHT(0x20);
    uint64_t quote = (w ^ EIGHT('"')) - EIGHT(1);
    uint64_t backslash = (w ^ EIGHT('\\')) - EIGHT(1);
    return (control | quote | backslash) & ~w & EIGHT(0x80);
}

/* How many bytes of `s` come before the first that needs an escape or has the bit `high` (0x80 or
 * 0). */
static size_t plain_length(struct slice s, unsigned char high) {
    size_t n = 0;
    for (; s.n - n >= 8; n += 8) {
        uint64_t w;
        memcpy(&w, s.p + n, 8);
        w = le64toh(w);
        uint64_t found = escapes_in(w) | (w & EIGHT(high));
        if (found != 0)
            return n + (size_t)__builtin_ctzll(found) / 8;
    }
    while (n < s.n && !needs_escape(s.p[n]) && ((unsigned char)s.p[n] & high) == 0)
        n++;
    return n;
}

static bool scan_string(struct scan *s) {
    s->p++;
    for (;;) {
        s->p += plain_length(slice_of(s->p, (size_t)(s->end - s->p)), 0x80);
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

static bool take_number(struct scan *s) {
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
    return true;
}

static bool scan_number(struct scan *s) {
    const char *number = s->p;
    if (!take_number(s))
        return false;
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

static struct scan scan_start(struct slice text) {
    const char *p = text.p != NULL ? text.p : "";
    return (struct scan){.start = p, .p = p, .end = p + text.n, .copied = p};
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
    struct scan s = scan_start(text);
    s.quoted = &j->quoted;
    if (!scan_text(&s)) {
        (void)snprintf(j->error, sizeof j->error, "%s at byte %zu", s.wrong,
                       (size_t)(s.p - s.start));
        return NULL;
    }
    j->root = cJSON_ParseWithLength(j->quoted.p, j->quoted.n);
    if (j->root == NULL)
        (void)snprintf(j->error, sizeof j->error, "refused by cJSON");
    return j->root;
}

/* Takes a string without escapes, with p on the quote. */
static bool take_plain_string(struct scan *s, struct slice *content) {
    const char *from = s->p + 1;
    if (!scan_string(s) || s->escaped)
        return false;
    *content = slice_of(from, (size_t)(s->p - 1 - from));
    return true;
}

/* Takes a number, true or false, whose text is the token itself, or null. */
static bool take_bare(struct scan *s, struct slice *text) {
    const char *from = s->p;
    bool ok;
    switch (peek(s)) {
    case 't':
        ok = scan_literal(s, "true");
        break;
    case 'f':
        ok = scan_literal(s, "false");
        break;
    case 'n':
        *text = slice_null();
        return scan_literal(s, "null");
    default:
        ok = take_number(s);
        break;
    }
    *text = slice_of(from, (size_t)(s->p - from));
    return ok;
}

static bool take_flat_member(struct scan *s, struct json_pair *pair) {
    skip_space(s);
    if (peek(s) != '"' || !take_plain_string(s, &pair->name))
        return false;
    skip_space(s);
    if (!take(s, ':'))
        return false;
    skip_space(s);
    return peek(s) == '"' ? take_plain_string(s, &pair->text) : take_bare(s, &pair->text);
}

bool json_flat(struct slice text, struct json_pair *pairs, size_t max, size_t *count) {
    struct scan s = scan_start(text);
    size_t n = 0;
    skip_space(&s);
    if (!take(&s, '{'))
        return false;
    skip_space(&s);
    if (!take(&s, '}')) {
        do {
            if (n == max || !take_flat_member(&s, &pairs[n++]))
                return false;
            skip_space(&s);
        } while (take(&s, ','));
        if (!take(&s, '}'))
            return false;
    }
    skip_space(&s);
    *count = n;
    return s.p == s.end;
}

const cJSON *json_member(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

bool json_is_scalar(const cJSON *item) {
    return !cJSON_IsObject(item) && !cJSON_IsArray(item);
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

void json_put_string(struct buf *out, struct slice text) {
    buf_put_byte(out, '"');
    for (;;) {
        size_t n = plain_length(text, 0);
        buf_put(out, text.p, n);
        if (n == text.n)
            break;
        put_escaped(out, text.p[n]);
        text = slice_of(text.p + n + 1, text.n - n - 1);
    }
    buf_put_byte(out, '"');
}
