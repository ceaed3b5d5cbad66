#include "streamer/quarantine/newest_accepted.h"

#include "streamer/base/timestamp.h"

void newest_accepted_clear(struct newest_accepted *n) {
    *n = (struct newest_accepted){.at = TIMESTAMP_NONE, .loaded_at = TIMESTAMP_NONE};
}

/* Of two at the same time, the one whose Kafka timestamp is known says more: the other is only the
 * end of the version before it. */
static void add(struct newest_accepted *n, const struct newest_accepted *e) {
    bool says_more = n->loaded_at == TIMESTAMP_NONE && e->loaded_at != TIMESTAMP_NONE;
    if (n->at == TIMESTAMP_NONE || e->at > n->at || (e->at == n->at && says_more))
        *n = *e;
}

void newest_accepted_add_version(struct newest_accepted *n, int64_t from, int64_t to,
                                 int64_t loaded_at, const struct row_origin *origin) {
    bool is_current = to == TIMESTAMP_NONE;
    struct newest_accepted e = {
        .at = is_current ? from : to,
        .loaded_at = is_current ? loaded_at : TIMESTAMP_NONE,
        .has_place = origin->exists && !(is_current && origin->is_split),
        .partition = origin->partition,
        .offset = origin->offset,
    };
    add(n, &e);
}

void newest_accepted_add_confirmation(struct newest_accepted *n, int64_t at, int64_t loaded_at) {
    add(n, &(struct newest_accepted){.at = at, .loaded_at = loaded_at});
}

/* Whether the event came after the record. An end whose place and timestamp are not known came
 * later if even its time is behind the record's timestamp. */
static bool came_later(const struct newest_accepted *n, const struct rejected_record *r) {
    if (n->has_place && n->partition == r->partition)
        return n->offset > r->offset;
    if (n->loaded_at != TIMESTAMP_NONE)
        return n->loaded_at > r->timestamp_ms;
    return n->at > r->timestamp_ms;
}

bool newest_accepted_overtakes(const struct newest_accepted *n, const struct rejected_record *r) {
    if (n->at == TIMESTAMP_NONE)
        return false;
    if (!r->is_log)
        return n->at > r->at || (n->at == r->at && came_later(n, r));
    bool is_older = n->loaded_at != TIMESTAMP_NONE ? n->loaded_at < r->timestamp_ms : n->at < r->at;
    return came_later(n, r) && !is_older;
}
