/* Which accounts a customer had before: the rows that changes of an account leave, live and after a
 * restore. */
#include "support.h"

#include "cluster.h"
#include "state/keys.h"
#include "streamer/base/mem.h"
#include "streamer/task/task_history.h"

#include <stdio.h>
#include <string.h>

static struct cluster shared;

#define CHANGES_MAX 6

/* A change of account A. */
struct change {
    int64_t at;
    int64_t customer_id; /* 0: the account ends */
    int64_t cents;
};

/* Applies it. `id` is the account's. */
static void apply(struct cluster *c, const char *id, const struct change *change) {
    struct event e =
        change->customer_id != 0
            ? account_event(id, change->at, change->customer_id, change->cents, ACCOUNT_SAVINGS)
            : end_event(ENTITY_ACCOUNT, CHANGE_DELETE, id, change->at);
    e.has_own_time = true;
    assert_true(cluster_apply(c, &e));
    cluster_commit(c);
}

/* The customers that have a row for an account: "1 7 ". */
static void put_customers(struct kv *kv, struct buf *out) {
    buf_clear(out);
    struct kv_cursor *c = kv_cursor(kv, FAMILY_FORMER_ACCOUNTS);
    for (cursor_seek(c, slice_str("")); cursor_in(c, slice_str("")); cursor_next(c)) {
        assert_text(key_account_of_customer(cursor_key(c)), "A");
        buf_put_int(out, key_customer_id(cursor_key(c)));
        buf_put_byte(out, ' ');
    }
    cursor_free(c);
}

static struct history_headers headers_of(const struct message *m) {
    return (struct history_headers){message_header(m, TASK_POSITION_HEADER),
                                    message_header(m, SINK_SOURCE_HEADER),
                                    message_header(m, TASK_SPLIT_HEADER)};
}

/* Whether a later message has its key. */
static bool is_superseded(const struct log *l, size_t i) {
    for (size_t k = i + 1; k < l->count; k++)
        if (slice_eq(buf_slice(&l->messages[k].key), buf_slice(&l->messages[i].key)))
            return true;
    return false;
}

/* Restores the history of accounts into nothing. */
static void restore(struct cluster *c, bool is_compacted, struct buf *customers) {
    const struct log *l = &c->logs[TOPIC_ACCOUNT_HISTORY][0];
    struct memory *memory = memory_new();
    struct kv *own = c->env.kv;
    struct task t;
    task_init(&t, 0);
    c->env.kv = memory_kv(memory);
    for (size_t i = 0; i < l->count; i++)
        if (!is_compacted || !is_superseded(l, i))
            task_replay(&c->env, &t, TOPIC_ACCOUNT_HISTORY, buf_slice(&l->messages[i].key),
                        message_value(&l->messages[i]), headers_of(&l->messages[i]));
    assert_false(kv_failed(c->env.kv));
    put_customers(c->env.kv, customers);
    assert_former_accounts(c->env.kv, 0);
    assert_int_equal(t.meta.rows[FAMILY_FORMER_ACCOUNTS],
                     count_family(c->env.kv, FAMILY_FORMER_ACCOUNTS, slice_str("")));
    c->env.kv = own;
    task_release(&t);
    memory_free(memory);
}

static void test_former_accounts__orders_of_changes(void **state) {
    static const struct {
        const char *what;
        struct change changes[CHANGES_MAX];
        /* Which customers have a row: as it was written, and restored from a compacted topic (NULL:
         * the same). */
        const char *live, *restored;
    } cases[] = {
        {"appears", {{1000, 7, 1}}, "", NULL},
        {"stays", {{1000, 7, 1}, {1010, 7, 2}, {1020, 7, 3}}, "", NULL},
        {"moves", {{1000, 7, 1}, {1010, 8, 1}}, "7 ", NULL},
        {"moves twice", {{1000, 7, 1}, {1010, 8, 1}, {1020, 9, 1}}, "7 8 ", NULL},
        /* The row of 7 stays: it belongs to 7 now. */
        {"comes back", {{1000, 7, 1}, {1010, 8, 1}, {1020, 7, 1}}, "7 8 ", "8 "},
        {"ends", {{1000, 7, 1}, {1010, 0, 0}}, "7 ", NULL},
        {"ends, appears again", {{1000, 7, 1}, {1010, 0, 0}, {1020, 7, 1}}, "7 ", ""},
        {"ends, appears elsewhere", {{1000, 7, 1}, {1010, 0, 0}, {1020, 8, 1}}, "7 ", NULL},
        {"late, elsewhere", {{1000, 7, 1}, {1020, 7, 2}, {1010, 8, 1}}, "8 ", NULL},
        {"late, same customer", {{1000, 7, 1}, {1020, 7, 2}, {1010, 7, 3}}, "", NULL},
        {"late, before all", {{1010, 7, 1}, {1000, 8, 1}}, "8 ", NULL},
        {"late, behind the end", {{1000, 7, 1}, {1020, 0, 0}, {1010, 8, 1}}, "7 8 ", NULL},
        /* The confirmation at 1020 becomes a version. */
        {"late, before a confirmation", {{1000, 7, 1}, {1020, 7, 1}, {1010, 8, 1}}, "8 ", NULL},
        {"late end", {{1000, 7, 1}, {1020, 7, 1}, {1010, 0, 0}}, "", NULL},
        /* Nothing closed names 7. */
        {"corrected", {{1000, 7, 1}, {1000, 8, 1}}, "7 ", ""},
        {"corrected late", {{1000, 7, 1}, {1010, 8, 1}, {1000, 9, 1}}, "7 9 ", "9 "},
        /* 7 owned it at first, too. */
        {"corrected, was there", {{1000, 7, 1}, {1010, 7, 2}, {1010, 8, 1}}, "7 ", NULL},
        {"the end moves", {{1000, 7, 1}, {1020, 0, 0}, {1030, 7, 1}, {1025, 8, 1}}, "7 8 ", "8 "},
    };
    struct buf customers = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *restored = cases[i].restored != NULL ? cases[i].restored : cases[i].live;
        cluster_init(&shared, 1);
        for (const struct change *c = cases[i].changes; c->at != 0; c++)
            apply(&shared, "A", c);
        put_customers(shared.env.kv, &customers);
        if (strcmp(buf_cstr(&customers), cases[i].live) != 0)
            fail_msg("%s: %s", cases[i].what, buf_cstr(&customers));
        assert_meta(&shared);
        restore(&shared, false, &customers); /* may have more rows than needed */
        restore(&shared, true, &customers);
        if (strcmp(buf_cstr(&customers), restored) != 0)
            fail_msg("%s, restored: %s", cases[i].what, buf_cstr(&customers));
        cluster_release(&shared);
    }
    buf_release(&customers);
}

/* --- a kv that counts what is done with the family --- */

struct counting {
    struct kv kv; /* first */
    struct kv *inner;
    int touched;
};

static void count(struct kv *kv, enum family f) {
    ((struct counting *)kv)->touched += f == FAMILY_FORMER_ACCOUNTS;
}
static bool counting_get(struct kv *kv, enum family f, struct slice key, struct buf *value) {
    count(kv, f);
    return kv_get(((struct counting *)kv)->inner, f, key, value);
}
static void counting_put(struct kv *kv, enum family f, struct slice key, struct slice value) {
    count(kv, f);
    kv_put(((struct counting *)kv)->inner, f, key, value);
}
static void counting_erase(struct kv *kv, enum family f, struct slice key) {
    count(kv, f);
    kv_erase(((struct counting *)kv)->inner, f, key);
}
static struct kv_cursor *counting_cursor(struct kv *kv, enum family f) {
    count(kv, f);
    return kv_cursor(((struct counting *)kv)->inner, f);
}

/* New accounts, and changes that leave an account with its customer, in order or late. */
static void test_former_accounts__other_changes_do_not_touch_them(void **state) {
    static const struct kv_ops ops = {.get = counting_get,
                                      .put = counting_put,
                                      .erase = counting_erase,
                                      .cursor = counting_cursor};
    static const struct change changes[] = {{1000, 7, 1}, {1010, 7, 2}, {1030, 7, 3},
                                            {1020, 7, 4}, {1020, 7, 4}, {1030, 7, 5}};
    (void)state;
    cluster_init(&shared, 1);
    struct counting counting = {.kv = {.ops = &ops}, .inner = shared.env.kv};
    shared.env.kv = &counting.kv;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++)
        apply(&shared, "A", &changes[i]);
    assert_int_equal(counting.touched, 0);
    apply(&shared, "A", &(struct change){1040, 8, 5});
    assert_true(counting.touched > 0);
    shared.env.kv = counting.inner;
    cluster_release(&shared);
}

/* --- comparing without decoding --- */

static void test_former_accounts__same_customer(void **state) {
    static const int64_t ids[] = {
        0,         1,         -1, 63, 64, -64, -65, 8191, 8192, 1000000, -INT64_C(1099511627776),
        INT64_MAX, INT64_MIN, 300};
    struct buf a = {0}, b = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        for (size_t k = 0; k < ARRAY_LEN(ids); k++) {
            const struct account_attributes one = {ids[i], 5, slice_str("savings")},
                                            other = {ids[k], -7000, slice_str("checking")};
            buf_clear(&a);
            buf_clear(&b);
            account_attributes_encode(&one, &a);
            account_attributes_encode(&other, &b);
            assert_int_equal(account_attributes_same_customer(buf_slice(&a), buf_slice(&b)),
                             ids[i] == ids[k]);
        }
    }
    assert_false(account_attributes_same_customer(slice_str(""), slice_str("")));
    buf_release(&a);
    buf_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_former_accounts__orders_of_changes),
        cmocka_unit_test(test_former_accounts__other_changes_do_not_touch_them),
        cmocka_unit_test(test_former_accounts__same_customer),
    };
    return cmocka_run_group_tests_name("former_accounts", tests, NULL, NULL);
}
