/* secret_file: reads a secret from a file of its own, as Kubernetes and systemd hand them out. */
#ifndef STREAMER_CONFIG_SECRET_FILE_H
#define STREAMER_CONFIG_SECRET_FILE_H

#include "streamer/base/err.h"

/* The content of the file without the line ends behind it; the caller frees it. NULL with an error
 * (ERR_CONFIG) that names the file and never shows what is in it. */
char *secret_file_read(const char *path, struct err *e);

#endif
