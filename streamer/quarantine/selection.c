#include "streamer/quarantine/selection.h"

#include "streamer/base/decimal.h"
#include "streamer/base/nearest.h"
#include "streamer/base/timestamp.h"
#include "streamer/model/entity.h"

static bool check_code(const char *code, struct err *e) {
    struct nearest near = nearest_to(code);
    for (enum reason_code r = REASON_NONE + 1; r < REASON_COUNT; r++) {
        if (strcmp(reason_code_name(r), code) == 0)
            return true;
        nearest_offer(&near, reason_code_name(r));
    }
    if (near.best[0] == '\0')
        return err_set(e, ERR_CONFIG,
                       "--code: \"%.100s\" is no reason, such as invalid_balance or malformed",
                       code);
    return err_set(e, ERR_CONFIG, "--code: \"%.100s\" is no reason, did you mean %s?", code,
                   near.best);
}

/* A topic of an older configuration may still be in the quarantine, so that its name is allowed if
 * it is not close to one of now. */
static bool check_topic(const struct config *c, const char *topic, struct err *e) {
    struct nearest near = nearest_to(topic);
    for (enum entity entity = 0; entity < ENTITY_COUNT; entity++) {
        const char *name = c->topics[entity_info(entity)->input];
        if (strcmp(name, topic) == 0)
            return true;
        nearest_offer(&near, name);
    }
    return near.best[0] == '\0' || err_set(e, ERR_CONFIG,
                                           "--topic: \"%.100s\" is no input topic, did you mean "
                                           "%s?",
                                           topic, near.best);
}

static bool read_time(const char *option, const char *text, int64_t *ms, struct err *e) {
    *ms = TIMESTAMP_NONE;
    return text == NULL || timestamp_parse(slice_str(text), ms) ||
           err_set(e, ERR_CONFIG, "%s: \"%.100s\" is no time, write %s", option, text,
                   TIMESTAMP_FORMS);
}

static bool read_number(struct slice text, int64_t max, int64_t *number) {
    return decimal_parse_integer(text, number) == DECIMAL_OK && *number >= 0 && *number <= max;
}

static bool read_at(const char *text, struct selection *s, struct err *e) {
    s->partition = -1;
    if (text == NULL)
        return true;
    const char *colon = strchr(text, ':');
    int64_t partition;
    if (colon == NULL ||
        !read_number(slice_of(text, (size_t)(colon - text)), INT32_MAX, &partition) ||
        !read_number(slice_str(colon + 1), INT64_MAX, &s->offset))
        return err_set(e, ERR_CONFIG,
                       "--at: \"%.100s\" is no place in the input, write PARTITION:OFFSET, as in "
                       "--at 0:17 for customers/0@17",
                       text);
    s->partition = (int32_t)partition;
    return true;
}

bool selection_init(struct selection *s, const struct config *c, const struct selection_options *o,
                    struct err *e) {
    *s = (struct selection){.code = o->code, .topic = o->topic, .id = o->id};
    return (o->code == NULL || check_code(o->code, e)) &&
           (o->topic == NULL || check_topic(c, o->topic, e)) &&
           read_time("--since", o->since, &s->since_ms, e) &&
           read_time("--until", o->until, &s->until_ms, e) && read_at(o->at, s, e);
}

static bool is_or_any(struct slice text, const char *wanted) {
    return wanted == NULL || slice_eq(text, slice_str(wanted));
}

bool selection_has(const struct selection *s, const struct quarantined *q) {
    return is_or_any(q->code, s->code) && is_or_any(q->topic, s->topic) &&
           is_or_any(q->id, s->id) && (s->since_ms == TIMESTAMP_NONE || q->at_ms >= s->since_ms) &&
           (s->until_ms == TIMESTAMP_NONE || q->at_ms < s->until_ms) &&
           (s->partition < 0 ||
            (q->input_partition == s->partition && q->input_offset == s->offset));
}
