/* log: what a line looks like in both formats, whatever is in it. */
#include "support.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

/* What `log` writes to standard error, into `out`. */
static const char *captured(void (*log)(void), struct buf *out) {
    struct stderr_capture c = stderr_capture_begin();
    log();
    stderr_capture_end(&c, out);
    return buf_cstr(out);
}

static void log_plain(void) {
    log_info("topic created", "topic=%s partition=%d", "a.b", 3);
}
static void log_without_pairs(void) {
    log_error("it ends", " ");
}
static void log_quoted(void) {
    log_warn("he said \"no\"", "reason=%s path=%s",
             log_quote(&(struct log_value){0}, "a \"b\" \\c\n\xFF\xC3\xA4=1"), "/x\"y\\z");
}

/* Longer than a line may be: cut, but whole lines of their format. */
static void log_long(void) {
    char text[5000];
    memset(text, '"', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_info(text, "x=%s y=\"%s", text, text);
}

static void test_log__logfmt(void **state) {
    (void)state;
    static const struct {
        void (*log)(void);
        const char *after_time;
    } cases[] = {
        {log_plain, "Z level=info msg=\"topic created\" topic=a.b partition=3\n"},
        {log_without_pairs, "Z level=error msg=\"it ends\"\n"},
        {log_quoted, "Z level=warn msg=\"he said \\\"no\\\"\" reason=\"a "
                     "\\\"b\\\" \\\\c \xFF\xC3\xA4=1\" path=/x\"y\\z\n"},
    };
    struct buf out = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *line = captured(cases[i].log, &out);
        assert_int_equal(strncmp(line, "time=20", 7), 0);
        assert_string_equal(line + strlen("time=2026-11-28T09:00:00.000"), cases[i].after_time);
    }
    buf_release(&out);
}

static void test_log__json(void **state) {
    (void)state;
    static const struct {
        void (*log)(void);
        const char *after_time;
    } cases[] = {
        {log_plain, "Z\",\"level\":\"info\",\"msg\":\"topic created\","
                    "\"topic\":\"a.b\",\"partition\":\"3\"}\n"},
        {log_without_pairs, "Z\",\"level\":\"error\",\"msg\":\"it ends\"}\n"},
        {log_quoted, "Z\",\"level\":\"warn\",\"msg\":\"he said \\\"no\\\"\","
                     "\"reason\":\"a \\\"b\\\" \\\\c \xEF\xBF\xBD\xC3\xA4=1\","
                     "\"path\":\"/x\\\"y\\\\z\"}\n"},
    };
    struct buf out = {0};
    log_set_format(LOG_JSON);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *line = captured(cases[i].log, &out);
        assert_string_equal(line + strlen("{\"time\":\"2026-11-28T09:00:00.000"),
                            cases[i].after_time);
    }
    log_set_format(LOG_LOGFMT);
    buf_release(&out);
}

static void test_log__long_lines(void **state) {
    (void)state;
    struct buf out = {0};
    for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
        log_set_format((enum log_format)format);
        const char *line = captured(log_long, &out);
        assert_int_equal(strcspn(line, "\n"), out.n - 1);
        if (format == LOG_LOGFMT)
            continue;
        cJSON *object = cJSON_ParseWithLength(line, out.n);
        assert_non_null(object);
        assert_int_equal(strlen(cJSON_GetObjectItem(object, "msg")->valuestring), 1100);
        cJSON_Delete(object);
    }
    log_set_format(LOG_LOGFMT);
    buf_release(&out);
}

static void test_log__level(void **state) {
    (void)state;
    struct buf out = {0};
    log_set_level(LOG_WARN);
    assert_string_equal(captured(log_plain, &out), "");
    assert_true(captured(log_quoted, &out)[0] != '\0');
    log_set_level(LOG_INFO);
    assert_true(captured(log_plain, &out)[0] != '\0');
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log__logfmt),
        cmocka_unit_test(test_log__json),
        cmocka_unit_test(test_log__long_lines),
        cmocka_unit_test(test_log__level),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
