#include "streamer/commands/placeholder.h"

#include "schemas/public_schemas.h"
#include "streamer/base/mem.h"
#include "streamer/config/kafka_properties.h"
#include "streamer/model/entity.h"
#include "streamer/model/field_names.h"

#include <string.h>

static const struct {
    const char *name;
    enum placeholder of_value, of_operands;
} known[] = {
    {"FILE", PLACEHOLDER_FILE, PLACEHOLDER_FILE},
    {"DIR", PLACEHOLDER_FILE, PLACEHOLDER_FILE},
    {"KEY=VALUE", PLACEHOLDER_SETTING, PLACEHOLDER_SETTING},
    {"COMMAND", PLACEHOLDER_COMMAND, PLACEHOLDER_COMMAND},
    {"TABLE", PLACEHOLDER_TABLE, PLACEHOLDER_TABLE},
    {"NAME", PLACEHOLDER_OTHER, PLACEHOLDER_TABLE}, /* of a schema */
    {"TOPIC", PLACEHOLDER_TOPIC, PLACEHOLDER_TOPIC},
    {"CODE", PLACEHOLDER_CODE, PLACEHOLDER_CODE},
    {"FIELD", PLACEHOLDER_FIELD, PLACEHOLDER_FIELD},
    {"NAME=VALUE", PLACEHOLDER_FIELD_VALUE, PLACEHOLDER_FIELD_VALUE},
};

/* --- finding one */

static bool is_capital(char c) {
    return c >= 'A' && c <= 'Z';
}

/* Whether the word at `text` is `name`, perhaps with an ending: "FILE.csv...". */
static bool is_named(const char *text, const char *name) {
    size_t n = strlen(name);
    return strncmp(text, name, n) == 0 && !is_capital(text[n]) && text[n] != '=';
}

/* Finds the first placeholder. ARRAY_LEN(known): there is none. */
static size_t find(const char *text) {
    for (size_t at = 0; text != NULL && text[at] != '\0'; at++) {
        bool is_inside = at > 0 && (is_capital(text[at - 1]) || text[at - 1] == '=');
        for (size_t i = 0; !is_inside && i < ARRAY_LEN(known); i++)
            if (is_named(text + at, known[i].name))
                return i;
    }
    return ARRAY_LEN(known);
}

enum placeholder placeholder_of_value(const char *text) {
    size_t i = find(text);
    return i < ARRAY_LEN(known) ? known[i].of_value : PLACEHOLDER_OTHER;
}

enum placeholder placeholder_of_operands(const char *text) {
    size_t i = find(text);
    return i < ARRAY_LEN(known) ? known[i].of_operands : PLACEHOLDER_OTHER;
}

bool placeholder_has_more(const char *operands) {
    return strchr(operands, ' ') != NULL || strstr(operands, "...") != NULL;
}

/* --- what may stand there */

static void put_word(const char *word, struct buf *out) {
    if (out->n > 0)
        buf_put_byte(out, ' ');
    buf_put_str(out, word);
}

static void put_kafka_settings(struct buf *out) {
    struct kafka_property_names kafka;
    kafka_property_names_init(&kafka);
    for (size_t i = 0; i < kafka.count; i++) {
        if (kafka_property_refusal(kafka.names[i]) != NULL)
            continue;
        put_word("kafka.", out);
        buf_put_str(out, kafka.names[i]);
    }
    kafka_property_names_release(&kafka);
}

static void put_settings(struct buf *out) {
    struct setting_text s;
    for (size_t i = 0; config_describe(i, &s); i++)
        if (strchr(s.key, '*') == NULL)
            put_word(s.key, out);
    put_kafka_settings(out);
}

static void put_commands(const struct command *const *all, struct buf *out) {
    for (; *all != NULL; all++)
        put_word((*all)->name, out);
}

static void put_tables(struct buf *out) {
    for (size_t i = 0; i < PUBLIC_SCHEMA_COUNT; i++)
        put_word(public_schemas[i].name, out);
}

static void put_topics(struct buf *out) {
    for (enum entity entity = 0; entity < ENTITY_COUNT; entity++)
        put_word(entity_info(entity)->name, out);
}

static void put_codes(struct buf *out) {
    for (enum reason_code code = REASON_NONE + 1; code < REASON_COUNT; code++)
        put_word(reason_code_name(code), out);
}

static void put_fields(struct buf *out) {
    for (enum field field = 0; field < FIELD_COUNT; field++)
        put_word(field_label(field), out);
}

void placeholder_put_words(enum placeholder p, const struct command *const *all, struct buf *out) {
    switch (p) {
    case PLACEHOLDER_OTHER:
    case PLACEHOLDER_FILE:
        break;
    case PLACEHOLDER_SETTING:
        put_settings(out);
        break;
    case PLACEHOLDER_COMMAND:
        put_commands(all, out);
        break;
    case PLACEHOLDER_TABLE:
        put_tables(out);
        break;
    case PLACEHOLDER_TOPIC:
        put_topics(out);
        break;
    case PLACEHOLDER_CODE:
        put_codes(out);
        break;
    case PLACEHOLDER_FIELD:
    case PLACEHOLDER_FIELD_VALUE:
        put_fields(out);
        break;
    }
}
