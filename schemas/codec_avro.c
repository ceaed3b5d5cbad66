/* Avro in the wire format of schema registries: a byte 0, the schema's id (4 bytes, big endian),
 * the row. A value is read by the schema that it was written with, which is compiled once. */
#include "schemas/avro/avro_plan.h"
#include "schemas/codec.h"
#include "streamer/base/mem.h"
#include "streamer/base/utf8.h"

#include <assert.h>
#include <stdlib.h>

#define HEAD_BYTES 5
#define FIELDS_MAX 16

/* How the values of one schema are read as rows of one type. */
struct codec_avro_plan {
    uint32_t id;
    const struct row_type *type;
    struct avro_plan *plan; /* slot i is field i of the type */
};

/* --- writing --- */

static void put_head(const struct row_type *type, uint32_t schema_id, struct buf *out) {
    (void)type;
    buf_put_byte(out, 0);
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_put_byte(out, (char)(schema_id >> shift & 0xff));
}

/* --- compiling a schema --- */

static bool has_logical_type(const struct avro_node *n, const char *name) {
    struct slice text = avro_node_text(n, "logicalType");
    return text.p != NULL && slice_eq(text, slice_str(name));
}

static bool long_fits(enum row_field_kind kind, const struct avro_node *n) {
    if (kind == ROW_LONG)
        return avro_node_text(n, "logicalType").p == NULL;
    return (kind == ROW_TIME || kind == ROW_OPTIONAL_TIME) &&
           has_logical_type(n, "timestamp-millis");
}

static bool value_fits(enum row_field_kind kind, const struct avro_node *n) {
    switch (n->kind) {
    case AVRO_KIND_NULL: /* set_field judges the value */
        return true;
    case AVRO_KIND_INT:
        return kind == ROW_LONG && long_fits(kind, n);
    case AVRO_KIND_LONG:
        return long_fits(kind, n);
    case AVRO_KIND_STRING:
        return kind == ROW_TEXT;
    case AVRO_KIND_BOOLEAN:
        return kind == ROW_BOOL;
    case AVRO_KIND_BYTES:
    case AVRO_KIND_FIXED:
        return row_decimals(kind) > 0 && has_logical_type(n, "decimal") &&
               avro_node_number(n, "scale", 0) == row_decimals(kind);
    default:
        return false;
    }
}

/* Whether values of this place can be read as values of a field. Marks the place with the slot. */
static bool fits(enum row_field_kind kind, struct avro_node *n, int16_t slot) {
    if (n->kind != AVRO_KIND_UNION) {
        n->slot = slot;
        return value_fits(kind, n);
    }
    for (uint32_t i = 0; i < n->count; i++)
        if (!fits(kind, &n->children[i], slot))
            return false;
    return true;
}

static struct avro_node *find_field(const struct avro_node *record, const char *name) {
    for (uint32_t i = 0; i < record->count; i++)
        if (slice_eq(avro_field_name(&record->children[i]), slice_str(name)))
            return &record->children[i];
    return NULL;
}

/* Puts the numbers of the type's fields into the schema. */
static bool place_fields(const struct row_type *type, struct avro_node *record, struct err *e) {
    int64_t ignored;
    if (record->kind != AVRO_KIND_RECORD)
        return err_set(e, ERR_STOP, "it is no record");
    for (size_t i = 0; i < type->field_count; i++) {
        const struct row_field *f = &type->fields[i];
        struct avro_node *n = find_field(record, f->name);
        if (n == NULL && !row_set_nothing(f->kind, &ignored))
            return err_set(e, ERR_STOP, "it has no field %s", f->name);
        if (n != NULL && !fits(f->kind, n, (int16_t)i))
            return err_set(e, ERR_STOP, "its field %s has another type", f->name);
    }
    return true;
}

static struct avro_plan *compile(const struct row_type *type, struct slice text,
                                 bool has_references, struct err *e) {
    struct avro_schema schema;
    struct avro_plan *plan = NULL;
    assert(type->field_count <= FIELDS_MAX);
    if (!avro_schema_init(&schema, text, has_references, e))
        return NULL;
    if (place_fields(type, schema.root, e))
        plan = avro_plan_new(schema.root, (int16_t)type->field_count);
    avro_schema_release(&schema);
    return plan;
}

/* --- finding a schema --- */

static bool refuse_schema(struct err *e, uint32_t id, enum codec_schema answer) {
    switch (answer) {
    case CODEC_SCHEMA_NOT_NOW:
        return err_set(e, ERR_RETRY, "waiting for its schema %u from the schema registry", id);
    case CODEC_SCHEMA_UNKNOWN:
        return err_set(e, ERR_STOP,
                       "the schema registry does not know its schema %u: let schema.registry.url "
                       "point to the registry that the row was written with",
                       id);
    case CODEC_SCHEMA_FOREIGN:
        return err_set(e, ERR_STOP,
                       "its schema %u in the schema registry is no Avro schema: let "
                       "schema.registry.url point to the registry that the row was written with",
                       id);
    case CODEC_SCHEMA_FOUND:
        break;
    }
    return false;
}

static struct avro_plan *fetch(struct codec_reader *r, const struct row_type *type, uint32_t id,
                               struct err *e) {
    struct buf text = {0};
    struct avro_plan *plan = NULL;
    bool has_references = false;
    if (r->find_schema == NULL) {
        (void)err_set(e, ERR_STOP, "it is Avro by schema %u: set schema.registry.url", id);
        return NULL;
    }
    enum codec_schema answer = r->find_schema(r->context, id, &text, &has_references);
    if (answer != CODEC_SCHEMA_FOUND) {
        (void)refuse_schema(e, id, answer);
    } else if ((plan = compile(type, buf_slice(&text), has_references, e)) == NULL) {
        (void)err_prefix(e, "it cannot be read by its schema %u", id);
        e->class = ERR_STOP;
    }
    buf_release(&text);
    return plan;
}

/* NULL with an error: there is none. */
static const struct avro_plan *find_plan(struct codec_reader *r, const struct row_type *type,
                                         uint32_t id, struct err *e) {
    for (size_t i = 0; i < r->plan_count; i++)
        if (r->plans[i].id == id && r->plans[i].type == type)
            return r->plans[i].plan;
    struct avro_plan *plan = fetch(r, type, id, e);
    if (plan == NULL)
        return NULL;
    r->plans = mem_grow(r->plans, &r->plan_cap, r->plan_count + 1, sizeof *r->plans);
    r->plans[r->plan_count++] = (struct codec_avro_plan){id, type, plan};
    return plan;
}

void codec_avro_release(struct codec_reader *r) {
    for (size_t i = 0; i < r->plan_count; i++)
        avro_plan_free(r->plans[i].plan);
    free(r->plans);
}

/* --- reading --- */

static bool set_field(enum row_field_kind kind, const struct avro_slot *v, void *p) {
    int128 wide;
    if (v->op == NULL || v->op->kind == AVRO_KIND_NULL)
        return row_set_nothing(kind, p);
    switch (kind) {
    case ROW_LONG:
        *(int64_t *)p = v->number;
        return true;
    case ROW_TEXT:
        *(struct slice *)p = v->bytes;
        return utf8_is_valid(v->bytes);
    case ROW_BYTES:
        return false;
    case ROW_BOOL:
        *(bool *)p = v->number != 0;
        return true;
    case ROW_AMOUNT:
    case ROW_TOTAL:
    case ROW_RATE:
        return decimal_get_bytes(v->bytes, &wide) && row_set_decimal(kind, wide, p);
    case ROW_TIME:
    case ROW_OPTIONAL_TIME:
        return row_set_time(v->number, p);
    }
    return false;
}

static bool read_row(const struct row_type *type, const struct avro_plan *plan, struct slice in,
                     void *row) {
    struct avro_slot slots[FIELDS_MAX];
    const char *what;
    if (!avro_plan_read(plan, &in, slots, &what) || in.n > 0)
        return false;
    for (size_t i = 0; i < type->field_count; i++)
        if (!set_field(type->fields[i].kind, &slots[i], (char *)row + type->fields[i].offset))
            return false;
    return true;
}

static bool read(struct codec_reader *r, const struct row_type *type, struct slice bytes, void *row,
                 struct err *e) {
    const unsigned char *p = (const unsigned char *)bytes.p;
    if (bytes.n < HEAD_BYTES)
        return codec_refuse(type, e);
    uint32_t id = (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
    const struct avro_plan *plan = find_plan(r, type, id, e);
    if (plan == NULL)
        return false;
    return read_row(type, plan, slice_of(bytes.p + HEAD_BYTES, bytes.n - HEAD_BYTES), row) ||
           codec_refuse(type, e);
}

const struct codec codec_avro = {.name = "avro",
                                 .prefix = {"", 1}, /* a byte 0 */
                                 .put_head = put_head,
                                 .put_body = row_put_avro,
                                 .has_ids = true,
                                 .read = read};
