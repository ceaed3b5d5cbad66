/* routes: the table of what HTTP serves: paths, and the query parameters that each takes. Pure. */
#ifndef STREAMER_HTTP_ROUTES_H
#define STREAMER_HTTP_ROUTES_H

#include "streamer/http/http.h"
#include "streamer/model/event.h"

#include <stdbool.h>

enum route_answer {
    ROUTE_METRICS,
    ROUTE_HEALTH,
    ROUTE_READINESS,
    ROUTE_VERSION, /* the current one, or the one at a time */
    ROUTE_HISTORY,
    ROUTE_MART,
};

/* A parameter that routes with an id take besides: another instance has sent the request here. Not
 * for users. */
#define ROUTE_FORWARDED "forwarded"

struct route {
    const char *pattern;           /* "/v1/customers/{id}/history" */
    const char *table;             /* "customers"; NULL: of none */
    const char *const *parameters; /* names that users know, ended by NULL */
    enum route_answer answer;
    enum entity entity; /* whose id it is by */
};

/* The route of a path that is still percent-encoded; NULL: none. {id} stands for one segment of any
 * content. A path that ends before its {id} has its route, too: the answer says that the id is
 * missing. */
const struct route *route_find(const char *path);

/* False with `reply` (400) if the request has a parameter that the route does not take, or one
 * twice: a slip of the fingers must not get the answer to another question. */
bool route_check_parameters(const struct route *route, const struct http_request *request,
                            struct http_reply *reply);

#endif
