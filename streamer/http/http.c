#include "streamer/http/http.h"

#include "streamer/base/address.h"
#include "streamer/base/digits.h"
#include "streamer/base/json.h"
#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/http/http_listen.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECTION_MEMORY_BYTES 16384 /* longer request lines and headers get 414 or 431 */
#define FIRST_REQUEST_MS 5000
#define NEXT_REQUEST_MS 30000
#define ANSWER_MS 60000
#define STREAM_BYTES (INT64_C(1) << 20)
#define STREAM_MS (INT64_C(6) * 3600 * 1000)
#define STREAM_BLOCK_BYTES ((size_t)64 << 10) /* libmicrohttpd asks for so much at once */
#define RETRY_AFTER "1"                       /* seconds */

struct http_server {
    struct MHD_Daemon *daemon;
    struct http_options o;
    struct http_connections *connections;
    struct http_address address;
    /* The parameters of the current request; for the server's thread only. */
    struct buf names[HTTP_PARAMETERS_MAX];
    struct buf values[HTTP_PARAMETERS_MAX];
};

struct http_exchange {
    struct http_server *server;
    struct MHD_Connection *connection;
    bool takes_streams; /* HTTP/1.1, whose chunks tell the end of a body from a cut */
    bool is_head;
    bool is_deferred; /* for the server's thread only */
    /* `reply` is the answer. It is written before the connection is resumed, and read after. */
    bool is_finished;
    struct http_reply reply;
};

/* --- text */

static bool percent_decode(struct slice text, struct buf *out) {
    buf_clear(out);
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            if (text.n - i < 3)
                return false;
            int high = digits_hex_value(text.p[i + 1]), low = digits_hex_value(text.p[i + 2]);
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0')
            return false;
        buf_put_byte(out, c);
    }
    return true;
}

const char *http_parameter(const struct http_request *request, const char *name) {
    for (size_t i = 0; i < request->parameter_count; i++)
        if (strcmp(request->parameters[i].name, name) == 0)
            return request->parameters[i].value;
    return NULL;
}

bool http_path_segment(const char *path, int index, struct buf *out) {
    while (*path == '/' && path[1] != '\0') {
        const char *segment = path + 1;
        size_t n = strcspn(segment, "/");
        if (index-- == 0)
            return percent_decode(slice_of(segment, n), out);
        path = segment + n;
    }
    return false;
}

void http_put_encoded(struct buf *out, struct slice text) {
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (isalnum(c) || (c != '\0' && strchr("-._~", c) != NULL))
            buf_put_byte(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

void http_reply_error(struct http_reply *reply, int status, const char *reason) {
    reply->status = status;
    reply->content_type = "application/json";
    buf_clear(&reply->body);
    buf_put_str(&reply->body, "{\"error\": ");
    json_put_string(&reply->body, slice_str(reason));
    buf_put_str(&reply->body, "}\n");
}

void http_reply_later(struct http_reply *reply, const char *reason) {
    http_reply_error(reply, MHD_HTTP_SERVICE_UNAVAILABLE, reason);
    reply->is_for_now = true;
}

/* --- one request, on libmicrohttpd's thread */

static bool has_body(struct MHD_Connection *connection) {
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return (length != NULL && strspn(length, "0") != strlen(length)) ||
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                       MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
}

/* A request without Host is let through: only HTTP/1.0 clients send none, and browsers are none. */
static bool host_is_known(const struct http_server *s, struct MHD_Connection *connection) {
    const char *text =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    struct address host;
    return text == NULL || (address_parse(slice_trim(slice_str(text)), &host) &&
                            (host.is_ip || slice_eq_nocase(host.host, "localhost") ||
                             address_matches(s->o.hosts, &host)));
}

/* Compares in a time that does not depend on where the texts differ, so that nobody can guess a
 * secret byte by byte. */
static bool same_secret(struct slice a, struct slice b) {
    unsigned char difference = a.n != b.n;
    for (size_t i = 0; i < a.n && i < b.n; i++)
        difference |= (unsigned char)(a.p[i] ^ b.p[i]);
    return difference == 0;
}

#define BEARER "Bearer "

static bool has_token(const struct http_server *s, struct MHD_Connection *connection) {
    const char *text =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    size_t n = strlen(BEARER);
    return text != NULL && strlen(text) > n && slice_eq_nocase(slice_of(text, n), BEARER) &&
           same_secret(slice_trim(slice_str(text + n)), slice_str(s->o.token));
}

/* The query of one request while it is read. */
struct query_reader {
    struct http_server *server;
    struct http_request *request;
    const char *problem; /* NULL: there is none */
};

static enum MHD_Result read_parameter(void *context, enum MHD_ValueKind kind, const char *name,
                                      size_t name_n, const char *value, size_t value_n) {
    (void)kind;
    struct query_reader *r = context;
    size_t i = r->request->parameter_count;
    if (name_n == 0 && value_n == 0)
        return MHD_YES; /* "?", "a=1&" */
    if (i == HTTP_PARAMETERS_MAX) {
        r->problem = "too many query parameters";
        return MHD_NO;
    }
    struct buf *names = r->server->names, *values = r->server->values;
    if (!percent_decode(slice_of(name, name_n), &names[i]) ||
        !percent_decode(slice_of(value, value_n), &values[i])) {
        r->problem = "bad percent-encoding in the query";
        return MHD_NO;
    }
    r->request->parameters[i] = (struct http_parameter){buf_cstr(&names[i]), buf_cstr(&values[i])};
    r->request->parameter_count++;
    return MHD_YES;
}

/* The connection is suspended: libmicrohttpd does not look at it until it is resumed. */
struct http_exchange *http_defer(const struct http_request *request) {
    struct http_exchange *x = request->exchange;
    x->is_deferred = true;
    MHD_suspend_connection(x->connection);
    return x;
}

void http_finish(struct http_exchange *x, struct http_reply *reply) {
    x->reply = *reply;
    x->is_finished = true;
    MHD_resume_connection(x->connection);
}

static void answer(struct http_server *s, struct http_exchange *x, const char *path,
                   struct http_reply *reply) {
    struct MHD_Connection *connection = x->connection;
    struct http_request request = {.exchange = x, .path = path};
    struct query_reader reader = {s, &request, NULL};
    (void)MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, read_parameter, &reader);
    if (reader.problem != NULL) {
        http_reply_error(reply, MHD_HTTP_BAD_REQUEST, reader.problem);
        return;
    }
    s->o.handler(s->o.context, &request, reply);
    assert(x->is_deferred ||
           (reply->status >= 200 && reply->status <= 599 && reply->content_type != NULL));
}

static void release_reply(struct http_reply *reply) {
    buf_release(&reply->body);
    buf_release(&reply->type);
    buf_release(&reply->location);
    buf_release(&reply->headers);
    if (reply->stream != NULL)
        http_stream_leave(reply->stream);
    reply->stream = NULL;
}

static bool add_header(struct MHD_Response *response, const char *name, const char *value) {
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

/* `lines` of struct http_reply; cuts them into pieces. */
static bool add_lines(struct MHD_Response *response, struct buf *lines) {
    bool ok = true;
    char *text = lines->p, *end = NULL;
    if (lines->n == 0)
        return true;
    for (; ok && (end = memchr(text, '\n', (size_t)(lines->p + lines->n - text))) != NULL;
         text = end + 1) {
        *end = '\0';
        char *value = strstr(text, ": ");
        assert(value != NULL);
        *value = '\0';
        ok = add_header(response, text, value + 2);
    }
    return ok;
}

static bool add_headers(struct MHD_Response *response, struct http_reply *reply) {
    return add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type) &&
           add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
                      reply->etag != NULL ? "no-cache" : "no-store") &&
           add_header(response, "X-Content-Type-Options", "nosniff") &&
           (reply->etag == NULL || add_header(response, MHD_HTTP_HEADER_ETAG, reply->etag)) &&
           (reply->policy == NULL ||
            add_header(response, "Content-Security-Policy", reply->policy)) &&
           (reply->status != MHD_HTTP_METHOD_NOT_ALLOWED ||
            add_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD")) &&
           (reply->status != MHD_HTTP_UNAUTHORIZED ||
            add_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer")) &&
           (!reply->is_for_now || add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, RETRY_AFTER)) &&
           (reply->location.n == 0 ||
            add_header(response, MHD_HTTP_HEADER_LOCATION, buf_cstr(&reply->location))) &&
           add_lines(response, &reply->headers);
}

/* Whether the client has the answer already: it names its ETag in If-None-Match. */
static bool is_known(struct MHD_Connection *connection, const struct http_reply *reply) {
    const char *known =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
    return reply->etag != NULL && known != NULL && strstr(known, reply->etag) != NULL;
}

static struct http_seat *seat_of(struct MHD_Connection *connection) {
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* --- a streamed body, while the exchange lives */

static void pause_stream(void *exchange) {
    struct http_exchange *x = exchange;
    http_connections_making(x->server->connections, seat_of(x->connection));
    MHD_suspend_connection(x->connection);
}

static void resume_stream(void *exchange) {
    MHD_resume_connection(((struct http_exchange *)exchange)->connection);
}

/* libmicrohttpd calls it when the socket has room. */
static ssize_t read_stream(void *exchange, uint64_t at, char *to, size_t room) {
    (void)at;
    struct http_exchange *x = exchange;
    size_t n;
    enum http_stream_state state = http_stream_read(x->reply.stream, to, room, &n);
    if (state == HTTP_STREAM_IS_EMPTY)
        return 0;
    if (state == HTTP_STREAM_IS_BROKEN)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    http_connections_sending(x->server->connections, seat_of(x->connection), n);
    return state == HTTP_STREAM_HAS_BYTES ? (ssize_t)n : MHD_CONTENT_READER_END_OF_STREAM;
}

static struct MHD_Response *stream_response(struct http_exchange *x) {
    const struct http_stream_hooks hooks = {pause_stream, resume_stream, x};
    http_stream_attach(x->reply.stream, &hooks);
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, read_stream, x, NULL);
    /* Version 0.9.75 sends the last chunk as the answer to a HEAD, which must have none. */
    if (response != NULL && x->is_head)
        (void)MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    return response;
}

/* --- sending */

static struct MHD_Response *body_response(struct http_reply *reply) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(reply->body.n, reply->body.p, MHD_RESPMEM_MUST_FREE);
    if (response != NULL)
        reply->body = (struct buf){0};
    return response;
}

/* Refuses a streamed answer to a client that could not tell its end from a cut. */
static void refuse_stream(struct http_reply *reply) {
    release_reply(reply);
    *reply = (struct http_reply){0};
    http_reply_error(reply, MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED,
                     "this answer is sent in chunks: ask with HTTP/1.1");
}

/* Sends x->reply. Its stream is left when the exchange ends (on_completed). */
static enum MHD_Result send_reply(struct http_exchange *x) {
    struct http_reply *reply = &x->reply;
    if (reply->stream != NULL && !x->takes_streams)
        refuse_stream(reply);
    if (is_known(x->connection, reply))
        reply->status = MHD_HTTP_NOT_MODIFIED; /* libmicrohttpd leaves the body out */
    struct MHD_Response *response =
        reply->stream != NULL ? stream_response(x) : body_response(reply);
    enum MHD_Result result = MHD_NO;
    if (response != NULL) {
        if (add_headers(response, reply))
            result = MHD_queue_response(x->connection, (unsigned)reply->status, response);
        MHD_destroy_response(response);
    }
    return result;
}

/* Whether a request is refused when only its headers are there; then `reply` says why. */
static bool refuse(struct http_server *s, struct MHD_Connection *connection, const char *path,
                   const char *method, struct http_reply *reply) {
    enum http_class class = s->o.classify(s->o.context, path);
    if (!http_connections_begin(s->connections, seat_of(connection), class == HTTP_HEALTH))
        http_reply_later(reply, "busy: http.max.connections answers are under way");
    else if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        http_reply_error(reply, MHD_HTTP_METHOD_NOT_ALLOWED, "method not allowed: use GET or HEAD");
    else if (!host_is_known(s, connection))
        http_reply_error(
            reply, MHD_HTTP_FORBIDDEN,
            "unknown Host: use an IP address, localhost, or a name that http.hosts has");
    else if (class == HTTP_GUARDED && s->o.token != NULL && !has_token(s, connection))
        http_reply_error(reply, MHD_HTTP_UNAUTHORIZED,
                         "the token is missing or wrong: send Authorization: Bearer TOKEN");
    else if (has_body(connection))
        http_reply_error(reply, MHD_HTTP_CONTENT_TOO_LARGE, "no request body is accepted");
    return reply->status != 0;
}

static struct http_exchange *exchange_new(struct http_server *s, struct MHD_Connection *connection,
                                          const char *method, const char *version) {
    struct http_exchange *x = mem_calloc(1, sizeof *x);
    x->server = s;
    x->connection = connection;
    x->is_head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    x->takes_streams = strcmp(version, MHD_HTTP_VERSION_1_0) != 0;
    return x;
}

/* libmicrohttpd calls this two or three times for each request: when the headers are there (a
 * refusal this early also closes the connection, so that no body is read), when the request is
 * complete, and, if the answer was deferred, when it is there. */
static enum MHD_Result on_request(void *server, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **exchange) {
    (void)upload, (void)upload_bytes;
    struct http_exchange *x = *exchange;
    if (x == NULL) {
        x = *exchange = exchange_new(server, connection, method, version);
        return refuse(server, connection, path, method, &x->reply) ? send_reply(x) : MHD_YES;
    }
    if (!x->is_finished) {
        struct http_reply reply = {0};
        answer(server, x, path, &reply);
        if (x->is_deferred) {
            release_reply(&reply);
            return MHD_YES;
        }
        x->reply = reply;
    }
    return send_reply(x);
}

/* Does not decode the path, so that an encoded slash does not split a segment. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text) {
    (void)context, (void)connection;
    return strlen(text);
}

static void on_log(void *context, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void on_log(void *context, const char *format, va_list args) {
    (void)context;
    char text[512];
    (void)vsnprintf(text, sizeof text, format, args);
    log_debug("http", "text=%s", log_quote(&(struct log_value){0}, text));
}

/* --- connections */

/* http_connections limits the time. libmicrohttpd's own timeout is for idle connections only: a
 * client that sends a byte now and then is never idle. */
static void on_connection(void *server, struct MHD_Connection *connection, void **seat,
                          enum MHD_ConnectionNotificationCode what) {
    struct http_server *s = server;
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        *seat = http_connections_enter(
            s->connections,
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
    else /* the socket is still open, so that its number is not yet that of another one */
        http_connections_leave(s->connections, *seat);
}

static void on_completed(void *server, struct MHD_Connection *connection, void **exchange,
                         enum MHD_RequestTerminationCode why) {
    (void)why;
    struct http_exchange *x = *exchange;
    if (x != NULL)
        release_reply(&x->reply);
    free(x);
    *exchange = NULL;
    http_connections_end(((struct http_server *)server)->connections, seat_of(connection));
}

/* --- start and stop */

/* libmicrohttpd's options are pointers without const, but it does not write through them. */
static void *unconst(const char *text) {
    union {
        const char *in;
        char *out;
    } u = {text};
    return u.out;
}

static struct MHD_Daemon *start_daemon(struct http_server *s, int fd) {
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_log, NULL},
        {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)HTTP_CONNECTIONS_SOCKETS(s->o.max_connections),
         NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES, NULL},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_escapes, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, s},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, s},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, unconst(s->o.certificate)},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, unconst(s->o.key)},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, unconst("NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2")},
        {MHD_OPTION_END, 0, NULL},
    };
    bool is_tls = s->o.certificate != NULL;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME;
    return MHD_start_daemon(flags | (is_tls ? MHD_USE_TLS : 0), 0, NULL, NULL, on_request, s,
                            MHD_OPTION_ARRAY, options, is_tls ? MHD_OPTION_ARRAY : MHD_OPTION_END,
                            tls, MHD_OPTION_END);
}

static void server_free(struct http_server *s) {
    for (int i = 0; i < HTTP_PARAMETERS_MAX; i++) {
        buf_release(&s->names[i]);
        buf_release(&s->values[i]);
    }
    free(s);
}

static bool start_room(struct http_server *s, struct err *e) {
    struct http_limits limits = s->o.limits;
    limits.answers = s->o.max_connections;
    if (limits.first_ms == 0)
        limits.first_ms = FIRST_REQUEST_MS;
    if (limits.next_ms == 0)
        limits.next_ms = NEXT_REQUEST_MS;
    if (limits.answer_ms == 0)
        limits.answer_ms = ANSWER_MS;
    if (limits.stream_bytes == 0)
        limits.stream_bytes = STREAM_BYTES;
    if (limits.stream_ms == 0)
        limits.stream_ms = STREAM_MS;
    s->connections = http_connections_new(&limits, e);
    return s->connections != NULL;
}

struct http_server *http_start(const struct http_options *o, struct err *e) {
    assert(o->max_connections > 0 && HTTP_CONNECTIONS_SOCKETS(o->max_connections) <= INT32_MAX);
    struct http_server *s = mem_calloc(1, sizeof *s);
    s->o = *o;
    int fd = http_listen(o->listen, e);
    if (fd < 0)
        goto fail;
    if (!http_listen_address(fd, &s->address, e) || !start_room(s, e)) {
        (void)close(fd);
        goto fail;
    }
    s->daemon = start_daemon(s, fd); /* closes fd, even if it fails */
    if (s->daemon == NULL) {
        err_set(e, ERR_STOP, "http.listen=%s: cannot start the server: %s", o->listen,
                strerror(errno));
        http_connections_free(s->connections);
        goto fail;
    }
    return s;
fail:
    server_free(s);
    return NULL;
}

void http_stop(struct http_server *s) {
    if (s == NULL)
        return;
    MHD_stop_daemon(s->daemon);
    http_connections_free(s->connections);
    server_free(s);
}

const char *http_address(const struct http_server *s) {
    return s->address.text;
}
