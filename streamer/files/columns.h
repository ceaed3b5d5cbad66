/* columns: decides which column of a CSV file is which field of an entity, before any row is read.
 * Every field needs a column, except updated_at: without it Kafka's timestamp counts. */
#ifndef STREAMER_FILES_COLUMNS_H
#define STREAMER_FILES_COLUMNS_H

#include "streamer/base/err.h"
#include "streamer/files/csv.h"
#include "streamer/model/field_names.h"

#include <stdint.h>

/* The fields, for all files of a command. */
struct column_rules {
    enum entity entity;
    struct field_names known; /* the names that the processor accepts */
    struct column_map *maps;  /* --map */
    size_t map_count;
    bool may_miss[FIELD_COUNT]; /* --missing */
};

/* more_names: the setting fields.customers or fields.accounts. maps: "COLUMN=FIELD". missing:
 * labels of fields. False: an error, and there is nothing to release. */
bool column_rules_init(struct column_rules *f, enum entity entity, const char *more_names,
                       const char *const *maps, size_t map_count, const char *const *missing,
                       size_t missing_count, struct err *e);
void column_rules_release(struct column_rules *f);

#define COLUMN_NONE SIZE_MAX

/* The columns of one file. */
struct columns {
    /* The column that the processor reads as this field; COLUMN_NONE: there is none. The entity's
     * id has one. */
    size_t of[FIELD_COUNT];
    /* The names of the columns, as they are published; borrowed from the csv and the fields. */
    struct slice *names;
};

/* False: a field has no column, the id has more than one, another field has two with equally good
 * names, or a column of --map is missing. The error says what helps, and there is nothing to
 * release. */
bool columns_init(struct columns *c, const struct column_rules *f, const struct csv *csv,
                  struct err *e);
void columns_release(struct columns *c);

#endif
