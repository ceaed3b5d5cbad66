#include "streamer/files/text_input.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"
#include "streamer/base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <threads.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const path = "test_text_input.csv";

static void write_bytes(struct slice content, const char *mode) {
    FILE *f = fopen(path, mode);
    assert_non_null(f);
    assert_int_equal(fwrite(content.p, 1, content.n, f), content.n);
    assert_int_equal(fclose(f), 0);
}

/* Takes what is in the window. */
static void take_window(struct text_input *t, struct buf *out) {
    buf_put(out, t->bytes + t->at, t->end - t->at);
    t->at = t->end;
}

static void take_all(struct text_input *t, struct buf *out) {
    take_window(t, out);
    while (!t->ended) {
        text_input_more(t);
        take_window(t, out);
    }
}

/* The whole text; where it cannot be read, "!" and the error follow. */
static void read_all(const char *encoding, struct buf *out) {
    struct text_input t;
    struct text_input_options o = {.encoding = encoding, .command = "streamer feed customers"};
    struct err e = {0};
    buf_clear(out);
    if (!text_input_open(&t, path, &o, &e)) {
        buf_printf(out, "!%s", e.text);
        return;
    }
    take_all(&t, out);
    if (t.fault.class != ERR_NONE)
        buf_printf(out, "!%s", t.fault.text);
    text_input_release(&t);
}

#define BYTES(text) slice_of(text, sizeof(text) - 1)

/* Some systems have most encodings in a package of their own. */
static bool has_few_encodings;
iconv_t __real_iconv_open(const char *to, const char *from);
iconv_t __wrap_iconv_open(const char *to, const char *from);
iconv_t __wrap_iconv_open(const char *to, const char *from) {
    if (!has_few_encodings)
        return __real_iconv_open(to, from);
    errno = EINVAL;
    return (iconv_t)-1;
}

struct test_case {
    const char *encoding;
    struct slice content;
    const char *expected;
};

static void check(const struct test_case *cases, size_t n) {
    struct buf out = {0};
    for (size_t i = 0; i < n; i++) {
        write_bytes(cases[i].content, "we");
        read_all(cases[i].encoding, &out);
        if (strcmp(buf_cstr(&out), cases[i].expected) != 0)
            fail_msg("case %zu:\n%s\ninstead of\n%s", i, buf_cstr(&out), cases[i].expected);
    }
    buf_release(&out);
    (void)unlink(path);
}

/* The byte order mark is still in the text, since the reader skips any number of them. */
static void test_text_input__encodings(void **state) {
    (void)state;
    const struct test_case cases[] = {
        {NULL, BYTES("id\n\xC3\xBC"), "id\n\xC3\xBC"},
        {"UTF8", BYTES("id\n\xC3\xBC"), "id\n\xC3\xBC"},
        {"windows-1252", BYTES("id\nM\xFCller \x80 O\x92Neil"),
         "id\nM\xC3\xBCller \xE2\x82\xAC O\xE2\x80\x99Neil"},
        {"CP1252", BYTES("\xFC"), "\xC3\xBC"},
        {"latin-1", BYTES("id\nM\xFCller \xA4"), "id\nM\xC3\xBCller \xC2\xA4"},
        {"latin-9", BYTES("id\n\xA4"), "id\n\xE2\x82\xAC"},
        {"cp850", BYTES("M\x81ller"), "M\xC3\xBCller"},
        {"windows-1251", BYTES("\xC8\xE2\xE0\xED"), "\xD0\x98\xD0\xB2\xD0\xB0\xD0\xBD"},
        {"shift_jis", BYTES("id\n\x93\xFA"), "id\n\xE6\x97\xA5"},
        {"gb18030", BYTES("id\n\xD6\xD0"), "id\n\xE4\xB8\xAD"},
        {"utf-16", BYTES("\xFF\xFEi\0d\0\n\0\xFC\0"), "\xEF\xBB\xBFid\n\xC3\xBC"},
        {"utf-16", BYTES("\xFE\xFF\0i\0d\0\n\0\xFC"), "\xEF\xBB\xBFid\n\xC3\xBC"},
        {"UTF16", BYTES("i\0d\0\n\0\xFC\0"), "id\n\xC3\xBC"},
        {"utf-16", BYTES("\0i\0d\0\n\0\xFC"), "id\n\xC3\xBC"},
        {"utf-16le", BYTES("\xFF\xFEi\0\n\0\x3D\xD8\0\xDE"), "\xEF\xBB\xBFi\n\xF0\x9F\x98\x80"},
        {"utf-16be", BYTES("\0i\0\n\xD8\x3D\xDE\0"), "i\n\xF0\x9F\x98\x80"},
        {"utf-32", BYTES("\xFF\xFE\0\0i\0\0\0"), "\xEF\xBB\xBFi"},
        {"windows-1252", BYTES(""), ""},
        {"utf-16", BYTES(""), ""},
    };
    check(cases, ARRAY_LEN(cases));
}

/* A name that is unknown, or plainly the wrong one, is answered with the right one. */
static void test_text_input__wrong_option(void **state) {
    (void)state;
    const struct test_case cases[] = {
        {"windows-1225", BYTES("id\n"),
         "!test_text_input.csv: --encoding: unknown encoding \"windows-1225\", did you mean "
         "windows-1252?"},
        {"latin", BYTES("id\n"),
         "!test_text_input.csv: --encoding: unknown encoding \"latin\", did "
         "you mean latin-1?"},
        {"xx", BYTES("id\n"),
         "!test_text_input.csv: --encoding: unknown encoding \"xx\", use e.g. windows-1252, "
         "latin-1, utf-16; `iconv -l` lists them"},
        {"", BYTES("id\n"),
         "!test_text_input.csv: --encoding: unknown encoding \"\", use e.g. "
         "windows-1252, latin-1, utf-16; `iconv -l` lists them"},
        {"latin1//IGNORE", BYTES("id\n"),
         "!test_text_input.csv: --encoding: unknown encoding \"latin1//IGNORE\", use e.g. "
         "windows-1252, latin-1, utf-16; `iconv -l` lists them"},
        {NULL, BYTES("\xFF\xFEi\0d\0\n\0"),
         "!test_text_input.csv: the file is UTF-16LE: use --encoding utf-16"},
        {NULL, BYTES("\xFE\xFF\0i\0d\0\n"),
         "!test_text_input.csv: the file is UTF-16BE: use --encoding utf-16"},
        {NULL, BYTES("c\0u\0s\0t\0,\0n\0\n\0"),
         "!test_text_input.csv: the file is UTF-16LE: use --encoding utf-16"},
        {NULL, BYTES("\0c\0u\0s\0t\0,\0n\0\n"),
         "!test_text_input.csv: the file is UTF-16BE: use --encoding utf-16"},
        {NULL, BYTES("\xFF\xFE\0\0i\0\0\0"),
         "!test_text_input.csv: the file is UTF-32LE: use --encoding utf-32"},
        {"windows-1252", BYTES("\xFF\xFEi\0d\0\n\0"),
         "!test_text_input.csv: the file is UTF-16LE: use --encoding utf-16"},
        {"utf-16le", BYTES("\xFE\xFF\0i\0d\0\n"),
         "!test_text_input.csv: the file is UTF-16BE by "
         "its byte order mark: use --encoding utf-16"},
        {"utf-16", BYTES("id,name\n"),
         "!test_text_input.csv: the file is not utf-16: leave --encoding out"},
        {"utf-16le", BYTES("id,n\xC3\xA4me\n"),
         "!test_text_input.csv: the file is not utf-16le: leave --encoding out"},
        {"utf-16", BYTES("\x2D\x4E\n\0\x2D\x4E\x2D\x4E"),
         "!test_text_input.csv: the file has no byte order mark: use --encoding utf-16le or "
         "utf-16be"},
        {"windows-1252", BYTES("id,n\xC3\xA4me\n"),
         "!test_text_input.csv: the file is UTF-8, not windows-1252: leave --encoding out"},
        {"latin-1", BYTES("\xEF\xBB\xBFid\n"),
         "!test_text_input.csv: the file is UTF-8, not latin-1: leave --encoding out"},
    };
    check(cases, ARRAY_LEN(cases));
}

static void test_text_input__a_system_with_few_encodings(void **state) {
    (void)state;
    const struct test_case cases[] = {
        {"cp850", BYTES("id\n"),
         "!test_text_input.csv: --encoding: this machine's C library cannot convert cp850, install "
         "libc-gconv-modules-extra or the like"},
        {"cp580", BYTES("id\n"),
         "!test_text_input.csv: --encoding: unknown encoding \"cp580\", did "
         "you mean cp850?"},
    };
    has_few_encodings = true;
    check(cases, ARRAY_LEN(cases));
    has_few_encodings = false;
}

/* What comes before the fault is read. */
static void test_text_input__wrong_bytes(void **state) {
    (void)state;
    const struct test_case cases[] = {
        {"windows-1252", BYTES("id\n1\n\x81\n"),
         "id\n1\n!the byte 0x81 is no character in windows-1252, try --encoding cp850 (DOS) or "
         "windows-1250 (Central Europe)"},
        {"latin-1", BYTES("id\n1\nO\x92Neil\n"),
         "id\n1\nO!the byte 0x92 is a control character in latin-1, try --encoding windows-1252"},
        {"shift_jis", BYTES("id\n\xFC\n"),
         "id\n!the byte 0xFC is no character in shift_jis, try --encoding windows-1252"},
        {"shift_jis", BYTES("id\n\x93"),
         "id\n!the file ends in the middle of a character, get all of it"},
        {"utf-16", BYTES("i\0\n\0\x41\xDC\n\0"),
         "i\n!the bytes 0x41 0xDC are no character in utf-16, the file is damaged, get it again"},
        {"utf-16", BYTES("i\0d\0\n\0x"),
         "id\n!the file ends in the middle of a character, get all of it"},
    };
    check(cases, ARRAY_LEN(cases));
}

/* Puts the text in that encoding. */
static void put_encoded(struct buf *out, const char *encoding, struct buf *text) {
    iconv_t opened = iconv_open(encoding, "UTF-8");
    assert_ptr_not_equal(opened, (iconv_t)-1);
    size_t left = text->n, room = 4 * text->n;
    char *from = text->p, *to = buf_reserve(out, room);
    assert_int_equal(iconv(opened, &from, &left, &to, &room), 0);
    out->n = (size_t)(to - out->p);
    (void)iconv_close(opened);
}

/* Longer than the window, with characters of one to four bytes on its borders. */
static void test_text_input__any_border(void **state) {
    (void)state;
    static const char *const encodings[] = {"utf-16le", "utf-16be", "gb18030"};
    struct buf text = {0}, out = {0};
    for (int i = 0; i < 60000; i++)
        buf_printf(&text, "%d\xC3\xBC\xE2\x82\xAC%s", i % 7,
                   i % 3 == 0 ? "\xF0\x9F\x98\x80" : "\n");
    for (size_t i = 0; i < ARRAY_LEN(encodings); i++) {
        struct buf file = {0};
        put_encoded(&file, encodings[i], &text);
        write_bytes(buf_slice(&file), "we");
        read_all(encodings[i], &out);
        assert_true(slice_eq(buf_slice(&out), buf_slice(&text)));
        buf_release(&file);
    }
    buf_release(&text), buf_release(&out);
    (void)unlink(path);
}

/* A file that is still written, or is cut, is not taken for a whole one. */
static void test_text_input__the_file_changes(void **state) {
    (void)state;
    for (int grows = 0; grows <= 1; grows++) {
        struct text_input t;
        struct text_input_options o = {.command = "streamer feed customers"};
        struct err e = {0};
        struct buf out = {0};
        write_bytes(slice_str("id\n1\n2\n"), "we");
        assert_true(text_input_open(&t, path, &o, &e));
        if (grows != 0)
            write_bytes(slice_str("3\n"), "ae");
        else
            assert_int_equal(truncate(path, 5), 0);
        take_all(&t, &out);
        assert_int_equal(t.fault.class, ERR_CONFIG);
        assert_string_equal(t.fault.text, grows != 0
                                              ? "the file has changed while it was read, from 7 to "
                                                "9 bytes: feed it again when it is complete"
                                              : "the file has changed while it was read, from 7 to "
                                                "5 bytes: feed it again when it is complete");
        text_input_release(&t);
        buf_release(&out);
    }
    (void)unlink(path);
}

static int stop_soon(void *stop) {
    (void)usleep(50000);
    atomic_store((atomic_bool *)stop, true);
    return 0;
}

/* Reading from a pipe that nobody writes to ends when it is asked to, without a signal. */
static void test_text_input__stops(void **state) {
    (void)state;
    atomic_bool stop = false;
    struct text_input t;
    struct text_input_options o = {.command = "streamer feed customers", .stop = &stop};
    struct err e = {0};
    (void)unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    int writer = open(path, O_RDWR | O_CLOEXEC);
    assert_true(writer >= 0);
    assert_int_equal(write(writer, "id\n", 3), 3);
    assert_true(text_input_open(&t, path, &o, &e));
    t.at = t.end;
    thrd_t thread;
    assert_int_equal(thrd_create(&thread, stop_soon, &stop), thrd_success);
    text_input_more(&t);
    assert_int_equal(thrd_join(thread, NULL), thrd_success);
    assert_true(t.ended);
    assert_int_equal(t.fault.class, ERR_STOP);
    assert_string_equal(t.fault.text, "interrupted");
    text_input_release(&t);
    (void)close(writer);
    (void)unlink(path);
}

/* A run that was killed may have left its named pipe, which cannot be opened without a reader. */
static int remove_file(void **state) {
    (void)state;
    (void)unlink(path);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_input__encodings),
        cmocka_unit_test(test_text_input__wrong_option),
        cmocka_unit_test(test_text_input__a_system_with_few_encodings),
        cmocka_unit_test(test_text_input__wrong_bytes),
        cmocka_unit_test(test_text_input__any_border),
        cmocka_unit_test(test_text_input__the_file_changes),
        cmocka_unit_test(test_text_input__stops),
    };
    return cmocka_run_group_tests(tests, remove_file, remove_file);
}
