#include "streamer/files/file_kind.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void expect(struct slice start, const char *path, const char *expected) {
    struct file_source source = {"F", path, "streamer feed customers", false};
    struct err e = {0};
    assert_false(file_kind_is_text(start, &source, &e));
    assert_int_equal(e.class, ERR_CONFIG);
    assert_string_equal(e.text, expected);
}

/* A zip's first name begins at byte 30. */
static void put_zip(struct buf *out, const char *first_name) {
    buf_clear(out);
    buf_put(out, "PK\x03\x04", 4);
    while (out->n < 30)
        buf_put_byte(out, '\0');
    buf_put_str(out, first_name);
}

static void test_file_kind__magic(void **state) {
    (void)state;
#define CASE(bytes, expected)                                                                      \
    { slice_of(bytes, sizeof(bytes) - 1), expected }
    const struct {
        struct slice start;
        const char *expected;
    } cases[] = {
        CASE("\x1F\x8B\x08", "F: is gzip: zcat a.csv | streamer feed customers -"),
        CASE("\x28\xB5\x2F\xFD\x04", "F: is zstd: zstdcat a.csv | streamer feed customers -"),
        CASE("BZh91AY&SY", "F: is bzip2: bzcat a.csv | streamer feed customers -"),
        CASE("\xFD"
             "7zXZ\0",
             "F: is xz: xzcat a.csv | streamer feed customers -"),
        CASE("7z\xBC\xAF\x27\x1C",
             "F: is a 7z archive: 7z x -so a.csv | streamer feed customers -"),
        CASE("PAR1\x15",
             "F: is Parquet: duckdb -csv -c \"from 'a.csv'\" | streamer feed customers -"),
        CASE("%PDF-1.7\n", "F: is a PDF, which is for people: get the table as CSV"),
        CASE("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0",
             "F: is an old workbook (.xls): save the table as CSV in UTF-8"),
        CASE("{\"customer_id\":1}\n", "F: is JSON: duckdb -csv -c \"from read_json('a.csv')\" | "
                                      "streamer feed customers -"),
        CASE("<!DOCTYPE html>",
             "F: is a web page, often an error in the place of a file: get the file again"),
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect(cases[i].start, "a.csv", cases[i].expected);
#undef CASE
}

static void test_file_kind__inside_of_archives(void **state) {
    (void)state;
    struct buf zip = {0};
    put_zip(&zip, "[Content_Types].xml");
    expect(buf_slice(&zip), "my bank.xlsx",
           "F: is an Excel workbook: xlsx2csv 'my bank.xlsx' | streamer feed customers -");
    put_zip(&zip, "customers.csv");
    expect(buf_slice(&zip), "-",
           "F: is a zip archive or a workbook: unzip -p FILE | streamer feed customers -; of a "
           "workbook save the table as CSV in UTF-8");
    char tar[512] = "customers.csv";
    memcpy(tar + 257, "ustar", 5);
    expect(slice_of(tar, sizeof tar), "a.tar",
           "F: is a tar archive: tar -xOf a.tar | streamer feed customers -");
    buf_release(&zip);
}

/* A path that would break the quotes of SQL is left to the user. */
static void test_file_kind__paths(void **state) {
    (void)state;
    expect(slice_str("PAR1"), "it's.parquet",
           "F: is Parquet: duckdb -csv -c \"from 'FILE'\" | streamer feed customers -");
    expect(slice_str("\x1F\x8B"), "it's.gz",
           "F: is gzip: zcat 'it'\\''s.gz' | streamer feed customers -");
}

static void test_file_kind__text(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",          "P",      "PK",    "PARTY,id", "customer_id,name", "BZh,a", "\xEF\xBB\xBFid",
        "\xFF\xFEi", "[id],x", "{id},x"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct file_source source = {"F", "F", "streamer feed customers", false};
        struct err e = {0};
        if (!file_kind_is_text(slice_str(texts[i]), &source, &e))
            fail_msg("%s", e.text);
    }
    char text[300]; /* a name that an archive would have, but in a text */
    memset(text, 'x', sizeof text);
    memcpy(text + 30, "xl/", 3);
    assert_true(file_kind_is_text(slice_of(text, sizeof text),
                                  &(struct file_source){"F", "F", "x", false}, &(struct err){0}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_kind__magic),
        cmocka_unit_test(test_file_kind__inside_of_archives),
        cmocka_unit_test(test_file_kind__paths),
        cmocka_unit_test(test_file_kind__text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
