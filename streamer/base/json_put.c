#include "streamer/base/json_put.h"

#include "streamer/base/decimal.h"
#include "streamer/base/json.h"
#include "streamer/base/timestamp.h"

void json_put_name(struct buf *out, const char *name) {
    bool is_first = out->n == 0 || out->p[out->n - 1] == '{';
    buf_printf(out, "%s\"%s\":", is_first ? "" : ",", name);
}

void json_put_text(struct buf *out, const char *name, const char *text) {
    json_put_name(out, name);
    if (text == NULL)
        buf_put_str(out, "null");
    else
        json_put_string(out, slice_str(text));
}

void json_put_int(struct buf *out, const char *name, int64_t value) {
    json_put_name(out, name);
    buf_put_int(out, value);
}

void json_put_bool(struct buf *out, const char *name, bool value) {
    json_put_name(out, name);
    buf_put_str(out, value ? "true" : "false");
}

void json_put_decimal(struct buf *out, const char *name, int64_t value, int scale) {
    json_put_name(out, name);
    decimal_put(out, value, scale);
}

void json_put_time(struct buf *out, const char *name, int64_t ms) {
    json_put_name(out, name);
    if (ms == TIMESTAMP_NONE) {
        buf_put_str(out, "null");
        return;
    }
    buf_put_byte(out, '"');
    timestamp_put_nearest(out, ms);
    buf_put_byte(out, '"');
}
