/* starting: what the start waits for, in one sentence for people. The thread that starts the
 * process writes it, and HTTP shows it as long as there are no workers. Any thread. */
#ifndef STREAMER_SERVICE_STARTING_H
#define STREAMER_SERVICE_STARTING_H

#include "streamer/base/err.h"

#include <pthread.h>
#include <stdbool.h>

#define STARTING_TEXT_MAX sizeof((struct err *)0)->text

struct starting {
    pthread_mutex_t lock; /* over the text */
    char text[STARTING_TEXT_MAX];
};

void starting_init(struct starting *s, const char *text);
void starting_release(struct starting *s);
/* True if the text is another one than before. */
bool starting_set(struct starting *s, const char *text);
void starting_copy(struct starting *s, char text[STARTING_TEXT_MAX]);

#endif
