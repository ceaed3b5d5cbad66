#include "streamer/service/alert_plan.h"

#include <assert.h>
#include <string.h>

/* As if the receiver was told that all is well. */
static void forget(struct alert_entry *e) {
    e->told.status = CHECK_PASS;
    e->told.since_ms = 0;
    e->told.is_sure = true;
}

static struct alert_entry *find(struct alert_plan *p, const char *id) {
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->entries[i].id, id) == 0)
            return &p->entries[i];
    return NULL;
}

/* NULL: there is no room. */
static struct alert_entry *add(struct alert_plan *p, const char *id) {
    if (p->count == ALERT_CHECKS_MAX || strlen(id) >= ALERT_ID_MAX)
        return NULL;
    struct alert_entry *e = &p->entries[p->count++];
    *e = (struct alert_entry){.free_ms = INT64_MIN};
    memcpy(e->id, id, strlen(id) + 1);
    forget(e);
    return e;
}

/* The entry of a check. NULL: there is no room. */
static struct alert_entry *entry_of(struct alert_plan *p, const char *id) {
    struct alert_entry *e = find(p, id);
    return e != NULL ? e : add(p, id);
}

bool alert_plan_remember(struct alert_plan *p, const char *id, enum check_status status,
                         int64_t since_ms, bool is_sure) {
    struct alert_entry *e = find(p, id) == NULL ? add(p, id) : NULL;
    if (e == NULL)
        return false;
    e->told.status = status;
    e->told.since_ms = since_ms;
    e->told.is_sure = is_sure;
    return true;
}

static bool is_news(const struct alert_entry *e) {
    return !e->told.is_sure || e->told.status != e->now.status;
}

/* Not while a message is being sent. */
static void wait_for_pause(struct alert_entry *e, int64_t now_ms) {
    e->is_waiting = is_news(e);
    e->due_ms = e->free_ms > now_ms ? e->free_ms : now_ms;
}

/* Not while a message is being sent. */
static void see(struct alert_entry *e, enum alert_duty duty, int64_t now_ms) {
    if (duty == ALERT_ELSEWHERE)
        forget(e);
    if (duty != ALERT_HERE)
        e->is_waiting = false;
    else if (e->is_waiting) /* it keeps its place before those that came later */
        e->is_waiting = is_news(e);
    else
        wait_for_pause(e, now_ms);
}

void alert_plan_see(struct alert_plan *p, const struct check_state *now, enum alert_duty duty,
                    int64_t now_ms) {
    struct alert_entry *e = entry_of(p, now->id);
    if (e == NULL)
        return;
    e->now = *now;
    if (e->attempts == 0)
        see(e, duty, now_ms);
}

static bool is_pending(const struct alert_entry *e) {
    return e->attempts > 0 || e->is_waiting;
}

static struct alert_entry *first_due(struct alert_plan *p) {
    struct alert_entry *first = NULL;
    for (size_t i = 0; i < p->count; i++)
        if (is_pending(&p->entries[i]) && (first == NULL || p->entries[i].due_ms < first->due_ms))
            first = &p->entries[i];
    return first;
}

const struct alert *alert_plan_begin(struct alert_plan *p, int64_t now_ms) {
    struct alert_entry *e = first_due(p);
    if (e == NULL || e->due_ms > now_ms)
        return NULL;
    if (e->attempts == 0)
        e->message = (struct alert){e->now, e->told.status, e->told.since_ms};
    e->is_waiting = false;
    e->attempts++;
    return &e->message;
}

/* Whatever became of the message: the pause begins. */
static void end_message(struct alert_entry *e, bool is_sure, int64_t now_ms) {
    e->told.status = e->message.now.status;
    e->told.since_ms = e->message.now.since_ms;
    e->told.is_sure = is_sure;
    e->attempts = 0;
    e->free_ms = now_ms + ALERT_PAUSE_MS;
    wait_for_pause(e, now_ms);
}

enum alert_end alert_plan_end(struct alert_plan *p, const struct alert *message, bool is_ok,
                              int64_t now_ms) {
    struct alert_entry *e = entry_of(p, message->now.id);
    assert(e != NULL && &e->message == message && e->attempts > 0);
    if (!is_ok && e->attempts <= ALERT_RETRIES) {
        e->due_ms = now_ms + (INT64_C(1000) << (e->attempts - 1));
        return ALERT_TO_RETRY;
    }
    end_message(e, is_ok, now_ms);
    return is_ok ? ALERT_SENT : ALERT_GIVEN_UP;
}

int64_t alert_plan_due_ms(const struct alert_plan *p) {
    int64_t due_ms = INT64_MAX;
    for (size_t i = 0; i < p->count; i++)
        if (is_pending(&p->entries[i]) && p->entries[i].due_ms < due_ms)
            due_ms = p->entries[i].due_ms;
    return due_ms;
}
