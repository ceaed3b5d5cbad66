#include "streamer/service/alert.h"

#include <string.h>

/* ALERT_CHECKS_MAX: the check is not known, and there is no room for it. */
static size_t place_of(struct alert_watch *w, const char *id) {
    size_t i = 0;
    while (i < w->seen_count && strcmp(w->seen[i].id, id) != 0)
        i++;
    if (i < w->seen_count || i == ALERT_CHECKS_MAX)
        return i;
    w->seen[i].id = id;
    w->seen[i].status = CHECK_PASS;
    w->seen_count++;
    return i;
}

static void look(struct alert_watch *w, const struct check_state *now) {
    size_t i = place_of(w, now->id);
    if (i == ALERT_CHECKS_MAX)
        return;
    struct alert alert = {*now, w->seen[i].status, w->seen[i].since_ms};
    w->seen[i].status = now->status;
    w->seen[i].since_ms = now->since_ms;
    if (alert.before != now->status)
        w->changed(w->context, &alert);
}

void alert_watch_look(struct alert_watch *w, const struct check_state *states, size_t count) {
    for (size_t i = 0; i < count; i++)
        look(w, &states[i]);
}
