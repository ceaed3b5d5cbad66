/* owners: which app.id each result topic belongs to. The records of one topic (owners_topic.h) say
 * so. They are applied in their order:
 *
 *   key     app.id
 *   value   STATE TOPIC TOPIC ...   separated by single spaces; STATE is one of
 *             owned       The app.id asks for these topics. It gets all of them, or none if any of
 *                         them belongs to another app.id.
 *             resetting   The same, and a reset of the app.id now begins to delete their content.
 *             released    Those of the topics that belong to the app.id belong to nobody again.
 *
 * A record that asked in vain has no effect later. So whoever reads up to a record knows its final
 * effect. This needs every record, so the topic is not compacted. One record asks for all topics of
 * an app.id: when two app.ids ask at the same time, one of them gets all topics, and not each a
 * part. */
#ifndef STREAMER_KAFKA_OWNERS_H
#define STREAMER_KAFKA_OWNERS_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdbool.h>
#include <stddef.h>

enum owners_state { OWNERS_OWNED, OWNERS_RESETTING, OWNERS_RELEASED };

struct owner {
    char *topic, *app_id;
    bool is_resetting; /* a reset has begun and has not ended */
};

/* A zero-initialized struct is valid: no topic belongs to anybody. */
struct owners {
    struct owner *list; /* in no order */
    size_t count;
};

void owners_release(struct owners *o);

/* In the following, `which` selects the result topics t of `c` with which[t]; NULL: all of them. */

/* Appends the value of a record about these topics. */
void owners_put_record(struct buf *value, enum owners_state state, const struct config *c,
                       const bool *which);
/* Applies the next record. False: it is malformed (no key, an unknown state, no topics) and changes
 * nothing. */
bool owners_apply(struct owners *o, struct slice key, struct slice value);

/* The owner of the topic, or NULL. Valid until the next change of `o`. */
const struct owner *owners_find(const struct owners *o, const char *topic);
/* Whether the app.id owns any topic. */
bool owners_know(const struct owners *o, const char *app_id);

/* Whether no result topic of `c` belongs to another app.id. False with ERR_CONFIG. */
bool owners_allow(const struct owners *o, const struct config *c, struct err *e);
/* Whether no reset of the app.id was interrupted. False with ERR_STOP. The quarantine does not
 * count: no state is rebuilt from it, and a reset that completes an interrupted one may keep it. */
bool owners_are_whole(const struct owners *o, const struct config *c, struct err *e);
/* Whether all these topics belong to the app.id of `c`. */
bool owners_have(const struct owners *o, const struct config *c, const bool *which);

#endif
