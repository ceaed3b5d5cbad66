/* status_text: what commands show of the answers of instances. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/commands/freshness_text.h"
#include "streamer/commands/instance.h"
#include "streamer/commands/paint.h"
#include "streamer/commands/status_text.h"

#include <string.h>

static void test_paint__columns(void **state) {
    static const struct {
        const char *text;
        int columns;
        const char *cut; /* to 3 columns */
    } cases[] = {
        {"", 0, ""},
        {"abcd", 4, "abc"},
        {"\xc5\x81"
         "bcd",
         4,
         "\xc5\x81"
         "bc"},                                          /* a letter of two bytes */
        {"\xe5\xb1\xb1\xe7\x94\xb0", 4, "\xe5\xb1\xb1"}, /* two columns each */
        {"e\xcc\x81"
         "bcd",
         4,
         "e\xcc\x81"
         "bc"}, /* an accent of its own: none */
        {"\033\xff\xc2\x9b"
         "d",
         4, "\033\xff\xc2\x9b"}, /* a '?' each */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(paint_columns(slice_str(cases[i].text)), cases[i].columns);
        assert_text(paint_cut(slice_str(cases[i].text), 3), cases[i].cut);
    }
}

/* --- where an instance is */

static void test_status_text__url_of_the_configuration(void **state) {
    static const struct {
        char *listen, *advertised, *certificate;
        const char *url; /* NULL: an error */
    } cases[] = {
        {"127.0.0.1:9464", "", "", "http://127.0.0.1:9464"},
        {"127.0.0.1:9464", "https://b.example:1", "", "http://127.0.0.1:9464"},
        {"0.0.0.0:9464", "", "", "http://localhost:9464"},
        {"[::]:9464", "", "", "http://localhost:9464"},
        {"[::1]:9464", "", "", "http://[::1]:9464"},
        {"localhost:80", "", "", "http://localhost:80"},
        {"0.0.0.0:9464", "https://b.example:1", "c.pem", "https://b.example:1"},
        {"0.0.0.0:9464", "", "c.pem", "https://localhost:9464"},
        {"", "https://b.example:1", "", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config c = {.http_listen = cases[i].listen,
                           .http_advertised_url = cases[i].advertised,
                           .http_tls_certificate = cases[i].certificate};
        struct buf url = {0};
        struct err e = {0};
        assert_int_equal(instance_url(&c, &url, &e), cases[i].url != NULL);
        if (cases[i].url != NULL)
            assert_string_equal(buf_cstr(&url), cases[i].url);
        else
            assert_int_equal(e.class, ERR_CONFIG);
        buf_release(&url);
    }
}

static void test_status_text__names_of_instances(void **state) {
    static const struct {
        const char *json, *name;
    } cases[] = {
        {"{\"url\":\"http://a:1\",\"self\":true,\"partitions\":[0,1,2,3]}",
         "http://a:1, partitions 0 to 3"},
        {"{\"url\":null,\"self\":true,\"partitions\":[0,2,3,7]}",
         "this instance, partitions 0, 2 to 3, 7"},
        {"{\"url\":null,\"self\":false,\"partitions\":[5]}", "an unknown instance, partitions 5"},
        {"{\"url\":\"http://a:1\",\"self\":false,\"partitions\":[]}", "http://a:1, no partitions"},
    };
    struct json json;
    (void)state;
    json_init(&json);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf name = {0};
        instance_put_name(json_parse(&json, slice_str(cases[i].json)), &name);
        assert_string_equal(buf_cstr(&name), cases[i].name);
        buf_release(&name);
    }
    json_release(&json);
}

static void test_status_text__other_answers_are_refused(void **state) {
    static const char *const texts[] = {
        "", "no JSON", "{}", "[]", "{\"instances\": 5}", "{\"instances\": []}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct instances all;
        struct err e = {0};
        assert_false(instances_read(&all, slice_str(texts[i]), &e));
        assert_int_equal(e.class, ERR_RETRY);
    }
}

/* --- colours */

static void test_status_text__nobody_controls_the_terminal(void **state) {
    struct buf out = {0};
    struct paint plain = {&out, false}, coloured = {&out, true};
    (void)state;
    paint_text(&plain, PAINT_RED,
               slice_str("a\033[2Jb\r\n\tc\x7f\xc2\x9b"
                         "d\xff"),
               0);
    assert_string_equal(buf_cstr(&out), "a?[2Jb???c??d?");
    buf_clear(&out);
    paint_text(&plain, PAINT_RED, slice_str("\xe5\xb1\xb1\xe7\x94\xb0"), 6); /* 4 columns */
    buf_put_byte(&out, '|');
    assert_string_equal(buf_cstr(&out), "\xe5\xb1\xb1\xe7\x94\xb0  |");
    buf_clear(&out);
    paint_text(&coloured, PAINT_GREEN, slice_str("ok"), 4);
    paint_text(&coloured, PAINT_PLAIN, slice_str("x"), 0);
    assert_string_equal(buf_cstr(&out), "\033[32mok\033[0m  x");
    buf_release(&out);
}

/* --- freshness */

#define HEAD "{\"instances\":[{\"url\":\"http://a:1\",\"self\":true,\"partitions\":[0,1],"
#define INPUT(entity, newest, age, status, since, message)                                         \
    "{\"entity\":\"" entity "\",\"newest_record_at\":" newest ",\"age_seconds\":" age              \
    ",\"warn_after_seconds\":86400,\"error_after_seconds\":172800,"                                \
    "\"status\":\"" status "\",\"since\":\"" since "\",\"message\":\"" message "\"}"
#define ANSWER(inputs)                                                                             \
    HEAD "\"reached\":true,\"error\":null,\"answer\":{\"inputs\":[" inputs "]}}]}"

static void test_status_text__freshness(void **state) {
    static const struct {
        const char *json, *text;
        bool ok;
    } cases[] = {
        {ANSWER(INPUT("customers", "\"N\"", "12", "pass", "S", "") "," INPUT(
             "accounts", "\"N\"", "93600", "warn", "S", "accounts: no record for 26 h")),
         "http://a:1, partitions 0 to 1\n"
         "PASS          customers  newest record N, 12 s ago (warn after 24 h, error after 2 d)\n"
         "WARN          accounts   newest record N, 26 h ago (warn after 24 h, error after 2 d), "
         "so since S\n",
         true},
        {ANSWER(INPUT("accounts", "\"N\"", "180000", "error", "S", "x")),
         "http://a:1, partitions 0 to 1\n"
         "ERROR         accounts   newest record N, 2 d ago (warn after 24 h, error after 2 d), so "
         "since S\n",
         false},
        {ANSWER(INPUT("accounts", "null", "null", "runtime error", "S", "accounts: nobody says")),
         "http://a:1, partitions 0 to 1\n"
         "RUNTIME ERROR accounts   accounts: nobody says (warn after 24 h, error after 2 d), so "
         "since S\n",
         false},
        {HEAD "\"reached\":false,\"error\":\"it does not answer\",\"answer\":null}]}",
         "NOT REACHED   http://a:1, partitions 0 to 1: it does not answer\n", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = {0};
        struct paint p = {&out, false};
        struct instances all;
        struct err e = {0};
        if (!instances_read(&all, slice_str(cases[i].json), &e))
            fail_msg("%zu: %s", i, e.text);
        assert_int_equal(freshness_text(&all, &p), cases[i].ok);
        assert_string_equal(buf_cstr(&out), cases[i].text);
        instances_release(&all);
        buf_release(&out);
    }
}

/* --- status */

/* What follows the problems in the answer of every case. */
static const char rest[] =
    "\"nodes\":[{\"id\":\"customers\",\"records\":1234,\"per_second\":0.500}],"
    "\"tasks\":[{\"phase\":\"running\",\"remaining\":0},"
    "{\"phase\":\"restoring\",\"remaining\":5000}],\"tasks_total\":2,"
    "\"inputs\":[{\"entity\":\"accounts\",\"status\":\"warn\",\"lag_records\":1000,"
    "\"newest_record_at\":\"N\",\"age_seconds\":93600},"
    "{\"entity\":\"customers\",\"status\":\"warn\",\"lag_records\":0,"
    "\"newest_record_at\":null,\"age_seconds\":null}],"
    "\"quarantine\":{\"total\":3,"
    "\"by_code\":[{\"entity\":\"accounts\",\"code\":\"too_late\",\"records\":3}],"
    "\"newest\":[{\"at\":\"A\",\"topic\":\"accounts\",\"partition\":1,\"offset\":2,"
    "\"reason\":\"Too late\\u001b[2J\",\"id\":\"X\"}]},"
    "\"quality\":{\"summary\":{\"total\":5,\"passed\":4,\"warned\":1,\"failed\":0}},"
    "\"state\":{\"bytes\":2048,\"orphan_accounts\":6,"
    "\"outdated_rows\":{\"customers\":7,\"accounts\":8}}}";

#define PROBLEM(status)                                                                            \
    "{\"text\":\"accounts: no record for 26 h\",\"status\":\"" status "\",\"since\":\"T\"}"

static bool show(const char *ready, const char *problems, struct buf *out) {
    struct buf json = {0};
    struct paint p = {out, false};
    struct instances all;
    struct err e = {0};
    buf_printf(&json,
               HEAD "\"reached\":true,\"error\":null,\"answer\":{\"app\":\"bank\","
                    "\"version\":\"1.2.3\",\"uptime_seconds\":7300,\"ready\":%s,"
                    "\"reason\":\"R\",\"since\":\"S\",\"problems\":[%s],%s}]}",
               ready, problems, rest);
    if (!instances_read(&all, buf_slice(&json), &e))
        fail_msg("%s", e.text);
    bool ok = status_text(&all, &p);
    instances_release(&all);
    buf_release(&json);
    return ok;
}

static void test_status_text__status(void **state) {
    struct buf out = {0};
    (void)state;
    assert_true(show("true", PROBLEM("warn"), &out));
    assert_string_equal(
        buf_cstr(&out),
        "instance    http://a:1, partitions 0 to 1 (bank, version 1.2.3, up 2 h)\n"
        "ready       R, since S\n"
        "problems    warn  accounts: no record for 26 h, since T\n"
        "inputs      accounts   warn  lag 1,000, newest record N (26 h ago)\n"
        "            customers  warn  lag 0, no record\n"
        "layers                              records         a second\n"
        "            customers               1,234           0.500\n"
        "tasks       2: 1 running, 1 restoring, 5,000 records left\n"
        "quarantine  3: accounts too_late 3\n"
        "            A accounts/1@2 Too late?[2J, id X\n"
        "quality     5 checks: 4 passed, 1 warned, 0 failed\n"
        "state       2.0 KiB, orphan accounts 6, outdated rows: customers 7, accounts 8\n");
    buf_release(&out);
}

/* What makes the exit code 1. */
static void test_status_text__all_is_well(void **state) {
    struct buf out = {0};
    struct instances all;
    struct err e = {0};
    struct paint p = {&out, false};
    (void)state;
    assert_true(show("true", "", &out));
    assert_null(strstr(buf_cstr(&out), "problems"));
    assert_false(show("false", "", &out));
    assert_false(show("true", PROBLEM("warn") "," PROBLEM("fail"), &out));
    assert_true(instances_read(
        &all, slice_str(HEAD "\"reached\":false,\"error\":\"gone\",\"answer\":null}]}"), &e));
    buf_clear(&out);
    assert_false(status_text(&all, &p));
    assert_string_equal(buf_cstr(&out), "instance    http://a:1, partitions 0 to 1\n"
                                        "not reached gone\n");
    instances_release(&all);
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_text__url_of_the_configuration),
        cmocka_unit_test(test_status_text__names_of_instances),
        cmocka_unit_test(test_status_text__other_answers_are_refused),
        cmocka_unit_test(test_paint__columns),
        cmocka_unit_test(test_status_text__nobody_controls_the_terminal),
        cmocka_unit_test(test_status_text__freshness),
        cmocka_unit_test(test_status_text__status),
        cmocka_unit_test(test_status_text__all_is_well),
    };
    return cmocka_run_group_tests_name("status_text", tests, NULL, NULL);
}
