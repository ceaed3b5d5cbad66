/* open_dataset: a topic as OpenLineage describes a dataset: its name, the schema of its rows, and
 * for results the columns of the input that each column comes from. Pure. */
#ifndef STREAMER_HTTP_OPEN_DATASET_H
#define STREAMER_HTTP_OPEN_DATASET_H

#include "streamer/base/buf.h"
#include "streamer/config/config.h"

#include <stdbool.h>

/* Whether the topic is a dataset: the inputs, and what others read. */
bool open_dataset_exists(enum topic topic);

/* Appends {"namespace":"kafka://host:9092","name":"customers","facets":{…}}. The namespace is the
 * first of the bootstrap servers, as OpenLineage names Kafka. */
void open_dataset_put(const struct config *c, enum topic topic, struct buf *out);

/* Appends `"_producer":…,"_schemaURL":…`, which every facet has. `schema` is what the URL ends
 * with: "1-2-0/SchemaDatasetFacet". */
void open_dataset_put_facet(const char *schema, struct buf *out);

#endif
