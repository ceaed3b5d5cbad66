#include "streamer/http/http_fetch.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

/* One request while it runs. */
struct exchange {
    const struct http_fetch *f;
    CURL *easy;
    struct curl_slist *headers;
    struct buf *body;
    bool is_too_long;
    char why[CURL_ERROR_SIZE]; /* there is no answer */
};

/* --- what libcurl calls --- */

static bool is_taken_in_parts(const struct exchange *x) {
    long status = 0;
    return x->f->took != NULL &&
           curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status == 200;
}

static size_t take(char *bytes, size_t size, size_t count, void *context) {
    struct exchange *x = context;
    if (is_taken_in_parts(x))
        return x->f->took(x->f->context, slice_of(bytes, size * count)) ? size * count : 0;
    bool is_wanted = x->f->bytes_max > 0;
    x->is_too_long = is_wanted && x->body->n + size * count > x->f->bytes_max;
    if (x->is_too_long || !is_wanted)
        return 0; /* which ends the request */
    buf_put(x->body, bytes, size * count);
    return size * count;
}

#define HEADERS_BYTES_MAX ((size_t)64 << 10)

/* libcurl calls it for each line, also for those of interim answers, which the last ones replace.
 */
static size_t take_header(char *line, size_t size, size_t count, void *context) {
    const struct exchange *x = context;
    struct slice text = slice_of(line, size * count);
    if (slice_has_prefix(text, slice_str("HTTP/")))
        buf_clear(x->f->headers);
    if (x->f->headers->n + text.n > HEADERS_BYTES_MAX)
        return 0;
    buf_put_slice(x->f->headers, text);
    return text.n;
}

static bool is_cancelled(const struct http_fetch *f) {
    return f->is_cancelled != NULL && atomic_load(f->is_cancelled);
}

/* libcurl calls it at least once a second. Not 0 ends the request. */
static int look(void *context, curl_off_t total, curl_off_t now, curl_off_t to_send,
                curl_off_t sent) {
    (void)total, (void)now, (void)to_send, (void)sent;
    return is_cancelled(((struct exchange *)context)->f);
}

/* --- the request --- */

static bool set_target(struct exchange *x) {
    const char *body = x->f->body;
    if (curl_easy_setopt(x->easy, CURLOPT_URL, x->f->url) != CURLE_OK)
        return false;
    if (body == NULL)
        return curl_easy_setopt(x->easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    curl_off_t n = (curl_off_t)strlen(body);
    return curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, body) == CURLE_OK &&
           curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, n) == CURLE_OK;
}

static bool add_header(struct exchange *x, const char *name, const char *value) {
    struct buf line = {0};
    buf_printf(&line, "%s%s", name, value);
    struct curl_slist *longer = curl_slist_append(x->headers, buf_cstr(&line));
    explicit_bzero(line.p, line.n);
    buf_release(&line);
    x->headers = longer != NULL ? longer : x->headers;
    return longer != NULL;
}

static bool set_headers(struct exchange *x) {
    return add_header(x, "Accept: ", "application/json") &&
           (x->f->body == NULL || add_header(x, "Content-Type: ", "application/json")) &&
           (x->f->token == NULL || add_header(x, "Authorization: Bearer ", x->f->token)) &&
           curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers) == CURLE_OK;
}

static bool set_limits(const struct exchange *x) {
    const char *authorities = x->f->authorities;
    return curl_easy_setopt(x->easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(x->easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(x->easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           /* The end does not wait for the system's resolver, which may hang. */
           curl_easy_setopt(x->easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(x->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)x->f->connect_ms) ==
               CURLE_OK &&
           curl_easy_setopt(x->easy, CURLOPT_TIMEOUT_MS, (long)x->f->total_ms) == CURLE_OK &&
           curl_easy_setopt(x->easy, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
           curl_easy_setopt(x->easy, CURLOPT_LOW_SPEED_TIME, (long)(x->f->silent_ms / 1000)) ==
               CURLE_OK &&
           (authorities == NULL || authorities[0] == '\0' ||
            curl_easy_setopt(x->easy, CURLOPT_CAINFO, authorities) == CURLE_OK);
}

static bool set_callbacks(struct exchange *x) {
    return curl_easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
           curl_easy_setopt(x->easy, CURLOPT_WRITEDATA, x) == CURLE_OK &&
           curl_easy_setopt(x->easy, CURLOPT_XFERINFOFUNCTION, look) == CURLE_OK &&
           curl_easy_setopt(x->easy, CURLOPT_XFERINFODATA, x) == CURLE_OK &&
           curl_easy_setopt(x->easy, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl_easy_setopt(x->easy, CURLOPT_ERRORBUFFER, x->why) == CURLE_OK;
}

static bool set_header_callback(struct exchange *x) {
    return x->f->headers == NULL ||
           (curl_easy_setopt(x->easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
            curl_easy_setopt(x->easy, CURLOPT_HEADERDATA, x) == CURLE_OK);
}

static CURLcode perform(struct exchange *x) {
    x->easy = curl_easy_init();
    if (x->easy == NULL || !set_target(x) || !set_headers(x) || !set_limits(x) ||
        !set_callbacks(x) || !set_header_callback(x))
        return CURLE_FAILED_INIT;
    return is_cancelled(x->f) ? CURLE_ABORTED_BY_CALLBACK : curl_easy_perform(x->easy);
}

/* --- its end --- */

/* The beginning of the URL up to the host and port, without a user and a password. */
static void put_place(const char *url, struct buf *out) {
    const char *scheme = strstr(url, "://");
    const char *host = scheme != NULL ? scheme + 3 : url;
    size_t n = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', n);
    buf_put(out, url, (size_t)(host - url));
    buf_put(out, at != NULL ? at + 1 : host, at != NULL ? n - (size_t)(at + 1 - host) : n);
}

static void put_why(const struct exchange *x, CURLcode code, struct buf *out) {
    if (x->is_too_long)
        buf_printf(out, "the answer has more than %zu bytes; check the URL", x->f->bytes_max);
    else if (code == CURLE_ABORTED_BY_CALLBACK)
        buf_put_str(out, "the request was given up");
    else
        buf_printf(out, "%s; check the URL, and that something answers there",
                   x->why[0] != '\0' ? x->why : curl_easy_strerror(code));
}

static bool no_answer(const struct exchange *x, CURLcode code, struct err *e) {
    struct buf text = {0};
    buf_put_str(&text, x->f->body == NULL ? "GET " : "POST ");
    put_place(x->f->url, &text);
    buf_put_str(&text, ": ");
    put_why(x, code, &text);
    (void)err_set(e, ERR_RETRY, "%s", buf_cstr(&text));
    buf_release(&text);
    return false;
}

bool http_fetch(const struct http_fetch *f, int *status, struct buf *body, struct err *e) {
    assert(f->connect_ms > 0 && f->total_ms > 0);
    struct exchange x = {.f = f, .body = body};
    long answered = 0;
    buf_clear(body);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    CURLcode code = perform(&x);
    if (code == CURLE_WRITE_ERROR && f->bytes_max == 0)
        code = CURLE_OK; /* `take` wants no body */
    if (code == CURLE_OK)
        code = curl_easy_getinfo(x.easy, CURLINFO_RESPONSE_CODE, &answered);
    *status = (int)answered;
    bool ok = code == CURLE_OK || no_answer(&x, code, e);
    if (x.easy != NULL)
        curl_easy_cleanup(x.easy);
    curl_slist_free_all(x.headers);
    curl_global_cleanup();
    return ok;
}

struct slice http_fetch_header(const struct buf *headers, const char *name) {
    struct slice rest = buf_slice(headers);
    size_t name_n = strlen(name);
    while (rest.n > 0) {
        const char *end = memchr(rest.p, '\n', rest.n);
        struct slice line = slice_of(rest.p, end != NULL ? (size_t)(end - rest.p) : rest.n);
        if (line.n > name_n && line.p[name_n] == ':' &&
            slice_eq_nocase(slice_of(line.p, name_n), name))
            return slice_trim(slice_of(line.p + name_n + 1, line.n - name_n - 1));
        rest = slice_of(line.p + line.n, rest.n - line.n);
        if (rest.n > 0)
            rest = slice_of(rest.p + 1, rest.n - 1);
    }
    return slice_null();
}
