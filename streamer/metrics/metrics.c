#include "streamer/metrics/metrics.h"
#include "streamer/base/version.h"

#include "streamer/base/decimal.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const struct {
    int64_t us;
    const char *le;
} bounds[HISTOGRAM_BUCKETS] = {
    {1000, "0.001"},  {2000, "0.002"},  {5000, "0.005"},  {10000, "0.01"},
    {20000, "0.02"},  {50000, "0.05"},  {100000, "0.1"},  {200000, "0.2"},
    {500000, "0.5"},  {1000000, "1"},   {2000000, "2"},   {5000000, "5"},
    {10000000, "10"}, {20000000, "20"}, {30000000, "30"}, {60000000, "60"},
};

static const char *const entities[ENTITY_COUNT] = {
    [ENTITY_CUSTOMER] = "customers",
    [ENTITY_ACCOUNT] = "accounts",
};

static const char *const fields[FIELD_COUNT] = {
    [FIELD_CUSTOMER_ID] = "customer_id", [FIELD_CUSTOMER_NAME] = "customer_name",
    [FIELD_HAS_LOAN] = "has_loan",       [FIELD_ACCOUNT_ID] = "account_id",
    [FIELD_BALANCE] = "balance",         [FIELD_ACCOUNT_TYPE] = "account_type",
    [FIELD_UPDATED_AT] = "updated_at",
};

static const char *const results[TRANSACTION_RESULTS] = {
    [TRANSACTION_COMMITTED] = "committed",
    [TRANSACTION_ABORTED] = "aborted",
    [TRANSACTION_FENCED] = "fenced",
};

/* --- which combinations of labels can occur */

static bool is_consumed(int topic) {
    return topic_is_consumed((enum topic)topic);
}

static bool is_emitted(int topic) {
    return !topic_is_input((enum topic)topic);
}

static bool has_field(int entity, int field) {
    switch ((enum field)field) {
    case FIELD_CUSTOMER_NAME:
    case FIELD_HAS_LOAN:
        return entity == ENTITY_CUSTOMER;
    case FIELD_ACCOUNT_ID:
    case FIELD_BALANCE:
    case FIELD_ACCOUNT_TYPE:
        return entity == ENTITY_ACCOUNT;
    case FIELD_UPDATED_AT: /* may be missing for good reasons: other sources of the event time come
                              first */
        return false;
    default:
        return true;
    }
}

static bool has_reason(int entity, int code) {
    switch ((enum reason_code)code) {
    case REASON_NONE:
        return false;
    case REASON_INVALID_NAME:
        return has_field(entity, FIELD_CUSTOMER_NAME);
    case REASON_INVALID_HAS_LOAN:
        return has_field(entity, FIELD_HAS_LOAN);
    case REASON_INVALID_ACCOUNT_ID:
        return has_field(entity, FIELD_ACCOUNT_ID);
    case REASON_INVALID_BALANCE:
        return has_field(entity, FIELD_BALANCE);
    case REASON_INVALID_ACCOUNT_TYPE:
        return has_field(entity, FIELD_ACCOUNT_TYPE);
    default:
        return true;
    }
}

/* --- the text format */

struct label {
    const char *name, *value;
};
#define NO_LABEL ((struct label){NULL, NULL})
#define LABEL(name, value) ((struct label){name, value})

static void put_family(struct buf *out, const char *name, const char *type, const char *help) {
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_label(struct buf *out, struct label l) {
    buf_put_str(out, l.name);
    buf_put_str(out, "=\"");
    for (const char *p = l.value; *p != '\0'; p++) {
        if (*p == '\n') {
            buf_put_str(out, "\\n");
            continue;
        }
        if (*p == '"' || *p == '\\')
            buf_put_byte(out, '\\');
        buf_put_byte(out, *p);
    }
    buf_put_byte(out, '"');
}

/* The line up to its value: `name{a,b} `. */
static void put_series(struct buf *out, const char *name, struct label a, struct label b) {
    buf_put_str(out, name);
    if (a.name != NULL) {
        buf_put_byte(out, '{');
        put_label(out, a);
        if (b.name != NULL) {
            buf_put_byte(out, ',');
            put_label(out, b);
        }
        buf_put_byte(out, '}');
    }
    buf_put_byte(out, ' ');
}

static void put_whole(struct buf *out, int64_t value) {
    buf_put_int(out, value);
    buf_put_byte(out, '\n');
}

/* value / 10^scale without trailing zeros; scale > 0. */
static void put_scaled(struct buf *out, int128 value, int scale) {
    decimal_put(out, value, scale);
    while (out->p[out->n - 1] == '0')
        out->n--;
    if (out->p[out->n - 1] == '.')
        out->n--;
    buf_put_byte(out, '\n');
}

static void put_single(struct buf *out, const char *name, const char *type, const char *help,
                       const counter *c) {
    put_family(out, name, type, help);
    put_series(out, name, NO_LABEL, NO_LABEL);
    put_whole(out, metric_get(c));
}

static void put_by_entity(struct buf *out, const char *name, const char *type, const char *help,
                          const counter values[ENTITY_COUNT]) {
    put_family(out, name, type, help);
    for (int entity = 0; entity < ENTITY_COUNT; entity++) {
        put_series(out, name, LABEL("entity", entities[entity]), NO_LABEL);
        put_whole(out, metric_get(&values[entity]));
    }
}

static void put_by_topic(struct buf *out, const char *name, const char *help,
                         const struct config *config, bool (*occurs)(int topic),
                         const counter values[TOPIC_COUNT]) {
    put_family(out, name, "counter", help);
    for (int topic = 0; topic < TOPIC_COUNT; topic++) {
        if (!occurs(topic))
            continue;
        put_series(out, name, LABEL("topic", config->topics[topic]), NO_LABEL);
        put_whole(out, metric_get(&values[topic]));
    }
}

static void put_histogram(struct buf *out, const char *name, const char *help,
                          const struct histogram *h) {
    char part[128];
    put_family(out, name, "histogram", help);
    (void)snprintf(part, sizeof part, "%s_bucket", name);
    int64_t count = 0;
    for (int i = 0; i <= HISTOGRAM_BUCKETS; i++) {
        count += metric_get(&h->buckets[i]);
        put_series(out, part, LABEL("le", i < HISTOGRAM_BUCKETS ? bounds[i].le : "+Inf"), NO_LABEL);
        put_whole(out, count);
    }
    (void)snprintf(part, sizeof part, "%s_sum", name);
    put_series(out, part, NO_LABEL, NO_LABEL);
    put_scaled(out, (int128)metric_get(&h->sum_s) * 1000000 + metric_get(&h->sum_us), 6);
    (void)snprintf(part, sizeof part, "%s_count", name);
    put_series(out, part, NO_LABEL, NO_LABEL);
    put_whole(out, count);
}

/* --- the process, as /proc and the kernel tell it; a figure that cannot be had is left out */

/* In hundredths of a second since 1970 (the kernel's USER_HZ is 100); 0 if unknown. */
static int64_t process_start_time(void) {
    char line[1024];
    long long boot_s = 0, start_ticks = 0;
    FILE *f = fopen("/proc/stat", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL && boot_s == 0)
        if (strncmp(line, "btime ", 6) == 0)
            boot_s = strtoll(line + 6, NULL, 10);
    if (f != NULL)
        (void)fclose(f);
    f = fopen("/proc/self/stat", "re");
    if (f != NULL && fgets(line, sizeof line, f) != NULL) {
        char *p = strrchr(line, ')'); /* field 2, the command, may hold anything */
        for (int field = 2; p != NULL && field < 22; field++)
            p = strchr(p + 1, ' ');
        if (p != NULL)
            start_ticks = strtoll(p, NULL, 10);
    }
    if (f != NULL)
        (void)fclose(f);
    return boot_s != 0 && start_ticks != 0 ? boot_s * 100 + start_ticks * 100 / sysconf(_SC_CLK_TCK)
                                           : 0;
}

static void put_process_memory(struct buf *out) {
    char line[256];
    long long virtual_pages = -1, resident_pages = -1;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f != NULL && fgets(line, sizeof line, f) != NULL) {
        char *p;
        virtual_pages = strtoll(line, &p, 10);
        resident_pages = strtoll(p, NULL, 10);
    }
    if (f != NULL)
        (void)fclose(f);
    long page = sysconf(_SC_PAGESIZE);
    put_family(out, "process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.");
    if (virtual_pages >= 0) {
        put_series(out, "process_virtual_memory_bytes", NO_LABEL, NO_LABEL);
        put_whole(out, virtual_pages * page);
    }
    put_family(out, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.");
    if (resident_pages >= 0) {
        put_series(out, "process_resident_memory_bytes", NO_LABEL, NO_LABEL);
        put_whole(out, resident_pages * page);
    }
}

static void put_process_fds(struct buf *out) {
    put_family(out, "process_open_fds", "gauge", "Number of open file descriptors.");
    DIR *d = opendir("/proc/self/fd");
    if (d != NULL) {
        int64_t n = -1; /* the one that reads the directory does not count */
        for (const struct dirent *entry; (entry = readdir(d)) != NULL;)
            n += entry->d_name[0] != '.';
        (void)closedir(d);
        put_series(out, "process_open_fds", NO_LABEL, NO_LABEL);
        put_whole(out, n);
    }
    put_family(out, "process_max_fds", "gauge", "Maximum number of open file descriptors.");
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= INT64_MAX) {
        put_series(out, "process_max_fds", NO_LABEL, NO_LABEL);
        put_whole(out, (int64_t)limit.rlim_cur);
    }
}

static void put_process(struct buf *out, int64_t start_time) {
    put_family(out, "process_cpu_seconds_total", "counter",
               "Total user and system CPU time spent in seconds.");
    struct timespec cpu;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0) {
        put_series(out, "process_cpu_seconds_total", NO_LABEL, NO_LABEL);
        put_scaled(out, (int128)cpu.tv_sec * 1000000 + cpu.tv_nsec / 1000, 6);
    }
    put_process_memory(out);
    put_process_fds(out);
    put_family(out, "process_start_time_seconds", "gauge",
               "Start time of the process since unix epoch in seconds.");
    if (start_time != 0) {
        put_series(out, "process_start_time_seconds", NO_LABEL, NO_LABEL);
        put_scaled(out, start_time, 2);
    }
}

/* --- the families that fit no pattern */

static void put_quarantined(struct buf *out, const struct metrics *m) {
    const char *name = "streamer_records_quarantined_total";
    put_family(out, name, "counter", "Input records sent to the quarantine topic, by reason code.");
    for (int entity = 0; entity < ENTITY_COUNT; entity++)
        for (int code = 0; code < REASON_COUNT; code++) {
            if (!has_reason(entity, code))
                continue;
            put_series(out, name, LABEL("entity", entities[entity]),
                       LABEL("code", reason_code_name((enum reason_code)code)));
            put_whole(out, metric_get(&m->quarantined[entity][code]));
        }
}

static void put_null_values(struct buf *out, const struct metrics *m) {
    const char *name = "streamer_null_values_total";
    put_family(out, name, "counter",
               "Values that were missing, null, or null in text form, by field.");
    for (int entity = 0; entity < ENTITY_COUNT; entity++)
        for (int field = 0; field < FIELD_COUNT; field++) {
            if (!has_field(entity, field))
                continue;
            put_series(out, name, LABEL("entity", entities[entity]), LABEL("field", fields[field]));
            put_whole(out, metric_get(&m->null_values[entity][field]));
        }
}

static void put_freshness(struct buf *out, const struct metrics *m, int64_t now_ms) {
    const char *name = "streamer_freshness_lag_seconds";
    put_family(
        out, name, "gauge",
        "Now minus the newest event time processed; 0 if that is ahead of this machine's clock.");
    for (int entity = 0; entity < ENTITY_COUNT; entity++) {
        int64_t newest_ms = metric_get(&m->newest_event_ms[entity]);
        if (newest_ms == TIMESTAMP_NONE)
            continue;
        put_series(out, name, LABEL("entity", entities[entity]), NO_LABEL);
        put_scaled(out, newest_ms < now_ms ? (int128)now_ms - newest_ms : 0, 3);
    }
}

static void put_consumer_lag(struct buf *out, const struct metrics *m) {
    const char *name = "streamer_consumer_lag_records";
    put_family(out, name, "gauge", "Records of an assigned partition that are not processed yet.");
    for (int topic = 0; topic < TOPIC_COUNT; topic++)
        for (int32_t i = 0; i < m->lag[topic].partitions; i++) {
            int64_t lag = metric_get(&m->lag[topic].lag[i]);
            if (lag < 0)
                continue;
            char partition[12];
            (void)snprintf(partition, sizeof partition, "%d", i);
            put_series(out, name, LABEL("topic", m->config->topics[topic]),
                       LABEL("partition", partition));
            put_whole(out, lag);
        }
}

static void put_transactions(struct buf *out, const struct metrics *m) {
    const char *name = "streamer_transactions_total";
    put_family(
        out, name, "counter",
        "Kafka transactions by result: committed; aborted (and retried); fenced (a new producer took over).");
    for (int result = 0; result < TRANSACTION_RESULTS; result++) {
        put_series(out, name, LABEL("result", results[result]), NO_LABEL);
        put_whole(out, metric_get(&m->transactions[result]));
    }
}

static void put_by_invariant(struct buf *out, const char *name, const char *help,
                             const counter values[INVARIANT_COUNT]) {
    put_family(out, name, "counter", help);
    for (int i = 0; i < INVARIANT_COUNT; i++) {
        put_series(out, name, LABEL("invariant", invariant_name((enum invariant)i)), NO_LABEL);
        put_whole(out, metric_get(&values[i]));
    }
}

static void put_last_commit(struct buf *out, const struct metrics *m) {
    const char *name = "streamer_last_commit_timestamp_seconds";
    put_family(out, name, "gauge",
               "When the last transaction was committed, since unix epoch; 0: none yet.");
    put_series(out, name, NO_LABEL, NO_LABEL);
    put_scaled(out, metric_get(&m->last_commit_ms), 3);
}

static void put_build_info(struct buf *out) {
    const char *name = "streamer_build_info";
    put_family(out, name, "gauge", "Always 1; what this program was built from.");
    put_series(out, name, LABEL("version", streamer_version()),
               LABEL("compiler", "gcc " __VERSION__));
    put_whole(out, 1);
}

/* --- the interface */

struct metrics *metrics_new(const struct config *config) {
    struct metrics *m = mem_calloc(1, sizeof *m);
    m->config = config;
    m->start_time = process_start_time();
    for (int entity = 0; entity < ENTITY_COUNT; entity++)
        metric_set(&m->newest_event_ms[entity], TIMESTAMP_NONE);
    return m;
}

void metrics_free(struct metrics *m) {
    if (m == NULL)
        return;
    for (int topic = 0; topic < TOPIC_COUNT; topic++)
        free(m->lag[topic].lag);
    free(m);
}

void metrics_set_partitions(struct metrics *m, enum topic topic, int32_t partitions) {
    assert(m->lag[topic].lag == NULL && partitions > 0);
    m->lag[topic].lag = mem_calloc((size_t)partitions, sizeof *m->lag[topic].lag);
    m->lag[topic].partitions = partitions;
    for (int32_t i = 0; i < partitions; i++)
        metric_set(&m->lag[topic].lag[i], -1);
}

void histogram_observe(struct histogram *h, int64_t us, int64_t times) {
    if (us < 0) /* a clock was set back, or a record's timestamp is ahead */
        us = 0;
    int i = 0;
    while (i < HISTOGRAM_BUCKETS && us > bounds[i].us)
        i++;
    metric_add(&h->buckets[i], times);
    metric_add(&h->sum_s, us / 1000000 * times);
    metric_add(&h->sum_us, us % 1000000 * times);
}

void metrics_render(const struct metrics *m, int64_t now_ms, struct buf *out) {
    const struct config *config = m->config;
    put_by_topic(out, "streamer_records_consumed_total", "Messages consumed, by topic.", config,
                 is_consumed, m->consumed);
    put_by_topic(out, "streamer_records_emitted_total",
                 "Messages of committed transactions, tombstones included, by topic.", config,
                 is_emitted, m->emitted);
    put_quarantined(out, m);
    put_by_entity(out, "streamer_records_applied_total", "counter",
                  "Events that changed a history.", m->applied);
    put_by_entity(out, "streamer_records_unchanged_total", "counter",
                  "Events that changed nothing.", m->unchanged);
    put_by_entity(out, "streamer_records_late_total", "counter",
                  "Events older than the newest one of their id.", m->late);
    put_by_entity(
        out, "streamer_records_reordered_total", "counter",
        "Records of a log whose time was replaced by that of the newest event of their id.",
        m->reordered);
    put_by_entity(out, "streamer_records_repeated_total", "counter",
                  "Records of a log that were sent again, by their positions; unchanged, too.",
                  m->repeated);
    put_by_entity(
        out, "streamer_records_behind_tombstone_total", "counter",
        "Records of a topic that is no log, older than the tombstone of their id: it stays deleted.",
        m->behind_tombstone);
    put_by_entity(out, "streamer_records_tombstones_unknown_total", "counter",
                  "Tombstones of ids that were never seen; unchanged, too.", m->tombstones_unknown);
    put_by_entity(out, "streamer_outdated_rows", "gauge",
                  "Current rows of ids whose newest record was rejected.", m->outdated_rows);
    put_by_entity(
        out, "streamer_records_forwarded_total", "counter",
        "Input records passed on to the task that owns their id, over a repartition topic.",
        m->forwarded);
    put_null_values(out, m);
    put_by_entity(out, "streamer_unknown_fields_total", "counter",
                  "Fields of input records that are ignored, as their names are not known.",
                  m->unknown_fields);
    put_by_entity(
        out, "streamer_confirmations_dropped_total", "counter",
        "Events that changed nothing, forgotten before late.window: over confirmations.max of their id.",
        m->confirmations_dropped);
    put_single(out, "streamer_orphan_accounts", "gauge",
               "Current accounts whose customer is not known.", &m->orphan_accounts);
    put_freshness(out, m, now_ms);
    put_consumer_lag(out, m);
    put_histogram(out, "streamer_processing_latency_seconds",
                  "From the Kafka timestamp of an input record to the commit of its results.",
                  &m->processing_latency);
    put_transactions(out, m);
    put_histogram(out, "streamer_transaction_commit_seconds", "Time to commit one transaction.",
                  &m->commit_duration);
    put_last_commit(out, m);
    put_by_invariant(out, "streamer_invariant_checks_total",
                     "Checks, before transactions are committed, of what must always hold.",
                     m->invariant_checks);
    put_by_invariant(
        out, "streamer_invariant_violations_total",
        "Checks that failed: nothing of the transaction was committed, and the program stops.",
        m->invariant_violations);
    put_single(out, "streamer_state_bytes", "gauge",
               "Size of the state, on disk and in memory tables, about.", &m->state_bytes);
    put_single(out, "streamer_restored_records_total", "counter",
               "Records read back to restore state.", &m->restored_records);
    put_single(out, "streamer_restore_remaining_records", "gauge",
               "Records still to read before state is restored.", &m->restore_remaining);
    put_single(out, "streamer_assigned_partitions", "gauge",
               "Partitions assigned to this instance, of all topics.", &m->assigned_partitions);
    put_build_info(out);
    put_process(out, m->start_time);
}
