/* The fast way to read JSON rows: field after field, in exactly the form in which row_put_json
 * and row_put_json_numbers print them. A text of another form, valid or not, is left to the JSON
 * parser. */
#include "schemas/rows.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/utf8.h"

#include <string.h>

#define DIGITS_MAX 18 /* any number of 18 digits fits an int64; longer ones are rare */
#define TIME_LENGTH (sizeof "2024-02-15T00:00:00.000Z" - 1)

/* What is left of the text. Each take_… function moves `p` behind what it takes, and returns false
 * if it finds something else. */
struct scan {
    const char *p, *end;
};

static bool take(struct scan *s, const char *wanted, size_t n) {
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, wanted, n) != 0)
        return false;
    s->p += n;
    return true;
}

static bool take_char(struct scan *s, char wanted) {
    return take(s, &wanted, 1);
}

/* Takes at most `max` digits, which extend the number `*v`. Returns how many there were. */
static size_t take_digits(struct scan *s, size_t max, int64_t *v) {
    size_t n = 0;
    for (; n < max && s->p < s->end && *s->p >= '0' && *s->p <= '9'; n++)
        *v = *v * 10 + (*s->p++ - '0');
    return n;
}

static bool take_long(struct scan *s, int64_t *v) {
    bool negative = take_char(s, '-');
    const char *digits = s->p;
    *v = 0;
    size_t n = take_digits(s, DIGITS_MAX, v);
    if (n == 0 || (n > 1 && *digits == '0'))
        return false;
    *v = negative ? -*v : *v;
    return true;
}

/* In quotes, or as a JSON number, which has no needless zero in front. */
static bool take_decimal(struct scan *s, size_t scale, int64_t *v) {
    bool is_text = take_char(s, '"'), negative = take_char(s, '-');
    const char *digits = s->p;
    *v = 0;
    size_t n = take_digits(s, DIGITS_MAX - scale, v);
    if (n == 0 || (n > 1 && *digits == '0' && !is_text) || !take_char(s, '.') ||
        take_digits(s, scale, v) != scale)
        return false;
    *v = negative ? -*v : *v;
    return !is_text || take_char(s, '"');
}

static bool take_string(struct scan *s, struct slice *v) {
    if (!take_char(s, '"'))
        return false;
    const char *from = s->p;
    unsigned char any = 0;
    for (; s->p < s->end && *s->p != '"'; s->p++) {
        if ((unsigned char)*s->p < 0x20 || *s->p == '\\')
            return false;
        any |= (unsigned char)*s->p;
    }
    *v = slice_of(from, (size_t)(s->p - from));
    return (any < 0x80 || utf8_is_valid(*v)) && take_char(s, '"');
}

static bool take_time(struct scan *s, int64_t *v) {
    if (!take_char(s, '"') || (size_t)(s->end - s->p) < TIME_LENGTH ||
        !timestamp_parse_iso(slice_of(s->p, TIME_LENGTH), v))
        return false;
    s->p += TIME_LENGTH;
    return take_char(s, '"');
}

static bool take_field(struct scan *s, enum row_field_kind kind, void *p) {
    int64_t amount;
    switch (kind) {
    case ROW_LONG:
        return take_long(s, p);
    case ROW_TEXT:
        return take_string(s, p);
    case ROW_BYTES:
        return false;
    case ROW_BOOL:
        *(bool *)p = take(s, "true", 4);
        return *(bool *)p || take(s, "false", 5);
    case ROW_AMOUNT:
        return take_decimal(s, 2, p);
    case ROW_RATE:
        return take_decimal(s, 3, p);
    case ROW_TOTAL:
        if (!take_decimal(s, 2, &amount))
            return false;
        *(int128 *)p = amount;
        return true;
    case ROW_TIME:
        return take_time(s, p);
    case ROW_OPTIONAL_TIME:
        *(int64_t *)p = TIMESTAMP_NONE;
        return take(s, "null", 4) || take_time(s, p);
    }
    return false;
}

bool row_scan_json(const struct row_type *type, struct slice text, void *row) {
    struct scan s = {text.p, text.p + text.n};
    if (!take_char(&s, '{'))
        return false;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct row_field *f = &type->fields[i];
        if (!take(&s, f->in_json + (i == 0), f->in_json_n - (i == 0)) ||
            !take_field(&s, f->kind, (char *)row + f->offset))
            return false;
    }
    return take_char(&s, '}') && s.p == s.end;
}
