/* Sets a field in the text of a JSON record. */
#include "streamer/base/base64.h"
#include "streamer/layers/source/rewrite_parts.h"

#include <assert.h>

/* --- places in a text that is known to be JSON --- */

static const char *skip_space(const char *p) {
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
        p++;
    return p;
}

static const char *skip_string(const char *p) {
    for (p++; *p != '"'; p++)
        p += *p == '\\';
    return p + 1;
}

static const char *skip_nested(const char *p) {
    int depth = 0;
    do {
        if (*p == '"') {
            p = skip_string(p);
            continue;
        }
        depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
        p++;
    } while (depth > 0);
    return p;
}

/* `end`: of the whole text, where a bare number may end. */
static const char *skip_value(const char *p, const char *end) {
    if (*p == '"')
        return skip_string(p);
    if (*p == '{' || *p == '[')
        return skip_nested(p);
    while (p < end && strchr(" \t\n\r,]}", *p) == NULL)
        p++;
    return p;
}

/* The value of member `index` of the object that `text` is. */
static struct slice value_at(struct slice text, int index) {
    const char *end = text.p + text.n, *p = skip_space(text.p) + 1;
    for (;; index--) {
        p = skip_space(skip_string(skip_space(p)));
        const char *from = skip_space(p + 1), *to = skip_value(from, end);
        if (index == 0)
            return slice_of(from, (size_t)(to - from));
        p = skip_space(to) + 1; /* behind the comma */
    }
}

static int index_of(const cJSON *object, const cJSON *member) {
    int index = 0;
    assert(object != NULL);
    for (const cJSON *m = object->child; m != NULL && m != member; m = m->next)
        index++;
    return index;
}

/* --- the row --- */

/* An object of the record and its place in the text. */
struct place {
    struct typed item;
    struct slice text;
};

static void descend(struct place *at, const cJSON *member, const cJSON *schema) {
    at->text = value_at(at->text, index_of(at->item.value, member));
    at->item = (struct typed){member, schema};
}

static bool find_row(const struct rewriting *w, const cJSON *root, struct slice bytes,
                     struct place *at, struct err *e) {
    struct typed body;
    enum envelope_kind kind = envelope_kind_of(root, &body);
    *at = (struct place){{root, NULL}, bytes};
    if (kind == ENVELOPE_NULL || kind == ENVELOPE_ENCODED_TWICE)
        return err_set(e, ERR_STOP, "the record is no object with fields");
    if (body.value != root)
        descend(at, body.value, body.schema);
    if (kind != ENVELOPE_CHANGE)
        return true;
    const cJSON *row = json_member(body.value, w->part);
    if (!cJSON_IsObject(row))
        return err_set(e, ERR_STOP, "the record has no row in `%s`, so no field can be set",
                       w->part);
    descend(at, row, connect_member_schema(body.schema, w->part));
    return true;
}

/* --- the value --- */

static bool is_json_number(struct slice text) {
    struct json json;
    json_init(&json);
    bool is = json_is_number(json_parse(&json, text)) && slice_trim(text).n == text.n;
    json_release(&json);
    return is;
}

static bool is_boolean(struct slice text) {
    return slice_eq(text, slice_str("true")) || slice_eq(text, slice_str("false"));
}

static struct slice schema_text(const cJSON *schema, const char *name) {
    struct slice text = json_text(json_member(schema, name));
    return text.p != NULL ? text : slice_str("");
}

static bool refuse_type(const struct rewriting *w, struct slice type, struct err *e) {
    return rewrite_refuse(e, w->field.field,
                          "\"%.*s\" does not fit the record's schema, which says %.*s",
                          (int)w->field.text.n, w->field.text.p, (int)type.n, type.p);
}

static void put_base64(struct buf *out, int128 value) {
    struct buf bytes = {0};
    decimal_put_bytes(&bytes, value);
    buf_put_byte(out, '"');
    base64_put(out, buf_slice(&bytes));
    buf_put_byte(out, '"');
    buf_release(&bytes);
}

/* Connect's Decimal, whose scale the schema says. */
static bool put_decimal(const struct rewriting *w, const cJSON *schema, struct buf *out,
                        struct err *e) {
    int64_t scale;
    int128 value;
    struct slice text = json_text(json_member(json_member(schema, "parameters"), "scale"));
    if (decimal_parse_integer(text, &scale) != DECIMAL_OK || scale < 0 ||
        scale > REWRITE_SCALE_MAX || !rewrite_decimal(w->field.text, (int)scale, &value))
        return rewrite_refuse(
            e, w->field.field,
            "\"%.*s\" does not fit the record's schema, which says a decimal with "
            "%.*s digits behind the point",
            (int)w->field.text.n, w->field.text.p, (int)text.n, text.p != NULL ? text.p : "");
    put_base64(out, value);
    return true;
}

static bool put_variable_decimal(const struct rewriting *w, struct buf *out, struct err *e) {
    int scale = rewrite_scale_of(w->field.text);
    int128 value;
    if (scale > REWRITE_SCALE_MAX || !rewrite_decimal(w->field.text, scale, &value))
        return refuse_type(w, slice_str("a decimal"), e);
    buf_printf(out, "{\"scale\":%d,\"value\":", scale);
    put_base64(out, value);
    buf_put_byte(out, '}');
    return true;
}

/* Whole numbers, which times can be, too. */
static bool put_integer(const struct rewriting *w, const cJSON *schema, struct buf *out) {
    const struct time_type *time = connect_time_type(schema_text(schema, "name"));
    int64_t number;
    bool ok = time != NULL ? rewrite_time(time, w->field.text, &number)
                           : decimal_parse_integer(w->field.text, &number) == DECIMAL_OK;
    if (ok)
        buf_put_int(out, number);
    return ok;
}

static bool put_bare(struct buf *out, bool fits, struct slice text) {
    if (fits)
        buf_put_slice(out, text);
    return fits;
}

static bool is_fraction(struct slice type) {
    return slice_has_prefix(type, slice_str("float")) || slice_eq(type, slice_str("double"));
}

static bool is_decimal(const cJSON *schema) {
    return slice_eq(schema_text(schema, "type"), slice_str("bytes")) &&
           slice_eq(schema_text(schema, "name"),
                    slice_str("org.apache.kafka.connect.data.Decimal"));
}

/* Types other than those of decimals. */
static bool put_typed(const struct rewriting *w, const cJSON *schema, struct buf *out) {
    struct slice type = schema_text(schema, "type"), text = w->field.text;
    if (slice_has_prefix(type, slice_str("int")))
        return put_integer(w, schema, out);
    if (is_fraction(type))
        return put_bare(out, is_json_number(text), text);
    if (slice_eq(type, slice_str("boolean")))
        return put_bare(out, is_boolean(text), text);
    if (!slice_eq(type, slice_str("string")))
        return false;
    json_put_string(out, text);
    return true;
}

/* With decimal.format=NUMERIC a decimal is a number. */
static bool put_as_schema_says(const struct rewriting *w, struct typed old, struct buf *out,
                               struct err *e) {
    bool is_numeric = json_is_number(old.value) && is_json_number(w->field.text);
    if (is_decimal(old.schema))
        return put_bare(out, is_numeric, w->field.text) || put_decimal(w, old.schema, out, e);
    return put_typed(w, old.schema, out) || refuse_type(w, schema_text(old.schema, "type"), e);
}

static bool put_value(const struct rewriting *w, struct typed old, struct buf *out, struct err *e) {
    struct slice text = w->field.text;
    if (cJSON_IsObject(old.value) && connect_is_decimal(old))
        return put_variable_decimal(w, out, e);
    if (old.schema != NULL)
        return put_as_schema_says(w, old, out, e);
    if ((json_is_number(old.value) && is_json_number(text)) ||
        (cJSON_IsBool(old.value) && is_boolean(text)))
        buf_put_slice(out, text);
    else
        json_put_string(out, text);
    return true;
}

/* --- the record --- */

/* Puts the text with `from` replaced, up to where the new value begins. */
static void put_before(struct buf *out, struct slice text, const char *from) {
    buf_put(out, text.p, (size_t)(from - text.p));
}

static void put_behind(struct buf *out, struct slice text, const char *to) {
    buf_put(out, to, (size_t)(text.p + text.n - to));
}

static bool replace(const struct rewriting *w, struct slice text, const struct place *row,
                    const cJSON *member, struct buf *out, struct err *e) {
    struct slice old = value_at(row->text, index_of(row->item.value, member));
    struct typed item = {member, connect_member_schema(row->item.schema, member->string)};
    put_before(out, text, old.p);
    if (!put_value(w, item, out, e))
        return false;
    put_behind(out, text, old.p + old.n);
    return true;
}

/* Adds the field behind the last member. */
static bool add(const struct rewriting *w, struct slice text, const struct place *row,
                struct buf *out, struct err *e) {
    const char *name = field_label(w->field.field);
    struct typed item = {NULL, connect_member_schema(row->item.schema, name)};
    const char *end = row->text.p + row->text.n;
    assert(row->item.value != NULL);
    while (end[-1] != '}')
        end--;
    put_before(out, text, end - 1);
    buf_put_str(out, row->item.value->child != NULL ? ",\"" : "\"");
    buf_put_str(out, name);
    buf_put_str(out, "\":");
    if (!put_value(w, item, out, e))
        return false;
    put_behind(out, text, end - 1);
    return true;
}

static bool set(const struct rewriting *w, const cJSON *root, struct slice text, struct buf *out,
                struct err *e) {
    struct place row;
    const cJSON *found[FIELD_COUNT] = {NULL};
    if (!find_row(w, root, text, &row, e))
        return false;
    (void)row_find(&w->g, row.item.value, found);
    const cJSON *member = found[w->field.field];
    return member != NULL ? replace(w, text, &row, member, out, e) : add(w, text, &row, out, e);
}

bool rewrite_json(const struct rewriting *w, struct slice bytes, struct buf *out, struct err *e) {
    struct json json;
    json_init(&json);
    const cJSON *root = json_parse(&json, bytes);
    bool ok =
        root != NULL
            ? cJSON_IsObject(root) || err_set(e, ERR_STOP, "the value is JSON, but no object")
            : err_set(e, ERR_STOP, "the value is no JSON (%s), so no field can be set", json.error);
    ok = ok && set(w, root, bytes, out, e);
    json_release(&json);
    return ok;
}
