/* Debezium's envelope and its flattened form: operation, source time, and which row counts. A flat record
 * without any of Debezium's fields is the same as a flattened one. */
#include "streamer/base/decimal.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/utf8.h"
#include "streamer/decode_parts.h"

#define OPERATION_SHOWN_MAX 64

enum operation { OPERATION_UPSERT, OPERATION_DELETE, OPERATION_OTHER };

static enum operation operation_of(struct slice text) {
    if (text.n != 1)
        return OPERATION_OTHER;
    switch (text.p[0]) {
    case 'c':
    case 'r':
    case 'u':
        return OPERATION_UPSERT;
    case 'd':
        return OPERATION_DELETE;
    default:
        return OPERATION_OTHER;
    }
}

static bool refuse_operation(struct reason *why, struct slice op) {
    struct slice text = utf8_cut(op, OPERATION_SHOWN_MAX);
    if (text.p == NULL)
        text = slice_str("null");
    return reason_set(why, REASON_UNSUPPORTED_OP, "Unsupported operation: %.*s (supported: c, r, u, d)",
                      (int)text.n, text.p);
}

static bool is_scalar(const cJSON *item) {
    return !cJSON_IsObject(item) && !cJSON_IsArray(item);
}

static bool check_scalar(struct reason *why, const cJSON *item, const char *name) {
    if (is_scalar(item))
        return true;
    return reason_set(why, REASON_MALFORMED, "Malformed record: %s is %s where a value belongs", name,
                      cJSON_IsObject(item) ? "an object" : "a list");
}

static bool is_absent(const cJSON *item) {
    return item == NULL || cJSON_IsNull(item);
}

static bool refuse_source_time(struct reason *why, const char *name) {
    return reason_set(why, REASON_MALFORMED,
                      "Malformed record: %s is not epoch milliseconds within the years 0001 to 9999", name);
}

/* The database's time of the change, in epoch ms. Absent is fine: the event time then comes from elsewhere.
 */
static bool read_source_time(struct decoding *g, struct slice text, const char *name) {
    if (text.p == NULL)
        return true;
    int64_t ms;
    bool ok = decimal_parse_integer(slice_trim(text), &ms) == DECIMAL_OK && ms >= TIMESTAMP_MIN &&
              ms <= TIMESTAMP_MAX;
    if (!ok)
        return refuse_source_time(g->why, name);
    g->out->has_source_time = true;
    g->out->source_time_ms = ms;
    return true;
}

/* A delete needs its id and, unless the source said it, its time; nothing else of the row is looked at. */
uint32_t debezium_wanted_fields(const struct decoding *g) {
    if (g->out->kind == CHANGE_UPSERT)
        return FIELDS_ALL;
    uint32_t id = FIELD_BIT(row_id_field(g->entity));
    return g->out->has_source_time ? id : id | FIELD_BIT(FIELD_UPDATED_AT);
}

/* Truncations and messages (op t, m) have a source, but no row. */
bool debezium_is_envelope(const cJSON *object) {
    return json_member(object, "op") != NULL &&
           (json_member(object, "before") != NULL || json_member(object, "after") != NULL ||
            cJSON_IsObject(json_member(object, "source")));
}

static bool read_envelope_time(struct decoding *g, const cJSON *envelope) {
    const cJSON *source = json_member(envelope, "source");
    if (is_absent(source))
        return true;
    if (!cJSON_IsObject(source))
        return reason_set(g->why, REASON_MALFORMED, "Malformed record: source is not an object");
    const cJSON *time = json_member(source, "ts_ms");
    if (!is_scalar(time))
        return refuse_source_time(g->why, "source.ts_ms");
    return read_source_time(g, json_text(time), "source.ts_ms");
}

/* The row that says what the change is about; of a delete, it may be missing. */
static bool check_row(struct reason *why, enum operation operation, const cJSON *row) {
    if (cJSON_IsObject(row) || operation == OPERATION_OTHER)
        return true;
    if (operation == OPERATION_UPSERT)
        return reason_set(why, REASON_MALFORMED, "Malformed record: after is not an object");
    return is_absent(row) || reason_set(why, REASON_MALFORMED, "Malformed record: before is not an object");
}

bool debezium_read_envelope(struct decoding *g, struct typed envelope) {
    const cJSON *op = json_member(envelope.value, "op");
    if (!check_scalar(g->why, op, "op") || !read_envelope_time(g, envelope.value))
        return false;
    enum operation operation = operation_of(json_text(op));
    bool deletes = operation == OPERATION_DELETE;
    g->out->kind = deletes ? CHANGE_DELETE : CHANGE_UPSERT;
    const char *part = deletes ? "before" : "after";
    const cJSON *row = json_member(envelope.value, part);
    if (!check_row(g->why, operation, row))
        return false;
    struct typed typed_row = {row, connect_member_schema(envelope.schema, part)};
    if (cJSON_IsObject(row) && !row_read(g, typed_row, debezium_wanted_fields(g)))
        return false;
    if (operation == OPERATION_OTHER)
        return refuse_operation(g->why, json_text(op));
    if (deletes && g->out->fields[row_id_field(g->entity)].p == NULL)
        return key_read_id(g);
    return true;
}

static enum operation flat_operation(const struct flattened *f) {
    return f->op.p == NULL ? OPERATION_UPSERT : operation_of(f->op);
}

bool debezium_begin_flat(struct decoding *g, const struct flattened *f) {
    if (!read_source_time(g, f->source_time, "__source_ts_ms"))
        return false;
    bool deletes = flat_operation(f) == OPERATION_DELETE || slice_eq_nocase(slice_trim(f->deleted), "true");
    g->out->kind = deletes ? CHANGE_DELETE : CHANGE_UPSERT;
    return true;
}

bool debezium_end_flat(struct decoding *g, const struct flattened *f) {
    return flat_operation(f) != OPERATION_OTHER || refuse_operation(g->why, f->op);
}

bool debezium_read_flat(struct decoding *g, struct typed row) {
    const cJSON *op = json_member(row.value, "__op");
    const cJSON *deleted = json_member(row.value, "__deleted");
    const cJSON *time = json_member(row.value, "__source_ts_ms");
    if (!check_scalar(g->why, op, "__op") || !check_scalar(g->why, deleted, "__deleted"))
        return false;
    if (!is_scalar(time))
        return refuse_source_time(g->why, "__source_ts_ms");
    struct flattened f = {json_text(op), json_text(deleted), json_text(time)};
    return debezium_begin_flat(g, &f) && row_read(g, row, debezium_wanted_fields(g)) &&
           debezium_end_flat(g, &f);
}
