#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/task/replay_buffer.h"

#include <stdio.h>

enum { KEYS = 40, MESSAGES = 3000 };

/* What was put. */
struct put {
    enum topic topic;
    bool ahead;
    int key, value; /* -1: null */
};

static bool same_key(const struct put *a, const struct put *b) {
    return a->topic == b->topic && a->ahead == b->ahead && a->key == b->key;
}

static struct slice number(int n, char text[16]) {
    (void)snprintf(text, 16, "%d", n * 7919);
    return n < 0 ? slice_null() : slice_of(text, strlen(text));
}

static struct put random_put(struct rng *r) {
    return (struct put){.topic = rng_chance(r, 50) ? TOPIC_ACCOUNT_LINKS : TOPIC_CUSTOMER_REFS,
                        .ahead = rng_chance(r, 20),
                        .key = (int)rng_below(r, KEYS) - 1,
                        .value = (int)rng_below(r, 1000) - 1};
}

static void check(const struct replay_buffer *p, const struct put *puts, size_t count) {
    char text[16];
    assert_int_equal(p->count, count);
    for (size_t i = 0; i < count; i++) {
        const struct replay_message *m = &p->messages[i];
        struct slice key = number(puts[i].key, text);
        assert_true(slice_eq(replay_buffer_key(p, i), key) &&
                    (replay_buffer_key(p, i).p == NULL) == (key.p == NULL));
        struct slice value = number(puts[i].value, text);
        assert_true(slice_eq(replay_buffer_value(p, i), value) &&
                    (replay_buffer_value(p, i).p == NULL) == (value.p == NULL));
        assert_true(m->topic == puts[i].topic && m->ahead == puts[i].ahead);
        bool replaced = false;
        for (size_t k = i + 1; k < count && !replaced; k++)
            replaced = same_key(&puts[i], &puts[k]);
        assert_int_equal(m->replaced, replaced);
    }
}

/* All messages are kept in their order; all but the last one of each key are marked as replaced. */
static void test_pending__last_of_each_key(void **state) {
    (void)state;
    static struct put puts[MESSAGES];
    struct replay_buffer p = {0};
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct rng r = rng_seeded(seed);
        size_t count = (size_t)rng_below(&r, seed == 0 ? MESSAGES : 300);
        for (size_t i = 0; i < count; i++) {
            char key[16], value[16];
            puts[i] = random_put(&r);
            replay_buffer_put(&p, puts[i].topic, puts[i].ahead, number(puts[i].key, key),
                              number(puts[i].value, value), (struct history_headers){0});
        }
        check(&p, puts, count);
        assert_true(replay_buffer_bytes(&p) >= count * sizeof(struct replay_message));
        replay_buffer_clear(&p);
        assert_int_equal(replay_buffer_bytes(&p), 0);
    }
    replay_buffer_release(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pending__last_of_each_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
