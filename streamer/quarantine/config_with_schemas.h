/* config_with_schemas: the configuration of a command that decodes records and rows as `run` does,
 * so that it needs the schemas of Avro, too. */
#ifndef STREAMER_QUARANTINE_CONFIG_WITH_SCHEMAS_H
#define STREAMER_QUARANTINE_CONFIG_WITH_SCHEMAS_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

struct schema_cache;

struct config_with_schemas {
    struct config config;       /* `schemas` is set, if there is a registry or schemas.dir */
    struct schema_cache *cache; /* NULL: there is neither */
};
/* `config` is borrowed. It connects only when a schema is needed. False with ERR_CONFIG: settings
 * of the registry, or files of schemas.dir, cannot be used; then there is nothing to release. */
bool config_with_schemas_init(struct config_with_schemas *c, const struct config *config,
                              struct err *e);
void config_with_schemas_release(struct config_with_schemas *c);

#endif
