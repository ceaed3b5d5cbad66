#include "rocksdb_rate.h"

#include "state/kv.h"
#include "streamer/base/buf.h"
#include "streamer/base/clock.h"
#include "streamer/base/mem.h"

#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* The families that a change of an account writes to. It reads the first two before. */
enum { ACCOUNTS, CUSTOMERS, HISTORY, KINDS };
static const enum family tables[KINDS] = {FAMILY_ACCOUNTS, FAMILY_CUSTOMERS,
                                          FAMILY_ACCOUNT_HISTORY};

/* Sorted by key. */
struct rows {
    struct buf bytes;
    struct row {
        size_t at, key_n, value_n;
    } * p;
    size_t n, cap;
};

struct rate {
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_readoptions_t *read;
    rocksdb_writeoptions_t *write;
    struct rows rows[KINDS];
};

static void check(const char *text) {
    if (text == NULL)
        return;
    (void)fprintf(stderr, "rocksdb_rate: %s\n", text);
    exit(1);
}

static void open_database(struct rate *r, const char *dir, int read_only) {
    char *text = NULL;
    r->db = read_only ? rocksdb_open_for_read_only(r->options, dir, 0, &text)
                      : rocksdb_open(r->options, dir, &text);
    check(text);
}

static void take_rows(struct rate *r, int kind) {
    struct rows *rows = &r->rows[kind];
    const char table = (char)tables[kind];
    rocksdb_iterator_t *i = rocksdb_create_iterator(r->db, r->read);
    for (rocksdb_iter_seek(i, &table, 1); rocksdb_iter_valid(i); rocksdb_iter_next(i)) {
        struct row row = {.at = rows->bytes.n};
        const char *p = rocksdb_iter_key(i, &row.key_n);
        if (p[0] != table)
            break;
        buf_put(&rows->bytes, p, row.key_n);
        p = rocksdb_iter_value(i, &row.value_n);
        buf_put(&rows->bytes, p, row.value_n);
        rows->p = mem_grow(rows->p, &rows->cap, rows->n + 1, sizeof *rows->p);
        rows->p[rows->n++] = row;
    }
    rocksdb_iter_destroy(i);
}

static void put(struct rate *r, rocksdb_writebatch_t *out, int kind, size_t index) {
    const struct row *row = &r->rows[kind].p[index];
    const char *p = r->rows[kind].bytes.p + row->at;
    rocksdb_writebatch_put(out, p, row->key_n, p + row->key_n, row->value_n);
}

static void commit(struct rate *r, rocksdb_writebatch_t *out) {
    char *text = NULL;
    rocksdb_write(r->db, r->write, out, &text);
    check(text);
    rocksdb_writebatch_clear(out);
}

static int by_index(const void *a, const void *b) {
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* A stride that visits all rows in scattered order. */
static size_t scattered(const struct rows *rows, int64_t i) {
    return (size_t)i * 7919 % rows->n;
}

static void write_changes(struct rate *r, int64_t changes, int64_t batch) {
    rocksdb_writebatch_t *out = rocksdb_writebatch_create();
    size_t *picked = mem_calloc((size_t)batch, sizeof *picked);
    for (int64_t from = 0; from < changes; from += batch) {
        size_t n = (size_t)(changes - from < batch ? changes - from : batch);
        for (int kind = 0; kind < KINDS; kind++) {
            for (size_t i = 0; i < n; i++)
                picked[i] = scattered(&r->rows[kind], from + (int64_t)i);
            qsort(picked, n, sizeof *picked, by_index);
            for (size_t i = 0; i < n; i++)
                put(r, out, kind, picked[i]);
        }
        commit(r, out);
    }
    free(picked);
    rocksdb_writebatch_destroy(out);
}

static void read_changes(struct rate *r, int64_t changes) {
    for (int64_t i = 0; i < changes; i++) {
        for (int kind = ACCOUNTS; kind <= CUSTOMERS; kind++) {
            const struct row *row = &r->rows[kind].p[scattered(&r->rows[kind], i)];
            char *text = NULL;
            rocksdb_pinnableslice_t *found = rocksdb_get_pinned(
                r->db, r->read, r->rows[kind].bytes.p + row->at, row->key_n, &text);
            check(text);
            check(found == NULL ? "a row is missing" : NULL);
            rocksdb_pinnableslice_destroy(found);
        }
    }
}

static void load(struct rate *r) {
    rocksdb_writebatch_t *out = rocksdb_writebatch_create();
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t i = 0; i < r->rows[kind].n; i++) {
            put(r, out, kind, scattered(&r->rows[kind], (int64_t)i));
            if (i % 1000 == 0)
                commit(r, out);
        }
        commit(r, out);
    }
    rocksdb_writebatch_destroy(out);
}

static double cpu_us(void) {
    return (double)clock_us(clock_of_machine(), CLOCK_PROCESS_CPUTIME_ID);
}

void rocksdb_rate(const char *dir, int64_t changes, int64_t batch, int64_t buffer_bytes) {
    static struct rate r;
    struct buf other = {0};
    char *text = NULL;
    r.options = rocksdb_options_create();
    r.read = rocksdb_readoptions_create();
    r.write = rocksdb_writeoptions_create();
    rocksdb_options_set_create_if_missing(r.options, 1);
    rocksdb_options_set_uint64add_merge_operator(r.options);
    rocksdb_options_set_compression(r.options, rocksdb_lz4_compression);
    rocksdb_options_set_db_write_buffer_size(r.options, (size_t)buffer_bytes);
    open_database(&r, dir, 1);
    for (int kind = 0; kind < KINDS; kind++)
        take_rows(&r, kind);
    rocksdb_close(r.db);
    buf_printf(&other, "%s-rate", dir);
    open_database(&r, buf_cstr(&other), 0);
    load(&r);
    double begin = cpu_us();
    write_changes(&r, changes, batch);
    double written = cpu_us();
    read_changes(&r, changes);
    (void)printf("RocksDB alone: %.2f us to write the rows of a change, "
                 "%.2f us to read those that it needs\n",
                 (written - begin) / (double)changes, (cpu_us() - written) / (double)changes);
    rocksdb_close(r.db);
    rocksdb_destroy_db(r.options, buf_cstr(&other), &text);
    check(text);
    rocksdb_options_destroy(r.options);
    rocksdb_readoptions_destroy(r.read);
    rocksdb_writeoptions_destroy(r.write);
    for (int kind = 0; kind < KINDS; kind++) {
        buf_release(&r.rows[kind].bytes);
        free(r.rows[kind].p);
    }
    buf_release(&other);
}
