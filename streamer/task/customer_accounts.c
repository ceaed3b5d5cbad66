#include "streamer/task/customer_accounts.h"

#include "state/keys.h"

static struct customer_account_row row_of_link(struct slice account_id,
                                               const struct account_link *link) {
    return (struct customer_account_row){
        .account_id = account_id,
        .partition = link->partition,
        .balance_amount = link->balance_amount,
        .account_type = link->account_type,
    };
}

/* Reads the next link in the customer's row. */
static void read_inside(struct customer_accounts *a) {
    struct slice account_id;
    struct account_link link;
    a->has_inside = false;
    if (a->rest.n == 0)
        return;
    if (!customer_links_next(&a->rest, &account_id, &link)) {
        task_damaged(a->kv, FAMILY_CUSTOMERS);
        return;
    }
    a->has_inside = true;
    a->inside = row_of_link(account_id, &link);
}

static bool has_outside(const struct customer_accounts *a) {
    return cursor_in(a->cursor, buf_slice(&a->prefix));
}

static struct slice outside_id(const struct customer_accounts *a) {
    return key_account_of_customer(cursor_key(a->cursor));
}

static bool read_outside(struct customer_accounts *a) {
    struct slice body;
    struct account_link link;
    if (!task_body(a->kv, FAMILY_LINKS, cursor_value(a->cursor), &body))
        return false;
    if (!link_decode(&body, &link) || body.n > 0) {
        task_damaged(a->kv, FAMILY_LINKS);
        return false;
    }
    a->row = row_of_link(outside_id(a), &link);
    return true;
}

static void skip_up_to(struct customer_accounts *a, struct slice after) {
    while (a->has_inside && slice_compare(a->inside.account_id, after) <= 0)
        read_inside(a);
    if (has_outside(a) && slice_eq(outside_id(a), after))
        cursor_next(a->cursor);
}

void customer_accounts_init(struct customer_accounts *a, struct task_env *env, const struct task *t,
                            int64_t customer_id, struct slice after) {
    *a = (struct customer_accounts){.kv = env->kv, .rest = env->customer.links.items};
    key_customer(&a->prefix, t->partition, customer_id);
    key_customer_account(&env->key2, t->partition, customer_id, after);
    a->cursor = kv_cursor(a->kv, FAMILY_LINKS);
    cursor_seek(a->cursor, buf_slice(&env->key2));
    read_inside(a);
    skip_up_to(a, after);
}

bool customer_accounts_next(struct customer_accounts *a) {
    if (a->is_outside)
        cursor_next(a->cursor);
    bool outside = has_outside(a);
    if (kv_failed(a->kv) || (!outside && !a->has_inside))
        return false;
    a->is_outside =
        outside && (!a->has_inside || slice_compare(outside_id(a), a->inside.account_id) < 0);
    if (a->is_outside)
        return read_outside(a);
    a->row = a->inside;
    read_inside(a);
    return true;
}

void customer_accounts_release(struct customer_accounts *a) {
    cursor_free(a->cursor);
    buf_release(&a->prefix);
}
