/* notify: tells systemd how the program is (the protocol of sd_notify: datagrams to the socket that
 * NOTIFY_SOCKET names). Without that variable nothing is sent. Any thread. */
#ifndef STREAMER_SERVICE_NOTIFY_H
#define STREAMER_SERVICE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Whether anybody listens. */
bool notify_is_wanted(void);
/* Sends one state, such as "READY=1". What cannot be sent is logged: systemd then acts as if the
 * program hung. */
void notify_send(const char *state);
/* How often systemd wants to hear "WATCHDOG=1" at least; 0: never. */
int64_t notify_watchdog_ms(void);

#endif
