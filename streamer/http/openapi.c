#include "streamer/http/openapi.h"

#include "schemas/rows.h"
#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/base/version.h"
#include "streamer/http/openapi_answers.h"
#include "streamer/http/routes.h"

#include <string.h>

/* They are in the sample data, so the examples work on the demo. */
#define SAMPLE_CUSTOMER "1001"
#define SAMPLE_ACCOUNT "A-2001"

#define REF(kind, name) "{\"$ref\":\"#/components/" kind "/" name "\"}"
#define JSON_CONTENT(schema) "\"content\":{\"application/json\":{\"schema\":" schema "}}"

static void put_text(const char *name, const char *text, struct buf *out) {
    buf_printf(out, "\"%s\":", name);
    json_put_string(out, slice_str(text));
}

/* --- rows */

static void put_decimal(const struct row_field *f, struct buf *out) {
    buf_printf(out,
               "{\"type\":\"string\",\"pattern\":\"^-?[0-9]+\\\\.[0-9]{%d}$\","
               "\"description\":\"decimal(%d,%d)\"}",
               row_decimals(f->kind), f->precision, row_decimals(f->kind));
}

static void put_field(const struct row_field *f, struct buf *out) {
    static const char *const schemas[] = {
        [ROW_LONG] = "{\"type\":\"integer\",\"format\":\"int64\"}",
        [ROW_TEXT] = "{\"type\":\"string\"}",
        [ROW_BYTES] = "false", /* never in JSON */
        [ROW_BOOL] = "{\"type\":\"boolean\"}",
        [ROW_TIME] = "{\"type\":\"string\",\"format\":\"date-time\"}",
        [ROW_OPTIONAL_TIME] = "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}",
    };
    buf_printf(out, "\"%s\":", f->name);
    if (row_decimals(f->kind) > 0)
        put_decimal(f, out);
    else
        buf_put_str(out, schemas[f->kind]);
}

/* A row as of a time does not say when it was calculated, but with which rates. */
static bool is_always_there(const struct row_field *f) {
    return strcmp(f->name, "calculated_at") != 0;
}

static void put_rates(struct buf *out) {
    buf_put_str(out, ",\"rates\":{\"const\":\"current\",\"description\":\"Only as of a time.\"}");
}

static void put_row_schema(const struct row_type *type, struct buf *out) {
    const char *before = "";
    buf_printf(out, "\"%s\":{\"type\":\"object\",\"properties\":{", type->name);
    for (size_t i = 0; i < type->field_count; i++) {
        buf_put_str(out, i > 0 ? "," : "");
        put_field(&type->fields[i], out);
        if (!is_always_there(&type->fields[i]))
            put_rates(out);
    }
    buf_put_str(out, "},\"required\":[");
    for (size_t i = 0; i < type->field_count; i++) {
        if (!is_always_there(&type->fields[i]))
            continue;
        buf_printf(out, "%s\"%s\"", before, type->fields[i].name);
        before = ",";
    }
    buf_put_str(out, "]}");
}

/* The type of the rows that the route shows. NULL: it shows none, or those of several tables. */
static const struct row_type *row_type_of(const struct route *route) {
    if (route->answer == ROUTE_ACCOUNTS)
        return &customer_account_type;
    if (route->answer == ROUTE_VERSION || route->answer == ROUTE_HISTORY)
        return route->entity == ENTITY_CUSTOMER ? &customer_history_type : &account_history_type;
    for (int i = 0; i < ROW_RESULT_COUNT && route->table != NULL; i++)
        if (strcmp(row_result_types[i]->name, route->table) == 0)
            return row_result_types[i];
    return NULL;
}

/* --- parameters */

/* A {table} of a path is one of those that other routes name. */
static void put_tables(struct buf *out) {
    size_t count;
    const struct route *routes = routes_all(&count);
    const char *last = "";
    buf_put_str(out, "{\"enum\":[");
    for (size_t i = 0; i < count; i++) {
        const char *table = routes[i].table;
        if (table == NULL || strcmp(table, last) == 0)
            continue;
        buf_printf(out, "%s\"%s\"", last[0] != '\0' ? "," : "", table);
        last = table;
    }
    buf_put_str(out, "]}");
}

static void put_results(struct buf *out) {
    buf_put_str(out, "{\"enum\":[");
    for (int i = 0; i < ROW_RESULT_COUNT; i++)
        buf_printf(out, "%s\"%s\"", i > 0 ? "," : "", row_result_types[i]->name);
    buf_put_str(out, "]}");
}

#define INT64_RANGE "\"minimum\":-9223372036854775808,\"maximum\":9223372036854775807"

static void put_parameter_schema(const struct route_parameter *p, struct buf *out) {
    bool is_in_path = p->place == PARAMETER_IN_PATH;
    switch (p->type) {
    case PARAMETER_INTEGER:
        buf_put_str(out, "{\"type\":\"integer\",\"format\":\"int64\"," INT64_RANGE "}");
        break;
    case PARAMETER_TEXT:
        if (strcmp(p->name, "table") == 0)
            put_tables(out);
        else
            buf_printf(out, "{\"type\":\"string\",\"pattern\":\"^[^\\\\u0000]%s$\"}",
                       is_in_path ? "+" : "*");
        break;
    case PARAMETER_TIME:
        buf_put_str(out, "{\"anyOf\":[{\"type\":\"string\",\"format\":\"date-time\"},"
                         "{\"type\":\"string\",\"format\":\"date\"},"
                         "{\"type\":\"integer\",\"minimum\":100000000000,"
                         "\"maximum\":9999999999999,\"description\":\"epoch milliseconds\"}]}");
        break;
    case PARAMETER_BOOLEAN:
        buf_put_str(out, "{\"type\":\"boolean\",\"default\":false}");
        break;
    case PARAMETER_FORMAT:
        buf_put_str(out, "{\"enum\":[\"csv\",\"jsonl\"],\"default\":\"csv\"}");
        break;
    case PARAMETER_RESULT:
        put_results(out);
        break;
    case PARAMETER_LIMIT:
        buf_printf(out, "{\"type\":\"integer\",\"minimum\":1,\"maximum\":%d,\"default\":%d}",
                   ROUTE_LIMIT_MAX, ROUTE_LIMIT_USUAL);
        break;
    }
}

/* NULL: none is needed. */
static const char *example_of(const struct route_parameter *p) {
    if (p->type == PARAMETER_TIME)
        return "\"2026-11-25T10:30:00Z\"";
    if (p->type == PARAMETER_INTEGER)
        return SAMPLE_CUSTOMER;
    bool is_id = p->type == PARAMETER_TEXT && strcmp(p->name, "table") != 0;
    return is_id ? "\"" SAMPLE_ACCOUNT "\"" : NULL;
}

static void put_parameter(const struct route_parameter *p, struct buf *out) {
    bool is_in_path = p->place == PARAMETER_IN_PATH;
    const char *example = example_of(p);
    buf_printf(out, "{\"name\":\"%s\",\"in\":\"%s\",\"required\":%s,", p->name,
               is_in_path ? "path" : "query", is_in_path ? "true" : "false");
    put_text("description", p->meaning, out);
    buf_put_str(out, ",\"schema\":");
    put_parameter_schema(p, out);
    if (example != NULL)
        buf_printf(out, ",\"example\":%s", example);
    buf_put_byte(out, '}');
}

static void put_parameters(const struct route *route, struct buf *out) {
    const char *before = "";
    buf_put_str(out, "\"parameters\":[");
    for (const struct route_parameter *p = route->parameters; p->name != NULL; p++) {
        if (p->is_internal)
            continue;
        buf_put_str(out, before);
        put_parameter(p, out);
        before = ",";
    }
    buf_put_str(out, "],");
}

/* --- answers */

/* In the document. NULL: the answer is no JSON, or any object. */
static const char *schema_name(const struct route *route) {
    static const char *const names[] = {
        [ROUTE_HEALTH] = "health",   [ROUTE_READINESS] = "readiness",
        [ROUTE_STATUS] = "status",   [ROUTE_FRESHNESS] = "freshness",
        [ROUTE_QUALITY] = "quality", [ROUTE_LINEAGE] = "lineage",
        [ROUTE_WHY] = "why",         [ROUTE_ACCOUNTS] = "customer_accounts",
    };
    const char *name = route->answer < ARRAY_LEN(names) ? names[route->answer] : NULL;
    const struct row_type *type = row_type_of(route);
    return name != NULL || type == NULL ? name : type->name;
}

/* Whether the answer can be that of all instances. */
static bool takes_all(const struct route *route) {
    const struct route_parameter *p = route->parameters;
    while (p->name != NULL && strcmp(p->name, ROUTE_ALL) != 0)
        p++;
    return p->name != NULL;
}

static void put_answer_schema(const struct route *route, struct buf *out) {
    const char *name = schema_name(route);
    bool is_json = strcmp(route->content_type, "application/json") == 0;
    if (name == NULL)
        buf_put_str(out, is_json ? "{\"type\":\"object\"}" : "{\"type\":\"string\"}");
    else if (route->answer == ROUTE_HISTORY)
        buf_printf(out, "{\"type\":\"array\",\"items\":" REF("schemas", "%s") "}", name);
    else if (takes_all(route))
        buf_printf(out, "{\"anyOf\":[" REF("schemas", "%s") "," REF("schemas", "all_%s") "]}", name,
                   name);
    else
        buf_printf(out, REF("schemas", "%s"), name);
}

static bool has_id(const struct route *route, const struct openapi_access *access) {
    (void)access;
    return strstr(route->pattern, "{id}") != NULL;
}

static bool is_guarded(const struct route *route, const struct openapi_access *access) {
    bool is_opened = route->answer == ROUTE_METRICS && access->metrics_is_open;
    return access->needs_token && route->class == HTTP_GUARDED && !is_opened;
}

static bool is_any(const struct route *route, const struct openapi_access *access) {
    (void)route, (void)access;
    return true;
}

static bool is_no_health(const struct route *route, const struct openapi_access *access) {
    (void)access;
    return route->class != HTTP_HEALTH;
}

/* Answers that routes have in common. */
static const struct common {
    int status;
    bool (*occurs)(const struct route *route, const struct openapi_access *access);
    const char *description;
    const char *content; /* NULL: an error */
} commons[] = {
    {307, has_id, "The instance that has the id is at Location.",
     "{\"type\":\"object\",\"required\":[\"location\"],"
     "\"properties\":{\"location\":{\"type\":\"string\"}}}"},
    {400, is_any, "A parameter is unknown, given twice or malformed.", NULL},
    {401, is_guarded, "The bearer token is missing or wrong (http.token.file).", NULL},
    {403, is_any, "The Host of the request is not known (http.hosts).", NULL},
    {404, has_id, "There is no such row.", NULL},
    {500, has_id, "The state cannot be read.", NULL},
    {502, has_id, "The instance that has the id refuses this one.", NULL},
    {503, is_no_health, "Busy, starting, restoring, or the instance that has the id is not known.",
     NULL},
};

static void put_commons(const struct route *route, const struct openapi_access *access,
                        struct buf *out) {
    for (size_t i = 0; i < ARRAY_LEN(commons); i++)
        if (commons[i].occurs(route, access))
            buf_printf(out, ",\"%d\":" REF("responses", "%d"), commons[i].status,
                       commons[i].status);
}

/* Health has a status 503 of its own, besides the one of a busy server. */
static void put_health_failure(const struct route *route, struct buf *out) {
    buf_put_str(out, ",\"503\":{\"description\":\"It is not, and why.\",\"content\":{"
                     "\"application/json\":{\"schema\":{\"anyOf\":[" REF("schemas", "error") ",");
    put_answer_schema(route, out);
    buf_put_str(out, "]}}}}");
}

static void put_responses(const struct route *route, const struct openapi_access *access,
                          struct buf *out) {
    buf_put_str(out, "\"responses\":{\"200\":{");
    put_text("description", route->summary, out);
    buf_put_str(out, ",\"content\":{");
    json_put_string(out, slice_str(route->content_type));
    buf_put_str(out, ":{\"schema\":");
    put_answer_schema(route, out);
    buf_put_byte(out, '}');
    if (route->answer == ROUTE_EXPORT)
        buf_put_str(out, ",\"" ROUTE_JSONL "\":{\"schema\":{\"type\":\"string\"}}");
    buf_put_str(out, "}}");
    put_commons(route, access, out);
    if (route->class == HTTP_HEALTH)
        put_health_failure(route, out);
    buf_put_byte(out, '}');
}

/* --- the document */

/* "v1_customers_id_history" */
static void put_operation_id(const struct route *route, struct buf *out) {
    size_t start = out->n;
    for (const char *p = route->pattern; *p != '\0'; p++)
        if (*p == '/' && out->n > start)
            buf_put_byte(out, '_');
        else if (strchr("/{}", *p) == NULL)
            buf_put_byte(out, *p == '.' ? '_' : *p);
    if (out->n == start)
        buf_put_str(out, "page");
}

static void put_route(const struct route *route, const struct openapi_access *access,
                      struct buf *out) {
    json_put_string(out, slice_str(route->pattern));
    buf_put_str(out, ":{\"get\":{\"operationId\":\"");
    put_operation_id(route, out);
    buf_put_str(out, "\",");
    put_text("summary", route->summary, out);
    buf_put_byte(out, ',');
    if (is_guarded(route, access))
        buf_put_str(out, "\"security\":[{\"token\":[]}],");
    put_parameters(route, out);
    put_responses(route, access, out);
    buf_put_str(out, "}}");
}

static void put_paths(const struct openapi_access *access, struct buf *out) {
    size_t count;
    const struct route *routes = routes_all(&count);
    buf_put_str(out, "\"paths\":{");
    for (size_t i = 0; i < count; i++) {
        buf_put_str(out, i > 0 ? "," : "");
        put_route(&routes[i], access, out);
    }
    buf_put_byte(out, '}');
}

static void put_common_responses(struct buf *out) {
    buf_put_str(out, "\"responses\":{");
    for (size_t i = 0; i < ARRAY_LEN(commons); i++) {
        const struct common *c = &commons[i];
        buf_printf(out, "%s\"%d\":{", i > 0 ? "," : "", c->status);
        put_text("description", c->description, out);
        buf_printf(out, "," JSON_CONTENT("%s") "}",
                   c->content != NULL ? c->content : REF("schemas", "error"));
    }
    buf_put_byte(out, '}');
}

/* The answers of all instances, each of which is of that schema. */
static void put_all_schema(const char *name, struct buf *out) {
    buf_printf(out,
               ",\"all_%s\":{\"type\":\"object\",\"required\":[\"instances\"],\"properties\":{"
               "\"instances\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":["
               "\"url\",\"self\",\"partitions\",\"reached\",\"error\",\"answer\"],"
               "\"properties\":{\"url\":{\"type\":[\"string\",\"null\"]},"
               "\"self\":{\"type\":\"boolean\"},\"reached\":{\"type\":\"boolean\"},"
               "\"partitions\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},"
               "\"error\":{\"type\":[\"string\",\"null\"]},"
               "\"answer\":{\"anyOf\":[" REF("schemas", "%s") ",{\"type\":\"null\"}]}}}}}}",
               name, name);
}

static void put_all_schemas(struct buf *out) {
    size_t count;
    const struct route *routes = routes_all(&count);
    for (size_t i = 0; i < count; i++)
        if (takes_all(&routes[i]))
            put_all_schema(schema_name(&routes[i]), out);
}

/* Members of one object, without its braces. */
static struct slice other_schemas(void) {
    return slice_of(openapi_answers + 1, strlen(openapi_answers) - 2);
}

static void put_components(struct buf *out) {
    buf_put_str(out, "\"components\":{\"securitySchemes\":{\"token\":{\"type\":\"http\","
                     "\"scheme\":\"bearer\",\"description\":"
                     "\"What http.token.file holds.\"}},");
    put_common_responses(out);
    buf_put_str(out, ",\"schemas\":{");
    for (int i = 0; i < ROW_RESULT_COUNT; i++) {
        put_row_schema(row_result_types[i], out);
        buf_put_byte(out, ',');
    }
    put_row_schema(&customer_account_type, out);
    put_all_schemas(out);
    buf_put_byte(out, ',');
    buf_put_slice(out, other_schemas());
    buf_put_str(out, "}}");
}

void openapi_put(const struct openapi_access *access, struct buf *out) {
    buf_put_str(out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"streamer\",");
    put_text("version", streamer_version(), out);
    buf_put_str(out, ",\"description\":\"Rows, histories and figures of a running streamer. HEAD "
                     "is served where GET is. All answers are as of the last commit.\"},"
                     "\"servers\":[{\"url\":\"/\"}],");
    put_paths(access, out);
    buf_put_byte(out, ',');
    put_components(out);
    buf_put_str(out, "}\n");
}
