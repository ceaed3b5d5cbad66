#include "streamer/http/routes.h"

#include "streamer/base/mem.h"
#include "streamer/base/nearest.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define JSON "application/json"
#define HTML "text/html; charset=utf-8"
#define PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"

static const struct route_parameter none[] = {{0}};

#define CUSTOMER_ID                                                                                \
    { "id", PARAMETER_IN_PATH, PARAMETER_INTEGER, false, "The customer_id." }
#define ACCOUNT_ID                                                                                 \
    { "id", PARAMETER_IN_PATH, PARAMETER_TEXT, false, "The account_id, percent-encoded." }
#define AS_OF                                                                                      \
    {                                                                                              \
        "as_of", PARAMETER_IN_QUERY, PARAMETER_TIME, false,                                        \
            "Gives the version that was valid at this time instead of the current one."            \
    }
#define TABLE                                                                                      \
    {                                                                                              \
        "table", PARAMETER_IN_PATH, PARAMETER_TEXT, false,                                         \
            "customers, accounts, account_with_customer, account_summary or customer_profile."     \
    }
#define ROW_ID                                                                                     \
    { "id", PARAMETER_IN_PATH, PARAMETER_TEXT, false, "The row's customer_id or account_id." }
#define ROW_AS_OF                                                                                  \
    {                                                                                              \
        "as_of", PARAMETER_IN_QUERY, PARAMETER_TIME, false,                                        \
            "Gives the row as it was at this time, by the histories as they are known now and "    \
            "with the rates of now, instead of the current one."                                   \
    }
#define FORWARDED                                                                                  \
    {                                                                                              \
        ROUTE_FORWARDED, PARAMETER_IN_QUERY, PARAMETER_INTEGER, true,                              \
            "1: another instance has sent this request here; do not send it on again. "            \
            "0: answer it for the instance that has the id, without a redirect."                   \
    }

#define ALL                                                                                        \
    {                                                                                              \
        ROUTE_ALL, PARAMETER_IN_QUERY, PARAMETER_BOOLEAN, false,                                   \
            "true: the answers of all instances instead of this one's own."                        \
    }

#define WITH_HISTORY                                                                               \
    {                                                                                              \
        ROUTE_WITH_HISTORY, PARAMETER_IN_QUERY, PARAMETER_BOOLEAN, false,                          \
            "true: and the figures of the last hour, in steps of ten seconds."                     \
    }
#define LIMIT                                                                                      \
    { ROUTE_LIMIT, PARAMETER_IN_QUERY, PARAMETER_LIMIT, false, "How many rows a page has at most." }
#define AFTER                                                                                      \
    { ROUTE_AFTER, PARAMETER_IN_QUERY, PARAMETER_TEXT, false, "The page begins behind this id." }

#define RESULT_TABLE                                                                               \
    {                                                                                              \
        "table", PARAMETER_IN_PATH, PARAMETER_RESULT, false,                                       \
            "customer_history, account_history, account_with_customer, account_summary or "        \
            "customer_profile."                                                                    \
    }
#define FORMAT                                                                                     \
    {                                                                                              \
        ROUTE_FORMAT, PARAMETER_IN_QUERY, PARAMETER_FORMAT, false,                                 \
            "csv (RFC 4180, with a header line) or jsonl (an object a line)."                      \
    }
#define HISTORY_AS_OF                                                                              \
    {                                                                                              \
        "as_of", PARAMETER_IN_QUERY, PARAMETER_TIME, false,                                        \
            "Only of a history: the versions that were valid at this time, by what is known now."  \
    }

static const struct route_parameter of_instances[] = {ALL, FORWARDED, {0}};
static const struct route_parameter status_parameters[] = {ALL, WITH_HISTORY, FORWARDED, {0}};
static const struct route_parameter customer_id[] = {CUSTOMER_ID, FORWARDED, {0}};
static const struct route_parameter customer_id_as_of[] = {CUSTOMER_ID, AS_OF, FORWARDED, {0}};
static const struct route_parameter customer_pages[] = {CUSTOMER_ID, LIMIT, AFTER, FORWARDED, {0}};
static const struct route_parameter account_id[] = {ACCOUNT_ID, FORWARDED, {0}};
static const struct route_parameter account_id_as_of[] = {ACCOUNT_ID, AS_OF, FORWARDED, {0}};
static const struct route_parameter table_and_id[] = {TABLE, ROW_ID, FORWARDED, {0}};
static const struct route_parameter customer_row[] = {CUSTOMER_ID, ROW_AS_OF, FORWARDED, {0}};
static const struct route_parameter export_table[] = {RESULT_TABLE, FORMAT, HISTORY_AS_OF, {0}};
static const struct route_parameter account_row[] = {ACCOUNT_ID, ROW_AS_OF, FORWARDED, {0}};

/* clang-format off */
static const struct route routes[] = {
    /* The page holds no data, so everybody may load it. What it shows it asks for with the token,
     * which it has from its user. */
    {"GET", "/", none, HTML, HTTP_OPEN, ROUTE_PAGE, "the operator's page", NULL, 0},
    {"GET", "/metrics", none, PROMETHEUS, HTTP_GUARDED, ROUTE_METRICS,
     "all metrics, in Prometheus's text format", NULL, 0},
    {"GET", "/healthz", none, JSON, HTTP_HEALTH, ROUTE_HEALTH,
     "whether the processor is alive: 200, or 503 with the reason", NULL, 0},
    {"GET", "/readyz", none, JSON, HTTP_HEALTH, ROUTE_READINESS,
     "whether it is connected, assigned and restored: 200, or 503 with what it waits for", NULL, 0},
    {"GET", "/v1/status", status_parameters, JSON, HTTP_GUARDED, ROUTE_STATUS,
     "what works and what is wrong, at a glance", NULL, 0},
    {"GET", "/v1/freshness", of_instances, JSON, HTTP_GUARDED, ROUTE_FRESHNESS,
     "how old the newest record of each input is", NULL, 0},
    {"GET", "/v1/lineage", of_instances, JSON, HTTP_GUARDED, ROUTE_LINEAGE,
     "the layers with their topics and counts, and the topics as OpenLineage's datasets", NULL, 0},
    {"GET", "/v1/openapi.json", none, JSON, HTTP_GUARDED, ROUTE_OPENAPI,
     "this description, in OpenAPI 3.1", NULL, 0},
    {"GET", "/v1/customers/{id}", customer_id_as_of, JSON, HTTP_GUARDED, ROUTE_VERSION,
     "the current version of a customer, or the one at a time", "customers", ENTITY_CUSTOMER},
    {"GET", "/v1/customers/{id}/history", customer_id, JSON, HTTP_GUARDED, ROUTE_HISTORY,
     "all versions of a customer, oldest first", "customers", ENTITY_CUSTOMER},
    {"GET", "/v1/customers/{id}/accounts", customer_pages, JSON, HTTP_GUARDED, ROUTE_ACCOUNTS,
     "a customer's current accounts by account_id, a page", "customers", ENTITY_CUSTOMER},
    {"GET", "/v1/accounts/{id}", account_id_as_of, JSON, HTTP_GUARDED, ROUTE_VERSION,
     "the current version of an account, or the one at a time", "accounts", ENTITY_ACCOUNT},
    {"GET", "/v1/accounts/{id}/history", account_id, JSON, HTTP_GUARDED, ROUTE_HISTORY,
     "all versions of an account, oldest first", "accounts", ENTITY_ACCOUNT},
    {"GET", "/v1/account_with_customer/{id}", account_row, JSON, HTTP_GUARDED, ROUTE_JOINED,
     "an account joined with its customer", "account_with_customer", ENTITY_ACCOUNT},
    {"GET", "/v1/account_summary/{id}", account_row, JSON, HTTP_GUARDED, ROUTE_MART,
     "the summary of a savings account with its interest", "account_summary", ENTITY_ACCOUNT},
    {"GET", "/v1/customer_profile/{id}", customer_row, JSON, HTTP_GUARDED, ROUTE_MART,
     "the totals over a customer's savings accounts", "customer_profile", ENTITY_CUSTOMER},
    {"GET", "/v1/why/{table}/{id}", table_and_id, JSON, HTTP_GUARDED, ROUTE_WHY,
     "which input records made a current row, with which rates, and when", NULL, 0},
    {"GET", "/v1/quality", of_instances, JSON, HTTP_GUARDED, ROUTE_QUALITY,
     "what the quality checks say of this instance's partitions, by layer", NULL, 0},
    {"GET", "/v1/export/{table}", export_table, ROUTE_CSV, HTTP_GUARDED, ROUTE_EXPORT,
     "all rows of a table in the partitions of this instance, as a file", NULL, 0},
};
/* clang-format on */

const struct route *routes_all(size_t *count) {
    *count = ARRAY_LEN(routes);
    return routes;
}

/* --- paths */

/* Takes the next segment off the pattern. At its end the slice is null. "/" has no segment. */
static struct slice next_segment(const char **pattern) {
    if (**pattern != '/' || (*pattern)[1] == '\0')
        return slice_null();
    const char *start = *pattern + 1;
    *pattern = start + strcspn(start, "/");
    return slice_of(start, (size_t)(*pattern - start));
}

/* "{id}", "{table}" */
static bool is_any(struct slice wanted) {
    return wanted.n > 0 && wanted.p[0] == '{';
}

/* Whether there are only such segments left. */
static bool is_any_rest(const char *pattern) {
    struct slice wanted = next_segment(&pattern);
    while (is_any(wanted))
        wanted = next_segment(&pattern);
    return wanted.p == NULL;
}

static bool has_segments(const char *path, int count) {
    int have = 0;
    for (; *path == '/' && path[1] != '\0'; have++)
        path += 1 + strcspn(path + 1, "/");
    return have == count;
}

static bool segment_is(const char *path, int index, struct slice text) {
    struct buf segment = {0};
    bool is = http_path_segment(path, index, &segment) && slice_eq(buf_slice(&segment), text);
    buf_release(&segment);
    return is;
}

static bool matches(const char *pattern, const char *path) {
    int index = 0;
    if (*path != '/')
        return false;
    for (struct slice wanted; (wanted = next_segment(&pattern)).p != NULL; index++) {
        if (is_any(wanted)) {
            if (is_any_rest(pattern) && has_segments(path, index))
                return true;
        } else if (!segment_is(path, index, wanted)) {
            return false;
        }
    }
    return has_segments(path, index);
}

const struct route *route_find(const char *path) {
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (matches(routes[i].pattern, path))
            return &routes[i];
    return NULL;
}

/* --- parameters */

/* NULL: the route does not take it. */
static const struct route_parameter *find_parameter(const struct route *route, const char *name) {
    for (const struct route_parameter *p = route->parameters; p->name != NULL; p++)
        if (p->place == PARAMETER_IN_QUERY && strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

/* The route's next query parameter that users know, from `p` on; the nameless one at the end. */
static const struct route_parameter *next_known(const struct route_parameter *p) {
    while (p->name != NULL && (p->place != PARAMETER_IN_QUERY || p->is_internal))
        p++;
    return p;
}

static void put_advice(struct buf *text, const struct route *route, const char *name) {
    struct nearest nearest = nearest_to(name);
    const struct route_parameter *first = next_known(route->parameters), *p;
    for (p = first; p->name != NULL; p = next_known(p + 1))
        nearest_offer(&nearest, p->name);
    if (nearest.best[0] != '\0') {
        buf_printf(text, ", did you mean %s?", nearest.best);
        return;
    }
    buf_printf(text, "; %s takes %s", route->pattern, first->name == NULL ? "none" : "");
    for (p = first; p->name != NULL; p = next_known(p + 1))
        buf_printf(text, "%s%s", p == first ? "" : ", ", p->name);
}

static void refuse_unknown(const struct route *route, const char *name, struct http_reply *reply) {
    struct buf text = {0};
    buf_put_str(&text, "unknown query parameter");
    if (utf8_is_valid(slice_str(name)))
        buf_printf(&text, " %s", name);
    put_advice(&text, route, name);
    http_reply_error(reply, 400, buf_cstr(&text));
    buf_release(&text);
}

static void refuse_value(const char *name, const char *why, struct http_reply *reply) {
    struct buf text = {0};
    buf_printf(&text, "%s%s", name, why);
    http_reply_error(reply, 400, buf_cstr(&text));
    buf_release(&text);
}

static bool is_boolean(const char *value) {
    return strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
}

static bool is_format(const char *value) {
    return strcmp(value, "csv") == 0 || strcmp(value, "jsonl") == 0;
}

/* Whether the value is a number in range; it must not be longer than such a number. */
static bool is_limit(const char *value) {
    size_t n = strspn(value, "0123456789");
    if (n == 0 || n > strlen("1000") || value[n] != '\0')
        return false;
    long limit = strtol(value, NULL, 10);
    return limit >= 1 && limit <= ROUTE_LIMIT_MAX;
}

#define TEXT(number) #number
#define TEXT_OF(macro) TEXT(macro)

bool route_check_parameters(const struct route *route, const struct http_request *request,
                            struct http_reply *reply) {
    for (size_t i = 0; i < request->parameter_count && reply->status == 0; i++) {
        const char *name = request->parameters[i].name, *value = request->parameters[i].value;
        const struct route_parameter *p = find_parameter(route, name);
        if (p == NULL)
            refuse_unknown(route, name, reply);
        else if (http_parameter(request, name) != value)
            refuse_value(name, " is given twice", reply);
        else if (p->type == PARAMETER_BOOLEAN && !is_boolean(value))
            refuse_value(name, " must be true or false", reply);
        else if (p->type == PARAMETER_FORMAT && !is_format(value))
            refuse_value(name, " must be csv or jsonl", reply);
        else if (p->type == PARAMETER_LIMIT && !is_limit(value))
            refuse_value(name, " must be a whole number from 1 to " TEXT_OF(ROUTE_LIMIT_MAX),
                         reply);
        else if (p->type == PARAMETER_TIME && !timestamp_parse(slice_str(value), &(int64_t){0}))
            refuse_value(name, ": give " TIMESTAMP_FORMS, reply);
    }
    return reply->status == 0;
}

int route_limit(const struct http_request *request) {
    const char *value = http_parameter(request, ROUTE_LIMIT);
    return value != NULL ? (int)strtol(value, NULL, 10) : ROUTE_LIMIT_USUAL;
}

bool route_was_sent_on(const struct http_request *request) {
    const char *forwarded = http_parameter(request, ROUTE_FORWARDED);
    return forwarded != NULL && strcmp(forwarded, ROUTE_FORWARDED_BY_PAGE) != 0;
}

int64_t route_time(const struct http_request *request, const char *name) {
    int64_t ms = TIMESTAMP_NONE;
    const char *value = http_parameter(request, name);
    if (value != NULL)
        (void)timestamp_parse(slice_str(value), &ms);
    return ms;
}

bool route_flag(const struct http_request *request, const char *name) {
    const char *value = http_parameter(request, name);
    return value != NULL && strcmp(value, "true") == 0;
}
