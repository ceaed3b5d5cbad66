#include "streamer/files/text_input.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"
#include "streamer/base/shell_word.h"
#include "streamer/files/encoding.h"
#include "streamer/files/file_kind.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW_SIZE 65536
#define WINDOW_ROOM_MIN 16 /* a character of any encoding fits */
#define STOP_POLL_MS 200

/* --- bytes of the file --- */

static bool is_stopped(const struct text_input *t) {
    return t->stop != NULL && atomic_load_explicit(t->stop, memory_order_relaxed);
}

/* Waits until the file has something, which for a pipe may take long. False: it is stopped. */
static bool wait_readable(const struct text_input *t) {
    if (t->stop == NULL || t->is_regular)
        return !is_stopped(t);
    struct pollfd p = {.fd = t->fd, .events = POLLIN};
    while (!is_stopped(t))
        if (poll(&p, 1, STOP_POLL_MS) > 0)
            return true;
    return false;
}

/* A file that is still written, or was cut, is not what the user means. */
static void check_size(struct text_input *t) {
    struct stat s;
    if (!t->is_regular || fstat(t->fd, &s) != 0 || s.st_size == t->size)
        return;
    (void)err_set(&t->fault, ERR_CONFIG,
                  "the file has changed while it was read, from %" PRId64 " to %" PRId64
                  " bytes: feed it again when it is complete",
                  t->size, (int64_t)s.st_size);
}

/* Reads up to `room` bytes. 0: nothing comes any more. */
static size_t read_bytes(struct text_input *t, char *to, size_t room) {
    ssize_t n = -1;
    errno = EINTR;
    while (n < 0 && errno == EINTR) {
        if (!wait_readable(t)) {
            (void)err_set(&t->fault, ERR_STOP, "interrupted");
            return 0;
        }
        n = read(t->fd, to, room);
    }
    if (n < 0)
        (void)err_set(&t->fault, ERR_CONFIG, "cannot read: %s", strerror(errno));
    else if (n == 0)
        check_size(t);
    t->bytes_read += n > 0 ? (uint64_t)n : 0;
    return n > 0 ? (size_t)n : 0;
}

/* --- the window --- */

/* Reads behind the bytes that are not converted. False: nothing comes any more. */
static bool read_raw(struct text_input *t) {
    memmove(t->raw, t->raw + t->raw_at, t->raw_end - t->raw_at);
    t->raw_end -= t->raw_at;
    t->raw_at = 0;
    size_t n = read_bytes(t, t->raw + t->raw_end, WINDOW_SIZE - t->raw_end);
    t->raw_end += n;
    return n > 0;
}

/* Converts what is there. */
static enum encoding_step convert_raw(struct text_input *t) {
    struct slice in = slice_of(t->raw + t->raw_at, t->raw_end - t->raw_at);
    size_t n = 0;
    enum encoding_step step =
        encoding_convert(t->encoding, &in, t->bytes + t->end, WINDOW_SIZE - t->end, &n);
    t->end += n;
    t->raw_at = t->raw_end - in.n;
    return step;
}

/* The file has ended, and all whole characters are converted. */
static void finish_raw(struct text_input *t) {
    t->end += encoding_finish(t->encoding, t->bytes + t->end, WINDOW_SIZE - t->end);
    t->ended = true;
    if (t->fault.class == ERR_NONE && t->raw_at < t->raw_end)
        (void)err_set(&t->fault, ERR_CONFIG,
                      "the file ends in the middle of a character, get all of it");
}

static void more_converted(struct text_input *t) {
    size_t before = t->end;
    while (t->end == before && !t->ended) {
        enum encoding_step step = convert_raw(t);
        if (step == ENCODING_WRONG) {
            struct slice rest = slice_of(t->raw + t->raw_at, t->raw_end - t->raw_at);
            (void)encoding_refuse(t->encoding, rest, &t->fault);
            t->ended = true;
            continue;
        }
        assert(step == ENCODING_MORE || t->end > before);
        if (t->end == before && !read_raw(t))
            finish_raw(t);
    }
}

void text_input_more(struct text_input *t) {
    if (t->at == t->end)
        t->at = t->end = 0;
    if (t->encoding != NULL) {
        more_converted(t);
        return;
    }
    size_t n = read_bytes(t, t->bytes + t->end, WINDOW_SIZE - t->end);
    t->end += n;
    t->ended = n == 0;
}

static bool has_line(const struct text_input *t) {
    return t->at < t->end && memchr(t->bytes + t->at, '\n', t->end - t->at) != NULL;
}

/* The window without what may come before the content. */
static struct slice content(const struct text_input *t) {
    struct slice text = slice_of(t->bytes + t->at, t->end - t->at);
    while (slice_has_prefix(text, slice_str("\xEF\xBB\xBF")))
        text = slice_of(text.p + 3, text.n - 3);
    return slice_trim(text);
}

bool text_input_is_json(struct text_input *t) {
    while (content(t).n == 0 && !t->ended && WINDOW_SIZE - t->end >= WINDOW_ROOM_MIN)
        text_input_more(t);
    struct slice text = content(t);
    return text.n > 0 && (text.p[0] == '{' || text.p[0] == '[');
}

void text_input_fill_line(struct text_input *t) {
    while (!t->ended && !has_line(t) &&
           (t->at == t->end || WINDOW_SIZE - t->end >= WINDOW_ROOM_MIN))
        text_input_more(t);
}

uint64_t text_input_position(const struct text_input *t) {
    uint64_t before = t->bytes_read - (t->raw_end - t->raw_at), unread = t->end - t->at;
    return before - (unread < before ? unread : before);
}

/* --- opening --- */

static char *name_of(const char *path) {
    struct buf name = {0};
    buf_put_str(&name, strcmp(path, "-") == 0 ? "standard input" : path);
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < ' ')
            name.p[i] = '?';
    (void)buf_cstr(&name);
    return name.p;
}

static bool refuse_directory(const struct text_input *t, struct err *e) {
    struct buf word = {0};
    shell_word_put(&word, t->path);
    (void)err_set(e, ERR_CONFIG, "%s: is a directory, name its files: %s %s%s*.csv", t->name,
                  t->command, buf_cstr(&word), word.p[word.n - 1] == '/' ? "" : "/");
    buf_release(&word);
    return false;
}

/* Opening a named pipe waits for its writer. */
static int open_waiting(const struct text_input *t) {
    int fd = -1;
    errno = EINTR;
    while (fd < 0 && errno == EINTR && !is_stopped(t))
        fd = open(t->path, O_RDONLY | O_CLOEXEC);
    return fd;
}

static bool open_path(struct text_input *t, struct err *e) {
    struct stat s = {0};
    if (strcmp(t->path, "-") == 0)
        t->fd = STDIN_FILENO;
    else
        t->fd = open_waiting(t);
    if (t->fd < 0 && errno == EINTR)
        return err_set(e, ERR_STOP, "%s: interrupted", t->name);
    if (t->fd < 0)
        return err_set(e, ERR_CONFIG, "%s: cannot open: %s, %s", t->name, strerror(errno),
                       errno == EACCES ? "let this user read it" : "check the path");
    if (fstat(t->fd, &s) != 0)
        return err_set(e, ERR_CONFIG, "%s: cannot read: %s", t->name, strerror(errno));
    t->is_regular = S_ISREG(s.st_mode);
    t->size = s.st_size;
    return !S_ISDIR(s.st_mode) || refuse_directory(t, e);
}

/* Finds out what the first line is in. */
static bool choose_encoding(struct text_input *t, const struct text_input_options *o,
                            struct err *e) {
    struct slice start = slice_of(t->bytes, t->end);
    struct file_source source = {t->name, t->path, t->command, o->may_be_json};
    if (t->fault.class != ERR_NONE)
        return err_set(e, t->fault.class, "%s: %s", t->name, t->fault.text);
    if (!file_kind_is_text(start, &source, e))
        return false;
    return encoding_choose(o->encoding, start, &t->encoding, e) || err_prefix(e, "%s", t->name);
}

/* What was read becomes what is to be converted. */
static void begin_conversion(struct text_input *t) {
    t->raw = t->bytes;
    t->raw_end = t->end;
    t->bytes = mem_alloc(WINDOW_SIZE);
    t->end = 0;
    t->ended = false;
    text_input_fill_line(t);
}

bool text_input_open(struct text_input *t, const char *path, const struct text_input_options *o,
                     struct err *e) {
    *t = (struct text_input){
        .path = path,
        .name = name_of(path),
        .command = o->command,
        .stop = o->stop,
        .fd = -1,
        .bytes = mem_alloc(WINDOW_SIZE),
    };
    bool ok = open_path(t, e);
    if (ok) {
        text_input_fill_line(t);
        ok = choose_encoding(t, o, e);
    }
    if (!ok)
        text_input_release(t);
    else if (t->encoding != NULL)
        begin_conversion(t);
    return ok;
}

void text_input_release(struct text_input *t) {
    if (t->fd > STDIN_FILENO)
        (void)close(t->fd);
    encoding_free(t->encoding);
    free(t->bytes);
    free(t->raw);
    free(t->name);
    *t = (struct text_input){.fd = -1};
}
