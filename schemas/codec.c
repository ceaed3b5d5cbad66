#include "schemas/codec.h"

#include "streamer/base/mem.h"

/* The first codec whose prefix fits is taken. So a codec whose prefix begins with another codec's
 * prefix stands before that one. */
static const struct codec *const codecs[] = {&codec_json};

const struct codec *codec_of(struct slice bytes) {
    for (size_t i = 0; i < ARRAY_LEN(codecs); i++)
        if (slice_has_prefix(bytes, codecs[i]->prefix))
            return codecs[i];
    return NULL;
}

bool codec_decode(const struct row_type *type, struct json *json, struct slice bytes, void *row) {
    const struct codec *codec = codec_of(bytes);
    return codec != NULL && codec->decode(type, json, bytes, row);
}
