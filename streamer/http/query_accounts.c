#include "streamer/http/query_accounts.h"

#include "streamer/task/customer_accounts.h"

static void put_next(int64_t customer_id, int limit, struct slice last, struct buf *out) {
    buf_printf(out, "\"/v1/customers/%lld/accounts?limit=%d&after=", (long long)customer_id, limit);
    http_put_encoded(out, last);
    buf_put_byte(out, '"');
}

static void put_page(struct customer_accounts *a, int64_t customer_id, int limit, struct buf *out) {
    struct buf last = {0};
    int count = 0;
    bool has_more;
    buf_printf(out, "{\"customer_id\":%lld,\"accounts\":[", (long long)customer_id);
    while ((has_more = customer_accounts_next(a)) && count < limit &&
           (count == 0 || out->n < ACCOUNTS_PAGE_BYTES)) {
        buf_put_str(out, count++ > 0 ? "," : "");
        row_put_json(&customer_account_type, &a->row, out);
        buf_set(&last, a->row.account_id);
    }
    buf_put_str(out, "],\"next\":");
    if (has_more)
        put_next(customer_id, limit, buf_slice(&last), out);
    else
        buf_put_str(out, "null");
    buf_put_byte(out, '}');
    buf_release(&last);
}

/* Accounts may name a customer that is not there, or not any more. */
static void not_found(const struct customer_row *row, int64_t customer_id,
                      struct http_reply *reply) {
    struct buf text = {0};
    int64_t orphans = totals_links(&row->totals);
    buf_printf(&text, "no current version of customers/%lld", (long long)customer_id);
    if (orphans > 0)
        buf_printf(&text, ", which %lld current account%s", (long long)orphans,
                   orphans == 1 ? " names" : "s name");
    http_reply_error(reply, 404, buf_cstr(&text));
    buf_release(&text);
}

void query_accounts(struct task_env *env, const struct task *t, int64_t customer_id,
                    const struct http_request *request, struct http_reply *reply) {
    const char *after = http_parameter(request, ROUTE_AFTER);
    struct customer_accounts a;
    task_load_customer(env, t, customer_id);
    if (!env->customer.timeline.has_current) {
        not_found(&env->customer, customer_id, reply);
        return;
    }
    customer_accounts_init(&a, env, t, customer_id, slice_str(after != NULL ? after : ""));
    put_page(&a, customer_id, route_limit(request), &reply->body);
    customer_accounts_release(&a);
}
