/* schema_source: the port through which the source layer asks for the schema that a record was
 * written with. The client of a schema registry implements it, and so do tests. */
#ifndef STREAMER_MODEL_SCHEMA_SOURCE_H
#define STREAMER_MODEL_SCHEMA_SOURCE_H

#include "streamer/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum schema_key_kind {
    SCHEMA_BY_ID,          /* Confluent's wire format: 0, then four bytes, big endian */
    SCHEMA_BY_GUID,        /* its header form: 1, then 16 bytes */
    SCHEMA_BY_FINGERPRINT, /* Avro's single-object encoding: C3 01, then CRC-64-AVRO */
};

struct schema_key {
    enum schema_key_kind kind;
    uint64_t number; /* the id, or the fingerprint */
    uint8_t guid[16];
};

enum schema_type { SCHEMA_AVRO, SCHEMA_JSON, SCHEMA_OTHER };

struct schema_text {
    enum schema_type type;
    char type_name[32]; /* as the registry says it, "PROTOBUF" */
    struct buf text;    /* the caller's; reused from call to call */
    /* The text is a JSON array of schemas; the last one is meant, and the others are what it
     * refers to by name. */
    bool has_references;
};

enum schema_answer {
    SCHEMA_FOUND,
    SCHEMA_UNKNOWN, /* the registry has answered that there is no such schema */
    /* The schema was asked for and is not here yet, or nobody answers. Whoever still waits asks
     * again, at least every few seconds. */
    SCHEMA_NOT_NOW,
};

struct schema_source {
    /* Looks a schema up and never blocks for longer than a lock: what is not in memory is asked for
     * in the background. SCHEMA_FOUND fills *out. Any thread. */
    enum schema_answer (*lookup)(struct schema_source *s, const struct schema_key *key,
                                 struct schema_text *out);
    /* There is no registry: by an id or a GUID nothing is ever found. */
    bool has_fingerprints_only;
};

#endif
