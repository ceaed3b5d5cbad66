#include "streamer/quality/averages_file.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/base/whole_file.h"

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

void averages_file_read(struct averages_file *f, struct averages *a) {
    struct buf text = {0};
    bool ok = whole_file_read(f->path, FILE_BYTES_MAX, &text);
    if (ok ? !averages_parse(&f->kept, buf_slice(&text)) : errno == EFBIG)
        tell_of_loss(f, "the file is damaged");
    else if (!ok && errno != ENOENT)
        tell_of_loss(f, strerror(errno));
    buf_release(&text);
    *a = f->kept;
}

/* --- writing --- */

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
    if (whole_file_write(f->path, buf_slice(&text))) {
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
