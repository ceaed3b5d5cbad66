/* progress: one line on a terminal that says how far a long work is. Drawn a few times a second,
 * over itself.
 */
#ifndef STREAMER_COMMANDS_PROGRESS_H
#define STREAMER_COMMANDS_PROGRESS_H

#include <stdint.h>
#include <stdio.h>

struct progress {
    FILE *out;      /* NULL: nothing is drawn */
    uint64_t total; /* bytes; 0: unknown */
    int64_t started_ms, drawn_ms;
};

/* `out` is borrowed; it should be a terminal. */
void progress_init(struct progress *p, FILE *out, uint64_t total_bytes);
/* Cheap when it is too early to draw again. */
void progress_show(struct progress *p, uint64_t bytes, uint64_t rows);
/* Removes the line. */
void progress_clear(struct progress *p);

/* Milliseconds of a clock that only goes forward. */
int64_t progress_now_ms(void);

#endif
