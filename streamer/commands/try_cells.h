/* try_cells: a judged row as texts, which the formats of `try` share. */
#ifndef STREAMER_COMMANDS_TRY_CELLS_H
#define STREAMER_COMMANDS_TRY_CELLS_H

#include "streamer/base/buf.h"
#include "streamer/commands/judge.h"

#define TRY_COLUMNS_MAX 4
#define TRY_BEGIN "valid_from_at" /* the time of a row */
#define TRY_END "valid_to_at"     /* the time of a delete or a truncate */

/* A field of a row, named as in the entity's history. The first one is the id. */
struct try_column {
    const char *name;
    bool is_text; /* its value is a string in JSON */
    enum field field;
    void (*put)(const struct event *e, struct buf *out);
};
/* The columns of an entity; what comes after the last one has no name. */
const struct try_column *try_columns(enum entity entity);

struct try_cells {
    size_t count;                        /* of a delete 1, of a truncate and of a rejected row 0 */
    struct slice texts[TRY_COLUMNS_MAX]; /* p == NULL: the database did not log it */
    struct slice time;
    struct buf text; /* theirs */
};

/* Fills the cells; they are good until the next call. */
void try_cells_fill(struct try_cells *c, const struct judgement *j);
void try_cells_release(struct try_cells *c);

/* What an accepted record is: "row", "delete", "tombstone" or "truncate". */
const char *try_outcome(enum change_kind kind);

#endif
