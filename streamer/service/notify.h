/* notify: tells systemd the state of the process. The protocol is that of sd_notify: datagrams to
 * the socket that the variable NOTIFY_SOCKET names. Without the variable nothing is sent. Any
 * thread. */
#ifndef STREAMER_SERVICE_NOTIFY_H
#define STREAMER_SERVICE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Whether systemd wants to be told (NOTIFY_SOCKET is set). */
bool notify_is_wanted(void);
/* Sends one state, such as "READY=1". A failure is logged, because systemd will then act as if the
 * process hung. */
void notify_send(const char *state);
/* The longest time between two "WATCHDOG=1" before systemd restarts the process; 0: it does not
 * watch. */
int64_t notify_watchdog_ms(void);

#endif
