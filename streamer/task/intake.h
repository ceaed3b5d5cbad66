/* intake: judges a record by what it says itself, before any state is looked at. It knows what the
 * source and the staging layer do not: whether its topic is a database's log, and which times and
 * truncates the configuration refuses. The pipeline uses it, and `streamer try`, which has no
 * state. Pure. */
#ifndef STREAMER_TASK_INTAKE_H
#define STREAMER_TASK_INTAKE_H

#include "streamer/config/config.h"
#include "streamer/layers/snapshots/order.h"
#include "streamer/layers/staging/standardize.h"

/* How an application judges its records. All are borrowed. */
struct intake_rules {
    const struct config *config;
    const struct order_options *order;
};

/* The staging layer, for a record that decode() has accepted (`ok`) or rejected (then `why` says
 * as what). Fills `event` as standardize() or standardize_rejected() does, and is_log, by_time,
 * id_is_from_key and early_after_ms besides. Returns whether the record is good so far. */
bool intake_standardize(const struct intake_rules *rules, struct standardizer *s,
                        enum entity entity, const struct record *record,
                        const struct decoded *decoded, bool ok, struct event *event,
                        struct reason *why);

/* Rule O5: whether an event that is no truncate is too early, whatever the state is. */
bool intake_is_too_early(const struct intake_rules *rules, const struct event *e);
/* The reason of an event that is too early. Returns false. */
bool intake_refuse_early(const struct event *e, struct reason *why);

#endif
