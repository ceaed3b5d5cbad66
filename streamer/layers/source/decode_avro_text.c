/* A value that a plan has read becomes the text of a field or of a mark. */
#include "streamer/base/base64.h"
#include "streamer/base/decimal.h"
#include "streamer/base/float_text.h"
#include "streamer/base/utf8.h"
#include "streamer/layers/source/decode_avro.h"

#include <endian.h>

#define IS_NO_DECIMAL "not a decimal of 1 to 64 bytes with its scale"
_Static_assert(DECIMAL_BYTES_MAX == 64, "the text above says so");

static const struct avro_place *place_of(const struct avro_compiled *r, const struct avro_slot *v) {
    return &r->places[v->op->type];
}

static bool is_number(const struct avro_slot *v) {
    return v->op->kind == AVRO_KIND_INT || v->op->kind == AVRO_KIND_LONG;
}

static const char *put_decimal(struct slice bytes, int64_t scale, struct buf *buf,
                               struct slice *text) {
    if (scale < INT32_MIN || scale > INT32_MAX || !decimal_put_scaled(buf, bytes, (int32_t)scale))
        return IS_NO_DECIMAL;
    *text = buf_slice(buf);
    return NULL;
}

/* The scale can be any number's type, and the value bytes of any kind: a union may have both. */
static const char *put_variable_decimal(const struct avro_place *p, const struct avro_slot *slots,
                                        struct buf *buf, struct slice *text) {
    const struct avro_slot *scale = &slots[p->scale_slot], *value = &slots[p->value_slot];
    bool has_bytes = value->op != NULL &&
                     (value->op->kind == AVRO_KIND_BYTES || value->op->kind == AVRO_KIND_FIXED);
    if (scale->op == NULL || !is_number(scale) || !has_bytes)
        return IS_NO_DECIMAL;
    return put_decimal(value->bytes, scale->number, buf, text);
}

static void put_double(struct buf *buf, struct slice bytes) {
    uint64_t bits;
    double v;
    memcpy(&bits, bytes.p, sizeof bits);
    bits = le64toh(bits);
    memcpy(&v, &bits, sizeof v);
    float_put_double(buf, v);
}

static void put_float(struct buf *buf, struct slice bytes) {
    uint32_t bits;
    float v;
    memcpy(&bits, bytes.p, sizeof bits);
    bits = le32toh(bits);
    memcpy(&v, &bits, sizeof v);
    float_put_float(buf, v);
}

static const char *check_text(struct slice text) {
    if (!utf8_is_valid(text))
        return "not valid UTF-8";
    return memchr(text.p, '\0', text.n) != NULL ? "a text with a zero byte" : NULL;
}

/* A value that is what its kind is. `buf` is empty. */
static const char *put_plain(const struct avro_compiled *r, const struct avro_slot *v,
                             struct buf *buf, struct slice *text) {
    switch ((enum avro_kind)v->op->kind) {
    case AVRO_KIND_NULL:
        return NULL;
    case AVRO_KIND_STRING:
        *text = v->bytes;
        return check_text(v->bytes);
    case AVRO_KIND_ENUM:
        *text = avro_compiled_text(r, r->symbols[place_of(r, v)->symbols + (uint32_t)v->number]);
        return NULL;
    case AVRO_KIND_BOOLEAN:
        *text = slice_str(v->number != 0 ? "true" : "false");
        return NULL;
    case AVRO_KIND_INT:
    case AVRO_KIND_LONG:
        buf_put_int(buf, v->number);
        break;
    case AVRO_KIND_FLOAT:
        put_float(buf, v->bytes);
        break;
    case AVRO_KIND_DOUBLE:
        put_double(buf, v->bytes);
        break;
    case AVRO_KIND_BYTES:
    case AVRO_KIND_FIXED:
        return "bytes where a text belongs";
    case AVRO_KIND_RECORD:
    case AVRO_KIND_MAP:
    case AVRO_KIND_UNION: /* which no slot has: it has its branch */
        return IS_AN_OBJECT;
    case AVRO_KIND_ARRAY:
        return IS_A_LIST;
    }
    *text = buf_slice(buf);
    return NULL;
}

const char *avro_text(const struct avro_compiled *r, const struct avro_slot *slots, int16_t slot,
                      struct buf *buf, struct slice *text) {
    *text = slice_null();
    if (slot == AVRO_NO_SLOT || slots[slot].op == NULL)
        return NULL;
    const struct avro_slot *v = &slots[slot];
    const struct avro_place *p = place_of(r, v);
    buf_clear(buf);
    if (p->meaning == AVRO_IS_DECIMAL)
        return put_decimal(v->bytes, p->scale, buf, text);
    if (p->meaning == AVRO_IS_VARIABLE_DECIMAL)
        return put_variable_decimal(p, slots, buf, text);
    return put_plain(r, v, buf, text);
}

/* Reads the type of an updated_at, and the time where the type says it. */
static void read_time(struct decoding *g, const struct avro_place *p, struct slice *text) {
    struct buf *buf = &g->decoder->converted[FIELD_UPDATED_AT];
    if (text->p == NULL)
        return;
    if (p->meaning == AVRO_IS_NO_DATE)
        g->out->updated_at_type = UPDATED_AT_NO_DATE;
    else if (p->meaning == AVRO_IS_TIME)
        g->out->updated_at_type = connect_typed_time(p->time, buf, text);
}

/* What Debezium sends for bytes that the database did not log, of a decimal too. */
static bool is_unavailable_bytes(const struct avro_slot *v) {
    return v->op->kind == AVRO_KIND_BYTES &&
           slice_eq(v->bytes, slice_str("__debezium_unavailable_value"));
}

/* Most times are numbers: they become texts once. */
static bool is_number_of_time(const struct avro_compiled *r, const struct avro_slot *v) {
    return place_of(r, v)->meaning == AVRO_IS_TIME && is_number(v);
}

static void read_number_of_time(struct decoding *g, const struct avro_compiled *r,
                                const struct avro_slot *v) {
    struct slice *text = &g->out->fields[FIELD_UPDATED_AT];
    g->out->updated_at_type = connect_typed_number(place_of(r, v)->time, v->number,
                                                   &g->decoder->converted[FIELD_UPDATED_AT], text);
}

static bool is_plain_bytes(const struct avro_compiled *r, const struct avro_slot *v) {
    return (v->op->kind == AVRO_KIND_BYTES || v->op->kind == AVRO_KIND_FIXED) &&
           place_of(r, v)->meaning != AVRO_IS_DECIMAL;
}

/* They are no date, and shown as in the JSON of Connect. */
static void read_bytes_as_time(struct decoding *g, const struct avro_slot *v) {
    struct buf *buf = &g->decoder->converted[FIELD_UPDATED_AT];
    buf_clear(buf);
    base64_put(buf, v->bytes);
    g->out->updated_at_type = UPDATED_AT_NO_DATE;
    g->out->fields[FIELD_UPDATED_AT] = buf_slice(buf);
}

static void read_text(struct decoding *g, const struct avro_compiled *r,
                      const struct avro_slot *slots, enum field field, int16_t slot) {
    struct slice text;
    const char *fault = avro_text(r, slots, slot, &g->decoder->converted[field], &text);
    if (fault != NULL) {
        g->refused |= FIELD_BIT(field);
        refuse_member(g, field_label(field), fault);
        return;
    }
    if (field == FIELD_UPDATED_AT)
        read_time(g, place_of(r, &slots[slot]), &text);
    row_set_text(g, field, text);
}

void avro_read_field(struct decoding *g, const struct avro_compiled *r,
                     const struct avro_slot *slots, enum field field, int16_t slot) {
    const struct avro_slot *v = slot != AVRO_NO_SLOT ? &slots[slot] : NULL;
    if (v == NULL || v->op == NULL)
        row_set_text(g, field, slice_null());
    else if (is_unavailable_bytes(v))
        row_set_text(g, field, v->bytes);
    else if (field == FIELD_UPDATED_AT && is_number_of_time(r, v))
        read_number_of_time(g, r, v);
    else if (field == FIELD_UPDATED_AT && is_plain_bytes(r, v))
        read_bytes_as_time(g, v);
    else
        read_text(g, r, slots, field, slot);
}
