/* decode: the source layer. It recognizes the format of a record by its first bytes and reads the
 * fields as text. A record is JSON, or Avro with the id of its schema before it or in a header. It
 * is flat, a Debezium envelope, flattened by Debezium, or a tombstone; JSON may have its schema
 * beside it. Each record has one of three outcomes: an event, a rejection with its reason, or a
 * wait for something that the record needs and that is not here yet.
 *
 * A flat record counts as a flattened record of Debezium (has_metadata) if it has a member that
 * ExtractNewRecordState adds with its default prefix:
 *
 *   __op  __deleted  __source_…  __transaction_…
 *   __X   where X is a member of the envelope or of `source`:
 *         of any database    ts_ms ts_us ts_ns version connector name snapshot db sequence schema
 *                            table collection
 *         PostgreSQL         lsn txId xmin
 *         MySQL, MariaDB     server_id gtid file pos row thread query
 *         SQL Server, Db2    commit_lsn change_lsn event_serial_no
 *         Oracle             scn commit_scn lcr_position rs_id ssn redo_thread user_name row_id
 *
 * Such members are not fields of the row, however they are spelled, unless the configuration names
 * one of them. A member `Op` with the value I, U or D comes from AWS DMS. It does not make the
 * record one of a log. */
#ifndef STREAMER_LAYERS_SOURCE_DECODE_H
#define STREAMER_LAYERS_SOURCE_DECODE_H

#include "streamer/model/event.h"
#include "streamer/model/schema_source.h"

/* A decoder belongs to one thread. */
struct decoder;

struct decoder_options {
    size_t record_max_bytes; /* a longer value is rejected as too_large */
    /* More names of fields, in the form that field_names_init takes; NULL: none. */
    const char *field_names[ENTITY_COUNT];
    /* Borrowed; must outlive the decoder. NULL: there is none, and a record that needs a schema is
     * rejected as unknown_schema. */
    struct schema_source *schemas;
};

struct decoder *decoder_new(const struct decoder_options *options);
void decoder_free(struct decoder *d);

enum decode_outcome {
    DECODE_EVENT,  /* `out` is the change */
    DECODE_REJECT, /* the record is to be quarantined; `why` says as what */
    DECODE_WAIT,   /* the record cannot be judged yet; `why` has no code, its text says what is
                      waited for */
};

/* Decodes one record.
 *
 * DECODE_REJECT has one of the codes malformed, unsupported_op, too_large, unknown_schema. `out`
 * then holds what could be read all the same: kind, id, source time, position, has_metadata and
 * is_read, because the owner of the id judges a bad record (standardize_rejected).
 *
 * After DECODE_WAIT `out` must not be used. The caller changes nothing for this record or for those
 * behind it in its partition, and calls again with the same record later.
 *
 * What `out` points to is good until the next call. */
enum decode_outcome decode(struct decoder *d, enum entity entity, const struct record *r,
                           struct decoded *out, struct reason *why);

/* Sets the reason that decode() rejects a value of `n` bytes for, which are more than `max`. For a
 * caller that has not kept them. */
void decode_refuse_size(struct reason *why, size_t n, size_t max);

#endif
