/* web_server: an HTTP server for tests of clients. It serves one connection after the other, each
 * with one request, and answers what a function of the test says. */
#ifndef TESTS_UNIT_WEB_SERVER_H
#define TESTS_UNIT_WEB_SERVER_H

#include "streamer/base/buf.h"

#include <stdbool.h>

struct web_request {
    const char *method, *target; /* "GET", "/schemas/ids/7" */
    const char *head;            /* all lines of the head */
    const char *body;            /* "": there is none */
};

struct web_reply {
    int status;
    struct buf body; /* the server frees it */
    bool hangs;      /* there is no answer; the connection stays until the client closes it */
};

/* On the server's thread. */
typedef void web_handler(void *context, const struct web_request *request, struct web_reply *reply);

struct web_server;

/* Listens on a free port of loopback. */
struct web_server *web_server_start(web_handler *handler, void *context);
const char *web_server_url(const struct web_server *s); /* "http://127.0.0.1:12345" */
void web_server_stop(struct web_server *s);

/* A URL on which nobody listens. */
#define WEB_NOBODY "http://127.0.0.1:1"

#endif
