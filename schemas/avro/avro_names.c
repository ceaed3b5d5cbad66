#include "schemas/avro/avro_names.h"

#include "streamer/base/mem.h"

#include <stdlib.h>

static bool is_among(struct slice name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (slice_eq(name, slice_str(names[i])))
            return true;
    return false;
}

static bool is_primitive(struct slice name) {
    static const char *const primitives[] = {"null",  "boolean", "int",   "long",
                                             "float", "double",  "bytes", "string"};
    return is_among(name, primitives, ARRAY_LEN(primitives));
}

bool avro_names_has_name(struct slice type) {
    static const char *const named[] = {"record", "error", "enum", "fixed"};
    return is_among(type, named, ARRAY_LEN(named));
}

static const char *last_dot(struct slice name) {
    return name.n > 0 ? memrchr(name.p, '.', name.n) : NULL;
}

void avro_names_put_full(struct buf *out, struct slice name, struct slice space) {
    if (last_dot(name) == NULL && space.n > 0 && !is_primitive(name)) {
        buf_put_slice(out, space);
        buf_put_byte(out, '.');
    }
    buf_put_slice(out, name);
}

struct slice avro_names_space(const cJSON *definition, struct slice around) {
    struct slice name = json_text(json_member(definition, "name"));
    const char *dot = last_dot(name);
    if (dot != NULL)
        return slice_of(name.p, (size_t)(dot - name.p));
    const cJSON *own = json_member(definition, "namespace");
    bool has_own = cJSON_IsString(own) && !json_is_number(own); /* others are ignored by avro-c */
    return has_own ? json_text(own) : around;
}

/* --- names that are there twice --- */

/* The full names of all definitions, one behind the other. */
struct names {
    struct buf texts;
    struct part {
        size_t at, n;
    } * parts;
    size_t count, cap;
};

static void add(struct names *names, const cJSON *definition, struct slice space) {
    struct slice name = json_text(json_member(definition, "name"));
    if (name.n == 0) /* avro-c refuses it */
        return;
    if (names->count == names->cap) {
        names->cap = names->cap == 0 ? 16 : 2 * names->cap;
        names->parts = mem_realloc(names->parts, names->cap * sizeof *names->parts);
    }
    struct part *part = &names->parts[names->count++];
    part->at = names->texts.n;
    avro_names_put_full(&names->texts, name, space);
    part->n = names->texts.n - part->at;
}

static void collect(struct names *names, const cJSON *schema, struct slice space);

static void collect_definition(struct names *names, const cJSON *object, struct slice around) {
    const cJSON *field;
    struct slice space = around;
    if (avro_names_has_name(json_text(json_member(object, "type")))) {
        space = avro_names_space(object, around);
        add(names, object, space);
    }
    cJSON_ArrayForEach(field, json_member(object, "fields")) {
        collect(names, json_member(field, "type"), space);
    }
    collect(names, json_member(object, "items"), space);
    collect(names, json_member(object, "values"), space);
}

static void collect(struct names *names, const cJSON *schema, struct slice space) {
    const cJSON *branch;
    if (cJSON_IsArray(schema)) {
        cJSON_ArrayForEach(branch, schema) {
            collect(names, branch, space);
        }
    } else if (cJSON_IsObject(schema)) {
        if (cJSON_IsString(json_member(schema, "type")))
            collect_definition(names, schema, space);
        else
            collect(names, json_member(schema, "type"), space);
    }
}

static struct slice text_of(const struct names *names, const struct part *part) {
    return slice_of(buf_slice(&names->texts).p + part->at, part->n);
}

static int compare(const void *a, const void *b, void *names) {
    return slice_compare(text_of(names, a), text_of(names, b));
}

bool avro_names_are_unique(const cJSON *schema, struct err *e) {
    struct names names = {0};
    bool ok = true;
    collect(&names, schema, slice_null());
    if (names.count > 0)
        qsort_r(names.parts, names.count, sizeof *names.parts, compare, &names);
    for (size_t i = 1; i < names.count && ok; i++) {
        struct slice name = text_of(&names, &names.parts[i]);
        if (slice_eq(name, text_of(&names, &names.parts[i - 1])))
            ok = err_set(e, ERR_CONFIG, "type %.*s is defined twice", (int)name.n, name.p);
    }
    buf_release(&names.texts);
    free(names.parts);
    return ok;
}
