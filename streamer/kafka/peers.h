/* peers: which instance has which partition, and the URL by which it is reached, as the consumer
 * group tells it: an instance puts its URL behind the client.id of its consumers, which everybody
 * sees who describes the group. So anybody who may join the group can plant one: only URLs that
 * match http.peers are believed.
 *
 * A thread of its own asks, now and then and where somebody wanted to know; others read what was
 * heard last. */
#ifndef STREAMER_KAFKA_PEERS_H
#define STREAMER_KAFKA_PEERS_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdbool.h>
#include <stdint.h>

enum peer_state {
    PEER_UNKNOWN,  /* nobody is known to have it: not heard yet, or the group is about to share the
                      partitions out */
    PEER_SILENT,   /* whoever has it tells no URL */
    PEER_STRANGER, /* its URL is not believed */
    PEER_SELF, /* the URL is this instance's own: what was heard is old, or two instances tell the
                  same */
    PEER_KNOWN,
};

struct peers;

/* `config` is borrowed. NULL with an error if there is no thread or no client for it. */
struct peers *peers_new(const struct config *c, int32_t partitions, struct err *e);
void peers_free(struct peers *p); /* NULL is allowed */
/* Ends the client and the thread, so that `config` may change, and begins anew; others still hear
 * what was heard last. NULL is allowed. False with `e`: no thread. */
void peers_pause(struct peers *p);
bool peers_resume(struct peers *p, struct err *e);

/* Who has the task of this partition; `url` is set if PEER_KNOWN ("http://host:9464", without a
 * slash at the end). Does not wait. What was heard more than a moment ago is asked for again, for
 * the next one who wants to know. */
enum peer_state peers_find(struct peers *p, int32_t partition, struct buf *url);
/* What was heard has turned out wrong: ask again soon. */
void peers_doubt(struct peers *p);

/* --- pure --- */

/* The URL behind a client.id, without a slash at the end; null: none. */
struct slice peer_url(const char *client_id);
/* Whether requests, and the token, may be sent there: its host matches http.peers, and it does TLS
 * if this instance does. */
bool peer_is_believed(const struct config *c, struct slice url);

#endif
