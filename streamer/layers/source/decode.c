/* The decoder and its one table of formats. */
#include "streamer/layers/source/decode.h"

#include "streamer/base/mem.h"
#include "streamer/layers/source/decode_avro.h"
#include "streamer/layers/source/decode_parts.h"

#include <assert.h>
#include <stdlib.h>

static const struct format formats[] = {
    {"a format whose schema a header names", avro_is_headed, avro_read_headed_value,
     avro_read_headed_key},
    {"registry wire format (Avro, JSON Schema or Protobuf)", avro_is_framed, avro_read_framed_value,
     avro_read_framed_key},
    {"Avro single-object encoding", avro_is_single_object, avro_read_framed_value,
     avro_read_framed_key},
    {"JSON", json_recognizes, json_read_value, key_read_text},
};

struct decoder *decoder_new(const struct decoder_options *options) {
    struct decoder *d = mem_calloc(1, sizeof *d);
    d->record_max_bytes = options->record_max_bytes;
    d->schemas = options->schemas;
    d->formats = formats;
    d->avro = d->schemas != NULL ? avro_cache_new() : NULL;
    for (enum entity e = 0; e < ENTITY_COUNT; e++) {
        struct err error;
        bool ok = field_names_init(&d->names[e], e, options->field_names[e], &error);
        assert(ok); /* the configuration was checked at the start */
        (void)ok;
    }
    json_init(&d->value);
    json_init(&d->key);
    return d;
}

void decoder_free(struct decoder *d) {
    if (d == NULL)
        return;
    for (enum entity e = 0; e < ENTITY_COUNT; e++)
        field_names_release(&d->names[e]);
    json_release(&d->value);
    json_release(&d->key);
    for (size_t i = 0; i < ARRAY_LEN(d->converted); i++)
        buf_release(&d->converted[i]);
    buf_release(&d->position);
    buf_release(&d->strange_names);
    avro_cache_free(d->avro);
    free(d);
}

static void read_as(const struct format *f, struct decoding *g) {
    f->read_value(f, g);
}

void decode_refuse_size(struct reason *why, size_t n, size_t max) {
    (void)reason_set(why, REASON_TOO_LARGE, "Too large: the value has %zu bytes, more than %zu", n,
                     max);
}

static void read_value(struct decoding *g) {
    struct slice value = g->record->value;
    if (value.p == NULL)
        key_read_tombstone(g);
    else if (value.n > g->decoder->record_max_bytes)
        decode_refuse_size(g->why, value.n, g->decoder->record_max_bytes);
    else if (value.n == 0)
        refuse(g, REASON_MALFORMED, "Malformed record: the value is empty (a delete is null)");
    else
        read_as(envelope_format(g->decoder, value, g->record->value_schema_id), g);
}

enum decode_outcome decode(struct decoder *d, enum entity entity, const struct record *r,
                           struct decoded *out, struct reason *why) {
    *out = (struct decoded){.kind = CHANGE_UPSERT};
    why->code = REASON_NONE;
    if (d->avro != NULL)
        avro_cache_trim(d->avro);
    struct decoding g = {.decoder = d, .entity = entity, .record = r, .out = out, .why = why};
    read_value(&g);
    if (g.waits)
        return DECODE_WAIT;
    return why->code == REASON_NONE ? DECODE_EVENT : DECODE_REJECT;
}
