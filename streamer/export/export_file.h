/* export_file: writes a table of results to a file, or to standard output, with its control totals.
 *
 * The totals are one JSON object beside the file, FILE.totals.json:
 *
 *   table          its name
 *   as_of          the time that was asked for; null: now
 *   format         csv, jsonl or parquet
 *   rows           how many there are, without the line of names
 *   sums           the exact sum of each amount
 *   bytes, sha256  of the file; only the file with this hash is described
 *   version        of the program
 *   app_id
 *   rates          {"tiers":"10000:0.01,*:0.02","loan_bonus":"0.005"}, those of the configuration
 *   configuration_sha256  of all settings in effect, secrets masked (config_put_effective)
 *   settled        whether --settle has waited
 *   source         "kafka", or the URL of the instance that was asked
 *   positions      [{"topic":"account_summary","partition":0,"offset":17}]: the rows are what the
 *                  messages before these offsets say; empty if an instance was asked
 *   exported_at    when it was done */
#ifndef STREAMER_EXPORT_EXPORT_FILE_H
#define STREAMER_EXPORT_EXPORT_FILE_H

#include "streamer/export/table_rows.h"

#include <stdio.h>

enum export_format { EXPORT_CSV, EXPORT_JSONL, EXPORT_PARQUET };

struct export_options {
    struct table_rows_options rows;
    enum export_format format;
    const char *output; /* NULL: standard output, not for EXPORT_PARQUET */
    const char *duckdb; /* the path of DuckDB's library, for EXPORT_PARQUET; NULL: see duckdb.h */
    bool settled;
    /* How far it is, called now and then: `done` of `total` of a step. NULL: not called. Both are 0
     * when a step begins. */
    void (*progress)(void *context, const char *step, uint64_t done, uint64_t total);
    void *context;
};

/* What was written. */
struct export_result {
    int64_t rows, bytes;
    struct buf totals; /* the object of FILE.totals.json, in one line; the caller releases it */
    /* What a user may enter instead: DuckDB's library is missing, so that a file of Parquet cannot
     * be made here. Empty: nothing. The caller releases it. */
    struct buf command;
};

/* EXPORT_PARQUET without DuckDB's library: the rows are in "<output>.jsonl", with totals beside
 * them, and `e` and result->command say how to go on.
 *
 * False with `e`: nothing was written, and a file of before is as it was. (To standard output a
 * part of the rows may have been written.) ERR_CONFIG: the output cannot be written to. */
bool export_file(const struct config *c, const struct export_options *o,
                 struct export_result *result, struct err *e);

#endif
