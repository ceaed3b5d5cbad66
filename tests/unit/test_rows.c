/* Every row against schemas/<name>.avsc with avro-c, which knows nothing of rows.c. */
#include "support.h"

#include "schemas/rows.h"
#include "streamer/account_row.h"
#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/customer_row.h"

#include <avro.h>
#include <stdio.h>

static const struct row_type *const types[] = {
    &customer_history_type, &account_history_type,     &account_with_customer_type, &account_summary_type,
    &customer_profile_type, &customer_attributes_type, &account_link_type,          &customer_ref_type,
};

/* A row of any type. */
union any_row {
    struct customer_history_row customer_history;
    struct account_history_row account_history;
    struct account_with_customer_row account_with_customer;
    struct account_summary_row account_summary;
    struct customer_profile_row customer_profile;
    struct customer_attributes customer_attributes;
    struct account_link account_link;
    struct customer_ref customer_ref;
};

/* --- values --- */

/* Texts that break careless encoders. */
static struct slice nasty_text(struct rng *r) {
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

static int128 any_total(struct rng *r) {
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

static int64_t any_time(struct rng *r) {
    if (rng_chance(r, 10))
        return rng_chance(r, 50) ? TIMESTAMP_MIN : TIMESTAMP_MAX;
    return TIMESTAMP_MIN + rng_below(r, TIMESTAMP_MAX - TIMESTAMP_MIN + 1);
}

static void fill(const struct row_type *type, void *row, struct rng *r, bool for_json) {
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
            *(int64_t *)p = rng_chance(r, 30) ? TIMESTAMP_NONE : for_json ? any_time(r) : rng_any(r);
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

static void assert_same_rows(const struct row_type *type, const void *a, const void *b) {
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

static void read_schema_text(const char *name, struct buf *out) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/schemas/%s.avsc", SOURCE_DIR, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    buf_clear(out);
    for (int c; (c = fgetc(f)) != EOF;)
        buf_put_byte(out, (char)c);
    (void)fclose(f);
}

static avro_schema_t load_schema(const char *name) {
    struct buf text = {0};
    avro_schema_t schema;
    read_schema_text(name, &text);
    if (avro_schema_from_json_length(text.p, text.n, &schema) != 0)
        fail_msg("%s.avsc: %s", name, avro_strerror());
    buf_release(&text);
    return schema;
}

/* One value of a schema and avro-c's memory for its bytes. */
struct peer {
    avro_schema_t schema;
    avro_value_iface_t *iface;
    avro_value_t value;
    char bytes[65536];
};

static struct peer *peer_new(const char *name) {
    struct peer *p = mem_calloc(1, sizeof *p);
    p->schema = load_schema(name);
    p->iface = avro_generic_class_from_schema(p->schema);
    assert_non_null(p->iface);
    assert_int_equal(avro_generic_value_new(p->iface, &p->value), 0);
    return p;
}

static void peer_free(struct peer *p) {
    avro_value_decref(&p->value);
    avro_value_iface_decref(p->iface);
    avro_schema_decref(p->schema);
    free(p);
}

static struct slice peer_encode(struct peer *p) {
    avro_writer_t w = avro_writer_memory(p->bytes, sizeof p->bytes);
    if (avro_value_write(w, &p->value) != 0)
        fail_msg("avro-c: %s", avro_strerror());
    size_t n = (size_t)avro_writer_tell(w);
    avro_writer_free(w);
    return slice_of(p->bytes, n);
}

/* Reads one value and leaves nothing over. */
static void peer_decode(struct peer *p, struct slice bytes) {
    avro_reader_t reader = avro_reader_memory(bytes.p, (int64_t)bytes.n);
    char rest;
    assert_int_equal(avro_value_reset(&p->value), 0);
    if (avro_value_read(reader, &p->value) != 0)
        fail_msg("avro-c: %s", avro_strerror());
    assert_int_not_equal(avro_read(reader, &rest, 1), 0);
    avro_reader_free(reader);
}

static avro_value_t member(const avro_value_t *record, const char *name) {
    avro_value_t v;
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

static void set_decimal(avro_value_t *v, int128 x) {
    unsigned char bytes[16];
    size_t n = decimal_bytes(x, bytes);
    assert_int_equal(avro_value_set_bytes(v, bytes, n), 0);
}

static void set_bytes(avro_value_t *v, struct slice s) {
    union {
        const void *in;
        void *out;
    } p = {s.p};
    assert_int_equal(avro_value_set_bytes(v, p.out, s.n), 0);
}

static void set_text(avro_value_t *v, struct slice s) {
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
        assert_int_equal(avro_value_set_branch(v, *(const int64_t *)p != TIMESTAMP_NONE, &branch), 0);
        if (*(const int64_t *)p == TIMESTAMP_NONE)
            assert_int_equal(avro_value_set_null(&branch), 0);
        else
            assert_int_equal(avro_value_set_long(&branch, *(const int64_t *)p), 0);
        break;
    }
}

static void peer_set(struct peer *p, const struct row_type *type, const void *row) {
    assert_int_equal(avro_value_reset(&p->value), 0);
    for (size_t i = 0; i < type->field_count; i++) {
        avro_value_t v = member(&p->value, type->fields[i].name);
        set_field(&v, type->fields[i].kind, (const char *)row + type->fields[i].offset);
    }
}

static void assert_bytes_equal(const char *what, struct slice got, struct slice expected) {
    if (!slice_eq(got, expected))
        fail_msg("%s: %zu bytes differ from avro-c's %zu", what, got.n, expected.n);
}

/* --- schemas --- */

static void assert_decimal(const cJSON *type, double precision, double scale) {
    assert_string_equal(cJSON_GetObjectItem(type, "type")->valuestring, "bytes");
    assert_string_equal(cJSON_GetObjectItem(type, "logicalType")->valuestring, "decimal");
    assert_true(cJSON_GetObjectItem(type, "precision")->valuedouble == precision);
    assert_true(cJSON_GetObjectItem(type, "scale")->valuedouble == scale);
}

static void assert_millis(const cJSON *type) {
    assert_string_equal(cJSON_GetObjectItem(type, "type")->valuestring, "long");
    assert_string_equal(cJSON_GetObjectItem(type, "logicalType")->valuestring, "timestamp-millis");
}

static void check_schema_field(const struct row_field *f, const cJSON *field) {
    const cJSON *type = cJSON_GetObjectItem(field, "type");
    assert_string_equal(cJSON_GetObjectItem(field, "name")->valuestring, f->name);
    switch (f->kind) {
    case ROW_LONG:
        assert_string_equal(type->valuestring, "long");
        break;
    case ROW_TEXT:
        assert_string_equal(type->valuestring, "string");
        break;
    case ROW_BYTES:
        assert_string_equal(type->valuestring, "bytes");
        break;
    case ROW_BOOL:
        assert_string_equal(type->valuestring, "boolean");
        break;
    case ROW_AMOUNT:
        assert_decimal(type, 18, 2);
        break;
    case ROW_TOTAL:
        assert_decimal(type, 38, 2);
        break;
    case ROW_RATE:
        assert_decimal(type, 5, 3);
        break;
    case ROW_TIME:
        assert_millis(type);
        break;
    case ROW_OPTIONAL_TIME:
        assert_string_equal(cJSON_GetArrayItem(type, 0)->valuestring, "null");
        assert_millis(cJSON_GetArrayItem(type, 1));
        assert_true(cJSON_IsNull(cJSON_GetObjectItem(field, "default")));
        break;
    }
}

/* Names, order and logical types, which avro-c drops. */
static void test_rows__schemas(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct buf text = {0};
        read_schema_text(types[i]->name, &text);
        cJSON *schema = cJSON_ParseWithLength(text.p, text.n);
        const cJSON *fields = cJSON_GetObjectItem(schema, "fields");
        assert_string_equal(cJSON_GetObjectItem(schema, "name")->valuestring, types[i]->name);
        assert_int_equal(cJSON_GetArraySize(fields), types[i]->field_count);
        for (size_t k = 0; k < types[i]->field_count; k++)
            check_schema_field(&types[i]->fields[k], cJSON_GetArrayItem(fields, (int)k));
        cJSON_Delete(schema);
        buf_release(&text);
    }
}

/* --- Avro --- */

static void test_rows__avro(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        const struct row_type *type = types[i];
        struct peer *peer = peer_new(type->name);
        struct rng r = rng_seeded(i);
        for (int k = 0; k < 1500; k++) {
            union any_row row, back;
            struct buf bytes = {0};
            fill(type, &row, &r, false);
            row_put_avro(type, &row, &bytes);
            peer_set(peer, type, &row);
            assert_bytes_equal(type->name, buf_slice(&bytes), peer_encode(peer));
            peer_decode(peer, buf_slice(&bytes)); /* and what it has read, it writes again as it was */
            assert_bytes_equal(type->name, peer_encode(peer), buf_slice(&bytes));
            buf_put_str(&bytes, "rest");
            struct slice in = buf_slice(&bytes);
            assert_true(row_get_avro(type, &in, &back));
            assert_same_rows(type, &row, &back);
            assert_text(in, "rest");
            buf_release(&bytes);
        }
        peer_free(peer);
    }
}

/* No part of a row passes for a row, and nothing behind it is read. */
static void test_rows__avro_truncated(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct rng r = rng_seeded(i + 100);
        for (int k = 0; k < 20; k++) {
            union any_row row;
            struct buf bytes = {0};
            fill(types[i], &row, &r, false);
            row_put_avro(types[i], &row, &bytes);
            for (size_t n = 0; n<bytes.n; n += bytes.n - n> 300 ? 97 : 1) {
                char *part = mem_alloc(n);
                memcpy(part, bytes.p, n);
                struct slice in = slice_of(part, n);
                assert_false(row_get_avro(types[i], &in, &row));
                free(part);
            }
            buf_release(&bytes);
        }
    }
}

/* Of every length, beside avro-c; alone and with more behind it. */
static void check_long(int64_t x) {
    char theirs[16], with_more[32] = {0};
    avro_writer_t w = avro_writer_memory(theirs, sizeof theirs);
    avro_value_iface_t *iface = avro_generic_class_from_schema(avro_schema_long());
    avro_value_t value;
    assert_int_equal(avro_generic_value_new(iface, &value), 0);
    assert_int_equal(avro_value_set_long(&value, x), 0);
    assert_int_equal(avro_value_write(w, &value), 0);
    size_t n = (size_t)avro_writer_tell(w);
    struct buf ours = {0};
    avro_put_long(&ours, x);
    assert_int_equal(ours.n, n);
    assert_memory_equal(ours.p, theirs, n);
    memcpy(with_more, theirs, n);
    for (size_t more = 0; more < 16; more++) {
        memset(with_more + n, more % 2 == 0 ? 0xff : 0x01, more);
        char *bytes = mem_alloc(n + more); /* so that the sanitizer sees where it ends */
        memcpy(bytes, with_more, n + more);
        struct slice in = slice_of(bytes, n + more);
        int64_t read;
        assert_true(avro_get_long(&in, &read));
        assert_int_equal(read, x);
        assert_int_equal(in.n, more);
        assert_ptr_equal(in.p, bytes + n);
        free(bytes);
    }
    for (size_t part = 0; part < n; part++) {
        struct slice in = slice_of(theirs, part);
        int64_t read;
        assert_false(avro_get_long(&in, &read));
    }
    avro_value_decref(&value);
    avro_value_iface_decref(iface);
    avro_writer_free(w);
    buf_release(&ours);
}

static void test_rows__avro_longs(void **state) {
    (void)state;
    struct rng r = rng_seeded(7);
    for (int bits = 0; bits < 64; bits++) {
        uint64_t edge = UINT64_C(1) << bits, noise = rng_next(&r) >> (63 - bits);
        const uint64_t some[] = {edge, edge - 1, ~edge, ~(edge - 1), noise, ~noise};
        for (size_t i = 0; i < ARRAY_LEN(some); i++)
            check_long((int64_t)some[i]);
    }
}

/* Whatever the bytes are: slices stay inside of them, and nothing is read outside (the sanitizer looks). */
static void check_slices(const struct row_type *type, const void *row, struct slice bytes) {
    for (size_t i = 0; i < type->field_count; i++) {
        if (type->fields[i].kind != ROW_TEXT && type->fields[i].kind != ROW_BYTES)
            continue;
        const struct slice *s =
            (const struct slice *)(const void *)((const char *)row + type->fields[i].offset);
        assert_true(s->p >= bytes.p && s->n <= bytes.n && s->p + s->n <= bytes.p + bytes.n);
    }
}

static void test_rows__avro_garbage(void **state) {
    (void)state;
    struct rng r = rng_seeded(5);
    struct totals totals = {0};
    for (int k = 0; k < 60000; k++) {
        const struct row_type *type = types[rng_below(&r, ARRAY_LEN(types))];
        size_t n = (size_t)rng_below(&r, 48);
        char *bytes = mem_alloc(n);
        union any_row row;
        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)(rng_chance(&r, 60) ? rng_below(&r, 8) : rng_below(&r, 256));
        struct slice in = slice_of(bytes, n);
        if (row_get_avro(type, &in, &row)) {
            check_slices(type, &row, slice_of(bytes, n));
            assert_true(in.p + in.n == bytes + n);
        }
        in = slice_of(bytes, n);
        (void)totals_decode(&in, &totals);
        free(bytes);
    }
    totals_release(&totals);
}

static void test_rows__avro_refused(void **state) {
    static const struct {
        const struct row_type *type;
        struct slice bytes;
    } cases[] = {
        {&customer_attributes_type, {"\1", 1}}, /* length -1 */
        {&customer_attributes_type,
         {"\x04"
          "a",
          2}}, /* longer than what is there */
        {&customer_attributes_type, {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10}}, /* INT64_MIN long */
        {&customer_attributes_type, {"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10}}, /* INT64_MAX long */
        {&account_link_type, {"\x02\0\0", 3}},                      /* a decimal of no bytes */
        {&account_link_type, {"\x02\x12\1\0\0\0\0\0\0\0\0\0", 12}}, /* over 64 bits */
        {&account_link_type, {"\x02\x22\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20}}, /* 17 bytes */
        {&customer_history_type, {"\0\0\0\0\0\x04\0", 7}},                          /* no such branch */
        {&customer_history_type, {"\0\0\0\0\0\1\0", 7}},                            /* branch -1 */
        {&account_link_type,
         {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\0\2\0\0", 14}}, /* a long of 11 bytes */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        union any_row row;
        struct slice in = cases[i].bytes;
        if (row_get_avro(cases[i].type, &in, &row))
            fail_msg("case %zu was taken for a row", i);
    }
}

/* --- the records of the state, which have arrays and optional parts --- */

static void set_long(const avro_value_t *record, const char *name, int64_t x) {
    avro_value_t v = member(record, name);
    assert_int_equal(avro_value_set_long(&v, x), 0);
}

static void set_bool(const avro_value_t *record, const char *name, bool x) {
    avro_value_t v = member(record, name);
    assert_int_equal(avro_value_set_boolean(&v, x), 0);
}

static void set_total(const avro_value_t *record, const char *name, int128 x) {
    avro_value_t v = member(record, name);
    set_decimal(&v, x);
}

static void set_account_type(const avro_value_t *record, struct slice type) {
    avro_value_t v = member(record, "account_type");
    assert_int_equal(avro_value_set_enum(&v, slice_eq(type, slice_str("savings")) ? 0 : 1), 0);
}

/* The branch of a union with null. */
static avro_value_t set_branch(const avro_value_t *record, const char *name, bool there) {
    avro_value_t branch, v = member(record, name);
    assert_int_equal(avro_value_set_branch(&v, there, &branch), 0);
    if (!there)
        assert_int_equal(avro_value_set_null(&branch), 0);
    return branch;
}

static int64_t minus(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static struct slice any_account_type(struct rng *r) {
    return slice_str(rng_chance(r, 50) ? "savings" : "checking");
}

#define CONFIRMATIONS_MAX 100

/* `t` has room for that many. */
static void fill_timeline(struct timeline *t, struct rng *r, struct slice attributes) {
    t->newest_event_at = rng_any(r);
    t->has_current = rng_chance(r, 60);
    t->current = (struct version){rng_any(r), TIMESTAMP_NONE, rng_any(r), attributes};
    t->confirmation_count = (size_t)rng_below(r, rng_chance(r, 10) ? CONFIRMATIONS_MAX : 4);
    for (size_t i = 0; i < t->confirmation_count; i++)
        t->confirmations[i] = (struct confirmation){rng_any(r), rng_chance(r, 50), rng_any(r)};
}

static void peer_set_timeline(const avro_value_t *row, const struct timeline *t) {
    avro_value_t v = member(row, "timeline"), branch = set_branch(&v, "current", t->has_current);
    int64_t base = t->has_current ? t->current.from : 0;
    if (t->has_current) {
        set_long(&branch, "valid_from_at", base);
        set_long(&branch, "loaded_after", minus(t->current.loaded_at, base));
        avro_value_t attributes = member(&branch, "attributes");
        set_bytes(&attributes, t->current.attributes);
    }
    set_long(&v, "newest_after", minus(t->newest_event_at, base));
    avro_value_t array = member(&v, "confirmations");
    for (size_t i = 0; i < t->confirmation_count; i++) {
        avro_value_t item;
        const struct confirmation *c = &t->confirmations[i];
        assert_int_equal(avro_value_append(&array, &item, NULL), 0);
        set_long(&item, "after", minus(c->at, base));
        set_bool(&item, "deleted", c->deleted);
        set_long(&item, "loaded_after", minus(c->loaded_at, c->at));
        base = c->at;
    }
}

static void assert_same_timelines(const struct timeline *a, const struct timeline *b) {
    assert_true(a->newest_event_at == b->newest_event_at && a->has_current == b->has_current);
    if (a->has_current) {
        assert_true(a->current.from == b->current.from && a->current.loaded_at == b->current.loaded_at);
        assert_true(slice_eq(a->current.attributes, b->current.attributes));
    }
    assert_int_equal(a->confirmation_count, b->confirmation_count);
    for (size_t i = 0; i < a->confirmation_count; i++) {
        const struct confirmation *c = &a->confirmations[i], *d = &b->confirmations[i];
        assert_true(c->at == d->at && c->deleted == d->deleted && c->loaded_at == d->loaded_at);
    }
}

/* An account's row that says something of its own in any of its fields, or nothing. */
struct account_case {
    struct account_row row;
    struct account_attributes current;
    bool joined_is_own, summary_is_own;
};

static void fill_joined(struct account_case *c, struct rng *r) {
    struct account_with_customer_row *j = &c->row.joined;
    *j = (struct account_with_customer_row){slice_str("A|1"),
                                            c->current.customer_id,
                                            nasty_text(r),
                                            rng_chance(r, 50),
                                            c->current.balance_amount,
                                            c->current.account_type,
                                            c->row.timeline.current.from};
    switch (rng_below(r, 8)) {
    case 0:
        j->customer_id ^= 1;
        break;
    case 1:
        j->balance_amount ^= 1;
        break;
    case 2:
        j->account_type = slice_str(slice_eq(j->account_type, slice_str("savings")) ? "checking" : "savings");
        break;
    case 3:
        j->valid_from_at ^= 1;
        break;
    default:
        c->joined_is_own = !c->row.timeline.has_current;
        return;
    }
    c->joined_is_own = true;
}

static void fill_summary(struct account_case *c, struct rng *r) {
    struct account_summary_row *s = &c->row.summary;
    int64_t rate = rng_chance(r, 80) ? rng_below(r, 1000) : rng_any(r), balance = c->current.balance_amount;
    int128 product = (int128)balance * rate;
    int128 interest = (product < 0 ? product - 500 : product + 500) / 1000, sum = balance + interest;
    bool fits = (int64_t)interest == interest && (int64_t)sum == sum;
    *s = (struct account_summary_row){slice_str("A|1"),  c->current.customer_id, balance,   rate,
                                      (int64_t)interest, (int64_t)sum,           rng_any(r)};
    switch (rng_below(r, 8)) {
    case 0:
        s->customer_id ^= 1;
        break;
    case 1:
        s->original_balance_amount ^= 1;
        break;
    case 2:
        s->annual_interest_amount ^= 1;
        break;
    case 3:
        s->new_balance_amount ^= 1;
        break;
    default:
        c->summary_is_own = !c->row.timeline.has_current || !fits;
        return;
    }
    c->summary_is_own = true;
}

static void fill_account(struct account_case *c, struct rng *r, struct buf *attributes) {
    c->current = (struct account_attributes){rng_any(r), rng_any(r), any_account_type(r)};
    buf_clear(attributes);
    account_attributes_encode(&c->current, attributes);
    fill_timeline(&c->row.timeline, r, buf_slice(attributes));
    c->row.has_joined = rng_chance(r, 70);
    c->row.has_summary = rng_chance(r, 70);
    fill_joined(c, r);
    fill_summary(c, r);
}

static void peer_set_account(struct peer *p, const struct account_case *c) {
    const struct account_row *r = &c->row;
    assert_int_equal(avro_value_reset(&p->value), 0);
    peer_set_timeline(&p->value, &r->timeline);
    avro_value_t v = set_branch(&p->value, "joined", r->has_joined);
    if (r->has_joined) {
        avro_value_t name = member(&v, "customer_name");
        set_text(&name, r->joined.customer_name);
        set_bool(&v, "has_loan_flag", r->joined.has_loan_flag);
        avro_value_t own = set_branch(&v, "own", c->joined_is_own);
        if (c->joined_is_own) {
            set_long(&own, "customer_id", r->joined.customer_id);
            set_long(&own, "balance_amount", r->joined.balance_amount);
            set_account_type(&own, r->joined.account_type);
            set_long(&own, "valid_from_at", r->joined.valid_from_at);
        }
    }
    v = set_branch(&p->value, "summary", r->has_summary);
    if (r->has_summary) {
        set_long(&v, "interest_rate_pct", r->summary.interest_rate_pct);
        set_long(
            &v, "calculated_after",
            minus(r->summary.calculated_at, r->timeline.has_current ? r->timeline.current.loaded_at : 0));
        avro_value_t own = set_branch(&v, "own", c->summary_is_own);
        if (c->summary_is_own) {
            set_long(&own, "customer_id", r->summary.customer_id);
            set_long(&own, "original_balance_amount", r->summary.original_balance_amount);
            set_long(&own, "annual_interest_amount", r->summary.annual_interest_amount);
            set_long(&own, "new_balance_amount", r->summary.new_balance_amount);
        }
    }
}

static void assert_same_accounts(const struct account_row *a, const struct account_row *b) {
    assert_same_timelines(&a->timeline, &b->timeline);
    assert_int_equal(a->has_joined, b->has_joined);
    assert_int_equal(a->has_summary, b->has_summary);
    if (a->has_joined)
        assert_same_rows(&account_with_customer_type, &a->joined, &b->joined);
    if (a->has_summary)
        assert_same_rows(&account_summary_type, &a->summary, &b->summary);
}

/* As avro-c has it; back as it was; and still what it was when the version that it leans on is another one. */
static void test_rows__account(void **state) {
    (void)state;
    struct peer *peer = peer_new("account_row");
    struct rng r = rng_seeded(11);
    struct confirmation confirmations[CONFIRMATIONS_MAX];
    struct account_case c = {.row = {.timeline = {.confirmations = confirmations}}};
    struct account_row back = {0}, again = {0};
    struct buf bytes = {0}, attributes = {0};
    for (int k = 0; k < 4000; k++) {
        fill_account(&c, &r, &attributes);
        buf_clear(&bytes);
        account_row_encode(&c.row, &bytes);
        peer_set_account(peer, &c);
        assert_bytes_equal("account_row", buf_slice(&bytes), peer_encode(peer));
        assert_true(account_row_decode(buf_slice(&bytes), slice_str("A|1"), &back));
        assert_same_accounts(&c.row, &back);
        struct buf changed = {0}, other = {0};
        account_attributes_encode(
            &(struct account_attributes){rng_any(&r), rng_any(&r), any_account_type(&r)}, &other);
        fill_timeline(&c.row.timeline, &r, buf_slice(&other));
        account_row_encode(&c.row, &changed);
        assert_true(account_row_decode(buf_slice(&changed), slice_str("A|1"), &again));
        assert_same_accounts(&c.row, &again);
        buf_release(&changed);
        buf_release(&other);
    }
    account_row_release(&back);
    account_row_release(&again);
    buf_release(&bytes);
    buf_release(&attributes);
    peer_free(peer);
}

static void test_rows__attributes_and_links(void **state) {
    (void)state;
    struct peer *attributes = peer_new("account_attributes"), *links = peer_new("link");
    struct peer *versions = peer_new("version");
    struct rng r = rng_seeded(13);
    for (int k = 0; k < 2000; k++) {
        struct account_attributes back, a = {rng_any(&r), rng_any(&r), any_account_type(&r)};
        struct account_link link_back, link = {rng_below(&r, INT32_MAX), rng_any(&r), any_account_type(&r)};
        struct version v = {rng_any(&r), rng_any(&r), rng_any(&r), nasty_text(&r)};
        struct buf bytes = {0};
        account_attributes_encode(&a, &bytes);
        assert_int_equal(avro_value_reset(&attributes->value), 0);
        set_long(&attributes->value, "customer_id", a.customer_id);
        set_long(&attributes->value, "balance_amount", a.balance_amount);
        set_account_type(&attributes->value, a.account_type);
        assert_bytes_equal("account_attributes", buf_slice(&bytes), peer_encode(attributes));
        assert_true(account_attributes_decode(buf_slice(&bytes), &back));
        assert_true(back.customer_id == a.customer_id && back.balance_amount == a.balance_amount &&
                    slice_eq(back.account_type, a.account_type));
        for (size_t n = 0; n < bytes.n; n++)
            assert_false(account_attributes_decode(slice_of(bytes.p, n), &back));
        buf_clear(&bytes);
        link_encode(&link, &bytes);
        struct slice in = buf_slice(&bytes);
        assert_int_equal(avro_value_reset(&links->value), 0);
        set_long(&links->value, "partition", link.partition);
        set_long(&links->value, "balance_amount", link.balance_amount);
        set_account_type(&links->value, link.account_type);
        assert_bytes_equal("link", buf_slice(&bytes), peer_encode(links));
        assert_true(link_decode(&in, &link_back));
        assert_int_equal(in.n, 0);
        assert_same_rows(&account_link_type, &link, &link_back);
        for (size_t n = 0; n < bytes.n; n++) {
            in = slice_of(bytes.p, n);
            assert_false(link_decode(&in, &link_back));
        }
        buf_clear(&bytes);
        version_encode(&v, &bytes);
        assert_int_equal(avro_value_reset(&versions->value), 0);
        set_long(&versions->value, "lasts", minus(v.to, v.from));
        set_long(&versions->value, "loaded_after", minus(v.loaded_at, v.from));
        avro_value_t value = member(&versions->value, "attributes");
        set_bytes(&value, v.attributes);
        assert_bytes_equal("version", buf_slice(&bytes), peer_encode(versions));
        buf_release(&bytes);
    }
    peer_free(attributes);
    peer_free(links);
    peer_free(versions);
}

/* A customer's row whose profile says something of its own, or nothing. */
struct customer_case {
    struct customer_row row;
    struct customer_attributes current;
    struct account_link links[CUSTOMER_LINKS_MAX];
    size_t link_count;
    struct buf bytes[2]; /* for row.links */
    bool profile_is_own;
};

#define CUSTOMER_PARTITIONS_MAX 80

static void fill_totals(struct totals *t, struct rng *r) {
    t->sums = (struct customer_totals){0};
    t->partition_count = (size_t)rng_below(r, rng_chance(r, 10) ? CUSTOMER_PARTITIONS_MAX : 4);
    if (t->partition_count > 0)
        t->sums = (struct customer_totals){rng_chance(r, 80) ? rng_below(r, 3) : rng_any(r), any_total(r),
                                           any_total(r), any_total(r)};
    for (size_t i = 0; i < t->partition_count; i++)
        t->partitions[i] =
            (struct totals_partition){(int32_t)rng_below(r, INT32_MAX), 1 + rng_below(r, INT32_MAX)};
}

/* Ids "00" … in order. */
static void fill_links(struct customer_case *c, struct rng *r) {
    c->link_count = (size_t)rng_below(r, rng_chance(r, 10) ? CUSTOMER_LINKS_MAX + 1 : 4);
    customer_links_clear(&c->row.links);
    for (size_t i = 0; i < c->link_count; i++) {
        struct customer_links_place p;
        char id[4];
        (void)snprintf(id, sizeof id, "%02d", (int)i);
        c->links[i] = (struct account_link){rng_below(r, INT32_MAX), rng_any(r), any_account_type(r)};
        assert_true(customer_links_find(&c->row.links, slice_str(id), &p));
        customer_links_change(&c->row.links, &p, slice_str(id), &c->links[i], &c->bytes[i % 2]);
    }
}

static void fill_profile(struct customer_case *c, struct rng *r) {
    struct customer_profile_row *p = &c->row.profile;
    const struct customer_totals *sums = &c->row.totals.sums;
    *p = (struct customer_profile_row){-7,
                                       c->current.customer_name,
                                       c->current.has_loan_flag,
                                       sums->accounts,
                                       sums->balance,
                                       c->current.has_loan_flag ? sums->interest_with_loan
                                                                : sums->interest_without_loan,
                                       rng_any(r)};
    switch (rng_below(r, 10)) {
    case 0:
        p->customer_name = slice_str("somebody else");
        break;
    case 1:
        p->has_loan_flag = !p->has_loan_flag;
        break;
    case 2:
        p->total_accounts_count ^= 1;
        break;
    case 3:
        p->total_balance_amount ^= 1;
        break;
    case 4:
        p->total_annual_interest_amount ^= 1;
        break;
    default:
        c->profile_is_own = !c->row.timeline.has_current || sums->accounts == 0;
        return;
    }
    c->profile_is_own = true;
}

static void fill_customer(struct customer_case *c, struct rng *r, struct buf *attributes) {
    c->current = (struct customer_attributes){nasty_text(r), rng_chance(r, 50)};
    buf_clear(attributes);
    row_put_avro(&customer_attributes_type, &c->current, attributes);
    fill_timeline(&c->row.timeline, r, buf_slice(attributes));
    fill_totals(&c->row.totals, r);
    fill_links(c, r);
    c->row.has_profile = rng_chance(r, 70);
    fill_profile(c, r);
}

static void peer_set_totals(const avro_value_t *row, const struct totals *t) {
    avro_value_t v = set_branch(row, "totals", t->partition_count > 0);
    if (t->partition_count == 0)
        return;
    set_long(&v, "accounts", t->sums.accounts);
    set_total(&v, "balance", t->sums.balance);
    set_total(&v, "interest_without_loan", t->sums.interest_without_loan);
    set_total(&v, "interest_with_loan", t->sums.interest_with_loan);
    avro_value_t array = member(&v, "partitions");
    for (size_t i = 0; i < t->partition_count; i++) {
        avro_value_t item;
        assert_int_equal(avro_value_append(&array, &item, NULL), 0);
        set_long(&item, "partition", t->partitions[i].partition);
        set_long(&item, "links", t->partitions[i].links);
    }
}

static void peer_set_customer(struct peer *p, const struct customer_case *c) {
    const struct customer_row *r = &c->row;
    assert_int_equal(avro_value_reset(&p->value), 0);
    peer_set_timeline(&p->value, &r->timeline);
    peer_set_totals(&p->value, &r->totals);
    avro_value_t links = member(&p->value, "links");
    for (size_t i = 0; i < c->link_count; i++) {
        char text[4];
        avro_value_t item;
        (void)snprintf(text, sizeof text, "%02d", (int)i);
        assert_int_equal(avro_value_append(&links, &item, NULL), 0);
        avro_value_t id = member(&item, "account_id");
        set_text(&id, slice_str(text));
        set_long(&item, "partition", c->links[i].partition);
        set_long(&item, "balance_amount", c->links[i].balance_amount);
        set_account_type(&item, c->links[i].account_type);
    }
    avro_value_t v = set_branch(&p->value, "profile", r->has_profile);
    if (!r->has_profile)
        return;
    set_long(&v, "calculated_at", r->profile.calculated_at);
    avro_value_t own = set_branch(&v, "own", c->profile_is_own);
    if (!c->profile_is_own)
        return;
    avro_value_t name = member(&own, "customer_name");
    set_text(&name, r->profile.customer_name);
    set_bool(&own, "has_loan_flag", r->profile.has_loan_flag);
    set_long(&own, "total_accounts_count", r->profile.total_accounts_count);
    set_total(&own, "total_balance_amount", r->profile.total_balance_amount);
    set_total(&own, "total_annual_interest_amount", r->profile.total_annual_interest_amount);
}

static void assert_same_customers(const struct customer_row *a, const struct customer_row *b) {
    const struct customer_totals *s = &a->totals.sums, *t = &b->totals.sums;
    assert_same_timelines(&a->timeline, &b->timeline);
    assert_int_equal(a->totals.partition_count, b->totals.partition_count);
    assert_true(s->accounts == t->accounts && s->balance == t->balance &&
                s->interest_without_loan == t->interest_without_loan &&
                s->interest_with_loan == t->interest_with_loan);
    for (size_t i = 0; i < a->totals.partition_count; i++)
        assert_true(a->totals.partitions[i].partition == b->totals.partitions[i].partition &&
                    a->totals.partitions[i].links == b->totals.partitions[i].links);
    assert_int_equal(a->links.count, b->links.count);
    assert_true(slice_eq(a->links.items, b->links.items));
    assert_int_equal(a->has_profile, b->has_profile);
    if (a->has_profile)
        assert_same_rows(&customer_profile_type, &a->profile, &b->profile);
}

static void test_rows__customer(void **state) {
    (void)state;
    struct peer *peer = peer_new("customer_row");
    struct rng r = rng_seeded(12);
    struct confirmation confirmations[CONFIRMATIONS_MAX];
    struct totals_partition partitions[CUSTOMER_PARTITIONS_MAX];
    struct customer_case c = {
        .row = {.timeline = {.confirmations = confirmations}, .totals = {.partitions = partitions}}};
    struct customer_row back = {0}, again = {0};
    struct buf bytes = {0}, attributes = {0}, changed = {0}, expected = {0};
    for (int k = 0; k < 4000; k++) {
        fill_customer(&c, &r, &attributes);
        buf_clear(&bytes);
        customer_row_encode(&c.row, &bytes);
        /* avro-c writes arrays without their size in bytes, so ours is written again by it. */
        peer_set_customer(peer, &c);
        buf_set(&expected, peer_encode(peer));
        peer_decode(peer, buf_slice(&bytes));
        assert_bytes_equal("customer_row", peer_encode(peer), buf_slice(&expected));
        assert_true(customer_row_decode(buf_slice(&bytes), -7, &back));
        assert_same_customers(&c.row, &back);
        fill_totals(&c.row.totals, &r);
        buf_clear(&changed);
        customer_row_encode(&c.row, &changed);
        assert_true(customer_row_decode(buf_slice(&changed), -7, &again));
        assert_same_customers(&c.row, &again);
    }
    customer_row_release(&back);
    customer_row_release(&again);
    buf_release(&bytes);
    buf_release(&attributes);
    buf_release(&changed);
    buf_release(&expected);
    buf_release(&c.bytes[0]);
    buf_release(&c.bytes[1]);
    peer_free(peer);
}

/* What can be read can be written. The copy is of just that size, so that a read behind it is seen. */
static void decode_both(struct slice bytes, struct account_row *a, struct customer_row *c) {
    char *copy = mem_alloc(bytes.n);
    struct buf again = {0};
    memcpy(copy, bytes.p, bytes.n);
    if (account_row_decode(slice_of(copy, bytes.n), slice_str("A"), a))
        account_row_encode(a, &again);
    if (customer_row_decode(slice_of(copy, bytes.n), 7, c))
        customer_row_encode(c, &again);
    free(copy);
    buf_release(&again);
}

/* No part of a row passes for one; other bytes may. */
static void test_rows__damaged_rows(void **state) {
    (void)state;
    struct rng r = rng_seeded(14);
    struct confirmation confirmations[CONFIRMATIONS_MAX];
    struct totals_partition partitions[CUSTOMER_PARTITIONS_MAX];
    struct account_case a = {.row = {.timeline = {.confirmations = confirmations}}};
    struct customer_case c = {
        .row = {.timeline = {.confirmations = confirmations}, .totals = {.partitions = partitions}}};
    struct account_row account = {0};
    struct customer_row customer = {0};
    struct buf bytes = {0}, attributes = {0};
    for (int k = 0; k < 1000; k++) {
        buf_clear(&bytes);
        bool is_account = k % 2 == 0;
        if (is_account) {
            fill_account(&a, &r, &attributes);
            account_row_encode(&a.row, &bytes);
        } else {
            fill_customer(&c, &r, &attributes);
            customer_row_encode(&c.row, &bytes);
        }
        for (size_t n = 0; n < bytes.n && n < 300; n++) {
            struct slice part = slice_of(bytes.p, n);
            if (is_account)
                assert_false(account_row_decode(part, slice_str("A"), &account));
            else
                assert_false(customer_row_decode(part, 7, &customer));
        }
        decode_both(buf_slice(&bytes), &account, &customer);
        for (int i = 0; i < 20 && bytes.n > 0; i++) {
            bytes.p[rng_below(&r, (int64_t)bytes.n)] = (char)rng_below(&r, rng_chance(&r, 50) ? 5 : 256);
            decode_both(buf_slice(&bytes), &account, &customer);
        }
    }
    for (int k = 0; k < 60000; k++) {
        char garbage[64];
        size_t n = (size_t)rng_below(&r, (int64_t)sizeof garbage);
        for (size_t i = 0; i < n; i++)
            garbage[i] = (char)(rng_chance(&r, 60) ? rng_below(&r, 6) : rng_below(&r, 256));
        decode_both(slice_of(garbage, n), &account, &customer);
    }
    account_row_release(&account);
    customer_row_release(&customer);
    buf_release(&c.bytes[0]);
    buf_release(&c.bytes[1]);
    buf_release(&bytes);
    buf_release(&attributes);
}

static void test_rows__confirmations(void **state) {
    (void)state;
    struct peer *peer = peer_new("confirmations");
    struct rng r = rng_seeded(15);
    for (int k = 0; k < 2000; k++) {
        struct confirmation confirmations[CONFIRMATIONS_MAX];
        struct timeline t = {.confirmations = confirmations};
        struct buf bytes = {0};
        fill_timeline(&t, &r, slice_str(""));
        confirmations_encode(&t, &bytes);
        assert_int_equal(avro_value_reset(&peer->value), 0);
        for (size_t i = 0; i < t.confirmation_count; i++) {
            avro_value_t item;
            assert_int_equal(avro_value_append(&peer->value, &item, NULL), 0);
            set_long(&item, "at", t.confirmations[i].at);
            set_bool(&item, "deleted", t.confirmations[i].deleted);
            set_long(&item, "loaded_at", t.confirmations[i].loaded_at);
        }
        assert_bytes_equal("confirmations", buf_slice(&bytes), peer_encode(peer));
        buf_release(&bytes);
    }
    peer_free(peer);
}

/* --- JSON --- */

static void assert_json(const struct row_type *type, const void *row, const char *expected) {
    struct buf text = {0};
    row_put_json(type, row, &text);
    assert_text(buf_slice(&text), expected);
    buf_release(&text);
}

/* As users get it. 2024-02-15T00:00:00Z is 1707955200000. */
static void test_rows__json_text(void **state) {
    const int64_t t = INT64_C(1707955200000);
    (void)state;
    assert_json(
        &customer_history_type,
        &(struct customer_history_row){1001, slice_str("änne \"o'neil\"\n"), true, t + 1, t, TIMESTAMP_NONE},
        "{\"customer_id\":1001,\"customer_name\":\"änne \\\"o'neil\\\"\\n\",\"has_loan_flag\":true,"
        "\"loaded_at\":\"2024-02-15T00:00:00.001Z\",\"valid_from_at\":\"2024-02-15T00:00:00.000Z\","
        "\"valid_to_at\":null}");
    assert_json(
        &account_history_type,
        &(struct account_history_row){slice_str("A001"), -7, 1650000, slice_str("savings"), t, t,
                                      t + 86400000},
        "{\"account_id\":\"A001\",\"customer_id\":-7,\"balance_amount\":\"16500.00\",\"account_type\":\"savings\","
        "\"loaded_at\":\"2024-02-15T00:00:00.000Z\",\"valid_from_at\":\"2024-02-15T00:00:00.000Z\","
        "\"valid_to_at\":\"2024-02-16T00:00:00.000Z\"}");
    assert_json(
        &account_with_customer_type,
        &(struct account_with_customer_row){slice_str("\\"), INT64_MAX, slice_str(""), false,
                                            INT64_C(999999999999999999), slice_str("checking"), 0},
        "{\"account_id\":\"\\\\\",\"customer_id\":9223372036854775807,\"customer_name\":\"\","
        "\"has_loan_flag\":false,\"balance_amount\":\"9999999999999999.99\",\"account_type\":\"checking\","
        "\"valid_from_at\":\"1970-01-01T00:00:00.000Z\"}");
    assert_json(
        &account_summary_type,
        &(struct account_summary_row){slice_str("A"), 1, 1650000, 15, 24750, 1674750, t},
        "{\"account_id\":\"A\",\"customer_id\":1,\"original_balance_amount\":\"16500.00\","
        "\"interest_rate_pct\":\"0.015\",\"annual_interest_amount\":\"247.50\",\"new_balance_amount\":\"16747.50\","
        "\"calculated_at\":\"2024-02-15T00:00:00.000Z\"}");
    assert_json(
        &customer_profile_type,
        &(struct customer_profile_row){1, slice_str("x"), false, 2, (int128)INT64_MAX * 100, 5, t},
        "{\"customer_id\":1,\"customer_name\":\"x\",\"has_loan_flag\":false,\"total_accounts_count\":2,"
        "\"total_balance_amount\":\"9223372036854775807.00\",\"total_annual_interest_amount\":\"0.05\","
        "\"calculated_at\":\"2024-02-15T00:00:00.000Z\"}");
}

static bool has_bytes(const struct row_type *type) {
    for (size_t i = 0; i < type->field_count; i++)
        if (type->fields[i].kind == ROW_BYTES)
            return true;
    return false;
}

static void test_rows__json_there_and_back(void **state) {
    (void)state;
    struct json json;
    struct buf text = {0};
    json_init(&json);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct rng r = rng_seeded(i + 200);
        if (has_bytes(types[i]))
            continue;
        for (int k = 0; k < 1500; k++) {
            union any_row row, back;
            fill(types[i], &row, &r, true);
            buf_clear(&text);
            row_put_json(types[i], &row, &text);
            const cJSON *object = json_parse(&json, buf_slice(&text));
            if (object == NULL || !row_get_json(types[i], object, &back))
                fail_msg("%s: %s cannot be read: %s", types[i]->name, buf_cstr(&text), json.error);
            assert_same_rows(types[i], &row, &back);
        }
    }
    buf_release(&text);
    json_release(&json);
}

/* Of the same meaning to all parsers, or not: the two ways must agree. */
static void change_text(struct buf *text, struct rng *r) {
    static const char *const insertions[] = {" ",   "\n", "\\", "\\u0041",  "0",   "-",
                                             ",",   ".",  "\"", "\x1",      "é",   "\xff",
                                             "1e1", "{}", "}",  "\"a\":1,", "null"};
    size_t at = (size_t)rng_below(r, (int64_t)text->n);
    struct buf rest = {0};
    while (at > 0 && text->p[at - 1] != ':' && rng_chance(r, 98)) /* mostly where a value begins */
        at--;
    switch (rng_below(r, 5)) {
    case 0:
        text->n = at;
        break;
    case 1:
        text->p[at] = (char)rng_below(r, 256);
        break;
    case 2:
        buf_put_str(text, insertions[rng_below(r, ARRAY_LEN(insertions))]);
        break;
    case 3:
        text->p[at] = "0123456789-.,:\"\\{}Znt"[rng_below(r, 21)];
        break;
    default: /* something in between, or something left out */
        buf_set(&rest, slice_of(text->p + at, text->n - at));
        text->n = at;
        if (rng_chance(r, 50))
            buf_put_str(text, insertions[rng_below(r, ARRAY_LEN(insertions))]);
        size_t skip = rng_chance(r, 50) ? 0 : (size_t)rng_below(r, (int64_t)(rest.n < 4 ? rest.n : 4));
        buf_put_slice(text, slice_of(rest.p + skip, rest.n - skip));
    }
    buf_release(&rest);
}

/* The text in a piece of memory of its own, so that a sanitizer sees who reads over its end. */
static bool scan_alone(const struct row_type *type, struct slice text, char **copy, void *row) {
    *copy = mem_alloc(text.n + (text.n == 0));
    memcpy(*copy, text.p, text.n);
    return row_scan_json(type, slice_of(*copy, text.n), row);
}

/* What the fast way reads, the parser reads, too, and as the same row. */
static bool assert_scan_agrees(const struct row_type *type, struct json *json, struct slice text) {
    union any_row fast, slow;
    char *copy;
    bool scanned = scan_alone(type, text, &copy, &fast);
    if (scanned) {
        const cJSON *object = json_parse(json, text);
        if (object == NULL || !row_get_json(type, object, &slow))
            fail_msg("%s: only the fast way reads %.*s", type->name, (int)text.n, text.p);
        assert_same_rows(type, &fast, &slow);
    }
    free(copy);
    return scanned;
}

static bool has_nasty_text(const struct row_type *type, const void *row) {
    for (size_t i = 0; i < type->field_count; i++) {
        struct slice text = *(const struct slice *)((const char *)row + type->fields[i].offset);
        for (size_t k = 0; type->fields[i].kind == ROW_TEXT && k < text.n; k++)
            if ((unsigned char)text.p[k] < 0x20 || text.p[k] == '"' || text.p[k] == '\\')
                return true;
    }
    return false;
}

static bool is_wide(const struct row_type *type, const void *row) {
    const int128 max = INT64_C(999999999999999999);
    for (size_t i = 0; i < type->field_count; i++) {
        enum row_field_kind kind = type->fields[i].kind;
        const void *p = (const char *)row + type->fields[i].offset;
        int128 v = kind == ROW_TOTAL                                            ? *(const int128 *)p
                   : kind == ROW_LONG || kind == ROW_AMOUNT || kind == ROW_RATE ? *(const int64_t *)p
                                                                                : 0;
        if (v > max || v < -max)
            return true;
    }
    return false;
}

static void test_rows__json_scan(void **state) {
    (void)state;
    struct json json;
    struct buf text = {0};
    int scanned = 0, changed = 0;
    json_init(&json);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct rng r = rng_seeded(i + 300);
        for (int k = 0; !has_bytes(types[i]) && k < 5000; k++) {
            union any_row row, back;
            fill(types[i], &row, &r, true);
            buf_clear(&text);
            row_put_json(types[i], &row, &text);
            bool fast = assert_scan_agrees(types[i], &json, buf_slice(&text));
            scanned += fast;
            if (fast == (has_nasty_text(types[i], &row) || is_wide(types[i], &row)))
                fail_msg("%s: %s", buf_cstr(&text), fast ? "scanned" : "not scanned");
            assert_true(row_read_json(types[i], &json, buf_slice(&text), &back));
            assert_same_rows(types[i], &row, &back);
            for (int n = 0; text.n > 0 && n < 3; n++) {
                change_text(&text, &r);
                changed += assert_scan_agrees(types[i], &json, buf_slice(&text));
            }
        }
    }
    assert_true(scanned > 1000 && changed > 1000);
    buf_release(&text);
    json_release(&json);
}

/* Every field in turn replaced by something else: refused, or a value of the field's kind. */
static void test_rows__json_refused(void **state) {
    static const char *const instead[] = {"null", "[]",  "{}",      "\"x\"", "7",
                                          "\"\"", "1.5", "\"1.5\"", "\"-\"", "true"};
    static const bool good[][ARRAY_LEN(instead)] = {
        [ROW_LONG] = {[4] = true}, [ROW_TEXT] = {[3] = true, [5] = true, [7] = true, [8] = true},
        [ROW_BOOL] = {[9] = true}, [ROW_AMOUNT] = {false},
        [ROW_TOTAL] = {false},     [ROW_RATE] = {false},
        [ROW_TIME] = {false},      [ROW_OPTIONAL_TIME] = {[0] = true},
    };
    (void)state;
    struct json json;
    struct buf text = {0};
    json_init(&json);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        for (size_t f = 0; !has_bytes(types[i]) && f < types[i]->field_count; f++) {
            for (size_t k = 0; k <= ARRAY_LEN(instead); k++) {
                struct rng r = rng_seeded(k);
                union any_row row;
                fill(types[i], &row, &r, true);
                buf_clear(&text);
                row_put_json(types[i], &row, &text);
                cJSON *object = cJSON_Duplicate(json_parse(&json, buf_slice(&text)), 1);
                const char *name = types[i]->fields[f].name;
                if (k < ARRAY_LEN(instead)) /* the last case: no such member */
                    (void)cJSON_ReplaceItemInObject(
                        object, name, cJSON_Duplicate(json_parse(&json, slice_str(instead[k])), 1));
                else
                    cJSON_DeleteItemFromObject(object, name);
                bool expected = k < ARRAY_LEN(instead) && good[types[i]->fields[f].kind][k];
                if (row_get_json(types[i], object, &row) != expected)
                    fail_msg("%s.%s: case %zu", types[i]->name, name, k);
                cJSON_Delete(object);
            }
        }
    }
    buf_release(&text);
    json_release(&json);
}

static void test_rows__json_decimals(void **state) {
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        {"0.00", true},
        {"-0.01", true},
        {"999999999999999999999999999999999999.99", true},
        {"-999999999999999999999999999999999999.99", true},
        {"170141183460469231731687303715884105.72", true},
        {"9999999999999999999999999999999999999.99", false},  /* 39 digits */
        {"99999999999999999999999999999999999999.99", false}, /* 40 digits: more than 128 bits */
        {"999999999999999999999999999999999999999.99", false},
        {".00", false},
        {"-.00", false},
        {"1.0", false},
        {"1.000", false},
        {"1,00", false},
        {"+1.00", false},
        {"--1.00", false},
        {"1.-1", false},
        {"1..0", false},
        {" 1.00", false},
        {"", false},
        {"-", false},
    };
    (void)state;
    struct json json;
    json_init(&json);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct customer_profile_row row = {0};
        struct buf text = {0};
        buf_printf(
            &text,
            "{\"customer_id\":1,\"customer_name\":\"x\",\"has_loan_flag\":true,"
            "\"total_accounts_count\":1,\"total_balance_amount\":\"%s\","
            "\"total_annual_interest_amount\":\"0.00\",\"calculated_at\":\"2024-02-15T00:00:00.000Z\"}",
            cases[i].text);
        if (row_get_json(&customer_profile_type, json_parse(&json, buf_slice(&text)), &row) != cases[i].ok)
            fail_msg("%s", cases[i].text);
        buf_clear(&text);
        if (cases[i].ok) {
            decimal_put(&text, row.total_balance_amount, 2);
            assert_text(buf_slice(&text), cases[i].text);
        }
        buf_release(&text);
    }
    json_release(&json);
}

/* --- comparing --- */

static void test_rows__same_content(void **state) {
    (void)state;
    struct rng r = rng_seeded(3);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        union any_row a, b;
        fill(types[i], &a, &r, true);
        for (size_t f = 0; f < types[i]->field_count; f++) {
            const struct row_field *field = &types[i]->fields[f];
            b = a;
            assert_true(row_same_content(types[i], &a, &b));
            void *p = (char *)&b + field->offset;
            if (field->kind == ROW_BOOL)
                *(bool *)p = !*(bool *)p;
            else if (field->kind == ROW_TEXT || field->kind == ROW_BYTES)
                *(struct slice *)p = slice_str("another");
            else if (field->kind == ROW_TOTAL)
                *(int128 *)p ^= (int128)1 << 100;
            else
                *(int64_t *)p ^= INT64_C(1) << 40;
            assert_int_equal(row_same_content(types[i], &a, &b), strcmp(field->name, "calculated_at") == 0);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows__schemas),
        cmocka_unit_test(test_rows__avro),
        cmocka_unit_test(test_rows__avro_truncated),
        cmocka_unit_test(test_rows__avro_longs),
        cmocka_unit_test(test_rows__avro_garbage),
        cmocka_unit_test(test_rows__avro_refused),
        cmocka_unit_test(test_rows__account),
        cmocka_unit_test(test_rows__attributes_and_links),
        cmocka_unit_test(test_rows__customer),
        cmocka_unit_test(test_rows__damaged_rows),
        cmocka_unit_test(test_rows__confirmations),
        cmocka_unit_test(test_rows__json_text),
        cmocka_unit_test(test_rows__json_there_and_back),
        cmocka_unit_test(test_rows__json_scan),
        cmocka_unit_test(test_rows__json_refused),
        cmocka_unit_test(test_rows__json_decimals),
        cmocka_unit_test(test_rows__same_content),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
