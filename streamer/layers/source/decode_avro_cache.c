/* The compiled schemas of a decoder: a hash table by schema, entity, and whether it is for keys. */
#include "streamer/base/mem.h"
#include "streamer/layers/source/decode_avro.h"

#include <inttypes.h>
#include <stdlib.h>

#define BUCKETS 4096 /* a power of two */

struct entry {
    struct entry *next;
    struct schema_key key;
    enum entity entity;
    bool is_key;
    struct avro_compiled *compiled;
};

struct avro_cache {
    struct entry *buckets[BUCKETS];
    const struct entry *last; /* most records have the schema of the one before */
    size_t count, bytes;
    struct schema_text text; /* of the schema that is compiled */
    struct avro_slot *slots[2];
    int16_t slot_counts[2];
    struct buf marks[MARK_COUNT];
};

struct avro_cache *avro_cache_new(void) {
    return mem_calloc(1, sizeof(struct avro_cache));
}

static void clear(struct avro_cache *r) {
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *e = r->buckets[i], *next; e != NULL; e = next) {
            next = e->next;
            avro_compiled_free(e->compiled);
            free(e);
        }
        r->buckets[i] = NULL;
    }
    r->last = NULL;
    r->count = r->bytes = 0;
}

void avro_cache_free(struct avro_cache *r) {
    if (r == NULL)
        return;
    clear(r);
    buf_release(&r->text.text);
    for (size_t i = 0; i < MARK_COUNT; i++)
        buf_release(&r->marks[i]);
    free(r->slots[0]);
    free(r->slots[1]);
    free(r);
}

void avro_cache_trim(struct avro_cache *r) {
    if (r->count > AVRO_CACHE_MAX || r->bytes > AVRO_CACHE_BYTES_MAX)
        clear(r);
}

size_t avro_cache_bytes(const struct avro_cache *r) {
    return sizeof *r + r->bytes;
}

static bool same_key(const struct schema_key *a, const struct schema_key *b) {
    if (a->kind != b->kind)
        return false;
    if (a->kind == SCHEMA_BY_GUID)
        return memcmp(a->guid, b->guid, sizeof a->guid) == 0;
    return a->number == b->number;
}

static uint64_t number_of(const struct schema_key *key) {
    uint64_t number = key->number;
    if (key->kind == SCHEMA_BY_GUID)
        memcpy(&number, key->guid, sizeof number);
    return number;
}

static struct entry **bucket_of(struct avro_cache *r, const struct schema_key *key) {
    uint64_t hash = number_of(key) * UINT64_C(0x9e3779b97f4a7c15);
    return &r->buckets[hash >> 32 & (BUCKETS - 1)];
}

static bool is_entry(const struct entry *e, enum entity entity, const struct schema_key *key,
                     bool is_key) {
    return e->entity == entity && e->is_key == is_key && same_key(&e->key, key);
}

static const struct avro_compiled *find(struct avro_cache *r, enum entity entity,
                                        const struct schema_key *key, bool is_key) {
    if (r->last != NULL && is_entry(r->last, entity, key, is_key))
        return r->last->compiled;
    for (const struct entry *e = *bucket_of(r, key); e != NULL; e = e->next)
        if (is_entry(e, entity, key, is_key))
            return (r->last = e)->compiled;
    return NULL;
}

static const struct avro_compiled *add(struct avro_cache *r, enum entity entity,
                                       const struct schema_key *key, bool is_key,
                                       struct avro_compiled *compiled) {
    struct entry *e = mem_calloc(1, sizeof *e), **bucket = bucket_of(r, key);
    *e = (struct entry){*bucket, *key, entity, is_key, compiled};
    *bucket = e;
    r->last = e;
    r->count++;
    r->bytes += sizeof *e + compiled->bytes;
    return compiled;
}

void avro_put_schema_key(struct buf *out, const struct schema_key *key) {
    switch (key->kind) {
    case SCHEMA_BY_ID:
        buf_printf(out, "id %" PRIu64, key->number);
        break;
    case SCHEMA_BY_GUID:
        buf_put_str(out, "GUID ");
        for (size_t i = 0; i < sizeof key->guid; i++)
            buf_printf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", key->guid[i]);
        break;
    case SCHEMA_BY_FINGERPRINT:
        buf_printf(out, "fingerprint %016" PRIx64, key->number);
        break;
    }
}

static void refuse_unknown(struct decoding *g, const char *schema, bool is_key) {
    refuse(g, REASON_UNKNOWN_SCHEMA, "Unknown schema: nobody knows %s, which the %s names", schema,
           is_key ? "key" : "value");
}

/* What is not known is asked for again by the next record: a schema may be registered late. */
static const struct avro_compiled *ask(struct decoding *g, const struct schema_key *key,
                                       bool is_key, const char *schema) {
    struct avro_cache *r = g->decoder->avro;
    struct schema_source *source = g->decoder->schemas;
    switch (source->lookup(source, key, &r->text)) {
    case SCHEMA_FOUND:
        return add(r, g->entity, key, is_key, avro_compiled_new(g, &r->text, is_key));
    case SCHEMA_UNKNOWN:
        refuse_unknown(g, schema, is_key);
        break;
    case SCHEMA_NOT_NOW:
        wait_for(g, "the schema with %s", schema);
        break;
    }
    return NULL;
}

const struct avro_compiled *avro_cache_find(struct decoding *g, const struct schema_key *key,
                                            bool is_key) {
    const struct avro_compiled *found = find(g->decoder->avro, g->entity, key, is_key);
    if (found != NULL && found->how != AVRO_READS_NOTHING)
        return found;
    struct buf schema = {0};
    avro_put_schema_key(&schema, key);
    if (found == NULL)
        found = ask(g, key, is_key, buf_cstr(&schema));
    if (found != NULL && found->how == AVRO_READS_NOTHING)
        refuse(g, REASON_UNKNOWN_SCHEMA,
               "Unknown schema: %s, which the %s names, cannot be used: %s", buf_cstr(&schema),
               is_key ? "key" : "value", found->why);
    buf_release(&schema);
    return found != NULL && found->how != AVRO_READS_NOTHING ? found : NULL;
}

struct avro_slot *avro_cache_slots(struct avro_cache *r, bool is_key, int16_t count) {
    if (r->slot_counts[is_key] < count) {
        r->slots[is_key] = mem_realloc(r->slots[is_key], (size_t)count * sizeof **r->slots);
        r->slot_counts[is_key] = count;
    }
    return r->slots[is_key];
}

struct buf *avro_cache_mark(struct avro_cache *r, enum mark mark) {
    return &r->marks[mark];
}
