/* averages_file: keeps averages in the file AVERAGES of the state directory, so that a restart does
 * not forget what is usual. A file that cannot be used costs a warning, and the averages begin
 * anew; it never stops the program. One thread at a time. */
#ifndef STREAMER_QUALITY_AVERAGES_FILE_H
#define STREAMER_QUALITY_AVERAGES_FILE_H

#include "streamer/base/err.h"
#include "streamer/quality/averages.h"

#include <stdbool.h>
#include <stdint.h>

struct averages_file {
    char *path;
    struct averages kept; /* what the file holds */
    int64_t next_us;      /* averages_file_keep writes from then on; monotonic */
    bool has_failed;      /* the last write; the log has said so */
};

/* `dir`: the state directory, which this process has. */
void averages_file_init(struct averages_file *f, const char *dir);
void averages_file_release(struct averages_file *f);

/* To be called once, after init. Fills *a; without a file that can be used, nothing is known. */
void averages_file_read(struct averages_file *f, struct averages *a);
/* Writes what has changed since the last write. The file is replaced as a whole, or not at all. */
void averages_file_write(struct averages_file *f, const struct averages *a);
/* The same, at most once a minute. now_us: monotonic. */
void averages_file_keep(struct averages_file *f, const struct averages *a, int64_t now_us);

/* Removes the file, which need not be there. False with ERR_STOP if it stays. */
bool averages_file_remove(const char *dir, struct err *e);

#endif
