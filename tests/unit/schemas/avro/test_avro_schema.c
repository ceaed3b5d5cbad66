#include "schemas/avro/avro_schema.h"

#include "streamer/base/mem.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

struct refusal {
    const char *schema, *why; /* why: a part of it */
};

static void check_refused(struct slice schema, bool has_references, const char *why) {
    struct avro_schema s;
    struct err e;
    if (avro_schema_init(&s, schema, has_references, &e))
        fail_msg("accepted: %.*s", (int)schema.n, schema.p);
    if (strstr(e.text, why) == NULL)
        fail_msg("%.200s: %s", schema.p, e.text);
}

static void test_avro_schema__refuses(void **state) {
#define RECORD(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
    static const struct refusal cases[] = {
        {"", "expected a value"},
        {"{", "expected"},
        {"{\"type\":\"record\"}", "name"},
        {"\"nonsense\"", "nonsense"},
        {RECORD("{\"name\":\"a\",\"type\":[\"null\",\"R\"]}"), "recursive"},
        {RECORD("{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":\"R\"}}"), "recursive"},
        {RECORD("{\"name\":\"a\",\"type\":{\"type\":\"map\",\"values\":\"R\"}}"), "recursive"},
        {RECORD("{\"name\":\"a\",\"type\":{\"type\":\"record\",\"name\":\"S\",\"fields\":["
                "{\"name\":\"b\",\"type\":[\"null\",\"R\"]}]}}"),
         "recursive"},
        {"{\"type\":\"array\",\"items\":\"null\"}", "take no byte"},
        {"{\"type\":\"array\",\"items\":" RECORD("") "}", "take no byte"},
        {"{\"type\":\"array\",\"items\":" RECORD("{\"name\":\"a\",\"type\":\"null\"}") "}",
         "take no byte"},
        {"[]", "at least one branch"},
        {RECORD("{\"type\":\"int\"}"), "name"},
        {"[" RECORD("") "," RECORD("") "]", "type R is defined twice"},
        {RECORD("{\"name\":\"a\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"enum\","
                "\"name\":\"x.R\",\"symbols\":[\"A\"]}}},{\"name\":\"b\",\"type\":{\"type\":"
                "\"fixed\",\"namespace\":\"x\",\"name\":\"R\",\"size\":1}}"),
         "type x.R is defined twice"},
        {"[" RECORD("") ",{\"type\":\"fixed\",\"name\":\"R\",\"namespace\":5,\"size\":1}]",
         "type R is defined twice"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_refused(slice_str(cases[i].schema), false, cases[i].why);
}

/* Each type uses the one before twice, so that the tree doubles with each. */
static void test_avro_schema__refuses_what_grows(void **state) {
    struct buf text = {0};
    (void)state;
    buf_put_str(&text, "{\"type\":\"record\",\"name\":\"R0\",\"fields\":[");
    for (int i = 1; i < 20; i++)
        buf_printf(&text,
                   "{\"name\":\"a\",\"type\":{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[",
                   i);
    buf_put_str(&text, "{\"name\":\"a\",\"type\":\"int\"}");
    for (int i = 19; i > 0; i--)
        buf_printf(&text, "]}},{\"name\":\"b\",\"type\":\"R%d\"}", i);
    buf_put_str(&text, "]}");
    check_refused(buf_slice(&text), false, "too many fields");
    buf_release(&text);
}

static void test_avro_schema__refuses_depth_and_length(void **state) {
    struct buf text = {0};
    (void)state;
    for (int i = 0; i < 70; i++)
        buf_put_str(&text, "{\"type\":\"array\",\"items\":");
    buf_put_str(&text, "\"int\"");
    for (int i = 0; i < 70; i++)
        buf_put_str(&text, "}");
    check_refused(buf_slice(&text), false, "too deep");
    buf_clear(&text);
    buf_put_str(&text, "[\"null\"");
    for (int i = 0; i < 300; i++)
        buf_printf(&text, ",{\"type\":\"fixed\",\"name\":\"F%d\",\"size\":1}", i);
    buf_put_str(&text, "]");
    check_refused(buf_slice(&text), false, "too many branches");
    buf_clear(&text);
    while (text.n <= AVRO_SCHEMA_BYTES_MAX)
        buf_put_str(&text, "          ");
    check_refused(buf_slice(&text), false, "bytes, more than");
    buf_release(&text);
}

/* The last one of a list is meant; the others are what it uses. */
static void test_avro_schema__references(void **state) {
    struct avro_schema s;
    struct err e;
    (void)state;
    static const char list[] = "[{\"type\":\"fixed\",\"name\":\"bank.Money\",\"size\":8}," RECORD(
        "{\"name\":\"a\",\"type\":\"bank.Money\"}") "]";
    assert_true(avro_schema_init(&s, slice_str(list), true, &e));
    assert_int_equal(s.root->kind, AVRO_KIND_RECORD);
    assert_int_equal(s.root->children[0].kind, AVRO_KIND_FIXED);
    assert_int_equal(s.root->children[0].size, 8);
    avro_schema_release(&s);
    /* a union of what it refers to */
    static const char of_unions[] = "[" RECORD("") ",[\"null\",\"R\"]]";
    assert_true(avro_schema_init(&s, slice_str(of_unions), true, &e));
    assert_int_equal(s.root->kind, AVRO_KIND_UNION);
    assert_int_equal(s.root->count, 2);
    avro_schema_release(&s);
    check_refused(slice_str(RECORD("")), true, "not a list");
    check_refused(slice_str("[" RECORD("{\"name\":\"a\",\"type\":\"bank.Money\"}") "]"), true,
                  "Money");
}

static void test_avro_schema__annotations(void **state) {
    struct avro_schema s;
    struct err e;
    (void)state;
    static const char text[] = RECORD(
        "{\"name\":\"a\",\"aliases\":[\"b\"],\"type\":[\"null\",{\"type\":\"bytes\",\"scale\":2,"
        "\"logicalType\":\"decimal\"}]}");
    if (!avro_schema_init(&s, slice_str(text), false, &e))
        fail_msg("%s", e.text);
    const struct avro_node *decimal = &s.root->children[0].children[1];
    assert_text(avro_field_name(&s.root->children[0]), "a");
    assert_text(avro_node_text(decimal, "logicalType"), "decimal");
    assert_null(avro_node_text(decimal, "connect.name").p);
    assert_null(avro_node_text(&s.root->children[0].children[0], "logicalType").p);
    avro_schema_release(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_avro_schema__refuses),
        cmocka_unit_test(test_avro_schema__refuses_what_grows),
        cmocka_unit_test(test_avro_schema__refuses_depth_and_length),
        cmocka_unit_test(test_avro_schema__references),
        cmocka_unit_test(test_avro_schema__annotations),
    };
    return cmocka_run_group_tests_name("avro_schema", tests, NULL, NULL);
}
