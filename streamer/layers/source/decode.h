/* decode: the source layer. Tells the format of a record by its first bytes (flat JSON, Debezium
 * envelope with and without schema, Debezium flattened, tombstone) and reads its fields as text.
 *
 * A flat record counts as Debezium's, flattened (has_metadata), if it has a member that
 * ExtractNewRecordState adds with its default prefix:
 *
 *   __op  __deleted  __source_…  __transaction_…
 *   __X   of a member X of the envelope or of `source`:
 *         of any database    ts_ms ts_us ts_ns version connector name snapshot db sequence schema
 *                            table collection
 *         PostgreSQL         lsn txId xmin
 *         MySQL, MariaDB     server_id gtid file pos row thread query
 *         SQL Server, Db2    commit_lsn change_lsn event_serial_no
 *         Oracle             scn commit_scn lcr_position rs_id ssn redo_thread user_name row_id
 *
 * These are no fields of the row, however they are spelled, unless the configuration names one.
 * `Op` with the value I, U or D is AWS DMS's, and says nothing of a log. */
#ifndef STREAMER_LAYERS_SOURCE_DECODE_H
#define STREAMER_LAYERS_SOURCE_DECODE_H

#include "streamer/model/event.h"

struct decoder; /* one a thread */

struct decoder_options {
    size_t record_max_bytes; /* a longer value is quarantined as too_large */
    const char
        *field_names[ENTITY_COUNT]; /* more names, as field_names_init takes them; NULL: none */
};

struct decoder *decoder_new(const struct decoder_options *options);
void decoder_free(struct decoder *d);

/* Fills `out`; or returns false with `why` set (malformed, unsupported_op, too_large,
 * unknown_schema). Then `out` still says what could be read: kind, id, source time and position,
 * has_metadata, is_read, as a bad record is judged by the owner of its id (standardize_rejected).
 * What `out` points to is good until the next call. */
bool decode(struct decoder *d, enum entity entity, const struct record *r, struct decoded *out,
            struct reason *why);

#endif
