/* result_schemas: the schemas of the result topics in the schema registry, each under the subject
 * "<topic>-value". */
#ifndef STREAMER_SERVICE_RESULT_SCHEMAS_H
#define STREAMER_SERVICE_RESULT_SCHEMAS_H

#include "schemas/public_schemas.h"
#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/registry/registry.h"
#include "streamer/service/starting.h"

#include <stdbool.h>
#include <stdint.h>

/* The subject of public_schemas[i]; it is put into `out`, whose text it is. */
const char *result_subject(const struct config *c, int i, struct buf *out);

/* Fills `ids` with those of public_schemas. With schema.registry.auto.register a subject gets the
 * schema that it lacks. An outage is waited for, up to retry.timeout. `starting` says what is
 * waited for. */
bool result_schemas_find(const struct config *c, struct registry *r, struct starting *starting,
                         uint32_t ids[PUBLIC_SCHEMA_COUNT], struct err *e);
/* Asks what the subject of public_schemas[i] holds, and changes nothing. REGISTRY_OK: our schema;
 * REGISTRY_UNKNOWN: not that, but it would take it. `what` says it in words ("has our schema, id
 * 4"). Other results set `e`. */
enum registry_result result_schema_ask(const struct config *c, struct registry *r, int i,
                                       struct buf *what, struct err *e);

#endif
