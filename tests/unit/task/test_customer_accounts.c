/* customer_accounts: what a page costs, in rows that the cursor looks at, and damaged rows. What
 * the pages hold: http/test_query_accounts.c. */
#include "support.h"

#include "state/keys.h"
#include "state/memory.h"
#include "streamer/base/mem.h"
#include "streamer/task/customer_accounts.h"

#include <stdio.h>

#define PAGE 10

/* --- a kv that counts the moves of its cursors */

struct counting {
    struct kv kv; /* first */
    struct kv *inner;
    int moves;
};

struct counting_cursor {
    struct kv_cursor base; /* first */
    struct kv_cursor *inner;
    struct counting *of;
};

static struct counting_cursor *moved(struct kv_cursor *c) {
    struct counting_cursor *own = (struct counting_cursor *)c;
    own->of->moves++;
    return own;
}

static void counting_seek(struct kv_cursor *c, struct slice key) {
    cursor_seek(moved(c)->inner, key);
}

static void counting_next(struct kv_cursor *c) {
    cursor_next(moved(c)->inner);
}

static bool counting_valid(struct kv_cursor *c) {
    struct kv_cursor *inner = ((struct counting_cursor *)c)->inner;
    return inner->ops->valid(inner);
}

static struct slice counting_key(struct kv_cursor *c) {
    return cursor_key(((struct counting_cursor *)c)->inner);
}

static struct slice counting_value(struct kv_cursor *c) {
    return cursor_value(((struct counting_cursor *)c)->inner);
}

static void counting_free(struct kv_cursor *c) {
    cursor_free(((struct counting_cursor *)c)->inner);
    free(c);
}

static struct kv_cursor *counting_cursor(struct kv *kv, enum family f) {
    static const struct kv_cursor_ops ops = {.seek = counting_seek,
                                             .next = counting_next,
                                             .valid = counting_valid,
                                             .key = counting_key,
                                             .value = counting_value,
                                             .free = counting_free};
    struct counting *k = (struct counting *)kv;
    struct counting_cursor *c = mem_calloc(1, sizeof *c);
    *c = (struct counting_cursor){{&ops}, kv_cursor(k->inner, f), k};
    return &c->base;
}

/* --- the tests */

struct rig {
    struct memory *memory;
    struct counting counting;
    struct task task;
    struct task_env env;
};

static void put_link(struct rig *g, const char *id, struct slice value) {
    struct buf key = {0};
    key_customer_account(&key, 0, 7, slice_str(id));
    kv_put(memory_kv(g->memory), FAMILY_LINKS, buf_slice(&key), value);
    buf_release(&key);
}

static void rig_init(struct rig *g, int links) {
    static const struct kv_ops ops = {.cursor = counting_cursor};
    *g = (struct rig){.memory = memory_new()};
    g->counting = (struct counting){.kv = {.ops = &ops}, .inner = memory_kv(g->memory)};
    g->env.kv = &g->counting.kv;
    task_init(&g->task, 0);
    struct buf value = {0};
    buf_put_byte(&value, STATE_FORMAT);
    link_encode(&(struct account_link){0, 100, slice_str("savings")}, &value);
    for (int i = 0; i < links; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "A%06d", i);
        put_link(g, id, buf_slice(&value));
    }
    buf_release(&value);
}

static void rig_release(struct rig *g) {
    task_release(&g->task);
    task_env_release(&g->env);
    memory_free(g->memory);
}

/* Reads a page. Returns how many accounts it had. */
static int read_page(struct rig *g, const char *after) {
    struct customer_accounts a;
    int count = 0;
    g->counting.moves = 0;
    customer_accounts_init(&a, &g->env, &g->task, 7, slice_str(after));
    while (count < PAGE && customer_accounts_next(&a))
        count++;
    customer_accounts_release(&a);
    return count;
}

static void test_customer_accounts__a_page_costs_the_same(void **state) {
    static const int links[] = {20, 2000, 20000};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        struct rig g;
        char last[16];
        rig_init(&g, links[i]);
        (void)snprintf(last, sizeof last, "A%06d", links[i] - PAGE - 1);
        const char *const places[] = {"", "A000005", last};
        for (size_t k = 0; k < ARRAY_LEN(places); k++) {
            assert_int_equal(read_page(&g, places[k]), PAGE);
            assert_in_range(g.counting.moves, PAGE, PAGE + 1);
        }
        assert_int_equal(read_page(&g, "A999999"), 0);
        assert_int_equal(g.counting.moves, 1);
        rig_release(&g);
    }
}

static void assert_damaged(struct rig *g) {
    (void)read_page(g, "");
    assert_true(kv_failed(g->env.kv));
    rig_release(g);
}

static void test_customer_accounts__damaged_rows_are_errors(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g, 2);
    put_link(&g, "A000001x", slice_of("\1\0\0\0", 4)); /* another format */
    assert_damaged(&g);
    rig_init(&g, 2);
    put_link(&g, "A000001x", slice_of("\3\0", 2)); /* too short */
    assert_damaged(&g);
    rig_init(&g, 2);
    g.env.customer.links = (struct customer_links){1, slice_of("\2A", 2)}; /* too short */
    assert_damaged(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_customer_accounts__a_page_costs_the_same),
        cmocka_unit_test(test_customer_accounts__damaged_rows_are_errors),
    };
    return cmocka_run_group_tests_name("customer_accounts", tests, NULL, NULL);
}
