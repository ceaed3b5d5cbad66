#include "streamer/base/mem.h"
#include "streamer/metrics/freshness.h"
#include "streamer/quality/board.h"
#include "streamer/service/alert_plan.h"
#include "streamer/service/check_states.h"
#include "streamer/worker/worker_internal.h"
#include "support.h"

#include <stdio.h>
#include <string.h>

#define WORKERS 2
#define PARTITIONS 4

/* A process whose workers only have a status, and what it tells its webhook. */
struct process {
    _Atomic enum task_stage stages[WORKERS][PARTITIONS];
    struct worker list[WORKERS], *pointers[WORKERS];
    struct workers workers;
    struct answers answers;
    struct check_states checks;
    struct config config;
    struct metrics *metrics;
    struct alert_plan plan;
    char told[500];
};

static void process_begin(struct process *p) {
    memset(p, 0, sizeof *p);
    workers_init(&p->workers);
    p->workers.list = p->pointers;
    p->workers.full_count = WORKERS;
    for (size_t i = 0; i < WORKERS; i++) {
        p->pointers[i] = &p->list[i];
        p->list[i].stages = p->stages[i];
    }
    p->metrics = metrics_new(&p->config);
    p->answers.metrics = p->metrics;
    p->answers.workers = &p->workers;
    p->checks.answers = &p->answers;
}

static void process_end(struct process *p) {
    metrics_free(p->metrics);
    p->workers.list = NULL;
    workers_release(&p->workers);
}

static void set_phase(struct process *p, size_t worker, enum worker_phase phase) {
    atomic_store(&p->list[worker].phase, phase);
}

static void set_phases(struct process *p, enum worker_phase phase) {
    p->workers.count = WORKERS;
    for (size_t i = 0; i < WORKERS; i++)
        set_phase(p, i, phase);
}

static void set_stage(struct process *p, size_t worker, int partition, enum task_stage stage) {
    atomic_store(&p->stages[worker][partition], stage);
}

static void revoke(struct process *p) {
    for (size_t i = 0; i < WORKERS; i++)
        for (int n = 0; n < PARTITIONS; n++)
            set_stage(p, i, n, STAGE_NONE);
    set_phases(p, WORKER_CONNECTING);
}

/* The worker 1 gets this partition, and each worker gets others. */
static void assign(struct process *p, int partition) {
    set_phases(p, WORKER_RESTORING);
    set_stage(p, 1, partition, STAGE_RESTORING);
}

static void run(struct process *p) {
    set_phases(p, WORKER_RUNNING);
    for (int n = 0; n < PARTITIONS; n++)
        if (p->stages[1][n] == STAGE_RESTORING)
            set_stage(p, 1, n, STAGE_READY);
}

/* --- one process */

static enum alert_duty duty(struct process *p) {
    return check_states_duty(&p->checks);
}

static void test_check_states__who_has_the_task_of_partition_0_tells(void **state) {
    (void)state;
    struct process p;
    process_begin(&p);
    assert_int_equal(duty(&p), ALERT_UNCLEAR); /* there are no workers yet */
    set_phases(&p, WORKER_CONNECTING);
    assert_int_equal(duty(&p), ALERT_UNCLEAR);
    assign(&p, 0);
    assert_int_equal(duty(&p), ALERT_HERE);
    run(&p);
    assert_int_equal(duty(&p), ALERT_HERE);
    set_phase(&p, 0, WORKER_RETRYING); /* it is not the one that has the task */
    assert_int_equal(duty(&p), ALERT_HERE);
    set_phases(&p, WORKER_RETRYING);
    assert_int_equal(duty(&p), ALERT_UNCLEAR);
    process_end(&p);
}

static void test_check_states__another_one_has_it_if_two_looks_say_so(void **state) {
    (void)state;
    struct process p;
    process_begin(&p);
    assign(&p, 3);
    assert_int_equal(duty(&p), ALERT_UNCLEAR);
    assert_int_equal(duty(&p), ALERT_ELSEWHERE);
    run(&p);
    assert_int_equal(duty(&p), ALERT_ELSEWHERE);
    set_phase(&p, 0, WORKER_CONNECTING); /* and may get it */
    assert_int_equal(duty(&p), ALERT_UNCLEAR);
    run(&p);
    assert_int_equal(duty(&p), ALERT_UNCLEAR);
    assert_int_equal(duty(&p), ALERT_ELSEWHERE);
    p.workers.count = 1; /* the others have not begun */
    assert_int_equal(duty(&p), ALERT_UNCLEAR);
    process_end(&p);
}

/* --- two processes */

/* Looks as the thread of the alerts does, a minute after its last look. */
static void look(struct process *p, enum check_status status, int minute) {
    const struct check_state now = {.id = "input", .status = status, .is_of_topic = true};
    int64_t now_ms = minute * ALERT_PAUSE_MS;
    alert_plan_see(&p->plan, &now, check_states_duty(&p->checks), now_ms);
    const struct alert *a = alert_plan_begin(&p->plan, now_ms);
    if (a == NULL)
        return;
    size_t n = strlen(p->told);
    (void)snprintf(p->told + n, sizeof p->told - n, "%d %s, ", minute,
                   check_status_name(a->now.status));
    (void)alert_plan_end(&p->plan, a, true, now_ms);
}

static void look_both(struct process *both, enum check_status status, int from, int to) {
    for (int minute = from; minute < to; minute++)
        for (int i = 0; i < 2; i++)
            look(&both[i], status, minute);
}

static void rebalance(struct process *both, int from) {
    for (int i = 0; i < 2; i++) {
        set_stage(&both[i], 1, 0, STAGE_NONE); /* a moment before the phase says so */
        look(&both[i], CHECK_FAIL, from);
        revoke(&both[i]);
    }
    look_both(both, CHECK_FAIL, from + 1, from + 10);
}

static void give(struct process *both, int holder) {
    for (int i = 0; i < 2; i++)
        assign(&both[i], i == holder ? 0 : 3);
}

static void test_check_states__one_of_two_instances_tells(void **state) {
    (void)state;
    struct process both[2];
    for (int i = 0; i < 2; i++)
        process_begin(&both[i]);
    look_both(both, CHECK_FAIL, 0, 10); /* the group has given nothing yet */
    give(both, 0);
    look_both(both, CHECK_FAIL, 10, 20);
    for (int i = 0; i < 2; i++)
        run(&both[i]);
    look_both(both, CHECK_FAIL, 20, 100);
    rebalance(both, 100);
    give(both, 0); /* it stays where it was */
    look_both(both, CHECK_FAIL, 110, 200);
    assert_string_equal(both[0].told, "10 fail, ");
    assert_string_equal(both[1].told, "");
    rebalance(both, 200);
    give(both, 1); /* it moves */
    look_both(both, CHECK_FAIL, 210, 300);
    look_both(both, CHECK_PASS, 300, 400);
    assert_string_equal(both[0].told, "10 fail, ");
    assert_string_equal(both[1].told, "210 fail, 300 pass, ");
    for (int i = 0; i < 2; i++)
        process_end(&both[i]);
}

/* What each of them finds in its own rows is told by each of them. */
static void test_check_states__only_freshness_is_of_whole_topics(void **state) {
    (void)state;
    struct config config = {0};
    struct metrics *m = metrics_new(&config);
    struct board board;
    board_init(&board, m, 0);
    for (int e = 0; e < ENTITY_COUNT; e++) {
        struct check_state now;
        freshness_check(m, (enum entity)e, 0, &now);
        board_set_state(&board, e == 0 ? CHECK_FRESHNESS_CUSTOMERS : CHECK_FRESHNESS_ACCOUNTS,
                        &now);
    }
    struct check_state states[CHECK_COUNT];
    assert_int_equal(board_states(&board, states, CHECK_COUNT), CHECK_COUNT);
    for (size_t i = 0; i < CHECK_COUNT; i++)
        assert_int_equal(states[i].is_of_topic,
                         strncmp(states[i].id, "source.freshness.", 17) == 0);
    board_release(&board);
    metrics_free(m);
}

/* --- what is known */

/* A check that quality knows. */
struct quality {
    struct check_state check;
};

static size_t one_check(struct quality *q, struct check_state *out, size_t max) {
    assert_true(max >= 1);
    out[0] = q->check;
    return 1;
}

static bool is_known(struct process *p, size_t i) {
    struct check_state states[2];
    assert_int_equal(check_states_copy(&p->checks, states, 2), 2);
    return states[i].is_known;
}

static void test_check_states__a_check_passes_once_it_has_judged_a_ready_process(void **state) {
    (void)state;
    struct process p;
    struct quality q = {.check = {.id = "rows", .status = CHECK_PASS}};
    process_begin(&p);
    p.answers.quality = &q;
    p.answers.quality_states = one_check;
    atomic_store(&p.answers.is_open, true);
    for (size_t i = 0; i < WORKERS; i++) {
        atomic_store(&p.list[i].ready_changed_ms, INT64_MAX / 2); /* patience: readiness passes */
        (void)pthread_mutex_init(&p.list[i].status_lock, NULL);
    }
    assign(&p, 0);
    q.check.judged_ms = INT64_MAX; /* but of what the process had then */
    assert_false(is_known(&p, 0));
    assert_false(is_known(&p, 1));
    q.check.status = CHECK_FAIL; /* what it has found, it has found */
    assert_true(is_known(&p, 1));
    q.check.status = CHECK_PASS;
    q.check.judged_ms = 0;
    run(&p);
    assert_true(is_known(&p, 0));
    assert_false(is_known(&p, 1));
    q.check.judged_ms = p.checks.ready_ms - 1;
    assert_false(is_known(&p, 1));
    q.check.judged_ms = p.checks.ready_ms;
    assert_true(is_known(&p, 1));
    set_phases(&p, WORKER_RESTORING); /* of other partitions, which it has not looked at */
    assert_false(is_known(&p, 1));
    for (size_t i = 0; i < WORKERS; i++)
        (void)pthread_mutex_destroy(&p.list[i].status_lock);
    process_end(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_states__who_has_the_task_of_partition_0_tells),
        cmocka_unit_test(test_check_states__another_one_has_it_if_two_looks_say_so),
        cmocka_unit_test(test_check_states__one_of_two_instances_tells),
        cmocka_unit_test(test_check_states__a_check_passes_once_it_has_judged_a_ready_process),
        cmocka_unit_test(test_check_states__only_freshness_is_of_whole_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
