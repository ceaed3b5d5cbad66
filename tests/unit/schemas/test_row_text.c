/* Rows as lines: the bytes of each kind of field, and any row read back by a reader of RFC 4180 of
 * the test's own. */
#include "rows_peer.h"

#include "schemas/row_text.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"

#define FEBRUARY_15 INT64_C(1707955200000)

static void assert_line(enum row_text_format format, const struct row_type *type, const void *row,
                        const char *expected) {
    struct buf out = {0};
    row_text_put(format, type, row, &out);
    assert_text(buf_slice(&out), expected);
    buf_release(&out);
}

static void test_row_text__csv_of_each_kind(void **state) {
    (void)state;
    const struct account_summary_row summary = {{"A-1", 3}, 7,       1650000,    15,
                                                24750,      1674750, FEBRUARY_15};
    assert_line(ROW_TEXT_CSV, &account_summary_type, &summary,
                "A-1,7,16500.00,0.015,247.50,16747.50,2024-02-15T00:00:00.000Z\n");
    const struct account_summary_row negative = {{"A", 1}, -7, -5, -1, 0, -100, FEBRUARY_15 + 1};
    assert_line(ROW_TEXT_CSV, &account_summary_type, &negative,
                "A,-7,-0.05,-0.001,0.00,-1.00,2024-02-15T00:00:00.001Z\n");
    const struct customer_history_row current = {7,           {"Ann", 3},  true,
                                                 FEBRUARY_15, FEBRUARY_15, TIMESTAMP_NONE};
    assert_line(ROW_TEXT_CSV, &customer_history_type, &current,
                "7,Ann,true,2024-02-15T00:00:00.000Z,2024-02-15T00:00:00.000Z,\n");
    const int128 largest = (int128)UINT64_MAX * 1000000000000000000 + 7;
    const struct customer_profile_row profile = {7, {"Ann", 3}, false, 2, largest, 1, FEBRUARY_15};
    assert_line(ROW_TEXT_CSV, &customer_profile_type, &profile,
                "7,Ann,false,2,184467440737095516150000000000000000.07,0.01,"
                "2024-02-15T00:00:00.000Z\n");
}

static void test_row_text__csv_quotes(void **state) {
    (void)state;
    static const struct {
        const char *name, *field;
    } cases[] = {
        {"Ann Lee", "Ann Lee"},
        {" Ann ", " Ann "},
        {"Lee, Ann", "\"Lee, Ann\""},
        {"Ann \"A\"", "\"Ann \"\"A\"\"\""},
        {"\"", "\"\"\"\""},
        {"a\nb", "\"a\nb\""},
        {"a\rb", "\"a\rb\""},
        {"", "\"\""},
        {"José; 'x'\t\\.", "José; 'x'\t\\."},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char expected[100];
        const struct customer_profile_row row = {
            1, slice_str(cases[i].name), true, 0, 0, 0, FEBRUARY_15};
        (void)snprintf(expected, sizeof expected, "1,%s,true,0,0.00,0.00,%s\n", cases[i].field,
                       "2024-02-15T00:00:00.000Z");
        assert_line(ROW_TEXT_CSV, &customer_profile_type, &row, expected);
    }
}

static void test_row_text__headers(void **state) {
    (void)state;
    struct buf out = {0};
    row_text_put_header(ROW_TEXT_CSV, &account_history_type, &out);
    assert_text(buf_slice(&out), "account_id,customer_id,balance_amount,account_type,loaded_at,"
                                 "valid_from_at,valid_to_at\n");
    buf_clear(&out);
    row_text_put_header(ROW_TEXT_JSONL, &account_history_type, &out);
    assert_text(buf_slice(&out), "");
    buf_release(&out);
}

static void test_row_text__json_lines(void **state) {
    (void)state;
    const struct customer_history_row row = {7,           {"A\n\"B\"", 5}, true,
                                             FEBRUARY_15, FEBRUARY_15,     TIMESTAMP_NONE};
    assert_line(ROW_TEXT_JSONL, &customer_history_type, &row,
                "{\"customer_id\":7,\"customer_name\":\"A\\n\\\"B\\\"\",\"has_loan_flag\":true,"
                "\"loaded_at\":\"2024-02-15T00:00:00.000Z\","
                "\"valid_from_at\":\"2024-02-15T00:00:00.000Z\",\"valid_to_at\":null}\n");
}

/* --- any row, read back --- */

/* Takes one field off the front of a record as RFC 4180 has it, and the comma or LF behind it.
 * *is_quoted tells "" from null. */
static void take_field(struct slice *in, struct buf *field, bool *is_quoted) {
    size_t i = 0;
    buf_clear(field);
    *is_quoted = in->n > 0 && in->p[0] == '"';
    for (i = *is_quoted; i < in->n; i++) {
        if (*is_quoted && in->p[i] == '"' && (i + 1 == in->n || in->p[++i] != '"'))
            break;
        if (!*is_quoted && (in->p[i] == ',' || in->p[i] == '\n'))
            break;
        buf_put_byte(field, in->p[i]);
    }
    assert_true(i < in->n && (in->p[i] == ',' || in->p[i] == '\n'));
    *in = slice_of(in->p + i + 1, in->n - i - 1);
}

static int128 read_scaled(struct slice text) {
    int128 value = 0;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != '-' && text.p[i] != '.')
            value = value * 10 + (text.p[i] - '0');
    return text.p[0] == '-' ? -value : value;
}

static int64_t read_time(struct slice text) {
    int64_t ms = TIMESTAMP_NONE;
    assert_true(text.n == 0 || timestamp_parse_iso(text, &ms));
    return ms;
}

static void assert_field(enum row_field_kind kind, const void *p, struct slice text, bool quoted) {
    switch (kind) {
    case ROW_TEXT:
        assert_true(slice_eq(text, *(const struct slice *)p) && (text.n > 0 || quoted));
        break;
    case ROW_BOOL:
        assert_text(text, *(const bool *)p ? "true" : "false");
        break;
    case ROW_LONG:
    case ROW_AMOUNT:
    case ROW_RATE:
        assert_true(!quoted && read_scaled(text) == *(const int64_t *)p);
        break;
    case ROW_TOTAL:
        assert_true(!quoted && read_scaled(text) == *(const int128 *)p);
        break;
    case ROW_TIME:
    case ROW_OPTIONAL_TIME:
        assert_true(!quoted && read_time(text) == *(const int64_t *)p);
        break;
    case ROW_BYTES:
        fail();
    }
}

static void check_record(const struct row_type *type, const void *row, struct slice *in) {
    struct buf field = {0};
    for (size_t i = 0; i < type->field_count; i++) {
        bool is_quoted;
        const struct row_field *f = &type->fields[i];
        take_field(in, &field, &is_quoted);
        assert_int_equal(in->p[-1], i + 1 < type->field_count ? ',' : '\n');
        assert_field(f->kind, (const char *)row + f->offset, buf_slice(&field), is_quoted);
    }
    buf_release(&field);
}

static void test_row_text__csv_there_and_back(void **state) {
    (void)state;
    struct rng r = rng_seeded(7);
    struct buf out = {0};
    for (int i = 0; i < 5000; i++) {
        union any_result rows[2];
        const struct row_type *type = row_result_types[i % ROW_RESULT_COUNT];
        buf_clear(&out);
        for (int k = 0; k < 2; k++) {
            fill_row(type, &rows[k], &r, true);
            row_text_put(ROW_TEXT_CSV, type, &rows[k], &out);
        }
        struct slice in = buf_slice(&out);
        check_record(type, &rows[0], &in);
        check_record(type, &rows[1], &in);
        assert_int_equal(in.n, 0);
    }
    buf_release(&out);
}

/* A buffer that has held the longest line stays where it is. */
static void test_row_text__allocates_nothing(void **state) {
    (void)state;
    struct buf out = {0};
    const struct customer_profile_row row = {1, {"Lee, \"Ann\"", 10}, true, 1, 2, 3, FEBRUARY_15};
    char *first = buf_reserve(&out, 1000);
    for (int i = 0; i < 3; i++) {
        buf_clear(&out);
        row_text_put(ROW_TEXT_CSV, &customer_profile_type, &row, &out);
        row_text_put(ROW_TEXT_JSONL, &customer_profile_type, &row, &out);
        assert_ptr_equal(out.p, first);
    }
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_text__csv_of_each_kind),
        cmocka_unit_test(test_row_text__csv_quotes),
        cmocka_unit_test(test_row_text__headers),
        cmocka_unit_test(test_row_text__json_lines),
        cmocka_unit_test(test_row_text__csv_there_and_back),
        cmocka_unit_test(test_row_text__allocates_nothing),
    };
    return cmocka_run_group_tests_name("row_text", tests, NULL, NULL);
}
