/* http_listen: makes the socket that the HTTP server listens on. libmicrohttpd could make it, but
 * would not say why it failed. */
#ifndef STREAMER_HTTP_HTTP_LISTEN_H
#define STREAMER_HTTP_HTTP_LISTEN_H

#include "streamer/base/err.h"

#include <stdbool.h>

/* `address` is "HOST:PORT": "[::1]:9464" for IPv6, ":9464" for all IPv4 addresses; with port 0 the
 * system chooses a free one. Returns the socket, which the caller closes; -1 with an error. */
int http_listen(const char *address, struct err *e);

struct http_address {
    char text[1100];
};
/* The address that the socket listens on, "127.0.0.1:9464". False with an error. */
bool http_listen_address(int fd, struct http_address *out, struct err *e);

#endif
