#include "streamer/service/as_of_account.h"

#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/task/as_of.h"

#include <stdlib.h>

#define ROW_BYTES_MAX ((size_t)4 << 20) /* of a row of customer_history */

/* What the account was at the time. Its customer may be asked for in another instance. */
struct account_then {
    struct as_of_question question;
    struct http_exchange *exchange; /* NULL: nobody is asked */
    struct account_attributes account;
    int64_t from;
};

/* customer == NULL: it had no version. */
static void reply_joined(struct account_then *then, const struct customer_ref *customer,
                         struct http_reply *reply) {
    struct account_with_customer_row joined;
    struct account_summary_row summary;
    struct as_of_question *q = &then->question;
    bool is_joined = as_of_join(buf_slice(&q->id), &then->account, then->from, customer, &joined);
    if (is_joined && q->route->answer == ROUTE_JOINED)
        as_of_reply_row(&account_with_customer_type, &joined, reply);
    else if (is_joined && as_of_summarize(&q->answers->config->rates, &joined, &summary))
        as_of_reply_row(&account_summary_type, &summary, reply);
    else
        as_of_reply_none(q, reply);
}

/* --- the customer in another instance --- */

static void reply_with_customer(struct account_then *then, struct slice text,
                                struct http_reply *reply) {
    struct json json;
    struct customer_history_row row;
    json_init(&json);
    if (row_read_json(&customer_history_type, &json, slice_trim(text), &row))
        reply_joined(then, &(struct customer_ref){true, row.customer_name, row.has_loan_flag},
                     reply);
    else
        http_reply_later(reply, "the instance that has the customer's partition gives no row");
    json_release(&json);
}

static const char *why_not(int status) {
    switch (status) {
    case 0:
        return "the instance that has the customer's partition does not answer";
    case 401:
    case 403:
        return "the instance that has the customer's partition refuses this one: all need the same "
               "http.token.file, and to know their own names (http.hosts)";
    default:
        return "the instance that has the customer's partition cannot tell the customer now";
    }
}

/* On the client's thread. */
static void on_customer(void *context, struct http_answer *answer) {
    struct account_then *then = context;
    struct http_reply reply = {0};
    if (answer->status == 200)
        reply_with_customer(then, buf_slice(&answer->body), &reply);
    else if (answer->status == 404)
        reply_joined(then, NULL, &reply);
    else
        http_reply_later(&reply, why_not(answer->status));
    if (answer->status == 0 || answer->status == 503)
        peers_doubt(then->question.answers->gather.peers);
    http_finish(then->exchange, &reply);
    buf_release(&answer->body);
    as_of_question_release(&then->question);
    free(then);
}

/* Appends "/v1/customers/7?as_of=2024-01-01&forwarded=1". */
static void put_target(struct buf *url, int64_t customer_id, const char *as_of) {
    struct buf path = {0};
    buf_printf(&path, "/v1/customers/%lld", (long long)customer_id);
    const struct http_request question = {
        .path = buf_cstr(&path), .parameters = {{AS_OF_PARAMETER, as_of}}, .parameter_count = 1};
    forward_put_target(url, &question);
    buf_release(&path);
}

static void ask(struct account_then *then, const struct http_request *request, struct buf *url) {
    const struct gather *g = &then->question.answers->gather;
    struct account_then *kept = mem_calloc(1, sizeof *kept);
    *kept = *then;
    as_of_question_move(&kept->question, &then->question);
    kept->exchange = http_defer(request);
    put_target(url, kept->account.customer_id, http_parameter(request, AS_OF_PARAMETER));
    http_client_ask(g->client, &(struct http_question){.url = buf_cstr(url),
                                                       .token = g->token,
                                                       .total_ms = AS_OF_MS,
                                                       .bytes_max = ROW_BYTES_MAX,
                                                       .answered = on_customer,
                                                       .context = kept});
}

/* Why the instance with the customer's partition cannot be asked. NULL: `url` is the instance. */
static const char *find_instance(const struct answers *a, int32_t partition, struct buf *url) {
    const struct forward *f = &a->forward;
    if (f->holds(f->context, partition))
        return "the customer's partition is being restored";
    if (!f->is_settled(f->context))
        return "the instances are sharing the partitions out";
    if (a->gather.peers == NULL || a->gather.client == NULL)
        return "another instance has the customer's partition, and http.peers is not set";
    switch (peers_find(a->gather.peers, partition, url)) {
    case PEER_KNOWN:
        return NULL;
    case PEER_SILENT:
        return "another instance has the customer's partition and tells no http.advertised.url";
    case PEER_STRANGER:
        return "the URL of the instance that has the customer's partition does not match "
               "http.peers";
    case PEER_SELF:
    case PEER_UNKNOWN:
        break;
    }
    return "it is not known yet which instance has the customer's partition";
}

static void ask_for_customer(struct account_then *then, int32_t partition,
                             const struct http_request *request, struct http_reply *reply) {
    struct buf url = {0};
    const char *problem = find_instance(then->question.answers, partition, &url);
    if (problem != NULL)
        http_reply_later(reply, problem);
    else
        ask(then, request, &url);
    buf_release(&url);
}

/* --- what this instance has --- */

struct reading {
    struct task_env env;
    struct task account_task, customer_task;
    struct buf account_bytes, customer_bytes, customer_id;
    struct customer_attributes customer;
    bool owns_customer, has_account, has_customer;
};

static void read_customer(struct reading *r, const struct account_then *then) {
    const struct answers *a = then->question.answers;
    struct version v;
    buf_put_int(&r->customer_id, then->account.customer_id);
    task_init(&r->customer_task, murmur2_partition(buf_slice(&r->customer_id), a->partitions));
    r->owns_customer = workers_own(a->workers, r->customer_task.partition);
    r->has_customer = r->owns_customer && as_of_version(&r->env, &r->customer_task, ENTITY_CUSTOMER,
                                                        buf_slice(&r->customer_id),
                                                        then->question.at, &r->customer_bytes, &v);
    if (r->has_customer && !row_get_avro(&customer_attributes_type, &v.attributes, &r->customer))
        task_damaged(r->env.kv, FAMILY_CUSTOMER_HISTORY);
}

static void read_account(struct reading *r, struct account_then *then) {
    const struct as_of_question *q = &then->question;
    struct version v;
    task_init(&r->account_task, q->partition);
    r->has_account = as_of_version(&r->env, &r->account_task, ENTITY_ACCOUNT, buf_slice(&q->id),
                                   q->at, &r->account_bytes, &v) &&
                     task_decode_account(&r->env, v.attributes, &then->account);
    if (!r->has_account)
        return;
    then->from = v.from;
    read_customer(r, then);
}

static void reading_release(struct reading *r) {
    store_reader_free(r->env.kv);
    task_env_release(&r->env);
    task_release(&r->account_task);
    task_release(&r->customer_task);
    buf_release(&r->account_bytes);
    buf_release(&r->customer_bytes);
    buf_release(&r->customer_id);
}

/* Whether the partitions were this instance's all the time, so that what was read is whole. */
static bool still_owns(const struct reading *r, const struct workers *w) {
    return workers_own(w, r->account_task.partition) &&
           (!r->owns_customer || workers_own(w, r->customer_task.partition));
}

void as_of_account(struct as_of_question *q, const struct http_request *request,
                   struct http_reply *reply) {
    struct account_then then = {0};
    struct reading r = {.env.kv = store_reader_new(q->answers->store)};
    as_of_question_move(&then.question, q);
    read_account(&r, &then);
    if (kv_failed(r.env.kv))
        http_reply_error(reply, 500, r.env.kv->err.text);
    else if (!still_owns(&r, then.question.answers->workers))
        http_reply_later(reply, "the instances are sharing the partitions out");
    else if (!r.has_account)
        as_of_reply_none(&then.question, reply);
    else if (!r.owns_customer)
        ask_for_customer(&then, r.customer_task.partition, request, reply);
    else
        reply_joined(&then,
                     r.has_customer ? &(struct customer_ref){true, r.customer.customer_name,
                                                             r.customer.has_loan_flag}
                                    : NULL,
                     reply);
    as_of_question_release(&then.question);
    reading_release(&r);
}
