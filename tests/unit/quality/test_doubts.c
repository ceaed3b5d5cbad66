/* What spans tasks counts only when it is still so after the messages under way are processed. */
#include "cluster.h"
#include "state/keys.h"
#include "streamer/base/murmur2.h"
#include "streamer/quality/doubts.h"
#include "streamer/task/customer_ref.h"

#define SECOND INT64_C(1000)

/* One account and its customer in one partition; the ref says another name than the joined row. */
struct rig {
    struct cluster cluster;
    struct config config;
    struct metrics *metrics;
    struct doubts doubts;
    bool is_here[1];
    int64_t position, now_ms;
};

static void note(void *context, const struct subject *of, enum check_id check, const char *what,
                 const char *expected, const char *found) {
    struct rig *g = context;
    if (check_of(check)->spans)
        doubts_note(&g->doubts, of, check, what, expected, found, g->now_ms);
}

static void see(void *context, const struct subject *of, enum check_id check, const char *what,
                const char *expected, const char *found) {
    struct rig *g = context;
    if (check_of(check)->spans)
        doubts_see(&g->doubts, of, check, what, expected, found);
}

static int64_t position_of(void *context, enum topic topic, int32_t partition) {
    (void)topic, (void)partition;
    return ((struct rig *)context)->position;
}

static void set_end(struct rig *g, int64_t end) {
    metric_set(&g->metrics->lag[TOPIC_ACCOUNT_LINKS].end[0], end);
    metric_set(&g->metrics->lag[TOPIC_CUSTOMER_REFS].end[0], end);
}

static void put_ref(struct rig *g, const char *name) {
    struct buf key = {0}, value = {0};
    struct customer_ref ref = {true, slice_str(name), false};
    key_customer(&key, 0, 1);
    buf_put_byte(&value, STATE_FORMAT);
    customer_ref_encode(&ref, &(struct ref_origin){0}, &value);
    kv_put(g->cluster.env.kv, FAMILY_CUSTOMER_REFS, buf_slice(&key), buf_slice(&value));
    buf_release(&key);
    buf_release(&value);
}

static void rig_init_with(struct rig *g, int64_t links_max) {
    *g = (struct rig){.is_here = {true}, .position = 10};
    g->metrics = metrics_new(&g->config);
    metrics_set_partitions(g->metrics, TOPIC_ACCOUNT_LINKS, 1);
    metrics_set_partitions(g->metrics, TOPIC_CUSTOMER_REFS, 1);
    set_end(g, 10);
    cluster_init(&g->cluster, 1);
    g->cluster.env.links_max = links_max;
    struct event customer = customer_event("1", 1000, "ann", false),
                 account = account_event("A", 1000, 1, 100, ACCOUNT_SAVINGS);
    assert_true(cluster_apply(&g->cluster, &customer));
    assert_true(cluster_apply(&g->cluster, &account));
    cluster_settle(&g->cluster);
}

static void rig_init(struct rig *g) {
    rig_init_with(g, CUSTOMER_LINKS_MAX);
}

static void rig_release(struct rig *g) {
    doubts_release(&g->doubts);
    metrics_free(g->metrics);
    cluster_release(&g->cluster);
}

static struct look_options options(struct rig *g, look_found *found) {
    return (struct look_options){.is_here = g->is_here,
                                 .partitions = 1,
                                 .rates = &g->cluster.rates,
                                 .found = found,
                                 .context = g};
}

/* A pass comes by. */
static void pass(struct rig *g) {
    struct look look;
    struct look_options o = options(g, note);
    look_init(&look, g->cluster.env.kv, &o);
    look_for_account(&look, 0, slice_str("A"));
    look_release(&look);
}

/* A pass comes by the customer. */
static void pass_customer(struct rig *g) {
    static const struct history_end none = {.exists = false};
    struct look look;
    struct look_options o = options(g, note);
    struct buf key = {0}, value = {0};
    look_init(&look, g->cluster.env.kv, &o);
    key_customer(&key, 0, 1);
    assert_true(kv_get(g->cluster.env.kv, FAMILY_CUSTOMERS, buf_slice(&key), &value));
    assert_true(look_read_customer(&look, 0, 1, buf_slice(&value)));
    look_at_customer(&look, 0, 1, &none);
    look_release(&look);
    buf_release(&key);
    buf_release(&value);
}

static void review(struct rig *g) {
    struct look look;
    struct look_options o = options(g, see);
    g->now_ms += SECOND;
    look_init(&look, g->cluster.env.kv, &o);
    doubts_review(&g->doubts, &look, g->metrics, position_of, g, g->now_ms);
    look_release(&look);
}

static size_t certain(const struct rig *g) {
    struct sample samples[SAMPLES_MAX];
    size_t count = doubts_certain(&g->doubts, CHECK_JOINED_CUSTOMER, samples);
    if (count > 0)
        assert_string_equal(samples[0].id, "A");
    return count;
}

static void test_doubts__right_rows_are_in_no_doubt(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    pass(&g);
    assert_int_equal(g.doubts.count, 0);
    rig_release(&g);
}

static void test_doubts__a_lasting_difference_counts(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    put_ref(&g, "bob");
    pass(&g);
    assert_true(g.doubts.count > 0);
    size_t count = g.doubts.count;
    pass(&g); /* the same finds */
    assert_int_equal(g.doubts.count, count);
    for (int i = 0; i < 4; i++) {
        review(&g);
        assert_int_equal(certain(&g), 0);
    }
    review(&g); /* DOUBT_MS have passed, and nothing was under way */
    assert_true(certain(&g) > 0);
    put_ref(&g, "ann"); /* mended: it is well at once */
    review(&g);
    assert_int_equal(certain(&g), 0);
    assert_int_equal(g.doubts.count, 0);
    rig_release(&g);
}

static void test_doubts__nothing_counts_while_messages_are_under_way(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    put_ref(&g, "bob");
    pass(&g);
    set_end(&g, 12);
    for (int i = 0; i < 60; i++)
        review(&g);
    assert_int_equal(certain(&g), 0);
    g.position = 11;
    for (int i = 0; i < 60; i++)
        review(&g);
    assert_int_equal(certain(&g), 0);
    g.position = 12; /* the first round; then what has come meanwhile */
    set_end(&g, 20);
    review(&g);
    review(&g);
    assert_int_equal(certain(&g), 0);
    g.position = 20;
    review(&g);
    assert_true(certain(&g) > 0);
    rig_release(&g);
}

/* The worker that is to process the link stands still, so that it has not even heard of it. */
static void test_doubts__what_another_worker_has_sent_is_waited_for(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    put_ref(&g, "bob");
    metric_set(&g.metrics->lag[TOPIC_ACCOUNT_LINKS].sent[0], 12);
    pass(&g);
    for (int i = 0; i < 60; i++)
        review(&g);
    assert_int_equal(certain(&g), 0);
    g.position = 12;
    for (int i = 0; i < 6; i++)
        review(&g);
    assert_true(certain(&g) > 0);
    rig_release(&g);
}

/* The end that a worker knows at first may count transaction markers, which no position passes. */
static void test_doubts__markers_are_not_waited_for(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    set_end(&g, 11);
    put_ref(&g, "bob");
    pass(&g);
    review(&g);
    set_end(&g, 10);
    for (int i = 0; i < 6; i++)
        review(&g);
    assert_true(certain(&g) > 0);
    rig_release(&g);
}

static void test_doubts__a_difference_that_changes_is_another_one(void **state) {
    (void)state;
    static const char *const names[] = {"bob", "eve"};
    struct rig g;
    rig_init(&g);
    for (int i = 0; i < 60; i++) {
        put_ref(&g, names[i % 2]);
        pass(&g);
        review(&g);
        assert_int_equal(certain(&g), 0);
    }
    rig_release(&g);
}

/* Links in the customer's row, and outside of it. Each that is wrong is a find of its own. */
static void links_of_nobody(int64_t links_max) {
    struct sample samples[SAMPLES_MAX];
    struct buf key = {0}, rows[2] = {{0}, {0}};
    static const char *const ids[] = {"A", "B"};
    struct rig g;
    rig_init_with(&g, links_max);
    struct event second = account_event("B", 1000, 1, 100, ACCOUNT_SAVINGS);
    assert_true(cluster_apply(&g.cluster, &second));
    cluster_settle(&g.cluster);
    for (int i = 0; i < 2; i++) {
        key_text(&key, 0, slice_str(ids[i]));
        assert_true(kv_get(g.cluster.env.kv, FAMILY_ACCOUNTS, buf_slice(&key), &rows[i]));
        kv_erase(g.cluster.env.kv, FAMILY_ACCOUNTS, buf_slice(&key));
    }
    pass_customer(&g);
    assert_int_equal(g.doubts.count, 2);
    for (int i = 0; i < 5; i++)
        review(&g);
    assert_int_equal(doubts_certain(&g.doubts, CHECK_LINKS, samples), 2);
    assert_string_equal(samples[0].id, "1");
    key_text(&key, 0, slice_str("A"));
    kv_put(g.cluster.env.kv, FAMILY_ACCOUNTS, buf_slice(&key), buf_slice(&rows[0]));
    review(&g);
    assert_int_equal(doubts_certain(&g.doubts, CHECK_LINKS, samples), 1);
    buf_release(&key);
    buf_release(&rows[0]);
    buf_release(&rows[1]);
    rig_release(&g);
}

static void test_doubts__links_of_nobody(void **state) {
    (void)state;
    links_of_nobody(CUSTOMER_LINKS_MAX);
    links_of_nobody(0);
}

/* A customer whose name changes to and fro. Each time that somebody looks, the ref is on its way,
 * and the two values are the same as the last time; but they are another version's. */
static void test_doubts__values_that_come_back_are_another_find(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    for (int i = 1; i <= 60; i++) {
        struct event to = customer_event("1", 1000 + 20 * i, "bob", false),
                     fro = customer_event("1", 1010 + 20 * i, "ann", false);
        assert_true(cluster_apply(&g.cluster, &to));
        cluster_commit(&g.cluster);
        pass(&g);
        assert_true(g.doubts.count > 0);
        review(&g);
        assert_int_equal(certain(&g), 0);
        assert_true(cluster_apply(&g.cluster, &fro));
        cluster_commit(&g.cluster);
    }
    rig_release(&g);
}

static void test_doubts__lost_partitions_are_forgotten(void **state) {
    (void)state;
    struct rig g;
    rig_init(&g);
    put_ref(&g, "bob");
    pass(&g);
    g.is_here[0] = false;
    review(&g);
    assert_int_equal(g.doubts.count, 0);
    rig_release(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubts__right_rows_are_in_no_doubt),
        cmocka_unit_test(test_doubts__a_lasting_difference_counts),
        cmocka_unit_test(test_doubts__nothing_counts_while_messages_are_under_way),
        cmocka_unit_test(test_doubts__what_another_worker_has_sent_is_waited_for),
        cmocka_unit_test(test_doubts__markers_are_not_waited_for),
        cmocka_unit_test(test_doubts__a_difference_that_changes_is_another_one),
        cmocka_unit_test(test_doubts__links_of_nobody),
        cmocka_unit_test(test_doubts__values_that_come_back_are_another_find),
        cmocka_unit_test(test_doubts__lost_partitions_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
