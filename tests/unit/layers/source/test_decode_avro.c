/* Avro, by bytes that fastavro has written (tests/data/avro/generate.py). */
#include "streamer/base/float_text.h"
#include "streamer/base/mem.h"
#include "streamer/layers/source/decode_avro.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define RECORD_MAX 100000

/* --- a source of schemas --- */

struct source {
    struct schema_source port; /* first */
    enum schema_answer answer;
    enum schema_type type;
    struct slice text;
    bool has_references;
    struct schema_key asked_for;
    int calls;
};

static enum schema_answer source_lookup(struct schema_source *s, const struct schema_key *key,
                                        struct schema_text *out) {
    struct source *source = (struct source *)s;
    source->calls++;
    source->asked_for = *key;
    out->type = source->type;
    (void)snprintf(out->type_name, sizeof out->type_name, "PROTOBUF");
    buf_set(&out->text, source->text);
    out->has_references = source->has_references;
    return source->answer;
}

struct rig {
    struct source source;
    struct decoder *decoder;
    struct decoded decoded;
    struct reason why;
    struct buf bytes;
};

static void rig_init(struct rig *g, const char *schema) {
    *g = (struct rig){.source = {.port = {source_lookup},
                                 .answer = SCHEMA_FOUND,
                                 .type = SCHEMA_AVRO,
                                 .text = slice_str(schema)}};
    g->decoder = decoder_new(
        &(struct decoder_options){.record_max_bytes = RECORD_MAX, .schemas = &g->source.port});
}

static void rig_release(struct rig *g) {
    decoder_free(g->decoder);
    buf_release(&g->why.text);
    buf_release(&g->bytes);
}

static enum decode_outcome run(struct rig *g, enum entity entity, const struct record *r) {
    return decode(g->decoder, entity, r, &g->decoded, &g->why);
}

/* --- files --- */

static char *read_file(const char *name) {
    char path[300];
    (void)snprintf(path, sizeof path, "%s/tests/data/avro/%s", SOURCE_DIR, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct buf text = {0};
    for (int c; (c = getc(file)) != EOF;)
        buf_put_byte(&text, (char)c);
    (void)fclose(file);
    (void)buf_cstr(&text);
    return text.p;
}

static const char *text_of(const cJSON *vector, const char *member) {
    const cJSON *item = json_member(vector, member);
    return item != NULL ? item->valuestring : NULL;
}

static void put_bytes_of_hex(struct buf *out, struct slice hex) {
    for (size_t i = 0; i + 1 < hex.n; i += 2) {
        char digits[3] = {hex.p[i], hex.p[i + 1], '\0'};
        buf_put_byte(out, (char)strtol(digits, NULL, 16));
    }
}

/* --- vectors --- */

struct vector {
    const char *name;
    const cJSON *json;
    enum entity entity;
    bool is_key;
};

static void check_text_is(const struct vector *v, const char *what, struct slice got,
                          struct slice expected) {
    if ((got.p == NULL) != (expected.p == NULL) || !slice_eq(got, expected))
        fail_msg("%s: %s is \"%.*s\", not \"%.*s\"", v->name, what, (int)got.n, got.p,
                 (int)expected.n, expected.p);
}

static void check_fields(const struct vector *v, const struct rig *g, const cJSON *fields) {
    static const char *const types[] = {"text", "ms", "no date"};
    if (g->why.code != REASON_NONE)
        fail_msg("%s: %.*s", v->name, (int)g->why.text.n, g->why.text.p);
    for (enum field f = 0; f < FIELD_COUNT; f++)
        check_text_is(v, field_label(f), g->decoded.fields[f],
                      json_text(json_member(fields, field_label(f))));
    const char *time = text_of(v->json, "time");
    if (time != NULL)
        assert_string_equal(types[g->decoded.updated_at_type], time);
    struct slice unknown = json_text(json_member(v->json, "unknown"));
    assert_int_equal(g->decoded.unknown_fields, unknown.p != NULL ? unknown.p[0] - '0' : 0);
    check_text_is(v, "strange", g->decoded.strange_names,
                  json_text(json_member(v->json, "strange")));
    assert_int_equal(g->decoded.kind, CHANGE_UPSERT);
    assert_false(g->decoded.has_metadata);
}

static void check_refused(const struct vector *v, const struct rig *g, const char *why) {
    if (g->why.code != REASON_MALFORMED || strstr(g->why.text.p, why) == NULL)
        fail_msg("%s: %s: %.*s", v->name, reason_code_name(g->why.code), (int)g->why.text.n,
                 g->why.text.p);
}

/* That a JSON record comes to the same. */
static void check_same(const struct vector *v, const struct rig *g, const struct record *r,
                       struct slice json) {
    struct decoder *decoder =
        decoder_new(&(struct decoder_options){.record_max_bytes = RECORD_MAX});
    struct record same = {.key = r->key, .value = json};
    const struct decoded *a = &g->decoded;
    struct decoded b;
    struct reason why = {0};
    (void)decode(decoder, v->entity, &same, &b, &why);
    check_text_is(v, "the reason",
                  why.code == g->why.code ? buf_slice(&g->why.text) : slice_str("?"),
                  why.code == REASON_NONE ? buf_slice(&g->why.text) : buf_slice(&why.text));
    for (enum field f = 0; f < FIELD_COUNT; f++)
        check_text_is(v, field_label(f), a->fields[f], b.fields[f]);
    check_text_is(v, "position", a->position, b.position);
    check_text_is(v, "strange", a->strange_names, b.strange_names);
    if (a->kind != b.kind || a->unavailable != b.unavailable || a->is_read != b.is_read ||
        a->has_source_time != b.has_source_time || a->source_time_ms != b.source_time_ms ||
        a->updated_at_type != b.updated_at_type || a->has_metadata != b.has_metadata ||
        a->id_is_from_key != b.id_is_from_key)
        fail_msg("%s: it is not the same as its JSON", v->name);
    if (a->unknown_fields != b.unknown_fields)
        fail_msg("%s: %u unknown fields, not %u", v->name, a->unknown_fields, b.unknown_fields);
    buf_release(&why.text);
    decoder_free(decoder);
}

static struct slice framed(struct rig *g, const struct vector *v) {
    buf_put(&g->bytes, "\0\0\0\1\2", 5);
    put_bytes_of_hex(&g->bytes, json_text(json_member(v->json, "bytes")));
    return buf_slice(&g->bytes);
}

static void check_vector(const struct vector *v) {
    struct rig g;
    rig_init(&g, text_of(v->json, "schema"));
    struct slice bytes = framed(&g, v), key = json_text(json_member(v->json, "key"));
    struct record r = {.key = v->is_key ? bytes : key, .value = v->is_key ? slice_null() : bytes};
    const cJSON *fields = json_member(v->json, "fields");
    (void)run(&g, v->entity, &r);
    assert_int_equal(g.source.calls, 1);
    assert_int_equal(g.source.asked_for.kind, SCHEMA_BY_ID);
    assert_int_equal(g.source.asked_for.number, 258);
    if (v->is_key) {
        assert_int_equal(g.decoded.kind, CHANGE_TOMBSTONE);
        assert_true(g.decoded.id_is_from_key);
        g.decoded.kind = CHANGE_UPSERT;
    }
    if (text_of(v->json, "refused") != NULL)
        check_refused(v, &g, text_of(v->json, "refused"));
    else if (fields != NULL)
        check_fields(v, &g, fields);
    else
        check_same(v, &g, &r, json_text(json_member(v->json, "json")));
    rig_release(&g);
}

static void test_decode_avro__reads_what_others_wrote(void **state) {
    struct json json;
    char *text = read_file("vectors.json");
    const cJSON *item;
    int count = 0;
    (void)state;
    json_init(&json);
    const cJSON *vectors = json_parse(&json, slice_str(text));
    assert_non_null(vectors);
    cJSON_ArrayForEach(item, vectors) {
        struct vector v = {text_of(item, "name"), item, ENTITY_ACCOUNT,
                           json_member(item, "is_key") != NULL};
        if (strcmp(text_of(item, "entity"), "customer") == 0)
            v.entity = ENTITY_CUSTOMER;
        check_vector(&v);
        count++;
    }
    assert_true(count > 150);
    json_release(&json);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode_avro__reads_what_others_wrote),
    };
    return cmocka_run_group_tests_name("decode_avro", tests, NULL, NULL);
}
