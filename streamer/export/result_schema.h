/* result_schema: finds the schemas that rows of result topics were written with, for commands that
 * may wait for the registry. One thread. */
#ifndef STREAMER_EXPORT_RESULT_SCHEMA_H
#define STREAMER_EXPORT_RESULT_SCHEMA_H

#include "schemas/codec.h"
#include "streamer/config/config.h"

#include <stdatomic.h>
#include <stdbool.h>

struct registry;

/* A codec_reader whose schemas come from the registry of the configuration, if there is one. */
struct result_schema {
    struct codec_reader reader;
    struct registry *registry; /* NULL: there is none */
    const atomic_bool *stop;   /* borrowed; NULL: never */
    struct err why;            /* why the registry does not answer */
};

/* False with ERR_CONFIG: the settings of the registry are wrong. Then there is nothing to
 * release. It connects only when a row needs a schema. */
bool result_schema_init(struct result_schema *s, const struct config *c, const atomic_bool *stop,
                        struct err *e);
void result_schema_release(struct result_schema *s);

/* codec_read that waits for a registry which does not answer, for half a minute. All errors are
 * ERR_STOP. */
bool result_schema_read(struct result_schema *s, const struct row_type *type, struct slice bytes,
                        void *row, struct err *e);

#endif
