/* Avro: any schema is compiled or refused, and any bytes are read by it or refused; then what later
 * layers rely on holds. What is read takes a time that grows with the bytes alone.
 *
 * Input: one byte of flags (bit 0: accounts; bit 1: the schema is a list with references; bit 2:
 * the bytes are a key), the schema up to a byte 0, the bytes. */
#include "fuzz.h"

#include "schemas/avro/avro_fingerprint.h"

#include <assert.h>
#include <stdlib.h>

#define FRAME_BYTES 5
#define RECORD_MAX_BYTES 4096

struct source {
    struct schema_source port; /* first */
    struct slice text;
    bool has_references;
};

static enum schema_answer lookup(struct schema_source *s, const struct schema_key *key,
                                 struct schema_text *out) {
    const struct source *source = (const struct source *)s;
    assert(key->kind == SCHEMA_BY_ID && key->number == 1);
    out->type = SCHEMA_AVRO;
    buf_set(&out->text, source->text);
    out->has_references = source->has_references;
    return SCHEMA_FOUND;
}

static struct slice take_schema(struct slice *input) {
    const char *end = input->n > 0 ? memchr(input->p, '\0', input->n) : NULL;
    struct slice schema = take(input, end != NULL ? (size_t)(end - input->p) : input->n);
    (void)take(input, 1);
    return schema;
}

/* For LeakSanitizer: avro-c does not free all parts of a schema that it refuses. A schema is parsed
 * once, when it comes from the registry, so such leaks are few. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libavro.so";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice input = slice_of(data, size);
    struct buf framed = {0};
    uint8_t flags = take_byte(&input);
    struct source source = {.port = {.lookup = lookup}, .has_references = (flags & 2) != 0};
    uint64_t fingerprint;
    source.text = take_schema(&input);
    buf_put(&framed, "\0\0\0\0\1", FRAME_BYTES);
    buf_put_slice(&framed, input);
    char *bytes = copy(buf_slice(&framed));
    struct slice record = slice_of(bytes, framed.n);
    struct record r = {.key = (flags & 4) != 0 ? record : slice_null(),
                       .value = (flags & 4) != 0 ? slice_null() : record,
                       .timestamp_ms = FUZZ_KAFKA_TIME};
    struct decoder *decoder = decoder_new(
        &(struct decoder_options){.record_max_bytes = RECORD_MAX_BYTES, .schemas = &source.port});
    struct decoded decoded;
    struct reason why = {0};
    (void)check_record(decoder, (flags & 1) != 0 ? ENTITY_ACCOUNT : ENTITY_CUSTOMER, &r, &decoded,
                       &why);
    (void)avro_fingerprint(source.text, &fingerprint);
    buf_release(&why.text);
    buf_release(&framed);
    decoder_free(decoder);
    free(bytes);
    return 0;
}
