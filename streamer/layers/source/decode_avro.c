/* The formats that name their schema: by a header, by the five bytes of a registry's wire format,
 * or by Avro's single-object encoding.
 *
 *   header     01, GUID (16) | 00, id (4)     then the value as it is
 *   framed     00, id (4, big endian), value
 *   single     C3 01, CRC-64-AVRO (8, little endian), value
 */
#include "streamer/layers/source/decode_avro.h"

#include <endian.h>

#define FRAME_BYTES 5
#define SINGLE_BYTES 10
#define GUID_HEADER_BYTES 17

/* A key or a value that is read. */
struct avro_input {
    const struct avro_compiled *compiled;
    const struct avro_slot *slots;
};

bool avro_is_headed(struct slice bytes, struct slice schema_id) {
    (void)bytes;
    return schema_id.p != NULL;
}

bool avro_is_framed(struct slice bytes, struct slice schema_id) {
    (void)schema_id;
    return bytes.n > 0 && bytes.p[0] == '\0';
}

bool avro_is_single_object(struct slice bytes, struct slice schema_id) {
    (void)schema_id;
    return slice_has_prefix(bytes, slice_str("\xc3\x01"));
}

/* --- rows --- */

static const struct avro_shape *shape_in(const struct avro_input *in, int16_t slot) {
    const struct avro_op *op = in->slots[slot].op;
    if (op == NULL || in->compiled->places[op->type].meaning != AVRO_IS_SHAPE)
        return NULL;
    return &in->compiled->shapes[in->compiled->places[op->type].shape];
}

static bool is_null(const struct avro_input *in, int16_t slot) {
    return slot == AVRO_NO_SLOT || in->slots[slot].op == NULL ||
           in->slots[slot].op->kind == AVRO_KIND_NULL;
}

static void read_fields(struct decoding *g, const struct avro_input *in,
                        const struct avro_shape *shape) {
    uint32_t wanted = debezium_wanted_fields(g);
    for (enum field f = 0; f < FIELD_COUNT; f++)
        if (shape->fields[f] != AVRO_NO_SLOT && (wanted & FIELD_BIT(f)) != 0)
            avro_read_field(g, in->compiled, in->slots, f, shape->fields[f]);
    g->out->unknown_fields = shape->unknown_fields;
    if (shape->strange_names.n > 0)
        g->out->strange_names = avro_compiled_text(in->compiled, shape->strange_names);
}

/* --- metadata --- */

/* A mark that is no text is missing. Some of them are refused then. */
static void take_mark(struct decoding *g, const struct avro_input *in,
                      const struct avro_shape *shape, enum mark mark, const char *time_name,
                      struct metadata *m) {
    struct slice text;
    struct buf *buf = avro_cache_mark(g->decoder->avro, mark);
    const char *fault = avro_text(in->compiled, in->slots, shape->marks[mark], buf, &text);
    if (fault == NULL)
        metadata_set(m, mark, text);
    else if (mark == MARK_TIME)
        metadata_refuse_time(g, time_name);
    else if (mark == MARK_OP || mark == MARK_DELETED)
        refuse_member(g, mark == MARK_OP ? "__op" : "__deleted", fault);
}

static void take_marks(struct decoding *g, const struct avro_input *in,
                       const struct avro_shape *shape, const char *time_name, struct metadata *m) {
    *m = (struct metadata){0};
    for (enum mark mark = 0; mark < MARK_OTHER; mark++)
        if (shape->marks[mark] != AVRO_NO_SLOT)
            take_mark(g, in, shape, mark, time_name, m);
    m->exists |= shape->exists;
}

static void read_source(struct decoding *g, const struct avro_input *in, int16_t slot) {
    struct metadata m;
    if (is_null(in, slot))
        return;
    const struct avro_shape *shape = shape_in(in, slot);
    if (shape == NULL) {
        metadata_refuse_source(g);
        return;
    }
    take_marks(g, in, shape, "source.ts_ms", &m);
    metadata_finish_source(g, &m);
}

/* --- records --- */

static void read_flat(struct decoding *g, const struct avro_input *in,
                      const struct avro_shape *shape) {
    struct metadata m;
    if (shape->format != NULL) {
        foreign_refuse_format(g, shape->format);
        return;
    }
    if (!shape->has_marks) {
        read_fields(g, in, shape);
        return;
    }
    take_marks(g, in, shape, "__source_ts_ms", &m);
    metadata_finish_flat(g, &m);
    debezium_begin_flat(g, &m);
    read_fields(g, in, shape);
    debezium_end_flat(g, &m);
}

/* What the rows of an envelope are read from. */
struct parts {
    const struct avro_input *in;
    const struct avro_shape *shape;
};

static enum row_presence read_row(struct decoding *g, const struct envelope *e, const char *part,
                                  struct slice *text) {
    const struct parts *parts = e->context;
    int16_t slot = part[0] == 'b' ? parts->shape->before : parts->shape->after;
    if (is_null(parts->in, slot))
        return ROW_IS_NULL;
    const struct avro_shape *shape = shape_in(parts->in, slot);
    if (shape != NULL) {
        read_fields(g, parts->in, shape);
        return ROW_READ;
    }
    if (parts->in->slots[slot].op->kind == AVRO_KIND_STRING)
        *text = parts->in->slots[slot].bytes;
    return ROW_IS_OTHER;
}

static void read_envelope(struct decoding *g, const struct avro_input *in,
                          const struct avro_shape *shape) {
    struct parts parts = {in, shape};
    struct envelope e = {.read_row = read_row, .context = &parts};
    const char *fault = avro_text(in->compiled, in->slots, shape->op,
                                  avro_cache_mark(g->decoder->avro, MARK_OP), &e.op);
    if (fault != NULL) {
        e.op = slice_null();
        refuse_member(g, "op", fault);
    }
    read_source(g, in, shape->source);
    debezium_read_change(g, &e);
}

static void read_record(struct decoding *g, const struct avro_input *in) {
    const struct avro_shape *shape = shape_in(in, in->compiled->root);
    if (shape != NULL && shape->is_envelope)
        read_envelope(g, in, shape);
    else if (shape != NULL)
        read_flat(g, in, shape);
    else if (is_null(in, in->compiled->root))
        key_read_tombstone(g);
    else
        refuse(g, REASON_MALFORMED, "Malformed record: the Avro value is not a record");
}

/* The id is a member of the key, or the key itself. */
static void read_id(struct decoding *g, const struct avro_input *in) {
    enum field id = entity_info(g->entity)->id;
    const struct avro_shape *shape = shape_in(in, in->compiled->root);
    const struct avro_slot *root = &in->slots[in->compiled->root];
    if (shape != NULL)
        avro_read_field(g, in->compiled, in->slots, id, shape->fields[id]);
    else if (root->op->kind == AVRO_KIND_STRING && foreign_is_json(root->bytes))
        refuse(g, REASON_MALFORMED, "Malformed key: a JSON text in an Avro text: encoded twice?");
    else
        avro_read_field(g, in->compiled, in->slots, id, in->compiled->root);
}

/* --- bytes --- */

static void refuse_bytes(struct decoding *g, const struct schema_key *key, const char *what,
                         size_t at, bool is_key) {
    struct buf schema = {0};
    avro_put_schema_key(&schema, key);
    refuse(g, REASON_MALFORMED,
           "Malformed %s: it is not as the schema with %s says: %s, at its byte %zu",
           is_key ? "key" : "record", buf_cstr(&schema), what, at);
    buf_release(&schema);
}

/* Reads the bytes behind `head` ones. False: they are refused. */
static bool read_bytes(struct decoding *g, const struct schema_key *key, size_t head, bool is_key,
                       struct avro_input *in) {
    struct slice whole = is_key ? g->record->key : g->record->value;
    struct slice rest = slice_of(whole.p + head, whole.n - head);
    const char *what;
    struct avro_slot *slots = avro_cache_slots(g->decoder->avro, is_key, in->compiled->slot_count);
    in->slots = slots;
    if (avro_plan_read(in->compiled->plan, &rest, slots, &what))
        return true;
    refuse_bytes(g, key, what, (size_t)(rest.p - whole.p), is_key);
    return false;
}

/* The JSON behind `head` bytes is read as JSON. */
static void read_json(const struct format *f, struct decoding *g, size_t head, bool is_key) {
    const struct record *outer = g->record;
    struct record inner = *outer;
    struct slice *bytes = is_key ? &inner.key : &inner.value;
    *bytes = slice_of(bytes->p + head, bytes->n - head);
    g->record = &inner;
    if (is_key)
        key_read_text(f, g);
    else
        json_read_value(f, g);
    g->record = outer;
}

static void read_with(const struct format *f, struct decoding *g, const struct schema_key *key,
                      size_t head, bool is_key) {
    struct avro_input in = {.compiled = avro_cache_find(g, key, is_key)};
    if (in.compiled == NULL)
        return;
    if (in.compiled->how == AVRO_READS_JSON)
        read_json(f, g, head, is_key);
    else if (!read_bytes(g, key, head, is_key, &in))
        return;
    else if (is_key)
        read_id(g, &in);
    else
        read_record(g, &in);
}

static void refuse_short(struct decoding *g, const char *format, size_t n, size_t needed,
                         bool is_key) {
    refuse(g, REASON_MALFORMED, "Malformed %s: %s of %zu bytes, and its beginning alone has %zu",
           is_key ? "key" : "record", format, n, needed);
}

static struct schema_key key_of_id(const char *p) {
    uint32_t id;
    memcpy(&id, p, sizeof id);
    return (struct schema_key){.kind = SCHEMA_BY_ID, .number = be32toh(id)};
}

static struct schema_key key_of_fingerprint(const char *p) {
    uint64_t fingerprint;
    memcpy(&fingerprint, p, sizeof fingerprint);
    return (struct schema_key){.kind = SCHEMA_BY_FINGERPRINT, .number = le64toh(fingerprint)};
}

/* --- which schema a value names --- */

static enum avro_names named_by_header(struct slice header, struct schema_key *key) {
    if (header.n == GUID_HEADER_BYTES && header.p[0] == '\x01') {
        *key = (struct schema_key){.kind = SCHEMA_BY_GUID};
        memcpy(key->guid, header.p + 1, sizeof key->guid);
    } else if (header.n == FRAME_BYTES && header.p[0] == '\0') {
        *key = key_of_id(header.p + 1);
    } else {
        return AVRO_NAMES_UNREADABLE;
    }
    return AVRO_NAMES_ONE;
}

enum avro_names avro_schema_named(const struct record *r, const struct schema_source *source,
                                  struct schema_key *key, size_t *head) {
    bool has_header = r->value_schema_id.p != NULL;
    bool is_single = avro_is_single_object(r->value, r->value_schema_id);
    if (!has_header && !is_single && !avro_is_framed(r->value, r->value_schema_id))
        return AVRO_NAMES_NONE;
    *head = has_header ? 0 : is_single ? SINGLE_BYTES : FRAME_BYTES;
    if (source == NULL || (source->has_fingerprints_only && !is_single))
        return has_header && slice_has_prefix(slice_trim(r->value), slice_str("{"))
                   ? AVRO_NAMES_NONE
                   : AVRO_NAMES_UNREADABLE;
    if (has_header)
        return named_by_header(r->value_schema_id, key);
    if (r->value.n < *head)
        return AVRO_NAMES_UNREADABLE;
    *key = is_single ? key_of_fingerprint(r->value.p + 2) : key_of_id(r->value.p + 1);
    return AVRO_NAMES_ONE;
}

/* --- formats --- */

static bool has_registry(const struct decoding *g) {
    return g->decoder->avro != NULL && !g->decoder->schemas->has_fingerprints_only;
}

/* Whether there is a source of the schema that the bytes name. */
static bool has_source(const struct decoding *g, struct slice framed) {
    return has_registry(g) || (g->decoder->avro != NULL && framed.p[0] != '\0');
}

static void read_framed(const struct format *f, struct decoding *g, struct slice bytes,
                        bool is_key) {
    bool is_single = bytes.p[0] != '\0';
    size_t head = is_single ? SINGLE_BYTES : FRAME_BYTES;
    if (bytes.n < head) {
        refuse_short(g, f->name, bytes.n, head, is_key);
        return;
    }
    struct schema_key key = is_single ? key_of_fingerprint(bytes.p + 2) : key_of_id(bytes.p + 1);
    read_with(f, g, &key, head, is_key);
}

void avro_read_framed_value(const struct format *f, struct decoding *g) {
    if (has_source(g, g->record->value))
        read_framed(f, g, g->record->value, false);
    else
        foreign_refuse_value(f, g);
}

void avro_read_framed_key(const struct format *f, struct decoding *g) {
    if (has_source(g, g->record->key))
        read_framed(f, g, g->record->key, true);
    else
        foreign_refuse_key(f, g);
}

static void read_headed(const struct format *f, struct decoding *g, struct slice header,
                        bool is_key) {
    struct schema_key key;
    if (named_by_header(header, &key) != AVRO_NAMES_ONE) {
        refuse(g, REASON_MALFORMED,
               "Malformed record: the header __%s_schema_id has %zu bytes that name no schema",
               is_key ? "key" : "value", header.n);
        return;
    }
    read_with(f, g, &key, 0, is_key);
}

/* Without a registry a text is read as one: the schema of JSON need not be known. */
static bool looks_like_text(struct slice bytes) {
    bytes = slice_trim(bytes);
    return bytes.n > 0 && bytes.p[0] == '{';
}

void avro_read_headed_value(const struct format *f, struct decoding *g) {
    if (has_registry(g))
        read_headed(f, g, g->record->value_schema_id, false);
    else if (looks_like_text(g->record->value))
        json_read_value(f, g);
    else
        foreign_refuse_value(f, g);
}

void avro_read_headed_key(const struct format *f, struct decoding *g) {
    if (has_registry(g))
        read_headed(f, g, g->record->key_schema_id, true);
    else
        key_read_text(f, g);
}
