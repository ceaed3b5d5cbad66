/* progress: one line on a terminal that says how far a long job is. It is drawn over itself, a few
 * times a second. One thread. */
#ifndef STREAMER_COMMANDS_PROGRESS_H
#define STREAMER_COMMANDS_PROGRESS_H

#include <stdint.h>
#include <stdio.h>

struct progress {
    FILE *out;                    /* NULL: nothing is drawn */
    uint64_t total;               /* bytes; 0: unknown */
    int64_t started_ms, drawn_ms; /* monotonic */
};

/* `out` is borrowed; it should be a terminal. total_bytes 0: the size is not known. */
void progress_init(struct progress *p, FILE *out, uint64_t total_bytes);
/* Draws the line: how far `bytes` are, the rows, how many a second, and how long the rest takes at
 * the speed so far. It does nothing if it was drawn less than a tenth of a second ago. Such a call
 * is cheap, so it may be made for every row. */
void progress_show(struct progress *p, uint64_t bytes, uint64_t rows);
/* Removes the line. */
void progress_clear(struct progress *p);

#endif
