/* registry: a client of a schema registry with Confluent's REST API. A call blocks until there is
 * an answer, for at most `answer_ms` a URL and request. The URLs are tried in turn,
 * beginning with the one that answered last; nothing else is tried again. The client follows no
 * redirect and uses no proxy of the environment. One thread at a time. */
#ifndef STREAMER_REGISTRY_REGISTRY_H
#define STREAMER_REGISTRY_REGISTRY_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdbool.h>
#include <stdint.h>

#define REGISTRY_CONNECT_MS 2000
#define REGISTRY_ANSWER_MS 10000
#define REGISTRY_ANSWER_BYTES_MAX ((size_t)4 << 20)
#define REGISTRY_REFERENCES_MAX 100 /* schemas that one needs, those that these need included */

enum registry_result {
    REGISTRY_OK,
    REGISTRY_UNKNOWN,      /* it has no such schema, subject or version (404 with code 4040x) */
    REGISTRY_INCOMPATIBLE, /* the subject's rules do not allow the schema (409) */
    REGISTRY_REFUSED,      /* it answers, but not this: login, rights, an invalid schema */
    REGISTRY_UNAVAILABLE,  /* it gave no answer, 408, 429, 5xx, or one that is no registry's: the
                              same request may succeed later */
    REGISTRY_RESULT_COUNT
};
const char *registry_result_name(enum registry_result result); /* "ok", "unknown", … */

struct registry_options {
    const char *urls;         /* "http://a:8081,https://b/path" */
    const char *user_info;    /* basic auth, "user:password"; "": none */
    const char *bearer_token; /* "": none */
    const char *ca;           /* PEM file of the authorities of registries; "": the system's */
    const char *certificate;  /* PEM file of the client's own certificate; "": none */
    const char *key;          /* PEM file of its private key; "": none */
    long answer_ms;           /* the longest time for an answer */
    /* Called after each request to one URL, on the caller's thread; NULL: nobody counts. */
    void (*counted)(void *context, enum registry_result result);
    void *context;
};

enum registry_type { REGISTRY_AVRO, REGISTRY_JSON, REGISTRY_OTHER };

struct registry_schema {
    enum registry_type type;
    char type_name[32]; /* as the registry says it, "PROTOBUF" */
    int32_t id, version;
    /* The schema. If it refers to others: a JSON array of all schemas that it needs, each behind
     * those that it needs itself, and it at the end. For Avro that is a union in which every name
     * is known. More than REGISTRY_REFERENCES_MAX, or more bytes than an answer may have, make it
     * REGISTRY_OTHER. */
    struct buf text;
    bool has_references;
};

struct registry;

/* The texts of the options are copied. NULL with an error: ERR_CONFIG if a file cannot be read,
 * else ERR_STOP. */
struct registry *registry_new(const struct registry_options *options, struct err *e);
/* The same with the settings schema.registry.*, of which schema.registry.url is not empty. */
struct registry *registry_of_config(const struct config *c,
                                    void (*counted)(void *context, enum registry_result result),
                                    void *context, struct err *e);
void registry_free(struct registry *r); /* NULL is allowed */
/* Ends the request that is under way within a second, and all later ones at once, with
 * REGISTRY_UNAVAILABLE. Any thread. */
void registry_cancel(struct registry *r);

void registry_schema_release(struct registry_schema *s);

/* Each sets `e` unless the result is REGISTRY_OK: what was asked where, and what came back. */
enum registry_result registry_by_id(struct registry *r, int32_t id, struct registry_schema *out,
                                    struct err *e);
/* `guid`: as text, "00000000-0000-0000-0000-000000000000". */
enum registry_result registry_by_guid(struct registry *r, const char *guid,
                                      struct registry_schema *out, struct err *e);
/* The newest version of a subject. */
enum registry_result registry_latest(struct registry *r, const char *subject,
                                     struct registry_schema *out, struct err *e);
/* The id of an Avro schema that the subject has. */
enum registry_result registry_find(struct registry *r, const char *subject, struct slice schema,
                                   int32_t *id, struct err *e);
/* The same; the subject gets the schema if it does not have it. */
enum registry_result registry_register(struct registry *r, const char *subject, struct slice schema,
                                       int32_t *id, struct err *e);
/* Whether the subject would take the schema as its next version: REGISTRY_OK, also if there is no
 * such subject yet; REGISTRY_INCOMPATIBLE with the reasons that the registry names. */
enum registry_result registry_check(struct registry *r, const char *subject, struct slice schema,
                                    struct err *e);
/* The id of an Avro schema that the subject must have. If it does not have it, it gets it, provided
 * that it is compatible and that `may_register`; else the result is REGISTRY_UNKNOWN or
 * REGISTRY_INCOMPATIBLE. */
enum registry_result registry_find_or_register(struct registry *r, const char *subject,
                                               struct slice schema, bool may_register, int32_t *id,
                                               struct err *e);
/* The error of a subject that does not have our schema, which may not be registered. */
void registry_set_missing(const char *subject, struct err *e);

#endif
