/* Texts of typed values, by the schema that Kafka Connect's JSON converter sends along. */
#include "streamer/base/decimal.h"
#include "streamer/base/mem.h"
#include "streamer/decode_parts.h"

#define DECIMAL_BYTES_MAX 16
/* Base64 of 16 bytes; the last of its six groups of three bytes is not full. */
#define DECIMAL_BASE64_MAX 24
#define DECIMAL_PLAIN_SCALE_MAX 38

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

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* `bytes` has room for DECIMAL_BASE64_MAX / 4 * 3. Returns how many there are, 0 when it is not base64. */
static size_t base64_decode(struct slice text, char *bytes) {
    if (text.n == 0 || text.n % 4 != 0 || text.n > DECIMAL_BASE64_MAX)
        return 0;
    size_t padding = 0;
    while (padding < 2 && text.p[text.n - 1 - padding] == '=')
        padding++;
    uint32_t group = 0;
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        int digit = i < text.n - padding ? base64_digit(text.p[i]) : 0;
        if (digit < 0)
            return 0;
        group = group << 6 | (uint32_t)digit;
        if (i % 4 == 3) {
            bytes[n++] = (char)(group >> 16 & 0xff);
            bytes[n++] = (char)(group >> 8 & 0xff);
            bytes[n++] = (char)(group & 0xff);
        }
    }
    return n - padding;
}

static bool decimal_from_base64(struct slice text, int128 *value) {
    char bytes[DECIMAL_BASE64_MAX / 4 * 3];
    size_t n = base64_decode(text, bytes);
    return n <= DECIMAL_BYTES_MAX && decimal_get_bytes(slice_of(bytes, n), value);
}

static bool decimal_scale(const cJSON *schema, int64_t *scale) {
    struct slice text = json_text(json_member(json_member(schema, "parameters"), "scale"));
    return decimal_parse_integer(text, scale) == DECIMAL_OK && *scale >= INT32_MIN && *scale <= INT32_MAX;
}

/* A scale below 0 or absurdly large is written as an exponent: exact as well, and never long. */
static void put_scaled(struct buf *out, int128 unscaled, int64_t scale) {
    if (scale >= 0 && scale <= DECIMAL_PLAIN_SCALE_MAX) {
        decimal_put(out, unscaled, (int)scale);
        return;
    }
    decimal_put(out, unscaled, 0);
    buf_put_byte(out, 'e');
    buf_put_int(out, -scale);
}

bool connect_decimal_text(struct typed item, struct buf *buf, struct slice *text) {
    if (!text_is(json_member(item.schema, "name"), "org.apache.kafka.connect.data.Decimal"))
        return true;
    /* The converter writes plain JSON numbers with decimal.format=NUMERIC. */
    if (!cJSON_IsString(item.value) || json_is_number(item.value))
        return true;
    int128 unscaled;
    int64_t scale;
    if (!decimal_from_base64(*text, &unscaled) || !decimal_scale(item.schema, &scale))
        return false;
    buf_clear(buf);
    put_scaled(buf, unscaled, scale);
    *text = buf_slice(buf);
    return true;
}

/* To epoch milliseconds: multiply, then divide. */
struct time_type {
    const char *name;
    int64_t multiplier, divisor;
};

static const struct time_type *time_type_of(const cJSON *schema) {
    static const struct time_type types[] = {
        {"io.debezium.time.MicroTimestamp", 1, 1000},
        {"io.debezium.time.NanoTimestamp", 1, 1000000},
        {"io.debezium.time.Date", 86400000, 1},
        {"org.apache.kafka.connect.data.Date", 86400000, 1},
    };
    const cJSON *name = json_member(schema, "name");
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (text_is(name, types[i].name))
            return &types[i];
    }
    return NULL;
}

static int128 divide_down(int128 a, int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

void connect_time_text(struct typed item, struct buf *buf, struct slice *text) {
    const struct time_type *type = time_type_of(item.schema);
    int64_t number;
    if (type == NULL || decimal_parse_integer(slice_trim(*text), &number) != DECIMAL_OK)
        return;
    buf_clear(buf);
    decimal_put(buf, divide_down((int128)number * type->multiplier, type->divisor), 0);
    *text = buf_slice(buf);
}
