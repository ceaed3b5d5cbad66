#include "streamer/commands/try_table.h"

#include "streamer/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_MAX (TRY_COLUMNS_MAX + 2)
#define UNAVAILABLE "(unavailable)"
#define REASON_COLUMNS_MAX 300

/* A row that is kept. */
struct table_row {
    bool is_sentence; /* its second cell is a sentence, and it has no more */
    enum paint_colour colour;
    size_t count;
    size_t ends[CELLS_MAX]; /* of its cells in try_table.text */
};

void try_table_init(struct try_table *t, enum entity entity) {
    *t = (struct try_table){.entity = entity,
                            .rows = mem_calloc(TRY_TABLE_BLOCK_MAX, sizeof *t->rows)};
}

void try_table_release(struct try_table *t) {
    free(t->rows);
    buf_release(&t->text);
    buf_release(&t->sentence);
}

/* --- keeping rows --- */

/* Adds a cell of at most `columns`. */
static void add_cell(struct try_table *t, struct slice text, int columns) {
    struct table_row *row = &t->rows[t->count];
    struct slice shown = text.n <= (size_t)columns ? text : paint_cut(text, columns);
    if (shown.n < text.n) {
        buf_put_slice(&t->text, paint_cut(text, columns - 1));
        buf_put_str(&t->text, "…");
    } else {
        buf_put_slice(&t->text, text);
    }
    row->ends[row->count++] = t->text.n;
}

static void add_line(struct try_table *t, uint64_t line) {
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRIu64, line);
    add_cell(t, slice_of(text, (size_t)n), TRY_TABLE_CELL_MAX);
}

static void add_row(struct try_table *t, const struct try_cells *cells) {
    for (size_t i = 0; i < cells->count; i++)
        add_cell(t, cells->texts[i].p != NULL ? cells->texts[i] : slice_str(UNAVAILABLE),
                 TRY_TABLE_CELL_MAX);
    add_cell(t, cells->time, TRY_TABLE_CELL_MAX);
}

static void put_sentence(struct buf *out, const struct judgement *j,
                         const struct try_cells *cells) {
    buf_put_str(out, j->is_rejected ? reason_code_name(j->why->code) : try_outcome(j->event->kind));
    if (j->is_rejected) {
        buf_put_str(out, ": ");
        buf_put_slice(out, buf_slice(&j->why->text));
        return;
    }
    buf_put_str(out, " of ");
    buf_put_slice(out, cells->count > 0 ? cells->texts[0] : slice_str("all rows"));
    buf_put_str(out, " at ");
    buf_put_slice(out, cells->time);
}

/* "delete of 7 at 2024-…", or the reason of a rejected row. */
static void add_sentence(struct try_table *t, const struct judgement *j,
                         const struct try_cells *cells) {
    buf_clear(&t->sentence);
    put_sentence(&t->sentence, j, cells);
    add_cell(t, buf_slice(&t->sentence), REASON_COLUMNS_MAX);
}

/* --- showing them --- */

/* The cells of a row. */
static struct slice cell_of(const struct try_table *t, const struct table_row *row, size_t i) {
    size_t start = i > 0 ? row->ends[i - 1] : row == t->rows ? 0 : row[-1].ends[row[-1].count - 1];
    return slice_of(t->text.p + start, row->ends[i] - start);
}

/* Makes a column wide enough. Returns whether it was not. */
static bool widen(int *width, int columns) {
    if (columns <= *width)
        return false;
    *width = columns;
    return true;
}

static bool widen_for_row(struct try_table *t, const struct table_row *row) {
    bool grown = false;
    for (size_t i = 0; i < (row->is_sentence ? 1 : row->count); i++)
        grown |= widen(&t->widths[i], paint_columns(cell_of(t, row, i)));
    return grown;
}

/* The names of the cells. Returns how many there are. */
static size_t names_of(const struct try_table *t, const char *names[CELLS_MAX]) {
    size_t n = 0;
    names[n++] = "line";
    for (const struct try_column *c = try_columns(t->entity); c->name != NULL; c++)
        names[n++] = c->name;
    names[n++] = TRY_BEGIN;
    return n;
}

static bool widen_for_names(struct try_table *t) {
    const char *names[CELLS_MAX];
    bool grown = false;
    size_t n = names_of(t, names);
    for (size_t i = 0; i < n; i++)
        grown |= widen(&t->widths[i], (int)strlen(names[i]));
    return grown;
}

/* One line of cells, of which the last one is not padded. */
static void put_cells(struct paint *out, enum paint_colour colour, const struct slice *cells,
                      size_t count, const int *widths) {
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_put_str(out->out, "  ");
        paint_text(out, colour, cells[i], i + 1 < count ? widths[i] : 0);
    }
    buf_put_byte(out->out, '\n');
}

static void put_names(const struct try_table *t, struct paint *out) {
    const char *names[CELLS_MAX];
    struct slice cells[CELLS_MAX];
    size_t n = names_of(t, names);
    for (size_t i = 0; i < n; i++)
        cells[i] = slice_str(names[i]);
    put_cells(out, PAINT_BOLD, cells, n, t->widths);
}

static void put_row(const struct try_table *t, struct paint *out, const struct table_row *row) {
    struct slice cells[CELLS_MAX];
    for (size_t i = 0; i < row->count; i++)
        cells[i] = cell_of(t, row, i);
    put_cells(out, row->colour, cells, row->count, t->widths);
}

void try_table_flush(struct try_table *t, struct paint *out) {
    if (t->count == 0)
        return;
    bool grown = widen_for_names(t);
    for (size_t i = 0; i < t->count; i++)
        grown |= widen_for_row(t, &t->rows[i]);
    if (grown)
        put_names(t, out);
    for (size_t i = 0; i < t->count; i++)
        put_row(t, out, &t->rows[i]);
    t->count = 0;
    buf_clear(&t->text);
}

void try_table_put(struct try_table *t, struct paint *out, uint64_t line, const struct judgement *j,
                   const struct try_cells *cells) {
    struct table_row *row = &t->rows[t->count];
    bool is_row = !j->is_rejected && j->event->kind == CHANGE_UPSERT;
    *row = (struct table_row){.is_sentence = !is_row,
                              .colour = j->is_rejected ? PAINT_RED
                                        : is_row       ? PAINT_PLAIN
                                                       : PAINT_YELLOW};
    add_line(t, line);
    if (is_row)
        add_row(t, cells);
    else
        add_sentence(t, j, cells);
    if (++t->count == TRY_TABLE_BLOCK_MAX)
        try_table_flush(t, out);
}

void try_table_begin_file(struct try_table *t, struct paint *out, const char *name) {
    try_table_flush(t, out);
    memset(t->widths, 0, sizeof t->widths);
    paint_text(out, PAINT_BOLD, slice_str(name), 0);
    buf_put_byte(out->out, '\n');
}
