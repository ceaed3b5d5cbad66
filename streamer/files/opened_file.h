/* opened_file: a file that is open, and its first bytes, which were read to tell what it is. They
 * are not lost, so that a pipe, which can be read only once, is read whole. One thread. */
#ifndef STREAMER_FILES_OPENED_FILE_H
#define STREAMER_FILES_OPENED_FILE_H

#include "streamer/base/err.h"
#include "streamer/base/slice.h"

#include <stddef.h>
#include <sys/types.h>

#define OPENED_FILE_FIRST_BYTES 512

struct opened_file {
    const char *name; /* the path, borrowed; "standard input" for "-" */
    int fd;
    char first[OPENED_FILE_FIRST_BYTES];
    size_t first_count, first_taken; /* how many there are, and how many were given out */
};

/* Opens `path` ("-": standard input), and reads up to the first byte that is neither white space
 * nor part of a byte order mark. False: an error, ERR_CONFIG, and nothing is open. */
bool opened_file_init(struct opened_file *f, const char *path, struct err *e);
void opened_file_release(struct opened_file *f);

/* Whether it begins as an object or a list of JSON does, behind white space and byte order marks
 * of UTF-8. */
bool opened_file_is_json(const struct opened_file *f);

/* Reads as read(2) does, from the beginning of the file. A signal does not interrupt it. */
ssize_t opened_file_read(struct opened_file *f, void *to, size_t room);

#endif
