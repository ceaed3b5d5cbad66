/* http_files: the files that settings of HTTP name: the token, the certificate and its key. They
 * are read once, at the start. Those with the authorities of others are only tried. */
#ifndef STREAMER_HTTP_HTTP_FILES_H
#define STREAMER_HTTP_HTTP_FILES_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdbool.h>

struct http_files {
    char *token;             /* NULL: the setting is empty */
    char *certificate, *key; /* PEM texts; NULL: the settings are empty */
};

/* False with ERR_CONFIG if a file cannot be read or is empty, or the key does not belong to the
 * certificate; then there is nothing to release. */
bool http_files_read(struct http_files *f, const struct config *c, struct err *e);
/* Overwrites the secrets in memory before it frees them. */
void http_files_release(struct http_files *f);

#endif
