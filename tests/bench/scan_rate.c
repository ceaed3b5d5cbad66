#include "scan_rate.h"

#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/quality/pass.h"

#include <stdio.h>
#include <stdlib.h>

#define RATE 20000 /* quality.scan.rows_per_second */

static void found(void *context, const struct subject *of, enum check_id check, const char *what,
                  const char *expected, const char *value) {
    (void)context;
    (void)printf("%s of %.*s: %s, expected %s, found %s\n", check_of(check)->id, (int)of->id.n,
                 of->id.p, what, expected, value);
    exit(1);
}

static bool go_on(void *context, int64_t reads) {
    (void)context, (void)reads;
    return true;
}

void scan_rate(struct store *s, const struct rates *rates, const struct task *tasks,
               int32_t count) {
    bool *is_here = mem_calloc((size_t)count, sizeof *is_here);
    struct kv *kv = store_reader_new(s);
    struct look look;
    struct look_options o = {.is_here = is_here,
                             .partitions = count,
                             .rates = rates,
                             .orphan_after_ms = INT64_MAX,
                             .found = found,
                             .pause = go_on};
    for (int32_t p = 0; p < count; p++)
        is_here[p] = true;
    look_init(&look, kv, &o);
    struct pass pass = {.look = &look};
    int64_t us = -clock_us(clock_of_machine(), CLOCK_THREAD_CPUTIME_ID);
    for (int32_t p = 0; p < count; p++)
        if (!pass_partition(&pass, p, &tasks[p].meta))
            exit(1);
    us += clock_us(clock_of_machine(), CLOCK_THREAD_CPUTIME_ID);
    double each = (double)us / (double)look.reads;
    (void)printf("scan: %lld reads, %.2f us each; at %d a second %.0f s and %.1f %% of one core\n",
                 (long long)look.reads, each, RATE, (double)look.reads / RATE, each * RATE / 1e4);
    look_release(&look);
    store_reader_free(kv);
    free(is_here);
}
