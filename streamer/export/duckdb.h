/* duckdb: DuckDB's C library, loaded when it is needed. The program does not depend on it: there is
 * no Parquet library for C in Debian, and few users want one. Versions 1.2 to 2.0 have the
 * functions that are used. */
#ifndef STREAMER_EXPORT_DUCKDB_H
#define STREAMER_EXPORT_DUCKDB_H

#include "streamer/base/err.h"

#include <stdatomic.h>
#include <stdbool.h>

#define DUCKDB_LIBRARY "libduckdb.so" /* found as the system finds libraries */

struct duckdb;

/* Loads the library `path` (NULL: DUCKDB_LIBRARY) and opens a database in memory. NULL with
 * ERR_CONFIG: there is no such library; with ERR_STOP: it does not open. It stays loaded. */
struct duckdb *duckdb_new(const char *path, struct err *e);
void duckdb_free(struct duckdb *d); /* NULL is allowed */

/* Runs the statements. When *stop becomes true, the query ends within a second (NULL: never). False
 * with ERR_STOP: the first line of DuckDB's own message, or "interrupted". */
bool duckdb_run(struct duckdb *d, const char *statements, const atomic_bool *stop, struct err *e);

#endif
