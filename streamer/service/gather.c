#include "streamer/service/gather.h"

#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/http/routes.h"
#include "streamer/service/forward.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES_MAX ((size_t)4 << 20)

/* --- which parts there are --- */

/* What is said of partitions whose instance cannot be asked. */
static const char *why_unknown(enum peer_state state) {
    switch (state) {
    case PEER_SILENT:
        return "the instance that has these partitions tells no http.advertised.url";
    case PEER_STRANGER:
        return "the URL of the instance that has these partitions does not match http.peers";
    case PEER_UNKNOWN:
    case PEER_SELF:
    case PEER_KNOWN:
        break;
    }
    return "it is not known yet which instance has these partitions";
}

static void set_problem(struct gather_part *part, const char *text) {
    (void)snprintf(part->problem, sizeof part->problem, "%s", text);
}

static void add_partition(struct gather_part *part, int32_t n, int32_t partition) {
    if (part->partitions == NULL)
        part->partitions = mem_calloc((size_t)n, sizeof *part->partitions);
    part->partitions[part->partition_count++] = partition;
}

/* Parts while they are planned: the own one, one for each URL, and one for each kind of instance
 * that cannot be asked. */
struct plan {
    struct gather_part *parts;
    size_t url_count;
};

#define PARTS_UNKNOWN 4 /* silent, strangers, not known yet, no peers */

static struct gather_part *part_of(const struct plan *plan, const struct peers_list *list,
                                   int32_t partition) {
    struct gather_part *unknown = &plan->parts[1 + plan->url_count];
    if (list == NULL) {
        set_problem(&unknown[3], "another instance may have these partitions, and http.peers is "
                                 "not set");
        return &unknown[3];
    }
    const struct peer *owner = &list->owners[partition];
    if (owner->state == PEER_KNOWN)
        return &plan->parts[1 + owner->url];
    struct gather_part *part = &unknown[owner->state == PEER_SILENT     ? 0
                                        : owner->state == PEER_STRANGER ? 1
                                                                        : 2];
    set_problem(part, why_unknown(owner->state));
    return part;
}

static bool is_part(const struct gather_part *part) {
    return part->is_self || part->url != NULL || part->partition_count > 0;
}

/* Closes the gaps: parts of instances that there are none of. */
static size_t keep_parts(struct gather_part *parts, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (is_part(&parts[i]))
            parts[kept++] = parts[i];
    return kept;
}

struct gather_part *gather_plan(const struct gather *g, const struct peers_list *list,
                                size_t *count) {
    struct plan plan = {.url_count = list != NULL ? list->url_count : 0};
    size_t all = 1 + plan.url_count + PARTS_UNKNOWN;
    plan.parts = mem_calloc(all, sizeof *plan.parts);
    plan.parts[0].is_self = true;
    if (g->own_url[0] != '\0')
        plan.parts[0].url = mem_strdup(g->own_url);
    for (size_t i = 0; i < plan.url_count; i++) {
        plan.parts[1 + i].url = mem_strdup(list->urls[i]);
        if (i + 1 >= GATHER_INSTANCES_MAX)
            set_problem(&plan.parts[1 + i], "there are too many instances to ask all");
    }
    for (int32_t p = 0; p < g->partitions; p++)
        add_partition(g->holds(g->context, p) ? &plan.parts[0] : part_of(&plan, list, p),
                      g->partitions, p);
    *count = keep_parts(plan.parts, all);
    return plan.parts;
}

void gather_release(struct gather_part *parts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(parts[i].url);
        free(parts[i].partitions);
        buf_release(&parts[i].answer);
    }
    free(parts);
}

/* --- what an instance answers --- */

static const char *why_refused(int status) {
    switch (status) {
    case 401:
    case 403:
        return "it refuses this instance: all need the same http.token.file, and to know their own "
               "names (http.hosts)";
    case 404:
        return "it does not know the question: it runs an older version";
    case 503:
        return "it starts, or is busy";
    default:
        return "it answers with an error";
    }
}

void gather_take(struct gather_part *part, int status, struct buf *body) {
    struct json json;
    json_init(&json);
    if (status != 200)
        (void)snprintf(part->problem, sizeof part->problem, "%s (status %d)", why_refused(status),
                       status);
    else if (json_parse(&json, buf_slice(body)) == NULL)
        set_problem(part, "its answer is no JSON");
    json_release(&json);
    if (part->problem[0] != '\0')
        return;
    part->answer = *body;
    *body = (struct buf){0};
}

/* --- all answers --- */

static void put_text(struct buf *out, const char *text) {
    if (text == NULL)
        buf_put_str(out, "null");
    else
        json_put_string(out, slice_str(text));
}

static void put_part(const struct gather_part *part, struct buf *out) {
    bool is_reached = part->problem[0] == '\0';
    buf_put_str(out, "{\"url\":");
    put_text(out, part->url);
    buf_printf(out, ",\"self\":%s,\"partitions\":[", part->is_self ? "true" : "false");
    for (size_t i = 0; i < part->partition_count; i++)
        buf_printf(out, "%s%d", i > 0 ? "," : "", part->partitions[i]);
    buf_printf(out, "],\"reached\":%s,\"error\":", is_reached ? "true" : "false");
    put_text(out, is_reached ? NULL : part->problem);
    buf_put_str(out, ",\"answer\":");
    buf_put_slice(out, is_reached ? slice_trim(buf_slice(&part->answer)) : slice_str("null"));
    buf_put_byte(out, '}');
}

void gather_put_json(const struct gather_part *parts, size_t count, struct buf *out) {
    buf_put_str(out, "{\"instances\":[");
    for (size_t i = 0; i < count; i++) {
        buf_put_str(out, i > 0 ? "," : "");
        put_part(&parts[i], out);
    }
    buf_put_str(out, "]}\n");
}

/* --- asking --- */

struct gathering {
    struct http_exchange *exchange;
    struct peers *peers;
    int64_t total_ms;
    gather_done *done;
    void *context;
    struct gather_part *parts;
    size_t count;
    atomic_size_t pending; /* requests under way, and the own answer */
};

/* Whoever is the last answers the client. */
static void one_is_done(struct gathering *all) {
    if (atomic_fetch_sub(&all->pending, 1) > 1)
        return;
    struct http_reply reply = {0};
    all->done(all->context, all->parts, all->count, &reply);
    gather_release(all->parts, all->count);
    http_finish(all->exchange, &reply);
    free(all);
}

/* On the client's thread. */
static void on_answer(void *context, struct http_answer *answer) {
    struct gather_part *part = context;
    struct gathering *all = part->within;
    if (answer->status == 0) {
        peers_doubt(all->peers);
        (void)snprintf(part->problem, sizeof part->problem, "it does not answer: %.200s",
                       answer->problem);
    } else {
        gather_take(part, answer->status, &answer->body);
    }
    buf_release(&answer->body);
    one_is_done(all);
}

/* The same question, to the other instance alone. */
static void put_url(struct buf *url, const char *instance, const struct http_request *request) {
    struct http_request alone = {.path = request->path};
    for (size_t i = 0; i < request->parameter_count; i++)
        if (strcmp(request->parameters[i].name, ROUTE_ALL) != 0)
            alone.parameters[alone.parameter_count++] = request->parameters[i];
    buf_set(url, slice_str(instance));
    forward_put_target(url, &alone);
}

static bool is_to_be_asked(const struct gather_part *part) {
    return !part->is_self && part->problem[0] == '\0';
}

static void ask(const struct gather *g, struct gathering *all, struct gather_part *part,
                const struct http_request *request) {
    struct buf url = {0};
    put_url(&url, part->url, request);
    part->within = all;
    atomic_fetch_add(&all->pending, 1);
    http_client_ask(g->client, &(struct http_question){.url = buf_cstr(&url),
                                                       .token = g->token,
                                                       .total_ms = all->total_ms,
                                                       .bytes_max = ANSWER_BYTES_MAX,
                                                       .answered = on_answer,
                                                       .context = part});
    buf_release(&url);
}

struct gathering *gather_begin(const struct gather *g, const struct http_request *request,
                               int64_t total_ms, gather_done *done, void *context) {
    struct gathering *all = mem_calloc(1, sizeof *all);
    struct peers_list list = {0};
    bool has_peers = g->peers != NULL && g->client != NULL;
    *all = (struct gathering){
        .peers = g->peers, .total_ms = total_ms, .done = done, .context = context};
    if (has_peers)
        peers_copy(g->peers, &list);
    all->parts = gather_plan(g, has_peers ? &list : NULL, &all->count);
    peers_list_release(&list);
    atomic_store(&all->pending, 1);
    all->exchange = http_defer(request);
    for (size_t i = 0; i < all->count; i++)
        if (is_to_be_asked(&all->parts[i]))
            ask(g, all, &all->parts[i], request);
    return all;
}

void gather_own(struct gathering *all, int status, struct buf *body) {
    gather_take(&all->parts[0], status, body);
    one_is_done(all);
}

static void reply_with_all(void *context, const struct gather_part *parts, size_t count,
                           struct http_reply *reply) {
    (void)context;
    reply->status = 200;
    reply->content_type = "application/json";
    gather_put_json(parts, count, &reply->body);
}

void gather_reply(const struct gather *g, const struct http_request *request,
                  struct http_reply *reply) {
    gather_own(gather_begin(g, request, GATHER_MS, reply_with_all, NULL), reply->status,
               &reply->body);
}
