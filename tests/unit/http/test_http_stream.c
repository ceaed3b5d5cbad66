/* Streamed answers: over a real server and sockets. */
#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/http/http.h"
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HANG_S 60        /* how long a test waits for the server before it fails */
#define LONG_MS 600000   /* longer than any test takes */
#define LINES_MAX 300000 /* of LINE_BYTES: far more than the queue and the sockets hold */
#define LINE_BYTES 64

/* --- the server under test */

struct fixture {
    struct http_server *server;
    atomic_bool is_stopping;
    struct http_exchange *exchange;
    pthread_t writer;
    atomic_bool has_writer;
    /* What the writer does. */
    atomic_int lines;
    atomic_int pause_before; /* this line; -1: no pause */
    atomic_int pause_ms;
    atomic_bool is_whole;
    atomic_bool has_written_all, has_ended;
};

static void pause_ms(long ms) {
    (void)nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static void put_line(char line[LINE_BYTES + 1], int number) {
    (void)snprintf(line, LINE_BYTES + 1, "%063d\n", number);
}

static void *write_body(void *fixture) {
    struct fixture *f = fixture;
    char line[LINE_BYTES + 1];
    struct http_stream *stream = http_stream_new();
    struct http_reply reply = {.status = 200, .content_type = "text/csv", .stream = stream};
    buf_put_str(&reply.headers, "X-First: 1-3, 7\nX-Second: a: b\n");
    http_finish(f->exchange, &reply);
    bool ok = true;
    for (int i = 0; ok && i < f->lines; i++) {
        if (i == f->pause_before)
            pause_ms(f->pause_ms);
        put_line(line, i);
        ok = http_stream_write(stream, slice_of(line, LINE_BYTES), &f->is_stopping);
    }
    atomic_store(&f->has_written_all, ok);
    http_stream_end(stream, ok && f->is_whole);
    atomic_store(&f->has_ended, true);
    return NULL;
}

static void handle(void *context, const struct http_request *request, struct http_reply *reply) {
    struct fixture *f = context;
    if (strcmp(request->path, "/stream") != 0) {
        *reply = (struct http_reply){.status = 200, .content_type = "text/plain"};
        return;
    }
    f->exchange = http_defer(request);
    assert_int_equal(pthread_create(&f->writer, NULL, write_body, f), 0);
    f->has_writer = true;
}

static enum http_class classify(void *context, const char *path) {
    (void)context, (void)path;
    return HTTP_OPEN;
}

static void start(struct fixture *f, struct http_limits limits) {
    struct err e = {0};
    limits.first_ms = limits.next_ms = LONG_MS;
    const struct http_options o = {.listen = "127.0.0.1:0",
                                   .max_connections = 16,
                                   .limits = limits,
                                   .hosts = "x",
                                   .classify = classify,
                                   .handler = handle,
                                   .context = f};
    f->server = http_start(&o, &e);
    if (f->server == NULL)
        fail_msg("%s", e.text);
}

static int setup(void **state) {
    struct fixture *f = mem_calloc(1, sizeof *f);
    f->lines = LINES_MAX;
    f->pause_before = -1;
    f->is_whole = true;
    start(f, (struct http_limits){.answer_ms = LONG_MS});
    *state = f;
    return 0;
}

static void join_writer(struct fixture *f) {
    if (f->has_writer)
        assert_int_equal(pthread_join(f->writer, NULL), 0);
    f->has_writer = false;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    atomic_store(&f->is_stopping, true);
    join_writer(f);
    http_stop(f->server);
    free(f);
    return 0;
}

static void restart(struct fixture *f, struct http_limits limits) {
    http_stop(f->server);
    start(f, limits);
}

/* --- a client on raw sockets */

static int dial(const struct http_server *server) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    address.sin_port = htons((uint16_t)atoi(strrchr(http_address(server), ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval hang = {.tv_sec = HANG_S};
    int little = 16384; /* so that the kernel does not take the whole body */
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &hang, sizeof hang), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static int ask(struct fixture *f, const char *line) {
    struct buf text = {0};
    int fd = dial(f->server);
    buf_printf(&text, "%s\r\nHost: x\r\nConnection: close\r\n\r\n", line);
    assert_int_equal(send(fd, text.p, text.n, MSG_NOSIGNAL), text.n);
    buf_release(&text);
    return fd;
}

#define GET_STREAM "GET /stream HTTP/1.1"

/* Reads until the server closes or resets the connection, which it must. */
static void read_to_end(int fd, struct buf *out) {
    for (ssize_t n = 1; n > 0; out->n += (size_t)(n > 0 ? n : 0)) {
        n = recv(fd, buf_reserve(out, 65536), 65536, 0);
        if (n < 0)
            assert_int_equal(errno, ECONNRESET);
    }
    (void)close(fd);
}

static void assert_has(struct buf *reply, const char *text) {
    if (strstr(buf_cstr(reply), text) == NULL)
        fail_msg("no %s in %.300s", text, reply->p);
}

/* Takes the chunks out of the reply, and puts what they hold into `body`. Whether the last one,
 * which is empty, is there. */
static bool read_chunks(struct buf *reply, struct buf *body) {
    const char *end = buf_cstr(reply) + reply->n, *at = strstr(reply->p, "\r\n\r\n");
    assert_non_null(at);
    for (at += 4; at < end;) {
        char *rest;
        unsigned long n = strtoul(at, &rest, 16);
        if (rest == at || end - rest < (ptrdiff_t)n + 4)
            return false;
        if (n == 0)
            return true;
        buf_put(body, rest + 2, n);
        at = rest + 2 + n + 2;
    }
    return false;
}

static void assert_lines(const struct buf *body, int count) {
    char line[LINE_BYTES + 1];
    assert_int_equal(body->n, count * LINE_BYTES);
    for (int i = 0; i < count; i++) {
        put_line(line, i);
        assert_memory_equal(body->p + (ptrdiff_t)i * LINE_BYTES, line, LINE_BYTES);
    }
}

static void assert_serves(struct fixture *f) {
    struct buf reply = {0};
    read_to_end(ask(f, "GET /other HTTP/1.1"), &reply);
    assert_has(&reply, "HTTP/1.1 200 OK");
    buf_release(&reply);
}

/* --- tests */

static void test_http_stream__arrives_whole(void **state) {
    static const int counts[] = {0, 1, LINES_MAX};
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct buf reply = {0}, body = {0};
        f->lines = counts[i];
        read_to_end(ask(f, GET_STREAM), &reply);
        join_writer(f);
        assert_has(&reply, "HTTP/1.1 200 OK\r\n");
        assert_has(&reply, "Transfer-Encoding: chunked\r\n");
        assert_has(&reply, "Content-Type: text/csv\r\n");
        assert_has(&reply, "X-First: 1-3, 7\r\n");
        assert_has(&reply, "X-Second: a: b\r\n");
        assert_true(read_chunks(&reply, &body));
        assert_lines(&body, counts[i]);
        buf_release(&reply), buf_release(&body);
    }
}

static void test_http_stream__head_has_no_body(void **state) {
    struct fixture *f = *state;
    struct buf reply = {0};
    read_to_end(ask(f, "HEAD /stream HTTP/1.1"), &reply);
    join_writer(f); /* which is told that nobody reads */
    assert_has(&reply, "X-First: 1-3, 7\r\n");
    assert_string_equal(strstr(buf_cstr(&reply), "\r\n\r\n"), "\r\n\r\n");
    assert_false(atomic_load(&f->has_written_all));
    buf_release(&reply);
}

static void test_http_stream__a_broken_one_has_no_end(void **state) {
    static const int counts[] = {0, 1, LINES_MAX};
    struct fixture *f = *state;
    f->is_whole = false;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct buf reply = {0}, body = {0};
        f->lines = counts[i];
        read_to_end(ask(f, GET_STREAM), &reply);
        join_writer(f);
        assert_false(read_chunks(&reply, &body));
        buf_release(&reply), buf_release(&body);
    }
    assert_serves(f);
}

/* Without chunks nothing tells the end of a body from a cut. */
static void test_http_stream__http_1_0_is_refused(void **state) {
    struct fixture *f = *state;
    struct buf reply = {0};
    read_to_end(ask(f, "GET /stream HTTP/1.0"), &reply);
    join_writer(f);
    assert_has(&reply, " 505 ");
    assert_has(&reply, "ask with HTTP/1.1");
    assert_null(strstr(reply.p, "X-First"));
    buf_release(&reply);
}

static void test_http_stream__holds_nobody_up(void **state) {
    struct fixture *f = *state;
    struct buf reply = {0}, body = {0};
    int fd = ask(f, GET_STREAM); /* nobody reads it yet */
    for (int i = 0; i < 20; i++)
        assert_serves(f);
    read_to_end(fd, &reply);
    assert_true(read_chunks(&reply, &body));
    assert_lines(&body, LINES_MAX);
    join_writer(f);
    /* The same while the writer makes the next line. */
    buf_clear(&reply), buf_clear(&body);
    f->pause_before = 1;
    f->pause_ms = 300;
    fd = ask(f, GET_STREAM);
    for (int i = 0; i < 20; i++)
        assert_serves(f);
    read_to_end(fd, &reply);
    assert_true(read_chunks(&reply, &body));
    assert_lines(&body, LINES_MAX);
    buf_release(&reply), buf_release(&body);
}

static void test_http_stream__the_writer_learns_that_the_client_has_gone(void **state) {
    struct fixture *f = *state;
    int fd = ask(f, GET_STREAM);
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    (void)close(fd);
    while (!f->has_writer)
        pause_ms(1);
    join_writer(f);
    assert_false(atomic_load(&f->has_written_all));
    assert_serves(f);
}

static void test_http_stream__a_stop_ends_it(void **state) {
    struct fixture *f = *state;
    struct buf reply = {0}, body = {0};
    int fd = ask(f, GET_STREAM);
    char byte;
    assert_int_equal(recv(fd, &byte, 1, MSG_PEEK), 1);
    atomic_store(&f->is_stopping, true);
    join_writer(f);
    read_to_end(fd, &reply);
    assert_false(read_chunks(&reply, &body));
    buf_release(&reply), buf_release(&body);
}

/* --- limits */

/* A writer that finds nothing to write for long asks whether to go on. */
static void test_http_stream__no_bytes_tell_whether_to_go_on(void **state) {
    (void)state;
    atomic_bool is_stopping = false;
    struct http_stream *s = http_stream_new();
    assert_true(http_stream_write(s, slice_str(""), &is_stopping));
    is_stopping = true;
    assert_false(http_stream_write(s, slice_str(""), &is_stopping));
    is_stopping = false;
    http_stream_leave(s);
    assert_false(http_stream_write(s, slice_str(""), &is_stopping));
    http_stream_end(s, false);
}

static void test_http_stream__one_that_nobody_reads_is_cut(void **state) {
    struct fixture *f = *state;
    restart(f, (struct http_limits){.answer_ms = 200});
    int fd = ask(f, GET_STREAM);
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    join_writer(f); /* which ends only because the connection is cut */
    assert_false(atomic_load(&f->has_written_all));
    (void)close(fd);
}

/* Reads all the time, so that something is sent all the time, but less than the limit. */
static void test_http_stream__a_dripping_client_is_cut(void **state) {
    struct fixture *f = *state;
    restart(f, (struct http_limits){.answer_ms = 2000, .stream_bytes = 64 << 20});
    int fd = ask(f, GET_STREAM);
    char bytes[8192];
    while (!atomic_load(&f->has_ended)) {
        (void)recv(fd, bytes, sizeof bytes, 0);
        pause_ms(5);
    }
    (void)close(fd);
    join_writer(f);
    assert_false(atomic_load(&f->has_written_all));
}

/* It takes longer than an answer may, because the writer takes long. */
static void test_http_stream__one_that_goes_on_is_not_cut(void **state) {
    struct fixture *f = *state;
    struct buf reply = {0}, body = {0};
    f->pause_before = LINES_MAX / 2;
    f->pause_ms = 2500;
    restart(f, (struct http_limits){.answer_ms = 1000, .stream_bytes = 64 << 10});
    read_to_end(ask(f, GET_STREAM), &reply);
    join_writer(f);
    assert_true(read_chunks(&reply, &body));
    assert_lines(&body, LINES_MAX);
    buf_release(&reply), buf_release(&body);
}

static void test_http_stream__the_whole_time_is_limited(void **state) {
    struct fixture *f = *state;
    struct buf reply = {0}, body = {0};
    f->pause_before = LINES_MAX / 2;
    f->pause_ms = 1500;
    restart(f, (struct http_limits){.answer_ms = 1000, .stream_ms = 300});
    read_to_end(ask(f, GET_STREAM), &reply);
    join_writer(f);
    assert_false(read_chunks(&reply, &body));
    assert_false(atomic_load(&f->has_written_all));
    buf_release(&reply), buf_release(&body);
}

#define CASE(name) cmocka_unit_test_setup_teardown(test_http_stream__##name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(arrives_whole),
        CASE(head_has_no_body),
        CASE(a_broken_one_has_no_end),
        CASE(http_1_0_is_refused),
        CASE(holds_nobody_up),
        CASE(the_writer_learns_that_the_client_has_gone),
        CASE(a_stop_ends_it),
        CASE(no_bytes_tell_whether_to_go_on),
        CASE(one_that_nobody_reads_is_cut),
        CASE(a_dripping_client_is_cut),
        CASE(one_that_goes_on_is_not_cut),
        CASE(the_whole_time_is_limited),
    };
    return cmocka_run_group_tests_name("http_stream", tests, NULL, NULL);
}
