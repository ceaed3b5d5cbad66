/* position: where a record stands in a database's log, if the record says so (rule O4). A position
 * is a text, so that it can be stored, sent as a header and read by people:
 *
 *   <kind><source: 16 hex digits>:<part>|<part>|<part>
 *
 *   kind   parts                                       databases
 *   l      lsn                                         PostgreSQL
 *   b      file's number, pos, row                     MySQL, MariaDB
 *   c      commit_lsn, change_lsn, event_serial_no     SQL Server, Db2
 *   s      commit_scn, scn                             Oracle
 *
 * The source is a hash of connector, name and server_id. Two positions are comparable if kind and
 * source are equal. A missing part is empty, and empty parts at the end are left out. Pure. */
#ifndef STREAMER_MODEL_POSITION_H
#define STREAMER_MODEL_POSITION_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <stdbool.h>

enum position_kind {
    POSITION_LSN,
    POSITION_BINLOG,
    POSITION_COMMIT_LSN,
    POSITION_SCN,
    POSITION_KINDS
};
#define POSITION_PARTS 3
#define POSITION_PART_MAX_BYTES 64 /* a longer part counts as missing */

/* Whose log it is. p == NULL: the record does not say it. server_id counts for POSITION_BINLOG
 * only. */
struct position_source {
    struct slice connector, name, server_id;
};

/* Replaces `out` by the position of these parts, which are as received. A part counts as missing if
 * it is null, 0 or empty, or holds '|' or a control character. Of a binlog's file only the number
 * at its end counts. `out` is empty if all parts are missing, which means that there is no
 * position. */
void position_put(struct buf *out, enum position_kind kind, const struct position_source *source,
                  const struct slice parts[POSITION_PARTS]);

/* Whether a text can be a position, or is empty. */
bool position_is_valid(struct slice text);
/* Whether both are positions of the same log. */
bool position_comparable(struct slice a, struct slice b);
/* < 0: `a` lies before `b`. Both must be comparable. Numbers compare as numbers and other texts
 * byte by byte. A missing part is below any number, and a number is below any other text. */
int position_compare(struct slice a, struct slice b);

#endif
