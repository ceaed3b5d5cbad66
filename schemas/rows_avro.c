/* The Avro binary encoding: https://avro.apache.org/docs/1.11.1/specification/#binary-encoding */
#include "schemas/rows.h"
#include "streamer/base/timestamp.h"

void avro_put_long_of_any_size(struct buf *out, int64_t v) {
    uint64_t zigzag = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
    char *p = buf_reserve(out, 10);
    size_t n = 0;
    for (; zigzag >= 0x80; zigzag >>= 7)
        p[n++] = (char)(zigzag | 0x80);
    p[n++] = (char)zigzag;
    out->n += n;
}

bool avro_get_long_of_any_size(struct slice *in, int64_t *v) {
    uint64_t zigzag = 0;
    const char *p = in->p;
    size_t n = in->n < 10 ? in->n : 10;
    for (size_t i = 0; i < n; i++) {
        uint64_t byte = (unsigned char)p[i];
        zigzag |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *in = slice_of(p + i + 1, in->n - i - 1);
            *v = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
            return true;
        }
    }
    return false;
}

void avro_put_bytes(struct buf *out, struct slice v) {
    avro_put_long(out, (int64_t)v.n);
    buf_put_slice(out, v);
}

bool avro_get_bytes(struct slice *in, struct slice *v) {
    int64_t n;
    if (!avro_get_long(in, &n) || n < 0 || (uint64_t)n > in->n)
        return false;
    *v = slice_of(in->p, (size_t)n);
    *in = slice_of(in->p + n, in->n - (size_t)n);
    return true;
}

void avro_put_decimal(struct buf *out, int128 v) {
    size_t at = out->n;
    buf_put_byte(out, 0); /* the length: it takes one byte, for at most 16 bytes follow */
    decimal_put_bytes(out, v);
    out->p[at] = (char)((out->n - at - 1) << 1);
}

bool avro_get_decimal(struct slice *in, int128 *v) {
    struct slice bytes;
    return avro_get_bytes(in, &bytes) && decimal_get_bytes(bytes, v);
}

void avro_put_bool(struct buf *out, bool v) {
    buf_put_byte(out, v ? 1 : 0);
}

bool avro_get_bool(struct slice *in, bool *v) {
    if (in->n == 0)
        return false;
    *v = in->p[0] != 0;
    *in = slice_of(in->p + 1, in->n - 1);
    return true;
}

void avro_put_branch(struct buf *out, bool there) {
    avro_put_long(out, there ? 1 : 0);
}

bool avro_get_branch(struct slice *in, bool *there) {
    int64_t branch;
    if (!avro_get_long(in, &branch) || branch < 0 || branch > 1)
        return false;
    *there = branch == 1;
    return true;
}

void row_put_avro(const struct row_type *type, const void *row, struct buf *out) {
    for (size_t i = 0; i < type->field_count; i++) {
        const struct row_field *f = &type->fields[i];
        const void *p = (const char *)row + f->offset;
        switch (f->kind) {
        case ROW_LONG:
        case ROW_TIME:
            avro_put_long(out, *(const int64_t *)p);
            break;
        case ROW_TEXT:
        case ROW_BYTES:
            avro_put_bytes(out, *(const struct slice *)p);
            break;
        case ROW_BOOL:
            avro_put_bool(out, *(const bool *)p);
            break;
        case ROW_AMOUNT:
        case ROW_RATE:
            avro_put_decimal(out, *(const int64_t *)p);
            break;
        case ROW_TOTAL:
            avro_put_decimal(out, *(const int128 *)p);
            break;
        case ROW_OPTIONAL_TIME:
            avro_put_branch(out, *(const int64_t *)p != TIMESTAMP_NONE);
            if (*(const int64_t *)p != TIMESTAMP_NONE)
                avro_put_long(out, *(const int64_t *)p);
            break;
        }
    }
}

static bool get_avro_field(enum row_field_kind kind, struct slice *in, void *p) {
    int128 wide;
    bool there;
    switch (kind) {
    case ROW_LONG:
    case ROW_TIME:
        return avro_get_long(in, p);
    case ROW_TEXT:
    case ROW_BYTES:
        return avro_get_bytes(in, p);
    case ROW_BOOL:
        return avro_get_bool(in, p);
    case ROW_AMOUNT:
    case ROW_RATE:
        if (!avro_get_decimal(in, &wide) || wide < INT64_MIN || wide > INT64_MAX)
            return false;
        *(int64_t *)p = (int64_t)wide;
        return true;
    case ROW_TOTAL:
        return avro_get_decimal(in, p);
    case ROW_OPTIONAL_TIME:
        if (!avro_get_branch(in, &there))
            return false;
        *(int64_t *)p = TIMESTAMP_NONE;
        return !there || avro_get_long(in, p);
    }
    return false;
}

bool row_get_avro(const struct row_type *type, struct slice *in, void *row) {
    for (size_t i = 0; i < type->field_count; i++)
        if (!get_avro_field(type->fields[i].kind, in, (char *)row + type->fields[i].offset))
            return false;
    return true;
}
