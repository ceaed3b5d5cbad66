#include "streamer/http/http_listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Parts "HOST:PORT", and drops the brackets around the host. */
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
        return false; /* IPv6 without brackets: it is not clear where the port starts */
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

/* IPv4 is tried first: `localhost` has an address of each kind, and more people type 127.0.0.1 than
 * ::1. The caller frees the list. */
static struct addrinfo *resolve(const char *address, struct err *e) {
    char host[NI_MAXHOST];
    const char *port;
    if (!split_address(address, host, &port)) {
        err_set(e, ERR_CONFIG,
                "http.listen=%s: not HOST:PORT; write it as 127.0.0.1:9464 or [::1]:9464", address);
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
        err_set(e, ERR_CONFIG,
                "http.listen=%s: cannot resolve the host (%s); use an address of this machine",
                address, gai_strerror(code));
        return NULL;
    }
    return found;
}

static bool listen_error(const char *address, int error, struct err *e) {
    switch (error) {
    case EADDRINUSE:
        return err_set(
            e, ERR_STOP,
            "http.listen=%s: address in use; choose another port or stop the other program",
            address);
    case EACCES:
        return err_set(e, ERR_STOP, "http.listen=%s: permission denied; choose a port above 1023",
                       address);
    case EADDRNOTAVAIL:
        return err_set(
            e, ERR_STOP,
            "http.listen=%s: not an address of this machine; use one, or 0.0.0.0 for all", address);
    default:
        return err_set(e, ERR_STOP, "http.listen=%s: cannot listen: %s", address, strerror(error));
    }
}

int http_listen(const char *address, struct err *e) {
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

bool http_listen_address(int fd, struct http_address *out, struct err *e) {
    struct sockaddr_storage address = {0};
    socklen_t n = sizeof address;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    int code = getsockname(fd, (struct sockaddr *)&address, &n) != 0
                   ? EAI_SYSTEM
                   : getnameinfo((struct sockaddr *)&address, n, host, sizeof host, port,
                                 sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    if (code != 0)
        return err_set(e, ERR_STOP, "http: cannot read the address listened on: %s",
                       gai_strerror(code));
    (void)snprintf(out->text, sizeof out->text, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
                   host, port);
    return true;
}
