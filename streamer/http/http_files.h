/* http_files: what the configuration keeps in files for HTTP: the token, the certificate and its
 * key. Read once, at start. */
#ifndef STREAMER_HTTP_HTTP_FILES_H
#define STREAMER_HTTP_HTTP_FILES_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdbool.h>

struct http_files {
    char *token;             /* NULL: none */
    char *certificate, *key; /* PEM; both NULL: none */
};

/* False with an error (ERR_CONFIG) if a file cannot be read, is empty, or the key is not that of
 * the certificate; then nothing is left to release. */
bool http_files_read(struct http_files *f, const struct config *c, struct err *e);
void http_files_release(struct http_files *f);

#endif
