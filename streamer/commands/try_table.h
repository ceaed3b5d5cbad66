/* try_table: judged rows as a table for people. Its columns are as wide as the rows need, which are
 * kept for that, at most TRY_TABLE_BLOCK_MAX of them; where later rows need more, the header comes
 * again. Longer texts are cut. */
#ifndef STREAMER_COMMANDS_TRY_TABLE_H
#define STREAMER_COMMANDS_TRY_TABLE_H

#include "streamer/commands/paint.h"
#include "streamer/commands/try_cells.h"

#define TRY_TABLE_BLOCK_MAX 1000
#define TRY_TABLE_CELL_MAX 48 /* columns of a terminal */

struct try_table {
    enum entity entity;
    int widths[TRY_COLUMNS_MAX + 2]; /* the line, the columns, the time; 0: nothing is shown yet */
    struct table_row *rows;
    size_t count;
    struct buf text; /* of the rows */
    struct buf sentence;
};

void try_table_init(struct try_table *t, enum entity entity);
void try_table_release(struct try_table *t);

/* Takes a row; those that are kept are appended to `out` once they are enough. */
void try_table_put(struct try_table *t, struct paint *out, uint64_t line, const struct judgement *j,
                   const struct try_cells *cells);
/* Appends the rows that are kept. */
void try_table_flush(struct try_table *t, struct paint *out);
/* The rows that follow are of another file: the header comes again. */
void try_table_begin_file(struct try_table *t, struct paint *out, const char *name);

#endif
