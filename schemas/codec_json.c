#include "schemas/codec.h"

static bool read(struct codec_reader *r, const struct row_type *type, struct slice bytes, void *row,
                 struct err *e) {
    return row_read_json(type, &r->json, bytes, row) || codec_refuse(type, e);
}

const struct codec codec_json = {
    .name = "json", .prefix = {"{", 1}, .put_body = row_put_json, .read = read};

const struct codec codec_json_numbers = {
    .name = "json", .prefix = {"{", 1}, .put_body = row_put_json_numbers, .read = read};
