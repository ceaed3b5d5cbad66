/* schema_cache: the schemas that records were written with, for all workers of a process. A schema
 * never changes, so what was fetched once is kept; the ones that were not asked for lately make
 * room. One thread fetches what is missing, and goes on trying while the registry is down: nobody
 * takes an outage for "unknown". */
#ifndef STREAMER_REGISTRY_SCHEMA_CACHE_H
#define STREAMER_REGISTRY_SCHEMA_CACHE_H

#include "streamer/model/schema_source.h"
#include "streamer/registry/registry.h"

#define SCHEMA_CACHE_BYTES_MAX ((size_t)32 << 20) /* of texts and their entries */
#define SCHEMA_CACHE_WAITING_MAX 1000             /* asked for at a time */
#define SCHEMA_CACHE_RETRY_MAX_MS 5000            /* between two tries while it is down */
#define SCHEMA_CACHE_UNKNOWN_MS 60000             /* how long "unknown" holds */

struct schema_cache;

/* `registry` may be NULL: then only the schemas of `directory` are known. It belongs to the cache,
 * also when this fails. `directory`: its files *.avsc are known by their fingerprints; "": none.
 * NULL with an error that names the file (ERR_CONFIG), or ERR_STOP. */
struct schema_cache *schema_cache_new(struct registry *registry, const char *directory,
                                      struct err *e);
void schema_cache_free(struct schema_cache *c); /* NULL is allowed */

/* The port for decoders; the cache's. */
struct schema_source *schema_cache_source(struct schema_cache *c);

/* Since when (monotonic, ms) the registry has not answered while somebody waits for it; 0: nobody
 * waits, or it answers. `why` is the last error then. Any thread. */
int64_t schema_cache_down_since_ms(struct schema_cache *c, struct err *why);

#endif
