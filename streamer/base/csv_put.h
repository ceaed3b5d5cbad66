/* csv_put: texts as fields of CSV (RFC 4180). */
#ifndef STREAMER_BASE_CSV_PUT_H
#define STREAMER_BASE_CSV_PUT_H

#include "streamer/base/buf.h"

/* Appends the text, in quotes if it has a comma, a quote or an end of line in it. */
void csv_put_text(struct buf *out, struct slice text);

#endif
