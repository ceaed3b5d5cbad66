#include "streamer/metrics/metric_table.h"

#include "streamer/base/timestamp.h"
#include "streamer/base/version.h"
#include "streamer/metrics/process_figures.h"
#include "streamer/model/field_names.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>

/* One metric while its figures are visited. */
struct walk {
    const struct entry *entry;
    const struct metrics *metrics;
    int64_t now_ms; /* since 1970 */
    sample_visitor *visit;
    void *context;
};

/* What the table says of a metric, and where its figures come from. */
struct entry {
    struct metric metric;
    void (*give)(const struct walk *w);    /* hands the figures to the visitor; uses what follows */
    size_t offset;                         /* of a member of struct metrics */
    int scale;                             /* the exported figure is the stored one / 10^scale */
    bool (*occurs)(int first, int second); /* whether the labels can have these values; NULL: yes */
    int64_t (*of_process)(void);           /* process_figures.h */
};

/* --- labels */

static const char *topic_value(const struct metrics *m, int topic) {
    return m->config->topics[topic];
}

static const char *entity_value(const struct metrics *m, int entity) {
    static const char *const names[ENTITY_COUNT] = {
        [ENTITY_CUSTOMER] = "customers",
        [ENTITY_ACCOUNT] = "accounts",
    };
    (void)m;
    return names[entity];
}

static const char *code_value(const struct metrics *m, int code) {
    (void)m;
    return reason_code_name((enum reason_code)code);
}

static const char *field_value(const struct metrics *m, int field) {
    (void)m;
    return field_label((enum field)field);
}

static const char *result_value(const struct metrics *m, int result) {
    static const char *const names[TRANSACTION_RESULTS] = {
        [TRANSACTION_COMMITTED] = "committed",
        [TRANSACTION_ABORTED] = "aborted",
        [TRANSACTION_FENCED] = "fenced",
    };
    (void)m;
    return names[result];
}

static const char *registry_result_value(const struct metrics *m, int result) {
    (void)m;
    return registry_result_name((enum registry_result)result);
}

static const char *alerts_result_value(const struct metrics *m, int result) {
    (void)m;
    return result == ALERTS_OK ? "ok" : "failed";
}

static const char *invariant_value(const struct metrics *m, int invariant) {
    (void)m;
    return invariant_name((enum invariant)invariant);
}

static const char *layer_value(const struct metrics *m, int layer) {
    (void)m;
    return check_layer_name((enum check_layer)layer);
}

static const char *severity_value(const struct metrics *m, int severity) {
    (void)m;
    return check_severity_name((enum check_severity)severity);
}

static const char *status_value(const struct metrics *m, int status) {
    (void)m;
    return check_status_name((enum check_status)status);
}

static const char *version_value(const struct metrics *m, int index) {
    (void)m, (void)index;
    return streamer_version();
}

static const char *compiler_value(const struct metrics *m, int index) {
    (void)m, (void)index;
    return "gcc " __VERSION__;
}

static const char *app_id_value(const struct metrics *m, int index) {
    (void)index;
    return m->config->app_id;
}

static const struct label {
    const char *name;
    int count; /* of its values */
    const char *(*value)(const struct metrics *m, int index);
} labels[LABEL_COUNT] = {
    [LABEL_NONE] = {NULL, 1, NULL},
    [LABEL_TOPIC] = {"topic", TOPIC_COUNT, topic_value},
    [LABEL_ENTITY] = {"entity", ENTITY_COUNT, entity_value},
    [LABEL_CODE] = {"code", REASON_COUNT, code_value},
    [LABEL_FIELD] = {"field", FIELD_COUNT, field_value},
    [LABEL_RESULT] = {"result", TRANSACTION_RESULTS, result_value},
    [LABEL_REGISTRY_RESULT] = {"result", REGISTRY_RESULT_COUNT, registry_result_value},
    [LABEL_ALERTS_RESULT] = {"result", ALERTS_RESULTS, alerts_result_value},
    [LABEL_INVARIANT] = {"invariant", INVARIANT_COUNT, invariant_value},
    [LABEL_LAYER] = {"layer", LAYER_COUNT, layer_value},
    [LABEL_SEVERITY] = {"severity", SEVERITY_COUNT, severity_value},
    [LABEL_STATUS] = {"status", CHECK_STATUS_COUNT, status_value},
    [LABEL_PARTITION] = {"partition", 0, NULL}, /* how many there are depends on the topic */
    [LABEL_VERSION] = {"version", 1, version_value},
    [LABEL_COMPILER] = {"compiler", 1, compiler_value},
    [LABEL_APP_ID] = {"app_id", 1, app_id_value},
};

/* --- which values of the labels can occur */

static bool is_consumed(int topic, int none) {
    (void)none;
    return topic_is_consumed((enum topic)topic);
}

static bool is_emitted(int topic, int none) {
    (void)none;
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
    case FIELD_UPDATED_AT: /* may be missing for good reasons: the event time has other sources */
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

/* --- where the figures come from */

/* The member of struct metrics that the entry names. */
static const void *member_of(const struct walk *w) {
    return (const char *)w->metrics + w->entry->offset;
}

/* Sets a label to the value of that index. */
static void set_label(const struct walk *w, struct sample *s, int at, enum label_kind kind,
                      int index) {
    if (kind == LABEL_NONE)
        return;
    s->labels[at].name = labels[kind].name;
    s->labels[at].value = labels[kind].value(w->metrics, index);
}

static void give(const struct walk *w, struct sample *s, int128 value, int scale) {
    if (s->suffix == NULL)
        s->suffix = "";
    s->value = value;
    s->scale = scale;
    w->visit(w->context, s);
}

/* An array of counters: for each value of the first label, those of the second. */
static void give_counters(const struct walk *w) {
    const struct entry *entry = w->entry;
    const counter *c = member_of(w);
    enum label_kind first = entry->metric.labels[0], second = entry->metric.labels[1];
    for (int i = 0; i < labels[first].count; i++)
        for (int k = 0; k < labels[second].count; k++, c++) {
            if (entry->occurs != NULL && !entry->occurs(i, k))
                continue;
            struct sample s = {0};
            set_label(w, &s, 0, first, i);
            set_label(w, &s, 1, second, k);
            give(w, &s, metric_get(c), entry->scale);
        }
}

/* A gauge for each layer, severity and status. */
static void give_checks(const struct walk *w) {
    const enum label_kind *kinds = w->entry->metric.labels;
    const gauge *g = member_of(w);
    for (int l = 0; l < LAYER_COUNT; l++)
        for (int s = 0; s < SEVERITY_COUNT; s++)
            for (int t = 0; t < CHECK_STATUS_COUNT; t++, g++) {
                struct sample one = {0};
                set_label(w, &one, 0, kinds[0], l);
                set_label(w, &one, 1, kinds[1], s);
                set_label(w, &one, 2, kinds[2], t);
                give(w, &one, metric_get(g), 0);
            }
}

static void give_histogram(const struct walk *w) {
    const struct histogram *h = member_of(w);
    int64_t count = 0;
    for (int i = 0; i <= HISTOGRAM_BUCKETS; i++) {
        struct sample s = {.suffix = "_bucket", .labels = {{"le", histogram_bound(i)}}};
        count += metric_get(&h->buckets[i]);
        give(w, &s, count, 0);
    }
    give(w, &(struct sample){.suffix = "_sum"},
         (int128)metric_get(&h->sum_s) * 1000000 + metric_get(&h->sum_us), 6);
    give(w, &(struct sample){.suffix = "_count"}, count, 0);
}

static void give_freshness(const struct walk *w) {
    for (int entity = 0; entity < ENTITY_COUNT; entity++) {
        int64_t newest_ms = metric_get(&w->metrics->newest_event_ms[entity]);
        if (newest_ms == TIMESTAMP_NONE)
            continue;
        struct sample s = {0};
        set_label(w, &s, 0, LABEL_ENTITY, entity);
        give(w, &s, newest_ms < w->now_ms ? (int128)w->now_ms - newest_ms : 0, 3);
    }
}

static void give_newest_record(const struct walk *w) {
    for (int entity = 0; entity < ENTITY_COUNT; entity++) {
        int64_t newest_ms = metric_get(&w->metrics->inputs[entity].newest_record_ms);
        if (newest_ms == TIMESTAMP_NONE)
            continue;
        struct sample s = {0};
        set_label(w, &s, 0, LABEL_ENTITY, entity);
        give(w, &s, newest_ms, 3);
    }
}

static void give_lag(const struct walk *w, int topic, int32_t partition, int64_t lag) {
    char text[12];
    (void)snprintf(text, sizeof text, "%d", partition);
    struct sample s = {.labels = {{NULL, NULL}, {labels[LABEL_PARTITION].name, text}}};
    set_label(w, &s, 0, LABEL_TOPIC, topic);
    give(w, &s, lag, 0);
}

static void give_lags(const struct walk *w) {
    for (int topic = 0; topic < TOPIC_COUNT; topic++)
        for (int32_t i = 0; i < w->metrics->lag[topic].partitions; i++) {
            int64_t lag = metric_get(&w->metrics->lag[topic].lag[i]);
            if (lag >= 0)
                give_lag(w, topic, i, lag);
        }
}

/* The figure is always 1; what counts is in the labels. */
static void give_one(const struct walk *w) {
    struct sample s = {0};
    for (int i = 0; i < METRIC_LABELS_MAX; i++)
        set_label(w, &s, i, w->entry->metric.labels[i], 0);
    give(w, &s, 1, 0);
}

static void give_of_process(const struct walk *w) {
    int64_t value = w->entry->of_process();
    if (value != PROCESS_UNKNOWN)
        give(w, &(struct sample){0}, value, w->entry->scale);
}

static void give_process_start(const struct walk *w) {
    if (w->metrics->process_start_cs != PROCESS_UNKNOWN)
        give(w, &(struct sample){0}, w->metrics->process_start_cs, w->entry->scale);
}

/* --- the table */

/* clang-format off */
static const struct entry entries[METRIC_COUNT] = {
    [METRIC_RECORDS_CONSUMED] = {
        {"streamer_records_consumed_total", METRIC_COUNTER, "records", {LABEL_TOPIC},
         "Messages consumed, by topic.",
         "Those of internal topics count, too."},
        .give = give_counters, .offset = offsetof(struct metrics, consumed), .occurs = is_consumed},
    [METRIC_RECORDS_EMITTED] = {
        {"streamer_records_emitted_total", METRIC_COUNTER, "records", {LABEL_TOPIC},
         "Messages of committed transactions, tombstones included, by topic.",
         "Those to internal topics count, too."},
        .give = give_counters, .offset = offsetof(struct metrics, emitted), .occurs = is_emitted},
    [METRIC_RECORDS_QUARANTINED] = {
        {"streamer_records_quarantined_total", METRIC_COUNTER, "records",
         {LABEL_ENTITY, LABEL_CODE},
         "Input records sent to the quarantine topic, by reason code.", NULL},
        .give = give_counters, .offset = offsetof(struct metrics, quarantined),
        .occurs = has_reason},
    [METRIC_RECORDS_APPLIED] = {
        {"streamer_records_applied_total", METRIC_COUNTER, "records", {LABEL_ENTITY},
         "Events that changed a history.", NULL},
        .give = give_counters, .offset = offsetof(struct metrics, applied)},
    [METRIC_RECORDS_UNCHANGED] = {
        {"streamer_records_unchanged_total", METRIC_COUNTER, "records", {LABEL_ENTITY},
         "Events that changed nothing.", NULL},
        .give = give_counters, .offset = offsetof(struct metrics, unchanged)},
    [METRIC_RECORDS_LATE] = {
        {"streamer_records_late_total", METRIC_COUNTER, "records", {LABEL_ENTITY},
         "Events older than the newest one of their id.",
         "They are among applied and unchanged."},
        .give = give_counters, .offset = offsetof(struct metrics, late)},
    [METRIC_RECORDS_REORDERED] = {
        {"streamer_records_reordered_total", METRIC_COUNTER, "records", {LABEL_ENTITY},
         "Records of a log whose time was replaced by that of the newest event of their id.",
         "They are among applied and unchanged."},
        .give = give_counters, .offset = offsetof(struct metrics, reordered)},
    [METRIC_RECORDS_REPEATED] = {
        {"streamer_records_repeated_total", METRIC_COUNTER, "records", {LABEL_ENTITY},
         "Records of a log that were sent again, by their positions; unchanged, too.", NULL},
        .give = give_counters, .offset = offsetof(struct metrics, repeated)},
    [METRIC_RECORDS_BEHIND_TOMBSTONE] = {
        {"streamer_records_behind_tombstone_total", METRIC_COUNTER, "records", {LABEL_ENTITY},
         "Records of a topic that is no log, older than the tombstone of their id: it stays "
         "deleted.",
         "They may be newer in the database; `order.*=log` would keep them."},
        .give = give_counters, .offset = offsetof(struct metrics, behind_tombstone)},
    [METRIC_RECORDS_TOMBSTONES_UNKNOWN] = {
        {"streamer_records_tombstones_unknown_total", METRIC_COUNTER, "records", {LABEL_ENTITY},
         "Tombstones of ids that were never seen; unchanged, too.", NULL},
        .give = give_counters, .offset = offsetof(struct metrics, tombstones_unknown)},
    [METRIC_OUTDATED_ROWS] = {
        {"streamer_outdated_rows", METRIC_GAUGE, "rows", {LABEL_ENTITY},
         "Current rows of ids whose newest record was rejected.", NULL},
        .give = give_counters, .offset = offsetof(struct metrics, outdated_rows)},
    [METRIC_RECORDS_FORWARDED] = {
        {"streamer_records_forwarded_total", METRIC_COUNTER, "records", {LABEL_ENTITY},
         "Input records passed on to the task that owns their id, over a repartition topic.", NULL},
        .give = give_counters, .offset = offsetof(struct metrics, forwarded)},
    [METRIC_NULL_VALUES] = {
        {"streamer_null_values_total", METRIC_COUNTER, "values", {LABEL_ENTITY, LABEL_FIELD},
         "Values that were missing, null, or null in text form, by field.", NULL},
        .give = give_counters, .offset = offsetof(struct metrics, null_values),
        .occurs = has_field},
    [METRIC_UNKNOWN_FIELDS] = {
        {"streamer_unknown_fields_total", METRIC_COUNTER, "fields", {LABEL_ENTITY},
         "Fields of input records that are ignored, as their names are not known.", NULL},
        .give = give_counters, .offset = offsetof(struct metrics, unknown_fields)},
    [METRIC_CONFIRMATIONS_DROPPED] = {
        {"streamer_confirmations_dropped_total", METRIC_COUNTER, "events", {LABEL_ENTITY},
         "Events that changed nothing, forgotten before late.window: over confirmations.max "
         "of their id.", NULL},
        .give = give_counters, .offset = offsetof(struct metrics, confirmations_dropped)},
    [METRIC_ORPHAN_ACCOUNTS] = {
        {"streamer_orphan_accounts", METRIC_GAUGE, "accounts", {LABEL_NONE},
         "Current accounts whose customer is not known.", NULL},
        .give = give_counters, .offset = offsetof(struct metrics, orphan_accounts)},
    [METRIC_FRESHNESS_LAG] = {
        {"streamer_freshness_lag_seconds", METRIC_GAUGE, "seconds", {LABEL_ENTITY},
         "Now minus the newest event time processed; 0 if that is ahead of this machine's clock.",
         "Absent until this process has seen an event."},
        .give = give_freshness},
    [METRIC_NEWEST_RECORD] = {
        {"streamer_newest_record_timestamp_seconds", METRIC_GAUGE, "seconds", {LABEL_ENTITY},
         "Newest Kafka timestamp in the input topic, since unix epoch.",
         "The brokers are asked, so that a feed that ended shows after a restart, too. Absent "
         "while the topic is empty."},
        .give = give_newest_record},
    [METRIC_CONSUMER_LAG] = {
        {"streamer_consumer_lag_records", METRIC_GAUGE, "records", {LABEL_TOPIC, LABEL_PARTITION},
         "Records of an assigned partition that are not processed yet.",
         "Internal topics have lags, too."},
        .give = give_lags},
    [METRIC_PROCESSING_LATENCY] = {
        {"streamer_processing_latency_seconds", METRIC_HISTOGRAM, "seconds", {LABEL_NONE},
         "From the Kafka timestamp of an input record to the commit of its results.", NULL},
        .give = give_histogram, .offset = offsetof(struct metrics, processing_latency)},
    [METRIC_TRANSACTIONS] = {
        {"streamer_transactions_total", METRIC_COUNTER, "transactions", {LABEL_RESULT},
         "Kafka transactions by result: committed; aborted (and retried); fenced (a new "
         "producer took over).", NULL},
        .give = give_counters, .offset = offsetof(struct metrics, transactions)},
    [METRIC_TRANSACTION_COMMIT] = {
        {"streamer_transaction_commit_seconds", METRIC_HISTOGRAM, "seconds", {LABEL_NONE},
         "Time to commit one transaction.", NULL},
        .give = give_histogram, .offset = offsetof(struct metrics, commit_duration)},
    [METRIC_LAST_COMMIT] = {
        {"streamer_last_commit_timestamp_seconds", METRIC_GAUGE, "seconds", {LABEL_NONE},
         "When the last transaction was committed, since unix epoch; 0: none yet.", NULL},
        .give = give_counters, .offset = offsetof(struct metrics, last_commit_ms), .scale = 3},
    [METRIC_REGISTRY_REQUESTS] = {
        {"streamer_registry_requests_total", METRIC_COUNTER, "requests", {LABEL_REGISTRY_RESULT},
         "Requests to the schema registry by result: ok; unknown; incompatible; refused (it "
         "answers, but not this); unavailable (to be tried again).",
         "Each URL that is tried counts."},
        .give = give_counters, .offset = offsetof(struct metrics, registry_requests)},
    [METRIC_ALERTS_SENT] = {
        {"streamer_alerts_sent_total", METRIC_COUNTER, "messages", {LABEL_ALERTS_RESULT},
         "Messages to alert.webhook.url by result: ok; failed (given up after three retries).",
         NULL},
        .give = give_counters, .offset = offsetof(struct metrics, alerts_sent)},
    [METRIC_INVARIANT_CHECKS] = {
        {"streamer_invariant_checks_total", METRIC_COUNTER, "checks", {LABEL_INVARIANT},
         "Checks, before transactions are committed, of what must always hold.",
         "They are conservation (consumed = applied + unchanged + quarantined + forwarded), "
         "offsets and rows."},
        .give = give_counters, .offset = offsetof(struct metrics, invariant_checks)},
    [METRIC_INVARIANT_VIOLATIONS] = {
        {"streamer_invariant_violations_total", METRIC_COUNTER, "checks", {LABEL_INVARIANT},
         "Checks that failed: nothing of the transaction was committed, and the program stops.",
         NULL},
        .give = give_counters, .offset = offsetof(struct metrics, invariant_violations)},
    [METRIC_QUALITY_CHECKS] = {
        {"streamer_quality_checks", METRIC_GAUGE, "checks",
         {LABEL_LAYER, LABEL_SEVERITY, LABEL_STATUS},
         "Quality checks by layer, severity and what they say now: pass, warn or fail.", NULL},
        .give = give_checks, .offset = offsetof(struct metrics, quality_checks)},
    [METRIC_STATE_BYTES] = {
        {"streamer_state_bytes", METRIC_GAUGE, "bytes", {LABEL_NONE},
         "Size of the state, on disk and in memory tables, about.", NULL},
        .give = give_counters, .offset = offsetof(struct metrics, state_bytes)},
    [METRIC_RESTORED_RECORDS] = {
        {"streamer_restored_records_total", METRIC_COUNTER, "records", {LABEL_NONE},
         "Records read back to restore state.", NULL},
        .give = give_counters, .offset = offsetof(struct metrics, restored_records)},
    [METRIC_RESTORE_REMAINING] = {
        {"streamer_restore_remaining_records", METRIC_GAUGE, "records", {LABEL_NONE},
         "Records still to read before state is restored.", NULL},
        .give = give_counters, .offset = offsetof(struct metrics, restore_remaining)},
    [METRIC_ASSIGNED_PARTITIONS] = {
        {"streamer_assigned_partitions", METRIC_GAUGE, "partitions", {LABEL_NONE},
         "Partitions assigned to this instance, of all topics.",
         "Internal topics that are consumed count, too."},
        .give = give_counters, .offset = offsetof(struct metrics, assigned_partitions)},
    [METRIC_BUILD_INFO] = {
        {"streamer_build_info", METRIC_GAUGE, "", {LABEL_VERSION, LABEL_COMPILER, LABEL_APP_ID},
         "Always 1; what this program was built from, and the application that it runs.", NULL},
        .give = give_one},
    [METRIC_PROCESS_CPU] = {
        {"process_cpu_seconds_total", METRIC_COUNTER, "seconds", {LABEL_NONE},
         "Total user and system CPU time spent in seconds.", NULL},
        .give = give_of_process, .scale = 6, .of_process = process_cpu_us},
    [METRIC_PROCESS_VIRTUAL_MEMORY] = {
        {"process_virtual_memory_bytes", METRIC_GAUGE, "bytes", {LABEL_NONE},
         "Virtual memory size in bytes.", NULL},
        .give = give_of_process, .of_process = process_virtual_bytes},
    [METRIC_PROCESS_RESIDENT_MEMORY] = {
        {"process_resident_memory_bytes", METRIC_GAUGE, "bytes", {LABEL_NONE},
         "Resident memory size in bytes.", NULL},
        .give = give_of_process, .of_process = process_resident_bytes},
    [METRIC_PROCESS_OPEN_FDS] = {
        {"process_open_fds", METRIC_GAUGE, "descriptors", {LABEL_NONE},
         "Number of open file descriptors.", NULL},
        .give = give_of_process, .of_process = process_open_fds},
    [METRIC_PROCESS_MAX_FDS] = {
        {"process_max_fds", METRIC_GAUGE, "descriptors", {LABEL_NONE},
         "Maximum number of open file descriptors.", NULL},
        .give = give_of_process, .of_process = process_max_fds},
    [METRIC_PROCESS_START_TIME] = {
        {"process_start_time_seconds", METRIC_GAUGE, "seconds", {LABEL_NONE},
         "Start time of the process since unix epoch in seconds.", NULL},
        .give = give_process_start, .scale = 2},
};
/* clang-format on */

/* --- for others */

const struct metric *metric_of(enum metric_id id) {
    return &entries[id].metric;
}

const char *metric_type_name(enum metric_type type) {
    static const char *const names[] = {
        [METRIC_COUNTER] = "counter",
        [METRIC_GAUGE] = "gauge",
        [METRIC_HISTOGRAM] = "histogram",
    };
    return names[type];
}

const char *metric_label_name(enum label_kind kind) {
    return labels[kind].name;
}

void metric_visit(enum metric_id id, const struct metrics *m, int64_t now_ms, sample_visitor *visit,
                  void *context) {
    struct walk w = {&entries[id], m, now_ms, visit, context};
    w.entry->give(&w);
}

static void add_up(void *total, const struct sample *s) {
    assert(s->scale == 0 && s->suffix[0] == '\0');
    *(int64_t *)total += (int64_t)s->value;
}

int64_t metric_total(enum metric_id id, const struct metrics *m) {
    int64_t total = 0;
    metric_visit(id, m, 0, add_up, &total);
    return total;
}
