/* Texts of typed values, by the schema that the JSON converter of Kafka Connect sends along. */
#include "streamer/base/base64.h"
#include "streamer/base/decimal.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/layers/source/decode_parts.h"

static bool text_is(const cJSON *item, const char *text) {
    return cJSON_IsString(item) && strcmp(item->valuestring, text) == 0;
}

const cJSON *connect_member_schema(const cJSON *struct_schema, const char *name) {
    const cJSON *field;
    cJSON_ArrayForEach(field, json_member(struct_schema, "fields")) {
        if (text_is(json_member(field, "field"), name))
            return field;
    }
    return NULL;
}

static bool read_scale(const cJSON *item, int32_t *scale) {
    int64_t number;
    if (decimal_parse_integer(json_text(item), &number) != DECIMAL_OK || number < INT32_MIN ||
        number > INT32_MAX)
        return false;
    *scale = (int32_t)number;
    return true;
}

/* Whether the value is a VariableScaleDecimal, with or without a schema. */
static bool is_scale_and_value(const cJSON *item) {
    return cJSON_IsObject(item) && cJSON_GetArraySize(item) == 2 &&
           json_member(item, "scale") != NULL && json_member(item, "value") != NULL;
}

/* With decimal.format=NUMERIC the converter writes plain JSON numbers, which need no decoding. */
static bool is_typed_decimal(struct typed item) {
    return text_is(json_member(item.schema, "name"), "org.apache.kafka.connect.data.Decimal") &&
           cJSON_IsString(item.value) && !json_is_number(item.value);
}

bool connect_is_decimal(struct typed item) {
    return is_scale_and_value(item.value) || (item.schema != NULL && is_typed_decimal(item));
}

bool connect_decimal_text(struct typed item, struct buf *buf, struct slice *text) {
    char bytes[DECIMAL_BYTES_MAX];
    bool is_variable = cJSON_IsObject(item.value);
    const cJSON *parameters = is_variable ? item.value : json_member(item.schema, "parameters");
    const cJSON *value = is_variable ? json_member(item.value, "value") : item.value;
    int32_t scale;
    if (!cJSON_IsString(value) || json_is_number(value) ||
        !read_scale(json_member(parameters, "scale"), &scale))
        return false;
    size_t n = base64_get(json_text(value), bytes, sizeof bytes);
    buf_clear(buf);
    if (!decimal_put_scaled(buf, slice_of(bytes, n), scale))
        return false;
    *text = buf_slice(buf);
    return true;
}

/* --- times --- */

/* How a number of this type becomes epoch milliseconds: multiply, or divide and round down. The
 * other one is 1. Both 0: the type is a text. */
struct time_type {
    const char *name;
    int64_t multiplier, divisor;
};

const struct time_type *connect_time_type(struct slice name) {
    static const struct time_type types[] = {
        {"io.debezium.time.Timestamp", 1, 1},
        {"io.debezium.time.MicroTimestamp", 1, 1000},
        {"io.debezium.time.NanoTimestamp", 1, 1000000},
        {"io.debezium.time.Date", 86400000, 1},
        {"org.apache.kafka.connect.data.Timestamp", 1, 1},
        {"org.apache.kafka.connect.data.Date", 86400000, 1},
        {"io.debezium.time.ZonedTimestamp", 0, 0},
        {"io.debezium.time.IsoTimestamp", 0, 0},
        {"io.debezium.time.IsoDate", 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (slice_eq(slice_str(types[i].name), name))
            return &types[i];
    return NULL;
}

static enum updated_at_type put_ms(int128 ms, struct buf *buf, struct slice *text) {
    buf_clear(buf);
    if (ms >= INT64_MIN && ms <= INT64_MAX)
        buf_put_int(buf, (int64_t)ms);
    else
        decimal_put(buf, ms, 0);
    *text = buf_slice(buf);
    return UPDATED_AT_MS;
}

static enum updated_at_type time_of_number(const struct time_type *type, int64_t number,
                                           struct buf *buf, struct slice *text) {
    if (type->divisor == 1)
        return put_ms((int128)number * type->multiplier, buf, text);
    return put_ms(number / type->divisor - (number % type->divisor < 0 ? 1 : 0), buf, text);
}

enum updated_at_type connect_typed_time(const struct time_type *type, struct buf *buf,
                                        struct slice *text) {
    int64_t number;
    struct slice trimmed = slice_trim(*text);
    if (type->divisor == 0)
        return timestamp_parse_iso(trimmed, &number) ? put_ms(number, buf, text)
                                                     : UPDATED_AT_NO_DATE;
    if (decimal_parse_integer(trimmed, &number) != DECIMAL_OK)
        return UPDATED_AT_NO_DATE;
    return time_of_number(type, number, buf, text);
}

enum updated_at_type connect_typed_number(const struct time_type *type, int64_t number,
                                          struct buf *buf, struct slice *text) {
    if (type->divisor != 0)
        return time_of_number(type, number, buf, text);
    buf_clear(buf);
    buf_put_int(buf, number);
    *text = buf_slice(buf);
    return connect_typed_time(type, buf, text);
}

bool connect_time_number(const struct time_type *type, int64_t ms, int64_t *number) {
    return type->divisor != 0 && ms % type->multiplier == 0 &&
           !__builtin_mul_overflow(ms / type->multiplier, type->divisor, number);
}

/* What a type without a name is. Base64 is not a date, though it can look like one. */
static enum updated_at_type plain_type(const cJSON *schema) {
    return text_is(json_member(schema, "type"), "bytes") ? UPDATED_AT_NO_DATE : UPDATED_AT_TEXT;
}

bool connect_is_no_date(struct slice name) {
    return slice_has_prefix(name, slice_str("io.debezium.")) ||
           slice_eq(name, slice_str("org.apache.kafka.connect.data.Time"));
}

enum updated_at_type connect_time_text(const cJSON *schema, struct buf *buf, struct slice *text) {
    const cJSON *name = json_member(schema, "name");
    if (!cJSON_IsString(name))
        return plain_type(schema);
    const struct time_type *type = connect_time_type(json_text(name));
    if (type == NULL)
        return connect_is_no_date(json_text(name)) ? UPDATED_AT_NO_DATE : UPDATED_AT_TEXT;
    return connect_typed_time(type, buf, text);
}
