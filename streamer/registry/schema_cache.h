/* schema_cache: the schemas that records were written with, for all workers of a process. A schema
 * never changes, so it is kept once it was fetched; the least recently used ones are evicted, but
 * their fingerprints stay known. One thread fetches what is missing. While the registry is down the
 * thread goes on trying, so an outage is never taken for "unknown". */
#ifndef STREAMER_REGISTRY_SCHEMA_CACHE_H
#define STREAMER_REGISTRY_SCHEMA_CACHE_H

#include "streamer/base/clock.h"
#include "streamer/model/schema_source.h"
#include "streamer/registry/registry.h"

#define SCHEMA_CACHE_BYTES_MAX ((size_t)32 << 20) /* of texts and their entries */
#define SCHEMA_CACHE_SHOWN_MAX 100000             /* fingerprints of schemas that it has fetched */
#define SCHEMA_CACHE_WAITING_MAX 1000             /* that are waited for at a time */
#define SCHEMA_CACHE_WANTED_MS 30000   /* a schema is tried for so long after somebody asked */
#define SCHEMA_CACHE_RETRY_MAX_MS 5000 /* between two tries while it is down */
#define SCHEMA_CACHE_UNKNOWN_MS 60000  /* how long "unknown" holds */

struct schema_cache;

struct schema_cache_options {
    /* NULL: only the schemas of `directory` are known. It belongs to the cache, also when
     * schema_cache_new fails. */
    struct registry *registry;
    /* Its files *.avsc are known by their fingerprints. They are never evicted, and do not count
     * for SCHEMA_CACHE_BYTES_MAX. "": none. */
    const char *directory;
    /* How long one schema is asked for in vain (ms). Then `gave_up` is called, once, on the cache's
     * thread; it must not call the cache, which goes on all the same. */
    int64_t patience_ms;
    void (*gave_up)(void *context);
    void *context;
    const struct clock *clock;
};

/* NULL with an error: ERR_CONFIG if a file of the directory cannot be used, else ERR_STOP. */
struct schema_cache *schema_cache_new(const struct schema_cache_options *options, struct err *e);
void schema_cache_free(struct schema_cache *c); /* NULL is allowed */

/* Asks through another client from now on: with new secrets. It belongs to the cache, which must
 * have had one before. Any thread. */
void schema_cache_renew(struct schema_cache *c, struct registry *registry);

/* Takes note of the Avro schema that has this id, so that nobody needs to fetch it. Any thread. */
void schema_cache_note(struct schema_cache *c, uint32_t id, struct slice text);

/* The port for decoders; the cache's. */
struct schema_source *schema_cache_source(struct schema_cache *c);

/* Since when (CLOCK_MONOTONIC, ms) the registry has failed to answer for a schema that somebody
 * waits for; 0: it has not. `why` is its last error then. Any thread. */
int64_t schema_cache_down_since_ms(struct schema_cache *c, struct err *why);

/* Whether the cache gave up, and with which error. Any thread. */
bool schema_cache_gave_up(struct schema_cache *c, struct err *why);

#endif
