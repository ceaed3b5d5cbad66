/* avro_names: the names of the types of an Avro schema, by its JSON (Avro 1.11 specification,
 * "Names"). Pure. */
#ifndef STREAMER_SCHEMAS_AVRO_AVRO_NAMES_H
#define STREAMER_SCHEMAS_AVRO_AVRO_NAMES_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"
#include "streamer/base/json.h"

/* Whether a definition with this "type" has a name: record, error, enum, fixed. */
bool avro_names_has_name(struct slice type);
/* The namespace that holds within a definition, which stands within the namespace `around`. */
struct slice avro_names_space(const cJSON *definition, struct slice around);
/* Appends a name with its namespace, within `space`. The names of primitive types have none. */
void avro_names_put_full(struct buf *out, struct slice name, struct slice space);
/* False with the name (ERR_CONFIG) if a type is defined twice, which is no schema, and makes avro-c
 * leak. `schema` is what json_parse has let through. */
bool avro_names_are_unique(const cJSON *schema, struct err *e);

#endif
