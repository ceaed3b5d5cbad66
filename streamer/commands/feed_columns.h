/* feed_columns: which column of a CSV file is which field of an entity. Looked at before any row is
 * published: every field needs a column, but updated_at, without which Kafka's timestamp counts. */
#ifndef STREAMER_COMMANDS_FEED_COLUMNS_H
#define STREAMER_COMMANDS_FEED_COLUMNS_H

#include "streamer/base/err.h"
#include "streamer/commands/csv.h"
#include "streamer/model/field_names.h"

/* What holds for all files of a command. */
struct feed_fields {
    enum entity entity;
    struct field_names known; /* as the processor knows them */
    struct feed_map *maps;    /* --map */
    size_t map_count;
    bool may_miss[FIELD_COUNT]; /* --missing */
};

/* more_names: the setting fields.customers or fields.accounts. maps: "COLUMN=FIELD"; missing:
 * labels of fields. False, with nothing to release. */
bool feed_fields_init(struct feed_fields *f, enum entity entity, const char *more_names,
                      const char *const *maps, size_t map_count, const char *const *missing,
                      size_t missing_count, struct err *e);
void feed_fields_release(struct feed_fields *f);

/* Of one file. */
struct feed_columns {
    size_t id; /* the column that is the key */
    struct slice
        *names; /* of the columns, as they are published; borrowed from the csv and the fields */
};

/* False, with nothing to release: a field has no column, the id more than one, or a column to map
 * is not there. The error says what helps. */
bool feed_columns_init(struct feed_columns *c, const struct feed_fields *f, const struct csv *csv,
                       struct err *e);
void feed_columns_release(struct feed_columns *c);

#endif
