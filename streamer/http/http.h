/* http: the HTTP server (libmicrohttpd, one epoll thread). GET and HEAD only; who is slow is cut
 * off (http_connections.h). What it serves comes from one handler. */
#ifndef STREAMER_HTTP_HTTP_H
#define STREAMER_HTTP_HTTP_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"
#include "streamer/base/slice.h"
#include "streamer/http/http_connections.h"

#include <stdbool.h>
#include <stdint.h>

#define HTTP_PARAMETERS_MAX 16

/* Of the query, decoded; "" is the value of one that has none. */
struct http_parameter {
    const char *name, *value;
};

struct http_exchange; /* one request and its answer */

struct http_request {
    struct http_exchange *exchange; /* for http_defer */
    const char *path;               /* still percent-encoded: see http_path_segment */
    struct http_parameter parameters[HTTP_PARAMETERS_MAX];
    size_t parameter_count;
};

/* The value of the first parameter of that name; NULL without one. */
const char *http_parameter(const struct http_request *request, const char *name);

/* All zero when the handler gets it. */
struct http_reply {
    int status;               /* 200 … 599 */
    const char *content_type; /* static text, or that of `type` */
    bool is_for_now;          /* asking again soon may help: Retry-After */
    /* The server releases these. */
    struct buf body;
    struct buf type;
    struct buf location; /* of a redirect: a URL */
};

/* Called on the server's thread, for GET and HEAD alike (the server leaves HEAD's body out). */
typedef void http_handler(void *context, const struct http_request *request,
                          struct http_reply *reply);

/* In a handler: its answer will come by http_finish, from any thread; what it leaves in `reply`
 * counts for nothing. The request and its texts do not outlive the handler. */
struct http_exchange *http_defer(const struct http_request *request);
/* Once for each http_defer, before http_stop. Takes over what the reply owns. */
void http_finish(struct http_exchange *x, struct http_reply *reply);

/* Sets status and a JSON body {"error": "..."} (`reason`, valid UTF-8, is JSON-escaped). */
void http_reply_error(struct http_reply *reply, int status, const char *reason);

/* The same with status 503, of what passes. */
void http_reply_later(struct http_reply *reply, const char *reason);

/* Sets `out` to segment `index` (0-based) of the path, percent-decoded; false if there is none or
 * the encoding is bad ("%zz", an encoded NUL). What is decoded may hold any other bytes. A trailing
 * slash adds no segment. */
bool http_path_segment(const char *path, int index, struct buf *out);

/* What the server has to know of a path before anybody answers. */
enum http_class {
    HTTP_GUARDED, /* asks for the token, if there is one */
    HTTP_OPEN,    /* to all */
    HTTP_HEALTH,  /* to all, and room is kept for it */
};

/* Texts are borrowed and must outlive the server. */
struct http_options {
    const char
        *listen; /* "HOST:PORT" ("[::1]:9464" for IPv6; ":9464": all IPv4 addresses; port 0: any) */
    int64_t max_connections;   /* answers under way, and HTTP_CONNECTIONS_SPARE connections more */
    struct http_limits limits; /* those that are 0: seconds for headers, a minute for an answer */
    /* Besides IP addresses and localhost, the names that `Host` may have: patterns of address.h. A
     * page of another site can make a browser ask an address of this machine under a name of its
     * own (DNS rebinding); its name gives it away. */
    const char *hosts;
    const char *token;             /* NULL: none is asked for */
    const char *certificate, *key; /* of TLS, as in PEM files; NULL: plain HTTP */
    enum http_class (*classify)(void *context, const char *path);
    http_handler *handler;
    void *context;
};

struct http_server;
struct http_server *http_start(const struct http_options *o, struct err *e);
void http_stop(struct http_server *s); /* NULL is allowed; after it no handler runs */
/* "127.0.0.1:9464": where it listens really. Owned by the server. */
const char *http_address(const struct http_server *s);

#endif
