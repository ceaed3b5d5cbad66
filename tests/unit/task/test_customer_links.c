/* The links in a customer's row against an array of them. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/task/customer_links.h"

#include <stdio.h>
#include <string.h>

/* Ids that are prefixes of each other, and an empty one; ascending. */
static const char *const ids[] = {"", "A", "A1", "A10", "A|", "B", "Z", "a", "Ä", "日本"};

struct twin {
    bool exists;
    struct account_link link;
};

static struct account_link any_link(struct rng *r) {
    return (struct account_link){rng_below(r, INT32_MAX), rng_any(r),
                                 slice_str(rng_chance(r, 50) ? "savings" : "checking")};
}

static bool same(const struct account_link *a, const struct account_link *b) {
    return a->partition == b->partition && a->balance_amount == b->balance_amount &&
           slice_eq(a->account_type, b->account_type);
}

static void assert_same_links(const struct customer_links *l, const struct twin *twins) {
    struct slice rest = l->items, id;
    struct account_link link;
    int64_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct customer_links_place p;
        assert_true(customer_links_find(l, slice_str(ids[i]), &p));
        assert_int_equal(p.exists, twins[i].exists);
        if (!twins[i].exists)
            continue;
        assert_true(same(&p.link, &twins[i].link));
        assert_true(customer_links_next(&rest, &id, &link));
        assert_text(id, ids[i]);
        assert_true(same(&link, &twins[i].link));
        count++;
    }
    assert_int_equal(rest.n, 0);
    assert_int_equal(l->count, count);
}

static void test_customer_links__random(void **state) {
    (void)state;
    struct rng r = rng_seeded(1);
    struct twin twins[ARRAY_LEN(ids)] = {{false, {0}}};
    struct customer_links l, back;
    struct buf bytes[2] = {{0}}, stored = {0};
    customer_links_clear(&l);
    for (int k = 0; k < 5000; k++) {
        size_t i = (size_t)rng_below(&r, ARRAY_LEN(ids));
        struct customer_links_place p;
        struct account_link link = any_link(&r);
        assert_true(customer_links_find(&l, slice_str(ids[i]), &p));
        bool removes = twins[i].exists && rng_chance(&r, 50);
        customer_links_change(&l, &p, slice_str(ids[i]), removes ? NULL : &link, &bytes[k % 2]);
        twins[i] = (struct twin){!removes, link};
        assert_same_links(&l, twins);
        buf_clear(&stored);
        customer_links_encode(&l, &stored);
        buf_put_str(&stored, "rest");
        struct slice in = buf_slice(&stored);
        assert_true(customer_links_decode(&in, &back));
        assert_text(in, "rest");
        assert_same_links(&back, twins);
    }
    buf_release(&bytes[0]);
    buf_release(&bytes[1]);
    buf_release(&stored);
}

/* As many as a row may hold can be read, and no more. */
static void test_customer_links__bound(void **state) {
    (void)state;
    struct customer_links l, back;
    struct buf bytes[2] = {{0}}, stored = {0};
    struct account_link link = {1, 2, slice_str("savings")};
    customer_links_clear(&l);
    for (int i = 0; i <= CUSTOMER_LINKS_MAX; i++) {
        char id[8];
        struct customer_links_place p;
        (void)snprintf(id, sizeof id, "%03d", i);
        assert_true(customer_links_find(&l, slice_str(id), &p));
        customer_links_change(&l, &p, slice_str(id), &link, &bytes[i % 2]);
        buf_clear(&stored);
        customer_links_encode(&l, &stored);
        struct slice in = buf_slice(&stored);
        assert_int_equal(customer_links_decode(&in, &back), i < CUSTOMER_LINKS_MAX);
    }
    buf_release(&bytes[0]);
    buf_release(&bytes[1]);
    buf_release(&stored);
}

static void test_customer_links__damaged(void **state) {
    static const struct slice lists[] = {
        {"", 0},           /* nothing at all */
        {"\2\0\0\0\0", 5}, /* a block without its size */
        {"\1", 1},         /* no size */
        {"\1\4\0", 3},     /* larger than what is there */
        {"\1\2\0", 3},     /* no end */
        {"\1\2\0\1", 4},   /* another block */
        {"\x43\0\0", 3},   /* more than a row holds */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\0\0", 12},
    };
    static const struct slice items[] = {
        {"\4a", 2},            /* an id that is cut short */
        {"\2a", 2},            /* no link */
        {"\2a\1\0\0", 5},      /* partition -1 */
        {"\2a\0\0\4", 5},      /* no such type */
        {"\2a\0\0\0\2b\0", 8}, /* the second one is cut short */
    };
    (void)state;
    struct customer_links l;
    struct customer_links_place p;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct slice in = lists[i];
        if (customer_links_decode(&in, &l))
            fail_msg("case %zu was taken for links", i);
    }
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        l = (struct customer_links){1, items[i]};
        assert_false(customer_links_find(&l, slice_str("z"), &p));
    }
    struct rng r = rng_seeded(2);
    for (int k = 0; k < 50000; k++) {
        size_t n = (size_t)rng_below(&r, 24);
        char *bytes = mem_alloc(n);
        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)(rng_chance(&r, 60) ? rng_below(&r, 6) : rng_below(&r, 256));
        l = (struct customer_links){3, slice_of(bytes, n)};
        if (customer_links_find(&l, slice_str("a"), &p))
            assert_true(p.at <= p.end && p.end <= n);
        free(bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_customer_links__random),
        cmocka_unit_test(test_customer_links__bound),
        cmocka_unit_test(test_customer_links__damaged),
    };
    return cmocka_run_group_tests_name("customer_links", tests, NULL, NULL);
}
