#include "state/rocksdb/seal.h"

#include "streamer/base/slice.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLEAN_FILE "CLEAN"
#define DAMAGED_FILE "DAMAGED"

static const char *path_of(struct buf *path, const char *dir, const char *name) {
    buf_clear(path);
    buf_printf(path, "%s/%s", dir, name);
    return buf_cstr(path);
}

/* --- files --- */

/* Appends the content; false if it cannot be read. */
static bool read_file(const char *path, struct buf *out) {
    char chunk[4096];
    size_t n;
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_put(out, chunk, n);
    bool ok = ferror(f) == 0;
    return fclose(f) == 0 && ok;
}

/* Replaces the file as a whole, or not at all. */
static bool write_file(const char *dir, const char *name, struct slice content) {
    struct buf path = {0}, temporary = {0};
    (void)path_of(&path, dir, name);
    buf_printf(&temporary, "%s.tmp", buf_cstr(&path));
    FILE *f = fopen(buf_cstr(&temporary), "we");
    bool ok = f != NULL && fwrite(content.p, 1, content.n, f) == content.n;
    if (f != NULL)
        ok = fclose(f) == 0 && ok;
    ok = ok && rename(buf_cstr(&temporary), buf_cstr(&path)) == 0;
    if (!ok)
        (void)unlink(buf_cstr(&temporary));
    buf_release(&path);
    buf_release(&temporary);
    return ok;
}

static bool remove_file(const char *dir, const char *name) {
    struct buf path = {0};
    bool ok = unlink(path_of(&path, dir, name)) == 0 || errno == ENOENT;
    int why = errno;
    buf_release(&path);
    errno = why;
    return ok;
}

/* --- the fingerprint of a directory --- */

static bool ends_with(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static bool lists_files(const char *name) {
    return strcmp(name, "CURRENT") == 0 || strncmp(name, "MANIFEST-", 9) == 0;
}

static int holds_state(const struct dirent *entry) {
    return lists_files(entry->d_name) || ends_with(entry->d_name, ".sst") ||
           ends_with(entry->d_name, ".log");
}

/* FNV-1a: it finds accidents, not forgeries. */
static uint64_t hash_of(struct slice content) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < content.n; i++)
        hash = (hash ^ (unsigned char)content.p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static bool describe_file(const char *path, const char *name, struct buf *out) {
    struct buf content = {0};
    struct stat st;
    bool ok = stat(path, &st) == 0;
    if (ok)
        buf_printf(out, "%s %lld", name, (long long)st.st_size);
    if (ok && lists_files(name)) {
        ok = read_file(path, &content);
        buf_printf(out, " %016" PRIx64, hash_of(buf_slice(&content)));
    }
    buf_put_byte(out, '\n');
    buf_release(&content);
    return ok;
}

static bool describe_directory(const char *dir, struct buf *out) {
    struct buf path = {0};
    struct dirent **entries;
    int count = scandir(dir, &entries, holds_state, alphasort);
    if (count < 0)
        return false;
    bool ok = true;
    for (int i = 0; i < count; i++) {
        ok = ok && describe_file(path_of(&path, dir, entries[i]->d_name), entries[i]->d_name, out);
        free(entries[i]);
    }
    free(entries);
    buf_release(&path);
    return ok;
}

/* --- seals --- */

static int is_table_or_log(const struct dirent *entry) {
    return !lists_files(entry->d_name) && holds_state(entry);
}

bool seal_lacks_list(const char *dir) {
    struct buf path = {0};
    struct dirent **entries;
    bool lost = access(path_of(&path, dir, "CURRENT"), F_OK) != 0 && errno == ENOENT;
    buf_release(&path);
    if (!lost)
        return false;
    int count = scandir(dir, &entries, is_table_or_log, alphasort);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    if (count >= 0)
        free(entries);
    return count > 0;
}

void seal_put(const char *dir) {
    struct buf now = {0};
    if (describe_directory(dir, &now))
        (void)write_file(dir, CLEAN_FILE, buf_slice(&now));
    buf_release(&now);
}

bool seal_is_changed(const char *dir) {
    struct buf path = {0}, then = {0}, now = {0};
    bool changed = read_file(path_of(&path, dir, CLEAN_FILE), &then) &&
                   !(describe_directory(dir, &now) && slice_eq(buf_slice(&then), buf_slice(&now)));
    buf_release(&path);
    buf_release(&then);
    buf_release(&now);
    return changed;
}

bool seal_break(const char *dir, struct err *e) {
    return remove_file(dir, CLEAN_FILE) ||
           err_set(e, ERR_CONFIG,
                   "state.dir=%s: cannot write there: %s; give a directory that can be written to",
                   dir, strerror(errno));
}

bool seal_mark_damaged(const char *dir, const char *reason) {
    return write_file(dir, DAMAGED_FILE, slice_str(reason));
}

bool seal_is_damaged(const char *dir, struct buf *reason) {
    struct buf path = {0};
    buf_clear(reason);
    (void)path_of(&path, dir, DAMAGED_FILE);
    bool damaged = access(buf_cstr(&path), F_OK) == 0;
    if (damaged)
        (void)read_file(buf_cstr(&path), reason);
    buf_release(&path);
    return damaged;
}

void seal_remove(const char *dir) {
    (void)remove_file(dir, CLEAN_FILE);
    (void)remove_file(dir, DAMAGED_FILE);
}
