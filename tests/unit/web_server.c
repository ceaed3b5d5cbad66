#include "web_server.h"

#include "support.h"

#include "streamer/base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct web_server {
    web_handler *handler;
    void *context;
    int listener;
    char url[64];
    pthread_t thread;
};

/* Whether `in` holds a whole request: its head, and as many bytes behind it as the head says. */
static bool is_whole(struct buf *in) {
    const char *text = buf_cstr(in);
    const char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "content-length: ");
    size_t body = length != NULL && length < end ? strtoul(length + 16, NULL, 10) : 0;
    return end != NULL && in->n >= (size_t)(end + 4 - text) + body;
}

/* False: the client closed the connection before. */
static bool read_request(int connection, struct buf *in) {
    buf_clear(in);
    while (!is_whole(in)) {
        ssize_t n = read(connection, buf_reserve(in, 65536), 65536);
        if (n <= 0)
            return false;
        in->n += (size_t)n;
    }
    return true;
}

static struct web_request parse(struct buf *in) {
    struct web_request q = {.method = in->p};
    char *body = strstr(in->p, "\r\n\r\n"), *target = strchr(in->p, ' ');
    body[2] = '\0';
    *target = '\0';
    char *behind = strchr(target + 1, ' ');
    *behind = '\0';
    q.target = target + 1;
    q.head = behind + 1;
    q.body = body + 4;
    return q;
}

static void write_all(int connection, struct slice bytes) {
    for (ssize_t n; bytes.n > 0; bytes = slice_of(bytes.p + n, bytes.n - (size_t)n))
        if ((n = send(connection, bytes.p, bytes.n, MSG_NOSIGNAL)) <= 0)
            return; /* the client has had enough */
}

static void answer(struct web_server *s, int connection, struct buf *in) {
    struct web_request q = parse(in);
    struct web_reply reply = {.status = 200};
    struct buf out = {0};
    s->handler(s->context, &q, &reply);
    if (reply.hangs) {
        while (read(connection, buf_reserve(&out, 100), 100) > 0)
            ;
    } else {
        buf_printf(&out, "HTTP/1.1 %d x\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                   reply.status, reply.body.n);
        buf_put_slice(&out, buf_slice(&reply.body));
        write_all(connection, buf_slice(&out));
    }
    buf_release(&out);
    buf_release(&reply.body);
}

static void *run(void *context) {
    struct web_server *s = context;
    struct buf in = {0};
    for (int connection; (connection = accept(s->listener, NULL, NULL)) >= 0;) {
        if (read_request(connection, &in))
            answer(s, connection, &in);
        (void)close(connection);
    }
    buf_release(&in);
    return NULL;
}

struct web_server *web_server_start(web_handler *handler, void *context) {
    struct web_server *s = mem_calloc(1, sizeof *s);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    s->handler = handler;
    s->context = context;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s->listener >= 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(s->listener, 16), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
    return s;
}

const char *web_server_url(const struct web_server *s) {
    return s->url;
}

void web_server_stop(struct web_server *s) {
    (void)shutdown(s->listener, SHUT_RDWR); /* which ends accept() */
    (void)pthread_join(s->thread, NULL);
    (void)close(s->listener);
    free(s);
}
