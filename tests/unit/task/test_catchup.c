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

/* Local state cannot be used if it is older than tombstones live, ends before the topics begin, or
 * is ahead of their ends (invariant I3). */
static void test_catchup__unusable(void **state) {
    static const struct {
        int64_t position, age_ms, low, high;
        bool usable;
    } cases[] = {
        {-1, RETENTION * 9, 0, 10, true},  /* nothing stored: a rebuild */
        {10, 0, 0, 10, true},              /* nothing came since */
        {10, RETENTION, 0, 20, true},      /* just young enough: tombstones still exist */
        {10, RETENTION + 1, 0, 20, false}, /* tombstones may be gone */
        {10, RETENTION + 1, 0, 11, true},  /* only the marker of its own last commit follows */
        {10, RETENTION + 1, 0, 10, true},  /* nothing happened meanwhile */
        {10, 0, 11, 20, false},            /* behind the start */
        {11, 0, 0, 10, false},             /* ahead of the end */
        {10, -59999, 0, 20, true},         /* clocks differ a little */
        {10, -RETENTION, 0, 20, false},    /* the clock was set back: the age is not known */
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
    /* Offsets that were reset. */
    ranges[TOPIC_ACCOUNT_LINKS].high = ranges[TOPIC_CUSTOMER_REFS].high = 3;
    assert_int_equal(catchup_lost_topic(&m, ranges), TOPIC_COUNT);
    ranges[TOPIC_ACCOUNT_SUMMARY].high = 9;
    assert_int_equal(catchup_lost_topic(&m, ranges), TOPIC_ACCOUNT_SUMMARY);
}

/* A catch-up is done at its targets and not before, even if a new leader reports an earlier end for
 * a while. */
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
    /* There was nothing to read. */
    assert_false(catchup_came_too_late(&c, NOW + 9 * RETENTION, RETENTION));
    task_release(&task);
}

static struct slice link_value(struct buf *out, int64_t cents) {
    buf_clear(out);
    buf_put_byte(out, MESSAGE_FORMAT);
    row_put_avro(&account_link_type, &(struct account_link){0, cents, slice_str("savings")}, out);
    return buf_slice(out);
}

/* Messages behind the target are only marked, after the messages before it were replayed, and they
 * do not replace these. Nothing is read or written before catchup_apply. */
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

/* A catch-up from the state that an earlier one has left. That one had marked "1|A", which was at
 * offset 2, where the committed offset was. Returns how many links are marked in the end. */
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
    /* Nothing was replayed. */
    assert_false(catchup_came_too_late(&c, NOW + 9 * RETENTION, RETENTION));
    catchup_apply(&c, &cluster->env, &buffer);
    catchup_note_positions(&c);
    assert_int_equal(task->meta.positions[TOPIC_ACCOUNT_LINKS], 2);
    replay_buffer_release(&buffer);
    return task->meta.rows[FAMILY_LINKS_AHEAD];
}

/* Compaction may remove a message that was never read. A mark that stayed would keep the customer's
 * profile unchanged forever. */
static void test_catchup__marks_are_looked_at_anew(void **state) {
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 1);
    struct task *task = &cluster.tasks[0];
    task_replay_ahead(&cluster.env, task, TOPIC_ACCOUNT_LINKS, slice_str("1|A"));
    /* Is gone by now. */
    task_replay_ahead(&cluster.env, task, TOPIC_ACCOUNT_LINKS, slice_str("2|B"));
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
