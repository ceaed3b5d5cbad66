#include "streamer/export/parquet.h"

#include "streamer/export/duckdb.h"

#include <string.h>

/* Rows stay in their order, and nothing is fetched from anywhere. */
#define SETTINGS                                                                                   \
    "SET memory_limit='512MB'; SET threads=2; SET preserve_insertion_order=true; "                 \
    "SET autoinstall_known_extensions=false; "

static void put_quoted(struct buf *out, const char *text) {
    buf_put_byte(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            buf_put_byte(out, '\'');
        buf_put_byte(out, *text);
    }
    buf_put_byte(out, '\'');
}

/* A path to read from is a pattern to DuckDB. A character that means something there means itself
 * in brackets. */
static void put_path_to_read(struct buf *out, const char *path) {
    struct buf pattern = {0};
    for (; *path != '\0'; path++)
        buf_printf(&pattern, strchr("*?[", *path) != NULL ? "[%c]" : "%c", *path);
    put_quoted(out, buf_cstr(&pattern));
    buf_release(&pattern);
}

static void put_type(struct buf *out, const struct row_field *f) {
    static const char *const types[] = {
        [ROW_LONG] = "bigint",  [ROW_TEXT] = "varchar",     [ROW_BYTES] = "varchar",
        [ROW_BOOL] = "boolean", [ROW_TIME] = "timestamptz", [ROW_OPTIONAL_TIME] = "timestamptz",
    };
    if (row_decimals(f->kind) > 0)
        buf_printf(out, "'decimal(%d,%d)'", f->precision, row_decimals(f->kind));
    else
        buf_printf(out, "'%s'", types[f->kind]);
}

/* Names of columns need no quotes. */
static void put_columns(const struct parquet_options *o, bool has_types, struct buf *out) {
    for (size_t i = 0; i < o->type->field_count; i++) {
        buf_printf(out, "%s%s", i > 0 ? "," : "", o->type->fields[i].name);
        if (!has_types)
            continue;
        buf_put_str(out, ":");
        put_type(out, &o->type->fields[i]);
    }
    if (o->more != NULL)
        buf_printf(out, ",%s%s", o->more, has_types ? ":'varchar'" : "");
}

static void put_statement(const struct parquet_options *o, struct buf *out) {
    buf_put_str(out, "COPY (SELECT ");
    put_columns(o, false, out);
    buf_put_str(out, " FROM read_json(");
    put_path_to_read(out, o->from);
    buf_put_str(out, ", format='newline_delimited', compression='uncompressed', "
                     "hive_partitioning=false, columns={");
    put_columns(o, true, out);
    buf_put_str(out, "})) TO ");
    put_quoted(out, o->to);
    buf_put_str(out, " (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)");
}

bool parquet_write(const struct parquet_options *o, struct err *e) {
    struct buf text = {0};
    struct duckdb *d = duckdb_new(o->library, e);
    if (d == NULL)
        return false;
    buf_put_str(&text, SETTINGS);
    put_statement(o, &text);
    bool ok = duckdb_run(d, buf_cstr(&text), o->stop, e);
    duckdb_free(d);
    buf_release(&text);
    return ok;
}

/* In double quotes a shell looks at four characters. */
void parquet_put_command(const struct parquet_options *o, struct buf *out) {
    struct buf text = {0};
    put_statement(o, &text);
    buf_put_str(out, "duckdb -c \"");
    for (size_t i = 0; i < text.n; i++) {
        if (strchr("\"\\$`", text.p[i]) != NULL)
            buf_put_byte(out, '\\');
        buf_put_byte(out, text.p[i]);
    }
    buf_put_byte(out, '"');
    buf_release(&text);
}
