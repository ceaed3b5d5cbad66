/* address: HOST:PORT, the URL of an instance, and patterns of hosts. Pure; slices are of the text
 * that was parsed. */
#ifndef STREAMER_BASE_ADDRESS_H
#define STREAMER_BASE_ADDRESS_H

#include "streamer/base/slice.h"

#include <stdbool.h>

struct address {
    struct slice host; /* without the brackets of an IPv6 address, and without a dot at its end */
    bool is_ip;
    int port; /* 0: none is given */
};

/* HOST, HOST:PORT, [IPV6] or [IPV6]:PORT. Letters of any case, digits, '.', '-', '_' make a name.
 */
bool address_parse(struct slice text, struct address *a);

struct url {
    bool is_https;
    struct address at; /* its port is never 0 */
};

/* http://HOST[:PORT] or https://HOST[:PORT], with a slash at its end or not. Nothing else: no path,
 * no user. */
bool url_parse(struct slice text, struct url *u);

/* Whether `patterns` is a list of HOST[:PORT],… where '*' stands for any characters of a host.
 * Empty is one. */
bool address_patterns_are_valid(const char *patterns);
/* Whether one of the patterns is this address, without regard to case. A pattern without a port
 * matches any. */
bool address_matches(const char *patterns, const struct address *a);

/* 127.0.0.1, ::1 and the like, and the name localhost. */
bool address_is_loopback(const struct address *a);

#endif
