/* address: parses HOST:PORT, the URL of an instance, and patterns of hosts. Pure. The slices in the
 * results point into the text that was parsed. */
#ifndef STREAMER_BASE_ADDRESS_H
#define STREAMER_BASE_ADDRESS_H

#include "streamer/base/slice.h"

#include <stdbool.h>

struct address {
    struct slice host; /* without the brackets of an IPv6 address, and without a dot at its end */
    bool is_ip;
    int port; /* 0: the text gave none */
};

/* Parses HOST, HOST:PORT, [IPV6] or [IPV6]:PORT. A name consists of letters of any case, digits,
 * '.', '-' and '_'. False: the text is something else. */
bool address_parse(struct slice text, struct address *a);

struct url {
    bool is_https;
    struct address at; /* its port is never 0 */
};

/* Parses http://HOST[:PORT] or https://HOST[:PORT]; a slash may follow, but no path, and no user
 * may come before HOST. False: the text is something else. */
bool url_parse(struct slice text, struct url *u);

/* Whether `patterns` is a list HOST[:PORT],… in which '*' stands for any characters of a host. The
 * empty text is a valid list. */
bool address_patterns_are_valid(const char *patterns);
/* Whether one of the patterns matches this address, without regard to case. A pattern without a
 * port matches any port. */
bool address_matches(const char *patterns, const struct address *a);

/* Whether the address is 127.x.x.x, ::1 or the name localhost. */
bool address_is_loopback(const struct address *a);

#endif
