#include "support.h"

#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/service/gather.h"

#include <stdio.h>
#include <string.h>

#define A "http://a:9464"
#define B "https://b:9464"

static bool holds_even(void *context, int32_t partition) {
    (void)context;
    return partition % 2 == 0;
}

static bool holds_none(void *context, int32_t partition) {
    (void)context, (void)partition;
    return false;
}

/* The parts, each as "URL partitions problem". */
static void put_parts(const struct gather_part *parts, size_t count, struct buf *out) {
    buf_clear(out);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(parts[i].is_self, i == 0);
        buf_printf(out, "%s [", parts[i].url != NULL ? parts[i].url : "-");
        for (size_t k = 0; k < parts[i].partition_count; k++)
            buf_printf(out, "%s%d", k > 0 ? " " : "", parts[i].partitions[k]);
        buf_printf(out, "]%s%s\n", parts[i].problem[0] != '\0' ? " " : "", parts[i].problem);
    }
}

static void assert_plan(const struct gather *g, const struct peers_list *list, const char *text) {
    struct buf got = {0};
    size_t count;
    struct gather_part *parts = gather_plan(g, list, &count);
    put_parts(parts, count, &got);
    assert_string_equal(buf_cstr(&got), text);
    gather_release(parts, count);
    buf_release(&got);
}

/* Every partition is named once: with who has it, or why that is not known. */
static void test_gather__every_partition_has_its_part(void **state) {
    char *urls[] = {A, B, "http://idle:1"};
    struct peer owners[] = {{PEER_SELF, -1},     {PEER_KNOWN, 0},    {PEER_KNOWN, 0},
                            {PEER_KNOWN, 1},     {PEER_UNKNOWN, -1}, {PEER_SILENT, -1},
                            {PEER_STRANGER, -1}, {PEER_UNKNOWN, -1}, {PEER_SILENT, -1},
                            {PEER_SELF, -1},     {PEER_SELF, -1},    {PEER_STRANGER, -1}};
    const struct peers_list list = {
        .partitions = 12, .owners = owners, .urls = urls, .url_count = ARRAY_LEN(urls)};
    (void)state;
    /* What it holds is its own, whatever the group told last. */
    assert_plan(&(struct gather){.own_url = "http://me:1", .partitions = 12, .holds = holds_even},
                &list,
                "http://me:1 [0 2 4 6 8 10]\n" A " [1]\n" B " [3]\nhttp://idle:1 []\n"
                "- [5] the instance that has these partitions tells no http.advertised.url\n"
                "- [11] the URL of the instance that has these partitions does not match "
                "http.peers\n"
                "- [7 9] it is not known yet which instance has these partitions\n");
    assert_plan(&(struct gather){.own_url = "", .partitions = 3, .holds = holds_even}, NULL,
                "- [0 2]\n"
                "- [1] another instance may have these partitions, and http.peers is not set\n");
    assert_plan(&(struct gather){.own_url = "", .partitions = 1, .holds = holds_even}, NULL,
                "- [0]\n");
    assert_plan(&(struct gather){.own_url = ""}, NULL, "- []\n"); /* it starts */
}

static void test_gather__few_instances_are_asked(void **state) {
    enum { COUNT = GATHER_INSTANCES_MAX + 3 };
    char *urls[COUNT], texts[COUNT][32];
    struct peer owner = {PEER_KNOWN, COUNT - 1};
    size_t count, asked = 0;
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "http://x%d:1", i);
        urls[i] = texts[i];
    }
    const struct peers_list list = {1, &owner, urls, COUNT};
    struct gather_part *parts = gather_plan(
        &(struct gather){.own_url = "", .partitions = 1, .holds = holds_none}, &list, &count);
    assert_int_equal(count, COUNT + 1);
    for (size_t i = 0; i < count; i++)
        asked += parts[i].problem[0] == '\0';
    assert_int_equal(asked, GATHER_INSTANCES_MAX);
    assert_string_equal(parts[count - 1].problem, "there are too many instances to ask all");
    gather_release(parts, count);
}

static void test_gather__what_counts_as_an_answer(void **state) {
    static const struct {
        int status;
        const char *body, *problem;
    } cases[] = {
        {200, "{\"a\": 1}\n", ""},
        {200, "", "its answer is no JSON"},
        {200, "{\"a\": 1}}", "its answer is no JSON"},
        {200, "{\"a\": 01}", "its answer is no JSON"},
        {401, "{}",
         "it refuses this instance: all need the same http.token.file, and to know their own names "
         "(http.hosts) (status 401)"},
        {403, "{}",
         "it refuses this instance: all need the same http.token.file, and to know their own names "
         "(http.hosts) (status 403)"},
        {404, "{}", "it does not know the question: it runs an older version (status 404)"},
        {503, "{}", "it starts, or is busy (status 503)"},
        {307, "", "it answers with an error (status 307)"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct gather_part *part = mem_calloc(1, sizeof *part);
        struct buf body = {0};
        buf_put_str(&body, cases[i].body);
        gather_take(part, cases[i].status, &body);
        assert_string_equal(part->problem, cases[i].problem);
        assert_string_equal(buf_cstr(&part->answer),
                            cases[i].problem[0] == '\0' ? cases[i].body : "");
        buf_release(&body);
        gather_release(part, 1);
    }
}

static void test_gather__json(void **state) {
    int32_t partitions[] = {0, 12};
    struct gather_part parts[] = {
        {.url = A, .is_self = true, .partitions = partitions, .partition_count = 2},
        {.url = NULL, .partitions = partitions, .partition_count = 1, .problem = "no \"x\""},
        {.url = B},
    };
    struct buf out = {0};
    (void)state;
    buf_put_str(&parts[0].answer, "{\"a\":1}\n");
    buf_put_str(&parts[2].answer, "[]");
    gather_put_json(parts, ARRAY_LEN(parts), &out);
    assert_string_equal(
        buf_cstr(&out),
        "{\"instances\":[{\"url\":\"" A "\",\"self\":true,\"partitions\":[0,12],\"reached\":true,"
        "\"error\":null,\"answer\":{\"a\":1}},"
        "{\"url\":null,\"self\":false,\"partitions\":[0],\"reached\":false,"
        "\"error\":\"no \\\"x\\\"\",\"answer\":null},"
        "{\"url\":\"" B "\",\"self\":false,\"partitions\":[],\"reached\":true,\"error\":null,"
        "\"answer\":[]}]}\n");
    buf_release(&parts[0].answer);
    buf_release(&parts[2].answer);
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gather__every_partition_has_its_part),
        cmocka_unit_test(test_gather__few_instances_are_asked),
        cmocka_unit_test(test_gather__what_counts_as_an_answer),
        cmocka_unit_test(test_gather__json),
    };
    return cmocka_run_group_tests_name("gather", tests, NULL, NULL);
}
