/* text_input: the text of a file, part by part, in UTF-8, whatever the file's encoding is. Its
 * memory does not grow with the file. One thread. */
#ifndef STREAMER_FILES_TEXT_INPUT_H
#define STREAMER_FILES_TEXT_INPUT_H

#include "streamer/base/err.h"
#include "streamer/base/slice.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text_input_options {
    const char *encoding;    /* as iconv names it; NULL: UTF-8 */
    const char *command;     /* the command that reads, for advice. Borrowed. */
    const atomic_bool *stop; /* true: reading ends with ERR_STOP. NULL: it does not. Borrowed. */
    bool may_be_json;        /* else a text that begins as JSON is refused */
};

struct text_input {
    /* The window: those bytes from `at` to `end` are unread. The reader moves `at` on. With an
     * encoding they are valid UTF-8, otherwise they may be anything. */
    char *bytes;
    size_t at, end;
    bool ended;       /* nothing comes behind the window */
    struct err fault; /* why it ended; ERR_NONE: at the end of the file */

    const char *path; /* borrowed; "-": standard input */
    char *name;       /* the path for people, on one line; "standard input" */
    const char *command;
    struct encoding *encoding; /* NULL: UTF-8 */
    const atomic_bool *stop;
    int fd;
    bool is_regular;
    int64_t size; /* of a regular file, when it was opened */
    char *raw;    /* with an encoding: what is not converted */
    size_t raw_at, raw_end;
    uint64_t bytes_read; /* of the file */
};

/* Opens `path` ("-": standard input) and reads at least the first line, if it is not too long for
 * the window. The window begins with it; byte order marks are part of it. False: it cannot be read,
 * or is no text in this encoding; the error (ERR_CONFIG) says what helps, and there is nothing to
 * release. */
bool text_input_open(struct text_input *t, const char *path, const struct text_input_options *o,
                     struct err *e);
void text_input_release(struct text_input *t);

/* Whether the window begins as an object or a list of JSON does, behind white space and byte order
 * marks. To be asked before anything is taken from it; it may read more. */
bool text_input_is_json(struct text_input *t);

/* Reads more behind the window; sets `ended` if there is nothing. */
void text_input_more(struct text_input *t);
/* Reads until the window has the whole next line, or is full, or the text ends. */
void text_input_fill_line(struct text_input *t);

/* How many bytes of the file come before `at`. With an encoding about so many. */
uint64_t text_input_position(const struct text_input *t);

#endif
