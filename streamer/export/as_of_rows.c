#include "streamer/export/as_of_rows.h"

#include "streamer/layers/intermediate/join.h"
#include "streamer/layers/marts/account_summary.h"
#include "streamer/layers/marts/customer_profile.h"

struct merge {
    const struct as_of_rows *a;
    struct sorter *by_customer; /* the accounts: customer_id and account_id, row of the history */
    struct sorted_table rows;   /* joined rows or summaries; unused for profiles */
    struct buf key, value;      /* for one call */

    struct customer_history_row customer; /* where the merge is in `customers` */
    bool has_customer;                    /* false: behind the last */

    /* Of profiles: the customer whose accounts are summed up, and their sums. */
    int64_t customer_id;
    struct totals totals;
};

bool as_of_goes_on(const atomic_bool *stop, struct err *e) {
    return stop == NULL || !atomic_load(stop) || err_set(e, ERR_STOP, "interrupted");
}

/* --- the accounts, by customer --- */

static bool put_by_customer(struct merge *m, const struct account_history_row *row, struct err *e) {
    result_key_customer(row->customer_id, &m->key);
    buf_put_slice(&m->key, row->account_id);
    buf_clear(&m->value);
    row_put_avro(&account_history_type, row, &m->value);
    return sorter_put(m->by_customer, buf_slice(&m->key), buf_slice(&m->value), e);
}

static bool sort_by_customer(struct merge *m, struct err *e) {
    struct sorted_table *accounts = m->a->accounts;
    union result_any row;
    if (!sorted_table_begin(accounts, e))
        return false;
    while (sorted_table_next(accounts, &row, e))
        if (!as_of_goes_on(m->a->stop, e) || !put_by_customer(m, &row.account_history, e))
            return false;
    return e->class == ERR_NONE;
}

/* --- the customers, in step with the accounts --- */

static bool next_customer(struct merge *m, struct err *e) {
    union result_any row;
    m->has_customer = sorted_table_next(m->a->customers, &row, e);
    if (m->has_customer)
        m->customer = row.customer_history;
    return m->has_customer || e->class == ERR_NONE;
}

/* Moves to the customer. `ref` says what it was, whose text is good until the next call. */
static bool find_customer(struct merge *m, int64_t id, struct customer_ref *ref, struct err *e) {
    while (m->has_customer && m->customer.customer_id < id)
        if (!next_customer(m, e))
            return false;
    *ref = (struct customer_ref){0};
    if (m->has_customer && m->customer.customer_id == id)
        *ref = (struct customer_ref){true, m->customer.customer_name, m->customer.has_loan_flag};
    return true;
}

/* --- joined rows and summaries --- */

static bool put_joined(struct merge *m, const struct account_with_customer_row *joined,
                       struct err *e) {
    struct account_summary_row summary;
    if (m->a->table == ROW_ACCOUNT_WITH_CUSTOMER)
        return sorted_table_put(&m->rows, joined->account_id, joined, e);
    return !account_summarize(m->a->rates, joined, 0, &summary) ||
           sorted_table_put(&m->rows, summary.account_id, &summary, e);
}

static bool join(struct merge *m, const struct account_history_row *row, struct err *e) {
    struct customer_ref customer;
    struct account_with_customer_row joined;
    const struct account_attributes account = {row->customer_id, row->balance_amount,
                                               row->account_type};
    if (!find_customer(m, row->customer_id, &customer, e))
        return false;
    return !join_account(row->account_id, &account, row->valid_from_at, &customer, &joined) ||
           put_joined(m, &joined, e);
}

static bool give_rows(struct merge *m, struct err *e) {
    union result_any row;
    if (!sorted_table_begin(&m->rows, e))
        return false;
    while (sorted_table_next(&m->rows, &row, e))
        if (!as_of_goes_on(m->a->stop, e) || !m->a->seen(m->a->context, &row, e))
            return false;
    return e->class == ERR_NONE;
}

/* --- profiles, which come in the order of the merge --- */

static bool end_profile(struct merge *m, struct err *e) {
    struct customer_ref customer;
    struct customer_profile_row row;
    bool ok = m->totals.sums.accounts == 0 ||
              (find_customer(m, m->customer_id, &customer, e) &&
               (!customer_profile(&m->totals, m->customer_id, &customer, 0, &row) ||
                m->a->seen(m->a->context, &row, e)));
    totals_clear(&m->totals);
    return ok;
}

static bool add_to_profile(struct merge *m, const struct account_history_row *row, struct err *e) {
    if (row->customer_id != m->customer_id && !end_profile(m, e))
        return false;
    const struct account_link link = {0, row->balance_amount, row->account_type};
    (void)totals_add(&m->totals, m->a->rates, &link, 1);
    m->customer_id = row->customer_id;
    return true;
}

/* --- all --- */

static bool is_of_profiles(const struct merge *m) {
    return m->a->table == ROW_CUSTOMER_PROFILE;
}

static bool merge_account(struct merge *m, struct slice value, struct err *e) {
    struct account_history_row row;
    if (!row_get_avro(&account_history_type, &value, &row))
        return err_set(e, ERR_STOP, "a row that was sorted cannot be read back; try again");
    return is_of_profiles(m) ? add_to_profile(m, &row, e) : join(m, &row, e);
}

static bool merge_all(struct merge *m, struct err *e) {
    struct slice key, value;
    if (!sorted_table_begin(m->a->customers, e) || !next_customer(m, e) ||
        !sorter_begin(m->by_customer, e))
        return false;
    while (sorter_next(m->by_customer, &key, &value, e))
        if (!as_of_goes_on(m->a->stop, e) || !merge_account(m, value, e))
            return false;
    if (e->class != ERR_NONE)
        return false;
    return is_of_profiles(m) ? end_profile(m, e) : give_rows(m, e);
}

bool as_of_rows(const struct as_of_rows *a, struct err *e) {
    struct merge m = {.a = a, .by_customer = sorter_new("export", e)};
    bool ok = m.by_customer != NULL &&
              (is_of_profiles(&m) || sorted_table_init(&m.rows, a->table, TIMESTAMP_NONE, e)) &&
              sort_by_customer(&m, e) && merge_all(&m, e);
    sorted_table_release(&m.rows);
    sorter_free(m.by_customer);
    totals_release(&m.totals);
    buf_release(&m.key);
    buf_release(&m.value);
    return ok;
}
