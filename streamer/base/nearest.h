/* nearest: "did you mean …?": which of many names is closest to the one that was typed. Pure. */
#ifndef STREAMER_BASE_NEAREST_H
#define STREAMER_BASE_NEAREST_H

#include <stddef.h>

#define NEAREST_NAME_MAX 96 /* longer names are not considered */

struct nearest {
    const char *word; /* borrowed */
    size_t distance;
    char best[NEAREST_NAME_MAX + 1]; /* the closest so far; "": none is close enough to be meant */
};

struct nearest nearest_to(const char *word);
/* Edit distance (insert, delete, replace, swap of neighbours) without regard to case; a name of
 * which `word` is the tail after a dot ("bootstrap.servers" of "kafka.bootstrap.servers") counts as
 * very close. Of equally close names the first one offered stays. */
void nearest_offer(struct nearest *n, const char *name);

#endif
