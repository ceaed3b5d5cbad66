#include "state/rocksdb/peek.h"

#include "state/rocksdb/seal.h"
#include "state/rocksdb/store_internal.h"
#include "streamer/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_FILE "LOCK" /* RocksDB locks it by fcntl */

/* --- the directory --- */

/* Replaces `path` by the folder above it; a name alone becomes ".". */
static void go_up(char *path) {
    char *slash = strrchr(path, '/');
    while (slash != NULL && slash > path && slash[1] == '\0') { /* slashes at the end */
        *slash = '\0';
        slash = strrchr(path, '/');
    }
    if (slash == NULL)
        memcpy(path, ".", 2); /* fits: a name has at least one byte */
    else
        slash[slash == path] = '\0';
}

static bool is_writable_folder(const char *path) {
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    if (!S_ISDIR(st.st_mode))
        errno = ENOTDIR;
    return S_ISDIR(st.st_mode) && access(path, W_OK | X_OK) == 0;
}

/* Whether the directory can be made, judged by the nearest folder above it that exists. */
static bool can_be_made(const char *dir, struct err *e) {
    char *path = mem_strdup(dir);
    do
        go_up(path);
    while (access(path, F_OK) != 0 && strcmp(path, ".") != 0 && strcmp(path, "/") != 0);
    bool ok =
        is_writable_folder(path) ||
        err_set(e, ERR_CONFIG,
                "state.dir=%s: cannot create it: %s: %s; give a directory that can be written to",
                dir, path, strerror(errno));
    free(path);
    return ok;
}

/* The process that uses the store. 0: none does. */
static pid_t user_of(const char *dir) {
    struct buf path = {0};
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    buf_printf(&path, "%s/" LOCK_FILE, dir);
    int fd = open(buf_cstr(&path), O_RDONLY | O_CLOEXEC);
    bool locked = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (fd >= 0)
        (void)close(fd);
    buf_release(&path);
    return locked ? lock.l_pid : 0;
}

bool peek_is_unused(const char *dir, struct err *e) {
    pid_t user = user_of(dir);
    return user == 0 || err_set(e, ERR_CONFIG,
                                "state.dir=%s: in use by another process (%ld); "
                                "stop that one or give this one a directory of its own",
                                dir, (long)user);
}

bool peek_usable(const char *dir, struct err *e) {
    struct stat st;
    if (stat(dir, &st) != 0)
        return can_be_made(dir, e);
    if (!S_ISDIR(st.st_mode))
        return err_set(e, ERR_CONFIG, "state.dir=%s: not a directory; give another one", dir);
    if (!is_writable_folder(dir))
        return err_set(
            e, ERR_CONFIG,
            "state.dir=%s: cannot write there: %s; give a directory that can be written to", dir,
            strerror(errno));
    return peek_is_unused(dir, e);
}

/* --- what is in it --- */

bool peek_has_store(const char *dir) {
    struct buf path = {0};
    buf_printf(&path, "%s/CURRENT", dir);
    bool exists = access(buf_cstr(&path), F_OK) == 0;
    buf_release(&path);
    return exists;
}

static bool read_fact(rocksdb_t *db, const char *name, struct buf *value, char **text) {
    struct buf key = {0};
    size_t n = 0;
    rocksdb_readoptions_t *options = rocksdb_readoptions_create();
    store_fact_key(&key, name);
    char *found = rocksdb_get(db, options, key.p, key.n, &n, text);
    buf_set(value, slice_of(found, n));
    free(found);
    rocksdb_readoptions_destroy(options);
    buf_release(&key);
    return *text == NULL;
}

bool peek_fact(const char *dir, const char *name, struct buf *value, struct err *e) {
    char *text = NULL;
    buf_clear(value);
    if (seal_is_damaged(dir, value))
        return err_set(e, ERR_REBUILD, "it is damaged: %s", buf_cstr(value));
    if (seal_lacks_list(dir))
        return err_set(e, ERR_REBUILD, "the file CURRENT is missing");
    if (!peek_has_store(dir))
        return true;
    rocksdb_options_t *options = store_reading_options_new();
    rocksdb_t *db = rocksdb_open_for_read_only(options, dir, 0, &text);
    if (db != NULL) {
        (void)read_fact(db, name, value, &text);
        rocksdb_close(db);
    }
    rocksdb_options_destroy(options);
    bool ok = text == NULL || store_open_failed(dir, text, e);
    free(text);
    return ok;
}
