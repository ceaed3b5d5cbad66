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

static void refuse_row(struct decoding *g, const char *part, struct slice text) {
    if (foreign_is_json(text))
        refuse(g, REASON_MALFORMED,
               "Malformed record: %s is a JSON text, not an object, as the connector for MongoDB "
               "sends it",
               part);
    else
        refuse(g, REASON_MALFORMED, "Malformed record: %s is not an object", part);
}

/* The row that an upsert must have. */
static void read_after(struct decoding *g, const struct envelope *e) {
    struct slice text = slice_null();
    if (e->read_row(g, e, "after", &text) != ROW_READ)
        refuse_row(g, "after", text);
}

static void read_deleted(struct decoding *g, const struct envelope *e) {
    uint32_t id = FIELD_BIT(entity_info(g->entity)->id);
    struct slice text = slice_null();
    if (e->read_row(g, e, "before", &text) == ROW_IS_OTHER)
        refuse_row(g, "before", text);
    if (g->out->fields[entity_info(g->entity)->id].p == NULL && (g->refused & id) == 0)
        key_read_id(g);
}

static void read_other(struct decoding *g, const struct envelope *e) {
    struct slice text;
    (void)e->read_row(g, e, "after", &text);
    refuse_operation(g, e->op);
}

void debezium_read_change(struct decoding *g, const struct envelope *e) {
    enum operation operation = operation_of(e->op);
    set_kind(g->out, operation);
    switch (operation) {
    case OPERATION_UPSERT:
    case OPERATION_READ:
        read_after(g, e);
        break;
    case OPERATION_DELETE:
        read_deleted(g, e);
        break;
    case OPERATION_TRUNCATE:
        break;
    case OPERATION_OTHER:
        read_other(g, e);
        break;
    }
}

static enum row_presence read_row(struct decoding *g, const struct envelope *e, const char *part,
                                  struct slice *text) {
    const struct typed *envelope = e->context;
    const cJSON *row = json_member(envelope->value, part);
    if (row == NULL || cJSON_IsNull(row))
        return ROW_IS_NULL;
    if (cJSON_IsObject(row)) {
        row_read(g, (struct typed){row, connect_member_schema(envelope->schema, part)},
                 debezium_wanted_fields(g));
        return ROW_READ;
    }
    *text = json_text(row);
    return ROW_IS_OTHER;
}

void debezium_read_envelope(struct decoding *g, struct typed envelope) {
    const cJSON *op = json_member(envelope.value, "op");
    if (!json_is_scalar(op))
        refuse_nested(g, "op", op);
    metadata_read_source(g, json_member(envelope.value, "source"));
    struct envelope e = {json_text(op), read_row, &envelope};
    debezium_read_change(g, &e);
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
