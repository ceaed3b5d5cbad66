#include "streamer/config/secret_file.h"

#include "streamer/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES 65536 /* private keys with their certificates are shorter */

/* How many bytes the text has without the line ends after it. */
static size_t trimmed_size(const char *text, size_t n) {
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    return n;
}

static bool check_content(const char *path, const char *text, size_t n, size_t trimmed,
                          struct err *e) {
    if (n > MAX_BYTES)
        return err_set(e, ERR_CONFIG, "%s holds more than %d bytes, name the file of the secret",
                       path, MAX_BYTES);
    if (trimmed == 0)
        return err_set(e, ERR_CONFIG, "%s is empty, write the secret into it", path);
    return memchr(text, '\0', n) == NULL ||
           err_set(e, ERR_CONFIG, "%s holds a NUL byte, write the secret into it as text", path);
}

char *secret_file_read(const char *path, struct err *e) {
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        (void)err_set(e, ERR_CONFIG, "cannot open %s: %s, check path and rights", path,
                      strerror(errno));
        return NULL;
    }
    char *text = mem_alloc(MAX_BYTES + 1);
    size_t n = fread(text, 1, MAX_BYTES + 1, f), trimmed = trimmed_size(text, n);
    bool ok = ferror(f) == 0 ? check_content(path, text, n, trimmed, e)
                             : err_set(e, ERR_CONFIG, "cannot read %s: %s, check the path", path,
                                       strerror(errno));
    (void)fclose(f);
    if (ok) {
        text[trimmed] = '\0';
        return text;
    }
    free(text);
    return NULL;
}
