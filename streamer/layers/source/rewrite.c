#include "streamer/layers/source/rewrite.h"

#include "streamer/layers/source/rewrite_parts.h"

/* --- formats --- */

/* Behind the id of a schema. */
static bool rewrite_behind(const struct rewriting *w, const struct schema_key *key, size_t head,
                           struct slice value, struct buf *out, struct err *e) {
    struct schema_source *source = w->g.decoder->schemas;
    struct schema_text schema = {0};
    struct slice rest = slice_of(value.p + head, value.n - head);
    bool ok = source->lookup(source, key, &schema) == SCHEMA_FOUND;
    buf_put(out, value.p, head);
    if (!ok)
        (void)err_set(e, ERR_RETRY, "the schema of the record is not known");
    else if (schema.type == SCHEMA_OTHER)
        ok = err_set(e, ERR_STOP, "the schema of the record is of type %s", schema.type_name);
    else
        ok = schema.type == SCHEMA_JSON ? rewrite_json(w, rest, out, e)
                                        : rewrite_avro(w, &schema, rest, out, e);
    buf_release(&schema.text);
    return ok;
}

static bool rewrite_field(const struct rewriting *w, struct slice value, struct buf *out,
                          struct err *e) {
    struct schema_key key;
    size_t head;
    struct record r = *w->g.record;
    r.value = value;
    buf_clear(out);
    switch (avro_schema_named(&r, w->g.decoder->schemas, &key, &head)) {
    case AVRO_NAMES_NONE:
        return rewrite_json(w, value, out, e);
    case AVRO_NAMES_ONE:
        return rewrite_behind(w, &key, head, value, out, e);
    case AVRO_NAMES_UNREADABLE:
        break;
    }
    return err_set(e, ERR_STOP,
                   "the record names a schema that cannot be looked up, set schema.registry.url");
}

/* --- the record --- */

/* Which row of an envelope counts. False: the record has no fields. */
static bool choose_part(const struct decoded *decoded, const char **part, struct err *e) {
    switch (decoded->kind) {
    case CHANGE_TOMBSTONE:
        return err_set(e, ERR_STOP, "a tombstone has no fields");
    case CHANGE_TRUNCATE:
        return err_set(e, ERR_STOP, "a truncate has no fields");
    case CHANGE_DELETE:
    case CHANGE_UPSERT:
        break;
    }
    *part = decoded->kind == CHANGE_DELETE ? "before" : "after";
    return true;
}

static bool read_kind(struct rewriting *w, struct err *e) {
    struct decoded decoded;
    struct reason why = {0};
    bool waits = decode(w->g.decoder, w->g.entity, w->g.record, &decoded, &why) == DECODE_WAIT;
    if (waits)
        (void)err_set(e, ERR_RETRY, "it waits for %s", buf_cstr(&why.text));
    buf_release(&why.text);
    return !waits && choose_part(&decoded, &w->part, e);
}

bool rewrite_value(struct decoder *d, enum entity entity, const struct record *r,
                   const struct rewrite_field *fields, size_t count, struct buf *value,
                   struct err *e) {
    struct rewriting w = {.g = {.decoder = d, .entity = entity, .record = r}};
    struct buf next = {0};
    buf_clear(value);
    if (r->value.p == NULL)
        return err_set(e, ERR_STOP, "a tombstone has no fields");
    buf_set(value, r->value);
    bool ok = read_kind(&w, e);
    for (size_t i = 0; ok && i < count; i++) {
        w.field = fields[i];
        ok = rewrite_field(&w, buf_slice(value), &next, e);
        if (ok)
            buf_set(value, buf_slice(&next));
    }
    buf_release(&next);
    return ok;
}
