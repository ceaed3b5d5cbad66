/* The short way for flat records against json_parse and the tree, over texts that are made up from
 * pieces and then damaged. */
#include "streamer/base/mem.h"
#include "streamer/layers/source/decode_parts.h"
#include "support.h"

#define RECORD_MAX 100000
#define MEMBERS_MAX 40
#define TEXTS 200000

static const char *const names[] = {"customer_id",
                                    "customer_name",
                                    "name",
                                    "has_loan",
                                    "has_loan_flag",
                                    "updated_at",
                                    "account_id",
                                    "balance",
                                    "balance_amount",
                                    "account_type",
                                    "CustomerID",
                                    "Customer Name",
                                    "HAS-LOAN",
                                    "Name",
                                    "accountId",
                                    "Balance Amount",
                                    "_name_",
                                    "op",
                                    "before",
                                    "after",
                                    "source",
                                    "schema",
                                    "payload",
                                    "__op",
                                    "__deleted",
                                    "__source_ts_ms",
                                    "__table",
                                    "__",
                                    "_",
                                    "",
                                    "Op",
                                    "\xef\xbb\xbfname",
                                    "op_type",
                                    "type",
                                    "specversion",
                                    "__lsn",
                                    "__source_lsn",
                                    "__name",
                                    "__pos",
                                    "__source_any",
                                    "ts_ms",
                                    "customer_ids",
                                    "ä€😀",
                                    "a_name_longer_than_any_that_is_known",
                                    "na\\u006de",
                                    "\\u0000",
                                    "customer\xff_id"};

static const char *const values[] = {
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1001",
    "-1.50",
    "9007199254740993.10",
    "1e400",
    "1E-2",
    "1.0e+5",
    "01",
    "1.",
    ".5",
    "+1",
    "-",
    "1e",
    "0x1",
    "NaN",
    "nul",
    "truex",
    "\"\"",
    "\"A001\"",
    "\"c\"",
    "\"d\"",
    "\"t\"",
    "\"r\"",
    "\"D\"",
    "\"U\"",
    "\"true\"",
    "\" TRUE \"",
    "\"Savings\"",
    "\"1234567\"",
    "\"12345678\"",
    "\"a text that is longer than sixteen bytes\"",
    "\"Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x98\x80\"",
    "\"\x7f\"",
    "\"\xff\"",
    "\"\xc0\xaf\"",
    "\"\xed\xa0\x80\"",
    "\"cut \xe2\x82\"",
    "\"seven b\xc3\"",
    "\"a\\nb\"",
    "\"\\\"\"",
    "\"\\u00e4\"",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"\\x\"",
    "\"tab\there\"",
    "\"open",
    "\"__debezium_unavailable_value\"",
    "1707955200000",
    "\"1707955200000\"",
    "99999999999999999",
    "{}",
    "[]",
    "[1]",
    "{\"customer_id\":1}",
    "{\"ts_ms\":5}",
    "[[[[\"deep\"]]]]",
};

static const char *pick(struct rng *r, const char *const *texts, size_t n) {
    return texts[rng_below(r, (int64_t)n)];
}

static void put_space(struct rng *r, struct buf *out) {
    static const char *const spaces[] = {" ", "\n", "\t\r", "  ", "\v", "/**/"};
    if (rng_chance(r, 4))
        buf_put_str(out, pick(r, spaces, ARRAY_LEN(spaces)));
}

/* Most values are of the first kinds, which are well-formed and frequent, so that most texts are
 * records. */
static void put_value(struct rng *r, struct buf *out) {
    static const char *const usual[] = {"null",     "true",  "1001",       "-1.50",
                                        "\"A001\"", "\"d\"", "\"text\\n\""};
    if (rng_chance(r, 80))
        buf_put_str(out, pick(r, usual, ARRAY_LEN(usual)));
    else
        buf_put_str(out, pick(r, values, ARRAY_LEN(values)));
}

static void put_member(struct rng *r, struct buf *out) {
    put_space(r, out);
    buf_put_byte(out, '"');
    /* the last three names have escapes, or are wrong */
    buf_put_str(out, pick(r, names, rng_chance(r, 90) ? ARRAY_LEN(names) - 3 : ARRAY_LEN(names)));
    buf_put_byte(out, '"');
    put_space(r, out);
    buf_put_byte(out, ':');
    put_space(r, out);
    put_value(r, out);
    put_space(r, out);
}

static void put_object(struct rng *r, struct buf *out) {
    int64_t n = rng_below(r, rng_chance(r, 3) ? MEMBERS_MAX : 7);
    put_space(r, out);
    buf_put_byte(out, '{');
    for (int64_t i = 0; i < n; i++) {
        if (i > 0)
            buf_put_byte(out, ',');
        put_member(r, out);
    }
    put_space(r, out);
    buf_put_byte(out, '}');
    put_space(r, out);
}

/* Damages a text: overwrites, removes, repeats or cuts off some bytes. */
static void damage(struct rng *r, struct buf *text) {
    static const char bytes[] = "{}[]\",:\\u0 1-.eE\xff\xc3\x80\x1f";
    size_t at = (size_t)rng_below(r, (int64_t)text->n);
    switch (rng_below(r, 4)) {
    case 0:
        text->p[at] = bytes[rng_below(r, sizeof bytes)]; /* also with a zero byte */
        break;
    case 1:
        memmove(text->p + at, text->p + at + 1, text->n - at - 1);
        text->n--;
        break;
    case 2:
        (void)buf_reserve(text, 1);
        memmove(text->p + at + 1, text->p + at, text->n - at);
        text->n++;
        break;
    default:
        text->n = at;
        break;
    }
}

static void make_text(struct rng *r, struct buf *out) {
    buf_clear(out);
    put_object(r, out);
    while (out->n > 0 && rng_chance(r, 25))
        damage(r, out);
}

/* Copies a text into a block of its own, so that the sanitizer sees a read behind its end. */
static struct slice copy(const struct buf *text) {
    return slice_of(memcpy(mem_alloc(text->n), buf_slice(text).p, text->n), text->n);
}

static bool same(struct slice a, struct slice b) {
    return (a.p == NULL) == (b.p == NULL) && slice_eq(a, b);
}

/* --- the texts --- */

static bool is_flat(const cJSON *root, struct slice text) {
    if (!cJSON_IsObject(root) || memchr(text.p, '\\', text.n) != NULL)
        return false;
    const cJSON *member;
    int count = 0;
    cJSON_ArrayForEach(member, root) {
        if (cJSON_IsObject(member) || cJSON_IsArray(member))
            return false;
        count++;
    }
    return count <= MEMBERS_MAX;
}

static bool same_members(const cJSON *root, const struct json_pair *pairs, size_t count) {
    size_t i = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, root) {
        if (i == count || !same(slice_str(member->string), pairs[i].name) ||
            !same(json_text(member), pairs[i].text))
            return false;
        i++;
    }
    return i == count;
}

/* json_flat must find the same members as the tree. Returns whether the text was flat. */
static bool compare_text(struct json *j, struct slice text) {
    struct json_pair pairs[MEMBERS_MAX];
    size_t count = 0;
    bool flat = json_flat(text, pairs, MEMBERS_MAX, &count);
    const cJSON *root = json_parse(j, text);
    if (flat != is_flat(root, text) || (flat && !same_members(root, pairs, count)))
        fail_msg("flat: %d, but json_parse differs: %.*s (%s)", flat, (int)text.n, text.p,
                 j->error);
    return flat;
}

static void test_decode_flat__members(void **state) {
    (void)state;
    struct json j;
    json_init(&j);
    struct rng r = rng_seeded(1);
    struct buf out = {0};
    int taken = 0;
    for (int i = 0; i < TEXTS; i++) {
        make_text(&r, &out);
        struct slice text = copy(&out);
        taken += compare_text(&j, text);
        free((char *)(uintptr_t)text.p);
    }
    assert_true(taken > TEXTS / 10 && taken < TEXTS * 9 / 10); /* there were enough of both kinds */
    buf_release(&out);
    json_release(&j);
}

static void test_decode_flat__at_most_max(void **state) {
    (void)state;
    struct json_pair pairs[2];
    size_t count;
    assert_true(json_flat(slice_str("{\"a\":1,\"b\":2}"), pairs, 2, &count));
    assert_int_equal(count, 2);
    assert_false(json_flat(slice_str("{\"a\":1,\"b\":2,\"c\":3}"), pairs, 2, &count));
    assert_true(json_flat(slice_str("{}"), pairs, 0, &count));
    assert_int_equal(count, 0);
    assert_false(json_flat(slice_null(), pairs, 2, &count));
}

/* --- the records --- */

static bool same_decoded(const struct decoded *a, const struct decoded *b) {
    for (int f = 0; f < FIELD_COUNT; f++) {
        if (!same(a->fields[f], b->fields[f]))
            return false;
    }
    if (!same(a->position, b->position) || !same(a->strange_names, b->strange_names) ||
        a->unavailable != b->unavailable || a->has_metadata != b->has_metadata ||
        a->is_read != b->is_read || a->id_is_from_key != b->id_is_from_key ||
        a->updated_at_type != b->updated_at_type)
        return false;
    return a->kind == b->kind && a->has_source_time == b->has_source_time &&
           a->source_time_ms == b->source_time_ms && a->unknown_fields == b->unknown_fields;
}

struct side {
    struct decoder *decoder;
    struct decoded decoded;
    struct reason why;
};

/* Both ways must give the same, down to the text of the reason. Returns whether the record was
 * accepted. */
static bool compare_record(struct side *flat, struct side *tree, enum entity entity,
                           struct slice value) {
    struct record r = {.key = slice_str("7"), .value = value};
    bool ok = decode(flat->decoder, entity, &r, &flat->decoded, &flat->why) == DECODE_EVENT;
    if ((decode(tree->decoder, entity, &r, &tree->decoded, &tree->why) == DECODE_EVENT) != ok ||
        flat->why.code != tree->why.code || !same_decoded(&flat->decoded, &tree->decoded) ||
        (!ok && !slice_eq(buf_slice(&flat->why.text), buf_slice(&tree->why.text))))
        fail_msg("%.*s: %d %s, as a tree %d %s", (int)value.n, value.p, ok,
                 buf_cstr(&flat->why.text), !ok, buf_cstr(&tree->why.text));
    return ok;
}

static void side_init(struct side *s, bool tree_only) {
    *s = (struct side){.decoder =
                           decoder_new(&(struct decoder_options){.record_max_bytes = RECORD_MAX})};
    s->decoder->tree_only = tree_only;
}

static void side_release(struct side *s) {
    decoder_free(s->decoder);
    buf_release(&s->why.text);
}

static void test_decode_flat__records(void **state) {
    (void)state;
    struct side flat, tree;
    side_init(&flat, false);
    side_init(&tree, true);
    struct rng r = rng_seeded(2);
    struct buf out = {0};
    int accepted = 0;
    for (int i = 0; i < TEXTS; i++) {
        make_text(&r, &out);
        struct slice text = copy(&out);
        accepted +=
            compare_record(&flat, &tree, i % 2 == 0 ? ENTITY_CUSTOMER : ENTITY_ACCOUNT, text);
        free((char *)(uintptr_t)text.p);
    }
    assert_true(accepted > TEXTS / 10 && accepted < TEXTS * 9 / 10);
    buf_release(&out);
    side_release(&flat);
    side_release(&tree);
}

/* Records at which the two ways could most easily differ. */
static void test_decode_flat__corners(void **state) {
    (void)state;
    static const char *const cases[] = {
        "{\"__op\":null,\"__op\":\"d\",\"customer_id\":1}",
        "{\"__deleted\":false,\"__deleted\":true,\"customer_id\":1}",
        "{\"__deleted\":\" True \",\"customer_id\":1,\"name\":\"__debezium_unavailable_value\"}",
        "{\"__source_ts_ms\":null,\"__source_ts_ms\":5,\"customer_id\":1}",
        "{\"__source_ts_ms\":\"x\",\"__op\":\"t\",\"customer_id\":1}",
        "{\"__source_ts_ms\":{},\"customer_id\":1}",
        "{\"__op\":\"t\",\"customer_id\":1,\"name\":\"__debezium_unavailable_value\"}",
        "{\"__op\":\"t\",\"customer_id\":1}",
        "{\"__op\":\"\",\"customer_id\":1}",
        "{\"Op\":\"D\",\"Op\":\"I\",\"customer_id\":1}",
        "{\"Op\":\" D \",\"customer_id\":1,\"__lsn\":5,\"x\":1}",
        "{\"Op\":\"X\",\"customer_id\":1,\"account_id\":1}",
        "{\"op_type\":\"D\",\"op_ts\":\"x\",\"customer_id\":1,\"account_id\":1}",
        "{\"specversion\":\"1.0\",\"type\":\"x\",\"customer_id\":1,\"account_id\":1}",
        "{\"type\":\"x\",\"other\":null}",
        ("{\"customer_id\":\"__debezium_unavailable_value\","
         "\"updated_at\":\"__debezium_unavailable_value\"}"),
        "{\"op\":\"d\",\"before\":null,\"after\":null}",
        "{\"op\":null,\"after\":null}",
        "{\"op\":\"t\",\"customer_id\":1}",
        "{\"schema\":null,\"payload\":null}",
        "{\"schema\":1,\"payload\":2,\"customer_id\":1}",
        "{\"payload\":null,\"customer_id\":1}",
        "{\"customer_name\":null,\"name\":\"alias\"}",
        "{\"name\":\"a\",\"Name\":\"b\",\"customer_name\":\"c\",\"Customer_Name\":\"d\"}",
        "{\"customer_id\":1,\"customer_id\":2}",
        "{\"customer_id\":1,\"customer_id\":{}}",
        "{\"customer_id\":1}x",
        "{\"customer_id\":1,}",
        "{}",
    };
    struct side flat, tree;
    side_init(&flat, false);
    side_init(&tree, true);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)compare_record(&flat, &tree, ENTITY_CUSTOMER, slice_str(cases[i]));
        (void)compare_record(&flat, &tree, ENTITY_ACCOUNT, slice_str(cases[i]));
    }
    side_release(&flat);
    side_release(&tree);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode_flat__members),
        cmocka_unit_test(test_decode_flat__at_most_max),
        cmocka_unit_test(test_decode_flat__records),
        cmocka_unit_test(test_decode_flat__corners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
