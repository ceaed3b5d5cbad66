/* table_rows: all rows of a table of results in the order of its ids, and of valid_from within an
 * id; now, or as of a time. Rows are sorted on disk (sorter.h), so memory hardly depends on how
 * many there are. */
#ifndef STREAMER_EXPORT_TABLE_ROWS_H
#define STREAMER_EXPORT_TABLE_ROWS_H

#include "streamer/export/result_reader.h"
#include "streamer/export/sorted_table.h"

struct table_rows_options {
    enum row_result table;
    /* TIMESTAMP_NONE: now. Else a history has the versions that held then, as they are known now,
     * and the other tables have what both histories, as they are known now, and the rates of the
     * configuration make of that time. Their calculated_at is 0. */
    int64_t as_of;
    const struct result_instance *instance;
    const atomic_bool *stop;
    void (*progress)(void *context, uint64_t done, uint64_t total); /* of reading; as topic_read */
};

/* A topic that was read, and how far. No partitions: an instance was asked. */
struct table_source {
    enum topic topic;
    struct topic_positions positions;
};

#define TABLE_SOURCES_MAX 2
struct table_sources {
    struct table_source of[TABLE_SOURCES_MAX];
    size_t count;
};
void table_sources_release(struct table_sources *s);

/* `sources` must be zero-initialized; the caller releases it, also after an error. False with `e`
 * as result_read; ERR_STOP also where there is no room to sort in. */
bool table_rows(const struct config *c, const struct table_rows_options *o, sorted_table_seen *seen,
                void *context, struct table_sources *sources, struct err *e);

#endif
