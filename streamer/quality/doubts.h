/* doubts: what checks that span tasks have found, until it is certain. A row that differs from what
 * another task wrote differs rightly while the link or ref that brings it up to date is under way.
 * So each find is looked at again in later snapshots, and counts only when
 *
 *   - it is still exactly the same find, and
 *   - the task has since processed all links, and then all refs, that were under way, twice over: a
 *     link that is processed may be answered by a ref; and
 *   - DOUBT_MS have passed.
 *
 * A find that counts is looked at further, and is dropped as soon as it is gone. So such a check is
 * well again within seconds. One thread. */
#ifndef STREAMER_QUALITY_DOUBTS_H
#define STREAMER_QUALITY_DOUBTS_H

#include "streamer/metrics/metrics.h"
#include "streamer/quality/board.h"
#include "streamer/quality/look.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOUBT_MS 5000
#define DOUBTS_MAX 1000 /* further finds wait for the next pass */
#define DOUBT_ROUNDS 2

struct doubt {
    enum check_id check;
    struct buf id;         /* the whole id */
    struct buf account_id; /* of a customer's link; else empty */
    struct sample sample;
    uint64_t signature; /* of all its texts: another value is another find */
    int64_t since_ms;   /* monotonic */
    int rounds;         /* how many times the messages under way have been processed */
    bool has_targets;
    /* The round ends when the positions of the task are here. */
    int64_t links_target, refs_target;
    bool is_seen; /* by the look that is under way */
    bool is_certain;
};

struct doubts {
    struct doubt *list;
    size_t count, cap;
};
void doubts_release(struct doubts *d);

/* Notes a find of a check that spans tasks; the same find twice is one. now_ms: monotonic. */
void doubts_note(struct doubts *d, const struct subject *of, enum check_id check, const char *what,
                 const char *expected, const char *found, int64_t now_ms);

/* The next offset that a task has processed of a topic, in the snapshot; -1: it is not known. */
typedef int64_t doubts_position(void *context, enum topic topic, int32_t partition);

/* Looks at all of them again. `look` is on a new snapshot, and its sink leads to doubts_see.
 * `metrics` know how far the topics reach. Finds that are gone are dropped, and those of partitions
 * that are not here any more. */
void doubts_review(struct doubts *d, struct look *look, const struct metrics *metrics,
                   doubts_position *position, void *context, int64_t now_ms);
/* Tells the review what the look has found. */
void doubts_see(struct doubts *d, const struct subject *of, enum check_id check, const char *what,
                const char *expected, const char *found);

/* Whether there is a find of the check, certain or not. */
bool doubts_has(const struct doubts *d, enum check_id check);
/* Copies the certain finds of a check, SAMPLES_MAX of them at most. Returns how many there are. */
size_t doubts_certain(const struct doubts *d, enum check_id check,
                      struct sample samples[SAMPLES_MAX]);

/* Fills a sample; texts are cut. */
void sample_set(struct sample *s, const struct subject *of, const char *what, const char *expected,
                const char *found);

#endif
