/* Rows as of a time, against a model: nested loops over all versions, and sums in a plain way. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/export/as_of_rows.h"

#include <string.h>

#define CUSTOMERS 25
#define ACCOUNTS 60
#define VERSIONS_MAX 4
#define TIME_MAX 100

struct past_version {
    int64_t from, to; /* to == TIMESTAMP_NONE: current */
    int64_t customer_id;
    int64_t balance;
    bool is_savings, has_loan;
    int name;     /* a number in the customer's name */
    bool is_gone; /* the version was deleted: its last message is a tombstone */
};

struct past {
    struct past_version customers[CUSTOMERS][VERSIONS_MAX];
    struct past_version accounts[ACCOUNTS][VERSIONS_MAX];
};

/* --- random histories --- */

static void make_versions(struct rng *r, struct past_version *versions) {
    int64_t at = rng_below(r, TIME_MAX / 2);
    for (int i = 0; i < VERSIONS_MAX; i++) {
        bool is_last = i == VERSIONS_MAX - 1;
        int64_t to = at + 1 + rng_below(r, TIME_MAX / 4);
        versions[i] =
            (struct past_version){.from = at,
                                  .to = is_last && rng_chance(r, 60) ? TIMESTAMP_NONE : to,
                                  .customer_id = rng_below(r, CUSTOMERS + 3),
                                  .balance = rng_below(r, 3000000),
                                  .is_savings = rng_chance(r, 70),
                                  .has_loan = rng_chance(r, 50),
                                  .name = (int)rng_below(r, 1000),
                                  .is_gone = rng_chance(r, 10)};
        at = to + (rng_chance(r, 30) ? rng_below(r, 10) : 0); /* sometimes there was no row */
    }
}

static void make_model(struct rng *r, struct past *m) {
    for (int i = 0; i < CUSTOMERS; i++)
        make_versions(r, m->customers[i]);
    for (int i = 0; i < ACCOUNTS; i++)
        make_versions(r, m->accounts[i]);
}

/* --- what the program gets: messages --- */

struct rig {
    struct past model;
    struct sorted_table customers, accounts;
    struct buf seen;
};

/* Puts a version as its topic has it: first current, then as it is known now, or a tombstone. */
static void put_version(struct sorted_table *t, struct slice key, void *row, int64_t *to,
                        const struct past_version *v) {
    struct err e = {0};
    *to = TIMESTAMP_NONE;
    assert_true(sorted_table_put(t, key, row, &e));
    *to = v->to;
    assert_true(sorted_table_put(t, key, v->is_gone ? NULL : row, &e));
}

static void put_customer(struct rig *r, int id, const struct past_version *v) {
    char name[32], key[64];
    (void)snprintf(name, sizeof name, "name %d", v->name);
    (void)snprintf(key, sizeof key, "%d|%lld", id, (long long)v->from);
    struct customer_history_row row = {.customer_id = id,
                                       .customer_name = slice_str(name),
                                       .has_loan_flag = v->has_loan,
                                       .valid_from_at = v->from};
    put_version(&r->customers, slice_str(key), &row, &row.valid_to_at, v);
}

static const char *type_of(const struct past_version *v) {
    return v->is_savings ? "savings" : "checking";
}

static void put_account(struct rig *r, int id, const struct past_version *v) {
    char name[32], key[64];
    (void)snprintf(name, sizeof name, "A-%d", id);
    (void)snprintf(key, sizeof key, "A-%d|%lld", id, (long long)v->from);
    struct account_history_row row = {.account_id = slice_str(name),
                                      .customer_id = v->customer_id,
                                      .balance_amount = v->balance,
                                      .account_type = slice_str(type_of(v)),
                                      .valid_from_at = v->from};
    put_version(&r->accounts, slice_str(key), &row, &row.valid_to_at, v);
}

static void put_model(struct rig *r, int64_t as_of) {
    struct err e = {0};
    assert_true(sorted_table_init(&r->customers, ROW_CUSTOMER_HISTORY, as_of, &e));
    assert_true(sorted_table_init(&r->accounts, ROW_ACCOUNT_HISTORY, as_of, &e));
    for (int v = 0; v < VERSIONS_MAX; v++) {
        for (int i = 0; i < CUSTOMERS; i++)
            put_customer(r, i, &r->model.customers[i][v]);
        for (int i = 0; i < ACCOUNTS; i++)
            put_account(r, i, &r->model.accounts[i][v]);
    }
}

/* --- the model's rows --- */

static const struct past_version *valid_at(const struct past_version *versions, int64_t at) {
    for (int i = 0; i < VERSIONS_MAX; i++) {
        const struct past_version *v = &versions[i];
        if (!v->is_gone && at >= v->from && (v->to == TIMESTAMP_NONE || at < v->to))
            return v;
    }
    return NULL;
}

static const struct past_version *customer_at(const struct past *m, int64_t id, int64_t at) {
    return id < CUSTOMERS ? valid_at(m->customers[id], at) : NULL;
}

/* The rates of the contract: below 10,000 1 %, below 20,000 1.5 %, else 2 %; 0.5 % for a loan. */
static int64_t rate_of(int64_t cents, bool has_loan) {
    int64_t rate = cents < 1000000 ? 10 : cents < 2000000 ? 15 : 20;
    return rate + (has_loan ? 5 : 0);
}

static int64_t interest_of(int64_t cents, bool has_loan) {
    return (cents * rate_of(cents, has_loan) + 500) / 1000;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Appends the account ids' numbers in the order of their texts. */
static void order_accounts(int order[ACCOUNTS]) {
    char texts[ACCOUNTS][16];
    char *sorted[ACCOUNTS];
    for (int i = 0; i < ACCOUNTS; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "A-%d", i);
        sorted[i] = texts[i];
    }
    qsort(sorted, ACCOUNTS, sizeof *sorted, by_text);
    for (int i = 0; i < ACCOUNTS; i++)
        order[i] = atoi(sorted[i] + 2);
}

static void model_joined(const struct past *m, int64_t at, struct buf *out) {
    int order[ACCOUNTS];
    order_accounts(order);
    for (int i = 0; i < ACCOUNTS; i++) {
        const struct past_version *a = valid_at(m->accounts[order[i]], at);
        const struct past_version *c = a != NULL ? customer_at(m, a->customer_id, at) : NULL;
        if (c != NULL)
            buf_printf(out, "A-%d %lld name %d %d %lld %s %lld\n", order[i],
                       (long long)a->customer_id, c->name, c->has_loan, (long long)a->balance,
                       type_of(a), (long long)a->from);
    }
}

static void model_summaries(const struct past *m, int64_t at, struct buf *out) {
    int order[ACCOUNTS];
    order_accounts(order);
    for (int i = 0; i < ACCOUNTS; i++) {
        const struct past_version *a = valid_at(m->accounts[order[i]], at);
        const struct past_version *c = a != NULL ? customer_at(m, a->customer_id, at) : NULL;
        if (c == NULL || !a->is_savings)
            continue;
        int64_t interest = interest_of(a->balance, c->has_loan);
        buf_printf(out, "A-%d %lld %lld %lld %lld %lld\n", order[i], (long long)a->customer_id,
                   (long long)a->balance, (long long)rate_of(a->balance, c->has_loan),
                   (long long)interest, (long long)(a->balance + interest));
    }
}

static void model_profiles(const struct past *m, int64_t at, struct buf *out) {
    for (int id = 0; id < CUSTOMERS; id++) {
        const struct past_version *c = customer_at(m, id, at);
        long long accounts = 0, balance = 0, interest = 0;
        for (int i = 0; c != NULL && i < ACCOUNTS; i++) {
            const struct past_version *a = valid_at(m->accounts[i], at);
            if (a == NULL || a->customer_id != id || !a->is_savings)
                continue;
            accounts++;
            balance += a->balance;
            interest += interest_of(a->balance, c->has_loan);
        }
        if (accounts > 0)
            buf_printf(out, "%d name %d %d %lld %lld %lld\n", id, c->name, c->has_loan, accounts,
                       balance, interest);
    }
}

/* --- the program's rows --- */

static bool see_joined(void *context, const void *row, struct err *e) {
    struct rig *r = context;
    const struct account_with_customer_row *j = row;
    (void)e;
    buf_printf(&r->seen, "%.*s %lld %.*s %d %lld %.*s %lld\n", (int)j->account_id.n,
               j->account_id.p, (long long)j->customer_id, (int)j->customer_name.n,
               j->customer_name.p, j->has_loan_flag, (long long)j->balance_amount,
               (int)j->account_type.n, j->account_type.p, (long long)j->valid_from_at);
    return true;
}

static bool see_summary(void *context, const void *row, struct err *e) {
    struct rig *r = context;
    const struct account_summary_row *s = row;
    (void)e;
    assert_int_equal(s->calculated_at, 0);
    buf_printf(&r->seen, "%.*s %lld %lld %lld %lld %lld\n", (int)s->account_id.n, s->account_id.p,
               (long long)s->customer_id, (long long)s->original_balance_amount,
               (long long)s->interest_rate_pct, (long long)s->annual_interest_amount,
               (long long)s->new_balance_amount);
    return true;
}

static bool see_profile(void *context, const void *row, struct err *e) {
    struct rig *r = context;
    const struct customer_profile_row *p = row;
    (void)e;
    assert_int_equal(p->calculated_at, 0);
    buf_printf(&r->seen, "%lld %.*s %d %lld %lld %lld\n", (long long)p->customer_id,
               (int)p->customer_name.n, p->customer_name.p, p->has_loan_flag,
               (long long)p->total_accounts_count, (long long)p->total_balance_amount,
               (long long)p->total_annual_interest_amount);
    return true;
}

static bool make_rows(struct rig *r, enum row_result table, sorted_table_seen *see,
                      const atomic_bool *stop, struct err *e) {
    struct rates rates = default_rates();
    const struct as_of_rows a = {.table = table,
                                 .accounts = &r->accounts,
                                 .customers = &r->customers,
                                 .rates = &rates,
                                 .stop = stop,
                                 .seen = see,
                                 .context = r};
    buf_clear(&r->seen);
    return as_of_rows(&a, e);
}

static void assert_rows(struct rig *r, enum row_result table, sorted_table_seen *see,
                        void (*expect)(const struct past *, int64_t, struct buf *), int64_t at) {
    struct err e = {0};
    struct buf expected = {0};
    if (!make_rows(r, table, see, NULL, &e))
        fail_msg("%s", e.text);
    expect(&r->model, at, &expected);
    assert_string_equal(buf_cstr(&r->seen), buf_cstr(&expected));
    buf_release(&expected);
}

static void rig_release(struct rig *r) {
    sorted_table_release(&r->customers);
    sorted_table_release(&r->accounts);
    buf_release(&r->seen);
}

static void test_as_of_rows__as_the_model(void **state) {
    (void)state;
    struct rng random = rng_seeded(17);
    size_t rows = 0;
    for (uint64_t seed = 0; seed < seed_count(6); seed++) {
        struct rig r = {0};
        int64_t at = rng_below(&random, TIME_MAX);
        make_model(&random, &r.model);
        put_model(&r, at);
        assert_rows(&r, ROW_ACCOUNT_WITH_CUSTOMER, see_joined, model_joined, at);
        assert_rows(&r, ROW_ACCOUNT_SUMMARY, see_summary, model_summaries, at);
        assert_rows(&r, ROW_CUSTOMER_PROFILE, see_profile, model_profiles, at);
        rows += r.seen.n;
        rig_release(&r);
    }
    assert_true(rows > 0);
}

static void test_as_of_rows__nothing_then(void **state) {
    (void)state;
    struct rig r = {0};
    struct rng random = rng_seeded(1);
    make_model(&random, &r.model);
    put_model(&r, -1); /* before all versions */
    assert_rows(&r, ROW_ACCOUNT_WITH_CUSTOMER, see_joined, model_joined, -1);
    assert_rows(&r, ROW_CUSTOMER_PROFILE, see_profile, model_profiles, -1);
    assert_int_equal(r.seen.n, 0);
    rig_release(&r);
}

static void test_as_of_rows__interrupted(void **state) {
    (void)state;
    struct rig r = {0};
    struct rng random = rng_seeded(1);
    struct err e = {0};
    const atomic_bool stop = true;
    make_model(&random, &r.model);
    put_model(&r, TIME_MAX / 2);
    assert_false(make_rows(&r, ROW_ACCOUNT_SUMMARY, see_summary, &stop, &e));
    assert_int_equal(e.class, ERR_STOP);
    assert_non_null(strstr(e.text, "interrupted"));
    rig_release(&r);
}

/* --- a history --- */

static void test_sorted_table__all_versions(void **state) {
    (void)state;
    struct err e = {0};
    struct sorted_table t;
    union result_any row;
    struct customer_history_row put = {.customer_name = slice_str("n"),
                                       .valid_to_at = TIMESTAMP_NONE};
    assert_true(sorted_table_init(&t, ROW_CUSTOMER_HISTORY, TIMESTAMP_NONE, &e));
    static const struct { int64_t id, from; } versions[] = {{10, 5}, {2, 70}, {-1, 0}, {2, 8}};
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct buf key = {0};
        put.customer_id = versions[i].id;
        put.valid_from_at = versions[i].from;
        result_key_of(ROW_CUSTOMER_HISTORY, &put, &key);
        assert_true(sorted_table_put(&t, buf_slice(&key), &put, &e));
        buf_release(&key);
    }
    assert_true(sorted_table_begin(&t, &e));
    static const size_t order[] = {2, 3, 1, 0};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        assert_true(sorted_table_next(&t, &row, &e));
        assert_int_equal(row.customer_history.customer_id, versions[order[i]].id);
        assert_int_equal(row.customer_history.valid_from_at, versions[order[i]].from);
    }
    assert_false(sorted_table_next(&t, &row, &e));
    assert_int_equal(e.class, ERR_NONE);
    assert_false(sorted_table_put(&t, slice_str("x"), &put, &e));
    assert_non_null(strstr(e.text, "\"x\" is no key of customer_history"));
    sorted_table_release(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_of_rows__as_the_model),
        cmocka_unit_test(test_as_of_rows__nothing_then),
        cmocka_unit_test(test_as_of_rows__interrupted),
        cmocka_unit_test(test_sorted_table__all_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
