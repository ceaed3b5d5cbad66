/* The checks of what flows: against counters that a test moves. */
#include "streamer/quality/streams.h"
#include "support.h"

#include <string.h>

#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)

struct rig {
    enum entity entity; /* whose records flow */
    struct config config;
    struct metrics *metrics;
    struct board board;
    struct streams streams;
    int64_t now_ms;
};

static void rig_init_for(struct rig *g, enum entity entity) {
    *g = (struct rig){
        .entity = entity,
        .config = {.quality_quarantine_warn_milli = 10, .quality_quarantine_error_milli = 100},
        .now_ms = INT64_C(1800000000000)};
    g->metrics = metrics_new(&g->config);
    board_init(&g->board, g->metrics, g->now_ms);
    streams_init(&g->streams, &g->config, g->metrics, g->now_ms);
}

static void rig_init(struct rig *g) {
    rig_init_for(g, ENTITY_CUSTOMER);
}

static void rig_release(struct rig *g) {
    board_release(&g->board);
    metrics_free(g->metrics);
}

/* `count` records in a second; of each hundred so many are null, unknown, rejected. */
static void flow(struct rig *g, int64_t count, int64_t null, int64_t unknown, int64_t rejected) {
    struct metrics *m = g->metrics;
    int64_t bad = count * rejected / 100;
    enum entity e = g->entity;
    metric_add(&m->applied[e], count - bad);
    metric_add(&m->quarantined[e][REASON_INVALID_NAME], bad);
    metric_add(&m->null_values[e][FIELD_HAS_LOAN], count * null / 100);
    metric_add(&m->unknown_fields[e], count * unknown / 100);
    metric_add(&m->consumed[e == ENTITY_CUSTOMER ? TOPIC_CUSTOMERS : TOPIC_ACCOUNTS], count);
    g->now_ms += SECOND;
    streams_sample(&g->streams, &g->board, g->now_ms);
}

static void assert_status(struct rig *g, enum check_id id, enum check_status status) {
    const struct standing *s = &g->board.standings[id];
    if (s->status != status)
        fail_msg("%s is %s: %s", check_of(id)->id, check_status_name(s->status), s->message);
}

static enum check_id rejected_of(const struct rig *g) {
    return g->entity == ENTITY_CUSTOMER ? CHECK_REJECTED_CUSTOMERS : CHECK_REJECTED_ACCOUNTS;
}

static enum check_id unknown_of(const struct rig *g) {
    return g->entity == ENTITY_CUSTOMER ? CHECK_UNKNOWN_FIELDS_CUSTOMERS
                                        : CHECK_UNKNOWN_FIELDS_ACCOUNTS;
}

/* The other entity has no records, so nothing is wrong with them. */
static void assert_other_passes(struct rig *g) {
    struct rig other = {.entity = 1 - g->entity};
    assert_status(g, rejected_of(&other), CHECK_PASS);
    assert_status(g, unknown_of(&other), CHECK_PASS);
}

/* --- a column that vanishes */

static void test_streams__a_column_that_vanishes_shows_within_1000_records(void **state) {
    (void)state;
    for (int64_t usual = 0; usual <= 60; usual += 20) {
        struct rig g;
        rig_init(&g);
        for (int i = 0; i < 40; i++)
            flow(&g, 100, usual, 0, 0);
        assert_status(&g, CHECK_NULL_RATE_HAS_LOAN, CHECK_PASS);
        for (int i = 0; i < 10; i++)
            flow(&g, 100, 100, 100, 0);
        assert_status(&g, CHECK_NULL_RATE_HAS_LOAN, CHECK_FAIL);
        assert_status(&g, CHECK_UNKNOWN_FIELDS_CUSTOMERS, CHECK_WARN);
        for (int i = 0; i < 11; i++)
            flow(&g, 100, usual, 0, 0);
        assert_status(&g, CHECK_NULL_RATE_HAS_LOAN, CHECK_PASS);
        assert_status(&g, CHECK_UNKNOWN_FIELDS_CUSTOMERS, CHECK_PASS);
        rig_release(&g);
    }
}

static void test_streams__a_column_that_vanishes_in_a_flood_shows_in_a_second(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    for (int i = 0; i < 5; i++)
        flow(&g, 50000, 10, 0, 0);
    flow(&g, 50000, 100, 100, 0);
    assert_status(&g, CHECK_NULL_RATE_HAS_LOAN, CHECK_FAIL);
    rig_release(&g);
}

/* However long it lasts. */
static void test_streams__a_column_that_has_vanished_never_becomes_usual(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    for (int i = 0; i < 20; i++)
        flow(&g, 100, 0, 0, 0);
    for (int i = 0; i < 20000; i++)
        flow(&g, 100, 100, 0, 0);
    assert_status(&g, CHECK_NULL_RATE_HAS_LOAN, CHECK_FAIL);
    for (int i = 0; i < 10; i++)
        flow(&g, 100, 0, 0, 0);
    assert_status(&g, CHECK_NULL_RATE_HAS_LOAN, CHECK_PASS);
    rig_release(&g);
}

static void test_streams__a_column_that_is_new(void **state) {
    (void)state;
    for (int e = 0; e < ENTITY_COUNT; e++) {
        struct rig g;
        rig_init_for(&g, (enum entity)e);
        for (int i = 0; i < 20; i++)
            flow(&g, 100, 0, 0, 0);
        assert_status(&g, unknown_of(&g), CHECK_PASS);
        for (int i = 0; i < 10; i++)
            flow(&g, 100, 0, 100, 0);
        assert_status(&g, unknown_of(&g), CHECK_WARN);
        assert_other_passes(&g);
        rig_release(&g);
    }
}

/* Random nulls around an average, over many records. */
static void test_streams__chance_is_no_change(void **state) {
    (void)state;
    static const int percents[] = {2, 50, 90, 98};
    struct rng rng = rng_seeded(7);
    for (size_t k = 0; k < 4; k++) {
        struct rig g;
        rig_init(&g);
        for (int second = 0; second < 3000; second++) {
            int64_t nulls = 0;
            for (int i = 0; i < 100; i++)
                nulls += rng_chance(&rng, percents[k]);
            flow(&g, 100, nulls, nulls, 0);
            assert_status(&g, CHECK_NULL_RATE_HAS_LOAN, CHECK_PASS);
            assert_status(&g, CHECK_UNKNOWN_FIELDS_CUSTOMERS, CHECK_PASS);
        }
        rig_release(&g);
    }
}

static void test_streams__what_was_always_so_is_no_change(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    for (int i = 0; i < 60; i++) {
        flow(&g, 100, 100, 300, 0);
        assert_status(&g, CHECK_NULL_RATE_HAS_LOAN, CHECK_PASS);
        assert_status(&g, CHECK_UNKNOWN_FIELDS_CUSTOMERS, CHECK_PASS);
    }
    rig_release(&g);
}

/* --- restarts */

/* Another process: its counters begin at 0, and it knows the averages of the one before. */
static void restart(struct rig *g, const struct averages *known) {
    struct averages averages = *known;
    rig_release(g);
    rig_init_for(g, g->entity);
    g->streams.averages = averages;
}

/* A column that gets another name together with a restart. */
static void test_streams__a_column_renamed_with_a_restart_shows_within_1000_records(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    for (int i = 0; i < 10; i++)
        flow(&g, 100, 20, 0, 0);
    restart(&g, &g.streams.averages);
    for (int i = 0; i < 9; i++) {
        flow(&g, 100, 100, 100, 0);
        assert_status(&g, CHECK_NULL_RATE_HAS_LOAN, CHECK_PASS); /* as yet it may be chance */
        assert_status(&g, CHECK_UNKNOWN_FIELDS_CUSTOMERS, CHECK_PASS);
    }
    flow(&g, 100, 100, 100, 0);
    assert_status(&g, CHECK_NULL_RATE_HAS_LOAN, CHECK_FAIL);
    assert_status(&g, CHECK_UNKNOWN_FIELDS_CUSTOMERS, CHECK_WARN);
    assert_non_null(strstr(g.board.standings[CHECK_NULL_RATE_HAS_LOAN].message,
                           "1000 of the last 1000 values are null, on average it was 200 of 1000"));
    rig_release(&g);
}

/* However often it is restarted. */
static void test_streams__restarts_do_not_make_it_usual(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    for (int i = 0; i < 10; i++)
        flow(&g, 100, 20, 0, 0);
    struct averages before = g.streams.averages;
    for (int run = 0; run < 300; run++) {
        restart(&g, &g.streams.averages);
        for (int i = 0; i < 30; i++)
            flow(&g, 100, 100, 0, 0);
        assert_status(&g, CHECK_NULL_RATE_HAS_LOAN, CHECK_FAIL);
    }
    assert_true(averages_equal(&before, &g.streams.averages));
    for (int i = 0; i < 10; i++)
        flow(&g, 100, 20, 0, 0);
    assert_status(&g, CHECK_NULL_RATE_HAS_LOAN, CHECK_PASS);
    rig_release(&g);
}

static void test_streams__without_averages_a_restart_begins_anew(void **state) {
    (void)state;
    struct rig g;
    struct averages none;
    averages_init(&none);
    rig_init(&g);
    for (int i = 0; i < 10; i++)
        flow(&g, 100, 0, 0, 0);
    restart(&g, &none);
    for (int i = 0; i < 40; i++) {
        flow(&g, 100, 100, 0, 0);
        assert_status(&g, CHECK_NULL_RATE_HAS_LOAN, CHECK_PASS);
    }
    rig_release(&g);
}

static void test_streams__an_entity_without_records_keeps_its_averages(void **state) {
    (void)state;
    for (int e = 0; e < ENTITY_COUNT; e++) {
        struct rig g;
        struct averages known;
        averages_init(&known);
        known.of[CHECK_NULL_RATE_HAS_LOAN] = 123456;
        known.of[CHECK_UNKNOWN_FIELDS_CUSTOMERS] = 7000000;
        known.of[CHECK_UNKNOWN_FIELDS_ACCOUNTS] = 7000000;
        rig_init_for(&g, (enum entity)e);
        restart(&g, &known);
        for (int i = 0; i < 40; i++)
            flow(&g, 100, 0, 0, 0);
        struct averages *now = &g.streams.averages;
        assert_true(now->of[unknown_of(&g)] < 7000000); /* these come */
        struct rig other = {.entity = 1 - g.entity};
        assert_int_equal(now->of[unknown_of(&other)], 7000000);
        assert_int_equal(now->of[CHECK_NULL_RATE_HAS_LOAN] == 123456, e == ENTITY_ACCOUNT);
        rig_release(&g);
    }
}

/* --- rejected records */

static void rejected_lately(enum entity entity) {
    struct rig g;
    rig_init_for(&g, entity);
    for (int i = 0; i < 200; i++)
        flow(&g, 1000, 0, 0, 0);
    assert_status(&g, rejected_of(&g), CHECK_PASS);
    flow(&g, 1000, 0, 0, 1); /* 1 % */
    assert_status(&g, rejected_of(&g), CHECK_WARN);
    flow(&g, 1000, 0, 0, 10);
    assert_status(&g, rejected_of(&g), CHECK_FAIL);
    assert_non_null(strstr(g.board.standings[rejected_of(&g)].message,
                           "100 of 1000 records lately rejected: invalid_name 100"));
    assert_other_passes(&g);
    flow(&g, 1000, 0, 0, 0);
    assert_status(&g, rejected_of(&g), CHECK_PASS);
    rig_release(&g);
}

static void test_streams__rejected_lately(void **state) {
    (void)state;
    for (int e = 0; e < ENTITY_COUNT; e++)
        rejected_lately((enum entity)e);
}

static void test_streams__rejected_of_the_last_hour(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    flow(&g, 4000, 0, 0, 0);
    flow(&g, 1000, 0, 0, 50);
    flow(&g, 1000, 0, 0, 0); /* of 6,000 in the hour 500 are rejected */
    assert_status(&g, CHECK_REJECTED_CUSTOMERS, CHECK_WARN);
    g.now_ms -= 24 * HOUR; /* a clock that is set back */
    for (int minute = 0; minute < 62; minute++) {
        g.now_ms += 60 * SECOND;
        flow(&g, 1, 0, 0, 0);
    }
    assert_status(&g, CHECK_REJECTED_CUSTOMERS, CHECK_PASS);
    rig_release(&g);
}

static void test_streams__a_share_needs_20_records(void **state) {
    (void)state;
    for (int64_t count = 1; count <= 40; count++) {
        struct rig g;
        rig_init(&g);
        flow(&g, count, 0, 0, 100);
        assert_status(&g, CHECK_REJECTED_CUSTOMERS, count < 20 ? CHECK_PASS : CHECK_FAIL);
        rig_release(&g);
    }
}

/* Each batch is far too small for the window of records, and the hour knows them all. */
static void test_streams__few_records_add_up(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    for (int i = 0; i < 19; i++) {
        flow(&g, 1, 0, 0, 100);
        assert_status(&g, CHECK_REJECTED_CUSTOMERS, CHECK_PASS);
    }
    flow(&g, 1, 0, 0, 100);
    assert_status(&g, CHECK_REJECTED_CUSTOMERS, CHECK_FAIL);
    rig_release(&g);
}

/* --- conservation */

static void conservation(enum entity e) {
    struct rig g;
    rig_init_for(&g, e);
    flow(&g, 100, 0, 0, 3);
    enum topic topic =
        e == ENTITY_CUSTOMER ? TOPIC_REPARTITION_CUSTOMERS : TOPIC_REPARTITION_ACCOUNTS;
    metric_add(&g.metrics->consumed[topic], 1); /* nothing became of it */
    for (int i = 0; i < 9; i++) {
        flow(&g, 100, 0, 0, 0);
        assert_status(&g, CHECK_CONSERVATION, CHECK_PASS); /* it may still be on its way */
    }
    flow(&g, 100, 0, 0, 0);
    assert_status(&g, CHECK_CONSERVATION, CHECK_FAIL);
    metric_add(&g.metrics->forwarded[e], 1);
    flow(&g, 100, 0, 0, 0);
    assert_status(&g, CHECK_CONSERVATION, CHECK_PASS);
    rig_release(&g);
}

static void test_streams__conservation(void **state) {
    (void)state;
    for (int e = 0; e < ENTITY_COUNT; e++)
        conservation((enum entity)e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams__a_column_that_vanishes_shows_within_1000_records),
        cmocka_unit_test(test_streams__a_column_that_vanishes_in_a_flood_shows_in_a_second),
        cmocka_unit_test(test_streams__a_column_that_has_vanished_never_becomes_usual),
        cmocka_unit_test(test_streams__a_column_that_is_new),
        cmocka_unit_test(test_streams__chance_is_no_change),
        cmocka_unit_test(test_streams__what_was_always_so_is_no_change),
        cmocka_unit_test(test_streams__a_column_renamed_with_a_restart_shows_within_1000_records),
        cmocka_unit_test(test_streams__restarts_do_not_make_it_usual),
        cmocka_unit_test(test_streams__without_averages_a_restart_begins_anew),
        cmocka_unit_test(test_streams__an_entity_without_records_keeps_its_averages),
        cmocka_unit_test(test_streams__rejected_lately),
        cmocka_unit_test(test_streams__rejected_of_the_last_hour),
        cmocka_unit_test(test_streams__a_share_needs_20_records),
        cmocka_unit_test(test_streams__few_records_add_up),
        cmocka_unit_test(test_streams__conservation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
