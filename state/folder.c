#include "state/folder.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLOSED "CLOSED"
#define DAMAGED "DAMAGED"

static bool has_suffix(const char *name, const char *suffix) {
    size_t n = strlen(name), k = strlen(suffix);
    return n > k && strcmp(name + n - k, suffix) == 0;
}

static bool is_table(const char *name) {
    return has_suffix(name, ".sst");
}

static bool is_data(const char *name) {
    return is_table(name) || has_suffix(name, ".log") || strncmp(name, "MANIFEST-", 9) == 0;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
    char **items;
    size_t count;
};

static void names_release(struct names *n) {
    for (size_t i = 0; i < n->count; i++)
        free(n->items[i]);
    free(n->items);
}

static bool list(const char *dir, bool (*wanted)(const char *name), struct names *out, struct err *e) {
    *out = (struct names){0};
    DIR *d = opendir(dir);
    if (d == NULL)
        return err_set(e, ERR_CONFIG, "state.dir=%s: cannot read it: %s", dir, strerror(errno));
    for (const struct dirent *entry; (entry = readdir(d)) != NULL;) {
        if (!wanted(entry->d_name))
            continue;
        out->items = mem_realloc(out->items, (out->count + 1) * sizeof *out->items);
        out->items[out->count++] = mem_strdup(entry->d_name);
    }
    (void)closedir(d);
    if (out->count > 0)
        qsort(out->items, out->count, sizeof *out->items, compare_names);
    return true;
}

static void path_of(struct buf *path, const char *dir, const char *name) {
    buf_clear(path);
    buf_printf(path, "%s/%s", dir, name);
}

/* False if there is none, or it cannot be read. */
static bool read_file(const char *dir, const char *name, struct buf *content) {
    struct buf path = {0};
    char part[4096];
    path_of(&path, dir, name);
    FILE *f = fopen(buf_cstr(&path), "rbe");
    buf_release(&path);
    if (f == NULL)
        return false;
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;)
        buf_put_slice(content, slice_of(part, n));
    bool ok = ferror(f) == 0;
    (void)fclose(f);
    return ok;
}

/* Under another name first: a file that is there is whole. */
static bool write_file(const char *dir, const char *name, struct slice content) {
    struct buf path = {0}, part = {0};
    path_of(&path, dir, name);
    path_of(&part, dir, name);
    buf_put_str(&part, ".new");
    FILE *f = fopen(buf_cstr(&part), "wbe");
    bool ok = f != NULL && fwrite(content.p, 1, content.n, f) == content.n;
    if (f != NULL)
        ok = fclose(f) == 0 && ok;
    ok = ok && rename(buf_cstr(&part), buf_cstr(&path)) == 0;
    buf_release(&path);
    buf_release(&part);
    return ok;
}

static bool fingerprint(const char *dir, struct buf *out, struct err *e) {
    struct names names;
    struct buf path = {0};
    if (!list(dir, is_data, &names, e))
        return false;
    for (size_t i = 0; i < names.count; i++) {
        struct stat st = {0};
        path_of(&path, dir, names.items[i]);
        (void)stat(buf_cstr(&path), &st); /* gone: size 0 */
        buf_printf(out, "%s %lld\n", names.items[i], (long long)st.st_size);
    }
    buf_put_str(out, "CURRENT ");
    (void)read_file(dir, "CURRENT", out);
    buf_release(&path);
    names_release(&names);
    return true;
}

bool folder_leave_fingerprint(const char *dir, struct err *e) {
    struct buf now = {0};
    bool ok = fingerprint(dir, &now, e);
    if (ok && !write_file(dir, CLOSED, buf_slice(&now)))
        ok = err_set(e, ERR_STOP, "state.dir=%s: cannot write %s: %s", dir, CLOSED, strerror(errno));
    buf_release(&now);
    return ok;
}

bool folder_take_fingerprint(const char *dir, enum folder_state *state, struct err *e) {
    struct buf was = {0}, now = {0}, path = {0};
    bool ok = true;
    *state = FOLDER_CRASHED;
    if (read_file(dir, CLOSED, &was)) {
        ok = fingerprint(dir, &now, e);
        *state = ok && slice_eq(buf_slice(&was), buf_slice(&now)) ? FOLDER_CLOSED : FOLDER_CHANGED;
        path_of(&path, dir, CLOSED);
        if (ok && unlink(buf_cstr(&path)) != 0)
            ok = err_set(e, ERR_CONFIG, "state.dir=%s: cannot write there: %s", dir, strerror(errno));
    }
    buf_release(&was);
    buf_release(&now);
    buf_release(&path);
    return ok;
}

bool folder_list_tables(const char *dir, struct buf *out, struct err *e) {
    struct names names;
    buf_clear(out);
    if (!list(dir, is_table, &names, e))
        return false;
    for (size_t i = 0; i < names.count; i++)
        buf_printf(out, "%s\n", names.items[i]);
    names_release(&names);
    return true;
}

void folder_mark_damaged(const char *dir, const char *why) {
    if (!write_file(dir, DAMAGED, slice_str(why)))
        log_error("cannot mark the state as damaged", "state.dir=%s error=%s", dir, strerror(errno));
}

bool folder_is_damaged(const char *dir, struct buf *why) {
    buf_clear(why);
    return read_file(dir, DAMAGED, why);
}

void folder_forget(const char *dir) {
    static const char *const names[] = {CLOSED, DAMAGED};
    struct buf path = {0};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        path_of(&path, dir, names[i]);
        (void)unlink(buf_cstr(&path));
    }
    buf_release(&path);
}
