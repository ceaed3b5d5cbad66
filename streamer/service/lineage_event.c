#include "streamer/service/lineage_event.h"

#include "schemas/rows.h"
#include "streamer/base/address.h"
#include "streamer/base/json_put.h"
#include "streamer/base/version.h"
#include "streamer/model/lineage.h"

#include <stdio.h>
#include <string.h>

#define SPEC "https://openlineage.io/spec/"
#define KAFKA_PORT 9092

/* --- pieces */

/* Before an element of an array, unless it is the first. */
static void put_comma(struct buf *out) {
    if (out->p[out->n - 1] != '[')
        buf_put_byte(out, ',');
}

static void put_producer(struct buf *out, const char *name) {
    json_put_name(out, name);
    buf_printf(out, "\"urn:streamer:%s\"", streamer_version());
}

/* The beginning of a facet, whose members follow, and then '}'. */
static void begin_facet(struct buf *out, const char *name, const char *version, const char *class) {
    json_put_name(out, name);
    buf_put_byte(out, '{');
    put_producer(out, "_producer");
    json_put_name(out, "_schemaURL");
    buf_printf(out, "\"" SPEC "facets/%s/%s.json#/$defs/%s\"", version, class, class);
}

/* --- names */

/* The first one of the servers. As OpenLineage names Kafka: kafka://HOST:PORT. */
static void put_namespace_text(const struct config *c, struct buf *out) {
    struct slice server = slice_trim(slice_of(c->bootstrap, strcspn(c->bootstrap, ",")));
    const char *scheme = memmem(server.p, server.n, "://", 3); /* librdkafka takes one */
    if (scheme != NULL)
        server = slice_of(scheme + 3, (size_t)(server.p + server.n - scheme - 3));
    struct address a;
    bool has_port = address_parse(server, &a) && a.port != 0;
    buf_put_str(out, "kafka://");
    buf_put_slice(out, server);
    if (!has_port)
        buf_printf(out, ":%d", KAFKA_PORT);
}

static void put_namespace(const struct config *c, const char *name, struct buf *out) {
    struct buf text = {0};
    put_namespace_text(c, &text);
    json_put_text(out, name, buf_cstr(&text));
    buf_release(&text);
}

static void put_dataset_name(const struct config *c, enum topic topic, struct buf *out) {
    put_namespace(c, "namespace", out);
    json_put_text(out, "name", c->topics[topic]);
}

/* --- facets of datasets */

static void put_data_source(const struct config *c, struct buf *out) {
    begin_facet(out, "dataSource", "1-0-1", "DatasourceDatasetFacet");
    put_namespace(c, "name", out);
    put_namespace(c, "uri", out);
    buf_put_byte(out, '}');
}

static void begin_schema(struct buf *out) {
    begin_facet(out, "schema", "1-2-0", "SchemaDatasetFacet");
    json_put_name(out, "fields");
    buf_put_byte(out, '[');
}

static void put_input_schema(enum topic topic, struct buf *out) {
    size_t count;
    const struct lineage_input *inputs = lineage_inputs(&count);
    begin_schema(out);
    for (size_t i = 0; i < count; i++) {
        if (inputs[i].input != topic)
            continue;
        put_comma(out);
        buf_put_byte(out, '{');
        json_put_text(out, "name", inputs[i].name);
        json_put_text(out, "type", inputs[i].type);
        json_put_text(out, "description", inputs[i].what);
        buf_put_byte(out, '}');
    }
    buf_put_str(out, "]}");
}

static void put_type(const struct row_field *field, struct buf *out) {
    static const char *const names[] = {
        [ROW_LONG] = "long",    [ROW_TEXT] = "string",    [ROW_BYTES] = "bytes",
        [ROW_BOOL] = "boolean", [ROW_AMOUNT] = "decimal", [ROW_TOTAL] = "decimal",
        [ROW_RATE] = "decimal", [ROW_TIME] = "timestamp", [ROW_OPTIONAL_TIME] = "timestamp",
    };
    json_put_name(out, "type");
    buf_printf(out, "\"%s", names[field->kind]);
    if (row_decimals(field->kind) > 0)
        buf_printf(out, "(%d,%d)", field->precision, row_decimals(field->kind));
    buf_put_byte(out, '"');
}

static void put_result_schema(const struct row_type *type, struct buf *out) {
    begin_schema(out);
    for (size_t i = 0; i < type->field_count; i++) {
        put_comma(out);
        buf_put_byte(out, '{');
        json_put_text(out, "name", type->fields[i].name);
        put_type(&type->fields[i], out);
        buf_put_byte(out, '}');
    }
    buf_put_str(out, "]}");
}

static void put_input_field(const struct config *c, const struct lineage *l, struct buf *out) {
    put_comma(out);
    buf_put_byte(out, '{');
    put_dataset_name(c, l->input, out);
    json_put_text(out, "field", l->source);
    json_put_name(out, "transformations");
    buf_put_str(out, "[{");
    json_put_text(out, "type", lineage_kind_type(l->kind));
    json_put_text(out, "subtype", lineage_kind_name(l->kind));
    if (l->how[0] != '\0')
        json_put_text(out, "description", l->how);
    json_put_bool(out, "masking", false);
    buf_put_str(out, "}]}");
}

/* Entries that have the same column as the first one. */
static size_t same_column(const struct lineage *l, size_t count) {
    size_t n = 1;
    while (n < count && l[n].result == l[0].result &&
           (l[n].column == NULL) == (l[0].column == NULL) &&
           (l[0].column == NULL || strcmp(l[n].column, l[0].column) == 0))
        n++;
    return n;
}

static void put_input_fields(const struct config *c, const struct lineage *l, size_t count,
                             struct buf *out) {
    buf_put_byte(out, '[');
    for (size_t i = 0; i < count; i++)
        put_input_field(c, &l[i], out);
    buf_put_byte(out, ']');
}

static void put_column(const struct config *c, const struct lineage *l, size_t count,
                       struct buf *out) {
    json_put_name(out, l->column);
    buf_put_str(out, "{\"inputFields\":");
    put_input_fields(c, l, count, out);
    buf_put_byte(out, '}');
}

static void put_column_lineage(const struct config *c, enum topic topic, struct buf *out) {
    size_t count, i = 0;
    const struct lineage *table = lineage_table(&count);
    while (i < count && table[i].result != topic)
        i++;
    begin_facet(out, "columnLineage", "1-2-0", "ColumnLineageDatasetFacet");
    json_put_name(out, "fields");
    buf_put_byte(out, '{');
    for (size_t n; i < count && table[i].result == topic && table[i].column != NULL; i += n) {
        n = same_column(&table[i], count - i);
        put_column(c, &table[i], n, out);
    }
    buf_put_byte(out, '}');
    if (i < count && table[i].result == topic) {
        json_put_name(out, "dataset");
        put_input_fields(c, &table[i], same_column(&table[i], count - i), out);
    }
    buf_put_byte(out, '}');
}

/* --- datasets */

static void begin_dataset(const struct config *c, enum topic topic, struct buf *out) {
    put_comma(out);
    buf_put_byte(out, '{');
    put_dataset_name(c, topic, out);
    json_put_name(out, "facets");
    buf_put_byte(out, '{');
    put_data_source(c, out);
}

static void put_input(const struct config *c, enum topic topic, struct buf *out) {
    begin_dataset(c, topic, out);
    put_input_schema(topic, out);
    buf_put_str(out, "}}");
}

/* The quarantine holds records as they were received, so it has no columns. */
static void put_output(const struct config *c, enum topic topic, struct buf *out) {
    begin_dataset(c, topic, out);
    if (topic != TOPIC_QUARANTINE) {
        put_result_schema(row_result_types[topic - TOPIC_CUSTOMER_HISTORY], out);
        put_column_lineage(c, topic, out);
    }
    buf_put_str(out, "}}");
}

void lineage_put_datasets(const struct config *c, struct buf *out) {
    json_put_name(out, "inputs");
    buf_put_byte(out, '[');
    for (int t = TOPIC_CUSTOMERS; t <= TOPIC_ACCOUNTS; t++)
        put_input(c, (enum topic)t, out);
    buf_put_byte(out, ']');
    json_put_name(out, "outputs");
    buf_put_byte(out, '[');
    for (int t = TOPIC_CUSTOMER_HISTORY; t <= TOPIC_QUARANTINE; t++)
        put_output(c, (enum topic)t, out);
    buf_put_byte(out, ']');
}

/* --- events */

static void put_engine(struct buf *out) {
    begin_facet(out, "processing_engine", "1-1-1", "ProcessingEngineRunFacet");
    json_put_text(out, "version", streamer_version());
    json_put_text(out, "name", "streamer");
    json_put_text(out, "openlineageAdapterVersion", streamer_version());
    buf_put_byte(out, '}');
}

static void put_error(const char *error, struct buf *out) {
    begin_facet(out, "errorMessage", "1-0-1", "ErrorMessageRunFacet");
    json_put_text(out, "message", error);
    json_put_text(out, "programmingLanguage", "C");
    buf_put_byte(out, '}');
}

static void put_run(const struct lineage_event *event, struct buf *out) {
    json_put_name(out, "run");
    buf_put_byte(out, '{');
    json_put_text(out, "runId", event->run_id);
    json_put_name(out, "facets");
    buf_put_byte(out, '{');
    put_engine(out);
    if (event->type == LINEAGE_FAIL)
        put_error(event->error, out);
    buf_put_str(out, "}}");
}

static void put_job(const struct config *c, struct buf *out) {
    json_put_name(out, "job");
    buf_put_byte(out, '{');
    put_namespace(c, "namespace", out);
    json_put_text(out, "name", c->app_id);
    json_put_name(out, "facets");
    buf_put_byte(out, '{');
    begin_facet(out, "jobType", "2-0-4", "JobTypeJobFacet");
    json_put_text(out, "processingType", "STREAMING");
    json_put_text(out, "integration", "STREAMER");
    json_put_text(out, "jobType", "JOB");
    buf_put_str(out, "}}}");
}

void lineage_put_event(const struct config *c, const struct lineage_event *event, struct buf *out) {
    static const char *const types[] = {[LINEAGE_START] = "START",
                                        [LINEAGE_RUNNING] = "RUNNING",
                                        [LINEAGE_COMPLETE] = "COMPLETE",
                                        [LINEAGE_FAIL] = "FAIL"};
    buf_put_byte(out, '{');
    json_put_text(out, "eventType", types[event->type]);
    json_put_time(out, "eventTime", event->at_ms);
    put_producer(out, "producer");
    json_put_text(out, "schemaURL", SPEC "2-0-2/OpenLineage.json#/$defs/RunEvent");
    put_run(event, out);
    put_job(c, out);
    lineage_put_datasets(c, out);
    buf_put_byte(out, '}');
}

void lineage_run_id(int64_t now_ms, const unsigned char random[10], char id[LINEAGE_RUN_ID_SIZE]) {
    unsigned char b[16];
    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)((uint64_t)now_ms >> (40 - 8 * i));
    memcpy(b + 6, random, 10);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x70);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    (void)snprintf(id, LINEAGE_RUN_ID_SIZE,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                   b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                   b[14], b[15]);
}
