#include "streamer/export/out_file.h"

#include "streamer/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITE_BYTES ((size_t)256 << 10)

struct out_file {
    char *path;      /* where it ends up; NULL: standard output */
    char *temporary; /* NULL: there is none (any more) */
    int fd;
    struct buf waiting; /* not written yet */
    int64_t bytes;
    EVP_MD_CTX *hash;
    unsigned char digest[EVP_MAX_MD_SIZE];
    mode_t mode;
};

static bool fail(const struct out_file *f, const char *what, struct err *e) {
    int why = errno;
    const char *advice =
        why == ENOSPC || why == EDQUOT ? "; free some space, or write elsewhere" : "";
    return err_set(e, ERR_STOP, "%s: cannot %s: %s%s",
                   f->path != NULL ? f->path : "standard output", what, strerror(why), advice);
}

/* --- hashes --- */

static void put_hex(const unsigned char *digest, char hex[OUT_FILE_SHA256_HEX + 1]) {
    for (int i = 0; i < OUT_FILE_SHA256_HEX / 2; i++)
        (void)snprintf(hex + 2 * (size_t)i, 3, "%02x", digest[i]);
}

void sha256_hex(struct slice bytes, char hex[OUT_FILE_SHA256_HEX + 1]) {
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    (void)EVP_Digest(bytes.p, bytes.n, digest, NULL, EVP_sha256(), NULL);
    put_hex(digest, hex);
}

/* --- opening --- */

/* The path behind symbolic links, which stay. */
static char *resolve(const char *path) {
    char *real = realpath(path, NULL);
    return real != NULL ? real : mem_strdup(path);
}

static bool may_be_replaced(const char *path, struct err *e) {
    struct stat st;
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
        return true; /* a folder that is missing shows when the temporary file is made */
    if (S_ISDIR(st.st_mode))
        return err_set(e, ERR_CONFIG, "--output %s: it is a folder; name a file in it", path);
    return err_set(e, ERR_CONFIG,
                   "--output %s: it is no regular file; leave --output out, and redirect standard "
                   "output to it",
                   path);
}

/* The rights of the file of before, else those that a new file has. */
static mode_t mode_of(const char *path) {
    struct stat st;
    if (stat(path, &st) == 0)
        return st.st_mode & 0777;
    mode_t mask = umask(0);
    (void)umask(mask);
    return 0666 & ~mask;
}

static bool make_temporary(struct out_file *f, struct err *e) {
    struct buf name = {0};
    buf_printf(&name, "%s.XXXXXX", f->path);
    (void)buf_cstr(&name);
    f->fd = mkostemp(name.p, O_CLOEXEC);
    if (f->fd < 0) {
        (void)err_set(e, ERR_CONFIG, "--output %s: cannot write a file beside it: %s", f->path,
                      strerror(errno));
        buf_release(&name);
        return false;
    }
    f->temporary = name.p;
    return fchmod(f->fd, f->mode) == 0 || fail(f, "set its rights", e);
}

struct out_file *out_file_new(const char *path, struct err *e) {
    if (path != NULL && !may_be_replaced(path, e))
        return NULL;
    struct out_file *f = mem_calloc(1, sizeof *f);
    f->fd = STDOUT_FILENO;
    f->hash = EVP_MD_CTX_new();
    bool ok = (f->hash != NULL && EVP_DigestInit_ex(f->hash, EVP_sha256(), NULL) == 1) ||
              err_set(e, ERR_STOP, "OpenSSL has no SHA-256 here");
    if (ok && path != NULL) {
        f->path = resolve(path);
        f->mode = mode_of(f->path);
        ok = make_temporary(f, e);
    }
    if (ok)
        return f;
    out_file_free(f);
    return NULL;
}

void out_file_free(struct out_file *f) {
    if (f == NULL)
        return;
    if (f->path != NULL && f->fd >= 0)
        (void)close(f->fd);
    if (f->temporary != NULL)
        (void)unlink(f->temporary);
    free(f->temporary);
    free(f->path);
    EVP_MD_CTX_free(f->hash);
    buf_release(&f->waiting);
    free(f);
}

const char *out_file_temporary(const struct out_file *f) {
    return f->temporary;
}

/* --- writing --- */

/* False: errno says why. */
static bool write_all(int fd, struct slice bytes) {
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            bytes = slice_of(bytes.p + n, bytes.n - (size_t)n);
    }
    return true;
}

static void note_bytes(struct out_file *f, struct slice bytes) {
    (void)EVP_DigestUpdate(f->hash, bytes.p, bytes.n); /* cannot fail for SHA-256 */
    f->bytes += (int64_t)bytes.n;
}

static bool write_waiting(struct out_file *f, struct err *e) {
    note_bytes(f, buf_slice(&f->waiting));
    bool ok = write_all(f->fd, buf_slice(&f->waiting)) || fail(f, "write", e);
    buf_clear(&f->waiting);
    return ok;
}

bool out_file_put(struct out_file *f, struct slice bytes, struct err *e) {
    buf_put_slice(&f->waiting, bytes);
    return f->waiting.n < WRITE_BYTES || write_waiting(f, e);
}

bool out_file_flush(struct out_file *f, struct err *e) {
    bool ok = write_waiting(f, e);
    (void)EVP_DigestFinal_ex(f->hash, f->digest, NULL);
    return ok;
}

/* The other program may have replaced the file by a new one. */
static bool reopen(struct out_file *f, struct err *e) {
    (void)close(f->fd);
    f->fd = open(f->temporary, O_RDWR | O_CLOEXEC);
    return (f->fd >= 0 && fchmod(f->fd, f->mode) == 0) || fail(f, "read it back", e);
}

bool out_file_measure(struct out_file *f, struct err *e) {
    ssize_t n;
    if (!reopen(f, e))
        return false;
    char *part = buf_reserve(&f->waiting, WRITE_BYTES);
    while ((n = read(f->fd, part, WRITE_BYTES)) > 0)
        note_bytes(f, slice_of(part, (size_t)n));
    (void)EVP_DigestFinal_ex(f->hash, f->digest, NULL);
    return n == 0 || fail(f, "read it back", e);
}

int64_t out_file_bytes(const struct out_file *f) {
    return f->bytes;
}

void out_file_sha256(const struct out_file *f, char hex[OUT_FILE_SHA256_HEX + 1]) {
    put_hex(f->digest, hex);
}

/* --- its place --- */

/* So that the new names are on the disk, too. */
static bool sync_folder(const struct out_file *f, struct err *e) {
    char *path = mem_strdup(f->path);
    int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(path);
    bool ok = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL); /* some file systems cannot */
    if (!ok)
        (void)fail(f, "write its folder to the disk", e);
    if (fd >= 0)
        (void)close(fd);
    return ok;
}

static bool sync_and_close(int *fd) {
    bool ok = fsync(*fd) == 0;
    int why = errno;
    ok = close(*fd) == 0 && ok;
    errno = ok ? errno : why;
    *fd = -1;
    return ok;
}

/* Writes the totals to a temporary file. */
static bool write_totals(const struct out_file *f, const char *temporary, struct slice beside,
                         struct err *e) {
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, f->mode);
    bool ok = fd >= 0 && write_all(fd, beside);
    if (!ok)
        (void)fail(f, "write its totals", e);
    if (fd >= 0 && !sync_and_close(&fd) && ok)
        ok = fail(f, "write its totals to the disk", e);
    return ok;
}

static bool rename_both(struct out_file *f, const char *totals_temporary, const char *totals,
                        struct err *e) {
    if (unlink(totals) != 0 && errno != ENOENT)
        return fail(f, "remove its totals of before", e);
    if (rename(f->temporary, f->path) != 0)
        return fail(f, "rename the temporary file", e);
    free(f->temporary);
    f->temporary = NULL;
    return rename(totals_temporary, totals) == 0 ||
           err_set(e, ERR_STOP, "%s: it was written, but %s cannot be: %s", f->path, totals,
                   strerror(errno));
}

bool out_file_place(struct out_file *f, struct slice beside, struct err *e) {
    struct buf totals = {0}, temporary = {0};
    buf_printf(&totals, "%s.totals.json", f->path);
    buf_printf(&temporary, "%s.totals", f->temporary);
    bool ok = (sync_and_close(&f->fd) || fail(f, "write it to the disk", e)) &&
              write_totals(f, buf_cstr(&temporary), beside, e) &&
              rename_both(f, buf_cstr(&temporary), buf_cstr(&totals), e) && sync_folder(f, e);
    if (!ok)
        (void)unlink(buf_cstr(&temporary));
    buf_release(&totals);
    buf_release(&temporary);
    return ok;
}
