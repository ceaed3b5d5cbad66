/* avro_plan, against avro-c as the second reader: random schemas and values, and what becomes of
 * their bytes when some are changed. */
#include "schemas/avro/avro_plan.h"
#include "streamer/base/mem.h"
#include "support.h"

#include <avro.h>
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS_MAX 2000
#define BYTES_MAX ((size_t)1 << 20)

/* --- random schemas --- */

struct writer {
    struct rng rng;
    struct buf text;
    int names; /* types so far */
};

static void put_type(struct writer *w, int depth, bool in_union);

static void put_primitive(struct writer *w) {
    static const char *const names[] = {"boolean", "int",   "long",  "float",
                                        "double",  "bytes", "string"};
    buf_printf(&w->text, "\"%s\"", names[rng_below(&w->rng, 7)]);
}

static void put_record(struct writer *w, int depth) {
    int64_t count = rng_below(&w->rng, 6);
    buf_printf(&w->text, "{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[", w->names++);
    for (int64_t i = 0; i < count; i++) {
        buf_printf(&w->text, "%s{\"name\":\"f%" PRId64 "\",\"type\":", i > 0 ? "," : "", i);
        put_type(w, depth - 1, false);
        buf_put_str(&w->text, "}");
    }
    buf_put_str(&w->text, "]}");
}

/* Of named types and one primitive, for no two branches may be alike. */
static void put_union(struct writer *w, int depth) {
    static const char *const firsts[] = {"\"null\"", "\"string\"", "\"long\""};
    int64_t count = rng_below(&w->rng, 3);
    buf_printf(&w->text, "[%s", firsts[rng_below(&w->rng, 3)]);
    for (int64_t i = 0; i < count; i++) {
        buf_put_str(&w->text, ",");
        put_type(w, depth - 1, true);
    }
    buf_put_str(&w->text, rng_chance(&w->rng, 50) ? ",\"double\"]" : "]");
}

static void put_items(struct writer *w, const char *type, const char *member, int depth) {
    buf_printf(&w->text, "{\"type\":\"%s\",\"%s\":", type, member);
    put_type(w, depth - 1, false);
    buf_put_str(&w->text, "}");
}

static void put_named(struct writer *w) {
    if (rng_chance(&w->rng, 50))
        buf_printf(&w->text, "{\"type\":\"fixed\",\"name\":\"F%d\",\"size\":%" PRId64 "}",
                   w->names++, 1 + rng_below(&w->rng, 20));
    else
        buf_printf(&w->text, "{\"type\":\"enum\",\"name\":\"E%d\",\"symbols\":[\"A\",\"B\",\"C\"]}",
                   w->names++);
}

static void put_type(struct writer *w, int depth, bool in_union) {
    switch (rng_below(&w->rng, depth > 0 ? 8 : 4)) {
    case 4:
    case 5:
        put_record(w, depth);
        break;
    case 6:
        if (in_union)
            put_record(w, depth);
        else
            put_union(w, depth);
        break;
    case 7:
        if (in_union)
            put_named(w);
        else if (rng_chance(&w->rng, 50))
            put_items(w, "array", "items", depth);
        else
            put_items(w, "map", "values", depth);
        break;
    case 0:
        put_named(w);
        break;
    default:
        if (in_union)
            put_named(w);
        else
            put_primitive(w);
        break;
    }
}

/* --- random values, by avro-c --- */

static void fill(struct rng *rng, avro_value_t *v);

static void fill_items(struct rng *rng, avro_value_t *v, bool is_map) {
    avro_value_t item;
    for (int64_t i = rng_below(rng, 4); i > 0; i--) {
        char key[24];
        (void)snprintf(key, sizeof key, "k%" PRId64, i);
        if (is_map)
            assert_int_equal(avro_value_add(v, key, &item, NULL, NULL), 0);
        else
            assert_int_equal(avro_value_append(v, &item, NULL), 0);
        fill(rng, &item);
    }
}

static void fill_record(struct rng *rng, avro_value_t *v) {
    size_t count = 0;
    avro_value_t field;
    assert_int_equal(avro_value_get_size(v, &count), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(avro_value_get_by_index(v, i, &field, NULL), 0);
        fill(rng, &field);
    }
}

static void fill_union(struct rng *rng, avro_value_t *v) {
    avro_value_t branch;
    size_t count = avro_schema_union_size(avro_value_get_schema(v));
    assert_int_equal(avro_value_set_branch(v, (int)rng_below(rng, (int64_t)count), &branch), 0);
    fill(rng, &branch);
}

static void fill_bytes(struct rng *rng, avro_value_t *v) {
    char bytes[64] = {0};
    size_t n = (size_t)rng_below(rng, 40);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(' ' + rng_below(rng, 90));
    if (avro_value_get_type(v) == AVRO_STRING)
        avro_value_set_string_len(v, bytes, n + 1);
    else if (avro_value_get_type(v) == AVRO_BYTES)
        avro_value_set_bytes(v, bytes, n);
    else
        avro_value_set_fixed(v, bytes, (size_t)avro_schema_fixed_size(avro_value_get_schema(v)));
}

static void fill(struct rng *rng, avro_value_t *v) {
    switch (avro_value_get_type(v)) {
    case AVRO_STRING:
    case AVRO_BYTES:
    case AVRO_FIXED:
        fill_bytes(rng, v);
        break;
    case AVRO_INT32:
        avro_value_set_int(v, (int32_t)rng_any(rng));
        break;
    case AVRO_INT64:
        avro_value_set_long(v, rng_any(rng));
        break;
    case AVRO_FLOAT:
        avro_value_set_float(v, (float)rng_below(rng, 1000) / 8);
        break;
    case AVRO_DOUBLE:
        avro_value_set_double(v, (double)rng_below(rng, 100000) / 64);
        break;
    case AVRO_BOOLEAN:
        avro_value_set_boolean(v, (int)rng_below(rng, 2));
        break;
    case AVRO_ENUM:
        avro_value_set_enum(v, (int)rng_below(rng, 3));
        break;
    case AVRO_ARRAY:
    case AVRO_MAP:
        fill_items(rng, v, avro_value_get_type(v) == AVRO_MAP);
        break;
    case AVRO_RECORD:
        fill_record(rng, v);
        break;
    case AVRO_UNION:
        fill_union(rng, v);
        break;
    default:
        avro_value_set_null(v);
        break;
    }
}

/* --- slots: each place outside of arrays and maps has one --- */

static void give_slots(struct avro_node *n, int16_t *next) {
    if (n->kind == AVRO_KIND_UNION) { /* its branches have one each, to tell them apart */
        for (uint32_t i = 0; i < n->count; i++)
            give_slots(&n->children[i], next);
        return;
    }
    n->slot = (*next)++;
    n->type = (uint8_t)(n->slot % 251);
    assert_true(*next < SLOTS_MAX);
    if (n->kind == AVRO_KIND_RECORD)
        for (uint32_t i = 0; i < n->count; i++)
            give_slots(&n->children[i], next);
}

/* What avro-c has as a string, bytes or fixed. */
static struct slice bytes_of(avro_value_t *v) {
    const char *text = NULL;
    const void *bytes = NULL;
    size_t n = 0;
    if (avro_value_get_type(v) == AVRO_STRING) {
        avro_value_get_string(v, &text, &n);
        return slice_of(text, n - 1);
    }
    if (avro_value_get_type(v) == AVRO_BYTES)
        avro_value_get_bytes(v, &bytes, &n);
    else
        avro_value_get_fixed(v, &bytes, &n);
    return slice_of(bytes, n);
}

/* An int, long, boolean, or the number of an enum's symbol. */
static int64_t number_of(avro_value_t *v) {
    int32_t i = 0;
    int64_t l = 0;
    if (avro_value_get_type(v) == AVRO_INT64)
        avro_value_get_long(v, &l);
    else if (avro_value_get_type(v) == AVRO_INT32)
        avro_value_get_int(v, &i);
    else if (avro_value_get_type(v) == AVRO_BOOLEAN)
        avro_value_get_boolean(v, &i);
    else
        avro_value_get_enum(v, &i);
    return l + i;
}

static void check_floating(const struct avro_slot *got, avro_value_t *v) {
    float f;
    double d;
    uint32_t bits32;
    uint64_t bits64;
    if (avro_value_get_type(v) == AVRO_FLOAT) {
        avro_value_get_float(v, &f);
        memcpy(&bits32, &f, sizeof bits32);
        bits32 = htole32(bits32);
        assert_true(slice_eq(got->bytes, slice_of(&bits32, sizeof bits32)));
    } else {
        avro_value_get_double(v, &d);
        memcpy(&bits64, &d, sizeof bits64);
        bits64 = htole64(bits64);
        assert_true(slice_eq(got->bytes, slice_of(&bits64, sizeof bits64)));
    }
}

static void check_scalar(const struct avro_slot *got, avro_value_t *v) {
    switch (avro_value_get_type(v)) {
    case AVRO_STRING:
    case AVRO_BYTES:
    case AVRO_FIXED:
        assert_true(slice_eq(got->bytes, bytes_of(v)));
        break;
    case AVRO_INT32:
    case AVRO_INT64:
    case AVRO_BOOLEAN:
    case AVRO_ENUM:
        assert_int_equal(got->number, number_of(v));
        break;
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        check_floating(got, v);
        break;
    default:
        break;
    }
}

static void check_value(const struct avro_node *n, const struct avro_slot *slots, avro_value_t *v,
                        int *set) {
    avro_value_t inner;
    if (n->kind == AVRO_KIND_UNION) {
        int branch = 0;
        assert_int_equal(avro_value_get_discriminant(v, &branch), 0);
        assert_int_equal(avro_value_get_current_branch(v, &inner), 0);
        check_value(&n->children[branch], slots, &inner, set);
        return;
    }
    const struct avro_slot *got = &slots[n->slot];
    assert_non_null(got->op);
    assert_int_equal(got->op->kind, n->kind);
    assert_int_equal(got->op->type, n->type);
    (*set)++;
    check_scalar(got, v);
    if (n->kind == AVRO_KIND_RECORD)
        for (uint32_t i = 0; i < n->count; i++) {
            assert_int_equal(avro_value_get_by_index(v, i, &inner, NULL), 0);
            check_value(&n->children[i], slots, &inner, set);
        }
}

/* --- one schema --- */

struct rig {
    struct avro_schema schema;
    struct avro_plan *plan;
    int16_t slot_count;
    struct avro_slot slots[SLOTS_MAX];
    avro_schema_t type;
    avro_value_iface_t *class;
    avro_value_t value;
    char *bytes; /* what avro-c wrote */
};

static bool rig_init(struct rig *g, struct slice schema) {
    struct err e;
    memset(g, 0, sizeof *g);
    assert_int_equal(avro_schema_from_json_length(schema.p, schema.n, &g->type), 0);
    if (!avro_schema_init(&g->schema, schema, false, &e)) {
        assert_string_equal(e.text, "the schema has an array whose items take no byte");
        avro_schema_decref(g->type);
        return false;
    }
    give_slots(g->schema.root, &g->slot_count);
    g->plan = avro_plan_new(g->schema.root, g->slot_count);
    g->class = avro_generic_class_from_schema(g->type);
    assert_int_equal(avro_generic_value_new(g->class, &g->value), 0);
    g->bytes = mem_alloc(BYTES_MAX);
    return true;
}

static void rig_release(struct rig *g) {
    avro_plan_free(g->plan);
    avro_schema_release(&g->schema);
    avro_value_decref(&g->value);
    avro_value_iface_decref(g->class);
    avro_schema_decref(g->type);
    free(g->bytes);
}

static size_t write_value(struct rig *g, struct rng *rng) {
    size_t n;
    avro_value_reset(&g->value);
    fill(rng, &g->value);
    assert_int_equal(avro_value_sizeof(&g->value, &n), 0);
    assert_true(n < BYTES_MAX);
    avro_writer_t out = avro_writer_memory(g->bytes, BYTES_MAX);
    assert_int_equal(avro_value_write(out, &g->value), 0);
    avro_writer_free(out);
    return n;
}

static bool read_value(struct rig *g, struct slice *in) {
    const char *what = NULL;
    bool ok = avro_plan_read(g->plan, in, g->slots, &what);
    assert_true(ok || what != NULL);
    return ok;
}

static void check_slots(struct rig *g) {
    int set = 0, expected = 0;
    check_value(g->schema.root, g->slots, &g->value, &set);
    for (int16_t i = 0; i < g->slot_count; i++)
        expected += g->slots[i].op != NULL;
    assert_int_equal(set, expected);
}

static void check_written(struct rig *g, size_t n) {
    struct slice in = slice_of(g->bytes, n);
    assert_true(read_value(g, &in));
    assert_int_equal(in.n, 0);
    check_slots(g);
}

/* What avro-c reads of bytes that the plan accepts. */
static void check_accepted(struct rig *g, struct slice bytes) {
    avro_reader_t in = avro_reader_memory(bytes.p, (int64_t)bytes.n);
    avro_value_reset(&g->value);
    if (avro_value_read(in, &g->value) != 0)
        fail_msg("avro-c refuses what the plan accepts: %s", avro_strerror());
    avro_reader_free(in);
    check_slots(g);
}

/* In a block of its own, so that a sanitizer sees a read past its end. */
static bool check_mutated(struct rig *g, struct rng *rng, size_t n) {
    size_t length = rng_chance(rng, 20) ? (size_t)rng_below(rng, (int64_t)n + 1) : n;
    char *bytes = memcpy(mem_alloc(length + (length == 0)), g->bytes, length);
    for (int64_t i = 1 + rng_below(rng, 4); i > 0 && length > 0; i--)
        bytes[rng_below(rng, (int64_t)length)] = (char)rng_next(rng);
    struct slice in = slice_of(bytes, length);
    bool ok = read_value(g, &in);
    if (ok)
        check_accepted(g, slice_of(bytes, length - in.n));
    free(bytes);
    return ok;
}

static void test_avro_plan__reads_what_avro_c_writes(void **state) {
    uint64_t seeds = seed_count(400);
    int accepted = 0, refused = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct writer w = {.rng = rng_seeded(seed)};
        static struct rig g;
        put_record(&w, 4);
        if (rig_init(&g, buf_slice(&w.text))) {
            for (int i = 0; i < 5; i++) {
                size_t n = write_value(&g, &w.rng);
                check_written(&g, n);
                for (int k = 0; k < 20; k++) {
                    if (check_mutated(&g, &w.rng, n))
                        accepted++;
                    else
                        refused++;
                }
            }
            rig_release(&g);
        }
        buf_release(&w.text);
    }
    assert_true(accepted > 1000 && refused > 1000);
}

/* --- bytes that are no value --- */

/* A record that made avro-c's decoder crash. */
static void test_avro_plan__refuses_what_crashed_avro_c(void **state) {
    static const char schema[] =
        "{\"type\":\"record\",\"name\":\"Account\",\"namespace\":\"bank\",\"fields\":["
        "{\"name\":\"account_id\",\"type\":\"string\"},"
        "{\"name\":\"customer_id\",\"type\":[\"null\",\"long\"],\"default\":null},"
        "{\"name\":\"balance\",\"type\":[\"null\",{\"type\":\"bytes\",\"logicalType\":\"decimal\","
        "\"precision\":18,\"scale\":2}]},"
        "{\"name\":\"account_type\",\"type\":{\"type\":\"enum\",\"name\":\"Kind\",\"symbols\":"
        "[\"CHECKING\",\"SAVINGS\"]}},"
        "{\"name\":\"owner\",\"type\":{\"type\":\"record\",\"name\":\"Owner\",\"fields\":["
        "{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":\"string\"}},"
        "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"int\"}}]}},"
        "{\"name\":\"updated_at\",\"type\":{\"type\":\"long\","
        "\"logicalType\":\"timestamp-micros\"}}]}";
    static const char bytes[] =
        "\x04\x41\x31\x02\x02\x02\x06\x19\x2d\x50\x02\x04\x02\x02\x77\x97\x90"
        "\x02\x62\x02\x6b\x02\x00\xaa\xc4\xe3\xce\xa5\xd8\x88\x06";
    static struct rig g;
    (void)state;
    assert_true(rig_init(&g, slice_str(schema)));
    struct slice in = slice_of(bytes, sizeof bytes - 1);
    assert_false(read_value(&g, &in));
    rig_release(&g);
}

struct hostile {
    const char *schema, *bytes;
    size_t n;
    const char *what;
    size_t rest; /* bytes behind the place */
};

static void check_hostile(const struct hostile *h) {
    struct avro_schema schema;
    struct err e;
    const char *what;
    struct avro_slot slots[1];
    assert_true(avro_schema_init(&schema, slice_str(h->schema), false, &e));
    struct avro_plan *plan = avro_plan_new(schema.root, 0);
    char *bytes = memcpy(mem_alloc(h->n + 1), h->bytes, h->n);
    struct slice in = slice_of(bytes, h->n);
    if (avro_plan_read(plan, &in, slots, &what))
        fail_msg("accepted: %s", h->schema);
    assert_string_equal(what, h->what);
    assert_int_equal(in.n, h->rest);
    free(bytes);
    avro_plan_free(plan);
    avro_schema_release(&schema);
}

static void test_avro_plan__says_what_is_wrong(void **state) {
#define BYTES(s) s, sizeof s - 1
#define ARRAY "{\"type\":\"array\",\"items\":\"int\"}"
#define MAP "{\"type\":\"map\",\"values\":\"int\"}"
#define ENUM "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}"
    static const struct hostile cases[] = {
        {"\"int\"", BYTES(""), "it ends within a number", 0},
        {"\"long\"", BYTES("\x80\x80"), "it ends within a number", 0},
        {"\"long\"", BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
         "a number of more than 64 bits", 0},
        {"\"long\"", BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
         "a number of more than 64 bits", 1},
        {"\"int\"", BYTES("\x80\x80\x80\x80\x10"), "an int of more than 32 bits", 0},
        {"\"string\"", BYTES("\x01zzz"), "a length below 0", 3},
        {"\"string\"", BYTES("\x08zzz"), "a length goes beyond the end", 3},
        {"\"bytes\"", BYTES("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01zz"),
         "a length goes beyond the end", 2},
        {"\"double\"", BYTES("1234567"), "it ends within a value", 7},
        {"\"float\"", BYTES("123"), "it ends within a value", 3},
        {"\"boolean\"", BYTES("\x02"), "a boolean is neither 0 nor 1", 0},
        {"\"boolean\"", BYTES(""), "it ends within a value", 0},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}", BYTES("123"), "it ends within a value",
         3},
        {ENUM, BYTES("\x04"), "an enum has no such symbol", 0},
        {ENUM, BYTES("\x01"), "an enum has no such symbol", 0},
        {"[\"null\",\"int\"]", BYTES("\x04"), "a union has no such branch", 0},
        {"[\"null\",\"int\"]", BYTES("\x01"), "a union has no such branch", 0},
        {ARRAY, BYTES("\x08\x02\x02\x02"), "a block of more items than bytes", 3},
        {ARRAY, BYTES("\x04\x02\x02"), "it ends within a number", 0},
        {ARRAY, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02"), "a block of too many items",
         1},
        {ARRAY, BYTES("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
         "a block of more items than bytes", 0},
        {ARRAY, BYTES("\x03"), "it ends within a number", 0},
        {MAP, BYTES("\x02\x08kkk"), "a length goes beyond the end", 3},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_hostile(&cases[i]);
}

/* Blocks with their size in bytes, as other writers make them. */
static void test_avro_plan__blocks_with_sizes(void **state) {
    struct avro_schema schema;
    struct err e;
    const char *what;
    struct avro_slot slots[1];
    (void)state;
    assert_true(avro_schema_init(&schema, slice_str(ARRAY), false, &e));
    struct avro_plan *plan = avro_plan_new(schema.root, 0);
    struct slice in = slice_of("\x03\x04\x02\x04\x02\x06\0z", 8); /* -2 items of 2 bytes, 1 item */
    assert_true(avro_plan_read(plan, &in, slots, &what));
    assert_text(in, "z");
    avro_plan_free(plan);
    avro_schema_release(&schema);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_avro_plan__reads_what_avro_c_writes),
        cmocka_unit_test(test_avro_plan__refuses_what_crashed_avro_c),
        cmocka_unit_test(test_avro_plan__says_what_is_wrong),
        cmocka_unit_test(test_avro_plan__blocks_with_sizes),
    };
    return cmocka_run_group_tests_name("avro_plan", tests, NULL, NULL);
}
