/* schema_source: the port through which a format of the source layer asks for the schema that a
 * record was written with. The client of a schema registry will implement it, and tests do. */
#ifndef STREAMER_MODEL_SCHEMA_SOURCE_H
#define STREAMER_MODEL_SCHEMA_SOURCE_H

#include "streamer/base/slice.h"

#include <stdint.h>

enum schema_answer {
    SCHEMA_FOUND,
    SCHEMA_UNKNOWN, /* the registry has answered that there is no such schema */
    SCHEMA_NOT_NOW, /* the schema was asked for and is not here yet, or nobody answers */
};

struct schema_source {
    /* Looks the schema with this id up and never blocks: what is not in memory is asked for in the
     * background. SCHEMA_FOUND sets *schema to its text, which is good until the next call. A
     * schema source is called on one thread only. */
    enum schema_answer (*lookup)(struct schema_source *s, uint32_t id, struct slice *schema);
};

#endif
