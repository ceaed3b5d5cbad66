/* Sets a field in the bytes of an Avro record. The bytes before and behind the field's value stay,
 * and the new value is encoded as the writer's schema says. */
#include "streamer/base/float_text.h"
#include "streamer/layers/source/rewrite_parts.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

/* --- reading --- */

static bool refuse_bytes(struct err *e, const char *what) {
    return err_set(e, ERR_STOP, "the value is not as its schema says: %s", what);
}

/* Moves *in behind one value of the node. */
static bool skip(const struct avro_node *n, struct slice *in, struct err *e) {
    const char *what;
    struct avro_plan *plan = avro_plan_new(n, 0);
    bool ok = avro_plan_read(plan, in, NULL, &what) || refuse_bytes(e, what);
    avro_plan_free(plan);
    return ok;
}

/* The branch of a union, whose number is in front. The plan of the union has shown that it is
 * there. */
static struct avro_node *take_branch(struct avro_node *n, struct slice *in) {
    uint64_t zigzag = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = (uint8_t)*in->p;
        zigzag |= (uint64_t)(byte & 0x7f) << shift;
        *in = slice_of(in->p + 1, in->n - 1);
        shift += 7;
    } while (byte >= 0x80);
    return &n->children[zigzag >> 1];
}

static struct avro_node *enter(struct avro_node *n, struct slice *in) {
    return n->kind == AVRO_KIND_UNION ? take_branch(n, in) : n;
}

/* Moves *in to the child of a record. */
static bool seek(const struct avro_node *record, const struct avro_node *child, struct slice *in,
                 struct err *e) {
    for (const struct avro_node *n = record->children; n != child; n++)
        if (!skip(n, in, e))
            return false;
    return true;
}

/* --- encoding --- */

static void put_number(struct buf *out, int64_t v) {
    uint64_t zigzag = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
    for (; zigzag >= 0x80; zigzag >>= 7)
        buf_put_byte(out, (char)(zigzag | 0x80));
    buf_put_byte(out, (char)zigzag);
}

static void put_bytes(struct buf *out, struct slice bytes) {
    put_number(out, (int64_t)bytes.n);
    buf_put_slice(out, bytes);
}

static bool put_integer(const struct avro_node *n, struct slice text, struct buf *out) {
    struct avro_place place = avro_scalar_place(n);
    int64_t number;
    bool ok = place.meaning == AVRO_IS_TIME ? rewrite_time(place.time, text, &number)
                                            : decimal_parse_integer(text, &number) == DECIMAL_OK;
    if (!ok || (n->kind == AVRO_KIND_INT && (number < INT32_MIN || number > INT32_MAX)))
        return false;
    put_number(out, number);
    return true;
}

/* Whether two decimal texts are the same number. */
static bool is_same_number(struct slice a, struct slice b) {
    int64_t one, other;
    return decimal_parse(a, 18, 9, &one) == DECIMAL_OK &&
           decimal_parse(b, 18, 9, &other) == DECIMAL_OK && one == other &&
           rewrite_scale_of(a) <= 9;
}

/* A float or double counts as the shortest text that reads back to it, which must be the text. */
static bool put_float(const struct avro_node *n, struct slice text, struct buf *out) {
    struct buf copy = {0}, back = {0};
    buf_set(&copy, text);
    double d = strtod(buf_cstr(&copy), NULL);
    float f = strtof(buf_cstr(&copy), NULL);
    bool is_float = n->kind == AVRO_KIND_FLOAT;
    uint32_t bits32;
    uint64_t bits64;
    memcpy(&bits32, &f, sizeof bits32);
    memcpy(&bits64, &d, sizeof bits64);
    bits32 = htole32(bits32);
    bits64 = htole64(bits64);
    if (is_float)
        float_put_float(&back, f);
    else
        float_put_double(&back, d);
    bool ok = is_same_number(text, buf_slice(&back));
    if (ok && is_float)
        buf_put(out, &bits32, sizeof bits32);
    else if (ok)
        buf_put(out, &bits64, sizeof bits64);
    buf_release(&copy);
    buf_release(&back);
    return ok;
}

static bool put_fixed(uint32_t size, struct slice bytes, struct buf *out) {
    bool is_negative = (bytes.p[0] & 0x80) != 0;
    if (bytes.n > size)
        return false;
    for (size_t i = bytes.n; i < size; i++)
        buf_put_byte(out, is_negative ? '\xff' : '\0');
    buf_put_slice(out, bytes);
    return true;
}

/* Bytes or a fixed that are a decimal. */
static bool put_decimal(const struct avro_node *n, struct slice text, int32_t scale,
                        struct buf *out) {
    struct buf bytes = {0};
    int128 value;
    if (scale < 0 || scale > REWRITE_SCALE_MAX || !rewrite_decimal(text, scale, &value))
        return false;
    decimal_put_bytes(&bytes, value);
    bool ok = true;
    if (n->kind == AVRO_KIND_FIXED)
        ok = put_fixed(n->size, buf_slice(&bytes), out);
    else
        put_bytes(out, buf_slice(&bytes));
    buf_release(&bytes);
    return ok;
}

static bool put_symbol(const struct avro_node *n, struct slice text, struct buf *out) {
    const cJSON *symbol;
    int64_t number = 0;
    cJSON_ArrayForEach(symbol, json_member(n->declaration, "symbols")) {
        if (slice_eq(json_text(symbol), text)) {
            put_number(out, number);
            return true;
        }
        number++;
    }
    return false;
}

static bool put_value(const struct avro_node *n, struct slice text, const struct avro_node *first,
                      struct buf *out);

/* Debezium's VariableScaleDecimal: a record of scale and value. */
static bool put_variable_decimal(const struct avro_node *n, struct slice text, struct buf *out) {
    int scale = rewrite_scale_of(text);
    char scale_text[16];
    int length = snprintf(scale_text, sizeof scale_text, "%d", scale);
    bool ok = n->count == 2;
    for (uint32_t i = 0; ok && i < n->count; i++) {
        const struct avro_node *child = &n->children[i];
        if (slice_eq(avro_field_name(child), slice_str("scale")))
            ok = put_value(child, slice_of(scale_text, (size_t)length), NULL, out);
        else
            ok = slice_eq(avro_field_name(child), slice_str("value")) &&
                 child->kind == AVRO_KIND_BYTES && put_decimal(child, text, scale, out);
    }
    return ok;
}

/* Appends the value with the number of its branch. A failed try leaves nothing behind. */
static bool put_branch(const struct avro_node *n, const struct avro_node *branch, struct slice text,
                       struct buf *out) {
    size_t before = out->n;
    put_number(out, branch - n->children);
    if (put_value(branch, text, NULL, out))
        return true;
    out->n = before;
    return false;
}

/* The branch that the old value had comes first. No text is null only where it can be. */
static bool put_union(const struct avro_node *n, struct slice text, const struct avro_node *first,
                      struct buf *out) {
    if (first != NULL && first->kind != AVRO_KIND_NULL && put_branch(n, first, text, out))
        return true;
    for (uint32_t i = 0; i < n->count; i++)
        if (put_branch(n, &n->children[i], text, out))
            return true;
    return false;
}

/* `first`: of a union the branch to try first; NULL: none. False: the text does not fit. */
static bool put_value(const struct avro_node *n, struct slice text, const struct avro_node *first,
                      struct buf *out) {
    switch (n->kind) {
    case AVRO_KIND_NULL:
        return text.n == 0;
    case AVRO_KIND_BOOLEAN:
        buf_put_byte(out, slice_eq(text, slice_str("true")) ? '\1' : '\0');
        return slice_eq(text, slice_str("true")) || slice_eq(text, slice_str("false"));
    case AVRO_KIND_INT:
    case AVRO_KIND_LONG:
        return put_integer(n, text, out);
    case AVRO_KIND_FLOAT:
    case AVRO_KIND_DOUBLE:
        return put_float(n, text, out);
    case AVRO_KIND_STRING:
        put_bytes(out, text);
        return true;
    case AVRO_KIND_BYTES:
    case AVRO_KIND_FIXED: {
        struct avro_place place = avro_scalar_place(n);
        return place.meaning == AVRO_IS_DECIMAL && put_decimal(n, text, place.scale, out);
    }
    case AVRO_KIND_ENUM:
        return put_symbol(n, text, out);
    case AVRO_KIND_RECORD:
        return put_variable_decimal(n, text, out);
    case AVRO_KIND_UNION:
        return put_union(n, text, first, out);
    case AVRO_KIND_ARRAY:
    case AVRO_KIND_MAP:
        break;
    }
    return false;
}

/* --- the record --- */

/* Finds the record of the row, and moves *in to its first field. NULL with `e`. */
static struct avro_node *find_row(const struct rewriting *w, struct avro_node *root,
                                  struct slice *in, struct err *e) {
    struct avro_node *record = enter(root, in);
    if (record->kind != AVRO_KIND_RECORD) {
        (void)err_set(e, ERR_STOP, "the value is no Avro record");
        return NULL;
    }
    if (!avro_record_is_change(record))
        return record;
    struct avro_node *part = avro_record_member(record, w->part);
    if (part == NULL || !seek(record, part, in, e)) {
        if (part == NULL)
            (void)err_set(e, ERR_STOP, "its schema has no `%s`", w->part);
        return NULL;
    }
    record = enter(part, in);
    if (record->kind == AVRO_KIND_RECORD)
        return record;
    (void)err_set(e, ERR_STOP, "the record has no row in `%s`, so no field can be set", w->part);
    return NULL;
}

/* What a text must be for the node. */
static void put_type(const struct avro_node *n, struct buf *out) {
    static const char *const names[] = {"null",   "boolean", "int",    "long",  "float",
                                        "double", "bytes",   "string", "fixed", "enum",
                                        "record", "array",   "map",    "union"};
    if (n->kind != AVRO_KIND_UNION) {
        struct avro_place place = avro_scalar_place(n);
        if (place.meaning == AVRO_IS_DECIMAL)
            buf_printf(out, "a decimal with %d digits behind the point", place.scale);
        else
            buf_put_str(out, names[n->kind]);
        return;
    }
    for (uint32_t i = 0; i < n->count; i++) {
        buf_put_str(out, i > 0 ? " or " : "");
        put_type(&n->children[i], out);
    }
}

static bool refuse_text(const struct rewriting *w, const struct avro_node *n, struct err *e) {
    struct buf type = {0};
    put_type(n, &type);
    (void)rewrite_refuse(e, w->field.field,
                         "\"%.*s\" does not fit the record's schema, which says %s",
                         (int)w->field.text.n, w->field.text.p, buf_cstr(&type));
    buf_release(&type);
    return false;
}

static bool replace(const struct rewriting *w, struct slice bytes, struct slice in,
                    struct avro_node *field, struct buf *out, struct err *e) {
    struct slice behind = in, old = in;
    const struct avro_node *branch =
        field->kind == AVRO_KIND_UNION ? take_branch(field, &old) : NULL;
    if (!skip(field, &behind, e))
        return false;
    buf_put(out, bytes.p, (size_t)(in.p - bytes.p));
    if (!put_value(field, w->field.text, branch, out))
        return refuse_text(w, field, e);
    buf_put_slice(out, behind);
    return true;
}

static bool set(const struct rewriting *w, struct avro_node *root, struct slice bytes,
                struct buf *out, struct err *e) {
    struct slice in = bytes, whole = bytes;
    if (!skip(root, &whole, e))
        return false;
    struct avro_node *row = find_row(w, root, &in, e);
    if (row == NULL)
        return false;
    struct avro_node *field = avro_record_field(&w->g, row, w->field.field);
    if (field == NULL)
        return rewrite_refuse(e, w->field.field,
                              "the record's schema has no such field, and a record cannot have "
                              "more than its schema");
    return seek(row, field, &in, e) && replace(w, bytes, in, field, out, e);
}

bool rewrite_avro(const struct rewriting *w, const struct schema_text *schema, struct slice bytes,
                  struct buf *out, struct err *e) {
    struct avro_schema tree;
    if (!avro_schema_init(&tree, buf_slice(&schema->text), schema->has_references, e)) {
        e->class = ERR_STOP;
        return err_prefix(e, "its schema cannot be used");
    }
    bool ok = set(w, tree.root, bytes, out, e);
    avro_schema_release(&tree);
    return ok;
}
