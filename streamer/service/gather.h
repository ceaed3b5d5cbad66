/* gather: one answer for all instances (?all=true). This instance's own answer is made here; the
 * other instances are asked for theirs at the same time, by the URLs that they publish. An instance
 * that does not answer in time is named with the reason. */
#ifndef STREAMER_SERVICE_GATHER_H
#define STREAMER_SERVICE_GATHER_H

#include "streamer/http/http.h"
#include "streamer/http/http_client.h"
#include "streamer/kafka/peers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GATHER_MS 3000 /* how long an instance may take to answer */
/* How many instances are asked; the further ones are named, but not asked. */
#define GATHER_INSTANCES_MAX 100

/* Everything is borrowed and must outlive the requests that are under way. */
struct gather {
    const char *token;          /* for requests to other instances; NULL: they need none */
    const char *own_url;        /* http.advertised.url; "": none */
    struct peers *peers;        /* NULL: no other instance is believed */
    struct http_client *client; /* NULL: as if there were no peers */
    int32_t partitions;         /* n; 0: not known yet */
    /* Whether this instance has the task of a partition; it may still be restored. */
    bool (*holds)(void *context, int32_t partition);
    void *context;
};

/* Replaces `reply`, the own answer, by the answers of all instances; now or later (http_defer). On
 * the server's thread.
 *
 * {"instances":[{"url":"http://a:9464","self":true,"partitions":[0,1],"reached":true,"error":null,
 *                "answer":{…}}, …]}
 *
 * Each of the n partitions is named once. Where the instance that has it is not known, `url` is
 * null and `error` says why. */
void gather_reply(const struct gather *g, const struct http_request *request,
                  struct http_reply *reply);

/* --- parts of it --- */

struct gather_part;
struct gathering; /* one question to all instances */

/* Called once, when all instances have answered or failed, on any thread. Fills the reply, which is
 * all zero. */
typedef void gather_done(void *context, const struct gather_part *parts, size_t count,
                         struct http_reply *reply);
/* Asks the other instances what the request asks (http_defer), for at most total_ms each. The own
 * answer is still to be added, and then `done` makes the reply. On the server's thread. */
struct gathering *gather_begin(const struct gather *g, const struct http_request *request,
                               int64_t total_ms, gather_done *done, void *context);
/* Adds the own answer, once. Takes the body over if it is an answer (gather_take). Any thread. */
void gather_own(struct gathering *all, int status, struct buf *body);

/* What one instance says, or why it says nothing. */
struct gather_part {
    char *url; /* owned; NULL: not known */
    bool is_self;
    int32_t *partitions; /* owned */
    size_t partition_count;
    char problem[256];        /* "": it was reached, and `answer` is JSON */
    struct buf answer;        /* owned */
    struct gathering *within; /* for the requests; else NULL */
};

/* Which parts there are, the own one first, without answers. `list` is what the group tells (NULL:
 * no other instance is believed). The caller releases the parts with gather_release. */
struct gather_part *gather_plan(const struct gather *g, const struct peers_list *list,
                                size_t *count);
void gather_release(struct gather_part *parts, size_t count);
/* Takes over an instance's answer if it is one: status 200 and JSON. Otherwise sets the problem. */
void gather_take(struct gather_part *part, int status, struct buf *body);
void gather_put_json(const struct gather_part *parts, size_t count, struct buf *out);

#endif
