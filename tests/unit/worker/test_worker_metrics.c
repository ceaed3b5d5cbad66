/* worker_metrics: what a worker shows of its committed transactions. Kafka is a stand-in. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/worker/worker_metrics.h"

#include <string.h>

static int64_t timestamp_ms(const rd_kafka_message_t *m) {
    return m->offset; /* of these messages */
}

static int64_t read_clock(const struct clock *c, clockid_t id) {
    (void)c, (void)id;
    return INT64_C(5000) * 1000;
}

static const char *topic(const rd_kafka_message_t *m) {
    return m->_private;
}

static const struct worker_kafka kafka = {.topic = topic, .timestamp_ms = timestamp_ms};
static const struct clock frozen = {read_clock};

static struct worker *new_worker(struct config *config) {
    struct worker *w = mem_calloc(1, sizeof *w);
    struct err e = {0};
    if (!config_load(config, NULL, NULL, 0, &e))
        fail_msg("%s", e.text);
    w->o = (struct worker_options){
        .config = config, .kafka = &kafka, .clock = &frozen, .metrics = metrics_new(config)};
    (void)pthread_mutex_init(&w->rejects_lock, NULL);
    return w;
}

static void free_worker(struct worker *w, struct config *config) {
    (void)pthread_mutex_destroy(&w->rejects_lock);
    metrics_free(w->o.metrics);
    free(w);
    config_release(config);
}

/* The open transaction quarantines a record. */
static void quarantine(struct worker *w, int64_t at_ms) {
    rejects_add(&w->pipeline.rejects, &(struct reject){.at_ms = at_ms}, slice_str("why"),
                slice_str("id"));
}

/* How many samples others see, and the time of the newest. */
static void assert_shown(struct worker *w, int count, int64_t newest_ms) {
    struct rejects seen;
    worker_rejects(w, &seen);
    assert_int_equal(seen.count, count);
    if (count > 0)
        assert_int_equal(rejects_newest(&seen, 0)->at_ms, newest_ms);
}

static void test_worker_metrics__samples_of_committed_transactions(void **state) {
    struct config config;
    struct worker *w = new_worker(&config);
    (void)state;
    quarantine(w, 1);
    quarantine(w, 2);
    worker_publish_rejects(w);
    assert_shown(w, 0, 0); /* nothing is committed */
    worker_publish_counts(w);
    assert_shown(w, 2, 2);
    worker_publish_counts(w); /* each is shown once */
    assert_shown(w, 2, 2);
    for (int i = 3; i < 30; i++)
        quarantine(w, i);
    worker_publish_counts(w);
    assert_shown(w, REJECTS_MAX, 29);
    free_worker(w, &config);
}

/* While somebody looks, the worker goes on, and shows the samples later. */
static void test_worker_metrics__no_reader_holds_up_the_worker(void **state) {
    struct config config;
    struct worker *w = new_worker(&config);
    (void)state;
    quarantine(w, 1);
    worker_publish_counts(w);
    (void)pthread_mutex_lock(&w->rejects_lock);
    quarantine(w, 2);
    worker_publish_counts(w); /* returns */
    (void)pthread_mutex_unlock(&w->rejects_lock);
    assert_shown(w, 1, 1);
    worker_publish_rejects(w);
    assert_shown(w, 2, 2);
    free_worker(w, &config);
}

/* The newest Kafka timestamps of the input, whatever other topics have. */
static void test_worker_metrics__how_new_the_input_is(void **state) {
    static const struct {
        enum topic topic;
        int64_t timestamp_ms;
    } cases[] = {{TOPIC_CUSTOMERS, 300},      {TOPIC_ACCOUNT_LINKS, 9000},
                 {TOPIC_CUSTOMERS, 700},      {TOPIC_CUSTOMERS, 200},
                 {TOPIC_CUSTOMER_REFS, 9000}, {TOPIC_REPARTITION_ACCOUNTS, 9000},
                 {TOPIC_CUSTOMERS, -1}};
    struct config config;
    struct worker *w = new_worker(&config);
    rd_kafka_message_t messages[ARRAY_LEN(cases)], *pointers[ARRAY_LEN(cases)];
    struct source sources[ARRAY_LEN(cases)];
    bool forwarded[ARRAY_LEN(cases)] = {true, true, true, true, true, true, true};
    (void)state;
    w->messages = pointers;
    w->sources = sources;
    w->forwarded = forwarded;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        sources[i] = (struct source){.topic = cases[i].topic, .partition = (int32_t)i};
        messages[i] = (rd_kafka_message_t){.partition = (int32_t)i,
                                           .offset = cases[i].timestamp_ms,
                                           ._private = config.topics[cases[i].topic]};
        w->messages[w->message_count++] = &messages[i];
        w->source_count++;
    }
    worker_publish_latency(w, 0, w->message_count);
    const struct input_figures *in = w->o.metrics->inputs;
    assert_int_equal(metric_get(&in[ENTITY_CUSTOMER].newest_record_ms), 700);
    assert_int_equal(metric_get(&in[ENTITY_ACCOUNT].newest_record_ms), TIMESTAMP_NONE);
    free_worker(w, &config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worker_metrics__samples_of_committed_transactions),
        cmocka_unit_test(test_worker_metrics__no_reader_holds_up_the_worker),
        cmocka_unit_test(test_worker_metrics__how_new_the_input_is),
    };
    return cmocka_run_group_tests_name("worker_metrics", tests, NULL, NULL);
}
