/* Rows of the state and of topics: any bytes are a row, which comes back as it was, or none. The
 * quick way to read a JSON row gives what the tree gives.
 *
 * Input: the number of the type, then the bytes of a row, as Avro and as JSON, or those of a value
 * of a topic in any format. */
#include "fuzz.h"

#include "schemas/codec.h"
#include "schemas/public_schemas.h"
#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/task/customer_ref.h"

#include <assert.h>
#include <stdlib.h>

static const struct row_type *const types[] = {
    &customer_history_type, &account_history_type,  &account_with_customer_type,
    &account_summary_type,  &customer_profile_type, &customer_attributes_type,
    &account_link_type,
};

/* What was read is written, and read again. */
static void check_avro(const struct row_type *type, struct slice in) {
    void *row = mem_calloc(1, type->size), *again = mem_calloc(1, type->size);
    struct buf written = {0}, rewritten = {0};
    if (row_get_avro(type, &in, row)) {
        row_put_avro(type, row, &written);
        struct slice rest = buf_slice(&written);
        assert(row_get_avro(type, &rest, again) && rest.n == 0);
        row_put_avro(type, again, &rewritten);
        assert(slice_eq(buf_slice(&written), buf_slice(&rewritten)));
    }
    buf_release(&written);
    buf_release(&rewritten);
    free(row);
    free(again);
}

static void check_ref(struct slice in) {
    struct customer_ref ref;
    struct ref_origin origin;
    struct buf written = {0}, rewritten = {0};
    if (customer_ref_decode(in, &ref, &origin)) {
        customer_ref_encode(&ref, &origin, &written);
        assert(customer_ref_decode(buf_slice(&written), &ref, &origin));
        customer_ref_encode(&ref, &origin, &rewritten);
        assert(slice_eq(buf_slice(&written), buf_slice(&rewritten)));
    }
    buf_release(&written);
    buf_release(&rewritten);
}

static void check_json(const struct row_type *type, struct slice text) {
    void *row = mem_calloc(1, type->size), *quick = mem_calloc(1, type->size);
    struct json json, other;
    json_init(&json);
    json_init(&other);
    const cJSON *root = json_parse(&json, text);
    bool ok = root != NULL && row_get_json(type, root, row);
    bool quickly = row_read_json(type, &other, text, quick);
    assert(ok == quickly);
    if (ok) {
        struct buf a = {0}, b = {0};
        row_put_json(type, row, &a);
        row_put_json(type, quick, &b);
        assert(slice_eq(buf_slice(&a), buf_slice(&b)));
        buf_release(&a);
        buf_release(&b);
    }
    json_release(&json);
    json_release(&other);
    free(row);
    free(quick);
}

/* A registry that has the schema of one type under each id. */
static enum codec_schema find_schema(void *context, uint32_t id, struct buf *text,
                                     bool *has_references) {
    const struct row_type *type = *(const struct row_type *const *)context;
    (void)id;
    buf_set(text, slice_str(public_schemas[type->result].text));
    *has_references = false;
    return CODEC_SCHEMA_FOUND;
}

static void put_value(const struct row_type *type, const void *row, struct buf *out) {
    buf_put(out, "\0\0\0\0\1", 5);
    row_put_avro(type, row, out);
}

/* What was read of any format is written in Avro, and read again. */
static void check_value(const struct row_type *type, struct slice in) {
    void *row = mem_calloc(1, type->size), *again = mem_calloc(1, type->size);
    struct codec_reader reader;
    struct err e = {0};
    codec_reader_init(&reader, find_schema, &type);
    if (codec_read(&reader, type, in, row, &e)) {
        struct buf written = {0}, rewritten = {0};
        put_value(type, row, &written);
        assert(codec_read(&reader, type, buf_slice(&written), again, &e));
        put_value(type, again, &rewritten);
        assert(slice_eq(buf_slice(&written), buf_slice(&rewritten)));
        buf_release(&written);
        buf_release(&rewritten);
    } else {
        assert(e.class == ERR_STOP && e.text[0] != '\0');
    }
    codec_reader_release(&reader);
    free(row);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice input = slice_of(data, size);
    const struct row_type *type = types[take_byte(&input) % ARRAY_LEN(types)];
    char *bytes = copy(input);
    check_avro(type, slice_of(bytes, input.n));
    check_ref(slice_of(bytes, input.n));
    check_json(type, slice_of(bytes, input.n));
    if (type->result < ROW_RESULT_COUNT)
        check_value(type, slice_of(bytes, input.n));
    free(bytes);
    return 0;
}
