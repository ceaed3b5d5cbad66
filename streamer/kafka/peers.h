/* peers: which instance has which partition, and the URL of that instance. The consumer group
 * tells: an instance appends its URL to the client.id of its consumers, and a description of the
 * group shows it. Anybody who may join the group could plant a URL there, so only URLs that match
 * http.peers are trusted.
 *
 * A thread of its own asks the brokers every few seconds, and soon after somebody wanted to know.
 * The other threads only read the last answer. */
#ifndef STREAMER_KAFKA_PEERS_H
#define STREAMER_KAFKA_PEERS_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum peer_state {
    /* No instance is known to have the partition: there was no answer yet, or the group is
     * rebalancing. */
    PEER_UNKNOWN,
    /* The instance that has it publishes no URL. */
    PEER_SILENT,
    /* The instance that has it publishes a URL that is not trusted. */
    PEER_STRANGER,
    /* The URL is this instance's own: the answer is old, or two instances publish the same URL. */
    PEER_SELF,
    /* The instance that has it publishes a trusted URL. */
    PEER_KNOWN,
};

struct peers;

/* Starts the thread. `c` is borrowed. NULL with an error if the thread cannot be started. */
struct peers *peers_new(const struct config *c, int32_t partitions, struct err *e);
void peers_free(struct peers *p); /* NULL is allowed */
/* Ends the thread and the client, so that the configuration may change, and starts them again. In
 * between, other threads still read the last answer. NULL is allowed. False with an error if the
 * thread cannot be started. */
void peers_pause(struct peers *p);
bool peers_resume(struct peers *p, struct err *e);

/* Which instance has the task of this partition. Sets `url` if that is PEER_KNOWN
 * ("http://host:9464", without a slash at the end). Does not wait: if the last answer is older than
 * a second, the thread asks again, for the next caller. Any thread. */
enum peer_state peers_find(struct peers *p, int32_t partition, struct buf *url);
/* The last answer has turned out to be wrong: the thread asks again soon. Any thread. */
void peers_doubt(struct peers *p);

/* All that the last answer tells of the instances. */
struct peers_list {
    int32_t partitions;
    struct peer {
        enum peer_state state; /* of the instance that has the partition */
        int32_t url;           /* the index of its URL if that is PEER_KNOWN; else -1 */
    } * owners;                /* by partition */
    /* The trusted URLs of other instances, each once; some may have no partition. */
    char **urls;
    size_t url_count;
};
/* A copy of the last answer, which the caller releases. Does not wait: as peers_find. Any thread.
 */
void peers_copy(struct peers *p, struct peers_list *out);
void peers_list_release(struct peers_list *list);

/* --- pure --- */

/* The URL in a client.id, without a slash at the end; null: there is none. */
struct slice peer_url(const char *client_id);
/* Whether requests, and the token with them, may be sent to the URL: its host matches http.peers,
 * and it uses TLS if this instance does. */
bool peer_is_believed(const struct config *c, struct slice url);

#endif
