#include "streamer/service/notify.h"

#include "streamer/base/log.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* NULL: systemd does not want to be told. */
static const char *socket_path(void) {
    const char *path = getenv("NOTIFY_SOCKET");
    return path != NULL && path[0] != '\0' ? path : NULL;
}

bool notify_is_wanted(void) {
    return socket_path() != NULL;
}

/* Returns the length of the address; 0 if the path is not valid. A path that begins with @ names an
 * abstract socket, which is no file: the first byte of its address is 0. */
static socklen_t address_of(const char *path, struct sockaddr_un *address) {
    size_t n = strlen(path);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (n >= sizeof address->sun_path || (path[0] != '/' && path[0] != '@'))
        return 0;
    memcpy(address->sun_path, path, n);
    if (path[0] == '@')
        address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

static bool send_to(const char *path, const char *state) {
    struct sockaddr_un address;
    socklen_t n = address_of(path, &address);
    errno = EINVAL;
    int fd = n > 0 ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0)
        return false;
    bool sent =
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, n) >= 0;
    int why = errno;
    (void)close(fd);
    errno = why;
    return sent;
}

void notify_send(const char *state) {
    const char *path = socket_path();
    if (path != NULL && !send_to(path, state))
        log_warn("systemd cannot be told", "state=%s error=%s", state,
                 log_quote(&(struct log_value){0}, strerror(errno)));
}

int64_t notify_watchdog_ms(void) {
    const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    bool ours = pid == NULL || strtoll(pid, NULL, 10) == getpid();
    return us != NULL && ours ? strtoll(us, NULL, 10) / 1000 : 0;
}
