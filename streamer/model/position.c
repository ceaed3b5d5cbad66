#include "streamer/model/position.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#define SOURCE_DIGITS 16
#define HEAD_BYTES (1 + SOURCE_DIGITS + 1)

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_number(struct slice s) {
    for (size_t i = 0; i < s.n; i++)
        if (!is_digit(s.p[i]))
            return false;
    return s.n > 0;
}

static struct slice without_zeros(struct slice number) {
    while (number.n > 0 && number.p[0] == '0') {
        number.p++;
        number.n--;
    }
    return number;
}

/* "mysql-bin.000012" becomes "000012". A name without a number stays as it is. */
static struct slice file_number(struct slice file) {
    size_t digits = 0;
    while (digits < file.n && is_digit(file.p[file.n - 1 - digits]))
        digits++;
    return digits > 0 ? slice_of(file.p + file.n - digits, digits) : file;
}

/* FNV-1a, 64 bits (draft-eastlake-fnv); a byte that UTF-8 does not have ends each text. */
static uint64_t hash_text(uint64_t h, struct slice s) {
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
    return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

static uint64_t hash_source(enum position_kind kind, const struct position_source *s) {
    uint64_t h = hash_text(UINT64_C(0xcbf29ce484222325), s->connector);
    h = hash_text(h, s->name);
    return kind == POSITION_BINLOG ? hash_text(h, s->server_id) : h;
}

/* The part as it is compared. Empty: it is missing. */
static struct slice clean_part(struct slice part) {
    part = slice_trim(part);
    if (part.n > POSITION_PART_MAX_BYTES || slice_eq_nocase(part, "null"))
        return slice_null();
    for (size_t i = 0; i < part.n; i++)
        if (part.p[i] == '|' || (unsigned char)part.p[i] < ' ')
            return slice_null();
    return is_number(part) ? without_zeros(part) : part;
}

static void put_head(struct buf *out, char letter, uint64_t source) {
    buf_put_byte(out, letter);
    for (int shift = 60; shift >= 0; shift -= 4)
        buf_put_byte(out, "0123456789abcdef"[source >> shift & 15]);
    buf_put_byte(out, ':');
}

void position_put(struct buf *out, enum position_kind kind, const struct position_source *source,
                  const struct slice parts[POSITION_PARTS]) {
    static const char letters[POSITION_KINDS] = {'l', 'b', 'c', 's'};
    struct slice clean[POSITION_PARTS];
    size_t count = 0;
    for (size_t i = 0; i < POSITION_PARTS; i++) {
        bool is_file = kind == POSITION_BINLOG && i == 0;
        clean[i] = clean_part(is_file ? file_number(slice_trim(parts[i])) : parts[i]);
        if (clean[i].n > 0)
            count = i + 1;
    }
    buf_clear(out);
    if (count == 0)
        return;
    put_head(out, letters[kind], hash_source(kind, source));
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_put_byte(out, '|');
        buf_put_slice(out, clean[i]);
    }
}

bool position_is_valid(struct slice text) {
    return text.n == 0 || (text.n > HEAD_BYTES && text.p[HEAD_BYTES - 1] == ':');
}

bool position_comparable(struct slice a, struct slice b) {
    return a.n >= HEAD_BYTES && b.n >= HEAD_BYTES && memcmp(a.p, b.p, HEAD_BYTES) == 0;
}

/* Takes the first part off the front of `rest`. */
static struct slice next_part(struct slice *rest) {
    const char *bar = rest->n > 0 ? memchr(rest->p, '|', rest->n) : NULL;
    size_t n = bar != NULL ? (size_t)(bar - rest->p) : rest->n;
    struct slice part = slice_of(rest->p, n);
    size_t taken = bar != NULL ? n + 1 : n;
    *rest = slice_of(rest->p + taken, rest->n - taken);
    return part;
}

/* Orders parts of different kinds: missing ones first, then numbers, then other texts. */
static int rank_of(struct slice part) {
    return part.n == 0 ? 0 : is_number(part) ? 1 : 2;
}

static int compare_parts(struct slice a, struct slice b) {
    int rank_a = rank_of(a), rank_b = rank_of(b);
    if (rank_a != rank_b)
        return rank_a < rank_b ? -1 : 1;
    if (rank_a == 1 && a.n != b.n)
        return a.n < b.n ? -1 : 1;
    return slice_compare(a, b);
}

int position_compare(struct slice a, struct slice b) {
    assert(position_comparable(a, b));
    struct slice x = slice_of(a.p + HEAD_BYTES, a.n - HEAD_BYTES);
    struct slice y = slice_of(b.p + HEAD_BYTES, b.n - HEAD_BYTES);
    int order = 0;
    while (order == 0 && (x.n > 0 || y.n > 0))
        order = compare_parts(next_part(&x), next_part(&y));
    return order;
}
