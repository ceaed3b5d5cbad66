/* quality_text: what `streamer quality` shows of the reports of instances. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/commands/quality_text.h"

#include <string.h>

#define INSTANCE(url, partitions)                                                                  \
    "{\"url\":\"" url "\",\"self\":true,\"partitions\":[" partitions "],"
#define REPORT(counts, seen, failures)                                                             \
    "\"reached\":true,\"error\":null,\"answer\":{\"summary\":{" counts "},\"layers\":{"            \
    "\"source\":{\"checks\":[{\"seen_all_at\":\"2026-01-01T12:00:09.000Z\"}]},"                    \
    "\"marts\":{\"checks\":[{\"seen_all_at\":" seen "}]}},\"failures\":[" failures "]}}"
#define ALL_PASS "\"total\":2,\"passed\":2,\"warned\":0,\"failed\":0"
#define ONE_WARNS "\"total\":2,\"passed\":1,\"warned\":1,\"failed\":0"
#define ONE_FAILS "\"total\":2,\"passed\":1,\"warned\":0,\"failed\":1"
#define CHECK(id, status, samples)                                                                 \
    "{\"id\":\"" id "\",\"status\":\"" status "\",\"since\":\"S\",\"message\":\"M\","              \
    "\"samples\":[" samples "]}"

static const struct {
    const char *json, *text;
    bool ok;
} cases[] = {
    {INSTANCE("http://a:1", "0,1") REPORT(ALL_PASS, "\"2026-01-01T12:00:05.000Z\"", ""),
     "http://a:1, partitions 0 to 1: 2 checks, 2 passed, 0 warned, 0 failed"
     "; all rows were looked at by 2026-01-01T12:00:05.000Z\n",
     true},
    {INSTANCE("http://a:1", "0,1") REPORT(ALL_PASS, "null", ""),
     "http://a:1, partitions 0 to 1: 2 checks, 2 passed, 0 warned, 0 failed"
     "; not all rows have been looked at yet\n",
     true},
    {INSTANCE("http://a:1", "") REPORT(ALL_PASS, "null", ""),
     "http://a:1, no partitions: 2 checks, 2 passed, 0 warned, 0 failed\n", true},
    {INSTANCE("http://a:1", "0") REPORT(ONE_WARNS, "\"2026-01-01T12:00:05.000Z\"",
                                        CHECK("intermediate.orphans", "warn", "")),
     "http://a:1, partitions 0: 2 checks, 1 passed, 1 warned, 0 failed"
     "; all rows were looked at by 2026-01-01T12:00:05.000Z\n"
     "warn  intermediate.orphans since S: M\n",
     true},
    {INSTANCE("http://a:1", "0") REPORT(
         ONE_FAILS, "null",
         CHECK("marts.interest", "fail",
               "{\"table\":\"accounts\",\"partition\":0,\"id\":\"A\\u001b[2J\",\"what\":\"W\","
               "\"expected\":\"***\",\"found\":\"***\"},"
               "{\"table\":null,\"partition\":3,\"id\":null,\"what\":\"W\","
               "\"expected\":\"1\",\"found\":null}")),
     "http://a:1, partitions 0: 2 checks, 1 passed, 0 warned, 1 failed"
     "; not all rows have been looked at yet\n"
     "fail  marts.interest since S: M\n"
     "        accounts A?[2J, partition 0: W, expected ***, found ***\n"
     "        partition 3: W, expected 1\n",
     false},
    {INSTANCE("http://b:1", "2,3") "\"reached\":false,\"error\":\"E\",\"answer\":null}",
     "NOT REACHED http://b:1, partitions 2 to 3: E\n", false},
    /* An answer that is no report does not pass. */
    {INSTANCE("http://a:1", "") "\"reached\":true,\"error\":null,\"answer\":{}}",
     "http://a:1, no partitions: 0 checks, 0 passed, 0 warned, 0 failed\n", false},
};

/* Shows the instances of the cases `from` to `to`. */
static bool show(size_t from, size_t to, struct buf *out) {
    struct buf json = {0};
    struct paint p = {out, false};
    struct instances all;
    struct err e = {0};
    for (size_t i = from; i <= to; i++)
        buf_printf(&json, "%s%s", i == from ? "{\"instances\":[" : ",", cases[i].json);
    buf_put_str(&json, "]}");
    if (!instances_read(&all, buf_slice(&json), &e))
        fail_msg("%s", e.text);
    bool ok = quality_text(&all, &p);
    instances_release(&all);
    buf_release(&json);
    return ok;
}

static void test_quality_text__one_instance(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = {0};
        assert_int_equal(show(i, i, &out), cases[i].ok);
        assert_string_equal(buf_cstr(&out), cases[i].text);
        buf_release(&out);
    }
}

/* The text is that of each, and all is well only if it is in each. */
static void test_quality_text__several_instances(void **state) {
    (void)state;
    for (size_t i = 0; i + 1 < ARRAY_LEN(cases); i++) {
        struct buf out = {0}, expected = {0};
        buf_printf(&expected, "%s%s", cases[i].text, cases[i + 1].text);
        assert_int_equal(show(i, i + 1, &out), cases[i].ok && cases[i + 1].ok);
        assert_string_equal(buf_cstr(&out), buf_cstr(&expected));
        buf_release(&out);
        buf_release(&expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quality_text__one_instance),
        cmocka_unit_test(test_quality_text__several_instances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
