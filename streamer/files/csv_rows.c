#include "streamer/files/csv_rows.h"

#include "streamer/base/buf.h"
#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/files/decimal_comma.h"
#include "streamer/model/entity.h"

#include <stdlib.h>

struct csv_rows {
    struct csv *csv;
    struct columns columns;
    enum field id;
    size_t comma_column; /* whose amounts have a decimal comma; COLUMN_NONE: none */

    struct buf names;       /* what stands before each value: {"customer_id": ,"name": … */
    struct slice *prefixes; /* a column's part of `names` */
    struct buf json;
    struct buf amount;
};

/* Writes the names of all columns once, so that a row costs no more than its values. */
static void write_names(struct csv_rows *r) {
    size_t n = csv_column_count(r->csv);
    size_t *ends = mem_calloc(n, sizeof *ends);
    for (size_t i = 0; i < n; i++) {
        buf_put_byte(&r->names, i == 0 ? '{' : ',');
        json_put_string(&r->names, r->columns.names[i]);
        buf_put_byte(&r->names, ':');
        ends[i] = r->names.n;
    }
    r->prefixes = mem_calloc(n, sizeof *r->prefixes);
    for (size_t i = 0, start = 0; i < n; start = ends[i++])
        r->prefixes[i] = slice_of(r->names.p + start, ends[i] - start);
    free(ends);
}

struct csv_rows *csv_rows_open(const char *path, const struct column_rules *rules,
                               const struct csv_rows_options *o, struct err *e) {
    struct text_input_options input = {
        .encoding = o->csv.encoding, .command = o->csv.command, .stop = o->csv.stop};
    struct text_input in;
    return text_input_open(&in, path, &input, e) ? csv_rows_open_input(&in, rules, o, e) : NULL;
}

struct csv_rows *csv_rows_open_input(const struct text_input *in, const struct column_rules *rules,
                                     const struct csv_rows_options *o, struct err *e) {
    struct csv_rows *r = mem_calloc(1, sizeof *r);
    r->id = entity_info(rules->entity)->id;
    r->csv = csv_open_input(in, &o->csv, e);
    if (r->csv == NULL || !columns_init(&r->columns, rules, r->csv, e)) {
        csv_close(r->csv);
        free(r);
        return NULL;
    }
    write_names(r);
    r->comma_column = o->decimal_comma ? r->columns.of[FIELD_BALANCE] : COLUMN_NONE;
    return r;
}

void csv_rows_close(struct csv_rows *r) {
    if (r == NULL)
        return;
    columns_release(&r->columns);
    csv_close(r->csv);
    free(r->prefixes);
    buf_release(&r->names);
    buf_release(&r->json);
    buf_release(&r->amount);
    free(r);
}

/* The value of a column as the message has it. */
static struct slice value_of(struct csv_rows *r, size_t column) {
    if (column != r->comma_column)
        return csv_field(r->csv, column);
    buf_clear(&r->amount);
    decimal_comma_put(&r->amount, csv_field(r->csv, column));
    return buf_slice(&r->amount);
}

static void put_row(struct csv_rows *r) {
    buf_clear(&r->json);
    for (size_t i = 0; i < csv_column_count(r->csv); i++) {
        buf_put_slice(&r->json, r->prefixes[i]);
        json_put_string(&r->json, value_of(r, i));
    }
    buf_put_byte(&r->json, '}');
}

enum csv_result csv_rows_next(struct csv_rows *r, struct err *e) {
    enum csv_result result = csv_next(r->csv, e);
    if (result == CSV_ROW)
        put_row(r);
    return result;
}

struct slice csv_rows_json(const struct csv_rows *r) {
    return buf_slice(&r->json);
}
struct slice csv_rows_key(const struct csv_rows *r) {
    return slice_trim(csv_rows_field(r, r->id));
}
struct slice csv_rows_field(const struct csv_rows *r, enum field field) {
    size_t column = r->columns.of[field];
    return column == COLUMN_NONE ? slice_null() : csv_field(r->csv, column);
}
const struct csv *csv_rows_file(const struct csv_rows *r) {
    return r->csv;
}
