#include "schemas/codec.h"

#include "streamer/base/mem.h"

#include <assert.h>

/* The first codec whose prefix fits is taken. So a codec whose prefix begins with another codec's
 * prefix stands before that one. */
static const struct codec *const codecs[] = {&codec_connect_json, &codec_json, &codec_avro};

const struct codec *codec_of(struct slice bytes) {
    for (size_t i = 0; i < ARRAY_LEN(codecs); i++)
        if (slice_has_prefix(bytes, codecs[i]->prefix))
            return codecs[i];
    return NULL;
}

void codec_writer_init(struct codec_writer *w, const struct codec *codec, const uint32_t *ids) {
    assert(ids != NULL || !codec->has_ids);
    *w = (struct codec_writer){.codec = codec};
    for (int i = 0; codec->put_head != NULL && i < ROW_RESULT_COUNT; i++)
        codec->put_head(row_result_types[i], codec->has_ids ? ids[i] : 0, &w->heads[i]);
}

void codec_writer_release(struct codec_writer *w) {
    for (int i = 0; i < ROW_RESULT_COUNT; i++)
        buf_release(&w->heads[i]);
}

void codec_reader_init(struct codec_reader *r, codec_find_schema *find_schema, void *context) {
    *r = (struct codec_reader){.find_schema = find_schema, .context = context};
    json_init(&r->json);
}

void codec_reader_release(struct codec_reader *r) {
    codec_avro_release(r);
    for (int i = 0; i < ROW_RESULT_COUNT; i++)
        buf_release(&r->connect_heads[i]);
    json_release(&r->json);
}

bool codec_read(struct codec_reader *r, const struct row_type *type, struct slice bytes, void *row,
                struct err *e) {
    const struct codec *codec = codec_of(bytes);
    return codec != NULL ? codec->read(r, type, bytes, row, e) : codec_refuse(type, e);
}
