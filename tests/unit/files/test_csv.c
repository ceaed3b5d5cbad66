#include "streamer/files/csv.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const path = "test_csv.csv";
enum { RECORD_MAX = 1000 };
static const struct csv_options options = {.record_max_bytes = RECORD_MAX,
                                           .command = "streamer feed customers"};

static void write_file(struct slice content) {
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(content.p, 1, content.n, f), content.n);
    assert_int_equal(fclose(f), 0);
}

static void put_row(struct buf *out, size_t n, struct slice (*get)(const struct csv *, size_t),
                    const struct csv *c) {
    for (size_t i = 0; i < n; i++) {
        buf_put_byte(out, '[');
        buf_put_slice(out, get(c, i));
        buf_put_byte(out, ']');
    }
}

/* The whole file as text, as "[name][name] 2:[field][field] 3:…"; where it is wrong, "!" and the
 * error follow. */
static void read_all_as(const char *from, const char *encoding, struct buf *out) {
    struct err e = {0};
    struct csv_options o = options;
    buf_clear(out);
    o.encoding = encoding;
    struct csv *c = csv_open(from, &o, &e);
    enum csv_result result = CSV_ERROR;
    if (c != NULL) {
        put_row(out, csv_column_count(c), csv_column_name, c);
        while ((result = csv_next(c, &e)) == CSV_ROW) {
            buf_printf(out, " %d:", (int)csv_line(c));
            put_row(out, csv_column_count(c), csv_field, c);
        }
    }
    if (result == CSV_ERROR) {
        assert_int_equal(e.class, ERR_CONFIG);
        assert_null(strchr(e.text, '\n'));
        buf_printf(out, "!%s", e.text);
    }
    csv_close(c);
}

static void read_all(const char *from, struct buf *out) {
    read_all_as(from, NULL, out);
}

struct test_case {
    const char *content, *expected;
    size_t n; /* 0: strlen(content) */
};

static void check_cases(const struct test_case *cases, size_t n) {
    struct buf out = {0};
    for (size_t i = 0; i < n; i++) {
        write_file(
            slice_of(cases[i].content, cases[i].n != 0 ? cases[i].n : strlen(cases[i].content)));
        read_all(path, &out);
        if (strcmp(buf_cstr(&out), cases[i].expected) != 0)
            fail_msg("case %zu:\n%s\ninstead of\n%s", i, buf_cstr(&out), cases[i].expected);
    }
    buf_release(&out);
    (void)unlink(path);
}

static void test_csv__rfc_4180(void **state) {
    (void)state;
    static const struct test_case cases[] = {
        /* RFC 4180, section 2, rules 1 to 7 */
        {"a,b,c\r\naaa,bbb,ccc\r\nzzz,yyy,xxx\r\n", "[a][b][c] 2:[aaa][bbb][ccc] 3:[zzz][yyy][xxx]",
         0},
        {"a,b,c\r\naaa,bbb,ccc\r\nzzz,yyy,xxx", "[a][b][c] 2:[aaa][bbb][ccc] 3:[zzz][yyy][xxx]", 0},
        {"a,b,c\r\n\"aaa\",\"bbb\",\"ccc\"\r\nzzz,yyy,xxx",
         "[a][b][c] 2:[aaa][bbb][ccc] 3:[zzz][yyy][xxx]", 0},
        {"a,b,c\r\n\"aaa\",\"b \r\nbb\",\"ccc\"\r\nzzz,yyy,xxx",
         "[a][b][c] 2:[aaa][b \r\nbb][ccc] 4:[zzz][yyy][xxx]", 0},
        {"a,b,c\r\n\"aaa\",\"b\"\"bb\",\"ccc\"", "[a][b][c] 2:[aaa][b\"bb][ccc]", 0},
        {"a,b\r\n x , y \r\n", "[a][b] 2:[ x ][ y ]", 0}, /* spaces are part of a field */
    };
    check_cases(cases, ARRAY_LEN(cases));
}

static void test_csv__accepted(void **state) {
    (void)state;
    static const struct test_case cases[] = {
        {"a,b\n1,2\n", "[a][b] 2:[1][2]", 0},
        {"\xEF\xBB\xBF"
         "a,b\n1,2",
         "[a][b] 2:[1][2]", 0},
        {"\xEF\xBB\xBF\"a\",b\n1,2", "[a][b] 2:[1][2]", 0},
        {"a\n", "[a]", 0},
        {"a", "[a]", 0},
        {"a\r\n", "[a]", 0},
        {"a,b\n,\n\"\",\"\"\n1,\n", "[a][b] 2:[][] 3:[][] 4:[1][]", 0},
        {"a,b\n1,", "[a][b] 2:[1][]", 0},
        {"a\n\n\r\n1\n\n\n2\n\n", "[a] 4:[1] 7:[2]", 0},
        {"\n\na\n1\n", "[a] 4:[1]", 0},
        {"a\n\"\"\n\"\"", "[a] 2:[] 3:[]", 0},
        {"a\n\"\"\"\"\n\"\"\"x\"\"\"\n", "[a] 2:[\"] 3:[\"x\"]", 0},
        {"a,b\n\"x,y\",\"\n\"\n", "[a][b] 2:[x,y][\n]", 0},
        {"a\n\"x\ry\"\n", "[a] 2:[x\ry]", 0},
        {"a,b\n1,\"2\"\r", "[a][b] 2:[1][2]", 0},
        {"Customer ID,\"na\"\"me\"\n1,M\xC3\xBCller\n",
         "[Customer ID][na\"me] 2:[1][M\xC3\xBCller]", 0},
        {"\xEF\xBB\xBF\xEF\xBB\xBF"
         "a,b\n1,2\n",
         "[a][b] 2:[1][2]", 0},
        {"sep=;\r\na;b\r\n1,5;2\r\n", "[a][b] 3:[1,5][2]", 0},
        {"sep=,\na,b\n1,2\n", "[a][b] 3:[1][2]", 0},
        {"sep=\t\n\na\tb\n\"1\t\"\t2", "[a][b] 4:[1\t][2]", 0},
        {"a,\"b;c\"\n1,2\n", "[a][b;c] 2:[1][2]", 0},
    };
    check_cases(cases, ARRAY_LEN(cases));
}

static void test_csv__refused(void **state) {
    (void)state;
    static const struct test_case cases[] = {
        {"a,b\n1,2\n3,\"x\n\ny",
         "[a][b] 2:[1][2]!test_csv.csv:3: the quote that opens here is never closed, close it", 0},
        {"a,b\n1\n",
         "[a][b]!test_csv.csv:2: too few fields: 1, but the header has 2, correct the row, or "
         "remove it if it is a footer",
         0},
        {"a,b\n1,2\n\n1,2,3\n",
         "[a][b] 2:[1][2]!test_csv.csv:4: too many fields: "
         "3, but the header has 2, quote a field that holds the delimiter",
         0},
        {"a,b\n \n",
         "[a][b]!test_csv.csv:2: too few fields: 1, but the header has 2, correct the row, or "
         "remove it if it is a footer",
         0},
        {"a,b\n1,x\"y\n",
         "[a][b]!test_csv.csv:2: there is a quote inside a "
         "field without quotes, quote the field and double "
         "the quote",
         0},
        {"a,b\n1, \"y\"\n", "[a][b]!test_csv.csv:2: there is a space before a quote, remove it", 0},
        {"a,b\n1,\"x\\\"y\"\n",
         "[a][b]!test_csv.csv:2: there is a backslash before a quote, double the quote instead", 0},
        {"a,b\n1,\"x\n\"y\n",
         "[a][b]!test_csv.csv:3: there is text after a closing quote, double a quote inside quotes",
         0},
        {"a,b\n1,\"x\"  \n",
         "[a][b]!test_csv.csv:2: there is text after a closing quote, double a quote inside quotes",
         0},
        {"a,b\n1,\xFF\n",
         "[a][b]!test_csv.csv:2: field 2: the byte 0xFF is no character in UTF-8, try --encoding "
         "windows-1252",
         0},
        {"a,b\n\xC3,\xA4\n",
         "[a][b]!test_csv.csv:2: field 1: the byte 0xC3 is no character in UTF-8, try --encoding "
         "windows-1252",
         0},
        {"a\n\xED\xA0\x80\n",
         "[a]!test_csv.csv:2: field 1: the byte 0xED is no character in UTF-8, try --encoding "
         "windows-1252",
         0},
        {"\xE4,b\n",
         "!test_csv.csv:1: field 1: the byte 0xE4 is no character in UTF-8, try --encoding "
         "windows-1252",
         0},
        {"a,b\n1,M\x81ller\n",
         "[a][b]!test_csv.csv:2: field 2: the byte 0x81 is no character in UTF-8, try --encoding "
         "cp850 (DOS) or windows-1250 (Central Europe)",
         0},
        {"a\n\n1\0\n",
         "[a]!test_csv.csv:3: there is a NUL byte, the file is damaged or padded: tr -d '\\000' "
         "<test_csv.csv | streamer feed customers -",
         6},
        {"\xFF\xFE\x61\0", "!test_csv.csv: the file is UTF-16LE: use --encoding utf-16", 4},
        {"a\n1\r2\n",
         "[a]!test_csv.csv:2: there is a carriage return without a line feed: "
         "tr '\\r' '\\n' <test_csv.csv | streamer feed customers -",
         0},
        {"a\r1\r",
         "!test_csv.csv:1: there is a carriage return without a line feed: "
         "tr '\\r' '\\n' <test_csv.csv | streamer feed customers -",
         0},
        {"a\r\r\n1\r\r\n",
         "!test_csv.csv:1: there are two carriage returns in a row: "
         "tr -d '\\r' <test_csv.csv | streamer feed customers -",
         0},
        {"a,b\r\n1,2\r\n\x1A",
         "[a][b] 2:[1][2]!test_csv.csv:3: there is a Ctrl-Z, as programs of DOS end files: tr -d "
         "'\\032' <test_csv.csv | streamer feed customers -",
         0},
        {"# of 2024\na,b\n",
         "!test_csv.csv:1: there is a comment in the place of the header: tail -n +2 "
         "<test_csv.csv | streamer feed customers -",
         0},
        {"\n#a,b\n",
         "!test_csv.csv:2: the header begins with '#': sed 's/^#//' <test_csv.csv | streamer "
         "feed customers -",
         0},
        {"a,\n",
         "!test_csv.csv:1: column 2 has no name, give it one, or remove the last delimiter of "
         "each line",
         0},
        {"a, ,c\n", "!test_csv.csv:1: column 2 has no name, give it one", 0},
        {"\n,\n", "!test_csv.csv:2: column 1 has no name, give it one", 0},
        {"a,b, a\n", "!test_csv.csv:1: columns 1 and 3 are both called \"a\", rename one", 0},
        {"\n\n",
         "!test_csv.csv:3: the file is empty, it needs a header line with the names of the columns",
         0},
    };
    check_cases(cases, ARRAY_LEN(cases));
    static const struct test_case empty[] = {
        {"\xEF\xBB\xBF",
         "!test_csv.csv:1: the file is empty, it needs a header line with the names of the columns",
         0},
    };
    check_cases(empty, ARRAY_LEN(empty));
}

/* Files that are no CSV, or another one, are known by their first line: what helps is said. */
static void test_csv__other_files(void **state) {
    (void)state;
    static const struct test_case cases[] = {
        {"id;name\n1;2\n", "!test_csv.csv:1: separated by ';', not by ','; use --delimiter ';'", 0},
        {"\n\"id\";\"na,me\"\n1;2\n",
         "!test_csv.csv:2: separated by ';', not by ','; use --delimiter ';'", 0},
        {"id\tname\n", "!test_csv.csv:1: separated by '\\t', not by ','; use --delimiter '\\t'", 0},
        {"id|name", "!test_csv.csv:1: separated by '|', not by ','; use --delimiter '|'", 0},
        {"sep=\xff\na\n1\n",
         "!test_csv.csv:1: field 1: the byte 0xFF is no character in UTF-8, try --encoding "
         "windows-1252",
         0},
        {"sep=;\na,b\n", "!test_csv.csv:2: separated by ',', not by ';'; use --delimiter ','", 0},
        {"\x1F\x8B\x08\0", "!test_csv.csv: is gzip: zcat test_csv.csv | streamer feed customers -",
         4},
        {"PK\x03\x04\x14\0",
         "!test_csv.csv: is a zip archive or a workbook: unzip -p test_csv.csv | streamer feed "
         "customers -; of a workbook save the table as CSV in UTF-8",
         6},
    };
    check_cases(cases, ARRAY_LEN(cases));
}

/* Where the text ends by a fault: whole rows before it count, and the cut one does not. */
static void test_csv__faults_of_the_text(void **state) {
    (void)state;
    static const char *const wrong =
        "the byte 0x81 is no character in cp1252, try --encoding cp850 (DOS) or windows-1250 "
        "(Central Europe)";
    static const struct test_case cases[] = {
        {"a,b\n1,\xFC\n2,x\x81\n3,z\n", "[a][b] 2:[1][\xC3\xBC]!test_csv.csv:3: ", 0},
        {"a,b\n1,2\n\x81,x\n", "[a][b] 2:[1][2]!test_csv.csv:3: ", 0},
        {"a,b\n1,\"x\ny\x81\"\n", "[a][b]!test_csv.csv:3: ", 0},
        {"a,\x81\n1,2\n", "!test_csv.csv:1: ", 0},
    };
    struct buf out = {0}, expected = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        write_file(slice_str(cases[i].content));
        read_all_as(path, "cp1252", &out);
        buf_clear(&expected);
        buf_printf(&expected, "%s%s", cases[i].expected, wrong);
        assert_string_equal(buf_cstr(&out), buf_cstr(&expected));
    }
    buf_release(&out), buf_release(&expected);
    (void)unlink(path);
}

/* The one that was asked for wins over that of a first line. */
static void test_csv__delimiter(void **state) {
    (void)state;
    struct csv_options piped = options;
    struct err e = {0};
    piped.delimiter = '|';
    write_file(slice_str("sep=;\na|\"b|c\"\n1;2|\"x\"\"|\"\n"));
    struct csv *c = csv_open(path, &piped, &e);
    assert_non_null(c);
    assert_true(slice_eq(csv_column_name(c, 1), slice_str("b|c")));
    assert_int_equal(csv_next(c, &e), CSV_ROW);
    assert_true(slice_eq(csv_field(c, 0), slice_str("1;2")) &&
                slice_eq(csv_field(c, 1), slice_str("x\"|")));
    csv_close(c);
    (void)unlink(path);
}

static void test_csv__record_limit(void **state) {
    (void)state;
    struct buf content = {0}, out = {0};
    buf_put_str(&content, "a,b\n");
    for (int extra = 0; extra <= 1; extra++) { /* first of exactly the limit, then one byte more */
        buf_put_str(&content, "\"");
        for (int i = 0; i < RECORD_MAX - 2 + extra; i++)
            buf_put_byte(&content, i % 10 == 9 ? '\n' : 'x');
        buf_put_str(&content, "\",yz\n");
    }
    write_file(buf_slice(&content));
    read_all(path, &out);
    assert_non_null(strstr(buf_cstr(&out),
                           "[yz]!test_csv.csv:102: the record that starts here is longer than 1000 "
                           "bytes"));
    buf_release(&content);
    buf_release(&out);
    (void)unlink(path);
}

static void test_csv__column_limit(void **state) {
    (void)state;
    struct buf content = {0};
    static const struct csv_options wide = {.record_max_bytes = 1000000};
    for (int i = 0; i < CSV_COLUMNS_MAX; i++)
        buf_printf(&content, "%sc%d", i > 0 ? "," : "", i);
    struct err e = {0};
    write_file(buf_slice(&content));
    struct csv *c = csv_open(path, &wide, &e);
    assert_non_null(c);
    assert_int_equal(csv_column_count(c), CSV_COLUMNS_MAX);
    assert_true(slice_eq(csv_column_name(c, 9999), slice_str("c9999")));
    csv_close(c);
    buf_put_str(&content, ",one_more");
    write_file(buf_slice(&content));
    assert_null(csv_open(path, &wide, &e));
    assert_string_equal(e.text,
                        "test_csv.csv:1: there are 10001 columns, at most 10000 are supported");
    buf_release(&content);
    (void)unlink(path);
}

/* Longer than the input buffer, so that fields, quotes and line ends fall on its border. */
static void test_csv__any_buffer_border(void **state) {
    (void)state;
    struct buf content = {0};
    buf_put_str(&content, "id,text\n");
    enum { ROWS = 20000 };
    for (int i = 0; i < ROWS; i++)
        buf_printf(&content, "%d,\"%d \"\"q\"\" \r\n,\xC3\xA4\"\r\n", i, i * 7);
    write_file(buf_slice(&content));
    struct err e = {0};
    struct csv *c = csv_open(path, &options, &e);
    assert_non_null(c);
    for (int i = 0; i < ROWS; i++) {
        char expected[64];
        (void)snprintf(expected, sizeof expected, "%d \"q\" \r\n,\xC3\xA4", i * 7);
        assert_int_equal(csv_next(c, &e), CSV_ROW);
        assert_int_equal(csv_line(c), 2 + 2 * i);
        if (!slice_eq(csv_field(c, 1), slice_str(expected)))
            fail_msg("row %d", i);
    }
    assert_int_equal(csv_next(c, &e), CSV_END);
    assert_int_equal(csv_bytes_read(c), content.n);
    csv_close(c);
    buf_release(&content);
    (void)unlink(path);
}

static void test_csv__delimiter_of_an_option(void **state) {
    (void)state;
    static const struct {
        const char *text;
        char delimiter; /* '\0': refused */
    } cases[] = {{";", ';'},   {"|", '|'},   {"\\t", '\t'},  {"\t", '\t'}, {";;", '\0'},
                 {"\"", '\0'}, {"\n", '\0'}, {"\xA7", '\0'}, {"", '\0'}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char delimiter = '\0', says[100];
        struct err e = {0};
        bool ok = csv_parse_delimiter(cases[i].text, &delimiter, &e);
        assert_int_equal(ok, cases[i].delimiter != '\0');
        assert_int_equal(delimiter, cases[i].delimiter);
        (void)snprintf(says, sizeof says, "--delimiter: \"%s\" is not one character, ",
                       cases[i].text);
        if (!ok && strncmp(e.text, says, strlen(says)) != 0)
            fail_msg("%s", e.text);
    }
}

/* `content` through a pipe as standard input, byte by byte. */
static void test_csv__standard_input(void **state) {
    (void)state;
    static const char content[] = "\xEF\xBB\xBF"
                                  "a,b\r\n1,\"x\"\"y\"\n";
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t writer = fork();
    assert_true(writer >= 0);
    if (writer == 0) {
        for (size_t i = 0; i < sizeof content - 1; i++) {
            if (write(ends[1], content + i, 1) != 1)
                _exit(1);
            (void)usleep(1000);
        }
        _exit(0);
    }
    (void)close(ends[1]);
    int saved = dup(STDIN_FILENO);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    struct buf out = {0};
    read_all("-", &out);
    assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
    (void)close(saved);
    (void)close(ends[0]);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
    assert_string_equal(buf_cstr(&out), "[a][b] 2:[1][x\"y]");
    buf_release(&out);
}

static void test_csv__unreadable(void **state) {
    (void)state;
    struct buf out = {0};
    read_all("no/such.csv", &out);
    assert_string_equal(buf_cstr(&out),
                        "!no/such.csv: cannot open: No such file or directory, check the path");
    read_all("/", &out);
    assert_string_equal(buf_cstr(&out),
                        "!/: is a directory, name its files: streamer feed customers /*.csv");
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv__rfc_4180),
        cmocka_unit_test(test_csv__accepted),
        cmocka_unit_test(test_csv__refused),
        cmocka_unit_test(test_csv__record_limit),
        cmocka_unit_test(test_csv__column_limit),
        cmocka_unit_test(test_csv__any_buffer_border),
        cmocka_unit_test(test_csv__other_files),
        cmocka_unit_test(test_csv__delimiter),
        cmocka_unit_test(test_csv__faults_of_the_text),
        cmocka_unit_test(test_csv__delimiter_of_an_option),
        cmocka_unit_test(test_csv__standard_input),
        cmocka_unit_test(test_csv__unreadable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
