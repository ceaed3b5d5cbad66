#include "streamer/registry/schema_cache.h"

#include "schemas/avro/avro_fingerprint.h"
#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/base/steady_cond.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define BUCKETS ((size_t)4096)
#define RETRY_MIN_MS 100

enum state {
    ASKED,
    FOUND,
    UNKNOWN,
    SHOWN, /* the fingerprint of a schema that was found by another key */
};

struct entry {
    TAILQ_ENTRY(entry) order; /* in `asked` or in `known`, but not what is SHOWN or kept */
    LIST_ENTRY(entry) bucket;
    struct schema_key key;
    enum state state;
    struct schema_text schema; /* FOUND */
    int64_t known_ms;          /* UNKNOWN: since when */
    int64_t wanted_ms;         /* ASKED: when somebody last asked */
    int64_t failing_ms;        /* ASKED: since when the registry has failed; 0: it has not */
    struct schema_key by;      /* SHOWN: the other key */
    bool is_kept;              /* FOUND in the directory: it is never evicted */
};

TAILQ_HEAD(entries, entry);
LIST_HEAD(bucket, entry);

struct schema_cache {
    struct schema_source source; /* the first member */
    struct schema_cache_options o;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* over all that follows */
    pthread_cond_t changed;
    bool stopping;
    struct registry *next; /* the thread takes it in place of o.registry; NULL: none */
    struct bucket buckets[BUCKETS];
    struct entries asked; /* the one that is fetched next first; what has failed behind the rest */
    struct entries known; /* the one that was used last at the end */
    size_t asked_count, shown_count;
    size_t bytes; /* of `known` */
    bool is_down; /* the log says so */
    bool has_given_up;
    struct err failure; /* the last one */
};

static int64_t now_ms(const struct schema_cache *c) {
    return clock_ms(c->o.clock, CLOCK_MONOTONIC);
}

/* --- entries; under the lock --- */

static struct bucket *bucket_of(struct schema_cache *c, const struct schema_key *key) {
    uint64_t hash = key->number;
    for (size_t i = 0; i < sizeof key->guid; i++)
        hash = hash * 31 + key->guid[i];
    hash = (hash + (uint64_t)key->kind) * UINT64_C(0x9e3779b97f4a7c15);
    return &c->buckets[hash >> 52];
}

static bool same_key(const struct schema_key *a, const struct schema_key *b) {
    return a->kind == b->kind && a->number == b->number &&
           memcmp(a->guid, b->guid, sizeof a->guid) == 0;
}

static struct entry *find(struct schema_cache *c, const struct schema_key *key) {
    struct entry *x;
    LIST_FOREACH(x, bucket_of(c, key), bucket)
    if (same_key(&x->key, key))
        return x;
    return NULL;
}

static struct entry *add(struct schema_cache *c, const struct schema_key *key) {
    struct entry *x = mem_calloc(1, sizeof *x);
    x->key = *key;
    LIST_INSERT_HEAD(bucket_of(c, key), x, bucket);
    return x;
}

static size_t bytes_of(const struct entry *x) {
    return sizeof *x + x->schema.text.cap;
}

static void forget(struct schema_cache *c, struct entry *x) {
    if (x->state == ASKED) {
        TAILQ_REMOVE(&c->asked, x, order);
        c->asked_count--;
    } else {
        TAILQ_REMOVE(&c->known, x, order);
        c->bytes -= bytes_of(x);
    }
    LIST_REMOVE(x, bucket);
    buf_release(&x->schema.text);
    free(x);
}

static void make_room(struct schema_cache *c) {
    struct entry *x = TAILQ_FIRST(&c->known), *next;
    for (; x != NULL && c->bytes > SCHEMA_CACHE_BYTES_MAX; x = next) {
        next = TAILQ_NEXT(x, order);
        forget(c, x);
    }
}

static void note_known(struct schema_cache *c, struct entry *x, enum state state) {
    x->state = state;
    x->known_ms = now_ms(c);
    TAILQ_INSERT_TAIL(&c->known, x, order);
    c->bytes += bytes_of(x);
}

static void take_schema(struct entry *x, struct schema_text *from) {
    x->schema = *from;
    from->text = (struct buf){0};
}

static bool fingerprint_of(const struct schema_text *schema, struct schema_key *key) {
    *key = (struct schema_key){.kind = SCHEMA_BY_FINGERPRINT};
    return schema->type == SCHEMA_AVRO && !schema->has_references &&
           avro_fingerprint(buf_slice(&schema->text), &key->number);
}

/* Makes a schema known by its fingerprint, too. The entry outlives the schema, which is asked for
 * again if it was evicted. */
static void note_shown(struct schema_cache *c, const struct schema_text *schema,
                       const struct schema_key *by) {
    struct schema_key key;
    if (c->shown_count == SCHEMA_CACHE_SHOWN_MAX || !fingerprint_of(schema, &key) ||
        find(c, &key) != NULL)
        return;
    struct entry *x = add(c, &key);
    x->state = SHOWN;
    x->by = *by;
    c->shown_count++;
}

/* --- lookups --- */

/* Behind those that were asked for earlier, but before those that have failed. */
static void queue(struct schema_cache *c, struct entry *x) {
    struct entry *before = TAILQ_LAST(&c->asked, entries);
    while (before != NULL && before->failing_ms != 0)
        before = TAILQ_PREV(before, entries, order);
    if (before != NULL)
        TAILQ_INSERT_AFTER(&c->asked, before, x, order);
    else
        TAILQ_INSERT_HEAD(&c->asked, x, order);
}

static void ask(struct schema_cache *c, const struct schema_key *key) {
    if (c->asked_count == SCHEMA_CACHE_WAITING_MAX)
        return; /* whoever waits asks again */
    struct entry *x = add(c, key);
    x->wanted_ms = now_ms(c);
    queue(c, x);
    c->asked_count++;
    (void)pthread_cond_signal(&c->changed);
}

static void copy_out(const struct entry *x, struct schema_text *out) {
    struct buf text = out->text;
    *out = x->schema;
    out->text = text;
    buf_set(&out->text, buf_slice(&x->schema.text));
}

/* The entry of the key; NULL: there is none, or "unknown" is too old to be believed. */
static struct entry *find_valid(struct schema_cache *c, const struct schema_key *key) {
    struct entry *x = find(c, key);
    if (x == NULL || x->state != UNKNOWN || now_ms(c) - x->known_ms <= SCHEMA_CACHE_UNKNOWN_MS)
        return x;
    forget(c, x);
    return NULL;
}

static void note_use(struct schema_cache *c, struct entry *x) {
    if (x->is_kept)
        return;
    TAILQ_REMOVE(&c->known, x, order);
    TAILQ_INSERT_TAIL(&c->known, x, order);
}

/* The ids of a registry are positive ints. */
static bool can_be_asked_for(const struct schema_cache *c, const struct schema_key *key) {
    return c->o.registry != NULL && key->kind != SCHEMA_BY_FINGERPRINT &&
           (key->kind != SCHEMA_BY_ID || key->number <= INT32_MAX);
}

static enum schema_answer look(struct schema_cache *c, const struct schema_key *key,
                               struct schema_text *out) {
    struct entry *x = find_valid(c, key);
    if (x != NULL && x->state == SHOWN)
        return look(c, &x->by, out);
    if (x == NULL && !can_be_asked_for(c, key))
        return SCHEMA_UNKNOWN;
    if (x == NULL) {
        ask(c, key);
        return SCHEMA_NOT_NOW;
    }
    if (x->state == ASKED) {
        x->wanted_ms = now_ms(c);
        return SCHEMA_NOT_NOW;
    }
    note_use(c, x);
    if (x->state == UNKNOWN)
        return SCHEMA_UNKNOWN;
    copy_out(x, out);
    return SCHEMA_FOUND;
}

static enum schema_answer lookup(struct schema_source *s, const struct schema_key *key,
                                 struct schema_text *out) {
    struct schema_cache *c = (struct schema_cache *)s; /* its first member */
    (void)pthread_mutex_lock(&c->lock);
    enum schema_answer answer = look(c, key, out);
    (void)pthread_mutex_unlock(&c->lock);
    return answer;
}

/* --- the thread --- */

static void guid_text(const uint8_t guid[16], char text[37]) {
    char *to = text;
    for (size_t i = 0; i < 16; i++)
        to += sprintf(to, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", guid[i]);
}

static enum registry_result fetch(struct registry *r, const struct schema_key *key,
                                  struct schema_text *out, struct err *e) {
    struct registry_schema fetched = {0};
    char guid[37];
    guid_text(key->guid, guid);
    enum registry_result result = key->kind == SCHEMA_BY_GUID
                                      ? registry_by_guid(r, guid, &fetched, e)
                                      : registry_by_id(r, (int32_t)key->number, &fetched, e);
    *out = (struct schema_text){.type = fetched.type == REGISTRY_AVRO   ? SCHEMA_AVRO
                                        : fetched.type == REGISTRY_JSON ? SCHEMA_JSON
                                                                        : SCHEMA_OTHER,
                                .text = fetched.text,
                                .has_references = fetched.has_references};
    memcpy(out->type_name, fetched.type_name, sizeof out->type_name);
    return result;
}

/* What follows is called under the lock. */

/* The schema that the registry has failed to answer for the longest; NULL: there is none. */
static const struct entry *longest_failing(const struct schema_cache *c) {
    const struct entry *x, *longest = NULL;
    TAILQ_FOREACH(x, &c->asked, order)
    if (x->failing_ms != 0 && (longest == NULL || x->failing_ms < longest->failing_ms))
        longest = x;
    return longest;
}

static void note_recovery(struct schema_cache *c) {
    if (!c->is_down || longest_failing(c) != NULL)
        return;
    c->is_down = false;
    log_info("registry", "note=%s", log_quote(&(struct log_value){0}, "it answers again"));
}

static void note_answer(struct schema_cache *c, struct entry *x, enum registry_result result,
                        struct schema_text *schema) {
    TAILQ_REMOVE(&c->asked, x, order);
    c->asked_count--;
    if (result == REGISTRY_OK) {
        note_shown(c, schema, &x->key);
        take_schema(x, schema);
    }
    note_known(c, x, result == REGISTRY_OK ? FOUND : UNKNOWN);
    make_room(c);
    note_recovery(c);
}

/* Others are asked for before this one is tried again. */
static void note_failure(struct schema_cache *c, struct entry *x, const struct err *e) {
    int64_t now = now_ms(c);
    if (!c->is_down)
        log_warn("registry", "reason=%s", log_quote(&(struct log_value){0}, e->text));
    c->is_down = true;
    c->failure = *e;
    if (x->failing_ms == 0)
        x->failing_ms = now;
    if (!c->has_given_up && now - x->failing_ms >= c->o.patience_ms) {
        c->has_given_up = true;
        c->o.gave_up(c->o.context);
    }
    if (now - x->wanted_ms > SCHEMA_CACHE_WANTED_MS) {
        forget(c, x);
        note_recovery(c);
    } else {
        TAILQ_REMOVE(&c->asked, x, order);
        TAILQ_INSERT_TAIL(&c->asked, x, order);
    }
}

static bool has_untried(const struct schema_cache *c) {
    const struct entry *first = TAILQ_FIRST(&c->asked);
    return first != NULL && first->failing_ms == 0;
}

/* Waits before another try, each time twice as long, but not if there is something that was never
 * tried: one schema that the registry cannot give does not delay the others. Meanwhile the lock is
 * not held. */
static void back_off(struct schema_cache *c, int64_t *wait_ms) {
    int64_t until_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC) + *wait_ms;
    while (!c->stopping && c->next == NULL && !has_untried(c) &&
           steady_cond_wait(&c->changed, &c->lock, until_ms))
        ;
    *wait_ms = 2 * *wait_ms < SCHEMA_CACHE_RETRY_MAX_MS ? 2 * *wait_ms : SCHEMA_CACHE_RETRY_MAX_MS;
}

/* Meanwhile the lock is not held. Only this thread takes entries out of `asked`. */
static void fetch_first(struct schema_cache *c, int64_t *wait_ms) {
    struct entry *x = TAILQ_FIRST(&c->asked);
    struct schema_key key = x->key;
    struct schema_text schema;
    struct err e;
    (void)pthread_mutex_unlock(&c->lock);
    enum registry_result result = fetch(c->o.registry, &key, &schema, &e);
    (void)pthread_mutex_lock(&c->lock);
    if (result == REGISTRY_OK || result == REGISTRY_UNKNOWN) {
        note_answer(c, x, result, &schema);
        *wait_ms = RETRY_MIN_MS;
    } else if (!c->stopping && c->next == NULL) { /* else the request was given up */
        note_failure(c, x, &e);
        back_off(c, wait_ms);
    }
    buf_release(&schema.text);
}

static void take_next(struct schema_cache *c) {
    if (c->next == NULL)
        return;
    registry_free(c->o.registry);
    c->o.registry = c->next;
    c->next = NULL;
}

static void *run(void *cache) {
    struct schema_cache *c = cache;
    int64_t wait_ms = RETRY_MIN_MS;
    (void)pthread_mutex_lock(&c->lock);
    while (!c->stopping) {
        take_next(c);
        if (c->asked_count > 0)
            fetch_first(c, &wait_ms);
        else
            (void)pthread_cond_wait(&c->changed, &c->lock);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* --- the directory --- */

static bool read_file(const char *path, struct buf *out, struct err *e) {
    FILE *f = fopen(path, "rbe");
    if (f == NULL)
        return err_set(e, ERR_CONFIG, "schemas.dir: cannot open %s: %s, check its rights", path,
                       strerror(errno));
    char bytes[4096];
    for (size_t n;
         out->n <= REGISTRY_ANSWER_BYTES_MAX && (n = fread(bytes, 1, sizeof bytes, f)) > 0;)
        buf_put(out, bytes, n);
    bool ok = ferror(f) == 0 ||
              err_set(e, ERR_CONFIG, "schemas.dir: cannot read %s: %s", path, strerror(errno));
    (void)fclose(f);
    return ok;
}

/* Takes the text of `schema`, unless it is known already. */
static void keep(struct schema_cache *c, const struct schema_key *key, struct schema_text *schema) {
    if (find(c, key) != NULL)
        return;
    struct entry *x = add(c, key);
    x->state = FOUND;
    x->is_kept = true;
    take_schema(x, schema);
}

static bool add_file(struct schema_cache *c, const char *path, struct err *e) {
    struct schema_text schema = {.type = SCHEMA_AVRO, .type_name = "AVRO"};
    struct schema_key key;
    bool ok = read_file(path, &schema.text, e);
    if (ok && !fingerprint_of(&schema, &key))
        ok = err_set(e, ERR_CONFIG, "schemas.dir: %s is no Avro schema, mend it or take it away",
                     path);
    if (ok)
        keep(c, &key, &schema);
    buf_release(&schema.text);
    return ok;
}

static bool read_directory(struct schema_cache *c, const char *directory, struct err *e) {
    DIR *d = opendir(directory);
    if (d == NULL)
        return err_set(e, ERR_CONFIG, "schemas.dir: cannot open %s: %s, check path and rights",
                       directory, strerror(errno));
    bool ok = true;
    for (const struct dirent *f; ok && (f = readdir(d)) != NULL;) {
        size_t n = strlen(f->d_name);
        if (n < 5 || strcmp(f->d_name + n - 5, ".avsc") != 0)
            continue;
        struct buf path = {0};
        buf_printf(&path, "%s/%s", directory, f->d_name);
        ok = add_file(c, buf_cstr(&path), e);
        buf_release(&path);
    }
    (void)closedir(d);
    return ok;
}

/* --- the cache --- */

static bool start_thread(struct schema_cache *c, struct err *e) {
    c->has_thread = pthread_create(&c->thread, NULL, run, c) == 0;
    return c->has_thread || err_set(e, ERR_STOP, "schema registry: cannot start a thread");
}

struct schema_cache *schema_cache_new(const struct schema_cache_options *options, struct err *e) {
    struct schema_cache *c = mem_calloc(1, sizeof *c);
    c->source = (struct schema_source){.lookup = lookup,
                                       .has_fingerprints_only = options->registry == NULL};
    c->o = *options;
    TAILQ_INIT(&c->asked);
    TAILQ_INIT(&c->known);
    (void)pthread_mutex_init(&c->lock, NULL);
    steady_cond_init(&c->changed);
    bool ok = options->directory[0] == '\0' || read_directory(c, options->directory, e);
    if (ok && (options->registry == NULL || start_thread(c, e)))
        return c;
    schema_cache_free(c);
    return NULL;
}

void schema_cache_renew(struct schema_cache *c, struct registry *registry) {
    (void)pthread_mutex_lock(&c->lock);
    registry_free(c->next);
    c->next = registry;
    registry_cancel(c->o.registry);
    (void)pthread_cond_signal(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
}

void schema_cache_note(struct schema_cache *c, uint32_t id, struct slice text) {
    const struct schema_key key = {.kind = SCHEMA_BY_ID, .number = id};
    (void)pthread_mutex_lock(&c->lock);
    if (find(c, &key) == NULL) {
        struct entry *x = add(c, &key);
        x->schema = (struct schema_text){.type = SCHEMA_AVRO, .type_name = "AVRO"};
        buf_set(&x->schema.text, text);
        note_shown(c, &x->schema, &key);
        note_known(c, x, FOUND);
        make_room(c);
    }
    (void)pthread_mutex_unlock(&c->lock);
}

static void stop_thread(struct schema_cache *c) {
    (void)pthread_mutex_lock(&c->lock);
    c->stopping = true;
    registry_cancel(c->o.registry);
    (void)pthread_cond_signal(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->thread, NULL);
}

static void forget_all(struct schema_cache *c) {
    struct entry *x, *next;
    for (size_t i = 0; i < BUCKETS; i++)
        for (x = LIST_FIRST(&c->buckets[i]); x != NULL; x = next) {
            next = LIST_NEXT(x, bucket);
            buf_release(&x->schema.text);
            free(x);
        }
}

void schema_cache_free(struct schema_cache *c) {
    if (c == NULL)
        return;
    if (c->has_thread)
        stop_thread(c);
    forget_all(c);
    (void)pthread_cond_destroy(&c->changed);
    (void)pthread_mutex_destroy(&c->lock);
    registry_free(c->next);
    registry_free(c->o.registry);
    free(c);
}

struct schema_source *schema_cache_source(struct schema_cache *c) {
    return &c->source;
}

int64_t schema_cache_down_since_ms(struct schema_cache *c, struct err *why) {
    (void)pthread_mutex_lock(&c->lock);
    const struct entry *failing = longest_failing(c);
    int64_t since = failing != NULL ? failing->failing_ms : 0;
    if (failing != NULL)
        *why = c->failure;
    (void)pthread_mutex_unlock(&c->lock);
    return since;
}

bool schema_cache_gave_up(struct schema_cache *c, struct err *why) {
    (void)pthread_mutex_lock(&c->lock);
    bool has_given_up = c->has_given_up;
    if (has_given_up)
        *why = c->failure;
    (void)pthread_mutex_unlock(&c->lock);
    return has_given_up;
}
