#include "streamer/export/result_schema.h"

#include "streamer/registry/registry.h"

#include <unistd.h>

#define PATIENCE_S 30

static bool is_stopped(const struct result_schema *s) {
    return s->stop != NULL && atomic_load(s->stop);
}

/* Asks until there is an answer. The pause is cut short by a signal. */
static enum registry_result ask(struct result_schema *s, uint32_t id,
                                struct registry_schema *schema) {
    enum registry_result result = registry_by_id(s->registry, (int32_t)id, schema, &s->why);
    for (int i = 0; i < PATIENCE_S && result == REGISTRY_UNAVAILABLE && !is_stopped(s); i++) {
        (void)sleep(1);
        result = registry_by_id(s->registry, (int32_t)id, schema, &s->why);
    }
    return result;
}

static enum codec_schema find_schema(void *context, uint32_t id, struct buf *text,
                                     bool *has_references) {
    struct result_schema *s = context;
    struct registry_schema schema = {0};
    enum registry_result result = ask(s, id, &schema);
    enum codec_schema found = CODEC_SCHEMA_NOT_NOW;
    if (result == REGISTRY_UNKNOWN)
        found = CODEC_SCHEMA_UNKNOWN;
    if (result == REGISTRY_OK) {
        found = schema.type == REGISTRY_AVRO ? CODEC_SCHEMA_FOUND : CODEC_SCHEMA_FOREIGN;
        buf_set(text, buf_slice(&schema.text));
        *has_references = schema.has_references;
    }
    registry_schema_release(&schema);
    return found;
}

bool result_schema_init(struct result_schema *s, const struct config *c, const atomic_bool *stop,
                        struct err *e) {
    *s = (struct result_schema){.stop = stop};
    bool has_registry = c->registry.urls[0] != '\0';
    if (has_registry && (s->registry = registry_of_config(c, NULL, NULL, e)) == NULL)
        return false;
    codec_reader_init(&s->reader, has_registry ? find_schema : NULL, s);
    return true;
}

void result_schema_release(struct result_schema *s) {
    codec_reader_release(&s->reader);
    registry_free(s->registry);
    *s = (struct result_schema){0};
}

bool result_schema_read(struct result_schema *s, const struct row_type *type, struct slice bytes,
                        void *row, struct err *e) {
    if (codec_read(&s->reader, type, bytes, row, e))
        return true;
    if (e->class == ERR_RETRY) /* the registry has not answered */
        *e = s->why;
    e->class = ERR_STOP;
    return false;
}
