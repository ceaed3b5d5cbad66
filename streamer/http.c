#include "streamer/http.h"

#include "streamer/address.h"
#include "streamer/base/json.h"
#include "streamer/base/log.h"
#include "streamer/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define IDLE_TIMEOUT_S 30U
#define CONNECTION_MEMORY_BYTES 16384 /* request line and headers fit in, or get 414 or 431 */
#define WATCH_INTERVAL_MAX_MS 1000

struct connection {
    LIST_ENTRY(connection) entry;
    int fd;
    int64_t since_ms; /* monotonic: of its start, or of the end of its last request */
};

struct http_server {
    struct MHD_Daemon *daemon;
    struct http_options o;
    char address[NI_MAXHOST + NI_MAXSERV];
    struct buf names[HTTP_PARAMETERS_MAX]; /* of the current request; the server's thread only */
    struct buf values[HTTP_PARAMETERS_MAX];

    pthread_t watchdog;
    pthread_mutex_t lock; /* over what follows */
    pthread_cond_t wake;
    bool stopping;
    LIST_HEAD(, connection) connections;
};

static int64_t monotonic_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* --- text */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool percent_decode(struct slice text, struct buf *out) {
    buf_clear(out);
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            if (text.n - i < 3)
                return false;
            int high = hex_digit(text.p[i + 1]), low = hex_digit(text.p[i + 2]);
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

void http_reply_error(struct http_reply *reply, int status, const char *reason) {
    reply->status = status;
    reply->content_type = "application/json";
    buf_clear(&reply->body);
    buf_put_str(&reply->body, "{\"error\": ");
    json_put_string(&reply->body, slice_str(reason));
    buf_put_str(&reply->body, "}\n");
}

/* --- one request, on libmicrohttpd's thread */

static bool has_body(struct MHD_Connection *connection) {
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return (length != NULL && strspn(length, "0") != strlen(length)) ||
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING) !=
               NULL;
}

/* An HTTP/1.0 client, which is no browser, may send none. */
static bool host_is_known(const struct http_server *s, struct MHD_Connection *connection) {
    const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    struct address host;
    return text == NULL ||
           (address_parse(slice_trim(slice_str(text)), &host) &&
            (host.is_ip || slice_eq_nocase(host.host, "localhost") || address_matches(s->o.hosts, &host)));
}

/* The query of one request while it is read. */
struct query_reader {
    struct http_server *server;
    struct http_request *request;
    const char *problem; /* NULL: none */
};

static enum MHD_Result read_parameter(void *context, enum MHD_ValueKind kind, const char *name, size_t name_n,
                                      const char *value, size_t value_n) {
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

static void answer(struct http_server *s, struct MHD_Connection *connection, const char *path,
                   struct http_reply *reply) {
    struct http_request request = {.path = path};
    struct query_reader reader = {s, &request, NULL};
    (void)MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, read_parameter, &reader);
    if (reader.problem != NULL) {
        http_reply_error(reply, MHD_HTTP_BAD_REQUEST, reader.problem);
        return;
    }
    s->o.handler(s->o.context, &request, reply);
    assert(reply->status >= 200 && reply->status <= 599 && reply->content_type != NULL);
}

/* Takes over the body. */
static enum MHD_Result send_reply(struct MHD_Connection *connection, struct http_reply *reply) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(reply->body.n, reply->body.p, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        buf_release(&reply->body);
        return MHD_NO;
    }
    enum MHD_Result result = MHD_NO;
    if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type) == MHD_YES &&
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES &&
        MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES &&
        (reply->status != MHD_HTTP_METHOD_NOT_ALLOWED ||
         MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES))
        result = MHD_queue_response(connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return result;
}

/* Called twice for each request: when its headers are there, to refuse it (an answer this early also closes
 * the connection, so that a body is never read), and when it is complete. */
static enum MHD_Result on_request(void *server, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **request_context) {
    (void)version, (void)upload, (void)upload_bytes;
    bool complete = *request_context != NULL;
    *request_context = server;
    struct http_reply reply = {0};
    if (complete)
        answer(server, connection, path, &reply);
    else if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        http_reply_error(&reply, MHD_HTTP_METHOD_NOT_ALLOWED, "method not allowed: use GET or HEAD");
    else if (!host_is_known(server, connection))
        http_reply_error(&reply, MHD_HTTP_FORBIDDEN,
                         "unknown Host: use an IP address, localhost, or a name that http.hosts has");
    else if (has_body(connection))
        http_reply_error(&reply, MHD_HTTP_CONTENT_TOO_LARGE, "no request body is accepted");
    else
        return MHD_YES;
    return send_reply(connection, &reply);
}

/* Leaves escapes alone, so that an encoded slash does not split a path segment. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text) {
    (void)context, (void)connection;
    return strlen(text);
}

static void on_log(void *context, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void on_log(void *context, const char *format, va_list args) {
    (void)context;
    char text[512];
    (void)vsnprintf(text, sizeof text, format, args);
    log_debug("http", "text=%s", log_quote(&(struct log_value){0}, text));
}

/* --- the watchdog: libmicrohttpd's own timeout is for idle connections only, a byte now and then defeats it
 */

static void on_connection(void *server, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode what) {
    struct http_server *s = server;
    (void)pthread_mutex_lock(&s->lock);
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        struct connection *c = mem_calloc(1, sizeof *c);
        c->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        c->since_ms = monotonic_ms();
        LIST_INSERT_HEAD(&s->connections, c, entry);
        *socket_context = c;
    } else { /* before its socket is closed: the watchdog never sees a number that was given out again */
        struct connection *c = *socket_context;
        LIST_REMOVE(c, entry);
        free(c);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

static void on_completed(void *server, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode why) {
    (void)request_context, (void)why;
    struct http_server *s = server;
    struct connection *c =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    (void)pthread_mutex_lock(&s->lock);
    c->since_ms = monotonic_ms();
    (void)pthread_mutex_unlock(&s->lock);
}

static void *watch(void *server) {
    struct http_server *s = server;
    int64_t interval_ms = s->o.deadline_ms / 4;
    if (interval_ms > WATCH_INTERVAL_MAX_MS)
        interval_ms = WATCH_INTERVAL_MAX_MS;
    (void)pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        int64_t now_ms = monotonic_ms(), next_ms = now_ms + interval_ms;
        struct connection *c;
        LIST_FOREACH(c, &s->connections, entry)
        if (now_ms - c->since_ms >= s->o.deadline_ms)
            (void)shutdown(c->fd, SHUT_RDWR); /* its owner sees the end and closes it */
        struct timespec next = {.tv_sec = next_ms / 1000, .tv_nsec = next_ms % 1000 * 1000000};
        (void)pthread_cond_timedwait(&s->wake, &s->lock, &next);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* --- start and stop */

/* The parts of "HOST:PORT"; brackets around the host are dropped. */
static bool split_address(const char *address, char host[NI_MAXHOST], const char **port) {
    const char *colon = strrchr(address, ':');
    if (colon == NULL)
        return false;
    const char *start = address, *end = colon;
    if (*start == '[') {
        if (end - start < 2 || end[-1] != ']')
            return false;
        start++, end--;
    } else if (memchr(start, ':', (size_t)(end - start)) != NULL) {
        return false; /* IPv6 without brackets: where does the port start? */
    }
    size_t digits = strspn(colon + 1, "0123456789");
    if (end - start >= NI_MAXHOST || digits == 0 || digits > 5 || colon[1 + digits] != '\0' ||
        strtol(colon + 1, NULL, 10) > 65535)
        return false;
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    *port = colon + 1;
    return true;
}

/* IPv4 first, as `localhost` is both and more people type 127.0.0.1 than ::1. The caller frees the list. */
static struct addrinfo *resolve(const char *address, struct err *e) {
    char host[NI_MAXHOST];
    const char *port;
    if (!split_address(address, host, &port)) {
        err_set(e, ERR_CONFIG, "http.listen=%s: not HOST:PORT; write it as 127.0.0.1:9464 or [::1]:9464",
                address);
        return NULL;
    }
    const char *node = host[0] != '\0' ? host : NULL;
    struct addrinfo hints = {
        .ai_family = AF_INET,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
    };
    struct addrinfo *found = NULL;
    int code = getaddrinfo(node, port, &hints, &found);
    if (code != 0) {
        hints.ai_family = AF_UNSPEC;
        code = getaddrinfo(node, port, &hints, &found);
    }
    if (code != 0) {
        err_set(e, ERR_CONFIG, "http.listen=%s: cannot resolve the host (%s); use an address of this machine",
                address, gai_strerror(code));
        return NULL;
    }
    return found;
}

static bool listen_error(const char *address, int error, struct err *e) {
    switch (error) {
    case EADDRINUSE:
        return err_set(e, ERR_STOP,
                       "http.listen=%s: address in use; choose another port or stop the other program",
                       address);
    case EACCES:
        return err_set(e, ERR_STOP, "http.listen=%s: permission denied; choose a port above 1023", address);
    case EADDRNOTAVAIL:
        return err_set(e, ERR_STOP,
                       "http.listen=%s: not an address of this machine; use one, or 0.0.0.0 for all",
                       address);
    default:
        return err_set(e, ERR_STOP, "http.listen=%s: cannot listen: %s", address, strerror(error));
    }
}

/* A socket of our own, as libmicrohttpd does not say why it could not make one. -1 on failure. */
static int open_socket(const char *address, struct err *e) {
    struct addrinfo *found = resolve(address, e);
    if (found == NULL)
        return -1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        listen_error(address, errno, e);
        if (fd >= 0)
            (void)close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

static bool read_address(struct http_server *s, int fd, struct err *e) {
    struct sockaddr_storage address = {0};
    socklen_t n = sizeof address;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    int code = getsockname(fd, (struct sockaddr *)&address, &n) != 0
                   ? EAI_SYSTEM
                   : getnameinfo((struct sockaddr *)&address, n, host, sizeof host, port, sizeof port,
                                 NI_NUMERICHOST | NI_NUMERICSERV);
    if (code != 0)
        return err_set(e, ERR_STOP, "http: cannot read the address listened on: %s", gai_strerror(code));
    (void)snprintf(s->address, sizeof s->address, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
                   port);
    return true;
}

static struct MHD_Daemon *start_daemon(struct http_server *s, int fd) {
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_log, NULL},
        {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)s->o.max_connections, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES, NULL},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_escapes, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, s},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, s},
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL, NULL,
                            on_request, s, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

static bool start_watchdog(struct http_server *s, struct err *e) {
    int error = pthread_create(&s->watchdog, NULL, watch, s);
    if (error != 0)
        return err_set(e, ERR_STOP, "http: cannot start a thread: %s", strerror(error));
    return true;
}

static void stop_watchdog(struct http_server *s) {
    (void)pthread_mutex_lock(&s->lock);
    s->stopping = true;
    (void)pthread_cond_signal(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
    (void)pthread_join(s->watchdog, NULL);
}

static struct http_server *server_new(const struct http_options *o) {
    struct http_server *s = mem_calloc(1, sizeof *s);
    s->o = *o;
    if (s->o.deadline_ms == 0)
        s->o.deadline_ms = HTTP_DEADLINE_MS;
    LIST_INIT(&s->connections);
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_mutex_init(&s->lock, NULL);
    return s;
}

static void server_free(struct http_server *s) {
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->wake);
    for (int i = 0; i < HTTP_PARAMETERS_MAX; i++) {
        buf_release(&s->names[i]);
        buf_release(&s->values[i]);
    }
    free(s);
}

struct http_server *http_start(const struct http_options *o, struct err *e) {
    assert(o->max_connections > 0 && o->max_connections <= INT32_MAX);
    struct http_server *s = server_new(o);
    int fd = open_socket(o->listen, e);
    if (fd < 0)
        goto fail;
    if (!read_address(s, fd, e) || !start_watchdog(s, e)) {
        (void)close(fd);
        goto fail;
    }
    s->daemon = start_daemon(s, fd); /* owns fd now, even if it fails */
    if (s->daemon == NULL) {
        err_set(e, ERR_STOP, "http.listen=%s: cannot start the server: %s", o->listen, strerror(errno));
        stop_watchdog(s);
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
    stop_watchdog(s);
    server_free(s);
}

const char *http_address(const struct http_server *s) {
    return s->address;
}
