/* Opens and closes a store, and makes and removes its directory. */
#include "state/rocksdb/peek.h"
#include "state/rocksdb/seal.h"
#include "state/rocksdb/store_internal.h"
#include "streamer/base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the directory --- */

#define DIRECTORY_MODE 0750
#define READING_BYTES (INT64_C(32) << 20) /* memory of a store that is only read */

/* Makes the folders above `dir`. A folder that cannot be made shows when the directory is used. */
static void make_folders_above(const char *dir) {
    char *path = mem_strdup(dir);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, DIRECTORY_MODE);
        *slash = '/';
    }
    free(path);
}

bool store_make_directory(const char *dir, struct err *e) {
    struct stat st;
    make_folders_above(dir);
    if (mkdir(dir, DIRECTORY_MODE) != 0 && errno != EEXIST)
        return err_set(
            e, ERR_CONFIG,
            "state.dir=%s: cannot create it: %s; give a directory that can be written to", dir,
            strerror(errno));
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return err_set(e, ERR_CONFIG, "state.dir=%s: not a directory; give another one", dir);
    return true;
}

bool store_set_aside(const char *dir, int64_t now_ms, struct buf *aside, struct err *e) {
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    buf_clear(aside);
    buf_printf(aside, "%.*s.aside-%" PRId64, (int)n, dir, now_ms);
    if (rename(dir, buf_cstr(aside)) == 0)
        return true;
    return err_set(e, ERR_STOP, "state.dir=%s: cannot rename it to %s: %s; move it away by hand",
                   dir, buf_cstr(aside), strerror(errno));
}

bool store_destroy(const char *dir, struct err *e) {
    struct stat st;
    char *text = NULL;
    if (stat(dir, &st) != 0 && errno == ENOENT)
        return true;
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_destroy_db(options, dir, &text);
    rocksdb_options_destroy(options);
    if (text == NULL) {
        seal_remove(dir);
        (void)rmdir(dir); /* fails if something else lies there, which then stays */
    }
    if (text != NULL && strstr(text, "lock") != NULL)
        (void)err_set(e, ERR_STOP,
                      "state.dir=%s: in use by another process; stop it and run this again", dir);
    else if (text != NULL)
        (void)err_set(e, ERR_STOP, "state.dir=%s: cannot remove it: %s", dir, text);
    bool ok = text == NULL;
    free(text);
    return ok;
}

/* --- opening and closing --- */

/* Without CURRENT, RocksDB would start a new database and read the old one's log into it. */
static bool has_list_of_files(const char *dir, struct err *e) {
    return !seal_lacks_list(dir) ||
           err_set(e, ERR_REBUILD, "state.dir=%s: it holds state, but the file CURRENT is missing",
                   dir);
}

/* Closes the database and frees the store. The directory stays as it is. */
static void release(struct store *s) {
    if (s->column_family != NULL)
        rocksdb_column_family_handle_destroy(s->column_family);
    if (s->db != NULL)
        rocksdb_close(s->db);
    read_options_free(&s->read);
    rocksdb_writeoptions_destroy(s->write);
    rocksdb_options_destroy(s->options);
    rocksdb_options_destroy(s->file_options);
    (void)pthread_mutex_destroy(&s->damage_lock);
    (void)pthread_mutex_destroy(&s->commit_lock);
    free(s->dir);
    free(s);
}

static bool open_database(struct store *s, struct err *e) {
    const char *name = "default"; /* RocksDB insists on this column family */
    const rocksdb_options_t *options = s->options;
    char *text = NULL;
    if (s->is_only_read)
        s->db = rocksdb_open_for_read_only_column_families(s->options, s->dir, 1, &name, &options,
                                                           &s->column_family, 0, &text);
    else
        s->db = rocksdb_open_column_families(s->options, s->dir, 1, &name, &options,
                                             &s->column_family, &text);
    if (text == NULL)
        return true;
    (void)store_open_failed(s->dir, text, e);
    free(text);
    s->column_family = NULL;
    s->db = NULL;
    return false;
}

/* To be asked after the database was opened: only then is it certain that nobody else uses the
 * directory. */
static bool is_usable(const struct store *s, struct err *e) {
    struct buf reason = {0};
    bool ok = !seal_is_damaged(s->dir, &reason) ||
              err_set(e, ERR_REBUILD, "state.dir=%s: it is damaged: %s", s->dir, buf_cstr(&reason));
    buf_release(&reason);
    return ok;
}

static struct store *store_new(const char *dir, int64_t memory_bytes, int batches) {
    struct store *s = mem_calloc(1, sizeof *s);
    s->dir = mem_strdup(dir);
    size_t eighth = (size_t)memory_bytes / 8;
    s->options = store_options_new(eighth / 2, eighth);
    s->file_options = store_file_options_new(s->options);
    s->row_cache_bytes = eighth * 13 / 2 / (size_t)batches;
    s->read = read_options_new();
    s->write = rocksdb_writeoptions_create();
    (void)pthread_mutex_init(&s->damage_lock, NULL);
    (void)pthread_mutex_init(&s->commit_lock, NULL);
    return s;
}

struct store *store_open(const char *dir, int64_t memory_bytes, int batches, struct err *e) {
    if (!store_make_directory(dir, e) || !has_list_of_files(dir, e))
        return NULL;
    bool changed = seal_is_changed(dir);
    struct store *s = store_new(dir, memory_bytes, batches);
    for (size_t p = 0; p < ARRAY_LEN(s->counted); p++)
        atomic_init(&s->counted[p], !changed);
    if (open_database(s, e) && seal_break(dir, e) && is_usable(s, e) &&
        store_has_all_commits(s, e)) {
        s->has_buffered = true; /* the log may have held rows */
        return s;
    }
    release(s);
    return NULL;
}

/* What cannot be told apart from damage without counting all rows is refused. */
static bool is_readable(const char *dir, struct err *e) {
    if (!peek_has_store(dir) && !seal_lacks_list(dir))
        return err_set(e, ERR_CONFIG, "%s: there is no state; give the directory of state.dir",
                       dir);
    return peek_is_unused(dir, e) && has_list_of_files(dir, e) &&
           (!seal_is_changed(dir) ||
            err_set(e, ERR_REBUILD,
                    "%s: its files have changed since it was closed; `streamer run` looks at them",
                    dir));
}

struct store *store_open_to_read(const char *dir, struct err *e) {
    if (!is_readable(dir, e))
        return NULL;
    struct store *s = store_new(dir, READING_BYTES, 1);
    s->is_only_read = true;
    if (open_database(s, e) && is_usable(s, e) && store_has_all_commits(s, e))
        return s;
    release(s);
    return NULL;
}

void store_use_thread(void) {
    rocksdb_set_perf_level(rocksdb_disable);
}

void store_close(struct store *s) {
    if (s == NULL)
        return;
    bool damaged = atomic_load(&s->damaged);
    if (s->is_only_read) {
        release(s);
        return;
    }
    if (damaged)
        (void)seal_mark_damaged(s->dir, s->damage);
    char *dir = mem_strdup(s->dir);
    release(s);
    if (!damaged)
        seal_put(dir);
    free(dir);
}

int64_t store_bytes(struct store *s) {
    static const char *const properties[] = {"rocksdb.live-sst-files-size",
                                             "rocksdb.size-all-mem-tables"};
    uint64_t sum = 0, v;
    for (size_t i = 0; i < ARRAY_LEN(properties); i++)
        if (rocksdb_property_int(s->db, properties[i], &v) == 0)
            sum += v;
    return (int64_t)sum;
}
