/* file_kind: recognizes files that hold no plain text, by their first bytes, and says how to make
 * CSV of them. Pure. */
#ifndef STREAMER_FILES_FILE_KIND_H
#define STREAMER_FILES_FILE_KIND_H

#include "streamer/base/err.h"
#include "streamer/base/slice.h"

#include <stdbool.h>

/* How a file is called, and what reads it. */
struct file_source {
    const char *name;    /* for the beginning of an error */
    const char *path;    /* for a command; "-": standard input */
    const char *command; /* "streamer feed customers" */
    bool may_be_json;    /* else JSON is refused as no CSV */
};

/* `start`: the first bytes of the file; the first 512 decide, as far as it has them. False: it is
 * compressed, a workbook, a page or the like, and the error says what makes CSV of it. */
bool file_kind_is_text(struct slice start, const struct file_source *source, struct err *e);

/* Refuses the file, as "is WHAT: FILTER FILE | COMMAND -". Returns false. */
bool file_kind_refuse(const struct file_source *source, const char *what, const char *filter,
                      struct err *e);

#endif
