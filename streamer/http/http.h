/* http: the HTTP server (libmicrohttpd, one epoll thread). It serves GET and HEAD, cuts off slow
 * clients (http_connections.h), and takes all answers from one handler. */
#ifndef STREAMER_HTTP_HTTP_H
#define STREAMER_HTTP_HTTP_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"
#include "streamer/base/slice.h"
#include "streamer/http/http_connections.h"
#include "streamer/http/http_stream.h"

#include <stdbool.h>
#include <stdint.h>

#define HTTP_PARAMETERS_MAX 16

/* A parameter of the query, percent-decoded. `?a` has the value "". */
struct http_parameter {
    const char *name, *value;
};

struct http_exchange; /* one request and its answer */

struct http_request {
    struct http_exchange *exchange; /* for http_defer */
    const char *path;               /* percent-encoded; http_path_segment decodes it */
    struct http_parameter parameters[HTTP_PARAMETERS_MAX];
    size_t parameter_count;
};

/* The value of the first parameter of that name; NULL: the request has none. */
const char *http_parameter(const struct http_request *request, const char *name);

/* The handler gets it all zero, and fills it. */
struct http_reply {
    int status;               /* 200 … 599 */
    const char *content_type; /* static, or the text in `type` */
    bool is_for_now;          /* asking again soon may help: sends Retry-After */
    const char *policy;       /* static: a Content-Security-Policy; NULL: none */
    /* Static: an ETag with its quotes. The client may keep the answer, asks each time whether it is
     * still this one, and then gets a 304. NULL: the client keeps nothing. */
    const char *etag;
    /* Only of deferred answers: a body that is made while it is sent, instead of `body`. The server
     * owns its half from http_finish on. NULL: there is none. */
    struct http_stream *stream;
    /* The server releases these. */
    struct buf body;
    struct buf type;     /* only if content_type is not static */
    struct buf location; /* the URL of a redirect */
    struct buf headers;  /* more of them: a line "Name: value\n" each */
};

/* Called on the server's thread. It need not tell HEAD from GET: the server leaves the body out. */
typedef void http_handler(void *context, const struct http_request *request,
                          struct http_reply *reply);

/* A handler that calls this answers later, from any thread, by http_finish; its `reply` is ignored.
 * The request and its texts end with the handler, the exchange lives until http_finish. */
struct http_exchange *http_defer(const struct http_request *request);
/* Call it once for each http_defer, before http_stop. Takes over what the reply owns. */
void http_finish(struct http_exchange *x, struct http_reply *reply);

/* Sets the status and a JSON body {"error": "..."}. `reason` is UTF-8; it is escaped for JSON. */
void http_reply_error(struct http_reply *reply, int status, const char *reason);

/* The same with status 503, for a reason that passes by itself. */
void http_reply_later(struct http_reply *reply, const char *reason);

/* Sets `out` to segment `index` (0-based) of the path, percent-decoded. False if there is no such
 * segment, or its encoding is bad ("%zz", an encoded NUL). The decoded text may hold any other
 * bytes. A trailing slash adds no segment. */
bool http_path_segment(const char *path, int index, struct buf *out);

/* Appends the text percent-encoded, for a segment of a path or for a parameter. */
void http_put_encoded(struct buf *out, struct slice text);

/* Who may ask for a path. */
enum http_class {
    HTTP_GUARDED, /* clients with the token; everybody if no token is set */
    HTTP_OPEN,    /* everybody */
    HTTP_HEALTH,  /* everybody, and there is room for it when the server is busy */
};

/* Texts are borrowed and must outlive the server. */
struct http_options {
    const char *listen; /* http_listen.h */
    /* How many answers may be under way. HTTP_CONNECTIONS_SPARE connections more may be open. */
    int64_t max_connections;
    /* A limit of 0: the default, which is 5 s, 30 s, 60 s, 1 MiB and 6 h. */
    struct http_limits limits;
    /* The names that a request's `Host` may have besides IP addresses and localhost; patterns of
     * address.h. A page of another site can make a browser ask an address of this machine under a
     * name of that site (DNS rebinding). Such a name is not among these. */
    const char *hosts;
    const char *token;             /* NULL: nobody is asked for one */
    const char *certificate, *key; /* PEM texts for TLS; NULL: plain HTTP */
    enum http_class (*classify)(void *context, const char *path); /* on the server's thread */
    http_handler *handler;
    void *context;
};

struct http_server;
/* NULL with `e`: the address cannot be used, or there is no thread. */
struct http_server *http_start(const struct http_options *o, struct err *e);
/* Waits for the handler that runs; afterwards none runs any more. NULL is allowed. */
void http_stop(struct http_server *s);
/* The address that the server listens on, "127.0.0.1:9464". Owned by the server. */
const char *http_address(const struct http_server *s);

#endif
