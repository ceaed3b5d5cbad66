/* order_model: a reference for tests. It orders the records of one id and folds them into versions,
 * by the text of schemas/README.md alone (rules O1 to O10, versions, outdated rows). It keeps every
 * event that won its time, and folds them all anew for each answer, so it is slow.
 *
 * An order_model is one id. All ids of an entity share one order_model_floor, which holds the
 * entity's truncates. */
#ifndef TESTS_UNIT_ORDER_MODEL_H
#define TESTS_UNIT_ORDER_MODEL_H

#include "support.h"

/* Deliberate mistakes: in each, one rule is misread. Tests must notice every one. */
#define ORDER_MISTAKES(X)                                                                          \
    X(NONE)                                                                                        \
    X(O1_ALL_BY_TIME)       /* records of a log are placed by their times */                       \
    X(O1_ALL_LOG)           /* records without a source are placed as those of a log */            \
    X(O2_FIRST_WINS)        /* of two at one time the first stays */                               \
    X(O2_REPEAT_IS_NEW)     /* an exact repeat takes a new loaded_at */                            \
    X(O3_BY_CLOCK)          /* an older record of a log goes where its time belongs */             \
    X(O3_BESIDE)            /* it goes behind the newest event, which stays */                     \
    X(O3_UNCOUNTED)         /* it is not counted as reordered */                                   \
    X(O4_NO_REPEATS)        /* nothing is a repeat */                                              \
    X(O4_EQUAL)             /* an equal position makes a repeat */                                 \
    X(O4_NEWER_TOO)         /* a newer record can be a repeat */                                   \
    X(O4_READS_TOO)         /* a snapshot row can be a repeat */                                   \
    X(O4_ANY_SOURCE)        /* positions of different databases are compared */                    \
    X(O4_TIMELESS_IS_NEWER) /* a record without a time counts by its Kafka timestamp */            \
    X(O4_REPLACED_IS_NEWER) /* and one whose time was replaced by that time */                     \
    X(O4_UNCHANGED_STAYS)   /* a record that changes nothing does not move the position */         \
    X(O4_HIGHEST)           /* the position of the id never goes down */                           \
    X(O4_TOMBSTONE_COUNTS)  /* a tombstone behind a repeat is no repeat */                         \
    X(O5_NO_LATE)           /* nothing is too late */                                              \
    X(O5_NO_EARLY)          /* nothing is too early */                                             \
    X(O5_LOG_LATE)          /* a record of a log can be too late */                                \
    X(O5_LOG_FUTURE)        /* a record of a log keeps a time far ahead */                         \
    X(O6_AT_KAFKA_TIME) /* a delete without time happens at its Kafka timestamp, even if that is   \
                           older */                                                                \
    X(O6_UNSEEN_LOST)   /* a flattened delete of an id never seen is dropped */                    \
    X(O6_UNSEEN_TOMBSTONE) /* a tombstone of an id never seen is kept */                           \
    X(O7_NO_COMPANIONS)    /* a tombstone behind a delete is a delete of its own */                \
    X(O7_LATE_HAS_NONE)    /* one behind a delete that was too late is a delete of its own */      \
    X(O7_EARLY_HAS_ONE)    /* a delete that was too early has a companion */                       \
    X(O7_NOT_FORGOTTEN)    /* an upsert between the two does not count */                          \
    X(O7_BAD_NOT_BETWEEN)  /* a rejected record between the two does not count */                  \
    X(O7_KEY_IS_BETWEEN)   /* it counts even if its id was not read from its value */              \
    X(O7_REPLAY_BETWEEN)   /* a replayed record between the two counts */                          \
    X(O8_NOT_MOVED)        /* a delete without time stays where it was put */                      \
    X(O8_BY_DELETES)       /* a delete moves it, too */                                            \
    X(O8_AT_EVENT)         /* a record at the time of the event before the delete moves it */      \
    X(O8_COUNTED)          /* the record that moves it is counted as reordered */                  \
    X(O8_UNCOUNTED)        /* records behind a tombstone are not counted */                        \
    X(O9_NOT_STRICT)       /* truncate ends rows of its own time */                                \
    X(O9_BY_TIME)          /* truncate is compared by time only */                                 \
    X(O9_OFFSETS_IGNORED)  /* truncate ends rows that lie behind it in its partition */            \
    X(O9_NO_FLOOR)         /* truncate is forgotten */                                             \
    X(O9_FLOOR_ALWAYS)     /* truncate ends an older record even if the id has a newer event */    \
    X(O9_MOVES_POSITION)   /* truncate sets the position of the id */                              \
    X(O9_END_STAYS) /* a record from before the truncate goes behind the truncate's own end */     \
    X(O10_BY_LOG)   /* a replayed record is placed as one of a log */                              \
    X(O10_MOVES_POSITION) /* a replayed record moves the position */                               \
    X(O10_EARLY_BY_KAFKA) /* a replayed record is too early by its Kafka timestamp */              \
    X(OUTDATED_BY_LATE)   /* a too late record makes a row outdated */                             \
    X(OUTDATED_BY_REPEAT) /* a bad repeat makes a row outdated */                                  \
    X(OUTDATED_BY_OLDER)  /* in event_time any bad record makes a row outdated */                  \
    X(OUTDATED_STAYS)     /* an accepted record does not end it */                                 \
    X(UNAVAILABLE_NEWEST) /* unavailable attributes come from the current version */
enum order_mistake {
#define ORDER_MISTAKE(name) ORDER_MISTAKE_##name,
    ORDER_MISTAKES(ORDER_MISTAKE)
#undef ORDER_MISTAKE
        ORDER_MISTAKE_COUNT
};
extern const char *const order_mistake_names[ORDER_MISTAKE_COUNT];

struct order_model_options {
    int64_t late_window_ms, future_window_ms;
    /* Where schemas/README.md can be read in two ways; false: its letter. */
    /* O9's floor holds for records placed by time, too, not only for those of a log. */
    bool floor_by_time;
    bool forgets; /* what changed nothing is forgotten once it is older than late_window_ms */
    enum order_mistake mistake;
};

/* --- records --- */

struct order_position { /* a place in the database's log */
    bool exists;
    int64_t at;
    int source; /* two positions are comparable if their sources agree */
};
struct order_input { /* where the record lies in the input topic */
    int partition;
    int64_t offset;
};

enum order_kind {
    ORDER_UPSERT,
    ORDER_DELETE, /* op d, flattened, Op=D; without a time of its own: `has_time` is false */
    ORDER_TOMBSTONE,
    /* Quarantined for what it says itself: by the table in "Staging and quarantine", malformed,
     * too_large, … */
    ORDER_REJECTED
};
struct order_record {
    enum order_kind kind;
    int value;            /* of an upsert, >= 0: its hexadecimal digits stand for attributes */
    unsigned unavailable; /* of an upsert: bit i: digit i is unavailable (and 0 in `value`) */
    bool is_log;          /* O1 or order.*=log; false: event_time */
    bool by_time;         /* O10: placed by O2 whatever else is set */
    bool is_read;         /* op r */
    bool has_time;
    int64_t at;       /* its own time */
    int64_t kafka_ms; /* the Kafka timestamp */
    /* What future_window_ms is counted from: kafka_ms, or quarantine.replayed_at. */
    int64_t early_after_ms;
    struct order_position position;
    struct order_input input;
    bool id_from_value; /* of a rejected record (O7) */
};

enum order_outcome {
    ORDER_APPLIED,
    ORDER_UNCHANGED,
    ORDER_TOO_LATE,
    ORDER_TOO_EARLY,
    ORDER_MALFORMED, /* an unavailable attribute where no version holds */
    ORDER_REFUSED    /* the record was ORDER_REJECTED */
};

/* --- truncates --- */

struct order_truncate {
    bool is_log;
    bool has_time;
    int64_t at;
    int64_t kafka_ms;
    struct order_position position;
    struct order_input input;
};
struct order_model_floor {
    bool exists;
    struct order_truncate truncate; /* its `at` is its time after O5 */
};
/* The truncate with its time. In event_time it can be too early: then `there` is false, and nothing
 * happens. */
struct order_model_floor order_model_floor_of(const struct order_model_options *o,
                                              const struct order_truncate *t);
/* The entity's floor becomes `t`, unless `t` lies before it. */
void order_model_floor_raise(struct order_model_floor *floor, const struct order_model_options *o,
                             const struct order_model_floor *t);

/* --- one id --- */

struct order_counters {
    int64_t applied, unchanged; /* outcomes */
    int64_t late, reordered, repeated, behind_tombstone, tombstones_unknown;
};

struct order_event {
    int64_t at, loaded_at;
    int value;        /* MODEL_DELETED: a delete */
    bool is_timeless; /* a delete without a time of its own (O6) */
    bool is_end;      /* of `truncate`, not of a record */
    struct order_truncate truncate;
    struct order_input input;
    struct order_input first_input; /* of the record whose loaded_at it has */
};
/* Which record opened the current version. It is known if that record made the version what it is:
 * no later one has split the version off, or brought it back. */
struct order_origin {
    bool is_known;
    struct order_input input;
};
struct order_model {
    struct order_event *events; /* ascending, one for each time */
    size_t count, cap;
    enum { ORDER_CAME_OTHER, ORDER_CAME_DELETE, ORDER_CAME_REPEAT } came_last; /* O7 */
    struct order_position position; /* of the last record applied that carried one */
    bool position_is_read; /* that was a snapshot row; `seen` is the position before such rows */
    struct order_position seen;
    /* The position, which may be missing, of the record that made or confirmed the newest event. */
    struct order_position last;
    struct order_input last_input; /* of that record */
    bool is_outdated;
    struct order_origin origin;
    struct order_counters counters;
};
void order_model_init(struct order_model *m);
void order_model_release(struct order_model *m);
struct order_model order_model_copy(const struct order_model *m); /* the caller releases it */

/* `floor`: of the entity, as it is when the record is processed. */
enum order_outcome order_model_apply(struct order_model *m, const struct order_model_options *o,
                                     const struct order_model_floor *floor,
                                     const struct order_record *r);
/* Ends the row if its last record lies before the truncate. To be called for each id of the entity,
 * and the floor is to be raised; in which order does not matter. */
void order_model_truncate(struct order_model *m, const struct order_model_options *o,
                          const struct order_model_floor *t);

/* The versions, ascending. The caller frees them. */
struct model_version *order_model_versions(const struct order_model *m, size_t *count);
/* The value of the current version and where it begins, or MODEL_DELETED. `from`: NULL allowed. */
int order_model_current(const struct order_model *m, int64_t *from);
bool order_model_is_outdated(const struct order_model *m);
/* Of all accepted events (and ends by truncate); TIMESTAMP_NONE: none. */
int64_t order_model_newest(const struct order_model *m);

#endif
