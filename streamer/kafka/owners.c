#include "streamer/kafka/owners.h"

#include "streamer/base/mem.h"

#include <stdlib.h>

static const char *const state_names[] = {
    [OWNERS_OWNED] = "owned", [OWNERS_RESETTING] = "resetting", [OWNERS_RELEASED] = "released"};

/* --- records --- */

static bool is_meant(const bool *which, int t) {
    return topic_is_result((enum topic)t) && (which == NULL || which[t]);
}

void owners_put_record(struct buf *value, enum owners_state state, const struct config *c,
                       const bool *which) {
    buf_put_str(value, state_names[state]);
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (is_meant(which, t))
            buf_printf(value, " %s", c->topics[t]);
}

/* Takes the text up to the next space off `rest`, and returns it. Empty: there is no more text. */
static struct slice next_text(struct slice *rest) {
    const char *space = rest->n > 0 ? memchr(rest->p, ' ', rest->n) : NULL;
    struct slice text = slice_of(rest->p, space != NULL ? (size_t)(space - rest->p) : rest->n);
    size_t taken = text.n + (space != NULL);
    *rest = slice_of(rest->p + taken, rest->n - taken);
    return text;
}

static bool parse_state(struct slice text, enum owners_state *state) {
    for (size_t i = 0; i < ARRAY_LEN(state_names); i++) {
        *state = (enum owners_state)i;
        if (slice_eq(text, slice_str(state_names[i])))
            return true;
    }
    return false;
}

/* --- what they come to --- */

static struct owner *find(const struct owners *o, struct slice topic) {
    for (size_t i = 0; i < o->count; i++)
        if (slice_eq(slice_str(o->list[i].topic), topic))
            return &o->list[i];
    return NULL;
}

static char *copy_text(struct slice text) {
    char *copy = mem_alloc(text.n + 1);
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    return copy;
}

static void free_owner(struct owner *owner) {
    free(owner->topic);
    free(owner->app_id);
}

void owners_release(struct owners *o) {
    for (size_t i = 0; i < o->count; i++)
        free_owner(&o->list[i]);
    free(o->list);
    *o = (struct owners){0};
}

static bool belongs_to(const struct owner *owner, struct slice app_id) {
    return owner != NULL && slice_eq(slice_str(owner->app_id), app_id);
}

static bool all_are_to_be_had(const struct owners *o, struct slice app_id, struct slice topics) {
    for (struct slice topic = next_text(&topics); topic.n > 0; topic = next_text(&topics)) {
        const struct owner *owner = find(o, topic);
        if (owner != NULL && !belongs_to(owner, app_id))
            return false;
    }
    return true;
}

static void take(struct owners *o, struct slice app_id, struct slice topic, bool is_resetting) {
    struct owner *owner = find(o, topic);
    if (owner == NULL) {
        o->list = mem_realloc(o->list, (o->count + 1) * sizeof *o->list);
        owner = &o->list[o->count++];
        *owner = (struct owner){.topic = copy_text(topic), .app_id = copy_text(app_id)};
    }
    owner->is_resetting |= is_resetting;
}

static void give_up(struct owners *o, struct slice app_id, struct slice topic) {
    struct owner *owner = find(o, topic);
    if (!belongs_to(owner, app_id))
        return;
    free_owner(owner);
    *owner = o->list[--o->count];
}

bool owners_apply(struct owners *o, struct slice key, struct slice value) {
    enum owners_state state;
    struct slice topics = value;
    if (key.n == 0 || value.n == 0 || !parse_state(next_text(&topics), &state) || topics.n == 0)
        return false;
    if (state != OWNERS_RELEASED && !all_are_to_be_had(o, key, topics))
        return true;
    for (struct slice topic = next_text(&topics); topic.n > 0; topic = next_text(&topics)) {
        if (state == OWNERS_RELEASED)
            give_up(o, key, topic);
        else
            take(o, key, topic, state == OWNERS_RESETTING);
    }
    return true;
}

/* --- questions --- */

const struct owner *owners_find(const struct owners *o, const char *topic) {
    return find(o, slice_str(topic));
}

bool owners_know(const struct owners *o, const char *app_id) {
    for (size_t i = 0; i < o->count; i++)
        if (strcmp(o->list[i].app_id, app_id) == 0)
            return true;
    return false;
}

bool owners_allow(const struct owners *o, const struct config *c, struct err *e) {
    for (int t = 0; t < TOPIC_COUNT; t++) {
        const struct owner *owner =
            topic_is_result((enum topic)t) ? owners_find(o, c->topics[t]) : NULL;
        if (owner != NULL && strcmp(owner->app_id, c->app_id) != 0)
            return err_set(
                e, ERR_CONFIG,
                "topic %s belongs to app.id %s (says topic %s): give another name for it (%s) "
                "or use app.id %s",
                owner->topic, owner->app_id, c->owners_topic, config_topic_key(c, (enum topic)t),
                owner->app_id);
    }
    return true;
}

bool owners_are_whole(const struct owners *o, const struct config *c, struct err *e) {
    for (size_t i = 0; i < o->count; i++)
        if (o->list[i].is_resetting && strcmp(o->list[i].app_id, c->app_id) == 0 &&
            strcmp(o->list[i].topic, c->topics[TOPIC_QUARANTINE]) != 0)
            return err_set(
                e, ERR_STOP,
                "topic %s: a reset of app.id %s was broken off, and what it has left is not "
                "whole; run `streamer reset` again",
                o->list[i].topic, c->app_id);
    return true;
}

bool owners_have(const struct owners *o, const struct config *c, const bool *which) {
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (is_meant(which, t) && !belongs_to(owners_find(o, c->topics[t]), slice_str(c->app_id)))
            return false;
    return true;
}
