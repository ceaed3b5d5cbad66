/* board: what all checks say now, under a lock: the checks write it, and the report, the metrics
 * and the alerts read it. A check over rows is judged by whole passes: it fails as soon as a pass
 * finds something, and is well again when a whole pass has found nothing. Any thread. */
#ifndef STREAMER_QUALITY_BOARD_H
#define STREAMER_QUALITY_BOARD_H

#include "streamer/base/buf.h"
#include "streamer/metrics/metrics.h"
#include "streamer/model/check.h"
#include "streamer/quality/checks.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAMPLES_MAX 10 /* of one check */

/* Something that a check has found. The texts are cut to fit. */
struct sample {
    enum entity entity; /* ENTITY_COUNT: it is of the partition and not of an id */
    int32_t partition;
    char id[96];
    char what[64];
    char expected[96], found[96]; /* values; "" where there is nothing to compare */
};

/* What one pass has found. */
struct finds {
    int64_t count;
    struct sample samples[SAMPLES_MAX]; /* the first ones */
};

struct standing {
    bool exists; /* it is part of the report; freshness is not before its source is known */
    enum check_status status;
    int64_t since_ms; /* since 1970: when it came to this status */
    char message[CHECK_MESSAGE_MAX];
    bool is_of_topic;  /* see check_state */
    int64_t judged_ms; /* see check_state; not of checks that a pass judges by itself */
    /* Of rows: how many the last whole pass has looked at, and when it ended (0: there was none).
     * Of streams: the records that were looked at. */
    int64_t rows, seen_all_ms;
    int64_t found;
    struct finds last, now; /* of the last whole pass, and of the present one */
};

struct board {
    pthread_mutex_t lock;
    struct standing standings[CHECK_COUNT]; /* under `lock` */
    /* Since 1970: when the present pass began, the last whole one, and the whole one before. */
    int64_t began_ms, whole_ms, before_ms;
    struct metrics *metrics; /* borrowed; gets the number of checks by status */
};
/* All checks but freshness pass. */
void board_init(struct board *b, struct metrics *metrics, int64_t now_ms);
void board_release(struct board *b);

/* Checks over rows. A pass over what was there at began_ms begins; finds something; has looked at
 * all `rows` rows. They are judged once there were two whole passes, because some compare what two
 * passes have seen. */
void board_begin_pass(struct board *b, int64_t began_ms);
void board_found(struct board *b, enum check_id id, const struct sample *sample, int64_t now_ms);
void board_end_pass(struct board *b, int64_t rows, int64_t now_ms);
/* Replaces what a check that spans tasks has found (doubts.h): `count` samples. */
void board_set_finds(struct board *b, enum check_id id, const struct sample *samples, size_t count,
                     int64_t now_ms);

/* A check that spans tasks has no find that is not certain: it has judged what the passes so far
 * have seen. */
void board_set_certain(struct board *b, enum check_id id);

/* Checks of streams that have looked at fewer records than this are not judged: a full window. */
#define BOARD_RECORDS 1000

/* Other checks: sets what it says. `rows` is how many records it is about. */
void board_set(struct board *b, enum check_id id, enum check_status status, const char *message,
               int64_t rows, int64_t found, int64_t now_ms);

/* A check that somebody else judges, who also knows since when it is so. */
void board_set_state(struct board *b, enum check_id id, const struct check_state *state);

/* Copies the states of the checks that exist into `out`. Returns how many. */
size_t board_states(struct board *b, struct check_state *out, size_t max);

#endif
