#include "streamer/service/forward.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* --- the target */

static void put_parameter(struct buf *out, const struct http_parameter *p) {
    http_put_encoded(out, slice_str(p->name));
    buf_put_byte(out, '=');
    http_put_encoded(out, slice_str(p->value));
    buf_put_byte(out, '&');
}

void forward_put_target(struct buf *out, const struct http_request *request) {
    struct buf segment = {0};
    for (int i = 0; http_path_segment(request->path, i, &segment); i++) {
        buf_put_byte(out, '/');
        http_put_encoded(out, buf_slice(&segment));
    }
    buf_put_byte(out, '?');
    for (size_t i = 0; i < request->parameter_count; i++)
        if (strcmp(request->parameters[i].name, ROUTE_FORWARDED) != 0)
            put_parameter(out, &request->parameters[i]);
    buf_put_str(out, ROUTE_FORWARDED "=1");
    buf_release(&segment);
}

/* --- through this instance */

/* One answer on its way from another instance to a client. */
struct passing {
    struct http_exchange *exchange;
    struct peers *peers;
    char *instance; /* the URL without the path, for the log, which must not show ids */
};

static void pass_on(struct http_answer *answer, struct http_reply *reply) {
    reply->status = answer->status;
    buf_set(&reply->type, slice_str(answer->content_type[0] != '\0' ? answer->content_type
                                                                    : "application/octet-stream"));
    reply->content_type = buf_cstr(&reply->type);
    reply->is_for_now = answer->status == 503;
    reply->body = answer->body;
    answer->body = (struct buf){0};
}

/* Other statuses (401, 403, redirects) concern the two instances, not the client. */
static bool is_for_client(int status) {
    return status == 200 || status == 400 || status == 404 || (status >= 500 && status <= 599);
}

void forward_put_answer(struct http_answer *answer, const char *instance,
                        struct http_reply *reply) {
    if (answer->status == 0) {
        log_debug("another instance does not answer", "url=%s error=%s", instance,
                  log_quote(&(struct log_value){0}, answer->problem));
        http_reply_later(reply, "the instance that has the id's partition does not answer");
    } else if (is_for_client(answer->status)) {
        pass_on(answer, reply);
    } else {
        log_warn(
            "another instance refuses this one: all need the same http.token.file, and to know "
            "their own names (http.hosts)",
            "url=%s status=%d", instance, answer->status);
        http_reply_error(reply, 502, "the instance that has the id's partition refuses this one");
    }
}

static void on_answer(void *context, struct http_answer *answer) {
    struct passing *p = context;
    struct http_reply reply = {0};
    if (answer->status == 0 || answer->status == 503)
        peers_doubt(p->peers);
    forward_put_answer(answer, p->instance, &reply);
    http_finish(p->exchange, &reply);
    buf_release(&answer->body);
    free(p->instance);
    free(p);
}

static void fetch(const struct forward *f, const char *instance, const char *url,
                  const struct http_request *request) {
    struct passing *p = mem_calloc(1, sizeof *p);
    p->exchange = http_defer(request);
    p->peers = f->peers;
    p->instance = mem_strdup(instance);
    http_client_get(f->client, url, f->token, on_answer, p);
}

static void redirect(const char *url, struct http_reply *reply) {
    reply->status = 307;
    reply->content_type = "application/json";
    buf_put_str(&reply->location, url);
    buf_put_str(&reply->body, "{\"location\": \"");
    buf_put_str(&reply->body, url); /* it is percent-encoded: JSON needs no escapes */
    buf_put_str(&reply->body, "\"}\n");
}

/* --- the answer */

/* A page in a browser must not ask another origin than its own. */
static bool may_redirect(const struct forward *f, const struct http_request *request) {
    return f->redirects && http_parameter(request, ROUTE_FORWARDED) == NULL;
}

static void send_on(const struct forward *f, struct buf *instance,
                    const struct http_request *request, struct http_reply *reply) {
    struct buf url = {0};
    buf_set(&url, buf_slice(instance));
    forward_put_target(&url, request);
    if (may_redirect(f, request))
        redirect(buf_cstr(&url), reply);
    else
        fetch(f, buf_cstr(instance), buf_cstr(&url), request);
    buf_release(&url);
}

static void ask_peers(const struct forward *f, int32_t partition,
                      const struct http_request *request, struct http_reply *reply) {
    struct buf url = {0};
    switch (peers_find(f->peers, partition, &url)) {
    case PEER_KNOWN:
        send_on(f, &url, request, reply);
        break;
    case PEER_SILENT:
        http_reply_later(
            reply, "another instance has the id's partition and tells no http.advertised.url");
        break;
    case PEER_STRANGER:
        http_reply_later(
            reply, "the URL of the instance that has the id's partition does not match http.peers");
        break;
    case PEER_SELF:
    case PEER_UNKNOWN:
        http_reply_later(reply, "it is not known yet which instance has the id's partition");
        break;
    }
    buf_release(&url);
}

void forward_reply(const struct forward *f, const struct http_request *request, int32_t partition,
                   struct http_reply *reply) {
    bool was_sent_on = route_was_sent_on(request);
    if (was_sent_on && f->peers != NULL)
        peers_doubt(f->peers);
    if (f->holds(f->context, partition))
        http_reply_later(reply, "the id's partition is being restored");
    else if (!f->is_settled(f->context))
        http_reply_later(reply, "the instances are sharing the partitions out");
    else if (was_sent_on)
        http_reply_later(reply, "this instance does not have the id's partition any more");
    else if (f->peers == NULL)
        http_reply_later(reply,
                         "another instance has the id's partition, and http.peers is not set");
    else
        ask_peers(f, partition, request, reply);
}
