#include "streamer/registry/answer.h"

#include "streamer/base/decimal.h"
#include "streamer/base/utf8.h"

#include <stdio.h>

#define SHOWN_MAX 300 /* bytes of an answer, in an error */

int64_t answer_number(const struct answer *a, const char *member, int64_t otherwise) {
    int64_t number;
    struct slice text = json_text(json_member(a->json, member));
    return text.p != NULL && decimal_parse_integer(text, &number) == DECIMAL_OK ? number
                                                                                : otherwise;
}

/* Anybody who serves HTTP may answer 404. Only with a registry's own code it means "unknown". */
enum registry_result answer_result(const struct answer *a) {
    int64_t code = answer_number(a, "error_code", 0);
    if (a->status == 200)
        return a->json != NULL ? REGISTRY_OK : REGISTRY_UNAVAILABLE;
    if (a->status == 401 || a->status == 403)
        return REGISTRY_REFUSED;
    if (a->status == 404 && code >= 40400 && code <= 40499)
        return REGISTRY_UNKNOWN;
    if (a->status == 409)
        return REGISTRY_INCOMPATIBLE;
    if (a->status == 408 || a->status == 429 || a->status >= 500 || a->json == NULL)
        return REGISTRY_UNAVAILABLE;
    return REGISTRY_REFUSED;
}

/* One line of UTF-8: an answer may be a page of HTML in any encoding. */
static void put_shown(struct buf *out, struct slice text) {
    bool is_utf8 = utf8_is_valid(text);
    struct slice shown = is_utf8 ? utf8_cut(text, SHOWN_MAX)
                                 : slice_of(text.p, text.n < SHOWN_MAX ? text.n : SHOWN_MAX);
    for (size_t i = 0; i < shown.n; i++) {
        unsigned char c = (unsigned char)shown.p[i];
        buf_put_byte(out, c < ' ' ? ' ' : c >= 0x80 && !is_utf8 ? '?' : (char)c);
    }
    buf_put_str(out, shown.n < text.n ? "…" : "");
}

void answer_put_error(struct buf *out, const struct answer *a, struct slice body) {
    struct slice message = json_text(json_member(a->json, "message"));
    put_shown(out, message.p != NULL ? message : body);
}

static void read_type(const struct answer *a, struct registry_schema *out) {
    struct slice type = json_text(json_member(a->json, "schemaType")); /* left out for Avro */
    if (type.p == NULL)
        type = slice_str("AVRO");
    struct slice shown = utf8_cut(type, sizeof out->type_name - 1);
    (void)snprintf(out->type_name, sizeof out->type_name, "%.*s", (int)shown.n, shown.p);
    out->type = slice_eq(type, slice_str("AVRO"))   ? REGISTRY_AVRO
                : slice_eq(type, slice_str("JSON")) ? REGISTRY_JSON
                                                    : REGISTRY_OTHER;
}

static int32_t number_within_int32(const struct answer *a, const char *member, int32_t otherwise) {
    int64_t number = answer_number(a, member, otherwise);
    return number >= 0 && number <= INT32_MAX ? (int32_t)number : otherwise;
}

bool answer_read_schema(const struct answer *a, int32_t id, struct registry_schema *out) {
    struct slice text = json_text(json_member(a->json, "schema"));
    if (text.p == NULL)
        return false;
    read_type(a, out);
    out->id = number_within_int32(a, "id", id);
    out->version = number_within_int32(a, "version", 0);
    buf_set(&out->text, text);
    return true;
}

void answer_put_reasons(struct buf *out, const struct answer *a) {
    const cJSON *message;
    cJSON_ArrayForEach(message, json_member(a->json, "messages")) {
        buf_put_str(out, out->n > 0 ? "; " : "");
        put_shown(out, json_text(message));
    }
}
