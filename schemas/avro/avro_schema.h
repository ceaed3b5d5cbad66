/* avro_schema: an Avro schema as a tree, of which a writer's bytes can be read. avro-c parses the
 * JSON text, checks it and resolves its names; what avro-c drops (logical types, `connect.name`,
 * aliases) is taken from the text itself.
 *
 * Every use of a named type is a subtree of its own, so that each place can be treated by itself.
 * Refused, as nobody could read the bytes in bounded time and memory: recursive types, arrays whose
 * items take no byte, nesting over AVRO_DEPTH_MAX, unions of more than AVRO_BRANCHES_MAX branches,
 * and more than AVRO_NODES_MAX places in all. */
#ifndef STREAMER_SCHEMAS_AVRO_AVRO_SCHEMA_H
#define STREAMER_SCHEMAS_AVRO_AVRO_SCHEMA_H

#include "streamer/base/err.h"
#include "streamer/base/json.h"
#include "streamer/base/slice.h"

#include <stddef.h>
#include <stdint.h>

#define AVRO_DEPTH_MAX 64
#define AVRO_NODES_MAX 20000
#define AVRO_BRANCHES_MAX 256
#define AVRO_SCHEMA_BYTES_MAX ((size_t)1 << 20)

#define AVRO_NO_SLOT (-1)

enum avro_kind {
    AVRO_KIND_NULL,
    AVRO_KIND_BOOLEAN,
    AVRO_KIND_INT,
    AVRO_KIND_LONG,
    AVRO_KIND_FLOAT,
    AVRO_KIND_DOUBLE,
    AVRO_KIND_BYTES,
    AVRO_KIND_STRING,
    AVRO_KIND_FIXED,
    AVRO_KIND_ENUM,
    AVRO_KIND_RECORD,
    AVRO_KIND_ARRAY,
    AVRO_KIND_MAP,
    AVRO_KIND_UNION,
};

struct avro_node {
    enum avro_kind kind;
    /* The JSON object that declares the type (logicalType, connect.name, symbols …); NULL where a
     * primitive type stands there by its bare name. */
    const cJSON *declaration;
    /* Fields of a RECORD, branches of a UNION, the items of an ARRAY, the values of a MAP. */
    struct avro_node *children;
    uint32_t count;
    uint32_t size;      /* bytes of a FIXED, symbols of an ENUM */
    bool is_empty;      /* values of it take no byte */
    const cJSON *field; /* of a record's field: its JSON object (name, aliases); else NULL */
    /* Set by whoever uses the tree, before avro_plan_new: where its value is to go, and what it is
     * to the user. AVRO_NO_SLOT and 0 at first. A UNION has none, but its branches can. */
    int16_t slot;
    uint8_t type;
};

/* The tree and the JSON that it points into. One thread at a time. */
struct avro_schema {
    struct json json;
    struct avro_node tree;
    struct avro_node *root; /* the schema; in the tree */
};

/* Parses `text`. has_references: it is a JSON array of schemas, of which the last one is meant; the
 * others define types that it uses. False with ERR_CONFIG and the reason, and nothing to release,
 * if it is no Avro schema or one that is refused. Any thread. */
bool avro_schema_init(struct avro_schema *s, struct slice text, bool has_references, struct err *e);
void avro_schema_release(struct avro_schema *s);

/* A text member of a node's declaration, as "logicalType"; p == NULL: it has none. */
struct slice avro_node_text(const struct avro_node *n, const char *member);
/* A whole number there, as "scale"; `otherwise` if there is none within int32_t. */
int32_t avro_node_number(const struct avro_node *n, const char *member, int32_t otherwise);
/* The name of a record's field; not of other nodes. */
struct slice avro_field_name(const struct avro_node *field);

#endif
