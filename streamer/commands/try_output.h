/* try_output: what `try` writes: judged rows as a table, JSON or CSV, and what they come to. Rows
 * are written when some kilobytes are together, and always whole. */
#ifndef STREAMER_COMMANDS_TRY_OUTPUT_H
#define STREAMER_COMMANDS_TRY_OUTPUT_H

#include "streamer/base/err.h"
#include "streamer/commands/judge.h"

#include <stdatomic.h>

enum try_format { TRY_TABLE, TRY_JSON, TRY_CSV };

struct try_output_options {
    enum try_format format;
    enum entity entity;
    bool names_files; /* each row says which file it is of */
    bool is_terminal; /* `fd` is one: control characters do not reach it */
    bool has_colours; /* of the table */
    int fd;
    const atomic_bool *stop; /* true: a write that waits ends with an error. NULL: none */
};

struct try_output;
struct try_output *try_output_new(const struct try_output_options *o);
void try_output_free(struct try_output *o);

/* The rows that follow are of this file. What is no UTF-8 in its name, and control characters,
 * become '?'. */
void try_output_begin_file(struct try_output *o, const char *name);
/* Each returns false with an error, ERR_STOP, if it cannot write. */
bool try_output_put(struct try_output *o, uint64_t line, const struct judgement *j, struct err *e);
/* Writes what is left, which may be in the middle of the input. */
bool try_output_flush(struct try_output *o, struct err *e);
/* Writes the end. What is no data of the format is appended to `talk`. */
bool try_output_end(struct try_output *o, const struct judge_counts *c, struct buf *talk,
                    struct err *e);

#endif
