/* Which records made a row. A random world is compared with the model, which keeps every record;
 * single cases show what is not known, and when. */
#include "support.h"

#include "cluster.h"
#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"
#include "streamer/task/why.h"
#include "world.h"

#include <stdio.h>

static struct why why_of(struct cluster *c, enum why_table table, const char *id) {
    struct task t;
    struct why why;
    for (int32_t p = 0; p < c->n; p++) /* the worker does so with each commit */
        task_save_meta(&c->env, &c->tasks[p]);
    task_init(&t, murmur2_partition(slice_str(id), c->n));
    if (!why_read(&c->env, &t, table, slice_str(id), &why))
        why.account.known = why.customer.known = WHY_NOT_USED;
    task_release(&t);
    return why;
}

/* --- against the model --- */

struct check {
    struct world world;
    int64_t known, unknown, joined_known;
};

static void assert_record(struct check *k, const struct why_record *r,
                          const struct order_model *m) {
    int64_t from;
    if (order_model_current(m, &from) == MODEL_DELETED) {
        assert_int_equal(r->known, WHY_NOT_USED);
        return;
    }
    assert_int_equal(r->known, m->origin.is_known ? WHY_KNOWN : WHY_UNKNOWN);
    k->known += m->origin.is_known;
    k->unknown += !m->origin.is_known;
    if (!m->origin.is_known)
        return;
    assert_int_equal(r->partition, m->origin.input.partition);
    assert_int_equal(r->offset, m->origin.input.offset);
    assert_int_equal(r->event_at, from);
}

/* No message waits, so that joined rows are up to date. */
static void check_joined(struct check *k, int id) {
    struct world *w = &k->world;
    struct why why = why_of(&w->cluster, WHY_ACCOUNT_WITH_CUSTOMER, world_account_id(id));
    int value = order_model_current(&w->accounts[id], NULL);
    int customer = value != MODEL_DELETED ? world_customer_of(value) : -1;
    if (customer < 0 || order_model_current(&w->customers[customer], NULL) == MODEL_DELETED) {
        assert_int_equal(why.account.known, WHY_NOT_USED);
        return;
    }
    assert_record(k, &why.account, &w->accounts[id]);
    assert_record(k, &why.customer, &w->customers[customer]);
    k->joined_known += why.customer.known == WHY_KNOWN;
}

static void check_records(struct check *k) {
    struct world *w = &k->world;
    for (int id = 0; id < WORLD_CUSTOMERS; id++) {
        struct why why = why_of(&w->cluster, WHY_CUSTOMERS, world_customer_id(id));
        assert_record(k, &why.customer, &w->customers[id]);
    }
    for (int id = 0; id < w->account_count; id++) {
        struct why why = why_of(&w->cluster, WHY_ACCOUNTS, world_account_id(id));
        assert_record(k, &why.account, &w->accounts[id]);
    }
}

static void test_why__is_what_the_model_says(void **state) {
    (void)state;
    int64_t known = 0, unknown = 0, joined_known = 0;
    for (uint64_t seed = 0; seed < seed_count(60); seed++) {
        struct check check = {0}, *k = &check;
        world_init(&k->world, seed % 3 == 0 ? 1 : 3, seed);
        for (int i = 0; i < 120; i++) {
            world_step(&k->world, 60);
            check_records(k);
            if (i % 20 != 19)
                continue;
            cluster_settle(&k->world.cluster);
            for (int id = 0; id < k->world.account_count; id++)
                check_joined(k, id);
        }
        known += k->known;
        unknown += k->unknown;
        joined_known += k->joined_known;
        world_release(&k->world);
    }
    assert_true(known > 1000 && unknown > 100 && joined_known > 300);
}

/* --- single cases --- */

#define T INT64_C(1700000000000)

/* Applies an event as a record of partition 1, and reads what it causes. */
static void run(struct cluster *c, struct event e, int64_t offset) {
    e.source_partition = 1;
    e.source_offset = offset;
    assert_true(cluster_apply(c, &e));
    cluster_settle(c);
}

static void run_customer(struct cluster *c, const char *id, int64_t at, const char *name,
                         int64_t offset) {
    run(c, customer_event(id, T + at, name, true), offset);
}

static void run_account(struct cluster *c, int64_t at, int64_t customer_id, int64_t offset) {
    run(c, account_event("A", T + at, customer_id, 12345, ACCOUNT_SAVINGS), offset);
}

/* offset < 0: not known. */
static void assert_at(const struct why_record *r, int64_t offset, int64_t at) {
    assert_int_equal(r->known, offset < 0 ? WHY_UNKNOWN : WHY_KNOWN);
    if (offset < 0)
        return;
    assert_int_equal(r->partition, 1);
    assert_int_equal(r->offset, offset);
    assert_int_equal(r->event_at, T + at);
    assert_int_equal(r->loaded_at, T + at + 7);
}

/* Asserts which records made the joined row and the summary of account A. */
static void assert_made_by(struct cluster *c, int64_t account, int64_t account_at, int64_t customer,
                           int64_t customer_at) {
    struct why joined = why_of(c, WHY_ACCOUNT_WITH_CUSTOMER, "A"),
               summary = why_of(c, WHY_ACCOUNT_SUMMARY, "A");
    assert_at(&joined.account, account, account_at);
    assert_at(&joined.customer, customer, customer_at);
    assert_at(&summary.account, account, account_at);
    assert_at(&summary.customer, customer, customer_at);
    assert_int_equal(joined.rates, WHY_NOT_USED);
    assert_int_equal(joined.calculated_at, TIMESTAMP_NONE);
    assert_int_equal(summary.rates, WHY_KNOWN);
    assert_int_equal(summary.calculated_at, c->env.account.summary.calculated_at);
}

static void test_why__follows_both_sides(void **state) {
    (void)state;
    struct cluster c;
    cluster_init(&c, 3);
    run_account(&c, 1, 7, 10);
    assert_int_equal(why_of(&c, WHY_ACCOUNT_WITH_CUSTOMER, "A").account.known, WHY_NOT_USED);
    run_customer(&c, "7", 2, "ann", 20);
    assert_made_by(&c, 10, 1, 20, 2);
    run_customer(&c, "7", 3, "ann b", 21); /* the customer changes */
    assert_made_by(&c, 10, 1, 21, 3);
    run_customer(&c, "7", 4, "ann b", 22); /* says the same again */
    assert_made_by(&c, 10, 1, 21, 3);
    run_customer(&c, "8", 4, "bob", 23);
    run_account(&c, 5, 8, 11); /* the account moves */
    assert_made_by(&c, 11, 5, 23, 4);
    run_account(&c, 6, 7, 12); /* and comes back */
    assert_made_by(&c, 12, 6, 21, 3);
    struct why profile = why_of(&c, WHY_CUSTOMER_PROFILE, "7");
    assert_at(&profile.customer, 21, 3);
    assert_int_equal(profile.account.known, WHY_NOT_USED);
    assert_int_equal(profile.rates, WHY_KNOWN);
    assert_int_equal(profile.calculated_at, c.env.customer.profile.calculated_at);
    cluster_release(&c);
}

/* A late record makes a version begin with an earlier record whose place nobody remembers. */
static void test_why__late_records(void **state) {
    (void)state;
    struct cluster c;
    cluster_init(&c, 3);
    run_customer(&c, "7", 1, "ann", 20);
    run_customer(&c, "7", 9, "ann", 21);
    run_customer(&c, "7", 5, "bob", 22); /* ann [1, 5), bob [5, 9), ann [9, …) */
    struct why why = why_of(&c, WHY_CUSTOMERS, "7");
    assert_at(&why.customer, -1, 0);
    run_account(&c, 1, 7, 10);
    assert_made_by(&c, 10, 1, -1, 0);
    run_customer(&c, "7", 20, "cid", 23);
    assert_made_by(&c, 10, 1, 23, 20);
    run_customer(&c, "7", 15, "cid", 24); /* it begins earlier now, and says the same */
    why = why_of(&c, WHY_CUSTOMERS, "7");
    assert_at(&why.customer, 24, 15);
    assert_made_by(&c, 10, 1, 24, 15); /* and so does the ref */
    run(&c, end_event(ENTITY_CUSTOMER, CHANGE_DELETE, "7", T + 30), 25);
    assert_int_equal(why_of(&c, WHY_CUSTOMERS, "7").customer.known, WHY_NOT_USED);
    cluster_release(&c);
}

/* output.headers=none: the messages say nothing, and so does the state. */
static void test_why__without_headers(void **state) {
    (void)state;
    struct cluster c;
    cluster_init(&c, 3);
    c.env.origin.is_told = false;
    run_customer(&c, "7", 1, "ann", 20);
    run_account(&c, 2, 7, 10);
    assert_made_by(&c, -1, 0, -1, 0);
    struct why why = why_of(&c, WHY_CUSTOMER_PROFILE, "7");
    assert_at(&why.customer, -1, 0);
    cluster_release(&c);
}

static void append_ref(struct cluster *c, int32_t partition, const struct customer_ref *ref) {
    struct message m = {
        .topic = TOPIC_CUSTOMER_REFS, .partition = partition, .has_key = true, .has_value = true};
    const struct ref_origin none = {0};
    buf_set(&m.key, slice_str("7"));
    buf_put_byte(&m.value, MESSAGE_FORMAT);
    customer_ref_encode(ref, &none, &m.value);
    m.value.n--; /* as version 0.2 wrote it: without the origin */
    cluster_append(c, &m);
}

static void test_why__a_ref_of_version_0_2(void **state) {
    (void)state;
    struct cluster c;
    const struct customer_ref ann = {true, slice_str("ann"), true};
    cluster_init(&c, 3);
    run_account(&c, 1, 7, 10);
    append_ref(&c, murmur2_partition(slice_str("A"), 3), &ann);
    cluster_settle(&c);
    assert_made_by(&c, 10, 1, -1, 0);
    cluster_release(&c);
}

/* The ref is stored before all rows of its fan-out are rewritten. */
static void test_why__while_a_fan_out_is_under_way(void **state) {
    (void)state;
    struct cluster c;
    cluster_init(&c, 1);
    c.env.fanout_max_rows = 1;
    run(&c, account_event("B", T, 7, 100, ACCOUNT_SAVINGS), 9);
    run_account(&c, 1, 7, 10);
    run_customer(&c, "7", 2, "ann", 20);
    struct event e = customer_event("7", T + 3, "ann b", true);
    e.source_partition = 1;
    e.source_offset = 21;
    assert_true(cluster_apply(&c, &e));
    cluster_commit(&c);
    assert_made_by(&c, 10, 1, 20, 2);                          /* the ref is under way */
    assert_false(cluster_consume(&c, TOPIC_CUSTOMER_REFS, 0)); /* the row of A is rewritten */
    assert_made_by(&c, 10, 1, 21, 3);
    struct why why = why_of(&c, WHY_ACCOUNT_WITH_CUSTOMER, "B");
    assert_int_equal(why.account.known, WHY_KNOWN);
    assert_int_equal(why.customer.known, WHY_UNKNOWN);
    cluster_settle(&c);
    why = why_of(&c, WHY_ACCOUNT_WITH_CUSTOMER, "B");
    assert_at(&why.customer, 21, 3);
    cluster_release(&c);
}

/* Rows may be of either rates while a task computes them anew. */
static void test_why__other_rates(void **state) {
    (void)state;
    struct cluster c;
    cluster_init(&c, 1);
    run_customer(&c, "7", 1, "ann", 20);
    run_account(&c, 2, 7, 10);
    assert_int_equal(why_of(&c, WHY_CUSTOMER_PROFILE, "7").rates, WHY_KNOWN);
    c.rates.loan_bonus_milli = 1;
    assert_int_equal(why_of(&c, WHY_ACCOUNT_SUMMARY, "A").rates, WHY_UNKNOWN);
    assert_int_equal(why_of(&c, WHY_CUSTOMER_PROFILE, "7").rates, WHY_UNKNOWN);
    cluster_refresh(&c, 0);
    assert_int_equal(why_of(&c, WHY_CUSTOMER_PROFILE, "7").rates, WHY_KNOWN);
    assert_made_by(&c, 10, 2, 20, 1);
    cluster_release(&c);
}

/* Rows that depend on a marked link or ref keep what they say until its message is processed, so
 * they may still have the rates of before. */
static void test_why__other_rates_and_a_message_under_way(void **state) {
    (void)state;
    struct cluster c;
    cluster_init(&c, 1);
    run_customer(&c, "7", 1, "ann", 20);
    run_account(&c, 2, 7, 10);
    int64_t interest = c.env.account.summary.annual_interest_amount;
    task_replay_ahead(&c.env, &c.tasks[0], TOPIC_CUSTOMER_REFS, slice_str("7"));
    task_replay_ahead(&c.env, &c.tasks[0], TOPIC_ACCOUNT_LINKS, slice_str("7|A"));
    c.rates.loan_bonus_milli = 1;
    cluster_refresh(&c, 0);
    assert_int_equal(why_of(&c, WHY_CUSTOMER_PROFILE, "7").rates, WHY_UNKNOWN);
    struct why why = why_of(&c, WHY_ACCOUNT_SUMMARY, "A");
    assert_int_equal(c.env.account.summary.annual_interest_amount, interest);
    assert_int_equal(why.rates, WHY_UNKNOWN);
    assert_int_equal(why.customer.known, WHY_UNKNOWN);
    assert_at(&why.account, 10, 2);
    cluster_release(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_why__is_what_the_model_says),
        cmocka_unit_test(test_why__follows_both_sides),
        cmocka_unit_test(test_why__late_records),
        cmocka_unit_test(test_why__without_headers),
        cmocka_unit_test(test_why__a_ref_of_version_0_2),
        cmocka_unit_test(test_why__while_a_fan_out_is_under_way),
        cmocka_unit_test(test_why__other_rates),
        cmocka_unit_test(test_why__other_rates_and_a_message_under_way),
    };
    return cmocka_run_group_tests_name("why", tests, NULL, NULL);
}
