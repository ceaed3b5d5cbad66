#include "streamer/config/config_value.h"

#include "streamer/base/address.h"
#include "streamer/base/buf.h"
#include "streamer/base/mem.h"
#include "streamer/base/slice.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool is_comment_behind(const char *value) {
    return strstr(value, " #") != NULL || strstr(value, "\t#") != NULL;
}

bool check_directory(const char *value, struct err *e) {
    if (value[0] == '\0')
        return err_set(e, ERR_CONFIG, "is empty, give it a value or remove the line");
    return !is_comment_behind(value) ||
           err_set(e, ERR_CONFIG, "\"%.80s\" would be the directory", value);
}

static bool check_name(const char *value, size_t max, struct err *e) {
    size_t n = strlen(value);
    size_t valid =
        strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    if (valid < n || n == 0 || n > max)
        return err_set(
            e, ERR_CONFIG,
            "\"%.80s\" is not a valid name, use 1 to %zu letters, digits, '.', '_' and '-'", value,
            max);
    if (strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
        return err_set(e, ERR_CONFIG, "\"%s\" is not allowed by Kafka, use another name", value);
    return true;
}

bool check_app_id(const char *value, struct err *e) {
    return check_name(value, 200, e);
}
bool check_topic(const char *value, struct err *e) {
    return check_name(value, 249, e);
}
bool check_instance_id(const char *value, struct err *e) {
    return value[0] == '\0' || check_name(value, 200, e);
}

static bool parse_port(struct slice text) {
    uint32_t port = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        port = port * 10 + (uint32_t)(text.p[i] - '0');
        if (port > 65535)
            return false;
    }
    return text.n > 0;
}

/* Whether the text is HOST:PORT or [IPV6]:PORT, or one without its port if `port_optional`. */
static bool is_host_port(struct slice text, bool port_optional) {
    struct slice host = text, rest;
    const char *bracket = text.n > 0 && text.p[0] == '[' ? memchr(text.p, ']', text.n) : NULL;
    if (bracket != NULL) {
        host = slice_of(text.p + 1, (size_t)(bracket - text.p) - 1);
        rest = slice_of(bracket + 1, text.n - host.n - 2);
        for (size_t i = 0; i < host.n; i++)
            if (!isalnum((unsigned char)host.p[i]) && strchr(":.%-_", host.p[i]) == NULL)
                return false;
    } else {
        const char *colon = text.n > 0 ? memchr(text.p, ':', text.n) : NULL;
        host.n = colon != NULL ? (size_t)(colon - text.p) : text.n;
        rest = slice_of(text.p + host.n, text.n - host.n);
        for (size_t i = 0; i < host.n; i++)
            if (!isalnum((unsigned char)host.p[i]) && strchr(".-_", host.p[i]) == NULL)
                return false;
    }
    if (host.n == 0 || (rest.n == 0 && !port_optional))
        return false;
    return rest.n == 0 || (rest.p[0] == ':' && parse_port(slice_of(rest.p + 1, rest.n - 1)));
}

bool check_listen(const char *value, struct err *e) {
    return value[0] == '\0' || is_host_port(slice_str(value), false) ||
           err_set(e, ERR_CONFIG,
                   "\"%.80s\" is not HOST:PORT, write e.g. "
                   "127.0.0.1:9464 or [::1]:9464, or nothing for no HTTP",
                   value);
}

bool check_url(const char *value, struct err *e) {
    struct url url;
    return value[0] == '\0' || url_parse(slice_str(value), &url) ||
           err_set(e, ERR_CONFIG,
                   "\"%.80s\" is not the URL of an instance, write e.g. http://HOST:9464", value);
}

bool check_hosts(const char *value, struct err *e) {
    return address_patterns_are_valid(value) ||
           err_set(
               e, ERR_CONFIG,
               "\"%.80s\" is not a list of hosts, write e.g. streamer.example.com,*.internal:9464",
               value);
}

static bool is_registry_url(struct slice url) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i]);
        if (url.n <= n || strncasecmp(url.p, schemes[i], n) != 0)
            continue;
        struct slice rest = slice_of(url.p + n, url.n - n);
        const char *path = memchr(rest.p, '/', rest.n);
        size_t host_bytes = path != NULL ? (size_t)(path - rest.p) : rest.n;
        for (size_t k = host_bytes; k < rest.n; k++)
            if (!isgraph((unsigned char)rest.p[k]) || strchr("?#\"\\", rest.p[k]) != NULL)
                return false;
        return is_host_port(slice_of(rest.p, host_bytes), true);
    }
    return false;
}

bool check_registry_urls(const char *value, struct err *e) {
    if (strchr(value, '@') != NULL)
        return err_set(e, ERR_CONFIG,
                       "a URL holds no login, put it into schema.registry.basic.auth.user.info");
    for (const char *at = value; *value != '\0'; at++) {
        size_t n = strcspn(at, ",");
        struct slice url = slice_trim(slice_of(at, n));
        if (!is_registry_url(url))
            return err_set(e, ERR_CONFIG,
                           "\"%.*s\" is not the URL of a registry, write http://HOST:8081,...",
                           (int)(url.n < 80 ? url.n : 80), url.p);
        at += n;
        if (*at == '\0')
            break;
    }
    return true;
}

static bool has_control_character(const char *value) {
    for (; *value != '\0'; value++)
        if (iscntrl((unsigned char)*value))
            return true;
    return false;
}

static bool is_receiver_url(const char *url) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i]);
        if (strncasecmp(url, schemes[i], n) != 0)
            continue;
        for (const char *at = url + n; *at != '\0'; at++)
            if (!isgraph((unsigned char)*at) || strchr("@#\"\\", *at) != NULL)
                return false;
        return is_host_port(slice_of(url + n, strcspn(url + n, "/?")), true);
    }
    return false;
}

bool check_receiver_url(const char *value, struct err *e) {
    return value[0] == '\0' || is_receiver_url(value) ||
           err_set(e, ERR_CONFIG,
                   "this is no URL without a login, write https://HOST[:PORT][/PATH]");
}

bool check_openlineage_url(const char *value, struct err *e) {
    return value[0] == '\0' || (is_receiver_url(value) && strchr(value, '?') == NULL) ||
           err_set(e, ERR_CONFIG,
                   "this is no URL without a login and a '?', write http[s]://HOST[:PORT][/PATH], "
                   "and the key into openlineage.api.key");
}

bool check_bearer_token(const char *value, struct err *e) {
    return (!has_control_character(value) && strchr(value, ' ') == NULL) ||
           err_set(e, ERR_CONFIG, "a token holds no blank, tab or line end, write it in one piece");
}

bool check_user_info(const char *value, struct err *e) {
    const char *colon = strchr(value, ':');
    if (value[0] != '\0' && (colon == NULL || colon == value))
        return err_set(e, ERR_CONFIG, "this is no login, write USER:PASSWORD");
    return !has_control_character(value) ||
           err_set(e, ERR_CONFIG, "a login holds no tab or line end, write it in one line");
}

/* librdkafka also takes PROTOCOL://HOST:PORT, with a PROTOCOL of kafka.security.protocol. */
static bool is_protocol(struct slice scheme) {
    return slice_eq_nocase(scheme, "plaintext") || slice_eq_nocase(scheme, "ssl") ||
           slice_eq_nocase(scheme, "sasl_plaintext") || slice_eq_nocase(scheme, "sasl_ssl");
}

bool check_servers(const char *value, struct err *e) {
    for (const char *at = value;; at++) {
        size_t n = strcspn(at, ",");
        struct slice server = slice_trim(slice_of(at, n));
        const char *scheme = memmem(server.p, server.n, "://", 3);
        struct slice host_port =
            scheme == NULL ? server
                           : slice_of(scheme + 3, server.n - (size_t)(scheme + 3 - server.p));
        if (scheme != NULL && is_host_port(host_port, true) &&
            !is_protocol(slice_of(server.p, (size_t)(scheme - server.p))))
            return err_set(e, ERR_CONFIG, "\"%.*s\": brokers have no such scheme, write %.*s",
                           (int)(server.n < 80 ? server.n : 80), server.p,
                           (int)(host_port.n < 80 ? host_port.n : 80), host_port.p);
        if (!is_host_port(host_port, true))
            return err_set(e, ERR_CONFIG, "\"%.*s\" is not a broker, write HOST:PORT,HOST:PORT,...",
                           (int)(server.n < 80 ? server.n : 80), server.p);
        at += n;
        if (*at == '\0')
            return true;
    }
}

static bool is_integer(const char *text, int64_t *value) {
    if (text[strspn(text, "+-0123456789")] != '\0')
        return false;
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

bool parse_integer(const char *text, int64_t min, int64_t max, int64_t *value, struct err *e) {
    if (!is_integer(text, value))
        return err_set(e, ERR_CONFIG,
                       "\"%.80s\" is not a whole number, use %" PRId64 " to %" PRId64, text, min,
                       max);
    if (*value < min || *value > max)
        return err_set(e, ERR_CONFIG, "%" PRId64 " is out of range, use %" PRId64 " to %" PRId64,
                       *value, min, max);
    return true;
}

static const struct {
    const char *name;
    int64_t ms;
} units[] = {{"d", DAY_MS}, {"h", HOUR_MS}, {"m", MINUTE_MS}, {"s", SECOND_MS}, {"ms", 1}};

#define DURATION_DIGITS_MAX 15

static bool is_duration(const char *text, int64_t *ms) {
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > DURATION_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strcmp(text + digits, units[i].name) == 0)
            return !__builtin_mul_overflow(strtoll(text, NULL, 10), units[i].ms, ms);
    return false;
}

/* Refuses a number without a unit, and names the units with which it would be in range. For 0 all
 * units are the same. */
static bool refuse_bare_number(const char *text, int64_t min_ms, int64_t max_ms, struct err *e) {
    struct buf forms = {0};
    int64_t number = strtoll(text, NULL, 10), ms;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (!__builtin_mul_overflow(number, units[i].ms, &ms) && ms >= min_ms && ms <= max_ms &&
            (number != 0 || units[i].ms == SECOND_MS))
            buf_printf(&forms, "%s%s%s", forms.n > 0 ? ", " : "", text, units[i].name);
    if (forms.n > 0)
        (void)err_set(e, ERR_CONFIG, "%s: a duration needs its unit: %s", text, buf_cstr(&forms));
    else
        (void)err_set(e, ERR_CONFIG, "%s: a duration needs its unit, use %s to %s", text,
                      duration_text(min_ms).text, duration_text(max_ms).text);
    buf_release(&forms);
    return false;
}

struct duration_text duration_text(int64_t ms) {
    struct duration_text d;
    size_t i = 0;
    while (ms == 0 ? units[i].ms != SECOND_MS : ms % units[i].ms != 0)
        i++;
    (void)snprintf(d.text, sizeof d.text, "%" PRId64 "%s", ms / units[i].ms, units[i].name);
    return d;
}

bool parse_duration(const char *text, int64_t min_ms, int64_t max_ms, int64_t *ms, struct err *e) {
    size_t digits = strspn(text, "0123456789");
    if (digits > 0 && digits <= DURATION_DIGITS_MAX && text[digits] == '\0')
        return refuse_bare_number(text, min_ms, max_ms, e);
    if (!is_duration(text, ms))
        return err_set(e, ERR_CONFIG,
                       "\"%.80s\" is not a duration, write e.g. 3d, 2h, 10m, 15s or 100ms", text);
    if (*ms < min_ms || *ms > max_ms)
        return err_set(e, ERR_CONFIG, "%s is out of range, use %s to %s", text,
                       duration_text(min_ms).text, duration_text(max_ms).text);
    return true;
}

bool parse_log_level(const char *text, enum log_level *level, struct err *e) {
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
        if (strcmp(text, log_level_name((enum log_level)i)) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    return err_set(e, ERR_CONFIG, "\"%.80s\" is not a log level, use debug, info, warn or error",
                   text);
}
