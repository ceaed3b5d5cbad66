#include "streamer/registry/answer.h"

#include "streamer/base/mem.h"
#include "support.h"

/* An answer, and the JSON of its body. */
struct rig {
    struct json json;
    struct answer answer;
    struct buf text;
};

static void rig_init(struct rig *g, long status, const char *body) {
    *g = (struct rig){0};
    json_init(&g->json);
    g->answer = (struct answer){status, json_parse(&g->json, slice_str(body))};
}

static void rig_release(struct rig *g) {
    json_release(&g->json);
    buf_release(&g->text);
}

/* The codes of Confluent's API. What is no registry's answer is an outage, never "unknown". */
static void test_answer__results(void **state) {
    static const struct {
        long status;
        const char *body;
        enum registry_result result;
    } cases[] = {
        {200, "{\"schema\":\"\\\"int\\\"\"}", REGISTRY_OK},
        {200, "<html>", REGISTRY_UNAVAILABLE},
        {404, "{\"error_code\":40403,\"message\":\"Schema not found\"}", REGISTRY_UNKNOWN},
        {404, "{\"error_code\":40401}", REGISTRY_UNKNOWN},
        {404, "{\"error_code\":40402}", REGISTRY_UNKNOWN},
        {404, "{\"error_code\":404}", REGISTRY_REFUSED},
        {404, "<html>not found</html>", REGISTRY_UNAVAILABLE},
        {409, "{\"error_code\":409}", REGISTRY_INCOMPATIBLE},
        {422, "{\"error_code\":42201}", REGISTRY_REFUSED},
        {401, "{\"error_code\":401}", REGISTRY_REFUSED},
        {429, "{\"error_code\":429}", REGISTRY_UNAVAILABLE},
        {500, "{\"error_code\":50001}", REGISTRY_UNAVAILABLE},
        {503, "", REGISTRY_UNAVAILABLE},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig g;
        rig_init(&g, cases[i].status, cases[i].body);
        if (answer_result(&g.answer) != cases[i].result)
            fail_msg("%ld %s: %s", cases[i].status, cases[i].body,
                     registry_result_name(answer_result(&g.answer)));
        rig_release(&g);
    }
}

static void test_answer__schema(void **state) {
    struct registry_schema schema = {0};
    struct rig g;
    (void)state;
    rig_init(&g, 200, "{\"schema\":\"\\\"int\\\"\",\"id\":3,\"version\":2}");
    assert_true(answer_read_schema(&g.answer, 7, &schema));
    assert_text(buf_slice(&schema.text), "\"int\"");
    assert_int_equal(schema.type, REGISTRY_AVRO);
    assert_int_equal(schema.id, 3);
    assert_int_equal(schema.version, 2);
    rig_release(&g);
    /* no id; one of more than 32 bits; another type */
    rig_init(&g, 200, "{\"schema\":\"{}\",\"schemaType\":\"JSON\"}");
    assert_true(answer_read_schema(&g.answer, 7, &schema));
    assert_int_equal(schema.type, REGISTRY_JSON);
    assert_int_equal(schema.id, 7);
    rig_release(&g);
    rig_init(&g, 200, "{\"schema\":\"x\",\"schemaType\":\"PROTOBUF\",\"id\":4294967297}");
    assert_true(answer_read_schema(&g.answer, 7, &schema));
    assert_int_equal(schema.type, REGISTRY_OTHER);
    assert_string_equal(schema.type_name, "PROTOBUF");
    assert_int_equal(schema.id, 7);
    rig_release(&g);
    rig_init(&g, 200, "{\"id\":3}");
    assert_false(answer_read_schema(&g.answer, 7, &schema));
    rig_release(&g);
    registry_schema_release(&schema);
}

static void test_answer__errors(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, 404, "{\"message\":\"Schema\\n40403\"}");
    answer_put_error(&g.text, &g.answer, slice_str("body"));
    assert_text(buf_slice(&g.text), "Schema 40403");
    rig_release(&g);
    rig_init(&g, 502, "<html>");
    answer_put_error(&g.text, &g.answer, slice_str("<html>\r\n\tBad"));
    assert_text(buf_slice(&g.text), "<html>   Bad");
    rig_release(&g);
    rig_init(&g, 502, "S\xfc");
    answer_put_error(&g.text, &g.answer, slice_str("f\xfcr")); /* Latin-1 */
    assert_text(buf_slice(&g.text), "f?r");
    rig_release(&g);
    rig_init(&g, 200, "{\"messages\":[\"a\",\"b\\nc\"]}");
    answer_put_reasons(&g.text, &g.answer);
    assert_text(buf_slice(&g.text), "a; b c");
    rig_release(&g);
}

/* It is cut between two characters. */
static void test_answer__long_errors(void **state) {
    struct buf body = {0};
    struct rig g;
    (void)state;
    buf_put_byte(&body, 'x');
    while (body.n < 1000)
        buf_put_str(&body, "Ω");
    rig_init(&g, 502, "");
    answer_put_error(&g.text, &g.answer, buf_slice(&body));
    assert_int_equal(g.text.n, 299 + strlen("…"));
    assert_memory_equal(g.text.p + 297, "Ω…", strlen("Ω…"));
    rig_release(&g);
    buf_release(&body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer__results),
        cmocka_unit_test(test_answer__schema),
        cmocka_unit_test(test_answer__errors),
        cmocka_unit_test(test_answer__long_errors),
    };
    return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
