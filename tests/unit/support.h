/* support: helpers that the unit tests share: random numbers, a sink that keeps all messages, a
 * plain model of one id's history, the content of a kv as text, a scratch directory. */
#ifndef TESTS_UNIT_SUPPORT_H
#define TESTS_UNIT_SUPPORT_H

#include "state/kv.h"
#include "streamer/base/buf.h"
#include "streamer/config/config.h"
#include "streamer/layers/snapshots/timeline.h"
#include "streamer/model/event.h"
#include "streamer/model/rates.h"
#include "streamer/model/sink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* cmocka, and the headers that must come before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

void assert_text(struct slice got, const char *expected);

/* Keeps what the process writes to standard error from `begin` on; `end` puts that into `out`. */
struct stderr_capture {
    FILE *file;
    int own; /* the descriptor of the real standard error */
};
struct stderr_capture stderr_capture_begin(void);
void stderr_capture_end(struct stderr_capture *c, struct buf *out);

/* --- random numbers, the same on every run --- */

struct rng {
    uint64_t state;
};
struct rng rng_seeded(uint64_t seed);
uint64_t rng_next(struct rng *r);
int64_t rng_below(struct rng *r, int64_t n); /* 0 … n - 1 */
bool rng_chance(struct rng *r, int percent);
/* Any value; small and extreme ones are frequent. */
int64_t rng_any(struct rng *r);
/* How many seeds a test runs: the number in the environment variable SEEDS, else `usual`. */
uint64_t seed_count(uint64_t usual);

/* --- a sink that keeps everything --- */

struct message {
    enum topic topic;
    int32_t partition;
    bool has_key, has_value;
    struct buf key, value;
    int64_t timestamp_ms;
    const void *headers_from;
    struct buf headers; /* "name=value\n" each */
};

struct capture {
    struct sink sink; /* the first member, so that a struct sink * is a struct capture * */
    struct message *messages;
    size_t count, cap;
};
void capture_init(struct capture *c);
void capture_release(struct capture *c);
void capture_clear(struct capture *c);
struct slice message_key(const struct message *m);                      /* p == NULL: null */
struct slice message_value(const struct message *m);                    /* p == NULL: null */
struct slice message_header(const struct message *m, const char *name); /* p == NULL: none */
/* The last message of the topic with that key, or NULL. */
const struct message *capture_last(const struct capture *c, enum topic topic, const char *key);
size_t capture_count(const struct capture *c, enum topic topic);
void assert_last(const struct capture *c, enum topic topic, const char *key, const char *value);

/* --- one id's history by its definition: all accepted events are folded anew each time --- */

#define MODEL_DELETED (-1)

struct model_event {
    int64_t at, loaded_at;
    int value; /* stands for the attributes */
};
struct model_version {
    int64_t from, to; /* to == TIMESTAMP_NONE: current */
    int64_t loaded_at;
    int value;
};
struct model {
    struct model_event *events; /* one for each time, unsorted */
    size_t count, cap;
    int64_t newest; /* TIMESTAMP_NONE: no event yet */
};
void model_init(struct model *m);
void model_release(struct model *m);
/* Adds an event. False: it is older than the window before the newest event; nothing changes. */
bool model_add(struct model *m, int64_t late_window_ms, struct model_event e);
/* The versions, ascending. *unchanged (NULL allowed) becomes the list of events that changed
 * nothing, ascending by time. The caller frees both. */
struct model_version *model_versions(const struct model *m, size_t *count,
                                     struct model_event **unchanged, size_t *unchanged_count);
/* The value of the current version, or MODEL_DELETED. */
int model_current(const struct model *m, int64_t *from);

/* --- timelines --- */

void assert_same_memory(const struct order_memory *a, const struct order_memory *b);

/* --- state and files --- */

/* Appends the bytes as hexadecimal digits. */
void put_hex(struct buf *out, struct slice s);
/* Appends a line of hexadecimal digits for each key and value of the family under a prefix. */
void put_family(struct kv *kv, enum family f, struct slice prefix, struct buf *out);
/* The number of keys of the family that begin with the prefix. */
int64_t count_family(struct kv *kv, enum family f, struct slice prefix);

/* Makes a directory under /tmp, and removes it with all that is in it. */
char *make_scratch(void);
void remove_scratch(char *dir);

struct rates default_rates(void);

#endif
