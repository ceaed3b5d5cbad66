#include "streamer/base/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#define HOST_MAX 255

/* --- HOST:PORT */

static bool parse_port(struct slice text, int *port) {
    *port = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (!isdigit((unsigned char)text.p[i]) || *port > 6553)
            return false;
        *port = *port * 10 + (text.p[i] - '0');
    }
    return *port > 0 && *port <= 65535;
}

static bool has_only(struct slice text, const char *others) {
    for (size_t i = 0; i < text.n; i++)
        if (!isalnum((unsigned char)text.p[i]) &&
            (text.p[i] == '\0' || strchr(others, text.p[i]) == NULL))
            return false;
    return text.n > 0 && text.n <= HOST_MAX;
}

/* An IPv6 address may have a zone: fe80::1%eth0. */
static bool is_ip(struct slice host, int family) {
    char text[HOST_MAX + 1];
    unsigned char address[sizeof(struct in6_addr)];
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    if (family == AF_INET6)
        text[strcspn(text, "%")] = '\0';
    return inet_pton(family, text, address) == 1;
}

/* `extra`: the characters that a host may have besides letters and digits. */
static bool parse(struct slice text, const char *extra, struct address *a) {
    const char *end = text.p + text.n, *rest;
    bool bracketed = text.n > 0 && text.p[0] == '[';
    if (bracketed) {
        const char *close = memchr(text.p, ']', text.n);
        if (close == NULL)
            return false;
        a->host = slice_of(text.p + 1, (size_t)(close - text.p) - 1);
        rest = close + 1;
    } else {
        const char *colon = text.n > 0 ? memchr(text.p, ':', text.n) : NULL;
        rest = colon != NULL ? colon : end;
        a->host = slice_of(text.p, (size_t)(rest - text.p));
        if (a->host.n > 1 && a->host.p[a->host.n - 1] == '.')
            a->host.n--;
    }
    if (!has_only(a->host, extra))
        return false;
    a->is_ip = is_ip(a->host, bracketed ? AF_INET6 : AF_INET);
    a->port = 0;
    return rest == end ||
           (*rest == ':' && parse_port(slice_of(rest + 1, (size_t)(end - rest) - 1), &a->port));
}

bool address_parse(struct slice text, struct address *a) {
    return parse(text, text.n > 0 && text.p[0] == '[' ? ".:%-_" : ".-_", a);
}

bool address_is_loopback(const struct address *a) {
    return slice_eq_nocase(a->host, "localhost") ||
           (a->is_ip && slice_eq(a->host, slice_str("::1"))) ||
           (a->is_ip && slice_has_prefix(a->host, slice_str("127.")));
}

/* --- URLs */

static bool drop_prefix(struct slice *text, const char *prefix) {
    struct slice p = slice_str(prefix);
    if (!slice_has_prefix(*text, p))
        return false;
    *text = slice_of(text->p + p.n, text->n - p.n);
    return true;
}

bool url_parse(struct slice text, struct url *u) {
    u->is_https = drop_prefix(&text, "https://");
    if (!u->is_https && !drop_prefix(&text, "http://"))
        return false;
    if (text.n > 0 && text.p[text.n - 1] == '/')
        text.n--;
    if (!address_parse(text, &u->at))
        return false;
    if (u->at.port == 0)
        u->at.port = u->is_https ? 443 : 80;
    return true;
}

/* --- patterns */

#define ANY '*'

static bool same_letter(char a, char b) {
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Where the match fails after a star, it is tried again with the star taking one character more. */
static bool glob(struct slice pattern, struct slice text) {
    size_t p = 0, t = 0, star = pattern.n, from = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == ANY) {
            star = p++;
            from = t;
        } else if (p < pattern.n && same_letter(pattern.p[p], text.p[t])) {
            p++;
            t++;
        } else if (star < pattern.n) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == ANY)
        p++;
    return p == pattern.n;
}

/* Takes the next pattern off the list. False: the list is at its end. */
static bool next_pattern(const char **list, struct slice *pattern) {
    if (**list == '\0')
        return false;
    size_t n = strcspn(*list, ",");
    *pattern = slice_trim(slice_of(*list, n));
    *list += n + ((*list)[n] == ',');
    return true;
}

static bool parse_pattern(struct slice text, struct address *a) {
    return parse(text, text.n > 0 && text.p[0] == '[' ? ".:%-_*" : ".-_*", a);
}

bool address_patterns_are_valid(const char *patterns) {
    struct slice pattern;
    struct address a;
    while (next_pattern(&patterns, &pattern))
        if (!parse_pattern(pattern, &a))
            return false;
    return true;
}

bool address_matches(const char *patterns, const struct address *a) {
    struct slice text;
    struct address pattern;
    while (next_pattern(&patterns, &text))
        if (parse_pattern(text, &pattern) && (pattern.port == 0 || pattern.port == a->port) &&
            glob(pattern.host, a->host))
            return true;
    return false;
}
