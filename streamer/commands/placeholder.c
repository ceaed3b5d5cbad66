#include "streamer/commands/placeholder.h"

#include "schemas/public_schemas.h"
#include "streamer/base/mem.h"
#include "streamer/config/kafka_properties.h"

#include <string.h>

static const struct {
    const char *name;
    enum placeholder is;
} known[] = {
    {"FILE", PLACEHOLDER_FILE},         {"DIR", PLACEHOLDER_FILE},
    {"KEY=VALUE", PLACEHOLDER_SETTING}, {"COMMAND", PLACEHOLDER_COMMAND},
    {"TABLE", PLACEHOLDER_TABLE},       {"NAME", PLACEHOLDER_TABLE},
    {"TOPIC", PLACEHOLDER_TOPIC},
};

static bool is_capital(char c) {
    return c >= 'A' && c <= 'Z';
}

/* Whether the word at `text` is `name`, perhaps with an ending: "FILE.csv...". */
static bool is_named(const char *text, const char *name) {
    size_t n = strlen(name);
    return strncmp(text, name, n) == 0 && !is_capital(text[n]) && text[n] != '=';
}

enum placeholder placeholder_of(const char *text) {
    for (size_t at = 0; text != NULL && text[at] != '\0'; at++) {
        if (at > 0 && is_capital(text[at - 1]))
            continue; /* not the beginning of a word */
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            if (is_named(text + at, known[i].name))
                return known[i].is;
    }
    return PLACEHOLDER_OTHER;
}

static void put_word(const char *word, struct buf *out) {
    if (out->n > 0)
        buf_put_byte(out, ' ');
    buf_put_str(out, word);
}

/* All topics that have a setting, but that of the owners, which holds no records of the user. */
static void put_topics(struct buf *out) {
    struct setting_text s;
    for (size_t i = 0; config_describe(i, &s); i++)
        if (strncmp(s.key, "topic.", 6) == 0 && strcmp(s.key, "topic.owners") != 0)
            put_word(s.fallback, out);
}

void placeholder_put_words(enum placeholder p, const struct command *const *all, struct buf *out) {
    if (p == PLACEHOLDER_TOPIC)
        put_topics(out);
    for (; p == PLACEHOLDER_COMMAND && *all != NULL; all++)
        put_word((*all)->name, out);
    for (size_t i = 0; p == PLACEHOLDER_TABLE && i < PUBLIC_SCHEMA_COUNT; i++)
        put_word(public_schemas[i].name, out);
}

static void put_kafka_keys(struct buf *out) {
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

void placeholder_put_keys(struct buf *out) {
    struct setting_text s;
    for (size_t i = 0; config_describe(i, &s); i++)
        if (strchr(s.key, '*') == NULL)
            put_word(s.key, out);
    put_kafka_keys(out);
}
