/* routes: the one table of what HTTP serves: each path with its parameters, who may ask for it,
 * what answers it, and what it is for. A request whose path or parameter is not in the table is
 * refused. Pure. Any thread. */
#ifndef STREAMER_HTTP_ROUTES_H
#define STREAMER_HTTP_ROUTES_H

#include "streamer/http/http.h"
#include "streamer/model/event.h"

#include <stdbool.h>
#include <stddef.h>

/* What makes the answer. The service has a function for each. */
enum route_answer {
    ROUTE_PAGE,
    ROUTE_METRICS,
    ROUTE_HEALTH,
    ROUTE_READINESS,
    ROUTE_VERSION, /* the current version, or the one that was valid at a time */
    ROUTE_HISTORY,
    ROUTE_MART,      /* the current row of a mart, or what it was at a time */
    ROUTE_JOINED,    /* the same of account_with_customer */
    ROUTE_ACCOUNTS,  /* a customer's, in pages */
    ROUTE_STATUS,    /* what the operator sees */
    ROUTE_FRESHNESS, /* of each input */
    ROUTE_LINEAGE,
    ROUTE_OPENAPI,
    ROUTE_WHY, /* the input records that made a current row */
    ROUTE_QUALITY,
    ROUTE_EXPORT, /* all rows of a table in the partitions of this instance */
};

enum route_parameter_place { PARAMETER_IN_PATH, PARAMETER_IN_QUERY };

enum route_parameter_type {
    PARAMETER_INTEGER,
    PARAMETER_TEXT,
    PARAMETER_TIME,    /* what timestamp_parse reads */
    PARAMETER_BOOLEAN, /* true or false; without the parameter: false */
    PARAMETER_FORMAT,  /* csv or jsonl; without the parameter: csv */
    PARAMETER_RESULT,  /* the name of a type of row_result_types */
    PARAMETER_LIMIT,   /* 1 to ROUTE_LIMIT_MAX; without the parameter: ROUTE_LIMIT_USUAL */
};

/* The instances mark a request with this parameter when they send it on to each other. The
 * operator's page sends it with the value 0, because it cannot follow a redirect. */
#define ROUTE_FORWARDED "forwarded"
#define ROUTE_FORWARDED_BY_PAGE "0"
/* Asks for the answers of all instances (gather.h of the service). */
#define ROUTE_ALL "all"
/* Asks for the figures of the last hour, too. */
#define ROUTE_WITH_HISTORY "history"
/* Pages: how many rows at most, and behind which id. */
#define ROUTE_LIMIT "limit"
#define ROUTE_AFTER "after"
#define ROUTE_LIMIT_MAX 1000
#define ROUTE_LIMIT_USUAL 100

/* The format of an export, and the content types of the two. */
#define ROUTE_FORMAT "format"
#define ROUTE_CSV "text/csv; charset=utf-8"
#define ROUTE_JSONL "application/x-ndjson"

struct route_parameter {
    const char *name; /* "as_of"; "id" and "table" for {id} and {table} of a path */
    enum route_parameter_place place;
    enum route_parameter_type type;
    bool is_internal; /* only instances and the page use it, among themselves */
    const char *meaning;
};

/* Texts are static. Errors of each route are JSON: {"error": "..."}. */
struct route {
    const char *method;                       /* "GET"; HEAD is served where GET is */
    const char *pattern;                      /* "/v1/customers/{id}/history" */
    const struct route_parameter *parameters; /* the last one has no name (NULL) */
    const char *content_type;                 /* of an answer that is no error */
    enum http_class class;                    /* http.metrics.open opens /metrics besides */
    enum route_answer answer;
    const char *summary; /* what the answer says, as a phrase */
    const char *table;   /* "customers": the table whose rows it shows; NULL: none, or {table} */
    enum entity entity;  /* the id in the path is one of these; only if `table` is set */
};

/* All routes. */
const struct route *routes_all(size_t *count);

/* The route of a path that is still percent-encoded; NULL: there is none. {id} and {table} stand
 * for one segment of any content. A path that ends before them has the route, too, so that the
 * answer can say what is missing. */
const struct route *route_find(const char *path);

/* False with `reply` (400) if the request has a parameter that the route does not take, or has one
 * twice, or a boolean one is neither true nor false, a limit is out of range, or a time is none.
 * Otherwise a misspelled name or value would get the answer to another question. It is decided
 * here, before the request is sent on to another instance. */
bool route_check_parameters(const struct route *route, const struct http_request *request,
                            struct http_reply *reply);

/* Whether another instance has sent the request here, so that it is not sent on again. */
bool route_was_sent_on(const struct http_request *request);
/* Whether a boolean parameter is there and true. */
bool route_flag(const struct http_request *request, const char *name);
/* Of a request that route_check_parameters has accepted: ROUTE_LIMIT, and a time in milliseconds
 * since 1970 (TIMESTAMP_NONE: the parameter is not there). */
int route_limit(const struct http_request *request);
int64_t route_time(const struct http_request *request, const char *name);

#endif
