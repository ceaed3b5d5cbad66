#include "streamer/quarantine/config_with_schemas.h"

#include "streamer/quarantine/schema_wait.h"
#include "streamer/registry/schema_cache.h"

static void ignore_failure(void *context) {
    (void)context;
}

bool config_with_schemas_init(struct config_with_schemas *c, const struct config *config,
                              struct err *e) {
    bool has_registry = config->registry.urls[0] != '\0';
    struct registry *registry = NULL;
    *c = (struct config_with_schemas){.config = *config};
    if (!has_registry && config->schemas_dir[0] == '\0')
        return true;
    if (has_registry && (registry = registry_of_config(config, NULL, NULL, e)) == NULL)
        return false;
    c->cache = schema_cache_new(&(struct schema_cache_options){.registry = registry,
                                                               .directory = config->schemas_dir,
                                                               .patience_ms = SCHEMA_WAIT_MAX_MS,
                                                               .gave_up = ignore_failure,
                                                               .clock = clock_of_machine()},
                                e);
    if (c->cache != NULL)
        c->config.schemas = schema_cache_source(c->cache);
    return c->cache != NULL;
}

void config_with_schemas_release(struct config_with_schemas *c) {
    schema_cache_free(c->cache);
    *c = (struct config_with_schemas){0};
}
