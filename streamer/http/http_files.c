#include "streamer/http/http_files.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX 1048576 /* Debian's list of authorities has 220,000 bytes */

static char *cstr(struct buf *b) {
    (void)buf_cstr(b);
    return b->p;
}

/* The text of a file, without the white space at its ends that editors leave there. NULL with an
 * error. */
static char *read_text(const char *key, const char *path, struct err *e) {
    char *text = mem_calloc(1, FILE_BYTES_MAX);
    FILE *file = fopen(path, "re");
    size_t n = file != NULL ? fread(text, 1, FILE_BYTES_MAX, file) : 0;
    bool failed = file == NULL || ferror(file) != 0;
    int error = errno;
    if (file != NULL)
        (void)fclose(file);
    struct buf trimmed = {0};
    if (failed)
        (void)err_set(e, ERR_CONFIG, "%s=%s: cannot be read: %s", key, path, strerror(error));
    else if (memchr(text, '\0', n) != NULL)
        failed = !err_set(e, ERR_CONFIG, "%s=%s: is no text, it has a byte that is 0", key, path);
    else
        buf_set(&trimmed, slice_trim(slice_of(text, n)));
    explicit_bzero(text, n);
    free(text);
    return failed ? NULL : cstr(&trimmed);
}

/* The characters that may follow "Bearer " (RFC 6750). */
static bool token_is_valid(const char *token) {
    size_t n = strlen(token);
    return n > 0 &&
           strspn(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=") ==
               n;
}

static bool read_token(struct http_files *f, const char *path, struct err *e) {
    f->token = read_text("http.token.file", path, e);
    return f->token != NULL &&
           (token_is_valid(f->token) ||
            err_set(e, ERR_CONFIG,
                    "http.token.file=%s: holds no token, write one line of letters, digits and "
                    "-._~+/= into it",
                    path));
}

static gnutls_datum_t datum(char *text) {
    return (gnutls_datum_t){(unsigned char *)text, (unsigned)strlen(text)};
}

/* Reads both as libmicrohttpd will, because that does not say what is wrong with them. */
static bool check_pair(const struct http_files *f, const struct config *c, struct err *e) {
    gnutls_certificate_credentials_t both;
    gnutls_datum_t certificate = datum(f->certificate), key = datum(f->key);
    int code = gnutls_certificate_allocate_credentials(&both);
    if (code == GNUTLS_E_SUCCESS) {
        code = gnutls_certificate_set_x509_key_mem(both, &certificate, &key, GNUTLS_X509_FMT_PEM);
        gnutls_certificate_free_credentials(both);
    }
    return code >= 0 ||
           err_set(
               e, ERR_CONFIG,
               "http.tls.certificate=%s, http.tls.key=%s: not a certificate and its key in PEM: %s",
               c->http_tls_certificate, c->http_tls_key, gnutls_strerror(code));
}

static bool read_pair(struct http_files *f, const struct config *c, struct err *e) {
    f->certificate = read_text("http.tls.certificate", c->http_tls_certificate, e);
    if (f->certificate != NULL)
        f->key = read_text("http.tls.key", c->http_tls_key, e);
    return f->certificate != NULL && f->key != NULL && check_pair(f, c, e);
}

/* libcurl reads the file later; a file that cannot be read is an error now. */
static bool check_authorities(const char *key, const char *path, struct err *e) {
    char *text = path[0] != '\0' ? read_text(key, path, e) : NULL;
    free(text);
    return path[0] == '\0' || text != NULL;
}

bool http_files_read(struct http_files *f, const struct config *c, struct err *e) {
    *f = (struct http_files){0};
    if ((c->http_token_file[0] == '\0' || read_token(f, c->http_token_file, e)) &&
        (c->http_tls_certificate[0] == '\0' || read_pair(f, c, e)) &&
        check_authorities("http.tls.ca", c->http_tls_ca, e) &&
        check_authorities("alert.webhook.ssl.ca.location", c->alert_webhook_ca, e) &&
        check_authorities("openlineage.ssl.ca.location", c->openlineage_ca, e))
        return true;
    http_files_release(f);
    return false;
}

static void forget(char **secret) {
    if (*secret != NULL)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

void http_files_release(struct http_files *f) {
    forget(&f->token);
    forget(&f->certificate);
    forget(&f->key);
}
