#include "support.h"

#include "cluster.h"
#include "streamer/base/mem.h"
#include "streamer/task/catchup.h"
#include "streamer/task/task_rows.h"

#define NOW INT64_C(1707955200000)
#define RETENTION 1000000

static struct task_meta meta_at(int64_t position, int64_t committed_ms) {
    struct task_meta m = {.committed_ms = committed_ms};
    for (int t = 0; t < TOPIC_COUNT; t++)
        m.positions[t] = position;
    return m;
}

static void ranges_of(int64_t low, int64_t high, struct catchup_range ranges[TOPIC_COUNT]) {
    for (int t = 0; t < TOPIC_COUNT; t++)
        ranges[t] = (struct catchup_range){low, high};
}

/* DESIGN's I3: older than tombstones live, behind the start, ahead of the end. */
static void test_catchup__unusable(void **state) {
    static const struct {
        int64_t position, age_ms, low, high;
        bool usable;
    } cases[] = {
        {-1, RETENTION * 9, 0, 10, true},  /* nothing stored: a rebuild */
        {10, 0, 0, 10, true},              /* where it was left */
        {10, RETENTION, 0, 20, true},      /* just young enough */
        {10, RETENTION + 1, 0, 20, false}, /* what ended meanwhile may be gone without a trace */
        {10, RETENTION + 1, 0, 11, true},  /* only the marker of its own last commit follows */
        {10, RETENTION + 1, 0, 10, true},  /* nothing happened meanwhile */
        {10, 0, 11, 20, false},            /* behind the start */
        {11, 0, 0, 10, false},             /* ahead of the end */
        {10, -59999, 0, 20, true},         /* clocks differ a little */
        {10, -RETENTION, 0, 20, false},    /* the clock was set back: nobody knows how old it is */
        {10, -RETENTION, 0, 10, true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct catchup_range ranges[TOPIC_COUNT];
        struct task_meta m = meta_at(cases[i].position, NOW - cases[i].age_ms);
        ranges_of(cases[i].low, cases[i].high, ranges);
        if ((catchup_unusable(&m, ranges, NOW, RETENTION) == NULL) != cases[i].usable)
            fail_msg("case %zu", i);
    }
}

static void test_catchup__lost_topic(void **state) {
    (void)state;
    struct catchup_range ranges[TOPIC_COUNT];
    struct task_meta m = meta_at(10, NOW);
    ranges_of(0, 10, ranges);
    assert_int_equal(catchup_lost_topic(&m, ranges), TOPIC_COUNT);
    ranges[TOPIC_ACCOUNT_LINKS].high = ranges[TOPIC_CUSTOMER_REFS].high =
        3; /* offsets that were reset */
    assert_int_equal(catchup_lost_topic(&m, ranges), TOPIC_COUNT);
    ranges[TOPIC_ACCOUNT_SUMMARY].high = 9;
    assert_int_equal(catchup_lost_topic(&m, ranges), TOPIC_ACCOUNT_SUMMARY);
}

/* Done at the target and not before, also if a new leader shows less for a while. */
static void test_catchup__ends(void **state) {
    (void)state;
    struct task task;
    struct catchup c;
    struct catchup_range ranges[TOPIC_COUNT];
    task_init(&task, 0);
    ranges_of(5, 10, ranges);
    catchup_init(&c, &task, ranges, NOW);
    assert_int_equal(task.meta.committed_ms, NOW);
    int64_t topics = 0;
    for (int t = 0; t < TOPIC_COUNT; t++) {
        if (!topic_is_replayed((enum topic)t))
            continue;
        topics++;
        assert_false(catchup_done(&c));
        catchup_end_of_partition(&c, (enum topic)t, 9);
        catchup_note_positions(&c);
        assert_int_equal(task.meta.positions[t], 5);
        assert_int_equal(catchup_remaining(&c), 5 * (8 - topics + 1));
        catchup_end_of_partition(&c, (enum topic)t, 12);
        catchup_note_positions(&c);
        assert_int_equal(task.meta.positions[t], topic_is_consumed((enum topic)t) ? 10 : 12);
    }
    assert_int_equal(topics, 8);
    assert_true(catchup_done(&c));
    assert_false(catchup_came_too_late(&c, NOW + RETENTION, RETENTION));
    assert_true(catchup_came_too_late(&c, NOW + RETENTION + 1, RETENTION));
    ranges_of(5, 5, ranges);
    catchup_init(&c, &task, ranges, NOW);
    assert_true(catchup_done(&c));
    assert_false(
        catchup_came_too_late(&c, NOW + 9 * RETENTION, RETENTION)); /* there was nothing to read */
    task_release(&task);
}

static struct slice link_value(struct buf *out, int64_t cents) {
    buf_clear(out);
    buf_put_byte(out, MESSAGE_FORMAT);
    row_put_avro(&account_link_type, &(struct account_link){0, cents, slice_str("savings")}, out);
    return buf_slice(out);
}

/* What lies behind the target is only looked at, after what lies before it, and does not take its
 * place. Nothing is read or written before it is applied. */
static void test_catchup__behind_the_target(void **state) {
    (void)state;
    struct cluster cluster;
    struct replay_buffer buffer = {0};
    struct buf value = {0};
    struct catchup c;
    struct catchup_range ranges[TOPIC_COUNT] = {0};
    cluster_init(&cluster, 1);
    cluster.env.links_max = 0; /* all links are rows of their own */
    struct task *task = &cluster.tasks[0];
    const int64_t *rows = task->meta.rows;
    ranges[TOPIC_ACCOUNT_LINKS].high = 2;
    catchup_init(&c, task, ranges, NOW);
    const enum topic links = TOPIC_ACCOUNT_LINKS;
    assert_true(catchup_take(&c, &buffer, links, 0, slice_str("1|A"), link_value(&value, 100),
                             (struct history_headers){0}));
    assert_true(catchup_take(&c, &buffer, links, 1, slice_str("1|B"), link_value(&value, 200),
                             (struct history_headers){0}));
    assert_false(catchup_take(&c, &buffer, links, 2, slice_str("1|A"), slice_null(),
                              (struct history_headers){0}));
    assert_false(catchup_take(&c, &buffer, links, 0, slice_str("1|A"), slice_null(),
                              (struct history_headers){0})); /* once more */
    assert_int_equal(rows[FAMILY_LINKS], 0);
    catchup_apply(&c, &cluster.env, &buffer);
    assert_int_equal(buffer.count, 0);
    assert_int_equal(rows[FAMILY_LINKS], 2);
    assert_int_equal(rows[FAMILY_LINKS_AHEAD], 1);
    task_load_customer(&cluster.env, task, 1);
    assert_true(cluster.env.customer.totals.sums.balance == 300);
    catchup_end_of_partition(&c, links, 3);
    assert_true(catchup_done(&c));
    replay_buffer_release(&buffer);
    buf_release(&value);
    cluster_release(&cluster);
}

/* A catch-up from what an earlier one has left, which had read "1|A" ahead: at 2, while 2 was
 * committed. Returns how many links are marked then. */
static int64_t marks_after(struct cluster *cluster, bool is_there_still) {
    struct replay_buffer buffer = {0};
    struct catchup c;
    struct catchup_range ranges[TOPIC_COUNT] = {0};
    struct task *task = &cluster->tasks[0];
    task->meta.positions[TOPIC_ACCOUNT_LINKS] = ranges[TOPIC_ACCOUNT_LINKS].high = 2;
    catchup_init(&c, task, ranges, NOW);
    assert_false(catchup_done(&c));
    if (is_there_still)
        (void)catchup_take(&c, &buffer, TOPIC_ACCOUNT_LINKS, 2, slice_str("1|A"), slice_null(),
                           (struct history_headers){0});
    catchup_end_of_partition(&c, TOPIC_ACCOUNT_LINKS, 3);
    catchup_end_of_partition(&c, TOPIC_CUSTOMER_REFS, 0);
    assert_true(catchup_done(&c));
    assert_false(
        catchup_came_too_late(&c, NOW + 9 * RETENTION, RETENTION)); /* nothing was replayed */
    catchup_apply(&c, &cluster->env, &buffer);
    catchup_note_positions(&c);
    assert_int_equal(task->meta.positions[TOPIC_ACCOUNT_LINKS], 2);
    replay_buffer_release(&buffer);
    return task->meta.rows[FAMILY_LINKS_AHEAD];
}

/* Compaction may take away what was never read. Its mark would keep the customer's profile as it is
 * for good. */
static void test_catchup__marks_are_looked_at_anew(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 1);
    struct task *task = &cluster.tasks[0];
    task_replay_ahead(&cluster.env, task, TOPIC_ACCOUNT_LINKS, slice_str("1|A"));
    task_replay_ahead(&cluster.env, task, TOPIC_ACCOUNT_LINKS,
                      slice_str("2|B")); /* is gone by now */
    task_replay_ahead(&cluster.env, task, TOPIC_CUSTOMER_REFS, slice_str("2"));
    assert_int_equal(task->meta.rows[FAMILY_LINKS_AHEAD], 2);
    assert_int_equal(marks_after(&cluster, true), 1);
    assert_int_equal(task->meta.rows[FAMILY_REFS_AHEAD], 0);
    assert_true(task_has_marked_links(&cluster.env, task, 1));
    assert_int_equal(marks_after(&cluster, false), 0);
    assert_false(task_has_marked_links(&cluster.env, task, 1));
    cluster_release(&cluster);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catchup__unusable),
        cmocka_unit_test(test_catchup__lost_topic),
        cmocka_unit_test(test_catchup__ends),
        cmocka_unit_test(test_catchup__behind_the_target),
        cmocka_unit_test(test_catchup__marks_are_looked_at_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
