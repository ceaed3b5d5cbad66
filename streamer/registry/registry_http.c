#include "streamer/registry/registry_http.h"

#include "streamer/base/mem.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTENT_TYPE "application/vnd.schemaregistry.v1+json"

struct registry_http {
    void (*counted)(void *context, enum registry_result result);
    void *context;
    char **urls; /* without a slash at the end */
    size_t url_count;
    size_t first; /* the one that answered last */
    CURL *easy;
    struct curl_slist *headers;
    atomic_bool is_cancelled;
    struct buf body; /* of the last answer */
    bool is_too_long;
    struct json json;
    char why[CURL_ERROR_SIZE]; /* there is no answer */
};

/* --- one exchange --- */

static size_t take(char *bytes, size_t size, size_t count, void *context) {
    struct registry_http *h = context;
    h->is_too_long = h->body.n + size * count > REGISTRY_ANSWER_BYTES_MAX;
    if (h->is_too_long)
        return 0; /* which ends the request */
    buf_put(&h->body, bytes, size * count);
    return size * count;
}

/* libcurl calls it at least once a second. Not 0 ends the request. */
static int is_cancelled(void *context, curl_off_t total, curl_off_t now, curl_off_t to_send,
                        curl_off_t sent) {
    (void)total, (void)now, (void)to_send, (void)sent;
    return atomic_load(&((struct registry_http *)context)->is_cancelled);
}

static bool set_target(struct registry_http *h, const struct registry_request *q) {
    struct buf url = {0};
    buf_printf(&url, "%s%s", q->url, q->path);
    bool ok = curl_easy_setopt(h->easy, CURLOPT_URL, buf_cstr(&url)) == CURLE_OK;
    buf_release(&url);
    if (q->body == NULL)
        return ok && curl_easy_setopt(h->easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    curl_off_t n = (curl_off_t)strlen(q->body);
    return ok && curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, q->body) == CURLE_OK &&
           curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, n) == CURLE_OK;
}

/* False: there is no answer; h->why says why. */
static bool send_request(struct registry_http *h, struct registry_request *q) {
    buf_clear(&h->body);
    h->why[0] = '\0';
    h->is_too_long = false;
    CURLcode code = set_target(h, q) ? curl_easy_perform(h->easy) : CURLE_FAILED_INIT;
    if (code == CURLE_OK)
        code = curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &q->answer.status);
    if (h->is_too_long)
        (void)snprintf(h->why, sizeof h->why, "the answer has more than %zu bytes",
                       REGISTRY_ANSWER_BYTES_MAX);
    else if (h->why[0] == '\0')
        (void)snprintf(h->why, sizeof h->why, "%s", curl_easy_strerror(code));
    return code == CURLE_OK;
}

/* --- one question --- */

static void put_why(const struct registry_http *h, const struct answer *a, struct buf *out) {
    if (a->status == 0) {
        buf_put_str(out, h->why);
        return;
    }
    buf_printf(out, "status %ld", a->status);
    buf_put_str(out, h->body.n > 0 ? ": " : "");
    answer_put_error(out, a, buf_slice(&h->body));
    if (a->status == 401 || a->status == 403)
        buf_put_str(out, "; check schema.registry.basic.auth.user.info, "
                         "schema.registry.bearer.token and what that user may do");
    else if (a->status == 200)
        buf_put_str(out, "; this is no JSON, check schema.registry.url");
}

static void set_error(const struct registry_http *h, const struct registry_request *q,
                      enum registry_result result, struct err *e) {
    struct buf why = {0};
    put_why(h, &q->answer, &why);
    (void)err_set(e, result == REGISTRY_UNAVAILABLE ? ERR_RETRY : ERR_STOP,
                  "schema registry %s: %s %s: %s", q->url, q->body == NULL ? "GET" : "POST",
                  q->path, buf_cstr(&why));
    buf_release(&why);
}

static enum registry_result ask_one(struct registry_http *h, struct registry_request *q,
                                    struct err *e) {
    enum registry_result result = REGISTRY_UNAVAILABLE;
    q->answer = (struct answer){0};
    if (send_request(h, q)) {
        q->answer.json = json_parse(&h->json, buf_slice(&h->body));
        result = answer_result(&q->answer);
    }
    if (result != REGISTRY_OK)
        set_error(h, q, result, e);
    if (h->counted != NULL)
        h->counted(h->context, result);
    return result;
}

static enum registry_result cancelled(struct err *e) {
    (void)err_set(e, ERR_RETRY, "schema registry: the request was given up");
    return REGISTRY_UNAVAILABLE;
}

enum registry_result registry_http_ask(struct registry_http *h, struct registry_request *q,
                                       struct err *e) {
    enum registry_result result = REGISTRY_UNAVAILABLE;
    size_t first = h->first;
    for (size_t i = 0; i < h->url_count && result == REGISTRY_UNAVAILABLE; i++) {
        size_t at = (first + i) % h->url_count;
        if (atomic_load(&h->is_cancelled))
            return cancelled(e);
        q->url = h->urls[at];
        result = ask_one(h, q, e);
        if (result != REGISTRY_UNAVAILABLE)
            h->first = at;
    }
    return result;
}

/* --- the client --- */

static bool set_path(CURL *easy, CURLoption option, const char *path) {
    return path[0] == '\0' || curl_easy_setopt(easy, option, path) == CURLE_OK;
}

static bool set_tls(CURL *easy, const struct registry_options *o) {
    return set_path(easy, CURLOPT_CAINFO, o->ca) &&
           set_path(easy, CURLOPT_SSLCERT, o->certificate) &&
           set_path(easy, CURLOPT_SSLKEY, o->key);
}

static bool set_login(CURL *easy, const char *user_info) {
    return user_info[0] == '\0' ||
           (curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) == CURLE_OK &&
            curl_easy_setopt(easy, CURLOPT_USERPWD, user_info) == CURLE_OK);
}

static bool set_limits(CURL *easy, long answer_ms) {
    const long connect_ms = REGISTRY_CONNECT_MS;
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           /* The end does not wait for the system's resolver, which may hang. */
           curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, answer_ms) == CURLE_OK;
}

static bool set_callbacks(struct registry_http *h) {
    return curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers) == CURLE_OK &&
           curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
           curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, h) == CURLE_OK &&
           curl_easy_setopt(h->easy, CURLOPT_XFERINFOFUNCTION, is_cancelled) == CURLE_OK &&
           curl_easy_setopt(h->easy, CURLOPT_XFERINFODATA, h) == CURLE_OK &&
           curl_easy_setopt(h->easy, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->why) == CURLE_OK;
}

static void add_header(struct registry_http *h, const char *name, const char *value) {
    struct buf line = {0};
    buf_printf(&line, "%s%s", name, value);
    h->headers = curl_slist_append(h->headers, buf_cstr(&line));
    explicit_bzero(line.p, line.n);
    buf_release(&line);
}

static void split_urls(struct registry_http *h, const char *text) {
    char *urls = mem_strdup(text), *rest = urls;
    h->urls = mem_calloc(strlen(urls) / 2 + 1, sizeof *h->urls);
    for (char *url; (url = strsep(&rest, ",")) != NULL;) {
        struct slice s = slice_trim(slice_str(url));
        while (s.n > 0 && s.p[s.n - 1] == '/')
            s.n--;
        if (s.n == 0)
            continue;
        url[(size_t)(s.p - url) + s.n] = '\0';
        h->urls[h->url_count++] = mem_strdup(s.p);
    }
    free(urls);
}

static bool is_readable(const char *key, const char *path, struct err *e) {
    return path[0] == '\0' || access(path, R_OK) == 0 ||
           err_set(e, ERR_CONFIG, "%s: cannot read %s, check path and rights", key, path);
}

static bool open_client(struct registry_http *h, const struct registry_options *o, struct err *e) {
    if (!is_readable("schema.registry.ssl.ca.location", o->ca, e) ||
        !is_readable("schema.registry.ssl.certificate.location", o->certificate, e) ||
        !is_readable("schema.registry.ssl.key.location", o->key, e))
        return false;
    add_header(h, "Accept: ", CONTENT_TYPE ", application/json");
    add_header(h, "Content-Type: ", CONTENT_TYPE);
    if (o->bearer_token[0] != '\0')
        add_header(h, "Authorization: Bearer ", o->bearer_token);
    h->easy = curl_easy_init();
    bool ok = h->easy != NULL && set_limits(h->easy, o->answer_ms) && set_callbacks(h) &&
              set_tls(h->easy, o) && set_login(h->easy, o->user_info);
    return ok || err_set(e, ERR_STOP, "schema registry: libcurl cannot begin");
}

struct registry_http *registry_http_new(const struct registry_options *options, struct err *e) {
    struct registry_http *h = mem_calloc(1, sizeof *h);
    h->counted = options->counted;
    h->context = options->context;
    json_init(&h->json);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    split_urls(h, options->urls);
    if (open_client(h, options, e))
        return h;
    registry_http_free(h);
    return NULL;
}

void registry_http_free(struct registry_http *h) {
    if (h->easy != NULL)
        curl_easy_cleanup(h->easy);
    curl_slist_free_all(h->headers);
    curl_global_cleanup();
    for (size_t i = 0; i < h->url_count; i++)
        free(h->urls[i]);
    free(h->urls);
    buf_release(&h->body);
    json_release(&h->json);
    free(h);
}

void registry_http_cancel(struct registry_http *h) {
    atomic_store(&h->is_cancelled, true);
}
