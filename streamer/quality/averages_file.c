#include "streamer/quality/averages_file.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "AVERAGES"
#define FILE_BYTES_MAX 4096 /* a longer file is not ours */
#define PAUSE_US INT64_C(60000000)

static char *path_in(const char *dir) {
    struct buf path = {0};
    buf_printf(&path, "%s/" FILE_NAME, dir);
    char *text = mem_strdup(buf_cstr(&path));
    buf_release(&path);
    return text;
}

void averages_file_init(struct averages_file *f, const char *dir) {
    *f = (struct averages_file){.path = path_in(dir)};
    averages_init(&f->kept);
}

void averages_file_release(struct averages_file *f) {
    free(f->path);
}

/* --- reading --- */

static void tell_of_loss(const struct averages_file *f, const char *reason) {
    log_warn("the quality checks cannot read what was usual, and learn it anew", "file=%s error=%s",
             log_quote(&(struct log_value){0}, f->path), log_quote(&(struct log_value){0}, reason));
}

/* Reads at most so many bytes. Returns how many, or -1 with errno. */
static ssize_t read_bytes(const char *path, char *to, size_t max) {
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return -1;
    size_t n = fread(to, 1, max, f);
    bool failed = ferror(f) != 0;
    int why = errno;
    (void)fclose(f);
    errno = why;
    return failed ? -1 : (ssize_t)n;
}

void averages_file_read(struct averages_file *f, struct averages *a) {
    char text[FILE_BYTES_MAX];
    ssize_t n = read_bytes(f->path, text, sizeof text);
    if (n < 0 && errno != ENOENT)
        tell_of_loss(f, strerror(errno));
    else if (n >= 0 && !averages_parse(&f->kept, slice_of(text, (size_t)n)))
        tell_of_loss(f, "the file is damaged");
    *a = f->kept;
}

/* --- writing --- */

/* Writes to the disk itself. False with errno. */
static bool write_synced(const char *path, struct slice content) {
    FILE *f = fopen(path, "we");
    if (f == NULL)
        return false;
    bool ok =
        fwrite(content.p, 1, content.n, f) == content.n && fflush(f) == 0 && fsync(fileno(f)) == 0;
    int why = errno;
    if (fclose(f) != 0 && ok)
        return false;
    errno = why;
    return ok;
}

/* False with errno. */
static bool replace(const char *path, struct slice content) {
    struct buf temporary = {0};
    buf_printf(&temporary, "%s.tmp", path);
    const char *name = buf_cstr(&temporary);
    bool ok = write_synced(name, content) && rename(name, path) == 0;
    int why = errno;
    if (!ok)
        (void)unlink(name);
    buf_release(&temporary);
    errno = why;
    return ok;
}

/* Only the first failure in a row is told. */
static void tell_of_failure(struct averages_file *f, const char *reason) {
    if (!f->has_failed)
        log_warn("the quality checks cannot keep what is usual; a restart would learn it anew",
                 "file=%s error=%s", log_quote(&(struct log_value){0}, f->path),
                 log_quote(&(struct log_value){0}, reason));
    f->has_failed = true;
}

void averages_file_write(struct averages_file *f, const struct averages *a) {
    struct buf text = {0};
    if (averages_equal(&f->kept, a))
        return;
    averages_put(a, &text);
    if (replace(f->path, buf_slice(&text))) {
        f->kept = *a;
        f->has_failed = false;
    } else {
        tell_of_failure(f, strerror(errno));
    }
    buf_release(&text);
}

void averages_file_keep(struct averages_file *f, const struct averages *a, int64_t now_us) {
    if (now_us < f->next_us || averages_equal(&f->kept, a))
        return;
    f->next_us = now_us + PAUSE_US;
    averages_file_write(f, a);
}

bool averages_file_remove(const char *dir, struct err *e) {
    char *path = path_in(dir);
    bool ok = unlink(path) == 0 || errno == ENOENT ||
              err_set(e, ERR_STOP, "%s: cannot remove it: %s", path, strerror(errno));
    free(path);
    return ok;
}
