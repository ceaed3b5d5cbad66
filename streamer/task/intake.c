#include "streamer/task/intake.h"

#include "streamer/base/timestamp.h"

/* Rule O1. */
static bool is_log(const struct config *config, enum entity entity, const struct record *record,
                   const struct decoded *decoded) {
    enum order order = config->orders[entity];
    return !record->by_time &&
           (order == ORDER_LOG || (order == ORDER_AUTO && decoded->has_metadata));
}

/* Sets what the record's topic says, besides what the record says itself. */
static void set_topic(const struct config *config, enum entity entity, const struct record *record,
                      const struct decoded *decoded, struct event *e) {
    e->is_log = is_log(config, entity, record, decoded);
    e->by_time = record->by_time;
    e->id_is_from_key = decoded->id_is_from_key;
    e->early_after_ms =
        record->replayed_at_ms != TIMESTAMP_NONE ? record->replayed_at_ms : record->timestamp_ms;
}

static bool refuse_truncate(struct reason *why) {
    return reason_set(why, REASON_UNSUPPORTED_OP,
                      "Unsupported operation: t (truncate=quarantine refuses it)");
}

bool intake_is_too_early(const struct intake_rules *rules, const struct event *e) {
    return !e->is_log && order_is_too_far_ahead(rules->order, e);
}

/* By event time a truncate must not be too early. In a log its time only labels it (rule O5). */
static bool refuse_early_truncate(const struct intake_rules *rules, const struct event *e,
                                  struct reason *why) {
    return !intake_is_too_early(rules, e) ||
           reason_set(why, REASON_TOO_EARLY,
                      "Too early: the truncate is more than future.window ahead of its Kafka "
                      "timestamp");
}

static bool check_truncate(const struct intake_rules *rules, const struct event *e,
                           struct reason *why) {
    return (rules->config->truncate == TRUNCATE_APPLY || refuse_truncate(why)) &&
           refuse_early_truncate(rules, e, why);
}

bool intake_standardize(const struct intake_rules *rules, struct standardizer *s,
                        enum entity entity, const struct record *record,
                        const struct decoded *decoded, bool ok, struct event *event,
                        struct reason *why) {
    if (ok)
        ok = standardize(s, entity, decoded, record->timestamp_ms, event, why);
    else
        standardize_rejected(s, entity, decoded, record->timestamp_ms, event);
    set_topic(rules->config, entity, record, decoded, event);
    if (ok && event->kind == CHANGE_TRUNCATE)
        ok = check_truncate(rules, event, why);
    return ok;
}

bool intake_refuse_early(const struct event *e, struct reason *why) {
    struct buf times = {0};
    timestamp_put_iso(&times, e->event_at_ms);
    buf_put_str(&times, " is more than future.window ahead of ");
    timestamp_put_iso(&times, e->early_after_ms);
    (void)reason_set(why, REASON_TOO_EARLY, "Too early: %s", buf_cstr(&times));
    buf_release(&times);
    return false;
}
