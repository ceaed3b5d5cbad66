#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/version.h"
#include "streamer/metrics/metric_text.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW_MS INT64_C(1700000000000)

struct fixture {
    struct config config;
    struct metrics *metrics;
    struct buf text; /* starts with a line break, so that every line has one on both sides */
};

static int setup(void **state) {
    static char *const topics[TOPIC_COUNT] = {
        [TOPIC_CUSTOMERS] = "customers",
        [TOPIC_ACCOUNTS] = "accounts",
        [TOPIC_CUSTOMER_HISTORY] = "customer_history",
        [TOPIC_ACCOUNT_HISTORY] = "account_history",
        [TOPIC_ACCOUNT_WITH_CUSTOMER] = "account_with_customer",
        [TOPIC_ACCOUNT_SUMMARY] = "account_summary",
        [TOPIC_CUSTOMER_PROFILE] = "customer_profile",
        [TOPIC_QUARANTINE] = "quarantine",
        [TOPIC_REPARTITION_CUSTOMERS] = "app-customers",
        [TOPIC_REPARTITION_ACCOUNTS] = "app-accounts",
        [TOPIC_ACCOUNT_LINKS] = "app-links",
        [TOPIC_CUSTOMER_REFS] = "app-refs",
        [TOPIC_CONFIRMATIONS] = "app-confirmations",
    };
    struct fixture *f = mem_calloc(1, sizeof *f);
    static char app_id[] = "the \"bank\"";
    memcpy(f->config.topics, topics, sizeof topics);
    f->config.app_id = app_id;
    f->metrics = metrics_new(&f->config);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    metrics_free(f->metrics);
    buf_release(&f->text);
    free(f);
    return 0;
}

static const char *render(struct fixture *f) {
    buf_clear(&f->text);
    buf_put_byte(&f->text, '\n');
    metrics_render(f->metrics, NOW_MS, &f->text);
    return buf_cstr(&f->text);
}

/* `lines`, each ended by a line break, stand in the text in this order without a gap. */
static void expect(const char *text, const char *lines) {
    char wanted[2048];
    assert_true(snprintf(wanted, sizeof wanted, "\n%s", lines) < (int)sizeof wanted);
    if (strstr(text, wanted) == NULL)
        fail_msg("these lines are missing:\n%sin:\n%s", lines, text);
}

static void expect_none(const char *text, const char *part) {
    const char *found = strstr(text, part);
    if (found != NULL)
        fail_msg("not expected: %.200s", found);
}

static int count(const char *text, const char *part) {
    int n = 0;
    for (const char *p = text; (p = strstr(p, part)) != NULL; p++)
        n++;
    return n;
}

static double value_of(const char *text, const char *name) {
    char start[128];
    (void)snprintf(start, sizeof start, "\n%s ", name);
    const char *line = strstr(text, start);
    assert_non_null(line);
    return strtod(line + strlen(start), NULL);
}

static void test_metrics__every_family_of_the_contract_is_there(void **state) {
    static const char *const families[] = {
        "streamer_records_consumed_total counter",
        "streamer_records_emitted_total counter",
        "streamer_records_quarantined_total counter",
        "streamer_records_applied_total counter",
        "streamer_records_unchanged_total counter",
        "streamer_records_late_total counter",
        "streamer_records_forwarded_total counter",
        "streamer_null_values_total counter",
        "streamer_unknown_fields_total counter",
        "streamer_records_reordered_total counter",
        "streamer_records_repeated_total counter",
        "streamer_records_behind_tombstone_total counter",
        "streamer_records_tombstones_unknown_total counter",
        "streamer_outdated_rows gauge",
        "streamer_confirmations_dropped_total counter",
        "streamer_orphan_accounts gauge",
        "streamer_freshness_lag_seconds gauge",
        "streamer_newest_record_timestamp_seconds gauge",
        "streamer_consumer_lag_records gauge",
        "streamer_processing_latency_seconds histogram",
        "streamer_transactions_total counter",
        "streamer_transaction_commit_seconds histogram",
        "streamer_last_commit_timestamp_seconds gauge",
        "streamer_registry_requests_total counter",
        "streamer_alerts_sent_total counter",
        "streamer_invariant_checks_total counter",
        "streamer_invariant_violations_total counter",
        "streamer_quality_checks gauge",
        "streamer_state_bytes gauge",
        "streamer_restored_records_total counter",
        "streamer_restore_remaining_records gauge",
        "streamer_assigned_partitions gauge",
        "streamer_build_info gauge",
        "process_cpu_seconds_total counter",
        "process_virtual_memory_bytes gauge",
        "process_resident_memory_bytes gauge",
        "process_open_fds gauge",
        "process_max_fds gauge",
        "process_start_time_seconds gauge",
    };
    const char *text = render(*state);
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        char line[128];
        (void)snprintf(line, sizeof line, "# TYPE %s\n", families[i]);
        expect(text, line);
    }
    assert_int_equal(count(text, "\n# TYPE "), ARRAY_LEN(families));
    assert_int_equal(count(text, "\n# HELP "), ARRAY_LEN(families));
}

static void test_metrics__quality_checks_by_layer_severity_and_status(void **state) {
    const struct fixture *f = *state;
    metric_set(&f->metrics->quality_checks[LAYER_MARTS][SEVERITY_ERROR][CHECK_FAIL], 2);
    const char *text = render(*state);
    expect(text, "streamer_quality_checks{layer=\"marts\",severity=\"error\",status=\"pass\"} 0\n"
                 "streamer_quality_checks{layer=\"marts\",severity=\"error\",status=\"warn\"} 0\n"
                 "streamer_quality_checks{layer=\"marts\",severity=\"error\",status=\"fail\"} 2\n"
                 "streamer_quality_checks{layer=\"marts\",severity=\"warn\",status=\"pass\"} 0\n");
    assert_int_equal(count(text, "\nstreamer_quality_checks{"),
                     LAYER_COUNT * SEVERITY_COUNT * CHECK_STATUS_COUNT);
}

static void test_metrics__all_that_can_occur_starts_at_zero(void **state) {
    const char *text = render(*state);
    expect(text, "# HELP streamer_records_consumed_total Messages consumed, by topic.\n"
                 "# TYPE streamer_records_consumed_total counter\n"
                 "streamer_records_consumed_total{topic=\"customers\"} 0\n"
                 "streamer_records_consumed_total{topic=\"accounts\"} 0\n"
                 "streamer_records_consumed_total{topic=\"app-customers\"} 0\n"
                 "streamer_records_consumed_total{topic=\"app-accounts\"} 0\n"
                 "streamer_records_consumed_total{topic=\"app-links\"} 0\n"
                 "streamer_records_consumed_total{topic=\"app-refs\"} 0\n"
                 "# HELP streamer_records_emitted_total ");
    expect(text, "# TYPE streamer_records_emitted_total counter\n"
                 "streamer_records_emitted_total{topic=\"customer_history\"} 0\n"
                 "streamer_records_emitted_total{topic=\"account_history\"} 0\n"
                 "streamer_records_emitted_total{topic=\"account_with_customer\"} 0\n"
                 "streamer_records_emitted_total{topic=\"account_summary\"} 0\n"
                 "streamer_records_emitted_total{topic=\"customer_profile\"} 0\n"
                 "streamer_records_emitted_total{topic=\"quarantine\"} 0\n"
                 "streamer_records_emitted_total{topic=\"app-customers\"} 0\n"
                 "streamer_records_emitted_total{topic=\"app-accounts\"} 0\n"
                 "streamer_records_emitted_total{topic=\"app-links\"} 0\n"
                 "streamer_records_emitted_total{topic=\"app-refs\"} 0\n"
                 "streamer_records_emitted_total{topic=\"app-confirmations\"} 0\n"
                 "# HELP streamer_records_quarantined_total ");
    expect(
        text,
        "# TYPE streamer_records_quarantined_total counter\n"
        "streamer_records_quarantined_total{entity=\"customers\",code=\"malformed\"} 0\n"
        "streamer_records_quarantined_total{entity=\"customers\",code=\"unsupported_op\"} 0\n"
        "streamer_records_quarantined_total{entity=\"customers\",code=\"unknown_schema\"} 0\n"
        "streamer_records_quarantined_total{entity=\"customers\",code=\"too_large\"} 0\n"
        "streamer_records_quarantined_total{entity=\"customers\",code=\"invalid_customer_id\"} 0\n"
        "streamer_records_quarantined_total{entity=\"customers\",code=\"invalid_name\"} 0\n"
        "streamer_records_quarantined_total{entity=\"customers\",code=\"invalid_has_loan\"} 0\n"
        "streamer_records_quarantined_total{entity=\"customers\",code=\"invalid_updated_at\"} 0\n"
        "streamer_records_quarantined_total{entity=\"customers\",code=\"too_late\"} 0\n"
        "streamer_records_quarantined_total{entity=\"customers\",code=\"too_early\"} 0\n"
        "streamer_records_quarantined_total{entity=\"accounts\",code=\"malformed\"} 0\n"
        "streamer_records_quarantined_total{entity=\"accounts\",code=\"unsupported_op\"} 0\n"
        "streamer_records_quarantined_total{entity=\"accounts\",code=\"unknown_schema\"} 0\n"
        "streamer_records_quarantined_total{entity=\"accounts\",code=\"too_large\"} 0\n"
        "streamer_records_quarantined_total{entity=\"accounts\",code=\"invalid_customer_id\"} 0\n"
        "streamer_records_quarantined_total{entity=\"accounts\",code=\"invalid_account_id\"} 0\n"
        "streamer_records_quarantined_total{entity=\"accounts\",code=\"invalid_balance\"} 0\n"
        "streamer_records_quarantined_total{entity=\"accounts\",code=\"invalid_account_type\"} 0\n"
        "streamer_records_quarantined_total{entity=\"accounts\",code=\"invalid_updated_at\"} 0\n"
        "streamer_records_quarantined_total{entity=\"accounts\",code=\"too_late\"} 0\n"
        "streamer_records_quarantined_total{entity=\"accounts\",code=\"too_early\"} 0\n"
        "# HELP streamer_records_applied_total ");
    expect(text, "# TYPE streamer_null_values_total counter\n"
                 "streamer_null_values_total{entity=\"customers\",field=\"customer_id\"} 0\n"
                 "streamer_null_values_total{entity=\"customers\",field=\"customer_name\"} 0\n"
                 "streamer_null_values_total{entity=\"customers\",field=\"has_loan\"} 0\n"
                 "streamer_null_values_total{entity=\"accounts\",field=\"customer_id\"} 0\n"
                 "streamer_null_values_total{entity=\"accounts\",field=\"account_id\"} 0\n"
                 "streamer_null_values_total{entity=\"accounts\",field=\"balance\"} 0\n"
                 "streamer_null_values_total{entity=\"accounts\",field=\"account_type\"} 0\n"
                 "# HELP streamer_unknown_fields_total ");
    expect(text, "# TYPE streamer_transactions_total counter\n"
                 "streamer_transactions_total{result=\"committed\"} 0\n"
                 "streamer_transactions_total{result=\"aborted\"} 0\n"
                 "streamer_transactions_total{result=\"fenced\"} 0\n"
                 "# HELP streamer_transaction_commit_seconds ");
    expect(text, "streamer_last_commit_timestamp_seconds 0\n");
}

static void test_metrics__every_figure_has_its_place(void **state) {
    struct fixture *f = *state;
    struct metrics *m = f->metrics;
    metric_add(&m->consumed[TOPIC_ACCOUNTS], 1);
    metric_add(&m->emitted[TOPIC_CONFIRMATIONS], 2);
    metric_add(&m->quarantined[ENTITY_ACCOUNT][REASON_INVALID_BALANCE], 3);
    metric_add(&m->applied[ENTITY_CUSTOMER], 4);
    metric_add(&m->unchanged[ENTITY_ACCOUNT], 5);
    metric_add(&m->late[ENTITY_CUSTOMER], 6);
    metric_add(&m->forwarded[ENTITY_ACCOUNT], 7);
    metric_add(&m->null_values[ENTITY_CUSTOMER][FIELD_HAS_LOAN], 8);
    metric_add(&m->unknown_fields[ENTITY_ACCOUNT], 9);
    metric_add(&m->confirmations_dropped[ENTITY_CUSTOMER], 10);
    metric_set(&m->orphan_accounts, 11);
    metric_add(&m->transactions[TRANSACTION_FENCED], 12);
    metric_set(&m->last_commit_ms, NOW_MS - 999);
    metric_set(&m->state_bytes, INT64_C(13000000000));
    metric_add(&m->restored_records, 14);
    metric_set(&m->restore_remaining, 15);
    metric_set(&m->assigned_partitions, 16);
    metric_add(&m->reordered[ENTITY_ACCOUNT], 17);
    metric_add(&m->repeated[ENTITY_CUSTOMER], 18);
    metric_add(&m->behind_tombstone[ENTITY_ACCOUNT], 19);
    metric_add(&m->tombstones_unknown[ENTITY_CUSTOMER], 20);
    metric_set(&m->outdated_rows[ENTITY_ACCOUNT], 21);
    metric_add(&m->quarantined[ENTITY_CUSTOMER][REASON_TOO_EARLY], 22);
    const char *text = render(f);
    expect(text, "streamer_records_consumed_total{topic=\"accounts\"} 1\n");
    expect(text, "streamer_records_emitted_total{topic=\"app-confirmations\"} 2\n");
    expect(text,
           "streamer_records_quarantined_total{entity=\"accounts\",code=\"invalid_balance\"} 3\n");
    expect(text, "streamer_records_applied_total{entity=\"customers\"} 4\n"
                 "streamer_records_applied_total{entity=\"accounts\"} 0\n");
    expect(text, "streamer_records_unchanged_total{entity=\"customers\"} 0\n"
                 "streamer_records_unchanged_total{entity=\"accounts\"} 5\n");
    expect(text, "streamer_records_late_total{entity=\"customers\"} 6\n");
    expect(text, "streamer_records_forwarded_total{entity=\"accounts\"} 7\n");
    expect(text, "streamer_null_values_total{entity=\"customers\",field=\"has_loan\"} 8\n");
    expect(text, "streamer_unknown_fields_total{entity=\"accounts\"} 9\n");
    expect(text, "streamer_confirmations_dropped_total{entity=\"customers\"} 10\n");
    expect(text, "streamer_orphan_accounts 11\n");
    expect(text, "streamer_transactions_total{result=\"fenced\"} 12\n");
    expect(text, "streamer_last_commit_timestamp_seconds 1699999999.001\n");
    expect(text, "streamer_state_bytes 13000000000\n");
    expect(text, "streamer_restored_records_total 14\n");
    expect(text, "streamer_restore_remaining_records 15\n");
    expect(text, "streamer_assigned_partitions 16\n");
    expect(text, "streamer_records_reordered_total{entity=\"customers\"} 0\n"
                 "streamer_records_reordered_total{entity=\"accounts\"} 17\n");
    expect(text, "streamer_records_repeated_total{entity=\"customers\"} 18\n"
                 "streamer_records_repeated_total{entity=\"accounts\"} 0\n");
    expect(text, "streamer_records_behind_tombstone_total{entity=\"customers\"} 0\n"
                 "streamer_records_behind_tombstone_total{entity=\"accounts\"} 19\n");
    expect(text, "streamer_records_tombstones_unknown_total{entity=\"customers\"} 20\n"
                 "streamer_records_tombstones_unknown_total{entity=\"accounts\"} 0\n");
    expect(text, "streamer_outdated_rows{entity=\"customers\"} 0\n"
                 "streamer_outdated_rows{entity=\"accounts\"} 21\n");
    expect(text,
           "streamer_records_quarantined_total{entity=\"customers\",code=\"too_early\"} 22\n");
}

static void test_metrics__histogram_buckets_are_cumulative_and_inclusive(void **state) {
    struct fixture *f = *state;
    struct histogram *h = &f->metrics->processing_latency;
    histogram_observe(h, 1000, 1);     /* on a bound: within */
    histogram_observe(h, 1001, 2);     /* just over it */
    histogram_observe(h, -5, 1);       /* clocks differ: 0 */
    histogram_observe(h, 60000000, 1); /* the last bound */
    histogram_observe(h, 60000001, 1); /* only in +Inf */
    histogram_observe(h, 7, 0);
    expect(render(f), "# TYPE streamer_processing_latency_seconds histogram\n"
                      "streamer_processing_latency_seconds_bucket{le=\"0.001\"} 2\n"
                      "streamer_processing_latency_seconds_bucket{le=\"0.002\"} 4\n"
                      "streamer_processing_latency_seconds_bucket{le=\"0.005\"} 4\n"
                      "streamer_processing_latency_seconds_bucket{le=\"0.01\"} 4\n"
                      "streamer_processing_latency_seconds_bucket{le=\"0.02\"} 4\n"
                      "streamer_processing_latency_seconds_bucket{le=\"0.05\"} 4\n"
                      "streamer_processing_latency_seconds_bucket{le=\"0.1\"} 4\n"
                      "streamer_processing_latency_seconds_bucket{le=\"0.2\"} 4\n"
                      "streamer_processing_latency_seconds_bucket{le=\"0.5\"} 4\n"
                      "streamer_processing_latency_seconds_bucket{le=\"1\"} 4\n"
                      "streamer_processing_latency_seconds_bucket{le=\"2\"} 4\n"
                      "streamer_processing_latency_seconds_bucket{le=\"5\"} 4\n"
                      "streamer_processing_latency_seconds_bucket{le=\"10\"} 4\n"
                      "streamer_processing_latency_seconds_bucket{le=\"20\"} 4\n"
                      "streamer_processing_latency_seconds_bucket{le=\"30\"} 4\n"
                      "streamer_processing_latency_seconds_bucket{le=\"60\"} 5\n"
                      "streamer_processing_latency_seconds_bucket{le=\"+Inf\"} 6\n"
                      "streamer_processing_latency_seconds_sum 120.003003\n"
                      "streamer_processing_latency_seconds_count 6\n"
                      "# HELP streamer_transactions_total ");
}

static void test_metrics__histogram_sum_survives_a_replay_of_old_input(void **state) {
    struct fixture *f = *state;
    struct histogram *h = &f->metrics->processing_latency;
    int64_t fifty_years_us = INT64_C(50) * 365 * 86400 * 1000000;
    for (int i = 0; i < 1000; i++)
        histogram_observe(h, fifty_years_us + 1, 1000000);
    const char *text = render(f);
    expect(text, "streamer_processing_latency_seconds_sum 1576800000000001000\n"
                 "streamer_processing_latency_seconds_count 1000000000\n");
}

static void test_metrics__seconds_are_exact_decimals(void **state) {
    static const struct {
        int64_t us;
        const char *sum;
    } cases[] = {
        {0, "0"},         {1, "0.000001"},  {1234, "0.001234"},
        {100000, "0.1"},  {10, "0.00001"},  {1000000, "1"},
        {10000000, "10"}, {1500000, "1.5"}, {123456789, "123.456789"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct histogram *h = &f->metrics->commit_duration;
        metric_set(&h->sum_s, 0);
        metric_set(&h->sum_us, 0);
        histogram_observe(h, cases[i].us, 1);
        char line[128];
        (void)snprintf(line, sizeof line, "streamer_transaction_commit_seconds_sum %s\n",
                       cases[i].sum);
        expect(render(f), line);
    }
}

static void test_metrics__freshness_is_left_out_until_there_is_an_event(void **state) {
    struct fixture *f = *state;
    expect_none(render(f), "\nstreamer_freshness_lag_seconds");

    metric_set(&f->metrics->newest_event_ms[ENTITY_ACCOUNT], NOW_MS - 61250);
    expect(render(f), "# TYPE streamer_freshness_lag_seconds gauge\n"
                      "streamer_freshness_lag_seconds{entity=\"accounts\"} 61.25\n"
                      "# HELP streamer_newest_record_timestamp_seconds ");

    metric_set(&f->metrics->newest_event_ms[ENTITY_CUSTOMER], NOW_MS + 500);
    metric_set(&f->metrics->newest_event_ms[ENTITY_ACCOUNT], NOW_MS);
    expect(render(f),
           "streamer_freshness_lag_seconds{entity=\"customers\"} 0\n" /* never negative */
           "streamer_freshness_lag_seconds{entity=\"accounts\"} 0\n");

    metric_set(&f->metrics->newest_event_ms[ENTITY_CUSTOMER], TIMESTAMP_MAX);
    metric_set(&f->metrics->newest_event_ms[ENTITY_ACCOUNT], TIMESTAMP_MIN);
    expect(render(f), "streamer_freshness_lag_seconds{entity=\"customers\"} 0\n"
                      "streamer_freshness_lag_seconds{entity=\"accounts\"} 63835596800\n");
}

static void test_metrics__the_newest_record_is_a_time(void **state) {
    struct fixture *f = *state;
    expect_none(render(f), "\nstreamer_newest_record_timestamp_seconds");
    metric_set(&f->metrics->inputs[ENTITY_ACCOUNT].newest_record_ms, INT64_C(1700000000250));
    expect(render(f), "# TYPE streamer_newest_record_timestamp_seconds gauge\n"
                      "streamer_newest_record_timestamp_seconds{entity=\"accounts\"} "
                      "1700000000.25\n# HELP streamer_consumer_lag_records ");
}

static void test_metrics__lag_is_of_assigned_partitions_only(void **state) {
    struct fixture *f = *state;
    metrics_set_partitions(f->metrics, TOPIC_CUSTOMERS, 12);
    metrics_set_partitions(f->metrics, TOPIC_ACCOUNT_LINKS, 1);
    expect_none(render(f), "\nstreamer_consumer_lag_records");

    metric_set(&f->metrics->lag[TOPIC_CUSTOMERS].lag[0], 0);
    metric_set(&f->metrics->lag[TOPIC_CUSTOMERS].lag[11], 4000000000);
    metric_set(&f->metrics->lag[TOPIC_ACCOUNT_LINKS].lag[0], 7);
    expect(render(f),
           "# TYPE streamer_consumer_lag_records gauge\n"
           "streamer_consumer_lag_records{topic=\"customers\",partition=\"0\"} 0\n"
           "streamer_consumer_lag_records{topic=\"customers\",partition=\"11\"} 4000000000\n"
           "streamer_consumer_lag_records{topic=\"app-links\",partition=\"0\"} 7\n"
           "# HELP streamer_processing_latency_seconds ");

    metric_set(&f->metrics->lag[TOPIC_CUSTOMERS].lag[11], -1); /* revoked */
    expect_none(render(f), "partition=\"11\"");
}

static void test_metrics__label_values_are_escaped(void **state) {
    struct fixture *f = *state;
    char name[] = "a\\b\"c\nd";
    f->config.topics[TOPIC_QUARANTINE] = name;
    expect(render(f), "streamer_records_emitted_total{topic=\"a\\\\b\\\"c\\nd\"} 0\n");
}

static void test_metrics__process_figures_are_the_kernels(void **state) {
    struct fixture *f = *state;
    const char *text = render(f);
    struct rlimit fds;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &fds), 0);
    assert_true(value_of(text, "process_max_fds") == (double)fds.rlim_cur);
    assert_true(value_of(text, "process_cpu_seconds_total") > 0);
    double resident = value_of(text, "process_resident_memory_bytes");
    assert_true(resident > 100000 && resident < value_of(text, "process_virtual_memory_bytes"));
    double start = value_of(text, "process_start_time_seconds");
    assert_true(start > 1600000000 && start < (double)time(NULL) + 60);

    double before = value_of(text, "process_open_fds");
    assert_true(before >= 3);
    int fd = dup(0);
    assert_true(value_of(render(f), "process_open_fds") == before + 1);
    (void)close(fd);
    assert_true(value_of(render(f), "process_open_fds") == before);
}

/* A sample twice would make Prometheus refuse the whole scrape. */
static void test_metrics__no_series_comes_twice(void **state) {
    const char *text = render(*state);
    for (const char *line = text; *line != '\0' && line[1] != '\0'; line = strchr(line + 1, '\n')) {
        if (line[1] == '#')
            continue;
        /* From the line break to the space before the value; no label value has a space. */
        char series[256];
        (void)snprintf(series, sizeof series, "%.*s", (int)strcspn(line, " ") + 1, line);
        assert_int_equal(count(text, series), 1);
    }
}

/* Two applications whose metrics one Prometheus gathers are told apart. */
static void test_metrics__build_info_names_version_compiler_and_application(void **state) {
    char line[512];
    (void)snprintf(line, sizeof line,
                   "streamer_build_info{version=\"%s\",compiler=\"gcc " __VERSION__
                   "\",app_id=\"the \\\"bank\\\"\"} 1\n",
                   streamer_version());
    expect(render(*state), line);
}

/* --- the table */

static void expect_labels_of_table(void *context, const struct sample *s) {
    const struct metric *metric = context;
    for (int i = 0; i < METRIC_LABELS_MAX && metric->type != METRIC_HISTOGRAM; i++) {
        const char *told = metric_label_name(metric->labels[i]);
        assert_int_equal(s->labels[i].name == NULL, told == NULL);
        if (told != NULL)
            assert_string_equal(s->labels[i].name, told);
    }
}

static void test_metrics__labels_are_those_of_the_table(void **state) {
    struct fixture *f = *state;
    metrics_set_partitions(f->metrics, TOPIC_ACCOUNTS, 1);
    metric_set(&f->metrics->lag[TOPIC_ACCOUNTS].lag[0], 1);
    metric_set(&f->metrics->newest_event_ms[ENTITY_ACCOUNT], NOW_MS - 1);
    for (enum metric_id id = 0; id < METRIC_COUNT; id++) {
        struct metric metric = *metric_of(id);
        metric_visit(id, f->metrics, NOW_MS, expect_labels_of_table, &metric);
    }
}

/* As Prometheus names them: the unit ends the name, "_total" of a counter stands behind it. */
static void test_metrics__base_units_are_in_the_names(void **state) {
    (void)state;
    for (enum metric_id id = 0; id < METRIC_COUNT; id++) {
        const struct metric *metric = metric_of(id);
        char ending[64];
        (void)snprintf(ending, sizeof ending, "_%s%s", metric->unit,
                       metric->type == METRIC_COUNTER ? "_total" : "");
        const char *found = strstr(metric->name, ending);
        bool is_base = strcmp(metric->unit, "seconds") == 0 || strcmp(metric->unit, "bytes") == 0;
        if (is_base && (found == NULL || strcmp(found, ending) != 0))
            fail_msg("%s does not end with %s", metric->name, ending);
        if (!is_base && (strstr(metric->name, "_seconds") || strstr(metric->name, "_bytes")))
            fail_msg("%s is not in %s", metric->name, metric->unit);
    }
}

static void test_metrics__totals_are_sums_over_all_labels(void **state) {
    struct metrics *m = ((struct fixture *)*state)->metrics;
    assert_int_equal(metric_total(METRIC_RECORDS_QUARANTINED, m), 0);
    metric_add(&m->quarantined[ENTITY_CUSTOMER][REASON_TOO_LATE], 2);
    metric_add(&m->quarantined[ENTITY_ACCOUNT][REASON_TOO_LATE], 3);
    metric_add(&m->quarantined[ENTITY_ACCOUNT][REASON_INVALID_BALANCE], 4);
    metric_set(&m->restore_remaining, 5);
    assert_int_equal(metric_total(METRIC_RECORDS_QUARANTINED, m), 9);
    assert_int_equal(metric_total(METRIC_RESTORE_REMAINING, m), 5);
    assert_int_equal(metric_total(METRIC_CONSUMER_LAG, m), 0); /* no figure at all */
}

static void test_metrics__json_names(void **state) {
    static const struct {
        enum metric_id id;
        const char *name;
    } cases[] = {
        {METRIC_RESTORE_REMAINING, "restore_remaining_records"},
        {METRIC_INVARIANT_VIOLATIONS, "invariant_violations"},
        {METRIC_PROCESS_CPU, "process_cpu_seconds"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf name = {0};
        metric_put_json_name(cases[i].id, &name);
        assert_string_equal(buf_cstr(&name), cases[i].name);
        buf_release(&name);
    }
}

static void *work(void *metrics) {
    struct metrics *m = metrics;
    for (int i = 0; i < 10000; i++) {
        metric_add(&m->consumed[TOPIC_ACCOUNTS], 1);
        histogram_observe(&m->processing_latency, i, 1);
    }
    return NULL;
}

static void test_metrics__renders_while_workers_count(void **state) {
    struct fixture *f = *state;
    pthread_t workers[2];
    for (size_t i = 0; i < ARRAY_LEN(workers); i++)
        assert_int_equal(pthread_create(&workers[i], NULL, work, f->metrics), 0);
    for (int i = 0; i < 20; i++)
        (void)render(f);
    for (size_t i = 0; i < ARRAY_LEN(workers); i++)
        assert_int_equal(pthread_join(workers[i], NULL), 0);
    const char *text = render(f);
    expect(text, "streamer_records_consumed_total{topic=\"accounts\"} 20000\n");
    expect(text, "streamer_processing_latency_seconds_sum 99.99\n"
                 "streamer_processing_latency_seconds_count 20000\n");
}

/* The linter that Prometheus comes with: names, units, suffixes, help. */
static void test_metrics__promtool_has_nothing_to_say(void **state) {
    struct fixture *f = *state;
    metrics_set_partitions(f->metrics, TOPIC_ACCOUNTS, 1);
    metric_set(&f->metrics->lag[TOPIC_ACCOUNTS].lag[0], 1);
    metric_set(&f->metrics->newest_event_ms[ENTITY_ACCOUNT], NOW_MS - 1);
    const char *text = render(f);
    FILE *promtool = popen("promtool check metrics 1>&2", "w");
    assert_non_null(promtool);
    assert_true(fputs(text + 1, promtool) >= 0);
    assert_int_equal(pclose(promtool), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(test_metrics__##name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(every_family_of_the_contract_is_there),
        CASE(quality_checks_by_layer_severity_and_status),
        CASE(all_that_can_occur_starts_at_zero),
        CASE(every_figure_has_its_place),
        CASE(histogram_buckets_are_cumulative_and_inclusive),
        CASE(histogram_sum_survives_a_replay_of_old_input),
        CASE(seconds_are_exact_decimals),
        CASE(freshness_is_left_out_until_there_is_an_event),
        CASE(the_newest_record_is_a_time),
        CASE(lag_is_of_assigned_partitions_only),
        CASE(label_values_are_escaped),
        CASE(process_figures_are_the_kernels),
        CASE(no_series_comes_twice),
        CASE(build_info_names_version_compiler_and_application),
        CASE(labels_are_those_of_the_table),
        CASE(base_units_are_in_the_names),
        CASE(totals_are_sums_over_all_labels),
        CASE(json_names),
        CASE(renders_while_workers_count),
        CASE(promtool_has_nothing_to_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
