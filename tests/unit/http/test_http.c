#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define HANG_S 60                    /* how long a test waits for the server before it fails */
#define LONG_MS 600000               /* longer than any test takes */
#define BIG_BYTES ((size_t)32 << 20) /* more than socket buffers hold */

/* --- the server under test */

struct fixture {
    struct http_server *server;
    atomic_int calls;       /* how often the handler was called */
    pthread_t threads[200]; /* they finish deferred answers */
    size_t thread_count;    /* written by the server's thread while it lives */
};

/* An answer that comes from another thread, a moment later. */
static void *finish_later(void *exchange) {
    (void)nanosleep(&(struct timespec){0, 20000000}, NULL);
    struct http_reply reply = {.status = 200, .content_type = "text/plain"};
    buf_put_str(&reply.body, "at last");
    http_finish(exchange, &reply);
    return NULL;
}

static void defer(struct fixture *f, const struct http_request *request) {
    size_t i = f->thread_count++;
    assert_true(i < ARRAY_LEN(f->threads));
    assert_int_equal(pthread_create(&f->threads[i], NULL, finish_later, http_defer(request)), 0);
}

static void handle(void *context, const struct http_request *request, struct http_reply *reply) {
    struct fixture *f = context;
    atomic_fetch_add(&f->calls, 1);
    struct buf segment = {0};
    if (!http_path_segment(request->path, 0, &segment)) {
        http_reply_error(reply, 400, "bad path");
    } else if (strcmp(buf_cstr(&segment), "big") == 0) {
        *reply = (struct http_reply){.status = 200, .content_type = "text/plain"};
        memset(buf_reserve(&reply->body, BIG_BYTES), 'x', BIG_BYTES);
        reply->body.n = BIG_BYTES;
    } else if (strcmp(buf_cstr(&segment), "empty") == 0 ||
               strcmp(buf_cstr(&segment), "health") == 0) {
        *reply = (struct http_reply){.status = 200, .content_type = "text/plain"};
    } else if (strcmp(buf_cstr(&segment), "page") == 0) {
        *reply = (struct http_reply){.status = 200,
                                     .content_type = "text/html",
                                     .policy = "script-src 'x'",
                                     .etag = "\"7\""};
        buf_put_str(&reply->body, "<p>");
    } else if (strcmp(buf_cstr(&segment), "later") == 0) {
        defer(f, request);
        http_reply_error(reply, 503, "not this"); /* is ignored */
    } else if (strcmp(buf_cstr(&segment), "moved") == 0) {
        *reply = (struct http_reply){.status = 307};
        buf_put_str(&reply->location, "http://127.0.0.1:1/elsewhere");
        buf_put_str(&reply->type, "text/own");
        reply->content_type = buf_cstr(&reply->type);
    } else if (strcmp(buf_cstr(&segment), "unready") == 0) {
        http_reply_error(reply, 503, "not \"ready\"");
    } else if (strcmp(buf_cstr(&segment), "echo") == 0) {
        *reply = (struct http_reply){.status = 200, .content_type = "text/plain; charset=utf-8"};
        const char *as_of = http_parameter(request, "as_of");
        buf_printf(&reply->body, "path=%s as_of=%s", request->path,
                   as_of != NULL ? as_of : "(none)");
        for (size_t i = 0; i < request->parameter_count; i++)
            buf_printf(&reply->body, " [%s=%s]", request->parameters[i].name,
                       request->parameters[i].value);
        buf_put_byte(&reply->body, '\n');
    } else {
        http_reply_error(reply, 404, "no such path");
    }
    buf_release(&segment);
}

static enum http_class classify(void *context, const char *path) {
    (void)context;
    if (strstr(path, "/health") != NULL)
        return HTTP_HEALTH;
    return strcmp(path, "/empty") == 0 ? HTTP_OPEN : HTTP_GUARDED;
}

static struct http_options options(struct fixture *f, const char *listen_at) {
    return (struct http_options){.listen = listen_at,
                                 .max_connections = 16,
                                 .hosts = "x",
                                 .classify = classify,
                                 .handler = handle,
                                 .context = f};
}

static struct http_server *start_at(struct fixture *f, const char *listen_at, struct err *e) {
    struct http_options o = options(f, listen_at);
    return http_start(&o, e);
}

static void start(struct fixture *f, int64_t max_connections, int64_t deadline_ms) {
    struct http_options o = options(f, "127.0.0.1:0");
    struct err e = {0};
    o.max_connections = max_connections;
    o.limits = (struct http_limits){
        .first_ms = deadline_ms, .next_ms = deadline_ms, .answer_ms = deadline_ms};
    f->server = http_start(&o, &e);
    if (f->server == NULL)
        fail_msg("%s", e.text);
}

static int setup(void **state) {
    struct fixture *f = mem_calloc(1, sizeof *f);
    start(f, 16, LONG_MS);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    http_stop(f->server);
    free(f);
    return 0;
}

static void restart(struct fixture *f, int64_t max_connections, int64_t deadline_ms) {
    http_stop(f->server);
    start(f, max_connections, deadline_ms);
}

/* --- a client on raw sockets */

static int dial(const struct http_server *server) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    address.sin_port = htons((uint16_t)atoi(strrchr(http_address(server), ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    struct timeval hang = {.tv_sec = HANG_S};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &hang, sizeof hang), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void send_all(int fd, const void *bytes, size_t n) {
    for (size_t sent = 0; sent < n;) {
        ssize_t w = send(fd, (const char *)bytes + sent, n - sent, MSG_NOSIGNAL);
        if (w < 0)
            return; /* the server may refuse before it has read everything */
        sent += (size_t)w;
    }
}

static void send_text(int fd, const char *text) {
    send_all(fd, text, strlen(text));
}

/* Reads until the server closes the connection, which it must; "" if it resets it. */
static const char *read_to_end(int fd, struct buf *out) {
    buf_clear(out);
    for (;;) {
        ssize_t n = recv(fd, buf_reserve(out, 4096), 4096, 0);
        if (n < 0)
            assert_int_equal(errno, ECONNRESET);
        if (n <= 0)
            return buf_cstr(out);
        out->n += (size_t)n;
    }
}

/* Reads one reply with its body, by Content-Length, from a connection that stays open. */
static const char *read_reply(int fd, struct buf *out) {
    buf_clear(out);
    for (;;) {
        ssize_t n = recv(fd, buf_reserve(out, 1), 1, 0);
        assert_int_equal(n, 1);
        out->n++;
        const char *end = strstr(buf_cstr(out), "\r\n\r\n"),
                   *length = strstr(out->p, "Content-Length: ");
        if (end != NULL && out->p + out->n == end + 4 + atoi(length + strlen("Content-Length: ")))
            return out->p;
    }
}

/* The whole reply to `text`, which says "Connection: close". */
static const char *ask(struct fixture *f, const char *text, struct buf *out) {
    int fd = dial(f->server);
    send_text(fd, text);
    read_to_end(fd, out);
    (void)close(fd);
    return buf_cstr(out);
}

static const char *get(struct fixture *f, const char *target, struct buf *out) {
    char text[4096];
    (void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                   target);
    return ask(f, text, out);
}

static int status_of(const char *reply) {
    return strncmp(reply, "HTTP/1.1 ", 9) == 0 ? atoi(reply + 9) : 0;
}

static const char *body_of(const char *reply) {
    const char *end = strstr(reply, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

static void assert_header(const char *reply, const char *line) {
    char wanted[256];
    (void)snprintf(wanted, sizeof wanted, "\r\n%s\r\n", line);
    const char *found = strstr(reply, wanted);
    if (found == NULL || found > body_of(reply))
        fail_msg("no header %s in:\n%s", line, reply);
}

static int count(const char *text, const char *part) {
    int n = 0;
    for (const char *p = text; (p = strstr(p, part)) != NULL; p++)
        n++;
    return n;
}

static void assert_serves(struct fixture *f) {
    struct buf reply = {0};
    assert_int_equal(status_of(get(f, "/echo", &reply)), 200);
    buf_release(&reply);
}

/* The server notices a moment later that connections were closed. */
static void assert_serves_soon(struct fixture *f) {
    struct buf reply = {0};
    for (int i = 0; status_of(get(f, "/echo", &reply)) != 200; i++) {
        assert_true(i < HANG_S * 100);
        (void)nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    buf_release(&reply);
}

static int64_t now_ms(void) {
    return clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
}

static void pause_ms(long ms) {
    (void)nanosleep(&(struct timespec){0, ms * 1000000}, NULL);
}

/* --- replies */

static void test_http__get_gives_what_the_handler_says(void **state) {
    struct buf reply = {0};
    get(*state, "/echo", &reply);
    assert_int_equal(status_of(reply.p), 200);
    assert_header(reply.p, "Content-Type: text/plain; charset=utf-8");
    assert_header(reply.p, "Cache-Control: no-store");
    assert_header(reply.p, "X-Content-Type-Options: nosniff");
    assert_header(reply.p, "Content-Length: 24");
    assert_string_equal(body_of(reply.p), "path=/echo as_of=(none)\n");

    get(*state, "/empty", &reply);
    assert_int_equal(status_of(reply.p), 200);
    assert_header(reply.p, "Content-Length: 0");
    assert_string_equal(body_of(reply.p), "");
    buf_release(&reply);
}

static void test_http__errors_are_json(void **state) {
    struct buf reply = {0};
    get(*state, "/nowhere", &reply);
    assert_int_equal(status_of(reply.p), 404);
    assert_header(reply.p, "Content-Type: application/json");
    assert_header(reply.p, "Cache-Control: no-store");
    assert_string_equal(body_of(reply.p), "{\"error\": \"no such path\"}\n");

    get(*state, "/unready", &reply);
    assert_int_equal(status_of(reply.p), 503);
    assert_string_equal(body_of(reply.p), "{\"error\": \"not \\\"ready\\\"\"}\n");
    buf_release(&reply);
}

static void test_http__a_page_is_kept_by_its_etag(void **state) {
    static const struct {
        const char *known;
        int status;
    } cases[] = {{"\"7\"", 304}, {"\"6\", W/\"7\"", 304}, {"\"77\"", 200}, {"7", 200}, {"", 200}};
    struct buf reply = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "GET /page HTTP/1.1\r\nHost: x\r\nIf-None-Match: %s\r\n"
                       "Connection: close\r\n\r\n",
                       cases[i].known);
        ask(*state, text, &reply);
        assert_int_equal(status_of(reply.p), cases[i].status);
        assert_header(reply.p, "ETag: \"7\"");
        assert_header(reply.p, "Cache-Control: no-cache");
        assert_header(reply.p, "Content-Security-Policy: script-src 'x'");
        assert_header(reply.p, "Content-Length: 3");
        assert_string_equal(body_of(reply.p), cases[i].status == 304 ? "" : "<p>");
    }
    buf_release(&reply);
}

static void test_http__reply_error_replaces_what_was_there(void **state) {
    (void)state;
    struct http_reply reply = {.status = 200, .content_type = "text/plain"};
    buf_put_str(&reply.body, "half an answer");
    http_reply_error(&reply, 503, "restoring");
    assert_int_equal(reply.status, 503);
    assert_string_equal(reply.content_type, "application/json");
    assert_string_equal(buf_cstr(&reply.body), "{\"error\": \"restoring\"}\n");
    buf_release(&reply.body);
}

static void test_http__head_has_no_body(void **state) {
    struct buf reply = {0};
    ask(*state, "HEAD /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &reply);
    assert_int_equal(status_of(reply.p), 200);
    assert_header(reply.p, "Content-Length: 24");
    assert_header(reply.p, "Content-Type: text/plain; charset=utf-8");
    assert_string_equal(body_of(reply.p), "");

    ask(*state, "HEAD /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &reply);
    assert_int_equal(status_of(reply.p), 404);
    assert_string_equal(body_of(reply.p), "");
    buf_release(&reply);
}

static void test_http__other_methods_are_refused(void **state) {
    static const char *const methods[] = {"POST",    "PUT",   "DELETE", "PATCH",
                                          "OPTIONS", "TRACE", "get",    "BREW"};
    struct fixture *f = *state;
    struct buf reply = {0};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "%s /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", methods[i]);
        ask(f, text, &reply);
        assert_int_equal(status_of(reply.p), 405);
        assert_header(reply.p, "Allow: GET, HEAD");
        assert_string_equal(body_of(reply.p),
                            "{\"error\": \"method not allowed: use GET or HEAD\"}\n");
    }
    ask(f, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
        &reply);
    assert_int_equal(status_of(reply.p), 405);
    assert_int_equal(atomic_load(&f->calls), 0);
    buf_release(&reply);
}

static void test_http__a_request_body_is_refused(void **state) {
    static const char *const requests[] = {
        "GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000000\r\n\r\nhello",
        ("GET /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
         "5\r\nhello\r\n0\r\n\r\n"),
        "GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    };
    struct fixture *f = *state;
    struct buf reply = {0};
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        ask(f, requests[i], &reply); /* the server closes without "Connection: close" */
        assert_int_equal(status_of(reply.p), 413);
        assert_header(reply.p, "Content-Type: application/json");
        assert_string_equal(body_of(reply.p), "{\"error\": \"no request body is accepted\"}\n");
    }
    assert_int_equal(atomic_load(&f->calls), 0);
    ask(f, "GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        &reply);
    assert_int_equal(status_of(reply.p), 200);
    buf_release(&reply);
}

/* DNS rebinding: a page made a browser ask this address under another name, which Host tells. */
static void test_http__unknown_hosts_are_refused(void **state) {
    static const struct {
        const char *host;
        int status;
    } cases[] = {
        {"x", 200},
        {"X:9464", 200},
        {"x.", 200},
        {"127.0.0.1", 200},
        {"127.0.0.1:9464", 200},
        {"10.1.2.3:80", 200},
        {"[::1]:9464", 200},
        {"[fe80::1%eth0]", 200},
        {"localhost", 200},
        {"LocalHost:1", 200},
        {"localhost.", 200},
        {"evil.example.com", 403},
        {"evil.example.com:9464", 403},
        {"x.evil.example.com", 403},
        {"evilx", 403},
        {"localhost.evil.example.com", 403},
        {"127.0.0.1.evil.example.com", 403},
        {"1.2.3", 403},
        {"::1", 403},
        {"[evil]", 403},
        {"x:port", 403},
        {"x:0", 403},
        {"x:65536", 403},
        {"x y", 403},
        {"x@evil", 403},
        {"", 403},
    };
    struct fixture *f = *state;
    struct buf reply = {0};
    char text[256];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int before = atomic_load(&f->calls);
        (void)snprintf(text, sizeof text,
                       "GET /echo HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                       cases[i].host);
        if (status_of(ask(f, text, &reply)) != cases[i].status)
            fail_msg("Host: %s: %s", cases[i].host, reply.p);
        assert_int_equal(atomic_load(&f->calls) - before, cases[i].status == 200);
    }
    assert_string_equal(
        body_of(reply.p),
        "{\"error\": \"unknown Host: use an IP address, localhost, or a name that http.hosts "
        "has\"}\n");
    assert_int_equal(status_of(ask(f, "GET /echo HTTP/1.0\r\n\r\n", &reply)), 200); /* no Host */
    buf_release(&reply);
}

static void test_http__the_token_is_asked_for(void **state) {
    static const struct {
        const char *target, *header;
        int status;
    } cases[] = {
        {"/echo", "Authorization: Bearer s3cret-token\r\n", 200},
        {"/echo", "authorization: bearer  s3cret-token \r\n", 200},
        {"/echo", "", 401},
        {"/echo", "Authorization: Bearer \r\n", 401},
        {"/echo", "Authorization: Bearer\r\n", 401},
        {"/echo", "Authorization: Bearer s3cret-tokem\r\n", 401},
        {"/echo", "Authorization: Bearer s3cret-toke\r\n", 401},
        {"/echo", "Authorization: Bearer s3cret-token2\r\n", 401},
        {"/echo", "Authorization: s3cret-token\r\n", 401},
        {"/echo", "Authorization: Basic s3cret-token\r\n", 401},
        {"/echo?token=s3cret-token", "", 401},
        {"/nowhere", "", 401},
        {"/empty", "", 200},
        {"/health", "", 200},
        {"/health", "Authorization: Bearer wrong\r\n", 200},
    };
    struct fixture *f = *state;
    struct http_options o = options(f, "127.0.0.1:0");
    struct err e = {0};
    struct buf reply = {0};
    char text[256];
    http_stop(f->server);
    o.token = "s3cret-token";
    f->server = http_start(&o, &e);
    assert_non_null(f->server);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)snprintf(text, sizeof text,
                       "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", cases[i].target,
                       cases[i].header);
        if (status_of(ask(f, text, &reply)) != cases[i].status)
            fail_msg("%s %s: %s", cases[i].target, cases[i].header, reply.p);
        if (cases[i].status == 401)
            assert_header(reply.p, "WWW-Authenticate: Bearer");
    }
    assert_int_equal(atomic_load(&f->calls), 5);
    buf_release(&reply);
}

static void test_http__the_query_is_decoded(void **state) {
    static const struct {
        const char *target, *body;
    } cases[] = {
        {"/echo?as_of=2024-02-15", "path=/echo as_of=2024-02-15 [as_of=2024-02-15]\n"},
        {"/echo?as_of=2024-02-15T00%3A00%3a00Z&x=1",
         "path=/echo as_of=2024-02-15T00:00:00Z [as_of=2024-02-15T00:00:00Z] [x=1]\n"},
        {"/echo?y&as_of=2024-02-15+12:00",
         "path=/echo as_of=2024-02-15 12:00 [y=] [as_of=2024-02-15 12:00]\n"},
        {"/echo?as_of=a%2Bb", "path=/echo as_of=a+b [as_of=a+b]\n"},
        {"/echo?as%5fof=a%26b%3D", "path=/echo as_of=a&b= [as_of=a&b=]\n"},
        {"/echo?as_of=", "path=/echo as_of= [as_of=]\n"},
        {"/echo?as_of", "path=/echo as_of= [as_of=]\n"},
        {"/echo?as_of=1&as_of=2", "path=/echo as_of=1 [as_of=1] [as_of=2]\n"},
        {"/echo?as_off=1", "path=/echo as_of=(none) [as_off=1]\n"},
        {"/echo?", "path=/echo as_of=(none)\n"},
        {"/echo?as_of=1&", "path=/echo as_of=1 [as_of=1]\n"},
        {"/echo?=1", "path=/echo as_of=(none) [=1]\n"},
        {"/echo/a%2Fb/%zz?x", "path=/echo/a%2Fb/%zz as_of=(none) [x=]\n"},
    };
    struct buf reply = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(body_of(get(*state, cases[i].target, &reply)), cases[i].body);
    static const char *const bad[] = {"/echo?as_of=%",
                                      "/echo?as_of=1%2",
                                      "/echo?as_of=%zz",
                                      "/echo?as_of=%00",
                                      "/echo?x=%",
                                      "/echo?%zz=1",
                                      "/echo?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(status_of(get(*state, bad[i], &reply)), 400);
    buf_release(&reply);
}

static void test_http__path_segments_are_decoded_one_by_one(void **state) {
    (void)state;
    static const struct {
        const char *path;
        int index;
        const char *segment; /* NULL: there is none */
    } cases[] = {
        {"/", 0, NULL},
        {"", 0, NULL},
        {"*", 0, NULL},
        {"metrics", 0, NULL},
        {"http://x/metrics", 0, NULL},
        {"/metrics", 0, "metrics"},
        {"/metrics", 1, NULL},
        {"/metrics", -1, NULL},
        {"/metrics/", 0, "metrics"},
        {"/metrics/", 1, NULL},
        {"/v1/accounts/A-1/history", 0, "v1"},
        {"/v1/accounts/A-1/history", 2, "A-1"},
        {"/v1/accounts/A-1/history", 3, "history"},
        {"/v1/accounts/A-1/history", 4, NULL},
        {"/v1//x", 1, ""},
        {"/v1//x", 2, "x"},
        {"//", 0, ""},
        {"//", 1, NULL},
        {"/a%2Fb/c", 0, "a/b"},
        {"/a%2fb/c", 1, "c"},
        {"/..%2f..%2Fetc", 0, "../../etc"},
        {"/%41%7e+b", 0, "A~+b"},
        {"/J%C3%BCrgen", 0, "J\xc3\xbcrgen"},
        {"/%25%32%35", 0, "%25"},
        {"/%zz", 0, NULL},
        {"/%", 0, NULL},
        {"/%4", 0, NULL},
        {"/%4/1", 0, NULL},
        {"/%4g", 0, NULL},
        {"/a%00b", 0, NULL},
        {"/%zz/b", 1, "b"},
    };
    struct buf out = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool exists = http_path_segment(cases[i].path, cases[i].index, &out);
        if (exists != (cases[i].segment != NULL) ||
            (exists && strcmp(buf_cstr(&out), cases[i].segment) != 0))
            fail_msg("segment %d of %s", cases[i].index, cases[i].path);
    }
    buf_release(&out);
}

/* --- connections */

static void test_http__connections_are_kept_alive(void **state) {
    struct fixture *f = *state;
    struct buf reply = {0};
    int fd = dial(f->server);
    for (int i = 0; i < 100; i++) {
        send_text(fd, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(status_of(read_reply(fd, &reply)), 200);
    }
    send_text(fd, "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"); /* an error does not end it */
    assert_int_equal(status_of(read_reply(fd, &reply)), 404);
    send_text(fd, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(status_of(read_reply(fd, &reply)), 200);
    (void)close(fd);
    buf_release(&reply);
}

static void test_http__pipelined_requests_are_answered_in_order(void **state) {
    struct buf reply = {0};
    ask(*state,
        "GET /echo/1 HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
        "HEAD /echo/2 HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /echo/3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        &reply);
    assert_int_equal(count(reply.p, "HTTP/1.1 200 OK"), 3);
    assert_int_equal(count(reply.p, "HTTP/1.1 404 Not Found"), 1);
    const char *first = strstr(reply.p, "path=/echo/1 "), *error = strstr(reply.p, "no such path");
    const char *last = strstr(reply.p, "path=/echo/3 ");
    assert_non_null(first);
    assert_non_null(last);
    assert_true(first < error && error < last);
    assert_null(strstr(reply.p, "path=/echo/2 "));
    buf_release(&reply);
}

static void test_http__a_request_may_come_byte_by_byte(void **state) {
    static const char text[] = "GET /echo?as_of=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct fixture *f = *state;
    struct buf reply = {0};
    int fd = dial(f->server);
    for (const char *p = text; *p != '\0'; p++)
        send_all(fd, p, 1);
    assert_string_equal(body_of(read_to_end(fd, &reply)), "path=/echo as_of=1 [as_of=1]\n");
    (void)close(fd);
    buf_release(&reply);
}

static void test_http__too_long_a_request_is_refused(void **state) {
    struct fixture *f = *state;
    struct buf request = {0}, reply = {0};
    char filler[40000];
    memset(filler, 'a', sizeof filler);

    buf_put_str(&request, "GET /echo/");
    buf_put(&request, filler, sizeof filler);
    buf_put_str(&request, " HTTP/1.1\r\nHost: x\r\n\r\n");
    int status = status_of(ask(f, buf_cstr(&request), &reply));
    assert_true(status == 414 || status == 0); /* 0: reset before all was read */

    buf_clear(&request);
    buf_put_str(&request, "GET /echo HTTP/1.1\r\nHost: x\r\nX-Long: ");
    buf_put(&request, filler, sizeof filler);
    buf_put_str(&request, "\r\n\r\n");
    status = status_of(ask(f, buf_cstr(&request), &reply));
    assert_true(status == 431 || status == 413 || status == 0);

    assert_int_equal(atomic_load(&f->calls), 0);
    assert_serves(f);
    buf_release(&request);
    buf_release(&reply);
}

static void test_http__garbage_does_no_harm(void **state) {
    static const char *const cases[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET /echo\r\n\r\n",
        "GET /echo HTTP/9.9\r\n\r\n",
        "GET /echo HTTP/1.1\r\n: no name\r\n\r\n",
        "GET /echo HTTP/1.1\r\n folded\r\n\r\n",
        "GET /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "GET /echo HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "GET /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET ?????? HTTP/1.1\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", /* a TLS hello */
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    };
    struct fixture *f = *state;
    restart(f, 16, 100); /* the time limit of the headers */
    struct buf reply = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        (void)ask(f, cases[i], &reply);
    uint32_t random = 1;
    for (int i = 0; i < 200; i++) {
        char noise[300];
        for (size_t k = 0; k < sizeof noise; k++) {
            random = random * 1664525 + 1013904223;
            noise[k] = (char)(random >> 24);
        }
        int fd = dial(f->server);
        send_text(fd, i % 2 == 0 ? "GET /" : "");
        send_all(fd, noise, sizeof noise);
        (void)close(fd);
    }
    assert_serves(f);
    buf_release(&reply);
}

static void test_http__redirects(void **state) {
    struct buf reply = {0};
    get(*state, "/moved", &reply);
    assert_int_equal(status_of(reply.p), 307);
    assert_header(reply.p, "Location: http://127.0.0.1:1/elsewhere");
    assert_header(reply.p, "Content-Type: text/own");
    buf_release(&reply);
}

/* --- answers that come later */

static void join_threads(struct fixture *f) {
    for (size_t i = 0; i < f->thread_count; i++)
        assert_int_equal(pthread_join(f->threads[i], NULL), 0);
    f->thread_count = 0;
}

static void test_http__deferred_answers_come(void **state) {
    struct fixture *f = *state;
    struct buf reply = {0};
    ask(f,
        "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
        "HEAD /later HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        &reply);
    assert_int_equal(count(reply.p, "HTTP/1.1 200 OK"), 3);
    assert_int_equal(count(reply.p, "at last"), 1);
    assert_true(strstr(reply.p, "at last") < strstr(reply.p, "path=/echo "));
    join_threads(f);
    buf_release(&reply);
}

/* Other requests are served meanwhile. It does no harm if the client has gone. */
static void test_http__deferred_answers_hold_nobody_up(void **state) {
    struct fixture *f = *state;
    struct buf reply = {0};
    int asked[10];
    restart(f, 16, LONG_MS);
    for (int round = 0; round < 10; round++) {
        for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
            asked[i] = dial(f->server);
            send_text(asked[i], "GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        }
        assert_serves(f);
        for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
            if (i % 2 == 0)
                assert_string_equal(body_of(read_to_end(asked[i], &reply)), "at last");
            (void)close(asked[i]);
        }
    }
    while (atomic_load(&f->calls) < 110) /* requests of clients that left are served, too */
        pause_ms(1);
    assert_serves(f); /* so that the handler has returned */
    join_threads(f);
    buf_release(&reply);
}

/* --- room */

enum { LIMIT = 4, PLACES = LIMIT + HTTP_CONNECTIONS_SPARE };

static void hold_connections(struct fixture *f, int *held, int n, const char *text) {
    for (int i = 0; i < n; i++) {
        held[i] = dial(f->server);
        send_text(held[i], text);
    }
}

static void wait_for_bytes(int fd) {
    assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, HANG_S * 1000), 1);
}

static void close_all(const int *held, int n) {
    for (int i = 0; i < n; i++)
        (void)close(held[i]);
}

/* Opens ten times as many connections as there are places. None ends by itself during the test. */
static void test_http__idle_and_slow_connections_make_room(void **state) {
    static const char *const starts[] = {
        "", "GET /echo HTTP/1.1\r\nX-a: ", "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"};
    struct fixture *f = *state;
    restart(f, LIMIT, LONG_MS);
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        int held[10 * PLACES];
        struct buf reply = {0};
        hold_connections(f, held, ARRAY_LEN(held), starts[i]);
        assert_int_equal(status_of(get(f, "/health", &reply)), 200);
        assert_serves(f);
        (void)read_to_end(held[0], &reply); /* fails if the server has not ended it */
        close_all(held, ARRAY_LEN(held));
        buf_release(&reply);
    }
}

/* Clients that ask for much and do not read take all places for a while. Health has room meanwhile;
 * other clients are told to come back. */
static void test_http__slow_readers_leave_room_for_health(void **state) {
    struct fixture *f = *state;
    restart(f, LIMIT, LONG_MS);
    int held[LIMIT];
    struct buf reply = {0};
    hold_connections(f, held, LIMIT, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < LIMIT; i++)
        wait_for_bytes(held[i]);
    assert_int_equal(status_of(get(f, "/health", &reply)), 200);
    assert_int_equal(status_of(get(f, "/echo", &reply)), 503);
    assert_header(reply.p, "Retry-After: 1");
    assert_string_equal(body_of(reply.p),
                        "{\"error\": \"busy: http.max.connections answers are under way\"}\n");
    close_all(held, LIMIT);
    assert_serves_soon(f);
    buf_release(&reply);
}

/* When all places are taken by slow readers, the oldest answer is ended. */
static void test_http__slow_readers_make_room(void **state) {
    struct fixture *f = *state;
    restart(f, LIMIT, LONG_MS);
    int held[4 * PLACES];
    struct buf reply = {0};
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        hold_connections(f, &held[i], 1, "GET /big/health HTTP/1.1\r\nHost: x\r\n\r\n");
        wait_for_bytes(held[i]); /* the answer has begun: none of them waits for a request */
    }
    assert_int_equal(status_of(get(f, "/health", &reply)), 200);
    close_all(held, ARRAY_LEN(held));
    buf_release(&reply);
}

/* --- the deadline */

/* Sends a byte now and then until the server ends the connection. */
static void drip_until_cut(int fd, const char *start_text) {
    send_text(fd, start_text);
    for (int64_t end_ms = now_ms() + HANG_S * INT64_C(1000); now_ms() < end_ms; pause_ms(5)) {
        char byte = 'b';
        if (send(fd, &byte, 1, MSG_NOSIGNAL) < 0)
            return;
        ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return;
    }
    fail_msg("still connected");
}

static void test_http__slow_requests_are_cut(void **state) {
    static const char *const starts[] = {
        "", "GET /echo", "GET /echo HTTP/1.1\r\nHost: x\r\nX-a: ",
        "GET /echo HTTP/1.1\r\nHost: x\r\n\r\nGET /again HTTP/1.1\r\nX-a: ", /* the first one is
                                                                                good */
    };
    struct fixture *f = *state;
    restart(f, 4, 100);
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        int fd = dial(f->server);
        drip_until_cut(fd, starts[i]);
        (void)close(fd);
    }
    assert_serves(f);
}

static void test_http__slow_readers_are_cut(void **state) {
    struct fixture *f = *state;
    restart(f, 1, 100);
    int fd = dial(f->server);
    send_text(fd, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_serves_soon(f); /* the one place is free again */
    struct buf reply = {0};
    read_to_end(fd, &reply);
    assert_true(reply.n < BIG_BYTES);
    (void)close(fd);
    buf_release(&reply);
}

static void test_http__a_big_reply_arrives_whole(void **state) {
    struct buf reply = {0};
    get(*state, "/big", &reply);
    assert_header(reply.p, "Content-Length: 33554432");
    assert_int_equal(reply.p + reply.n - body_of(reply.p), BIG_BYTES);
    buf_release(&reply);
}

static void test_http__the_clock_restarts_with_each_request(void **state) {
    struct fixture *f = *state;
    const int64_t deadline_ms = 1000;
    restart(f, 4, deadline_ms);
    struct buf reply = {0};
    int fd = dial(f->server);
    for (int64_t end_ms = now_ms() + 2 * deadline_ms; now_ms() < end_ms; pause_ms(20)) {
        send_text(fd, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(status_of(read_reply(fd, &reply)), 200);
    }
    assert_string_equal(read_to_end(fd, &reply), ""); /* silent from now on: cut */
    (void)close(fd);
    buf_release(&reply);
}

/* --- start and stop */

static void test_http__listens_where_it_is_told(void **state) {
    static const struct {
        const char *listen, *host;
    } cases[] = {
        {"127.0.0.1:0", "127.0.0.1:"},   {"localhost:0", "127.0.0.1:"},
        {"0.0.0.0:0", "0.0.0.0:"},       {":0", "0.0.0.0:"},
        {"[127.0.0.1]:0", "127.0.0.1:"}, {"127.0.0.1:00000", "127.0.0.1:"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        http_stop(f->server);
        f->server = start_at(f, cases[i].listen, &e);
        if (f->server == NULL)
            fail_msg("%s", e.text);
        assert_int_equal(strncmp(http_address(f->server), cases[i].host, strlen(cases[i].host)), 0);
        assert_serves(f);
    }
}

static void test_http__listens_on_ipv6(void **state) {
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has_ipv6 = fd >= 0 && bind(fd, (struct sockaddr *)&loopback, sizeof loopback) == 0;
    if (fd >= 0)
        (void)close(fd);
    struct err e = {0};
    struct http_server *server = start_at(*state, "[::1]:0", &e);
    assert_int_equal(server != NULL, has_ipv6);
    if (server != NULL)
        assert_int_equal(strncmp(http_address(server), "[::1]:", 6), 0);
    http_stop(server);
}

static void test_http__a_bad_address_is_a_configuration_error(void **state) {
    static const char *const cases[] = {
        "",
        "9464",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:http",
        "127.0.0.1:-1",
        "127.0.0.1:65536",
        "127.0.0.1:123456",
        "127.0.0.1:80 ",
        "::1:9464",
        "[::1]",
        "[::1:9464",
        "[]:x",
        "no.such.host.invalid:9464",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        if (start_at(f, cases[i], &e) != NULL)
            fail_msg("%s was accepted", cases[i]);
        assert_int_equal(e.class, ERR_CONFIG);
        char start_text[128];
        int n = snprintf(start_text, sizeof start_text, "http.listen=%s: ", cases[i]);
        assert_int_equal(strncmp(e.text, start_text, (size_t)n), 0);
        assert_null(strchr(e.text, '\n'));
    }
}

static void test_http__an_address_in_use_is_named(void **state) {
    struct fixture *f = *state;
    struct err e = {0};
    assert_null(start_at(f, http_address(f->server), &e));
    assert_int_equal(e.class, ERR_STOP);
    char wanted[256];
    (void)snprintf(wanted, sizeof wanted,
                   "http.listen=%s: address in use; choose another port or stop the other program",
                   http_address(f->server));
    assert_string_equal(e.text, wanted);
}

static void test_http__another_machines_address_is_named(void **state) {
    struct fixture *f = *state;
    struct err e = {0};
    assert_null(start_at(f, "192.0.2.1:9464", &e));
    assert_int_equal(e.class, ERR_STOP);
    assert_string_equal(
        e.text,
        "http.listen=192.0.2.1:9464: not an address of this machine; use one, or 0.0.0.0 for all");
}

static void test_http__stops_with_connections_open(void **state) {
    struct fixture *f = *state;
    struct buf reply = {0};
    http_stop(NULL);
    for (int i = 0; i < 10; i++) {
        int idle = dial(f->server), half = dial(f->server), reading = dial(f->server);
        send_text(half, "GET /echo HTTP/1.1\r\nX-a: ");
        send_text(reading, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
        restart(f, 16, LONG_MS);
        assert_string_equal(read_to_end(idle, &reply), "");
        assert_string_equal(read_to_end(half, &reply), "");
        (void)read_to_end(reading, &reply);
        (void)close(idle);
        (void)close(half);
        (void)close(reading);
    }
    assert_serves(f);
    buf_release(&reply);
}

static void *many_requests(void *fixture) {
    struct buf reply = {0};
    for (int i = 0; i < 50; i++)
        if (status_of(get(fixture, "/echo", &reply)) != 200)
            abort();
    buf_release(&reply);
    return NULL;
}

static void test_http__serves_many_clients_at_once(void **state) {
    struct fixture *f = *state;
    restart(f, 4, LONG_MS);
    pthread_t clients[8];
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        assert_int_equal(pthread_create(&clients[i], NULL, many_requests, f), 0);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        assert_int_equal(pthread_join(clients[i], NULL), 0);
    assert_int_equal(atomic_load(&f->calls), 400);
}

#define CASE(name) cmocka_unit_test_setup_teardown(test_http__##name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(get_gives_what_the_handler_says),
        CASE(errors_are_json),
        CASE(a_page_is_kept_by_its_etag),
        CASE(reply_error_replaces_what_was_there),
        CASE(head_has_no_body),
        CASE(other_methods_are_refused),
        CASE(a_request_body_is_refused),
        CASE(unknown_hosts_are_refused),
        CASE(the_token_is_asked_for),
        CASE(the_query_is_decoded),
        CASE(path_segments_are_decoded_one_by_one),
        CASE(connections_are_kept_alive),
        CASE(pipelined_requests_are_answered_in_order),
        CASE(a_request_may_come_byte_by_byte),
        CASE(too_long_a_request_is_refused),
        CASE(garbage_does_no_harm),
        CASE(redirects),
        CASE(deferred_answers_come),
        CASE(deferred_answers_hold_nobody_up),
        CASE(idle_and_slow_connections_make_room),
        CASE(slow_readers_leave_room_for_health),
        CASE(slow_readers_make_room),
        CASE(slow_requests_are_cut),
        CASE(slow_readers_are_cut),
        CASE(a_big_reply_arrives_whole),
        CASE(the_clock_restarts_with_each_request),
        CASE(listens_where_it_is_told),
        CASE(listens_on_ipv6),
        CASE(a_bad_address_is_a_configuration_error),
        CASE(an_address_in_use_is_named),
        CASE(another_machines_address_is_named),
        CASE(stops_with_connections_open),
        CASE(serves_many_clients_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
