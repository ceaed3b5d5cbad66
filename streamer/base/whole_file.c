#include "streamer/base/whole_file.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* Closes the file after an operation whose errno is kept. */
static bool close_after(FILE *f, bool ok) {
    int why = errno;
    if (fclose(f) != 0 && ok)
        return false;
    errno = why;
    return ok;
}

bool whole_file_read(const char *path, size_t max, struct buf *out) {
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    size_t n = fread(buf_reserve(out, max + 1), 1, max + 1, f);
    bool ok = ferror(f) == 0;
    if (ok && n > max) {
        errno = EFBIG;
        ok = false;
    }
    out->n += ok ? n : 0;
    return close_after(f, ok);
}

static bool write_synced(const char *path, struct slice content) {
    FILE *f = fopen(path, "we");
    if (f == NULL)
        return false;
    bool ok =
        fwrite(content.p, 1, content.n, f) == content.n && fflush(f) == 0 && fsync(fileno(f)) == 0;
    return close_after(f, ok);
}

bool whole_file_write(const char *path, struct slice content) {
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
