/* parquet: makes a Parquet file of a file of JSON lines, by one statement of DuckDB's SQL. Columns
 * have exact types: decimals as schemas/<name>.avsc says, times in UTC. Compression is zstd. */
#ifndef STREAMER_EXPORT_PARQUET_H
#define STREAMER_EXPORT_PARQUET_H

#include "schemas/rows.h"
#include "streamer/base/buf.h"
#include "streamer/base/err.h"

#include <stdatomic.h>
#include <stdbool.h>

struct parquet_options {
    const struct row_type *type; /* of the lines */
    const char *more;        /* a column of texts behind those of the type; NULL: there is none */
    const char *from;        /* the path of the JSON lines, which are whole */
    const char *to;          /* the path of the Parquet file, which is written over */
    const char *library;     /* of DuckDB; NULL: as duckdb.h says */
    const atomic_bool *stop; /* NULL: never */
};

/* False with `e`: ERR_CONFIG if the library is not there. What is in `to` is then nothing. */
bool parquet_write(const struct parquet_options *o, struct err *e);

/* Appends a command line for a shell, without a line end, that does the same by DuckDB's program.
 */
void parquet_put_command(const struct parquet_options *o, struct buf *out);

#endif
