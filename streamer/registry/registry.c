#include "streamer/registry/registry.h"

#include "streamer/base/mem.h"
#include "streamer/registry/registry_http.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct registry {
    struct registry_http *http;
};

const char *registry_result_name(enum registry_result result) {
    static const char *const names[] = {"ok", "unknown", "incompatible", "refused", "unavailable"};
    return names[result];
}

struct registry *registry_new(const struct registry_options *options, struct err *e) {
    struct registry_http *http = registry_http_new(options, e);
    if (http == NULL)
        return NULL;
    struct registry *r = mem_alloc(sizeof *r);
    r->http = http;
    return r;
}

struct registry *registry_of_config(const struct config *c,
                                    void (*counted)(void *context, enum registry_result result),
                                    void *context, struct err *e) {
    const struct registry_settings *s = &c->registry;
    const struct registry_options options = {
        .urls = s->urls,
        .user_info = s->user_info,
        .bearer_token = s->bearer_token,
        .ca = s->ca,
        .certificate = s->certificate,
        .key = s->key,
        .answer_ms = REGISTRY_ANSWER_MS,
        .counted = counted,
        .context = context,
    };
    return registry_new(&options, e);
}

void registry_free(struct registry *r) {
    if (r == NULL)
        return;
    registry_http_free(r->http);
    free(r);
}

void registry_cancel(struct registry *r) {
    registry_http_cancel(r->http);
}

/* --- paths --- */

static void put_escaped(struct buf *out, struct slice text) {
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool is_plain = c < 0x80 && (isalnum(c) || (c != '\0' && strchr("-._~", c) != NULL));
        buf_printf(out, is_plain ? "%c" : "%%%02X", c);
    }
}

static void put_version_path(struct buf *path, struct slice subject, struct slice version) {
    buf_put_str(path, "/subjects/");
    put_escaped(path, subject);
    buf_put_str(path, "/versions/");
    put_escaped(path, version);
}

/* --- one schema --- */

static enum registry_result bad_answer(const struct registry_request *q, const char *what,
                                       struct err *e) {
    (void)err_set(e, ERR_RETRY,
                  "schema registry %s: %s %s: the answer has no %s, check schema.registry.url",
                  q->url, q->body == NULL ? "GET" : "POST", q->path, what);
    return REGISTRY_UNAVAILABLE;
}

/* --- references --- */

/* All schemas that one needs, each behind those that it needs itself. */
struct references {
    struct buf list;                      /* their texts, with a comma behind each */
    char *known[REGISTRY_REFERENCES_MAX]; /* paths of those in the list or on their way there */
    size_t count;
    bool is_too_much; /* more than the registry's client takes */
};

static bool is_known(const struct references *refs, const char *path) {
    for (size_t i = 0; i < refs->count; i++)
        if (strcmp(refs->known[i], path) == 0)
            return true;
    return false;
}

/* The paths of the references of a schema, one behind the other with a 0 after each. They are
 * copied because the answer is gone with the next request. A version that was deleted from its
 * subject still is what the schema refers to. */
static void copy_paths(const cJSON *answer, struct buf *paths) {
    const cJSON *reference;
    cJSON_ArrayForEach(reference, json_member(answer, "references")) {
        put_version_path(paths, json_text(json_member(reference, "subject")),
                         json_text(json_member(reference, "version")));
        buf_put_str(paths, "?deleted=true");
        buf_put_byte(paths, '\0');
    }
}

static enum registry_result add_reference(struct registry *r, const char *path,
                                          struct references *refs, struct err *e);

static enum registry_result add_references(struct registry *r, const cJSON *answer,
                                           struct references *refs, struct err *e) {
    struct buf paths = {0};
    copy_paths(answer, &paths);
    enum registry_result result = REGISTRY_OK;
    for (size_t at = 0; at < paths.n && result == REGISTRY_OK && !refs->is_too_much;
         at += strlen(paths.p + at) + 1)
        if (!is_known(refs, paths.p + at))
            result = add_reference(r, paths.p + at, refs, e);
    buf_release(&paths);
    return result;
}

static enum registry_result add_reference(struct registry *r, const char *path,
                                          struct references *refs, struct err *e) {
    struct registry_request q = {.path = path};
    refs->is_too_much = refs->count == REGISTRY_REFERENCES_MAX;
    if (refs->is_too_much)
        return REGISTRY_OK;
    refs->known[refs->count++] = mem_strdup(path);
    enum registry_result result = registry_http_ask(r->http, &q, e);
    if (result != REGISTRY_OK)
        return result;
    struct slice text = json_text(json_member(q.answer.json, "schema"));
    if (text.p == NULL)
        return bad_answer(&q, "schema", e);
    struct buf own = {0};
    buf_set(&own, text);
    result = add_references(r, q.answer.json, refs, e);
    buf_put_slice(&refs->list, buf_slice(&own));
    buf_put_byte(&refs->list, ',');
    buf_release(&own);
    refs->is_too_much = refs->is_too_much || refs->list.n > REGISTRY_ANSWER_BYTES_MAX;
    return result;
}

/* Replaces the text of `out` by the list of all schemas that it needs, it the last. */
static enum registry_result resolve(struct registry *r, const cJSON *answer,
                                    struct registry_schema *out, struct err *e) {
    struct references refs = {0};
    buf_put_byte(&refs.list, '[');
    enum registry_result result = add_references(r, answer, &refs, e);
    buf_put_slice(&refs.list, buf_slice(&out->text));
    buf_put_byte(&refs.list, ']');
    if (refs.is_too_much) {
        out->type = REGISTRY_OTHER;
        (void)snprintf(out->type_name, sizeof out->type_name, "AVRO with too many references");
    } else {
        buf_set(&out->text, buf_slice(&refs.list));
    }
    out->has_references = true;
    buf_release(&refs.list);
    for (size_t i = 0; i < refs.count; i++)
        free(refs.known[i]);
    return result;
}

/* --- schemas --- */

#define SCHEMA_NOT_FOUND 40403

/* Only the code "schema not found" says that an id is unknown. Others speak of subjects, for which
 * such a request does not ask. */
static bool is_other_code(const struct registry_request *q) {
    return strncmp(q->path, "/schemas/", strlen("/schemas/")) == 0 &&
           answer_number(&q->answer, "error_code", 0) != SCHEMA_NOT_FOUND;
}

static enum registry_result get_schema(struct registry *r, const char *path, int32_t id,
                                       struct registry_schema *out, struct err *e) {
    struct registry_request q = {.path = path};
    *out = (struct registry_schema){.id = id};
    enum registry_result result = registry_http_ask(r->http, &q, e);
    if (result == REGISTRY_UNKNOWN && is_other_code(&q)) {
        e->class = ERR_RETRY;
        return REGISTRY_UNAVAILABLE;
    }
    if (result != REGISTRY_OK)
        return result;
    if (!answer_read_schema(&q.answer, id, out))
        return bad_answer(&q, "schema", e);
    if (out->type == REGISTRY_AVRO &&
        cJSON_GetArraySize(json_member(q.answer.json, "references")) > 0)
        result = resolve(r, q.answer.json, out, e);
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
    put_version_path(&path, slice_str(subject), slice_str("latest"));
    enum registry_result result = get_schema(r, buf_cstr(&path), 0, out, e);
    buf_release(&path);
    return result;
}

/* --- subjects --- */

/* POSTs {"schema": …} to "<before><subject><behind>". `id`: of the answer; NULL: not wanted. */
static enum registry_result post_schema(struct registry *r, const char *before, const char *subject,
                                        const char *behind, struct slice schema, int32_t *id,
                                        struct answer *answer, struct err *e) {
    struct buf path = {0}, body = {0};
    buf_put_str(&path, before);
    put_escaped(&path, slice_str(subject));
    buf_put_str(&path, behind);
    buf_put_str(&body, "{\"schema\":");
    json_put_string(&body, schema);
    buf_put_byte(&body, '}');
    struct registry_request q = {.path = buf_cstr(&path), .body = buf_cstr(&body)};
    enum registry_result result = registry_http_ask(r->http, &q, e);
    int64_t number = answer_number(&q.answer, "id", -1);
    if (result == REGISTRY_OK && id != NULL && (number < 0 || number > INT32_MAX))
        result = bad_answer(&q, "id", e);
    else if (result == REGISTRY_OK && id != NULL)
        *id = (int32_t)number;
    *answer = q.answer;
    buf_release(&path);
    buf_release(&body);
    return result;
}

enum registry_result registry_find(struct registry *r, const char *subject, struct slice schema,
                                   int32_t *id, struct err *e) {
    struct answer answer;
    return post_schema(r, "/subjects/", subject, "", schema, id, &answer, e);
}

enum registry_result registry_register(struct registry *r, const char *subject, struct slice schema,
                                       int32_t *id, struct err *e) {
    struct answer answer;
    return post_schema(r, "/subjects/", subject, "/versions", schema, id, &answer, e);
}

static void set_incompatible(const char *subject, const struct answer *answer, struct err *e) {
    struct buf text = {0};
    answer_put_reasons(&text, answer);
    (void)err_set(e, ERR_STOP, "schema registry: subject %s does not take our schema: %s", subject,
                  text.n > 0 ? buf_cstr(&text) : "it is not compatible with the newest version");
    buf_release(&text);
}

enum registry_result registry_check(struct registry *r, const char *subject, struct slice schema,
                                    struct err *e) {
    struct answer answer;
    enum registry_result result =
        post_schema(r, "/compatibility/subjects/", subject, "/versions/latest?verbose=true", schema,
                    NULL, &answer, e);
    if (result == REGISTRY_UNKNOWN) /* a first version is compatible with all that there is */
        return REGISTRY_OK;
    const cJSON *is_compatible = json_member(answer.json, "is_compatible");
    if (result != REGISTRY_OK || cJSON_IsTrue(is_compatible))
        return result;
    if (!cJSON_IsFalse(is_compatible)) {
        (void)err_set(e, ERR_RETRY,
                      "schema registry: the answer does not say whether subject %s takes our "
                      "schema, check schema.registry.url",
                      subject);
        return REGISTRY_UNAVAILABLE;
    }
    set_incompatible(subject, &answer, e);
    return REGISTRY_INCOMPATIBLE;
}

void registry_set_missing(const char *subject, struct err *e) {
    (void)err_set(e, ERR_STOP,
                  "schema registry: subject %s does not have our schema: register it with "
                  "`streamer schemas register`, or set schema.registry.auto.register=true",
                  subject);
}

/* The subject is asked first: it may have the schema as an older version, which the newest one need
 * not be compatible with. */
enum registry_result registry_find_or_register(struct registry *r, const char *subject,
                                               struct slice schema, bool may_register, int32_t *id,
                                               struct err *e) {
    enum registry_result result = registry_find(r, subject, schema, id, e);
    if (result != REGISTRY_UNKNOWN)
        return result;
    if (!may_register) {
        registry_set_missing(subject, e);
        return REGISTRY_UNKNOWN;
    }
    result = registry_check(r, subject, schema, e);
    return result == REGISTRY_OK ? registry_register(r, subject, schema, id, e) : result;
}
