#include "streamer/http/query.h"

#include "state/keys.h"
#include "streamer/base/decimal.h"
#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/utf8.h"
#include "streamer/http/query_accounts.h"
#include "streamer/http/query_why.h"
#include "streamer/task/history_rows.h"
#include "streamer/task/task_rows.h"

#include <string.h>

/* A query that is being answered. */
struct query {
    const struct query_context *context;
    const struct route *route;
    const char *table;
    enum entity entity;
    enum why_table why; /* only of ROUTE_WHY */
    struct buf id;      /* in the form that keys are made of */
    struct task task;
    struct task_env env;
    struct http_reply *reply;
};

static void put_version(struct query *q, const struct version *v) {
    union history_row row;
    if (history_row_of_version(q->entity, buf_slice(&q->id), v, &row))
        row_put_json(history_row_type(q->entity), &row, &q->reply->body);
    else
        task_damaged(q->env.kv, entity_map(q->entity)->rows);
}

/* Puts the closed versions and the current one that hold at `as_of` (TIMESTAMP_NONE: all of them)
 * into the reply, oldest first, with commas between them. Returns how many. */
static int put_versions(struct query *q, int64_t as_of) {
    int count = 0;
    enum family f = entity_map(q->entity)->versions;
    const struct timeline *line = task_load_row(&q->env, &q->task, q->entity, buf_slice(&q->id));
    bool known = !timeline_is_empty(line);
    struct buf prefix = {0};
    task_version_prefix(&prefix, &q->task, q->entity, buf_slice(&q->id));
    struct kv_cursor *c = kv_cursor(q->env.kv, f);
    for (cursor_seek(c, buf_slice(&prefix)); known && cursor_in(c, buf_slice(&prefix));
         cursor_next(c)) {
        struct slice body;
        struct version v;
        if (!task_body(q->env.kv, f, cursor_value(c), &body))
            break;
        if (!version_decode(body, key_time(cursor_key(c)), &v)) {
            task_damaged(q->env.kv, f);
            break;
        }
        if (as_of != TIMESTAMP_NONE && (as_of < v.from || as_of >= v.to))
            continue;
        buf_put_str(&q->reply->body, count++ > 0 ? "," : "");
        put_version(q, &v);
    }
    cursor_free(c);
    buf_release(&prefix);
    if (line->has_current && (as_of == TIMESTAMP_NONE || as_of >= line->current.from)) {
        buf_put_str(&q->reply->body, count++ > 0 ? "," : "");
        put_version(q, &line->current);
    }
    return count;
}

static void not_found(struct query *q, const char *what) {
    struct buf text = {0};
    buf_printf(&text, "%s of %s/%s", what, q->table, buf_cstr(&q->id));
    http_reply_error(q->reply, 404, buf_cstr(&text));
    buf_release(&text);
}

static void answer_current(struct query *q) {
    const struct timeline *line = task_load_row(&q->env, &q->task, q->entity, buf_slice(&q->id));
    if (!line->has_current)
        not_found(q, "no current version");
    else
        put_version(q, &line->current);
}

static void answer_as_of(struct query *q, int64_t as_of) {
    if (put_versions(q, as_of) == 0)
        not_found(q, "no version at that time");
}

static void answer_history(struct query *q) {
    buf_put_byte(&q->reply->body, '[');
    if (put_versions(q, TIMESTAMP_NONE) == 0)
        not_found(q, "no version");
    else
        buf_put_byte(&q->reply->body, ']');
}

static void answer_mart(struct query *q) {
    const struct account_row *account = &q->env.account;
    const struct customer_row *customer = &q->env.customer;
    struct buf *out = &q->reply->body;
    (void)task_load_row(&q->env, &q->task, q->entity, buf_slice(&q->id));
    if (q->entity == ENTITY_ACCOUNT && account->has_summary)
        row_put_json(&account_summary_type, &account->summary, out);
    else if (q->entity == ENTITY_CUSTOMER && customer->has_profile)
        row_put_json(&customer_profile_type, &customer->profile, out);
    else
        not_found(q, "no row");
}

static void answer_joined(struct query *q) {
    (void)task_load_row(&q->env, &q->task, ENTITY_ACCOUNT, buf_slice(&q->id));
    if (q->env.account.has_joined)
        row_put_json(&account_with_customer_type, &q->env.account.joined, &q->reply->body);
    else
        not_found(q, "no row");
}

static void answer_accounts(struct query *q, const struct http_request *request) {
    int64_t customer_id;
    if (task_parse_customer_id(buf_slice(&q->id), &customer_id)) /* read_id has made sure of it */
        query_accounts(&q->env, &q->task, customer_id, request, q->reply);
}

static void answer_why(struct query *q) {
    struct why why;
    if (why_read(&q->env, &q->task, q->why, buf_slice(&q->id), &why))
        query_put_why(q->why, buf_slice(&q->id), &why, q->context, &q->reply->body);
    else
        not_found(q, "no row");
}

/* --- the path --- */

/* Finds out which table is asked for. False with a reply (400): there is no such table. */
static bool read_table(struct query *q, const char *path) {
    q->table = q->route->table;
    q->entity = q->route->entity;
    if (q->route->answer != ROUTE_WHY)
        return true;
    if (!query_read_why_table(path, &q->why, q->reply))
        return false;
    q->table = why_table_name(q->why);
    q->entity = why_table_entity(q->why);
    return true;
}

bool query_read_id(const char *path, int segment, enum entity entity, struct buf *id,
                   struct http_reply *reply) {
    struct buf text = {0};
    int64_t customer_id;
    bool ok = http_path_segment(path, segment, &text) && text.n > 0;
    if (ok && entity == ENTITY_CUSTOMER) {
        ok = task_parse_customer_id(buf_slice(&text), &customer_id);
        if (ok)
            buf_put_int(id, customer_id);
    } else if (ok) {
        ok = utf8_is_valid(buf_slice(&text));
        buf_set(id, buf_slice(&text));
    }
    buf_release(&text);
    if (!ok)
        http_reply_error(reply, 400,
                         entity == ENTITY_CUSTOMER ? "give a customer_id, a number"
                                                   : "give an account_id");
    return ok;
}

static void answer_row(struct query *q, const struct http_request *request) {
    int64_t as_of = route_time(request, "as_of");
    if (q->route->answer == ROUTE_WHY)
        answer_why(q);
    else if (q->route->answer == ROUTE_MART)
        answer_mart(q);
    else if (q->route->answer == ROUTE_JOINED)
        answer_joined(q);
    else if (q->route->answer == ROUTE_ACCOUNTS)
        answer_accounts(q, request);
    else if (q->route->answer == ROUTE_HISTORY)
        answer_history(q);
    else if (as_of != TIMESTAMP_NONE)
        answer_as_of(q, as_of);
    else
        answer_current(q);
}

static void answer(struct query *q, const struct http_request *request) {
    const struct query_context *context = q->context;
    if (!read_table(q, request->path))
        return;
    int segment = q->route->answer == ROUTE_WHY ? 3 : 2;
    if (!query_read_id(request->path, segment, q->entity, &q->id, q->reply))
        return;
    int32_t partition = murmur2_partition(buf_slice(&q->id), context->partitions);
    if (!context->owns(context->context, partition)) {
        context->not_here(context->context, request, partition, q->reply);
        return;
    }
    task_init(&q->task, partition);
    answer_row(q, request);
}

void query_handle(const struct query_context *context, const struct route *route,
                  const struct http_request *request, struct http_reply *reply) {
    struct query q = {.context = context, .route = route, .reply = reply};
    reply->status = 200;
    reply->content_type = "application/json";
    q.env.kv = store_reader_new(context->store);
    q.env.rates = context->rates;
    answer(&q, request);
    if (reply->status == 200)
        buf_put_byte(&reply->body, '\n');
    if (kv_failed(q.env.kv)) {
        buf_clear(&reply->body);
        http_reply_error(reply, 500, q.env.kv->err.text);
    }
    store_reader_free(q.env.kv);
    task_release(&q.task);
    task_env_release(&q.env);
    buf_release(&q.id);
}
