#include "support.h"

#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/http/routes.h"

#include <string.h>

static void test_routes__paths(void **state) {
    static const struct {
        const char *path, *pattern; /* NULL: none */
    } cases[] = {
        {"/metrics", "/metrics"},
        {"/metrics/", "/metrics"},
        {"/healthz", "/healthz"},
        {"/readyz", "/readyz"},
        {"/v1/customers/7", "/v1/customers/{id}"},
        {"/v1/customers/a%2fb/", "/v1/customers/{id}"},
        {"/v1/customers/%zz", "/v1/customers/{id}"},
        {"/v1/status", "/v1/status"},
        {"/v1/freshness", "/v1/freshness"},
        {"/v1/%63ustomers/7", "/v1/customers/{id}"},
        {"/v1/customers", "/v1/customers/{id}"},
        {"/v1/customers/", "/v1/customers/{id}"},
        {"/v1/customers/7/history", "/v1/customers/{id}/history"},
        {"/v1/customers//history", "/v1/customers/{id}/history"},
        {"/v1/customers/7/accounts", "/v1/customers/{id}/accounts"},
        {"/v1/accounts/7", "/v1/accounts/{id}"},
        {"/v1/account_with_customer/7", "/v1/account_with_customer/{id}"},
        {"/v1/accounts/7/history/", "/v1/accounts/{id}/history"},
        {"/v1/account_summary/7", "/v1/account_summary/{id}"},
        {"/v1/customer_profile/7", "/v1/customer_profile/{id}"},
        {"/v1/why/accounts/7", "/v1/why/{table}/{id}"},
        {"/v1/why/%zz/7/", "/v1/why/{table}/{id}"},
        {"/v1/why/accounts/", "/v1/why/{table}/{id}"},
        {"/v1/why", "/v1/why/{table}/{id}"},
        {"/v1/export", "/v1/export/{table}"},
        {"/v1/export/accounts/", "/v1/export/{table}"},
        {"/v1/export/accounts/7", NULL},
        {"/v1/why/accounts/7/history", NULL},
        {"", NULL},
        {"/", "/"},
        {"//", NULL},
        {"*", NULL},
        {"metrics", NULL},
        {"/Metrics", NULL},
        {"/metrics/1", NULL},
        {"http://x/metrics", NULL},
        {"/v1", NULL},
        {"/v2/customers/7", NULL},
        {"/v1/customers/7/historie", NULL},
        {"/v1/customers/7//", NULL},
        {"/v1/customers/7/%zz", NULL},
        {"/v1/customers/7/history/1", NULL},
        {"/v1/account_summary/7/history", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct route *route = route_find(cases[i].path);
        const char *pattern = route != NULL ? route->pattern : NULL;
        if ((pattern == NULL) != (cases[i].pattern == NULL) ||
            (pattern != NULL && strcmp(pattern, cases[i].pattern) != 0))
            fail_msg("%s: %s", cases[i].path, pattern != NULL ? pattern : "none");
    }
}

static void test_routes__parameters(void **state) {
    static const struct {
        const char *path, *names[3], *error; /* NULL: accepted */
    } cases[] = {
        {"/v1/customers/7", {NULL}, NULL},
        {"/v1/customers/7", {"as_of"}, NULL},
        {"/v1/accounts/7", {"as_of"}, NULL},
        {"/v1/customers/7", {"forwarded"}, NULL},
        {"/v1/customers/7/history", {"forwarded"}, NULL},
        {"/v1/accounts/7", {"as_of", "forwarded"}, NULL},
        {"/v1/accounts/7/history", {"forwarded"}, NULL},
        {"/v1/account_with_customer/7", {"as_of", "forwarded"}, NULL},
        {"/v1/account_summary/7", {"as_of", "forwarded"}, NULL},
        {"/v1/customer_profile/7", {"as_of", "forwarded"}, NULL},
        {"/v1/export/x", {"as_of"}, NULL},
        {"/v1/export/x", {"format"}, "format must be csv or jsonl"},
        {"/v1/export/x",
         {"forwarded"},
         "unknown query parameter forwarded; /v1/export/{table} takes format, as_of"},
        {"/readyz", {"forwarded"}, "unknown query parameter forwarded; /readyz takes none"},
        {"/v1/customers/7", {"asof"}, "unknown query parameter asof, did you mean as_of?"},
        {"/v1/customers/7", {"AS_OF"}, "unknown query parameter AS_OF, did you mean as_of?"},
        {"/v1/accounts/7",
         {"as_of", "as-of"},
         "unknown query parameter as-of, did you mean as_of?"},
        {"/v1/accounts/7", {"date"}, "unknown query parameter date; /v1/accounts/{id} takes as_of"},
        {"/v1/accounts/7",
         {"\xff\xff\xff\xff"},
         "unknown query parameter; /v1/accounts/{id} takes as_of"},
        {"/v1/accounts/7", {""}, "unknown query parameter ; /v1/accounts/{id} takes as_of"},
        {"/v1/accounts/7", {"as_of", "as_of"}, "as_of is given twice"},
        {"/v1/accounts/7/history",
         {"as_of"},
         "unknown query parameter as_of; /v1/accounts/{id}/history takes none"},
        {"/v1/customer_profile/7",
         {"at"},
         "unknown query parameter at; /v1/customer_profile/{id} takes as_of"},
        {"/metrics", {"name[]"}, "unknown query parameter name[]; /metrics takes none"},
        {"/healthz", {"x"}, "unknown query parameter x; /healthz takes none"},
        {"/", {"x"}, "unknown query parameter x; / takes none"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request request = {.path = cases[i].path};
        static const char *const values[] = {"20260101", "20260102"};
        for (size_t *n = &request.parameter_count; cases[i].names[*n] != NULL; ++*n)
            request.parameters[*n] = (struct http_parameter){cases[i].names[*n], values[*n]};
        struct http_reply reply = {0}, expected = {0};
        bool accepted = route_check_parameters(route_find(cases[i].path), &request, &reply);
        assert_int_equal(accepted, cases[i].error == NULL);
        if (cases[i].error != NULL) {
            http_reply_error(&expected, 400, cases[i].error);
            assert_int_equal(reply.status, 400);
            assert_string_equal(buf_cstr(&reply.body), buf_cstr(&expected.body));
        }
        buf_release(&reply.body);
        buf_release(&expected.body);
    }
}

/* A boolean is true or false, and nothing else. */
static void test_routes__flags(void **state) {
    static const struct {
        const char *value, *error; /* NULL: accepted */
        bool is_set;
    } cases[] = {
        {"true", NULL, true},
        {"false", NULL, false},
        {"", "all must be true or false", false},
        {"1", "all must be true or false", false},
        {"TRUE", "all must be true or false", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request request = {
            .path = "/v1/status", .parameters = {{"all", cases[i].value}}, .parameter_count = 1};
        struct http_reply reply = {0}, expected = {0};
        bool accepted = route_check_parameters(route_find(request.path), &request, &reply);
        assert_int_equal(accepted, cases[i].error == NULL);
        assert_int_equal(route_flag(&request, "all"), cases[i].is_set);
        assert_false(route_flag(&request, "forwarded"));
        if (cases[i].error != NULL) {
            http_reply_error(&expected, 400, cases[i].error);
            assert_string_equal(buf_cstr(&reply.body), buf_cstr(&expected.body));
        }
        buf_release(&reply.body);
        buf_release(&expected.body);
    }
}

static void test_routes__times(void **state) {
    static const struct {
        const char *value; /* NULL: there is none */
        int64_t ms;        /* -1: refused */
    } cases[] = {
        {NULL, TIMESTAMP_NONE},
        {"1970-01-02", 86400000},
        {"1970-01-01T00:00:01+01:00", -3599000},
        {"1795800000000", 1795800000000},
        {"10000000000000", -1},
        {"yesterday", -1},
        {"2024-02-30", -1},
        {"2024-02-15T25:00Z", -1},
        {"1e99", -1},
        {"2024-02-15\"", -1},
        {"", -1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request request = {.path = "/v1/customers/1",
                                       .parameters = {{"as_of", cases[i].value}},
                                       .parameter_count = cases[i].value != NULL};
        struct http_reply reply = {0};
        bool accepted = route_check_parameters(route_find(request.path), &request, &reply);
        assert_int_equal(accepted, cases[i].ms != -1);
        if (accepted)
            assert_int_equal(route_time(&request, "as_of"), cases[i].ms);
        else
            assert_non_null(strstr(buf_cstr(&reply.body), "as_of: give an ISO-8601 date"));
        buf_release(&reply.body);
    }
}

/* --- the table */

static bool is_accepted(const struct route *route, const char *parameter, const char *value) {
    struct http_request request = {
        .path = route->pattern, .parameters = {{parameter, value}}, .parameter_count = 1};
    struct http_reply reply = {0};
    bool accepted = route_check_parameters(route, &request, &reply);
    assert_int_equal(reply.status, accepted ? 0 : 400);
    buf_release(&reply.body);
    return accepted;
}

static const char *value_for(enum route_parameter_type type) {
    return type == PARAMETER_BOOLEAN  ? "true"
           : type == PARAMETER_LIMIT  ? "1"
           : type == PARAMETER_TIME   ? "2026-01-01"
           : type == PARAMETER_FORMAT ? "jsonl"
                                      : "x";
}

static void test_routes__table_is_what_is_taken(void **state) {
    (void)state;
    size_t count;
    const struct route *routes = routes_all(&count);
    assert_true(count > 0);
    for (const struct route *r = routes; r < routes + count; r++) {
        assert_ptr_equal(route_find(r->pattern), r); /* "{id}" is an id like any other */
        for (const struct route_parameter *p = r->parameters; p->name != NULL; p++)
            assert_int_equal(is_accepted(r, p->name, value_for(p->type)),
                             p->place == PARAMETER_IN_QUERY);
        assert_false(is_accepted(r, "other", "1"));
    }
}

/* An {id} of a path is a parameter of the route, and the other way round. */
static void test_routes__table_describes_each_path(void **state) {
    (void)state;
    size_t count;
    const struct route *routes = routes_all(&count);
    for (const struct route *r = routes; r < routes + count; r++) {
        int ids = 0, tables = 0;
        for (const struct route_parameter *p = r->parameters; p->name != NULL; p++) {
            assert_non_null(p->meaning);
            ids += p->place == PARAMETER_IN_PATH && strcmp(p->name, "id") == 0;
            tables += p->place == PARAMETER_IN_PATH && strcmp(p->name, "table") == 0;
        }
        assert_int_equal(ids, strstr(r->pattern, "{id}") != NULL);
        assert_int_equal(tables, strstr(r->pattern, "{table}") != NULL);
        if (ids > 0) /* an export has a table without an id */
            assert_int_equal(ids, tables + (r->table != NULL));
        assert_string_equal(r->method, "GET");
        assert_true(r->summary[0] != '\0' && strchr(r->content_type, '/') != NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes__paths),
        cmocka_unit_test(test_routes__parameters),
        cmocka_unit_test(test_routes__flags),
        cmocka_unit_test(test_routes__times),
        cmocka_unit_test(test_routes__table_is_what_is_taken),
        cmocka_unit_test(test_routes__table_describes_each_path),
    };
    return cmocka_run_group_tests_name("routes", tests, NULL, NULL);
}
