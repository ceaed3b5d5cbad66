/* Passes over the states of random worlds: what one task wrote holds at any moment, and what
 * several tasks wrote holds whenever no message waits. */
#include "streamer/quality/pass.h"
#include "world.h"

#include <string.h>

#define NOW INT64_C(1800000000000)

struct finder {
    int64_t found[CHECK_COUNT];
    char last[512];
};

static void found(void *context, const struct subject *of, enum check_id check, const char *what,
                  const char *expected, const char *value) {
    struct finder *f = context;
    f->found[check]++;
    if (check != CHECK_ORPHANS)
        (void)snprintf(f->last, sizeof f->last, "%s of %.*s: %s, expected %s, found %s",
                       check_of(check)->id, (int)of->id.n, of->id.p, what, expected, value);
}

static bool go_on(void *context, int64_t reads) {
    (void)context;
    assert_true(reads > 0);
    return true;
}

static void pass_all(struct cluster *c, struct finder *f) {
    bool is_here[CLUSTER_MAX] = {true, true, true};
    struct look_options o = {.is_here = is_here,
                             .partitions = c->n,
                             .rates = &c->rates,
                             .orphan_after_ms = INT64_MIN / 2,
                             .read_until_ms = NOW,
                             .found = found,
                             .pause = go_on,
                             .context = f};
    struct look look;
    look_init(&look, c->env.kv, &o);
    struct pass pass = {.look = &look};
    *f = (struct finder){0};
    for (int32_t p = 0; p < c->n; p++)
        assert_true(pass_partition(&pass, p, &c->tasks[p].meta));
    look_release(&look);
}

/* Outdated rows and orphans are no mistakes: there are as many as the tasks have counted. */
static void assert_counted(const struct cluster *c, const struct finder *f) {
    int64_t customers = 0, accounts = 0, orphans = 0;
    for (int32_t p = 0; p < c->n; p++) {
        customers += c->tasks[p].meta.outdated[ENTITY_CUSTOMER];
        accounts += c->tasks[p].meta.outdated[ENTITY_ACCOUNT];
        orphans += task_orphans(&c->tasks[p]);
    }
    assert_int_equal(f->found[CHECK_OUTDATED_CUSTOMERS], customers);
    assert_int_equal(f->found[CHECK_OUTDATED_ACCOUNTS], accounts);
    assert_int_equal(f->found[CHECK_ORPHANS], orphans);
}

static bool is_mistake(enum check_id id, bool is_quiet) {
    bool is_none =
        id == CHECK_OUTDATED_CUSTOMERS || id == CHECK_OUTDATED_ACCOUNTS || id == CHECK_ORPHANS;
    return !is_none && (is_quiet || !check_of(id)->spans);
}

static void check_world(struct world *w, bool is_quiet) {
    struct finder f;
    pass_all(&w->cluster, &f);
    for (int i = 0; i < CHECK_COUNT; i++)
        if (is_mistake((enum check_id)i, is_quiet) && f.found[i] > 0)
            fail_msg("%s", f.last);
    assert_counted(&w->cluster, &f);
}

static void test_pass__finds_nothing_in_random_worlds(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= seed_count(60); seed++) {
        struct world w;
        world_init(&w, seed % 3 == 0 ? 1 : 3, seed);
        w.cluster.env.fanout_max_rows = 1 + (int64_t)(seed % 4);
        w.cluster.env.links_max = seed % 2 == 0 ? CUSTOMER_LINKS_MAX : (int64_t)(seed / 2 % 4);
        for (int i = 0; i < 150; i++) {
            world_step(&w, 60);
            if (rng_chance(&w.rng, 10))
                check_world(&w, false);
        }
        cluster_settle(&w.cluster);
        check_world(&w, true);
        world_release(&w);
    }
}

struct ending {
    struct finder *finder;
    int pauses, allowed;
};

static bool end(void *context, int64_t reads) {
    struct ending *e = context;
    assert_in_range(reads, 100, 200);
    return ++e->pauses <= e->allowed;
}

static void found_before_end(void *context, const struct subject *of, enum check_id check,
                             const char *what, const char *expected, const char *value) {
    found(((struct ending *)context)->finder, of, check, what, expected, value);
}

/* One customer has all accounts, most of them outside of its row. */
static bool ends_after(int allowed) {
    struct cluster c;
    struct finder f = {0};
    bool is_here[CLUSTER_MAX] = {true};
    char id[16];
    struct ending ending = {.finder = &f, .allowed = allowed};
    cluster_init(&c, 1);
    for (int i = 0; i < 300; i++) {
        (void)snprintf(id, sizeof id, "A%d", i);
        struct event e = account_event(id, 1000, 1, 100, ACCOUNT_SAVINGS);
        assert_true(cluster_apply(&c, &e));
    }
    cluster_settle(&c);
    struct look_options o = {.is_here = is_here,
                             .partitions = 1,
                             .rates = &c.rates,
                             .found = found_before_end,
                             .pause = end,
                             .context = &ending};
    struct look look;
    look_init(&look, c.env.kv, &o);
    struct pass pass = {.look = &look};
    bool is_whole = pass_partition(&pass, 0, &c.tasks[0].meta);
    assert_int_equal(is_whole, ending.pauses <= allowed);
    assert_true(is_whole || ending.pauses == allowed + 1);
    for (int i = 0; i < CHECK_COUNT; i++)
        if (is_mistake((enum check_id)i, true) && f.found[i] > 0)
            fail_msg("%s", f.last);
    look_release(&look);
    cluster_release(&c);
    return is_whole;
}

/* A pass that is told to end ends at once, wherever it is, and finds nothing that is not so. */
static void test_pass__ends_when_it_is_told_to(void **state) {
    (void)state;
    int allowed = 0;
    while (!ends_after(allowed))
        allowed++;
    assert_in_range(allowed, 20, 60);
}

/* Other rates, while a ref is marked: the rows that wait for it keep their rate. */
static void test_pass__other_rates_and_a_ref_under_way(void **state) {
    (void)state;
    static struct world w;
    struct cluster *c = &w.cluster;
    struct event ann = customer_event("7", 1000, "ann", true), bob = ann,
                 account = account_event("A", 1000, 7, 12345, ACCOUNT_SAVINGS);
    struct finder f;
    cluster_init(c, 1);
    assert_true(cluster_apply(c, &ann) && cluster_apply(c, &account));
    cluster_settle(c);
    task_replay_ahead(&c->env, &c->tasks[0], TOPIC_CUSTOMER_REFS, slice_str("7"));
    c->rates.loan_bonus_milli = 1;
    cluster_refresh(c, 0);
    pass_all(c, &f);
    assert_int_equal(f.found[CHECK_RATE], 1);
    check_world(&w, false);
    bob.event_at_ms = 1001;
    bob.customer_name = slice_str("bob");
    assert_true(cluster_apply(c, &bob));
    cluster_settle(c);
    check_world(&w, true);
    cluster_release(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pass__finds_nothing_in_random_worlds),
        cmocka_unit_test(test_pass__ends_when_it_is_told_to),
        cmocka_unit_test(test_pass__other_rates_and_a_ref_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
