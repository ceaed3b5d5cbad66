/* openapi: the table of routes as an OpenAPI 3.1 document, with the rows as their types are
 * (schemas/rows.h). Pure. */
#ifndef STREAMER_HTTP_OPENAPI_H
#define STREAMER_HTTP_OPENAPI_H

#include "streamer/base/buf.h"

#include <stdbool.h>

/* Who is asked for the token. */
struct openapi_access {
    bool needs_token;     /* http.token.file is set */
    bool metrics_is_open; /* http.metrics.open */
};

/* Appends the document, which is JSON. */
void openapi_put(const struct openapi_access *access, struct buf *out);

#endif
