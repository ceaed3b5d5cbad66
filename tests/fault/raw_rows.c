/* raw_rows: the bytes of a state directory that no process uses, for tests that break rows on
 * purpose. It knows keys and values only as bytes, so it shares nothing with the program.
 *
 *   raw_rows DIR dump     prints all of them, one a line:   <key> <value>
 *   raw_rows DIR put      reads such lines and puts them; a value of "-" removes the key
 *
 * Keys and values are hexadecimal. An empty value is an empty word behind the space. */
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *text) {
    (void)fprintf(stderr, "raw_rows: %s\n", text);
    exit(1);
}

static void check(const char *error) {
    if (error != NULL)
        fail(error);
}

static rocksdb_t *open_store(const char *dir) {
    char *error = NULL;
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_uint64add_merge_operator(options); /* the count of commits is a sum */
    rocksdb_options_set_disable_auto_compactions(options, 1);
    rocksdb_t *db = rocksdb_open(options, dir, &error);
    check(error);
    rocksdb_options_destroy(options);
    return db;
}

/* --- dump */

static void print_hex(const char *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        (void)printf("%02x", (unsigned char)p[i]);
}

static void dump(rocksdb_t *db) {
    char *error = NULL;
    rocksdb_readoptions_t *options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_total_order_seek(options, 1);
    rocksdb_iterator_t *i = rocksdb_create_iterator(db, options);
    for (rocksdb_iter_seek_to_first(i); rocksdb_iter_valid(i); rocksdb_iter_next(i)) {
        size_t key_n, value_n;
        const char *key = rocksdb_iter_key(i, &key_n), *value = rocksdb_iter_value(i, &value_n);
        print_hex(key, key_n);
        (void)putchar(' ');
        print_hex(value, value_n);
        (void)putchar('\n');
    }
    rocksdb_iter_get_error(i, &error);
    check(error);
    rocksdb_iter_destroy(i);
    rocksdb_readoptions_destroy(options);
}

/* --- put */

/* Replaces the digits by the bytes that they mean. Returns how many. */
static size_t read_hex(char *text) {
    size_t n = strlen(text) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1)
            fail("no hexadecimal digits");
        text[i] = (char)byte;
    }
    return n;
}

static void put_line(rocksdb_t *db, const rocksdb_writeoptions_t *options, char *line) {
    char *error = NULL, *value = strchr(line, ' ');
    if (value == NULL)
        fail("a line without a space");
    *value++ = '\0';
    size_t key_n = read_hex(line);
    if (strcmp(value, "-") == 0) {
        rocksdb_delete(db, options, line, key_n, &error);
    } else {
        size_t value_n = read_hex(value);
        rocksdb_put(db, options, line, key_n, value, value_n, &error);
    }
    check(error);
}

static void put(rocksdb_t *db) {
    rocksdb_writeoptions_t *options = rocksdb_writeoptions_create();
    char *line = NULL;
    size_t size = 0;
    for (ssize_t n; (n = getline(&line, &size, stdin)) > 0;) {
        line[n - (line[n - 1] == '\n')] = '\0';
        put_line(db, options, line);
    }
    free(line);
    rocksdb_writeoptions_destroy(options);
}

int main(int argc, char **argv) {
    if (argc != 3 || (strcmp(argv[2], "dump") != 0 && strcmp(argv[2], "put") != 0))
        fail("raw_rows DIR dump|put");
    rocksdb_t *db = open_store(argv[1]);
    (argv[2][0] == 'd' ? dump : put)(db);
    rocksdb_close(db);
    return 0;
}
