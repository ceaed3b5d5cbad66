#include "streamer/service/result_schemas.h"

#include "streamer/base/log.h"
#include "streamer/service/patience.h"

const char *result_subject(const struct config *c, int i, struct buf *out) {
    buf_clear(out);
    buf_printf(out, "%s-value", c->topics[TOPIC_CUSTOMER_HISTORY + i]);
    return buf_cstr(out);
}

static struct slice text_of(int i) {
    return slice_str(public_schemas[i].text);
}

static bool find_one(const struct config *c, struct registry *r, struct starting *starting,
                     struct patience *patience, int i, uint32_t *id, struct err *e) {
    struct buf subject = {0};
    enum registry_result result;
    int32_t found = 0;
    do
        result = registry_find_or_register(r, result_subject(c, i, &subject), text_of(i),
                                           c->registry.auto_register, &found, e);
    while (result == REGISTRY_UNAVAILABLE && patience_wait(patience, c, starting, e));
    if (result == REGISTRY_OK)
        log_info("schema", "subject=%s id=%d", buf_cstr(&subject), found);
    *id = (uint32_t)found;
    buf_release(&subject);
    return result == REGISTRY_OK;
}

bool result_schemas_find(const struct config *c, struct registry *r, struct starting *starting,
                         uint32_t ids[PUBLIC_SCHEMA_COUNT], struct err *e) {
    struct patience patience = {0};
    for (int i = 0; i < PUBLIC_SCHEMA_COUNT; i++)
        if (!find_one(c, r, starting, &patience, i, &ids[i], e))
            return false;
    return true;
}

/* What the subject holds instead of our schema, which it would take. */
static enum registry_result ask_newest(struct registry *r, const char *subject, struct buf *what,
                                       struct err *e) {
    struct registry_schema newest = {0};
    enum registry_result result = registry_latest(r, subject, &newest, e);
    if (result == REGISTRY_UNKNOWN)
        buf_put_str(what, "has no schema yet");
    if (result == REGISTRY_OK)
        buf_printf(what, "has version %d, id %d, and would take our schema", newest.version,
                   newest.id);
    registry_schema_release(&newest);
    return result == REGISTRY_OK ? REGISTRY_UNKNOWN : result;
}

enum registry_result result_schema_ask(const struct config *c, struct registry *r, int i,
                                       struct buf *what, struct err *e) {
    struct buf subject = {0};
    int32_t id;
    const char *name = result_subject(c, i, &subject);
    buf_clear(what);
    enum registry_result result = registry_find(r, name, text_of(i), &id, e);
    if (result == REGISTRY_OK)
        buf_printf(what, "has our schema, id %d", id);
    if (result == REGISTRY_UNKNOWN &&
        (result = registry_check(r, name, text_of(i), e)) == REGISTRY_OK)
        result = ask_newest(r, name, what, e);
    buf_release(&subject);
    return result;
}
