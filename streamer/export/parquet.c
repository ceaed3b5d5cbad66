#include "streamer/export/parquet.h"

#include "streamer/base/shell_word.h"
#include "streamer/export/duckdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* `from` is no path of the user's: what DuckDB reads from is a pattern of files. */
static void put_statement(const struct parquet_options *o, const char *from, struct buf *out) {
    buf_put_str(out, "COPY (SELECT ");
    put_columns(o, false, out);
    buf_printf(out, " FROM read_json('%s'", from);
    buf_put_str(out, ", format='newline_delimited', compression='uncompressed', "
                     "hive_partitioning=false, columns={");
    put_columns(o, true, out);
    buf_put_str(out, "})) TO ");
    put_quoted(out, o->to);
    buf_put_str(out, " (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)");
}

static bool write_from(const struct parquet_options *o, int from, struct err *e) {
    struct buf text = {0};
    char path[40];
    struct duckdb *d = duckdb_new(o->library, e);
    if (d == NULL)
        return false;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", from);
    buf_put_str(&text, SETTINGS);
    put_statement(o, path, &text);
    bool ok = duckdb_run(d, buf_cstr(&text), o->stop, e);
    duckdb_free(d);
    buf_release(&text);
    return ok;
}

bool parquet_write(const struct parquet_options *o, struct err *e) {
    int from = open(o->from, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return err_set(e, ERR_STOP, "%s: cannot read it: %s", o->from, strerror(errno));
    bool ok = write_from(o, from, e);
    (void)close(from);
    return ok;
}

/* In double quotes a shell looks at four characters. */
void parquet_put_command(const struct parquet_options *o, struct buf *out) {
    struct buf text = {0};
    put_statement(o, "/dev/stdin", &text);
    buf_put_str(out, "duckdb -c \"");
    for (size_t i = 0; i < text.n; i++) {
        if (strchr("\"\\$`", text.p[i]) != NULL)
            buf_put_byte(out, '\\');
        buf_put_byte(out, text.p[i]);
    }
    buf_put_str(out, "\" <");
    shell_word_put(out, o->from);
    buf_release(&text);
}
