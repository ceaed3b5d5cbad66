#include "streamer/quarantine/repair.h"

#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/base/nearest.h"
#include "streamer/base/utf8.h"
#include "streamer/layers/source/rewrite.h"
#include "streamer/model/entity.h"
#include "streamer/model/field_names.h"
#include "streamer/quarantine/config_with_schemas.h"
#include "streamer/quarantine/record_of.h"
#include "streamer/quarantine/schema_wait.h"

#include <stdlib.h>

struct repair {
    const struct config *config;
    const atomic_bool *stop;
    struct config_with_schemas with_schemas; /* if there are fields */
    struct decoder *decoder;
    struct rewrite_field *fields[ENTITY_COUNT];
    size_t counts[ENTITY_COUNT];
    size_t count; /* of fields of either entity */
    struct buf value;
};

/* --- the fields --- */

static bool refuse_name(struct slice name, struct err *e) {
    struct buf word = {0};
    buf_set(&word, name);
    struct nearest near = nearest_to(buf_cstr(&word));
    for (enum field f = 0; f < FIELD_COUNT; f++)
        nearest_offer(&near, field_label(f));
    (void)err_set(e, ERR_CONFIG, "--field: \"%.100s\" is no field of customers or accounts%s%s%s",
                  buf_cstr(&word), near.best[0] != '\0' ? ", did you mean " : "", near.best,
                  near.best[0] != '\0' ? "?" : "");
    buf_release(&word);
    return false;
}

/* Adds the field to the entity, if it has one of that name. */
static bool add_to(struct repair *r, enum entity entity, struct slice name, struct slice text) {
    struct field_names names;
    struct err ignored;
    size_t next = 0;
    if (!field_names_init(&names, entity, r->config->field_names[entity], &ignored))
        return false;
    const struct field_name *found = field_names_find(&names, &next, name);
    if (found != NULL)
        r->fields[entity][r->counts[entity]++] =
            (struct rewrite_field){.field = found->field, .text = text};
    field_names_release(&names);
    return found != NULL;
}

static bool add_field(struct repair *r, const char *option, struct err *e) {
    const char *equals = strchr(option, '=');
    if (equals == NULL)
        return err_set(e, ERR_CONFIG, "--field: \"%.100s\" has no =, write --field balance=50.50",
                       option);
    struct slice name = slice_of(option, (size_t)(equals - option)), text = slice_str(equals + 1);
    if (!utf8_is_valid(text))
        return err_set(e, ERR_CONFIG, "--field: the value of \"%.*s\" is not valid UTF-8",
                       (int)name.n, name.p);
    bool is_found = false;
    for (enum entity entity = 0; entity < ENTITY_COUNT; entity++)
        is_found = add_to(r, entity, name, text) || is_found;
    return is_found || refuse_name(name, e);
}

static bool add_fields(struct repair *r, const char *const *fields, size_t count, struct err *e) {
    for (enum entity entity = 0; entity < ENTITY_COUNT; entity++)
        r->fields[entity] = mem_calloc(count + 1, sizeof **r->fields);
    for (size_t i = 0; i < count; i++)
        if (!add_field(r, fields[i], e))
            return false;
    return true;
}

/* --- the repair --- */

struct repair *repair_new(const struct config *c, const char *const *fields, size_t count,
                          const atomic_bool *stop, struct err *e) {
    struct repair *r = mem_calloc(1, sizeof *r);
    *r = (struct repair){.config = c, .stop = stop, .count = count};
    if (!add_fields(r, fields, count, e) ||
        (count > 0 && !config_with_schemas_init(&r->with_schemas, c, e))) {
        repair_free(r);
        return NULL;
    }
    r->decoder = decoder_new(&(struct decoder_options){
        .record_max_bytes = (size_t)c->record_max_bytes,
        .field_names = {c->field_names[ENTITY_CUSTOMER], c->field_names[ENTITY_ACCOUNT]},
        .schemas = r->with_schemas.config.schemas});
    return r;
}

void repair_free(struct repair *r) {
    if (r == NULL)
        return;
    decoder_free(r->decoder);
    config_with_schemas_release(&r->with_schemas);
    for (enum entity entity = 0; entity < ENTITY_COUNT; entity++)
        free(r->fields[entity]);
    buf_release(&r->value);
    free(r);
}

/* The registry's answer comes on another thread. */
static bool rewrite_patiently(struct repair *r, const struct quarantined *q, struct err *why) {
    const struct record record =
        record_of(q->key, q->value, q->timestamp_ms, q->headers, q->header_count);
    int64_t begun_ms = schema_wait_begin();
    bool ok;
    do
        ok = rewrite_value(r->decoder, q->entity, &record, r->fields[q->entity],
                           r->counts[q->entity], &r->value, why);
    while (!ok && why->class == ERR_RETRY &&
           schema_wait(begun_ms, r->stop, "the schema of a record", why));
    return ok;
}

bool repair_value(struct repair *r, const struct quarantined *q, struct slice *value,
                  struct err *why) {
    *value = q->value;
    if (r->count == 0)
        return true;
    if (r->counts[q->entity] < r->count)
        return err_set(why, ERR_STOP, "--field names a field that %s do not have",
                       entity_info(q->entity)->name);
    if (!rewrite_patiently(r, q, why))
        return err_prefix(why, "--field");
    *value = buf_slice(&r->value);
    return true;
}
