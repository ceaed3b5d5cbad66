#include "streamer/task/row_origin.h"

#include "schemas/rows.h"
#include "streamer/base/decimal.h"

#include <string.h>

struct row_origin row_origin_read(struct history_headers headers) {
    struct row_origin o = {.is_split = headers.split.p != NULL};
    struct slice header = headers.origin;
    const char *at = header.n > 0 ? memrchr(header.p, '@', header.n) : NULL;
    const char *slash = at != NULL ? memrchr(header.p, '/', (size_t)(at - header.p)) : NULL;
    if (slash == NULL)
        return (struct row_origin){0};
    struct slice offset = slice_of(at + 1, header.n - (size_t)(at + 1 - header.p));
    o.exists = decimal_parse_integer(slice_of(slash + 1, (size_t)(at - slash) - 1), &o.partition) ==
                   DECIMAL_OK &&
               decimal_parse_integer(offset, &o.offset) == DECIMAL_OK && o.offset >= 0;
    return o.exists ? o : (struct row_origin){0};
}

void row_origin_encode(const struct row_origin *o, struct buf *out) {
    avro_put_branch(out, o->exists);
    if (!o->exists)
        return;
    avro_put_long(out, o->partition);
    avro_put_long(out, o->is_split ? -1 - o->offset : o->offset);
}

bool row_origin_decode(struct slice *in, struct row_origin *o) {
    *o = (struct row_origin){0};
    if (!avro_get_branch(in, &o->exists))
        return false;
    if (!o->exists)
        return true;
    if (!avro_get_long(in, &o->partition) || !avro_get_long(in, &o->offset))
        return false;
    o->is_split = o->offset < 0;
    if (o->is_split)
        o->offset = -1 - o->offset;
    return true;
}
