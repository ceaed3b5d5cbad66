/* A writer's schema is compiled for one entity: the members that count get slots. */
#include "streamer/base/decimal.h"
#include "streamer/base/mem.h"
#include "streamer/base/utf8.h"
#include "streamer/layers/source/decode_avro.h"

#include <stdio.h>
#include <stdlib.h>

#define PLACES_MAX 256 /* avro_op.type has a byte */
#define WHY_MAX_BYTES 300
#define SLOTS_MAX 2000 /* all of them are cleared for each record */

struct compile {
    const struct decoding *g;
    struct avro_compiled *compiled;
    uint32_t places, shapes, symbols;
    bool is_too_large;
};

/* --- places --- */

static bool same_place(const struct avro_place *a, const struct avro_place *b) {
    return a->meaning == b->meaning && a->scale == b->scale && a->scale_slot == b->scale_slot &&
           a->value_slot == b->value_slot && a->time == b->time && a->shape == b->shape &&
           a->symbols == b->symbols;
}

/* The number of a place; 0 if there are too many. */
static uint8_t add_place(struct compile *c, struct avro_place place) {
    struct avro_place *places = c->compiled->places;
    for (uint32_t i = 0; i < c->places; i++)
        if (same_place(&places[i], &place))
            return (uint8_t)i;
    if (c->places == PLACES_MAX) {
        c->is_too_large = true;
        return 0;
    }
    places[c->places] = place;
    return (uint8_t)c->places++;
}

static int16_t add_slot(struct compile *c) {
    if (c->compiled->slot_count == SLOTS_MAX) {
        c->is_too_large = true;
        return 0;
    }
    return c->compiled->slot_count++;
}

static struct avro_place place_with(enum avro_meaning meaning) {
    return (struct avro_place){.meaning = meaning};
}

static struct avro_text_place add_text(struct compile *c, struct slice text) {
    struct buf *texts = &c->compiled->texts;
    struct avro_text_place place = {(uint32_t)texts->n, (uint32_t)text.n};
    buf_put_slice(texts, text);
    return place;
}

/* --- types --- */

static bool node_is(const struct avro_node *n, const char *member, const char *text) {
    struct slice found = avro_node_text(n, member);
    return found.p != NULL && slice_eq(found, slice_str(text));
}

static bool read_scale(const cJSON *object, int32_t *scale) {
    int64_t number;
    if (decimal_parse_integer(json_text(json_member(object, "scale")), &number) != DECIMAL_OK ||
        number < INT32_MIN || number > INT32_MAX)
        return false;
    *scale = (int32_t)number;
    return true;
}

/* A decimal's scale is in its declaration. Connect's converter repeats it in its parameters. */
static bool find_scale(const struct avro_node *n, int32_t *scale) {
    bool is_avro = node_is(n, "logicalType", "decimal");
    if (!is_avro && !node_is(n, "connect.name", "org.apache.kafka.connect.data.Decimal"))
        return false;
    *scale = 0;
    return read_scale(n->declaration, scale) ||
           read_scale(json_member(n->declaration, "connect.parameters"), scale) || is_avro;
}

/* Avro's logical types of time, as the types of Debezium that are the same. NULL: not a date. */
static const struct {
    const char *name, *as;
    enum avro_kind kind;
} logical_times[] = {
    {"timestamp-millis", "io.debezium.time.Timestamp", AVRO_KIND_LONG},
    {"timestamp-micros", "io.debezium.time.MicroTimestamp", AVRO_KIND_LONG},
    {"timestamp-nanos", "io.debezium.time.NanoTimestamp", AVRO_KIND_LONG},
    {"local-timestamp-millis", "io.debezium.time.Timestamp", AVRO_KIND_LONG},
    {"local-timestamp-micros", "io.debezium.time.MicroTimestamp", AVRO_KIND_LONG},
    {"local-timestamp-nanos", "io.debezium.time.NanoTimestamp", AVRO_KIND_LONG},
    {"date", "io.debezium.time.Date", AVRO_KIND_INT},
    {"time-millis", NULL, AVRO_KIND_INT},
    {"time-micros", NULL, AVRO_KIND_LONG},
};

static struct avro_place time_place(const char *type) {
    struct avro_place place = place_with(type != NULL ? AVRO_IS_TIME : AVRO_IS_NO_DATE);
    if (type != NULL)
        place.time = connect_time_type(slice_str(type));
    return place;
}

/* Avro: a logical type that is unknown, or does not belong to the kind, is ignored. */
static struct avro_place logical_place(const struct avro_node *n) {
    for (size_t i = 0; i < ARRAY_LEN(logical_times); i++)
        if (n->kind == logical_times[i].kind && node_is(n, "logicalType", logical_times[i].name))
            return time_place(logical_times[i].as);
    return place_with(AVRO_IS_PLAIN);
}

struct avro_place avro_scalar_place(const struct avro_node *n) {
    int32_t scale;
    if ((n->kind == AVRO_KIND_BYTES || n->kind == AVRO_KIND_FIXED) && find_scale(n, &scale)) {
        struct avro_place place = place_with(AVRO_IS_DECIMAL);
        place.scale = scale;
        return place;
    }
    struct slice name = avro_node_text(n, "connect.name");
    struct avro_place place = place_with(AVRO_IS_TIME);
    if (name.p != NULL && (place.time = connect_time_type(name)) != NULL)
        return place;
    if (name.p != NULL && connect_is_no_date(name))
        return place_with(AVRO_IS_NO_DATE);
    return logical_place(n);
}

static struct avro_place enum_place(struct compile *c, const struct avro_node *n) {
    struct avro_compiled *r = c->compiled;
    struct avro_place place = avro_scalar_place(n);
    const cJSON *symbol;
    place.symbols = c->symbols;
    r->symbols = mem_realloc(r->symbols, (c->symbols + n->size) * sizeof *r->symbols);
    cJSON_ArrayForEach(symbol, json_member(n->declaration, "symbols")) {
        r->symbols[c->symbols++] = add_text(c, json_text(symbol));
    }
    return place;
}

struct avro_node *avro_record_member(const struct avro_node *record, const char *name) {
    for (uint32_t i = 0; i < record->count; i++)
        if (slice_eq(avro_field_name(&record->children[i]), slice_str(name)))
            return &record->children[i];
    return NULL;
}

static void set_place(struct compile *c, struct avro_node *n, int16_t slot,
                      struct avro_place place) {
    n->slot = slot;
    n->type = add_place(c, place);
}

/* Gives a value of any kind its slot. */
static void place_value(struct compile *c, struct avro_node *n, int16_t slot);

static bool is_variable_decimal(const struct avro_node *n) {
    return n->kind == AVRO_KIND_RECORD && n->count == 2 && avro_record_member(n, "scale") != NULL &&
           avro_record_member(n, "value") != NULL;
}

static void place_variable_decimal(struct compile *c, struct avro_node *n, int16_t slot) {
    struct avro_place place = place_with(AVRO_IS_VARIABLE_DECIMAL);
    place.scale_slot = add_slot(c);
    place.value_slot = add_slot(c);
    place_value(c, avro_record_member(n, "scale"), place.scale_slot);
    place_value(c, avro_record_member(n, "value"), place.value_slot);
    set_place(c, n, slot, place);
}

static void place_value(struct compile *c, struct avro_node *n, int16_t slot) {
    if (n->kind == AVRO_KIND_UNION)
        for (uint32_t i = 0; i < n->count; i++)
            place_value(c, &n->children[i], slot);
    else if (is_variable_decimal(n))
        place_variable_decimal(c, n, slot);
    else
        set_place(c, n, slot, n->kind == AVRO_KIND_ENUM ? enum_place(c, n) : avro_scalar_place(n));
}

/* A member can be a field and metadata: it has one slot all the same. */
static int16_t slot_of_member(struct compile *c, int16_t *slots, struct avro_node *record,
                              uint32_t i) {
    if (slots[i] == AVRO_NO_SLOT) {
        slots[i] = add_slot(c);
        place_value(c, &record->children[i], slots[i]);
    }
    return slots[i];
}

/* --- shapes --- */

static struct avro_shape *add_shape(struct compile *c) {
    struct avro_compiled *r = c->compiled;
    r->shapes = mem_realloc(r->shapes, (c->shapes + 1) * sizeof *r->shapes);
    struct avro_shape *shape = &r->shapes[c->shapes++];
    *shape = (struct avro_shape){
        .op = AVRO_NO_SLOT, .source = AVRO_NO_SLOT, .before = AVRO_NO_SLOT, .after = AVRO_NO_SLOT};
    for (size_t f = 0; f < FIELD_COUNT; f++)
        shape->fields[f] = AVRO_NO_SLOT;
    for (size_t m = 0; m < MARK_COUNT; m++)
        shape->marks[m] = AVRO_NO_SLOT;
    return shape;
}

/* Whether a value of this kind can be there. */
static bool can_be(const struct avro_node *n, enum avro_kind kind) {
    bool can = n->kind == kind;
    if (n->kind == AVRO_KIND_UNION)
        for (uint32_t i = 0; i < n->count; i++)
            can |= n->children[i].kind == kind;
    return can;
}

/* An object with the names of a record's fields, for what looks at objects. The caller frees it. */
static cJSON *names_of(const struct avro_node *record) {
    cJSON *object = cJSON_CreateObject();
    for (uint32_t i = 0; i < record->count; i++) {
        const struct avro_node *n = &record->children[i];
        cJSON *item = can_be(n, AVRO_KIND_ARRAY) ? cJSON_CreateArray()
                      : can_be(n, AVRO_KIND_RECORD) || can_be(n, AVRO_KIND_MAP)
                          ? cJSON_CreateObject()
                          : cJSON_CreateNull();
        (void)cJSON_AddItemToObject(object, json_member(n->field, "name")->valuestring, item);
    }
    return object;
}

/* Which members of a record are fields. A field's name counts before any alias. */
struct members {
    uint32_t found[FIELD_COUNT]; /* the number of the member, plus 1; 0: none */
    uint32_t unknown;
};

static bool is_field(struct row_choice *c, struct slice name, enum field *field, bool *best) {
    uint32_t unknown = c->unknown, others = c->others;
    *best = row_choose(c, name, field);
    return *best || (c->unknown == unknown && c->others == others);
}

/* Whether one of a member's aliases is a field's name; if so it may be found by it, as `found` has
 * it. */
static bool find_by_alias(struct row_choice *c, const struct avro_node *record, uint32_t i,
                          uint32_t found[FIELD_COUNT]) {
    const cJSON *alias;
    cJSON_ArrayForEach(alias, json_member(record->children[i].field, "aliases")) {
        enum field field;
        bool best;
        if (!cJSON_IsString(alias) || !is_field(c, json_text(alias), &field, &best))
            continue;
        if (best)
            found[field] = i + 1;
        return true;
    }
    return false;
}

static struct members find_members(struct compile *c, const struct avro_node *record) {
    struct row_choice by_name = row_choice_of(c->g), by_alias = row_choice_of(c->g);
    struct members m = {0};
    uint32_t aliased[FIELD_COUNT] = {0};
    bool *is_unknown = mem_calloc(record->count + 1, sizeof *is_unknown);
    for (uint32_t i = 0; i < record->count; i++) {
        enum field field;
        uint32_t unknown = by_name.unknown;
        if (row_choose(&by_name, avro_field_name(&record->children[i]), &field))
            m.found[field] = i + 1;
        is_unknown[i] = by_name.unknown > unknown;
    }
    for (uint32_t i = 0; i < record->count; i++)
        m.unknown += is_unknown[i] && !find_by_alias(&by_alias, record, i, aliased);
    for (enum field f = 0; f < FIELD_COUNT; f++)
        m.found[f] = m.found[f] != 0 ? m.found[f] : aliased[f];
    free(is_unknown);
    return m;
}

struct avro_node *avro_record_field(const struct decoding *g, const struct avro_node *record,
                                    enum field field) {
    struct compile c = {.g = g};
    uint32_t found = find_members(&c, record).found[field];
    return found != 0 ? &record->children[found - 1] : NULL;
}

static bool place_fields(struct compile *c, struct avro_node *record, int16_t *slots,
                         struct avro_shape *shape) {
    struct members m = find_members(c, record);
    bool any = false;
    shape->unknown_fields = m.unknown;
    for (enum field f = 0; f < FIELD_COUNT; f++) {
        if (m.found[f] == 0)
            continue;
        any = true;
        shape->fields[f] = slot_of_member(c, slots, record, m.found[f] - 1);
    }
    return any;
}

static void place_marks(struct compile *c, struct avro_node *record, int16_t *slots,
                        struct avro_shape *shape, enum mark (*mark_of)(struct slice name)) {
    for (uint32_t i = 0; i < record->count; i++) {
        enum mark mark = mark_of(avro_field_name(&record->children[i]));
        if (mark == MARK_COUNT)
            continue;
        shape->has_marks = true;
        if (mark != MARK_OTHER && shape->marks[mark] == AVRO_NO_SLOT)
            shape->marks[mark] = slot_of_member(c, slots, record, i);
        if (mark != MARK_DMS_OP)
            shape->exists |= UINT32_C(1) << mark;
    }
}

static void put_strange_names(struct compile *c, const struct avro_node *record,
                              struct avro_shape *shape) {
    cJSON *names = names_of(record);
    struct buf text = {0};
    row_put_strange_names(&text, names);
    shape->strange_names = add_text(c, buf_slice(&text));
    buf_release(&text);
    cJSON_Delete(names);
}

static int16_t *no_slots(uint32_t count) {
    int16_t *slots = mem_alloc((count + 1) * sizeof *slots);
    for (uint32_t i = 0; i < count; i++)
        slots[i] = AVRO_NO_SLOT;
    return slots;
}

/* How the members of a record are found that is in a certain place. */
typedef void shape_of(struct compile *c, struct avro_node *record, struct avro_shape *shape);

static void shape_row(struct compile *c, struct avro_node *record, struct avro_shape *shape) {
    int16_t *slots = no_slots(record->count);
    if (!place_fields(c, record, slots, shape))
        put_strange_names(c, record, shape);
    free(slots);
}

static void shape_flat(struct compile *c, struct avro_node *record, struct avro_shape *shape) {
    int16_t *slots = no_slots(record->count);
    if (!place_fields(c, record, slots, shape))
        put_strange_names(c, record, shape);
    place_marks(c, record, slots, shape, metadata_flat_mark);
    free(slots);
}

static void shape_source(struct compile *c, struct avro_node *record, struct avro_shape *shape) {
    int16_t *slots = no_slots(record->count);
    place_marks(c, record, slots, shape, metadata_source_mark);
    free(slots);
}

/* Gives a slot to a value that should be a record, and to what counts in it. The branches of a
 * union share their slots, for a record has one of them. */
static void place_record(struct compile *c, struct avro_node *n, int16_t slot, shape_of *shape_it) {
    if (n->kind == AVRO_KIND_UNION) {
        int16_t from = c->compiled->slot_count, to = from;
        for (uint32_t i = 0; i < n->count; i++) {
            c->compiled->slot_count = from;
            place_record(c, &n->children[i], slot, shape_it);
            to = c->compiled->slot_count > to ? c->compiled->slot_count : to;
        }
        c->compiled->slot_count = to;
    } else if (n->kind == AVRO_KIND_RECORD) {
        struct avro_place place = place_with(AVRO_IS_SHAPE);
        place.shape = (uint16_t)c->shapes;
        struct avro_shape *added = add_shape(c), shape = *added; /* more may be added */
        shape_it(c, n, &shape);
        c->compiled->shapes[place.shape] = shape;
        set_place(c, n, slot, place);
    } else {
        place_value(c, n, slot);
    }
}

static int16_t place_part(struct compile *c, struct avro_node *record, const char *name,
                          shape_of *shape_it) {
    struct avro_node *n = avro_record_member(record, name);
    if (n == NULL)
        return AVRO_NO_SLOT;
    int16_t slot = add_slot(c);
    place_record(c, n, slot, shape_it);
    return slot;
}

static void shape_envelope(struct compile *c, struct avro_node *record, struct avro_shape *shape) {
    shape->is_envelope = true;
    shape->op = add_slot(c);
    place_value(c, avro_record_member(record, "op"), shape->op);
    shape->source = place_part(c, record, "source", shape_source);
    shape->before = place_part(c, record, "before", shape_row);
    shape->after = place_part(c, record, "after", shape_row);
}

bool avro_record_is_change(const struct avro_node *record) {
    cJSON *names = names_of(record);
    bool is = envelope_is_change(names);
    cJSON_Delete(names);
    return is;
}

static void shape_root(struct compile *c, struct avro_node *record, struct avro_shape *shape) {
    cJSON *names = names_of(record);
    if (envelope_is_change(names))
        shape_envelope(c, record, shape);
    else if ((shape->format = foreign_format(names)) == NULL)
        shape_flat(c, record, shape);
    cJSON_Delete(names);
}

/* --- compiled schemas --- */

static void count_bytes(struct compile *c) {
    struct avro_compiled *r = c->compiled;
    r->places = mem_realloc(r->places, (c->places + 1) * sizeof *r->places);
    r->bytes += avro_plan_bytes(r->plan) + (c->places + 1) * sizeof *r->places +
                c->shapes * sizeof *r->shapes + c->symbols * sizeof *r->symbols + r->texts.cap;
}

/* An error's text may be cut within a character. */
static struct slice shown(const char *why) {
    struct slice text = slice_of(why, strnlen(why, WHY_MAX_BYTES));
    while (text.n > 0 && !utf8_is_valid(text))
        text.n--;
    return text;
}

static void refuse_schema(struct avro_compiled *r, const char *why) {
    struct buf text = {0};
    buf_put_slice(&text, shown(why));
    (void)buf_cstr(&text);
    r->how = AVRO_READS_NOTHING;
    r->why = text.p;
    r->bytes += text.cap;
}

static void compile_avro(const struct decoding *g, struct avro_compiled *r, bool is_key,
                         struct avro_schema *schema) {
    struct compile c = {.g = g, .compiled = r};
    r->places = mem_calloc(PLACES_MAX, sizeof *r->places);
    r->root = add_slot(&c);
    place_record(&c, schema->root, r->root, is_key ? shape_row : shape_root);
    r->plan = avro_plan_new(schema->root, r->slot_count);
    count_bytes(&c);
    if (c.is_too_large)
        refuse_schema(r, "it has too many types and fields that count");
}

static void read_avro(const struct decoding *g, struct avro_compiled *r,
                      const struct schema_text *schema, bool is_key) {
    struct avro_schema tree;
    struct err e;
    if (!avro_schema_init(&tree, buf_slice(&schema->text), schema->has_references, &e)) {
        refuse_schema(r, e.text);
        return;
    }
    compile_avro(g, r, is_key, &tree);
    avro_schema_release(&tree);
}

struct avro_compiled *avro_compiled_new(const struct decoding *g, const struct schema_text *schema,
                                        bool is_key) {
    struct avro_compiled *r = mem_calloc(1, sizeof *r);
    char why[100];
    r->bytes = sizeof *r;
    switch (schema->type) {
    case SCHEMA_AVRO:
        read_avro(g, r, schema, is_key);
        break;
    case SCHEMA_JSON:
        r->how = AVRO_READS_JSON;
        break;
    case SCHEMA_OTHER:
        (void)snprintf(why, sizeof why, "its type is %s (AVRO and JSON are read)",
                       schema->type_name);
        refuse_schema(r, why);
        break;
    }
    return r;
}

void avro_compiled_free(struct avro_compiled *r) {
    avro_plan_free(r->plan);
    free(r->places);
    free(r->shapes);
    free(r->symbols);
    buf_release(&r->texts);
    free(r->why);
    free(r);
}
