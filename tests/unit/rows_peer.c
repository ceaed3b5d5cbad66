#include "rows_peer.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- values --- */

/* Texts that break careless encoders. */
struct slice nasty_text(struct rng *r) {
    static const char *const texts[] = {
        "",           "a",
        "null",       "\"",
        "\\",         "\\u0041",
        "a\"b\\c/d",  "\b\f\n\r\t",
        "\1\2\x1f",   "\x7f",
        "żółw",       "日本語",
        "😀",          "\xf4\x8f\xbf\xbf",
        "{\"a\":1}",  "a|b",
        " lead",      "trail ",
        "'; drop --", "%s%n",
        "\xc2\x80",   "\xe2\x80\xa8",
        "1e3",        "-0",
        "true",       "\xef\xbf\xbf",
    };
    static char large[5000];
    if (large[0] == '\0')
        memset(large, 'x', sizeof large - 1);
    int64_t i = rng_below(r, ARRAY_LEN(texts) + 1);
    return i < (int64_t)ARRAY_LEN(texts) ? slice_str(texts[i]) : slice_str(large);
}

int128 any_total(struct rng *r) {
    unsigned __int128 v = (unsigned __int128)rng_next(r) << 64 | rng_next(r);
    return (int128)v >> rng_below(r, 128);
}

/* JSON has room for decimal(38,2) and for times that have a date. */
static int128 json_total(struct rng *r) {
    int128 max = 1;
    for (int i = 0; i < 38; i++)
        max *= 10;
    return rng_chance(r, 10) ? max - 1 : rng_chance(r, 10) ? 1 - max : any_total(r) % max;
}

int64_t any_time(struct rng *r) {
    if (rng_chance(r, 10))
        return rng_chance(r, 50) ? TIMESTAMP_MIN : TIMESTAMP_MAX;
    return TIMESTAMP_MIN + rng_below(r, TIMESTAMP_MAX - TIMESTAMP_MIN + 1);
}

void fill_row(const struct row_type *type, void *row, struct rng *r, bool for_json) {
    memset(row, 0, type->size);
    for (size_t i = 0; i < type->field_count; i++) {
        void *p = (char *)row + type->fields[i].offset;
        switch (type->fields[i].kind) {
        case ROW_LONG:
        case ROW_AMOUNT:
        case ROW_RATE:
            *(int64_t *)p = rng_any(r);
            break;
        case ROW_TIME:
            *(int64_t *)p = for_json ? any_time(r) : rng_any(r);
            break;
        case ROW_OPTIONAL_TIME:
            *(int64_t *)p = rng_chance(r, 30) ? TIMESTAMP_NONE
                            : for_json        ? any_time(r)
                                              : rng_any(r);
            break;
        case ROW_TEXT:
        case ROW_BYTES:
            *(struct slice *)p = nasty_text(r);
            break;
        case ROW_BOOL:
            *(bool *)p = rng_chance(r, 50);
            break;
        case ROW_TOTAL:
            *(int128 *)p = for_json ? json_total(r) : any_total(r);
            break;
        }
    }
}

void assert_same_rows(const struct row_type *type, const void *a, const void *b) {
    for (size_t i = 0; i < type->field_count; i++) {
        const struct row_field *f = &type->fields[i];
        const void *p = (const char *)a + f->offset, *q = (const char *)b + f->offset;
        bool same = false;
        switch (f->kind) {
        case ROW_LONG:
        case ROW_AMOUNT:
        case ROW_RATE:
        case ROW_TIME:
        case ROW_OPTIONAL_TIME:
            same = *(const int64_t *)p == *(const int64_t *)q;
            break;
        case ROW_TEXT:
        case ROW_BYTES:
            same = slice_eq(*(const struct slice *)p, *(const struct slice *)q);
            break;
        case ROW_BOOL:
            same = *(const bool *)p == *(const bool *)q;
            break;
        case ROW_TOTAL:
            same = *(const int128 *)p == *(const int128 *)q;
            break;
        }
        if (!same)
            fail_msg("%s.%s differs", type->name, f->name);
    }
}

/* --- avro-c's side --- */

void read_schema_text(const char *name, struct buf *out) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/schemas/%s.avsc", SOURCE_DIR, name);
    if (access(path, R_OK) != 0)
        (void)snprintf(path, sizeof path, "%s/schemas/internal/%s.avsc", SOURCE_DIR, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    buf_clear(out);
    for (int c; (c = fgetc(f)) != EOF;)
        buf_put_byte(out, (char)c);
    (void)fclose(f);
}

const uint32_t own_schema_ids[ROW_RESULT_COUNT] = {0x01020304, 0x11121314, 0x21222324, 0x31323334,
                                                   0x81828384};

enum codec_schema find_own_schema(void *context, uint32_t id, struct buf *text,
                                  bool *has_references) {
    (void)context;
    *has_references = false;
    for (int i = 0; i < ROW_RESULT_COUNT; i++) {
        if (own_schema_ids[i] != id)
            continue;
        read_schema_text(row_result_types[i]->name, text);
        return CODEC_SCHEMA_FOUND;
    }
    return CODEC_SCHEMA_UNKNOWN;
}

static struct peer *peer_of(avro_schema_t schema) {
    struct peer *p = mem_calloc(1, sizeof *p);
    p->schema = schema;
    p->iface = avro_generic_class_from_schema(p->schema);
    assert_non_null(p->iface);
    assert_int_equal(avro_generic_value_new(p->iface, &p->value), 0);
    return p;
}

struct peer *peer_of_text(struct slice text) {
    avro_schema_t schema;
    if (avro_schema_from_json_length(text.p, text.n, &schema) != 0)
        fail_msg("%.*s: %s", (int)text.n, text.p, avro_strerror());
    return peer_of(schema);
}

struct peer *peer_new(const char *name) {
    struct buf text = {0};
    read_schema_text(name, &text);
    struct peer *p = peer_of_text(buf_slice(&text));
    buf_release(&text);
    return p;
}

void peer_free(struct peer *p) {
    avro_value_decref(&p->value);
    avro_value_iface_decref(p->iface);
    avro_schema_decref(p->schema);
    free(p);
}

struct slice peer_encode(struct peer *p) {
    avro_writer_t w = avro_writer_memory(p->bytes, sizeof p->bytes);
    if (avro_value_write(w, &p->value) != 0)
        fail_msg("avro-c: %s", avro_strerror());
    size_t n = (size_t)avro_writer_tell(w);
    avro_writer_free(w);
    return slice_of(p->bytes, n);
}

/* Decodes one value, and asserts that no byte is left. */
void peer_decode(struct peer *p, struct slice bytes) {
    avro_reader_t reader = avro_reader_memory(bytes.p, (int64_t)bytes.n);
    char rest;
    assert_int_equal(avro_value_reset(&p->value), 0);
    if (avro_value_read(reader, &p->value) != 0)
        fail_msg("avro-c: %s", avro_strerror());
    assert_int_not_equal(avro_read(reader, &rest, 1), 0);
    avro_reader_free(reader);
}

avro_value_t member(const avro_value_t *record, const char *name) {
    avro_value_t v = {0};
    if (avro_value_get_by_name(record, name, &v, NULL) != 0)
        fail_msg("no field %s", name);
    return v;
}

/* Two's complement, big-endian, no byte more than the value needs. */
static size_t decimal_bytes(int128 v, unsigned char bytes[16]) {
    size_t n = 1;
    while (n < 16 && (v < -((int128)1 << (8 * n - 1)) || v > ((int128)1 << (8 * n - 1)) - 1))
        n++;
    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char)(v >> (8 * (n - 1 - i)) & 0xff);
    return n;
}

void set_decimal(avro_value_t *v, int128 x) {
    unsigned char bytes[16];
    size_t n = decimal_bytes(x, bytes);
    assert_int_equal(avro_value_set_bytes(v, bytes, n), 0);
}

void set_bytes(avro_value_t *v, struct slice s) {
    union {
        const void *in;
        void *out;
    } p = {s.p};
    assert_int_equal(avro_value_set_bytes(v, p.out, s.n), 0);
}

void set_text(avro_value_t *v, struct slice s) {
    struct buf text = {0};
    buf_set(&text, s);
    assert_int_equal(avro_value_set_string(v, buf_cstr(&text)), 0);
    buf_release(&text);
}

static void set_field(avro_value_t *v, enum row_field_kind kind, const void *p) {
    avro_value_t branch;
    switch (kind) {
    case ROW_LONG:
    case ROW_TIME:
        assert_int_equal(avro_value_set_long(v, *(const int64_t *)p), 0);
        break;
    case ROW_TEXT:
        set_text(v, *(const struct slice *)p);
        break;
    case ROW_BYTES:
        set_bytes(v, *(const struct slice *)p);
        break;
    case ROW_BOOL:
        assert_int_equal(avro_value_set_boolean(v, *(const bool *)p), 0);
        break;
    case ROW_AMOUNT:
    case ROW_RATE:
        set_decimal(v, *(const int64_t *)p);
        break;
    case ROW_TOTAL:
        set_decimal(v, *(const int128 *)p);
        break;
    case ROW_OPTIONAL_TIME:
        assert_int_equal(avro_value_set_branch(v, *(const int64_t *)p != TIMESTAMP_NONE, &branch),
                         0);
        if (*(const int64_t *)p == TIMESTAMP_NONE)
            assert_int_equal(avro_value_set_null(&branch), 0);
        else
            assert_int_equal(avro_value_set_long(&branch, *(const int64_t *)p), 0);
        break;
    }
}

void peer_set(struct peer *p, const struct row_type *type, const void *row) {
    assert_int_equal(avro_value_reset(&p->value), 0);
    for (size_t i = 0; i < type->field_count; i++) {
        avro_value_t v = member(&p->value, type->fields[i].name);
        set_field(&v, type->fields[i].kind, (const char *)row + type->fields[i].offset);
    }
}

void assert_bytes_equal(const char *what, struct slice got, struct slice expected) {
    if (!slice_eq(got, expected))
        fail_msg("%s: %zu bytes differ from avro-c's %zu", what, got.n, expected.n);
}
