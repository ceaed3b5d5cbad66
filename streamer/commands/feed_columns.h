/* feed_columns: decides which column of a CSV file is which field of an entity, before any row is
 * published. Every field needs a column, except updated_at: without it Kafka's timestamp counts. */
#ifndef STREAMER_COMMANDS_FEED_COLUMNS_H
#define STREAMER_COMMANDS_FEED_COLUMNS_H

#include "streamer/base/err.h"
#include "streamer/commands/csv.h"
#include "streamer/model/field_names.h"

/* The fields, for all files of a command. */
struct feed_fields {
    enum entity entity;
    struct field_names known; /* the names that the processor accepts */
    struct feed_map *maps;    /* --map */
    size_t map_count;
    bool may_miss[FIELD_COUNT]; /* --missing */
};

/* more_names: the setting fields.customers or fields.accounts. maps: "COLUMN=FIELD". missing:
 * labels of fields. False: an error, and there is nothing to release. */
bool feed_fields_init(struct feed_fields *f, enum entity entity, const char *more_names,
                      const char *const *maps, size_t map_count, const char *const *missing,
                      size_t missing_count, struct err *e);
void feed_fields_release(struct feed_fields *f);

/* The columns of one file. */
struct feed_columns {
    size_t id; /* the column that is the key */
    /* The names of the columns, as they are published; borrowed from the csv and the fields. */
    struct slice *names;
};

/* False: a field has no column, the id has more than one, or a column of --map is missing. The
 * error says what helps, and there is nothing to release. */
bool feed_columns_init(struct feed_columns *c, const struct feed_fields *f, const struct csv *csv,
                       struct err *e);
void feed_columns_release(struct feed_columns *c);

#endif
