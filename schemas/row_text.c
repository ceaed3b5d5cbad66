#include "schemas/row_text.h"

#include "streamer/base/csv_put.h"
#include "streamer/base/timestamp.h"

/* A text without bytes is no null. */
static void put_text(struct buf *out, struct slice text) {
    if (text.n == 0)
        buf_put_str(out, "\"\"");
    else
        csv_put_text(out, text);
}

static void put_time(struct buf *out, int64_t ms) {
    if (ms != TIMESTAMP_NONE)
        timestamp_put_iso(out, ms);
}

static void put_field(struct buf *out, enum row_field_kind kind, const void *p) {
    switch (kind) {
    case ROW_LONG:
        buf_put_int(out, *(const int64_t *)p);
        break;
    case ROW_TEXT:
    case ROW_BYTES:
        put_text(out, *(const struct slice *)p);
        break;
    case ROW_BOOL:
        buf_put_str(out, *(const bool *)p ? "true" : "false");
        break;
    case ROW_AMOUNT:
    case ROW_RATE:
        decimal_put(out, *(const int64_t *)p, row_decimals(kind));
        break;
    case ROW_TOTAL:
        decimal_put(out, *(const int128 *)p, row_decimals(kind));
        break;
    case ROW_TIME:
    case ROW_OPTIONAL_TIME:
        put_time(out, *(const int64_t *)p);
        break;
    }
}

static void put_csv(const struct row_type *type, const void *row, struct buf *out) {
    for (size_t i = 0; i < type->field_count; i++) {
        const struct row_field *f = &type->fields[i];
        if (i > 0)
            buf_put_byte(out, ',');
        put_field(out, f->kind, (const char *)row + f->offset);
    }
}

void row_text_put_header(enum row_text_format format, const struct row_type *type,
                         struct buf *out) {
    if (format != ROW_TEXT_CSV)
        return;
    for (size_t i = 0; i < type->field_count; i++) {
        buf_put_str(out, i > 0 ? "," : "");
        buf_put_str(out, type->fields[i].name);
    }
    buf_put_byte(out, '\n');
}

void row_text_put(enum row_text_format format, const struct row_type *type, const void *row,
                  struct buf *out) {
    if (format == ROW_TEXT_CSV)
        put_csv(type, row, out);
    else
        row_put_json(type, row, out);
    buf_put_byte(out, '\n');
}
