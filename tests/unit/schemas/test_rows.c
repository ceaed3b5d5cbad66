/* Every row against schemas/<name>.avsc with avro-c, which knows nothing of rows.c. */
#include "rows_peer.h"

#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/layers/marts/customer_profile.h"

#include <avro.h>
#include <stdio.h>

static const struct row_type *const types[] = {
    &customer_history_type, &account_history_type,  &account_with_customer_type,
    &account_summary_type,  &customer_profile_type, &customer_attributes_type,
    &account_link_type,
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
};

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
    case ROW_TOTAL:
    case ROW_RATE:
        assert_decimal(type, f->precision, row_decimals(f->kind));
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
            fill_row(type, &row, &r, false);
            row_put_avro(type, &row, &bytes);
            peer_set(peer, type, &row);
            assert_bytes_equal(type->name, buf_slice(&bytes), peer_encode(peer));
            peer_decode(peer, buf_slice(&bytes)); /* avro-c reads our bytes and writes the same */
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

/* No part of a row is read as a row, and nothing behind it is read. */
static void test_rows__avro_truncated(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct rng r = rng_seeded(i + 100);
        for (int k = 0; k < 20; k++) {
            union any_row row;
            struct buf bytes = {0};
            fill_row(types[i], &row, &r, false);
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

/* Longs of every length, compared with avro-c, alone and with more bytes behind. */
static void check_long(int64_t x) {
    char theirs[16] = {0}, with_more[32] = {0};
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

/* Whatever the bytes are, slices stay inside of them, and nothing outside is read (which sanitizers
 * see). */
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
        {&customer_attributes_type,
         {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10}}, /* INT64_MIN long */
        {&customer_attributes_type,
         {"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10}},         /* INT64_MAX long */
        {&account_link_type, {"\x02\0\0", 3}},                      /* a decimal of no bytes */
        {&account_link_type, {"\x02\x12\1\0\0\0\0\0\0\0\0\0", 12}}, /* over 64 bits */
        {&account_link_type, {"\x02\x22\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20}}, /* 17 bytes */
        {&customer_history_type, {"\0\0\0\0\0\x04\0", 7}}, /* no such branch */
        {&customer_history_type, {"\0\0\0\0\0\1\0", 7}},   /* branch -1 */
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

/* --- JSON --- */

static void assert_json(const struct row_type *type, const void *row, const char *expected) {
    struct buf text = {0};
    row_put_json(type, row, &text);
    assert_text(buf_slice(&text), expected);
    buf_release(&text);
}

/* The text that users get. 2024-02-15T00:00:00Z is 1707955200000. */
static void test_rows__json_text(void **state) {
    const int64_t t = INT64_C(1707955200000);
    (void)state;
    assert_json(
        &customer_history_type,
        &(struct customer_history_row){1001, slice_str("änne \"o'neil\"\n"), true, t + 1, t,
                                       TIMESTAMP_NONE},
        "{\"customer_id\":1001,\"customer_name\":\"änne \\\"o'neil\\\"\\n\",\"has_loan_flag\":true,"
        "\"loaded_at\":\"2024-02-15T00:00:00.001Z\",\"valid_from_at\":\"2024-02-15T00:00:00.000Z\","
        "\"valid_to_at\":null}");
    assert_json(
        &account_history_type,
        &(struct account_history_row){slice_str("A001"), -7, 1650000, slice_str("savings"), t, t,
                                      t + 86400000},
        "{\"account_id\":\"A001\",\"customer_id\":-7,\"balance_amount\":\"16500.00\","
        "\"account_type\":\"savings\","
        "\"loaded_at\":\"2024-02-15T00:00:00.000Z\",\"valid_from_at\":\"2024-02-15T00:00:00.000Z\","
        "\"valid_to_at\":\"2024-02-16T00:00:00.000Z\"}");
    assert_json(
        &account_with_customer_type,
        &(struct account_with_customer_row){slice_str("\\"), INT64_MAX, slice_str(""), false,
                                            INT64_C(999999999999999999), slice_str("checking"), 0},
        "{\"account_id\":\"\\\\\",\"customer_id\":9223372036854775807,\"customer_name\":\"\","
        "\"has_loan_flag\":false,\"balance_amount\":\"9999999999999999.99\","
        "\"account_type\":\"checking\","
        "\"valid_from_at\":\"1970-01-01T00:00:00.000Z\"}");
    assert_json(&account_summary_type,
                &(struct account_summary_row){slice_str("A"), 1, 1650000, 15, 24750, 1674750, t},
                "{\"account_id\":\"A\",\"customer_id\":1,\"original_balance_amount\":\"16500.00\","
                "\"interest_rate_pct\":\"0.015\",\"annual_interest_amount\":\"247.50\","
                "\"new_balance_amount\":\"16747.50\","
                "\"calculated_at\":\"2024-02-15T00:00:00.000Z\"}");
    assert_json(
        &customer_profile_type,
        &(struct customer_profile_row){1, slice_str("x"), false, 2, (int128)INT64_MAX * 100, 5, t},
        "{\"customer_id\":1,\"customer_name\":\"x\",\"has_loan_flag\":false,"
        "\"total_accounts_count\":2,"
        "\"total_balance_amount\":\"9223372036854775807.00\","
        "\"total_annual_interest_amount\":\"0.05\","
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
            fill_row(types[i], &row, &r, true);
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

/* Changes a text at random. Whether it is still valid or not, both ways to read it must agree. */
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
        size_t skip =
            rng_chance(r, 50) ? 0 : (size_t)rng_below(r, (int64_t)(rest.n < 4 ? rest.n : 4));
        buf_put_slice(text, slice_of(rest.p + skip, rest.n - skip));
    }
    buf_release(&rest);
}

/* Scans a copy in memory of exactly its size, so that sanitizers see a read behind its end. */
static bool scan_alone(const struct row_type *type, struct slice text, char **copy, void *row) {
    *copy = mem_alloc(text.n + (text.n == 0));
    memcpy(*copy, text.p, text.n);
    return row_scan_json(type, slice_of(*copy, text.n), row);
}

/* What the fast way reads, the parser reads as the same row. */
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
        int128 v = kind == ROW_TOTAL ? *(const int128 *)p
                   : kind == ROW_LONG || kind == ROW_AMOUNT || kind == ROW_RATE
                       ? *(const int64_t *)p
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
            fill_row(types[i], &row, &r, true);
            buf_clear(&text);
            if (rng_chance(&r, 50))
                row_put_json(types[i], &row, &text);
            else
                row_put_json_numbers(types[i], &row, &text);
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

/* Each field in turn is replaced by something else. It is refused if it is no value of the field's
 * kind. */
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
                fill_row(types[i], &row, &r, true);
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
        buf_printf(&text,
                   "{\"customer_id\":1,\"customer_name\":\"x\",\"has_loan_flag\":true,"
                   "\"total_accounts_count\":1,\"total_balance_amount\":\"%s\","
                   "\"total_annual_interest_amount\":\"0.00\","
                   "\"calculated_at\":\"2024-02-15T00:00:00.000Z\"}",
                   cases[i].text);
        if (row_get_json(&customer_profile_type, json_parse(&json, buf_slice(&text)), &row) !=
            cases[i].ok)
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
        fill_row(types[i], &a, &r, true);
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
            assert_int_equal(row_same_content(types[i], &a, &b),
                             strcmp(field->name, "calculated_at") == 0);
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
        cmocka_unit_test(test_rows__json_text),
        cmocka_unit_test(test_rows__json_there_and_back),
        cmocka_unit_test(test_rows__json_scan),
        cmocka_unit_test(test_rows__json_refused),
        cmocka_unit_test(test_rows__json_decimals),
        cmocka_unit_test(test_rows__same_content),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
