#include "schemas/avro/avro_schema.h"

#include "schemas/avro/avro_names.h"
#include "streamer/base/decimal.h"
#include "streamer/base/mem.h"

#include <avro.h>
#include <pthread.h>
#include <stdlib.h>

/* The text of avro-c's last error is one for the whole process. */
static pthread_mutex_t avro_c_lock = PTHREAD_MUTEX_INITIALIZER;

/* A named type that was met: avro-c's object, by which links are resolved, and its JSON. */
struct definition {
    avro_schema_t type;
    const cJSON *declaration;
    bool is_open; /* the walk is inside of it: to meet it again is recursion */
};

struct build {
    struct definition *definitions;
    size_t count, cap;
    uint32_t nodes;
    struct err *e;
};

static bool build_node(struct build *b, avro_schema_t type, const cJSON *json, int depth,
                       struct avro_node *out);

static bool refuse(struct build *b, const char *why) {
    return err_set(b->e, ERR_CONFIG, "%s", why);
}

static struct definition *find_definition(struct build *b, avro_schema_t type) {
    for (size_t i = 0; i < b->count; i++)
        if (b->definitions[i].type == type)
            return &b->definitions[i];
    return NULL;
}

static size_t open_definition(struct build *b, avro_schema_t type, const cJSON *declaration) {
    struct definition *known = find_definition(b, type);
    if (known == NULL) {
        if (b->count == b->cap) {
            b->cap = b->cap == 0 ? 8 : 2 * b->cap;
            b->definitions = mem_realloc(b->definitions, b->cap * sizeof *b->definitions);
        }
        known = &b->definitions[b->count++];
        *known = (struct definition){.type = type, .declaration = declaration};
    }
    known->is_open = true;
    return (size_t)(known - b->definitions);
}

/* A named type that has no types inside of it. */
static void define(struct build *b, avro_schema_t type, const cJSON *declaration) {
    size_t at = open_definition(b, type, declaration);
    b->definitions[at].is_open = false;
}

/* {"type": {"type": "long", …}}: the inner object says more. */
static const cJSON *innermost(const cJSON *json) {
    while (cJSON_IsObject(json) &&
           (cJSON_IsObject(json_member(json, "type")) || cJSON_IsArray(json_member(json, "type"))))
        json = json_member(json, "type");
    return json;
}

static bool add_children(struct build *b, struct avro_node *out, size_t count) {
    if (count > AVRO_NODES_MAX - b->nodes)
        return refuse(b, "the schema has too many fields");
    b->nodes += (uint32_t)count;
    out->children = mem_calloc(count + 1, sizeof *out->children);
    for (size_t i = 0; i < count; i++)
        out->children[i] = (struct avro_node){.kind = AVRO_KIND_NULL, .slot = AVRO_NO_SLOT};
    out->count = (uint32_t)count;
    return true;
}

static bool build_fields(struct build *b, avro_schema_t type, const cJSON *declaration, int depth,
                         struct avro_node *out) {
    const cJSON *field = json_member(declaration, "fields");
    if (!add_children(b, out, avro_schema_record_size(type)))
        return false;
    field = field != NULL ? field->child : NULL;
    out->is_empty = true;
    for (uint32_t i = 0; i < out->count; i++, field = field->next) {
        struct avro_node *child = &out->children[i];
        if (field == NULL)
            return refuse(b, "the record's fields are not what its text says");
        if (!cJSON_IsString(json_member(field, "name")))
            return refuse(b, "a field has no name");
        child->field = field;
        if (!build_node(b, avro_schema_record_field_get_by_index(type, (int)i),
                        json_member(field, "type"), depth, child))
            return false;
        out->is_empty &= child->is_empty;
    }
    return true;
}

static bool build_record(struct build *b, avro_schema_t type, const cJSON *declaration, int depth,
                         struct avro_node *out) {
    size_t at = open_definition(b, type, declaration);
    out->kind = AVRO_KIND_RECORD;
    bool ok = build_fields(b, type, declaration, depth, out);
    b->definitions[at].is_open = false;
    return ok;
}

static bool build_union(struct build *b, avro_schema_t type, const cJSON *json, int depth,
                        struct avro_node *out) {
    out->kind = AVRO_KIND_UNION;
    if (!cJSON_IsArray(json) || avro_schema_union_size(type) != (size_t)cJSON_GetArraySize(json) ||
        avro_schema_union_size(type) == 0)
        return refuse(b, "a union's branches are not what its text says");
    if (avro_schema_union_size(type) > AVRO_BRANCHES_MAX)
        return refuse(b, "a union has too many branches");
    if (!add_children(b, out, avro_schema_union_size(type)))
        return false;
    const cJSON *branch = json->child;
    for (uint32_t i = 0; i < out->count; i++, branch = branch->next)
        if (!build_node(b, avro_schema_union_branch(type, (int)i), branch, depth,
                        &out->children[i]))
            return false;
    return true;
}

static bool build_items(struct build *b, avro_schema_t items, const cJSON *json, int depth,
                        struct avro_node *out) {
    if (!add_children(b, out, 1) || !build_node(b, items, json, depth, &out->children[0]))
        return false;
    if (out->kind == AVRO_KIND_ARRAY && out->children[0].is_empty)
        return refuse(b, "the schema has an array whose items take no byte");
    return true;
}

static bool build_fixed(struct build *b, avro_schema_t type, const cJSON *declaration,
                        struct avro_node *out) {
    int64_t size = avro_schema_fixed_size(type);
    out->kind = AVRO_KIND_FIXED;
    if (size < 0 || size > INT32_MAX)
        return refuse(b, "a fixed type has no usable size");
    out->size = (uint32_t)size;
    out->is_empty = size == 0;
    define(b, type, declaration);
    return true;
}

static bool build_enum(struct build *b, avro_schema_t type, const cJSON *declaration,
                       struct avro_node *out) {
    int symbols = avro_schema_enum_number_of_symbols(type);
    out->kind = AVRO_KIND_ENUM;
    if (symbols <= 0 || symbols != cJSON_GetArraySize(json_member(declaration, "symbols")))
        return refuse(b, "an enum's symbols are not what its text says");
    out->size = (uint32_t)symbols;
    define(b, type, declaration);
    return true;
}

static bool build_link(struct build *b, avro_schema_t type, int depth, struct avro_node *out) {
    avro_schema_t target = avro_schema_link_target(type);
    const struct definition *d = find_definition(b, target);
    if (d == NULL)
        return refuse(b, "a type is used before it is defined");
    if (d->is_open)
        return refuse(b, "the schema is recursive");
    return build_node(b, target, d->declaration, depth, out);
}

static bool build_node(struct build *b, avro_schema_t type, const cJSON *json, int depth,
                       struct avro_node *out) {
    static const enum avro_kind primitives[] = {
        [AVRO_STRING] = AVRO_KIND_STRING,   [AVRO_BYTES] = AVRO_KIND_BYTES,
        [AVRO_INT32] = AVRO_KIND_INT,       [AVRO_INT64] = AVRO_KIND_LONG,
        [AVRO_FLOAT] = AVRO_KIND_FLOAT,     [AVRO_DOUBLE] = AVRO_KIND_DOUBLE,
        [AVRO_BOOLEAN] = AVRO_KIND_BOOLEAN, [AVRO_NULL] = AVRO_KIND_NULL,
    };
    if (depth == 0)
        return refuse(b, "the schema is nested too deeply");
    const cJSON *declaration = innermost(json);
    out->declaration = cJSON_IsObject(declaration) ? declaration : NULL;
    switch (avro_typeof(type)) {
    case AVRO_LINK:
        return build_link(b, type, depth - 1, out);
    case AVRO_RECORD:
        return build_record(b, type, declaration, depth - 1, out);
    case AVRO_UNION:
        return build_union(b, type, declaration, depth - 1, out);
    case AVRO_ARRAY:
        out->kind = AVRO_KIND_ARRAY;
        return build_items(b, avro_schema_array_items(type), json_member(declaration, "items"),
                           depth - 1, out);
    case AVRO_MAP:
        out->kind = AVRO_KIND_MAP;
        return build_items(b, avro_schema_map_values(type), json_member(declaration, "values"),
                           depth - 1, out);
    case AVRO_FIXED:
        return build_fixed(b, type, declaration, out);
    case AVRO_ENUM:
        return build_enum(b, type, declaration, out);
    default:
        out->kind = primitives[avro_typeof(type)];
        out->is_empty = out->kind == AVRO_KIND_NULL;
        return true;
    }
}

static bool parse(struct slice text, avro_schema_t *type, struct err *e) {
    (void)pthread_mutex_lock(&avro_c_lock);
    bool ok = avro_schema_from_json_length(text.p, text.n, type) == 0;
    if (!ok)
        (void)err_set(e, ERR_CONFIG, "%s", avro_strerror());
    (void)pthread_mutex_unlock(&avro_c_lock);
    return ok;
}

static bool choose_root(struct avro_schema *s, bool has_references, struct err *e) {
    s->root = &s->tree;
    if (!has_references)
        return true;
    if (s->tree.kind != AVRO_KIND_UNION)
        return err_set(e, ERR_CONFIG, "a schema with references is not a list of schemas");
    s->root = &s->tree.children[s->tree.count - 1];
    return true;
}

static void release_node(struct avro_node *n) {
    for (uint32_t i = 0; i < n->count; i++)
        release_node(&n->children[i]);
    free(n->children);
}

bool avro_schema_init(struct avro_schema *s, struct slice text, bool has_references,
                      struct err *e) {
    struct build b = {.e = e};
    avro_schema_t type;
    if (text.n > AVRO_SCHEMA_BYTES_MAX)
        return err_set(e, ERR_CONFIG, "the schema has %zu bytes, more than %zu", text.n,
                       AVRO_SCHEMA_BYTES_MAX);
    json_init(&s->json);
    s->tree = (struct avro_node){.slot = AVRO_NO_SLOT};
    const cJSON *json = json_parse(&s->json, text); /* which is stricter than avro-c's parser */
    bool ok = json != NULL || err_set(e, ERR_CONFIG, "%s", s->json.error);
    ok = ok && avro_names_are_unique(json, e);
    if (ok && (ok = parse(text, &type, e))) {
        ok = build_node(&b, type, json, AVRO_DEPTH_MAX, &s->tree) &&
             choose_root(s, has_references, e);
        (void)avro_schema_decref(type);
    }
    free(b.definitions);
    if (!ok)
        avro_schema_release(s);
    return ok;
}

void avro_schema_release(struct avro_schema *s) {
    release_node(&s->tree);
    json_release(&s->json);
}

struct slice avro_node_text(const struct avro_node *n, const char *member) {
    const cJSON *item = json_member(n->declaration, member);
    return cJSON_IsString(item) ? json_text(item) : slice_null();
}

int32_t avro_node_number(const struct avro_node *n, const char *member, int32_t otherwise) {
    int64_t number;
    struct slice text = avro_node_text(n, member);
    if (text.p == NULL || decimal_parse_integer(text, &number) != DECIMAL_OK ||
        number < INT32_MIN || number > INT32_MAX)
        return otherwise;
    return (int32_t)number;
}

struct slice avro_field_name(const struct avro_node *field) {
    return json_text(json_member(field->field, "name"));
}
