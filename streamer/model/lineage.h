/* lineage: the one table that says which columns of the input each column of a result comes from,
 * in the words of OpenLineage. It goes from the results to the input directly, without the topics
 * between them. Static; any thread. */
#ifndef STREAMER_MODEL_LINEAGE_H
#define STREAMER_MODEL_LINEAGE_H

#include "streamer/model/topic.h"

#include <stddef.h>

/* What happens to a value on its way. */
enum lineage_kind {
    LINEAGE_IDENTITY,       /* it is the value itself */
    LINEAGE_TRANSFORMATION, /* it is computed from the value */
    LINEAGE_AGGREGATION,    /* it is computed from the values of many records */
    LINEAGE_JOIN,           /* the value decides which records belong together */
    LINEAGE_FILTER,         /* the value decides whether there is a row */
    LINEAGE_KIND_COUNT
};

struct lineage {
    enum topic result, input;
    const char *column; /* of the result; NULL: all columns, as the value decides about the row */
    const char *source; /* the column of the input, by its own name (lineage_inputs) */
    const char *how;    /* what is computed, in words; "" where the kind says all */
    enum lineage_kind kind;
};

/* Sorted by result (in the order of enum topic), then in the order of the result's columns; those
 * for the whole row are the last ones of a result. Returns the first of *count. */
const struct lineage *lineage_table(size_t *count);

/* A column of an input topic. */
struct lineage_input {
    enum topic input;
    const char *name;
    const char *type; /* as staging reads it: "long", "string", "boolean", "decimal(18,2)", … */
    const char *what; /* in words */
};
const struct lineage_input *lineage_inputs(size_t *count);

const char *lineage_kind_name(enum lineage_kind kind); /* "IDENTITY" */
/* OpenLineage's type of the kind: "DIRECT" (the value goes in), "INDIRECT" (it only decides). */
const char *lineage_kind_type(enum lineage_kind kind);

#endif
