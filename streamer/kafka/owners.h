/* owners: which app.id each result topic belongs to. The records of one topic (owners_topic.h) say
 * it, each applied to what all before it have said:
 *
 *   key     app.id
 *   value   STATE TOPIC TOPIC ...   with one space in between; STATE is one of
 *             owned       app.id asks for these topics. It gets all of them, or none if any belongs
 *                         to another one.
 *             resetting   the same; and from here on a reset deletes what is in them
 *             released    they belong to nobody again, as far as they belonged to app.id
 *
 * So a record that asked in vain never counts later, and whoever reads up to a record knows for
 * good what it has brought. No record may be missing for that: the topic is not compacted. One
 * record asks for all topics, so that of two app.ids that ask at once one gets everything, not each
 * a part. */
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
    bool is_resetting; /* a reset was begun and has not ended */
};

/* Zero-initialized is valid: nothing belongs to anybody. */
struct owners {
    struct owner *list; /* in no order */
    size_t count;
};

void owners_release(struct owners *o);

/* Below, `which` are those result topics t of `c` that have which[t]; NULL: all of them. */

/* The value of a record about them. */
void owners_put_record(struct buf *value, enum owners_state state, const struct config *c,
                       const bool *which);
/* What the next record changes. False: it is none (no key, another state, no topics), and nothing
 * changes. */
bool owners_apply(struct owners *o, struct slice key, struct slice value);

/* Whose it is; NULL: nobody's. Good until the next change. */
const struct owner *owners_find(const struct owners *o, const char *topic);
/* Whether app.id has any topic. */
bool owners_know(const struct owners *o, const char *app_id);

/* No result topic of `c` is another app.id's. Else ERR_CONFIG. */
bool owners_allow(const struct owners *o, const struct config *c, struct err *e);
/* No reset of app.id was broken off. Else ERR_STOP. The quarantine does not count: nothing is
 * rebuilt from it, and the reset that ends what another one has begun may keep it. */
bool owners_are_whole(const struct owners *o, const struct config *c, struct err *e);
/* All of them are app.id's. */
bool owners_have(const struct owners *o, const struct config *c, const bool *which);

#endif
