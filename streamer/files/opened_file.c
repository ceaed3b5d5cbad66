#include "streamer/files/opened_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static ssize_t read_file(int fd, void *to, size_t room) {
    ssize_t n;
    do
        n = read(fd, to, room);
    while (n < 0 && errno == EINTR);
    return n;
}

/* What is read of it so far, without what may come before the content. */
static struct slice content(const struct opened_file *f) {
    struct slice bytes = slice_of(f->first, f->first_count);
    while (slice_has_prefix(bytes, slice_str("\xEF\xBB\xBF")))
        bytes = slice_of(bytes.p + 3, bytes.n - 3);
    return slice_trim(bytes);
}

/* Whether more bytes could tell more of the file. The first two may begin a byte order mark. */
static bool wants_more(const struct opened_file *f) {
    return f->first_count < sizeof f->first && (f->first_count < 3 || content(f).n == 0);
}

static bool read_first(struct opened_file *f, struct err *e) {
    ssize_t n = 1;
    while (n > 0 && wants_more(f)) {
        n = read_file(f->fd, f->first + f->first_count, sizeof f->first - f->first_count);
        f->first_count += n > 0 ? (size_t)n : 0;
    }
    return n >= 0 || err_set(e, ERR_CONFIG, "%s:1: cannot read: %s", f->name, strerror(errno));
}

bool opened_file_init(struct opened_file *f, const char *path, struct err *e) {
    bool is_stdin = strcmp(path, "-") == 0;
    *f = (struct opened_file){.name = is_stdin ? "standard input" : path};
    f->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (f->fd < 0)
        return err_set(e, ERR_CONFIG, "%s: cannot open: %s, check the path", path, strerror(errno));
    if (read_first(f, e))
        return true;
    opened_file_release(f);
    return false;
}

void opened_file_release(struct opened_file *f) {
    if (f->fd != STDIN_FILENO)
        (void)close(f->fd);
}

bool opened_file_is_json(const struct opened_file *f) {
    struct slice bytes = content(f);
    return bytes.n > 0 && (bytes.p[0] == '{' || bytes.p[0] == '[');
}

ssize_t opened_file_read(struct opened_file *f, void *to, size_t room) {
    size_t left = f->first_count - f->first_taken;
    if (left == 0)
        return read_file(f->fd, to, room);
    size_t n = left < room ? left : room;
    memcpy(to, f->first + f->first_taken, n);
    f->first_taken += n;
    return (ssize_t)n;
}
