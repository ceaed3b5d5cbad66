#include "streamer/http/open_dataset.h"

#include "schemas/rows.h"
#include "streamer/base/json.h"
#include "streamer/base/version.h"
#include "streamer/model/lineage.h"

#include <string.h>

static void put_text(const char *name, const char *text, struct buf *out) {
    buf_printf(out, "\"%s\":", name);
    json_put_string(out, slice_str(text));
}

bool open_dataset_exists(enum topic topic) {
    return topic_is_input(topic) || topic_is_result(topic);
}

/* "namespace":"kafka://host:9092","name":"customers" */
static void put_name(const struct config *c, enum topic topic, struct buf *out) {
    struct buf space = {0};
    buf_printf(&space, "kafka://%.*s", (int)strcspn(c->bootstrap, ", "), c->bootstrap);
    put_text("namespace", buf_cstr(&space), out);
    buf_put_byte(out, ',');
    put_text("name", c->topics[topic], out);
    buf_release(&space);
}

void open_dataset_put_facet(const char *schema, struct buf *out) {
    buf_printf(out, "\"_producer\":\"urn:streamer:%s\",", streamer_version());
    buf_printf(out, "\"_schemaURL\":\"https://openlineage.io/spec/facets/%s.json#/$defs/%s\"",
               schema, strchr(schema, '/') + 1);
}

/* --- the schema */

static void put_field(const char *name, const char *type, const char *description,
                      struct buf *out) {
    buf_put_byte(out, '{');
    put_text("name", name, out);
    buf_put_byte(out, ',');
    put_text("type", type, out);
    if (description != NULL) {
        buf_put_byte(out, ',');
        put_text("description", description, out);
    }
    buf_put_byte(out, '}');
}

/* "decimal(18,2)". It is good until `text` changes. */
static const char *type_of(const struct row_field *f, struct buf *text) {
    static const char *const types[] = {
        [ROW_LONG] = "long",    [ROW_TEXT] = "string",    [ROW_BYTES] = "bytes",
        [ROW_BOOL] = "boolean", [ROW_AMOUNT] = "decimal", [ROW_TOTAL] = "decimal",
        [ROW_RATE] = "decimal", [ROW_TIME] = "timestamp", [ROW_OPTIONAL_TIME] = "timestamp",
    };
    buf_clear(text);
    buf_put_str(text, types[f->kind]);
    if (row_decimals(f->kind) > 0)
        buf_printf(text, "(%d,%d)", f->precision, row_decimals(f->kind));
    return buf_cstr(text);
}

static void put_fields_of_input(enum topic topic, struct buf *out) {
    size_t count;
    const struct lineage_input *inputs = lineage_inputs(&count);
    const char *before = "";
    for (size_t i = 0; i < count; i++) {
        if (inputs[i].input != topic)
            continue;
        buf_put_str(out, before);
        put_field(inputs[i].name, inputs[i].type, inputs[i].what, out);
        before = ",";
    }
}

static void put_fields_of_row(const struct row_type *type, struct buf *out) {
    struct buf text = {0};
    for (size_t i = 0; i < type->field_count; i++) {
        buf_put_str(out, i > 0 ? "," : "");
        put_field(type->fields[i].name, type_of(&type->fields[i], &text), NULL, out);
    }
    buf_release(&text);
}

/* NULL: its messages are no rows. */
static const struct row_type *row_type_of(enum topic topic) {
    switch (topic) {
    case TOPIC_CUSTOMER_HISTORY:
        return &customer_history_type;
    case TOPIC_ACCOUNT_HISTORY:
        return &account_history_type;
    case TOPIC_ACCOUNT_WITH_CUSTOMER:
        return &account_with_customer_type;
    case TOPIC_ACCOUNT_SUMMARY:
        return &account_summary_type;
    case TOPIC_CUSTOMER_PROFILE:
        return &customer_profile_type;
    default:
        return NULL;
    }
}

static void put_schema(enum topic topic, struct buf *out) {
    buf_put_str(out, "\"schema\":{");
    open_dataset_put_facet("1-2-0/SchemaDatasetFacet", out);
    buf_put_str(out, ",\"fields\":[");
    if (topic_is_input(topic))
        put_fields_of_input(topic, out);
    else
        put_fields_of_row(row_type_of(topic), out);
    buf_put_str(out, "]}");
}

/* --- the columns */

static void put_source(const struct config *c, const struct lineage *l, struct buf *out) {
    buf_put_byte(out, '{');
    put_name(c, l->input, out);
    buf_put_byte(out, ',');
    put_text("field", l->source, out);
    buf_put_str(out, ",\"transformations\":[{");
    put_text("type", lineage_kind_type(l->kind), out);
    buf_put_byte(out, ',');
    put_text("subtype", lineage_kind_name(l->kind), out);
    buf_put_byte(out, ',');
    put_text("description", l->how, out);
    buf_put_str(out, ",\"masking\":false}]}");
}

/* Appends what the column of the result comes from. NULL: all columns. */
static void put_sources(const struct config *c, enum topic topic, const char *column,
                        struct buf *out) {
    size_t count;
    const struct lineage *table = lineage_table(&count);
    const char *before = "";
    for (size_t i = 0; i < count; i++) {
        const struct lineage *l = &table[i];
        bool is_of_column = (l->column == NULL) == (column == NULL) &&
                            (column == NULL || strcmp(l->column, column) == 0);
        if (l->result != topic || !is_of_column)
            continue;
        buf_put_str(out, before);
        put_source(c, l, out);
        before = ",";
    }
}

static void put_columns(const struct config *c, enum topic topic, struct buf *out) {
    const struct row_type *type = row_type_of(topic);
    struct buf sources = {0};
    const char *before = "";
    buf_put_str(out, ",\"columnLineage\":{");
    open_dataset_put_facet("1-2-0/ColumnLineageDatasetFacet", out);
    buf_put_str(out, ",\"fields\":{");
    for (size_t i = 0; i < type->field_count; i++) {
        buf_clear(&sources);
        put_sources(c, topic, type->fields[i].name, &sources);
        if (sources.n == 0)
            continue; /* calculated_at is no value of the input */
        buf_printf(out, "%s\"%s\":{\"inputFields\":[%s]}", before, type->fields[i].name,
                   buf_cstr(&sources));
        before = ",";
    }
    buf_put_str(out, "},\"dataset\":[");
    put_sources(c, topic, NULL, out);
    buf_put_str(out, "]}");
    buf_release(&sources);
}

void open_dataset_put(const struct config *c, enum topic topic, struct buf *out) {
    buf_put_byte(out, '{');
    put_name(c, topic, out);
    buf_put_str(out, ",\"facets\":{");
    if (topic_is_input(topic) || row_type_of(topic) != NULL)
        put_schema(topic, out);
    if (row_type_of(topic) != NULL)
        put_columns(c, topic, out);
    buf_put_str(out, "}}");
}
