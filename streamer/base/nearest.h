/* nearest: finds the name that a user may have meant ("did you mean …?"). Pure. */
#ifndef STREAMER_BASE_NEAREST_H
#define STREAMER_BASE_NEAREST_H

#include <stddef.h>

#define NEAREST_NAME_MAX 96 /* longer names are passed over */

struct nearest {
    const char *word; /* borrowed */
    size_t distance;
    char best[NEAREST_NAME_MAX + 1]; /* the closest name so far; "": none was close enough */
};

/* Starts the search; offer each name to the result. */
struct nearest nearest_to(const char *word);
/* Considers `name`. Closeness is the edit distance (insert, delete, replace, swap of neighbours)
 * without regard to case. A name counts as very close if `word` is its tail after a dot
 * ("bootstrap.servers" of "kafka.bootstrap.servers"). Of equally close names the first stays. */
void nearest_offer(struct nearest *n, const char *name);

#endif
