#include "streamer/service/starting.h"

#include <stdio.h>
#include <string.h>

void starting_init(struct starting *s, const char *text) {
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)snprintf(s->text, sizeof s->text, "%s", text);
}

void starting_release(struct starting *s) {
    (void)pthread_mutex_destroy(&s->lock);
}

bool starting_set(struct starting *s, const char *text) {
    (void)pthread_mutex_lock(&s->lock);
    bool is_new = strcmp(s->text, text) != 0;
    if (is_new)
        (void)snprintf(s->text, sizeof s->text, "%s", text);
    (void)pthread_mutex_unlock(&s->lock);
    return is_new;
}

void starting_copy(struct starting *s, char text[STARTING_TEXT_MAX]) {
    (void)pthread_mutex_lock(&s->lock);
    (void)snprintf(text, STARTING_TEXT_MAX, "%s", s->text);
    (void)pthread_mutex_unlock(&s->lock);
}
