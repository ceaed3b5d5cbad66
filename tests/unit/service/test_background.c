#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/service/background.h"

#include <pthread.h>
#include <time.h>

/* Where jobs tell what they did. */
struct told {
    atomic_int done, of_stopping;
    atomic_bool may_end; /* the first job waits for it */
    pthread_t caller;
    atomic_int on_caller;
};

static void job(void *context, const atomic_bool *is_stopping) {
    struct told *t = context;
    while (!atomic_load(&t->may_end) && !atomic_load(is_stopping))
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    atomic_fetch_add(&t->of_stopping, atomic_load(is_stopping));
    atomic_fetch_add(&t->on_caller, pthread_equal(pthread_self(), t->caller) != 0);
    atomic_fetch_add(&t->done, 1);
}

static struct background *begin(struct told *t) {
    struct err e;
    struct background *b = background_new(&e);
    assert_non_null(b);
    t->caller = pthread_self();
    return b;
}

static void test_background__does_all_jobs_elsewhere(void **state) {
    struct told t = {.may_end = true};
    struct background *b = begin(&t);
    (void)state;
    for (int i = 0; i < 100; i++)
        background_do(b, job, &t);
    while (atomic_load(&t.done) < 100)
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(atomic_load(&t.of_stopping), 0);
    assert_int_equal(atomic_load(&t.on_caller), 0);
    background_free(b);
}

/* A stop ends the job that takes long, and those that wait; later ones are done at once. */
static void test_background__stop_loses_no_job(void **state) {
    struct told t = {0};
    struct background *b = begin(&t);
    (void)state;
    for (int i = 0; i < 5; i++)
        background_do(b, job, &t);
    background_stop(b);
    assert_int_equal(atomic_load(&t.done), 5);
    assert_int_equal(atomic_load(&t.of_stopping), 5);
    background_do(b, job, &t);
    assert_int_equal(atomic_load(&t.done), 6);
    assert_int_equal(atomic_load(&t.on_caller), 1);
    background_stop(b);
    background_free(b);
    background_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_background__does_all_jobs_elsewhere),
        cmocka_unit_test(test_background__stop_loses_no_job),
    };
    return cmocka_run_group_tests_name("background", tests, NULL, NULL);
}
