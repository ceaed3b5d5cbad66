#include "streamer/registry/registry.h"

#include "streamer/base/decimal.h"
#include "streamer/base/json.h"
#include "streamer/base/mem.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTENT_TYPE "application/vnd.schemaregistry.v1+json"
#define SHOWN_MAX 300 /* bytes of an answer, in an error */

struct registry {
    struct registry_options o;
    char **urls; /* without a slash at the end */
    size_t url_count, first;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body; /* of the last answer */
    struct json json;
    char why[CURL_ERROR_SIZE];
};

const char *registry_result_name(enum registry_result result) {
    static const char *const names[] = {"ok", "unknown", "incompatible", "refused", "unavailable"};
    return names[result];
}

/* --- one exchange --- */

struct request {
    const char *path, *body; /* body NULL: GET */
    const char *url;         /* the one that answered */
    long status;
    const cJSON
        *answer; /* the JSON of the body, the registry's until the next request; NULL: none */
};

static size_t take(char *bytes, size_t size, size_t count, void *context) {
    struct registry *r = context;
    if (r->body.n + size * count > REGISTRY_ANSWER_BYTES_MAX)
        return 0; /* which ends it */
    buf_put(&r->body, bytes, size * count);
    return size * count;
}

static bool set_file(CURL *easy, CURLoption option, const char *path) {
    return path[0] == '\0' || curl_easy_setopt(easy, option, path) == CURLE_OK;
}

static bool set_login(CURL *easy, const char *user_info) {
    return user_info == NULL ||
           (curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) == CURLE_OK &&
            curl_easy_setopt(easy, CURLOPT_USERPWD, user_info) == CURLE_OK);
}

static bool set_options(struct registry *r) {
    CURL *easy = r->easy;
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)REGISTRY_CONNECT_MS) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)REGISTRY_ANSWER_MS) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, r->headers) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, r) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, r->why) == CURLE_OK &&
           set_file(easy, CURLOPT_CAINFO, r->o.ca) &&
           set_file(easy, CURLOPT_SSLCERT, r->o.certificate) &&
           set_file(easy, CURLOPT_SSLKEY, r->o.key) && set_login(easy, r->o.user_info);
}

static bool send_request(struct registry *r, struct request *q) {
    struct buf url = {0};
    buf_printf(&url, "%s%s", q->url, q->path);
    buf_clear(&r->body);
    r->why[0] = '\0';
    bool ok = curl_easy_setopt(r->easy, CURLOPT_URL, buf_cstr(&url)) == CURLE_OK;
    if (q->body == NULL)
        ok = ok && curl_easy_setopt(r->easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    else
        ok = ok && curl_easy_setopt(r->easy, CURLOPT_POSTFIELDS, q->body) == CURLE_OK &&
             curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(q->body)) ==
                 CURLE_OK;
    CURLcode code = ok ? curl_easy_perform(r->easy) : CURLE_FAILED_INIT;
    if (code != CURLE_OK && r->why[0] == '\0')
        (void)snprintf(r->why, sizeof r->why, "%s", curl_easy_strerror(code));
    buf_release(&url);
    return code == CURLE_OK &&
           curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &q->status) == CURLE_OK;
}

/* --- what an answer means --- */

static int64_t number_of(const cJSON *object, const char *member, int64_t otherwise) {
    int64_t number;
    struct slice text = json_text(json_member(object, member));
    return text.p != NULL && decimal_parse_integer(text, &number) == DECIMAL_OK ? number
                                                                                : otherwise;
}

/* 404 alone may come from anybody who serves HTTP; only a registry's code tells what is unknown. */
static enum registry_result result_of(const struct request *q) {
    int64_t code = number_of(q->answer, "error_code", 0);
    if (q->status == 200)
        return q->answer != NULL ? REGISTRY_OK : REGISTRY_UNAVAILABLE;
    if (q->status == 404 && code >= 40400 && code <= 40499)
        return REGISTRY_UNKNOWN;
    if (q->status == 409)
        return REGISTRY_INCOMPATIBLE;
    if (q->status == 429 || q->status >= 500 || q->answer == NULL)
        return REGISTRY_UNAVAILABLE;
    return REGISTRY_REFUSED;
}

/* One line: an answer may be a page of HTML. */
static void put_shown(struct buf *out, struct slice text) {
    size_t n = text.n < SHOWN_MAX ? text.n : SHOWN_MAX;
    for (size_t i = 0; i < n; i++)
        buf_put_byte(out, (unsigned char)text.p[i] < ' ' ? ' ' : text.p[i]);
    buf_put_str(out, n < text.n ? "…" : "");
}

static void set_error(const struct registry *r, const struct request *q,
                      enum registry_result result, struct err *e) {
    struct buf text = {0};
    struct slice message = json_text(json_member(q->answer, "message"));
    if (q->status == 0)
        buf_put_str(&text, r->why);
    else if (message.p != NULL)
        put_shown(&text, message);
    else
        put_shown(&text, buf_slice(&r->body));
    (void)err_set(e, result == REGISTRY_UNAVAILABLE ? ERR_RETRY : ERR_STOP,
                  "schema registry %s: %s %s: %s%.0ld%s%s", q->url,
                  q->body == NULL ? "GET" : "POST", q->path, q->status != 0 ? "status " : "",
                  q->status, q->status != 0 ? ": " : "", buf_cstr(&text));
    buf_release(&text);
}

static enum registry_result ask_one(struct registry *r, struct request *q, struct err *e) {
    q->status = 0;
    q->answer = NULL;
    enum registry_result result = REGISTRY_UNAVAILABLE;
    if (send_request(r, q)) {
        q->answer = json_parse(&r->json, buf_slice(&r->body));
        result = result_of(q);
    } else {
        q->status = 0;
    }
    if (result != REGISTRY_OK)
        set_error(r, q, result, e);
    if (r->o.counted != NULL)
        r->o.counted(r->o.context, result);
    return result;
}

/* The first of the URLs that is there decides. */
static enum registry_result ask(struct registry *r, struct request *q, struct err *e) {
    enum registry_result result = REGISTRY_UNAVAILABLE;
    for (size_t i = 0; i < r->url_count && result == REGISTRY_UNAVAILABLE; i++) {
        size_t at = (r->first + i) % r->url_count;
        q->url = r->urls[at];
        result = ask_one(r, q, e);
        if (result != REGISTRY_UNAVAILABLE)
            r->first = at;
    }
    return result;
}

/* --- schemas --- */

static enum registry_result bad_answer(const struct request *q, const char *what, struct err *e) {
    (void)err_set(e, ERR_RETRY, "schema registry %s: GET %s: the answer has no %s", q->url, q->path,
                  what);
    return REGISTRY_UNAVAILABLE;
}

static void read_type(const cJSON *answer, struct registry_schema *out) {
    struct slice type = json_text(json_member(answer, "schemaType")); /* left out for Avro */
    if (type.p == NULL)
        type = slice_str("AVRO");
    (void)snprintf(out->type_name, sizeof out->type_name, "%.*s", (int)type.n, type.p);
    out->type = slice_eq(type, slice_str("AVRO"))   ? REGISTRY_AVRO
                : slice_eq(type, slice_str("JSON")) ? REGISTRY_JSON
                                                    : REGISTRY_OTHER;
}

/* The schemas that one needs, in the order in which they must be read. */
struct references {
    struct buf list; /* their texts, each with a comma behind it */
    char **known;    /* paths of those that are in it, or are being added */
    size_t count;
};

static void put_subject_path(struct registry *r, struct buf *path, struct slice subject,
                             struct slice version) {
    char *escaped = curl_easy_escape(r->easy, subject.p, (int)subject.n);
    buf_printf(path, "/subjects/%s/versions/%.*s", escaped != NULL ? escaped : "", (int)version.n,
               version.p);
    curl_free(escaped);
}

static bool is_known(const struct references *refs, const char *path) {
    for (size_t i = 0; i < refs->count; i++)
        if (strcmp(refs->known[i], path) == 0)
            return true;
    return false;
}

static enum registry_result add_reference(struct registry *r, const char *path,
                                          struct references *refs, struct err *e);

/* `answer` goes with the next request: what it names is noted first. */
static enum registry_result add_references(struct registry *r, const cJSON *answer,
                                           struct references *refs, struct err *e) {
    char *paths[REGISTRY_REFERENCES_MAX];
    size_t count = 0;
    const cJSON *reference;
    cJSON_ArrayForEach(reference, json_member(answer, "references")) {
        struct buf path = {0};
        put_subject_path(r, &path, json_text(json_member(reference, "subject")),
                         json_text(json_member(reference, "version")));
        (void)buf_cstr(&path);
        if (count < REGISTRY_REFERENCES_MAX)
            paths[count++] = path.p;
        else
            free(path.p);
    }
    enum registry_result result = REGISTRY_OK;
    for (size_t i = 0; i < count; i++) {
        if (result == REGISTRY_OK && !is_known(refs, paths[i]))
            result = add_reference(r, paths[i], refs, e);
        free(paths[i]);
    }
    return result;
}

static enum registry_result add_reference(struct registry *r, const char *path,
                                          struct references *refs, struct err *e) {
    struct request q = {.path = path};
    if (refs->count == REGISTRY_REFERENCES_MAX) {
        (void)err_set(e, ERR_STOP, "schema registry: a schema needs more than %d others",
                      REGISTRY_REFERENCES_MAX);
        return REGISTRY_REFUSED;
    }
    refs->known[refs->count++] = mem_strdup(path);
    enum registry_result result = ask(r, &q, e);
    if (result != REGISTRY_OK)
        return result;
    struct slice text = json_text(json_member(q.answer, "schema"));
    if (text.p == NULL)
        return bad_answer(&q, "schema", e);
    struct buf own = {0};
    buf_set(&own, text);
    result = add_references(r, q.answer, refs, e);
    buf_put_slice(&refs->list, buf_slice(&own));
    buf_put_byte(&refs->list, ',');
    buf_release(&own);
    return result;
}

static enum registry_result resolve(struct registry *r, const cJSON *answer,
                                    struct registry_schema *out, struct err *e) {
    struct references refs = {.known = mem_calloc(REGISTRY_REFERENCES_MAX, sizeof *refs.known)};
    buf_put_byte(&refs.list, '[');
    enum registry_result result = add_references(r, answer, &refs, e);
    buf_put_slice(&refs.list, buf_slice(&out->text));
    buf_put_byte(&refs.list, ']');
    buf_set(&out->text, buf_slice(&refs.list));
    out->has_references = true;
    buf_release(&refs.list);
    for (size_t i = 0; i < refs.count; i++)
        free(refs.known[i]);
    free(refs.known);
    return result;
}

static enum registry_result get_schema(struct registry *r, const char *path, int32_t id,
                                       struct registry_schema *out, struct err *e) {
    struct request q = {.path = path};
    *out = (struct registry_schema){.id = id};
    enum registry_result result = ask(r, &q, e);
    if (result != REGISTRY_OK)
        return result;
    struct slice text = json_text(json_member(q.answer, "schema"));
    if (text.p == NULL)
        return bad_answer(&q, "schema", e);
    read_type(q.answer, out);
    out->id = (int32_t)number_of(q.answer, "id", id);
    out->version = (int32_t)number_of(q.answer, "version", 0);
    buf_set(&out->text, text);
    if (out->type == REGISTRY_AVRO && cJSON_GetArraySize(json_member(q.answer, "references")) > 0)
        result = resolve(r, q.answer, out, e);
    if (result != REGISTRY_OK)
        registry_schema_release(out);
    return result;
}

void registry_schema_release(struct registry_schema *s) {
    buf_release(&s->text);
}

enum registry_result registry_by_id(struct registry *r, int32_t id, struct registry_schema *out,
                                    struct err *e) {
    char path[64];
    (void)snprintf(path, sizeof path, "/schemas/ids/%d", id);
    return get_schema(r, path, id, out, e);
}

enum registry_result registry_by_guid(struct registry *r, const char *guid,
                                      struct registry_schema *out, struct err *e) {
    char path[96];
    (void)snprintf(path, sizeof path, "/schemas/guids/%s", guid);
    return get_schema(r, path, 0, out, e);
}

enum registry_result registry_latest(struct registry *r, const char *subject,
                                     struct registry_schema *out, struct err *e) {
    struct buf path = {0};
    put_subject_path(r, &path, slice_str(subject), slice_str("latest"));
    enum registry_result result = get_schema(r, buf_cstr(&path), 0, out, e);
    buf_release(&path);
    return result;
}

/* --- subjects --- */

/* POST of {"schema": …} to a path about a subject. */
static enum registry_result post_schema(struct registry *r, const char *before, const char *subject,
                                        const char *behind, struct slice schema, struct request *q,
                                        struct err *e) {
    struct buf path = {0}, body = {0};
    char *escaped = curl_easy_escape(r->easy, subject, 0);
    buf_printf(&path, "%s%s%s", before, escaped != NULL ? escaped : "", behind);
    curl_free(escaped);
    buf_put_str(&body, "{\"schema\":");
    json_put_string(&body, schema);
    buf_put_byte(&body, '}');
    q->path = buf_cstr(&path);
    q->body = buf_cstr(&body);
    enum registry_result result = ask(r, q, e);
    q->path = q->body = NULL;
    buf_release(&path);
    buf_release(&body);
    return result;
}

static enum registry_result post_for_id(struct registry *r, const char *subject, const char *behind,
                                        struct slice schema, int32_t *id, struct err *e) {
    struct request q = {0};
    enum registry_result result = post_schema(r, "/subjects/", subject, behind, schema, &q, e);
    if (result != REGISTRY_OK)
        return result;
    int64_t number = number_of(q.answer, "id", -1);
    if (number < 0 || number > INT32_MAX) {
        (void)err_set(e, ERR_RETRY, "schema registry %s: subject %s: the answer has no id", q.url,
                      subject);
        return REGISTRY_UNAVAILABLE;
    }
    *id = (int32_t)number;
    return REGISTRY_OK;
}

enum registry_result registry_find(struct registry *r, const char *subject, struct slice schema,
                                   int32_t *id, struct err *e) {
    return post_for_id(r, subject, "", schema, id, e);
}

enum registry_result registry_register(struct registry *r, const char *subject, struct slice schema,
                                       int32_t *id, struct err *e) {
    return post_for_id(r, subject, "/versions", schema, id, e);
}

static void set_incompatible(const char *subject, const cJSON *answer, struct err *e) {
    struct buf text = {0};
    const cJSON *message;
    cJSON_ArrayForEach(message, json_member(answer, "messages")) {
        buf_put_str(&text, text.n > 0 ? "; " : "");
        put_shown(&text, json_text(message));
    }
    (void)err_set(e, ERR_STOP, "schema registry: subject %s does not take our schema: %s", subject,
                  text.n > 0 ? buf_cstr(&text) : "it is not compatible with the newest version");
    buf_release(&text);
}

enum registry_result registry_check(struct registry *r, const char *subject, struct slice schema,
                                    struct err *e) {
    struct request q = {0};
    enum registry_result result = post_schema(r, "/compatibility/subjects/", subject,
                                              "/versions/latest?verbose=true", schema, &q, e);
    if (result == REGISTRY_UNKNOWN) /* a first version is compatible with all that there is */
        return REGISTRY_OK;
    if (result != REGISTRY_OK || cJSON_IsTrue(json_member(q.answer, "is_compatible")))
        return result;
    set_incompatible(subject, q.answer, e);
    return REGISTRY_INCOMPATIBLE;
}

/* --- the client --- */

static void add_header(struct registry *r, const char *name, const char *value) {
    struct buf line = {0};
    buf_printf(&line, "%s: %s", name, value);
    r->headers = curl_slist_append(r->headers, buf_cstr(&line));
    explicit_bzero(line.p, line.n);
    buf_release(&line);
}

static void split_urls(struct registry *r) {
    char *urls = mem_strdup(r->o.urls), *rest = urls;
    r->urls = mem_calloc(strlen(urls) / 2 + 1, sizeof *r->urls);
    for (char *url; (url = strsep(&rest, ",")) != NULL;) {
        struct slice s = slice_trim(slice_str(url));
        while (s.n > 0 && s.p[s.n - 1] == '/')
            s.n--;
        if (s.n > 0)
            r->urls[r->url_count++] = strndup(s.p, s.n);
    }
    free(urls);
}

static bool is_readable(const char *key, const char *path, struct err *e) {
    return path[0] == '\0' || access(path, R_OK) == 0 ||
           err_set(e, ERR_CONFIG, "%s: cannot read %s", key, path);
}

static bool open_client(struct registry *r, struct err *e) {
    if (!is_readable("schema.registry.ssl.ca.location", r->o.ca, e) ||
        !is_readable("schema.registry.ssl.certificate.location", r->o.certificate, e) ||
        !is_readable("schema.registry.ssl.key.location", r->o.key, e))
        return false;
    add_header(r, "Accept", CONTENT_TYPE ", application/json");
    add_header(r, "Content-Type", CONTENT_TYPE);
    if (r->o.bearer_token != NULL) {
        struct buf value = {0};
        buf_printf(&value, "Bearer %s", r->o.bearer_token);
        add_header(r, "Authorization", buf_cstr(&value));
        explicit_bzero(value.p, value.n);
        buf_release(&value);
    }
    r->easy = curl_easy_init();
    return (r->easy != NULL && set_options(r)) ||
           err_set(e, ERR_STOP, "schema registry: libcurl cannot begin");
}

struct registry *registry_new(const struct registry_options *options, struct err *e) {
    struct registry *r = mem_calloc(1, sizeof *r);
    r->o = *options;
    json_init(&r->json);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    split_urls(r);
    if (open_client(r, e))
        return r;
    registry_free(r);
    return NULL;
}

void registry_free(struct registry *r) {
    if (r == NULL)
        return;
    if (r->easy != NULL)
        curl_easy_cleanup(r->easy);
    curl_slist_free_all(r->headers);
    curl_global_cleanup();
    for (size_t i = 0; i < r->url_count; i++)
        free(r->urls[i]);
    free(r->urls);
    buf_release(&r->body);
    json_release(&r->json);
    free(r);
}
