#include "streamer/base/shell_word.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The shell itself says which text a word is. */
static void test_shell_word__is_one_word(void **state) {
    (void)state;
    static const char *const texts[] = {"",     "a.csv",  "my file.csv", "it's", "$HOME `id` \"x\"",
                                        "a\nb", "*?[x]~", "-n",          "''",   "\\ \t;|&<>()#!"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct buf command = {0}, out = {0};
        buf_put_str(&command, "printf '<%s>' ");
        shell_word_put(&command, texts[i]);
        FILE *shell = popen(buf_cstr(&command), "re");
        assert_non_null(shell);
        for (int c; (c = fgetc(shell)) != EOF;)
            buf_put_byte(&out, (char)c);
        assert_int_equal(pclose(shell), 0);
        struct buf expected = {0};
        buf_printf(&expected, "<%s>", texts[i]);
        assert_string_equal(buf_cstr(&out), buf_cstr(&expected));
        buf_release(&command), buf_release(&out), buf_release(&expected);
    }
}

static void test_shell_word__plain(void **state) {
    (void)state;
    assert_true(shell_word_is_plain("/data/2024-02-15_a.csv"));
    assert_false(shell_word_is_plain("a b"));
    assert_false(shell_word_is_plain(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shell_word__is_one_word),
        cmocka_unit_test(test_shell_word__plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
