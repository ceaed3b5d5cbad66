#include "streamer/commands/instance.h"

#include "streamer/base/address.h"
#include "streamer/config/secret_file.h"
#include "streamer/http/http_fetch.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 3000
#define TOTAL_MS 15000 /* longer than an instance waits for the others */
#define ANSWER_BYTES_MAX ((size_t)64 << 20)

/* --- where it is --- */

/* An address that stands for all of this machine's is asked by the name of the machine itself. */
static struct slice host_to_ask(const struct address *listen) {
    bool is_any = slice_eq(listen->host, slice_str("0.0.0.0")) ||
                  slice_eq(listen->host, slice_str("::")) || slice_eq(listen->host, slice_str("*"));
    return is_any ? slice_str("localhost") : listen->host;
}

bool instance_url(const struct config *c, struct buf *out, struct err *e) {
    struct address listen;
    bool is_tls = c->http_tls_certificate[0] != '\0';
    buf_clear(out);
    if (c->http_listen[0] == '\0' || !address_parse(slice_str(c->http_listen), &listen))
        return err_set(e, ERR_CONFIG,
                       "http.listen is empty, so the instance cannot be asked; set it, or give "
                       "--url http://HOST:PORT");
    if (is_tls && c->http_advertised_url[0] != '\0') {
        buf_put_str(out, c->http_advertised_url);
        return true;
    }
    struct slice host = host_to_ask(&listen);
    bool is_v6 = memchr(host.p, ':', host.n) != NULL;
    buf_printf(out, "%s://%s%.*s%s:%d", is_tls ? "https" : "http", is_v6 ? "[" : "", (int)host.n,
               host.p, is_v6 ? "]" : "", listen.port);
    return true;
}

static bool choose_url(const struct config *c, const char *url, struct buf *out, struct err *e) {
    struct url parts;
    if (url == NULL)
        return instance_url(c, out, e);
    if (!url_parse(slice_str(url), &parts))
        return err_set(e, ERR_CONFIG, "--url: \"%.100s\" is no URL, write http://HOST:PORT", url);
    buf_set(out, slice_str(url));
    out->n -= out->p[out->n - 1] == '/';
    return true;
}

/* --- what it says --- */

/* The text of {"error": "…"}, or nothing. */
static void put_error(struct buf *out, struct slice body) {
    struct json json;
    json_init(&json);
    struct slice text = json_text(json_member(json_parse(&json, body), "error"));
    if (text.n > 0)
        buf_printf(out, ": %.*s", (int)text.n, text.p);
    json_release(&json);
}

static bool is_good(const char *url, int status, const struct buf *body, struct err *e) {
    struct buf text = {0};
    if (status == 200)
        return true;
    put_error(&text, buf_slice(body));
    if (status == 401)
        buf_put_str(&text, ", check http.token.file");
    (void)err_set(e, ERR_RETRY, "%s: status %d%s", url, status, buf_cstr(&text));
    buf_release(&text);
    return false;
}

static bool fetch(const struct config *c, const char *url, const char *path, const char *token,
                  struct buf *body, struct err *e) {
    struct buf target = {0};
    int status = 0;
    buf_printf(&target, "%s%s", url, path);
    const struct http_fetch f = {.url = buf_cstr(&target),
                                 .token = token,
                                 .authorities = c->http_tls_ca,
                                 .connect_ms = CONNECT_MS,
                                 .total_ms = TOTAL_MS,
                                 .bytes_max = ANSWER_BYTES_MAX,
                                 .is_cancelled = c->stop};
    bool ok = http_fetch(&f, &status, body, e) && is_good(url, status, body, e);
    if (!ok && c->stop != NULL && atomic_load(c->stop))
        (void)err_set(e, ERR_STOP, "interrupted while %s was asked", url);
    buf_release(&target);
    return ok;
}

bool instance_find(struct instance *in, const struct config *c, const char *url, struct err *e) {
    *in = (struct instance){0};
    if (choose_url(c, url, &in->url, e) &&
        (c->http_token_file[0] == '\0' ||
         (in->token = secret_file_read(c->http_token_file, e)) != NULL ||
         err_prefix(e, "http.token.file")))
        return true;
    instance_release(in);
    return false;
}

void instance_release(struct instance *in) {
    if (in->token != NULL)
        explicit_bzero(in->token, strlen(in->token));
    free(in->token);
    buf_release(&in->url);
    *in = (struct instance){0};
}

bool instance_ask(const struct config *c, const char *url, const char *path, struct buf *body,
                  struct err *e) {
    struct instance in;
    if (!instance_find(&in, c, url, e))
        return false;
    bool ok = fetch(c, buf_cstr(&in.url), path, in.token, body, e);
    instance_release(&in);
    return ok;
}

/* --- all instances --- */

bool instances_read(struct instances *in, struct slice text, struct err *e) {
    json_init(&in->json);
    in->list = json_member(json_parse(&in->json, text), "instances");
    if (cJSON_GetArraySize(in->list) > 0) /* 0 also where it is no array */
        return true;
    instances_release(in);
    return err_set(e, ERR_RETRY,
                   "the instance answers something else than is asked for; check "
                   "that it is streamer, of this version or a newer one");
}

void instances_release(struct instances *in) {
    json_release(&in->json);
}

static int64_t number_of(const cJSON *item) {
    struct buf text = {0};
    buf_set(&text, json_text(item));
    int64_t n = strtoll(buf_cstr(&text), NULL, 10);
    buf_release(&text);
    return n;
}

/* "0 to 3, 7" */
static void put_ranges(const cJSON *partitions, struct buf *out) {
    const cJSON *item = NULL;
    int64_t first = -1, last = -1;
    const char *before = "";
    cJSON_ArrayForEach(item, partitions) {
        int64_t n = number_of(item);
        if (first >= 0 && n == last + 1) {
            last = n;
            continue;
        }
        if (first >= 0)
            buf_printf(out, last > first ? "%s%lld to %lld" : "%s%lld", before, (long long)first,
                       (long long)last);
        before = first >= 0 ? ", " : "";
        first = last = n;
    }
    if (first >= 0)
        buf_printf(out, last > first ? "%s%lld to %lld" : "%s%lld", before, (long long)first,
                   (long long)last);
}

void instance_put_name(const cJSON *instance, struct buf *out) {
    struct slice url = json_text(json_member(instance, "url"));
    const cJSON *partitions = json_member(instance, "partitions");
    bool is_self = cJSON_IsTrue(json_member(instance, "self"));
    if (url.n > 0)
        buf_put_slice(out, url);
    else
        buf_put_str(out, is_self ? "this instance" : "an unknown instance");
    bool has_some = cJSON_GetArraySize(partitions) > 0;
    buf_put_str(out, has_some ? ", partitions " : ", no partitions");
    put_ranges(partitions, out);
}

int64_t instance_number(const cJSON *object, const char *name, int64_t otherwise) {
    const cJSON *item = json_member(object, name);
    return json_is_number(item) ? number_of(item) : otherwise;
}

bool instance_is_reached(const cJSON *instance) {
    return cJSON_IsTrue(json_member(instance, "reached"));
}
