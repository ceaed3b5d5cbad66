/* What was valid at a time, in random worlds, against the plain model. */
#include "support.h"

#include "state/rocksdb/store.h"
#include "streamer/task/as_of.h"
#include "world.h"

static struct world world;

static void check_some_times(int count) {
    for (int i = 0; i < count; i++)
        world_check_as_of(&world, world_any_time(&world));
}

static void test_as_of__random(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < seed_count(60); seed++) {
        world_init(&world, seed % 3 == 0 ? 1 : 3, seed);
        for (int i = 0; i < 100; i++) {
            world_step(&world, 70);
            if (i % 10 == 9)
                check_some_times(3);
        }
        world_release(&world);
    }
}

/* --- on disk --- */

/* Copies the state of the world into a store. */
static void fill(struct store *store) {
    struct err e;
    struct batch *batch = batch_new(store);
    for (int f = 0; f < FAMILY_COUNT; f++) {
        struct kv_cursor *c = kv_cursor(world.cluster.env.kv, (enum family)f);
        for (cursor_seek(c, slice_str("")); cursor_in(c, slice_str("")); cursor_next(c))
            kv_put(batch_kv(batch), (enum family)f, cursor_key(c), cursor_value(c));
        cursor_free(c);
    }
    if (!batch_commit(batch, &e))
        fail_msg("%s", e.text);
    batch_free(batch);
}

static void test_as_of__on_disk(void **state) {
    struct err e;
    char *dir = make_scratch();
    (void)state;
    world_init(&world, 3, 7); /* a large one */
    for (int i = 0; i < 400; i++)
        world_step(&world, 90);
    struct store *store = store_open(dir, (int64_t)8 << 20, 1, &e);
    assert_non_null(store);
    fill(store);
    struct kv *own = world.cluster.env.kv;
    world.cluster.env.kv = store_reader_new(store);
    check_some_times(100);
    assert_false(kv_failed(world.cluster.env.kv));
    store_reader_free(world.cluster.env.kv);
    world.cluster.env.kv = own;
    store_close(store);
    world_release(&world);
    remove_scratch(dir);
}

/* --- it can be ended --- */

static bool counts_down(void *left) {
    return --*(int *)left >= 0;
}

static void test_as_of__sum_ends_when_it_is_told(void **state) {
    struct totals totals = {0};
    int left = 3;
    (void)state;
    cluster_init(&world.cluster, 1);
    for (int i = 0; i < 5; i++) {
        const char *const ids[] = {"A", "B", "C", "D", "E"};
        struct event e = account_event(ids[i], 1000, 7, 100, ACCOUNT_SAVINGS);
        assert_true(cluster_apply(&world.cluster, &e));
    }
    assert_false(as_of_sum(&world.cluster.env, &world.cluster.tasks[0], 7, 1000, counts_down, &left,
                           &totals));
    assert_int_equal(totals.sums.accounts, 3);
    totals_release(&totals);
    cluster_release(&world.cluster);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_of__random),
        cmocka_unit_test(test_as_of__on_disk),
        cmocka_unit_test(test_as_of__sum_ends_when_it_is_told),
    };
    return cmocka_run_group_tests_name("as_of", tests, NULL, NULL);
}
