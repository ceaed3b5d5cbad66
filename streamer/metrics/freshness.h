/* freshness: how old the newest record of each input topic is, by the wall clock and by Kafka
 * timestamps, and what is to be said of that. The workers note the records that they see; another
 * thread notes what the brokers tell of the whole topic, so that a feed that ended long ago shows
 * after a restart, too. Any thread. */
#ifndef STREAMER_METRICS_FRESHNESS_H
#define STREAMER_METRICS_FRESHNESS_H

#include "streamer/metrics/metrics.h"
#include "streamer/model/check.h"

#include <stdint.h>

/* What the brokers say of an input topic. */
enum input_told {
    INPUT_NOT_ASKED, /* there was no answer yet */
    INPUT_EMPTY,     /* no partition has a record */
    INPUT_TOLD,      /* they tell the newest timestamp, or cannot, as old ones */
    INPUT_REFUSED,   /* they do not answer */
};

/* A record of the input topic has this Kafka timestamp. Both times are since 1970. */
void freshness_note_record(struct metrics *m, enum entity entity, int64_t timestamp_ms,
                           int64_t now_ms);
/* What the brokers said at now_ms (since 1970). */
void freshness_note_told(struct metrics *m, enum entity entity, enum input_told told,
                         int64_t now_ms);

enum freshness_status {
    FRESHNESS_PASS,
    FRESHNESS_WARN,
    FRESHNESS_ERROR,
    FRESHNESS_UNKNOWN, /* nobody could be asked */
};
const char *freshness_status_name(enum freshness_status status); /* as dbt: "runtime error" */

struct freshness {
    enum freshness_status status;
    int64_t newest_record_ms; /* since 1970; TIMESTAMP_NONE: not known */
    int64_t age_s;    /* of that record, never negative; -1: not known, as of one dated ahead */
    int64_t since_ms; /* since 1970: when it came to this status */
    char message[CHECK_MESSAGE_MAX]; /* in words, what is wrong; "" if nothing is */
};

/* How the input is at now_ms (since 1970). What it says for a known record depends on the record's
 * time only, so it is the same before and after a restart. */
void freshness_look(const struct metrics *m, enum entity entity, int64_t now_ms,
                    struct freshness *out);

/* The same as a check: "source.freshness.customers". */
void freshness_check(const struct metrics *m, enum entity entity, int64_t now_ms,
                     struct check_state *out);

#endif
