#include "streamer/commands/quarantine_text.h"

#include "streamer/base/base64.h"
#include "streamer/base/json.h"
#include "streamer/base/json_pretty.h"
#include "streamer/base/json_put.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/utf8.h"
#include "streamer/quarantine/advice.h"

#include <inttypes.h>

/* Columns of the list, and of the names in a record. */
#define TIME_WIDTH 26
#define PLACE_WIDTH 22
#define CODE_WIDTH 22
#define ID_WIDTH 14
#define NAME_WIDTH 14
#define HEX_BYTES_MAX 4096 /* more of a value is not shown as hex */

/* --- the list --- */

static void put_time(struct paint *p, int64_t ms, int width) {
    struct buf text = {0};
    timestamp_put_nearest(&text, ms);
    paint_text(p, PAINT_PLAIN, buf_slice(&text), width);
    buf_release(&text);
}

static void put_place(struct paint *p, const struct quarantined *q, int width) {
    struct buf text = {0};
    quarantined_put_place(q, &text);
    paint_text(p, PAINT_BOLD, buf_slice(&text), width);
    buf_release(&text);
}

/* A column that is too narrow is followed by a space all the same. */
static void put_column(struct paint *p, enum paint_colour colour, struct slice text, int width) {
    paint_text(p, colour, text, width - 1);
    buf_put_byte(p->out, ' ');
}

void quarantine_text_row(struct paint *p, const struct listed *r, bool is_distinct) {
    const struct quarantined *q = &r->newest;
    if (is_distinct) {
        paint_printf(p, PAINT_PLAIN, "%6" PRIu64 "  ", r->count);
        put_time(p, r->first_at_ms, TIME_WIDTH);
    }
    put_time(p, q->at_ms, TIME_WIDTH);
    put_place(p, q, PLACE_WIDTH - 1);
    buf_put_byte(p->out, ' ');
    put_column(p, PAINT_YELLOW, q->code, CODE_WIDTH);
    put_column(p, PAINT_PLAIN, q->id.n > 0 ? q->id : slice_str("-"), ID_WIDTH);
    paint_text(p, PAINT_PLAIN, q->reason, 0);
    buf_put_byte(p->out, '\n');
}

/* --- JSON --- */

/* A text as it is; other bytes as base64, in a member whose name ends with "_base64". */
static void put_bytes(struct buf *out, const char *name, const char *base64_name,
                      struct slice bytes) {
    if (bytes.p == NULL) {
        json_put_text(out, name, NULL);
    } else if (utf8_is_valid(bytes)) {
        json_put_name(out, name);
        json_put_string(out, bytes);
    } else {
        json_put_name(out, base64_name);
        buf_put_byte(out, '"');
        base64_put(out, bytes);
        buf_put_byte(out, '"');
    }
}

static void put_common(struct buf *out, const struct quarantined *q) {
    json_put_time(out, "at", q->at_ms);
    put_bytes(out, "topic", "topic_base64", q->topic);
    json_put_int(out, "partition", q->input_partition);
    json_put_int(out, "offset", q->input_offset);
    put_bytes(out, "code", "code_base64", q->code);
    put_bytes(out, "id", "id_base64", q->id.n > 0 ? q->id : slice_null());
    put_bytes(out, "reason", "reason_base64", q->reason);
    json_put_time(out, "replayed_at", q->replayed_at_ms);
    json_put_int(out, "quarantine_partition", q->partition);
    json_put_int(out, "quarantine_offset", q->offset);
}

void quarantine_json_row(struct buf *out, const struct listed *r, bool is_distinct) {
    buf_put_byte(out, '{');
    put_common(out, &r->newest);
    if (is_distinct) {
        json_put_int(out, "count", (int64_t)r->count);
        json_put_time(out, "first_at", r->first_at_ms);
    }
    buf_put_str(out, "}\n");
}

static void put_headers(struct buf *out, const struct quarantined *q) {
    json_put_name(out, "headers");
    buf_put_byte(out, '[');
    for (size_t i = 0; i < q->header_count; i++) {
        buf_put_str(out, i > 0 ? ",{" : "{");
        put_bytes(out, "name", "name_base64", slice_str(q->headers[i].name));
        put_bytes(out, "value", "value_base64", q->headers[i].value);
        buf_put_byte(out, '}');
    }
    buf_put_byte(out, ']');
}

static int64_t time_or_none(int64_t ms) {
    return ms >= 0 ? ms : TIMESTAMP_NONE;
}

void quarantine_json_record(struct buf *out, const struct quarantined *q) {
    struct buf advice = {0};
    advice_put(&advice, q);
    buf_put_byte(out, '{');
    put_common(out, q);
    json_put_time(out, "timestamp", time_or_none(q->timestamp_ms));
    put_headers(out, q);
    put_bytes(out, "key", "key_base64", q->key);
    put_bytes(out, "value", "value_base64", q->value);
    put_bytes(out, "advice", "advice_base64", buf_slice(&advice));
    buf_put_str(out, "}\n");
    buf_release(&advice);
}

void quarantine_json_replay(struct buf *out, uint64_t sent, const struct replay_refusals *r) {
    uint64_t shown = r->refused < REPLAY_SAMPLES_MAX ? r->refused : REPLAY_SAMPLES_MAX;
    buf_put_byte(out, '{');
    json_put_int(out, "replayed", (int64_t)sent);
    json_put_int(out, "replayed_before", (int64_t)r->replayed_before);
    json_put_int(out, "refused", (int64_t)r->refused);
    json_put_name(out, "samples");
    buf_put_byte(out, '[');
    for (uint64_t i = 0; i < shown; i++) {
        struct slice text = slice_str(r->samples[i]);
        buf_put_str(out, i > 0 ? "," : "");
        json_put_string(out, utf8_is_valid(text) ? text : slice_str("?"));
    }
    buf_put_str(out, "]}\n");
}

void quarantine_json_purge(struct buf *out, const struct purge_plan *p) {
    buf_put_byte(out, '{');
    json_put_int(out, "deleted", (int64_t)p->count);
    json_put_int(out, "behind_younger", (int64_t)p->older);
    json_put_int(out, "records", (int64_t)p->all);
    buf_put_str(out, "}\n");
}

/* --- a record --- */

static void put_name(struct paint *p, const char *name) {
    buf_put_str(p->out, "  ");
    put_column(p, PAINT_DIM, slice_str(name), NAME_WIDTH);
}

static void put_line(struct paint *p, const char *name, struct slice text) {
    put_name(p, name);
    paint_text(p, PAINT_PLAIN, text, 0);
    buf_put_byte(p->out, '\n');
}

static void put_hex(struct paint *p, struct slice bytes) {
    size_t shown = bytes.n < HEX_BYTES_MAX ? bytes.n : HEX_BYTES_MAX;
    buf_put_str(p->out, "hex ");
    for (size_t i = 0; i < shown; i++)
        buf_printf(p->out, "%02x", (unsigned char)bytes.p[i]);
    if (shown < bytes.n)
        buf_printf(p->out, "… (%zu bytes in all; --format json has them)", bytes.n);
}

/* The lines of a text, which are made here, without what a terminal would obey. */
static void put_lines(struct paint *p, struct slice text) {
    for (const char *end; (end = memchr(text.p, '\n', text.n)) != NULL;) {
        size_t n = (size_t)(end - text.p);
        paint_text(p, PAINT_PLAIN, slice_of(text.p, n), 0);
        buf_put_byte(p->out, '\n');
        text = slice_of(end + 1, text.n - n - 1);
    }
    paint_text(p, PAINT_PLAIN, text, 0);
}

static bool put_json(struct paint *p, struct slice bytes) {
    struct json json;
    struct buf text = {0};
    json_init(&json);
    const cJSON *root = json_parse(&json, bytes);
    bool is_json = cJSON_IsObject(root) || cJSON_IsArray(root);
    if (is_json) {
        json_put_pretty(&text, bytes, NAME_WIDTH + 2);
        put_lines(p, buf_slice(&text));
    }
    json_release(&json);
    buf_release(&text);
    return is_json;
}

static void put_value(struct paint *p, const char *name, struct slice bytes) {
    put_name(p, name);
    if (bytes.p == NULL)
        paint_text(p, PAINT_DIM, slice_str("null"), 0);
    else if (!utf8_is_valid(bytes))
        put_hex(p, bytes);
    else if (!put_json(p, bytes))
        paint_text(p, PAINT_PLAIN, bytes, 0);
    buf_put_byte(p->out, '\n');
}

static void put_header(struct paint *p, const struct sink_header *h) {
    put_name(p, "header");
    paint_text(p, PAINT_PLAIN, slice_str(h->name), 0);
    buf_put_str(p->out, ": ");
    if (h->value.p != NULL && !utf8_is_valid(h->value))
        put_hex(p, h->value);
    else
        paint_text(p, PAINT_PLAIN, h->value.p != NULL ? h->value : slice_str("null"), 0);
    buf_put_byte(p->out, '\n');
}

static void put_times(struct paint *p, const struct config *c, const struct quarantined *q) {
    put_name(p, "quarantined");
    put_time(p, q->at_ms, 0);
    paint_printf(p, PAINT_DIM, ", as %s/%" PRId32 "@%" PRId64, c->topics[TOPIC_QUARANTINE],
                 q->partition, q->offset);
    buf_put_byte(p->out, '\n');
    put_name(p, "timestamp");
    if (q->timestamp_ms >= 0)
        put_time(p, q->timestamp_ms, 0);
    else
        buf_put_str(p->out, "none");
    buf_put_byte(p->out, '\n');
    put_name(p, "replayed");
    if (q->replayed_at_ms != TIMESTAMP_NONE)
        put_time(p, q->replayed_at_ms, 0);
    else
        buf_put_str(p->out, "no");
    buf_put_byte(p->out, '\n');
}

void quarantine_text_record(struct paint *p, const struct config *c, const struct quarantined *q) {
    struct buf advice = {0};
    advice_put(&advice, q);
    put_place(p, q, PLACE_WIDTH);
    paint_text(p, PAINT_YELLOW, q->code, 0);
    buf_put_byte(p->out, '\n');
    put_line(p, "id", q->id.n > 0 ? q->id : slice_str("-"));
    put_line(p, "reason", q->reason);
    put_times(p, c, q);
    for (size_t i = 0; i < q->header_count; i++)
        put_header(p, &q->headers[i]);
    put_value(p, "key", q->key);
    put_value(p, "value", q->value);
    put_line(p, "what helps", buf_slice(&advice));
    buf_release(&advice);
}
