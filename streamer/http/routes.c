#include "streamer/http/routes.h"

#include "streamer/base/mem.h"
#include "streamer/base/nearest.h"
#include "streamer/base/utf8.h"

#include <string.h>

static const char *const none[] = {NULL};
static const char *const as_of[] = {"as_of", NULL};

static const struct route routes[] = {
    {"/metrics", NULL, none, ROUTE_METRICS, 0},
    {"/healthz", NULL, none, ROUTE_HEALTH, 0},
    {"/readyz", NULL, none, ROUTE_READINESS, 0},
    {"/v1/customers/{id}", "customers", as_of, ROUTE_VERSION, ENTITY_CUSTOMER},
    {"/v1/customers/{id}/history", "customers", none, ROUTE_HISTORY, ENTITY_CUSTOMER},
    {"/v1/accounts/{id}", "accounts", as_of, ROUTE_VERSION, ENTITY_ACCOUNT},
    {"/v1/accounts/{id}/history", "accounts", none, ROUTE_HISTORY, ENTITY_ACCOUNT},
    {"/v1/account_summary/{id}", "account_summary", none, ROUTE_MART, ENTITY_ACCOUNT},
    {"/v1/customer_profile/{id}", "customer_profile", none, ROUTE_MART, ENTITY_CUSTOMER},
};

#define ID_SEGMENT "{id}"

/* Takes the next segment off a pattern; a null slice at its end. */
static struct slice next_segment(const char **pattern) {
    if (**pattern != '/')
        return slice_null();
    const char *start = *pattern + 1;
    *pattern = start + strcspn(start, "/");
    return slice_of(start, (size_t)(*pattern - start));
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
    for (struct slice wanted; (wanted = next_segment(&pattern)).p != NULL; index++) {
        if (slice_eq(wanted, slice_str(ID_SEGMENT))) {
            if (*pattern == '\0' && has_segments(path, index))
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

static bool takes(const struct route *route, const char *name) {
    for (const char *const *p = route->parameters; *p != NULL; p++)
        if (strcmp(*p, name) == 0)
            return true;
    return route->table != NULL && strcmp(name, ROUTE_FORWARDED) == 0;
}

static void put_advice(struct buf *text, const struct route *route, const char *name) {
    struct nearest nearest = nearest_to(name);
    for (const char *const *p = route->parameters; *p != NULL; p++)
        nearest_offer(&nearest, *p);
    if (nearest.best[0] != '\0') {
        buf_printf(text, ", did you mean %s?", nearest.best);
        return;
    }
    buf_printf(text, "; %s takes %s", route->pattern, route->parameters[0] == NULL ? "none" : "");
    for (const char *const *p = route->parameters; *p != NULL; p++)
        buf_printf(text, "%s%s", p == route->parameters ? "" : ", ", *p);
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

static void refuse_twice(const char *name, struct http_reply *reply) {
    struct buf text = {0};
    buf_printf(&text, "%s is given twice", name);
    http_reply_error(reply, 400, buf_cstr(&text));
    buf_release(&text);
}

bool route_check_parameters(const struct route *route, const struct http_request *request,
                            struct http_reply *reply) {
    for (size_t i = 0; i < request->parameter_count; i++) {
        const char *name = request->parameters[i].name;
        if (!takes(route, name)) {
            refuse_unknown(route, name, reply);
            return false;
        }
        if (http_parameter(request, name) !=
            request->parameters[i].value) { /* but an earlier one's */
            refuse_twice(name, reply);
            return false;
        }
    }
    return true;
}
