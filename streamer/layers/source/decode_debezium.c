/* Debezium's envelope and its flattened form: the operation, and which row counts. A flat record
 * without metadata of Debezium is read in the same way as a flattened one. */
#include "streamer/base/utf8.h"
#include "streamer/layers/source/decode_parts.h"

#define OPERATION_SHOWN_MAX 64

enum operation {
    OPERATION_UPSERT,
    OPERATION_READ, /* an upsert: a row of a snapshot */
    OPERATION_DELETE,
    OPERATION_TRUNCATE,
    OPERATION_OTHER
};

static enum operation operation_of(struct slice text) {
    if (text.n != 1)
        return OPERATION_OTHER;
    switch (text.p[0]) {
    case 'c':
    case 'u':
        return OPERATION_UPSERT;
    case 'r':
        return OPERATION_READ;
    case 'd':
        return OPERATION_DELETE;
    case 't':
        return OPERATION_TRUNCATE;
    default:
        return OPERATION_OTHER;
    }
}

static void refuse_operation(struct decoding *g, struct slice op) {
    struct slice text = utf8_cut(op, OPERATION_SHOWN_MAX);
    if (text.p == NULL)
        text = slice_str("null");
    refuse(g, REASON_UNSUPPORTED_OP, "Unsupported operation: %.*s (supported: c, r, u, d, t)",
           (int)text.n, text.p);
}

static void set_kind(struct decoded *out, enum operation operation) {
    out->is_read = operation == OPERATION_READ;
    if (operation == OPERATION_DELETE)
        out->kind = CHANGE_DELETE;
    else if (operation == OPERATION_TRUNCATE)
        out->kind = CHANGE_TRUNCATE;
}

/* A delete needs only the id. The row's updated_at is the time of its last change, not of its
 * end. */
uint32_t debezium_wanted_fields(const struct decoding *g) {
    switch (g->out->kind) {
    case CHANGE_UPSERT:
        return FIELDS_ALL & ~g->refused;
    case CHANGE_DELETE:
    case CHANGE_TOMBSTONE:
        return FIELD_BIT(entity_info(g->entity)->id);
    case CHANGE_TRUNCATE:
        break;
    }
    return 0;
}

static bool is_absent(const cJSON *item) {
    return item == NULL || cJSON_IsNull(item);
}

static void refuse_row(struct decoding *g, const char *part, const cJSON *row) {
    if (cJSON_IsString(row) && foreign_is_json(json_text(row)))
        refuse(g, REASON_MALFORMED,
               "Malformed record: %s is a JSON text, not an object, as the connector for MongoDB "
               "sends it",
               part);
    else
        refuse(g, REASON_MALFORMED, "Malformed record: %s is not an object", part);
}

/* Reads the row that the change is about. is_optional: the row may be missing. */
static void read_part(struct decoding *g, struct typed envelope, const char *part,
                      bool is_optional) {
    const cJSON *row = json_member(envelope.value, part);
    struct typed typed_row = {row, connect_member_schema(envelope.schema, part)};
    if (cJSON_IsObject(row))
        row_read(g, typed_row, debezium_wanted_fields(g));
    else if (!is_optional || !is_absent(row))
        refuse_row(g, part, row);
}

static void read_deleted(struct decoding *g, struct typed envelope) {
    uint32_t id = FIELD_BIT(entity_info(g->entity)->id);
    read_part(g, envelope, "before", true);
    if (g->out->fields[entity_info(g->entity)->id].p == NULL && (g->refused & id) == 0)
        key_read_id(g);
}

static void read_other(struct decoding *g, struct typed envelope, struct slice op) {
    if (cJSON_IsObject(json_member(envelope.value, "after")))
        read_part(g, envelope, "after", true);
    refuse_operation(g, op);
}

void debezium_read_envelope(struct decoding *g, struct typed envelope) {
    const cJSON *op = json_member(envelope.value, "op");
    if (!json_is_scalar(op))
        refuse_nested(g, "op", op);
    metadata_read_source(g, json_member(envelope.value, "source"));
    enum operation operation = operation_of(json_text(op));
    set_kind(g->out, operation);
    switch (operation) {
    case OPERATION_UPSERT:
    case OPERATION_READ:
        read_part(g, envelope, "after", false);
        break;
    case OPERATION_DELETE:
        read_deleted(g, envelope);
        break;
    case OPERATION_TRUNCATE:
        break;
    case OPERATION_OTHER:
        read_other(g, envelope, json_text(op));
        break;
    }
}

static enum operation flat_operation(const struct metadata *m) {
    struct slice op = m->texts[MARK_OP];
    return op.p == NULL ? OPERATION_UPSERT : operation_of(op);
}

static bool says_deleted(const struct metadata *m) {
    return slice_eq_nocase(slice_trim(m->texts[MARK_DELETED]), "true") ||
           slice_eq(slice_trim(m->texts[MARK_DMS_OP]), slice_str("D"));
}

void debezium_begin_flat(struct decoding *g, const struct metadata *m) {
    enum operation operation = flat_operation(m);
    if (says_deleted(m))
        g->out->kind = CHANGE_DELETE;
    set_kind(g->out, operation);
}

void debezium_end_flat(struct decoding *g, const struct metadata *m) {
    if ((m->exists & UINT32_C(1) << MARK_DMS_OP) != 0)
        g->out->unknown_fields--;
    if (flat_operation(m) == OPERATION_OTHER)
        refuse_operation(g, m->texts[MARK_OP]);
}

void debezium_read_flat(struct decoding *g, struct typed row) {
    const char *format = foreign_format(row.value);
    if (format != NULL) {
        foreign_refuse_format(g, format);
        return;
    }
    struct metadata m = {0};
    metadata_read_flat(g, row.value, &m);
    debezium_begin_flat(g, &m);
    row_read(g, row, debezium_wanted_fields(g));
    debezium_end_flat(g, &m);
}
