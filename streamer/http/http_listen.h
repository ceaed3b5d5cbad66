/* http_listen: a socket that listens. A socket of our own, as libmicrohttpd does not say why it
 * could not make one. */
#ifndef STREAMER_HTTP_HTTP_LISTEN_H
#define STREAMER_HTTP_HTTP_LISTEN_H

#include "streamer/base/err.h"

#include <stdbool.h>

/* "HOST:PORT" ("[::1]:9464" for IPv6; ":9464": all IPv4 addresses; port 0: any). The caller closes
 * the socket; -1 with an error. */
int http_listen(const char *address, struct err *e);

struct http_address {
    char text[1100];
};
/* "127.0.0.1:9464": where it listens really. */
bool http_listen_address(int fd, struct http_address *out, struct err *e);

#endif
