#include "streamer/commands/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Draws as if the job had begun `elapsed_ms` ago. The caller frees the result. */
static char *drawn(uint64_t total, int64_t elapsed_ms, uint64_t bytes, uint64_t rows) {
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    struct progress p;
    progress_init(&p, out, total);
    p.started_ms -= elapsed_ms;
    progress_show(&p, bytes, rows);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void expect(char *text, const char *part) {
    if (strstr(text, part) == NULL)
        fail_msg("no \"%s\" in \"%s\"", part, text);
    free(text);
}

/* The times are so long that a slow machine does not change what is shown. */
static void test_progress__says_how_long_it_takes(void **state) {
    (void)state;
    enum { MIB = 1 << 20, HOUR_MS = 3600000 };
    expect(drawn(4 * MIB, HOUR_MS, MIB, 7200000), "[#######.......................]  25%  7200000 "
                                                  "rows, ");
    expect(drawn(4 * MIB, HOUR_MS, MIB, 7200000), "rows/s, 3:00:0");
    expect(drawn(2 * MIB, HOUR_MS / 6, MIB, 1), ", 10:0");
    expect(drawn(MIB, HOUR_MS, MIB, 1), "100%  1 rows, 0 rows/s, 0:00 left");
}

static void test_progress__of_unknown_size(void **state) {
    (void)state;
    char *text = drawn(0, 3600000, 1 << 20, 7200);
    assert_null(strchr(text, '%'));
    assert_null(strstr(text, "left"));
    expect(text, "7200 rows, ");
    expect(drawn(1 << 20, 0, 0, 0), "  0%  0 rows, 0 rows/s\033[K"); /* not yet known */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_progress__says_how_long_it_takes),
        cmocka_unit_test(test_progress__of_unknown_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
