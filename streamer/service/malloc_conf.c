/* Read by jemalloc: few arenas, and what is free goes back soon: memory counts, too. Not part of
 * the core: only programs that are linked with jemalloc need it. */
extern const char *malloc_conf;
const char *malloc_conf = "narenas:4,dirty_decay_ms:2000,muzzy_decay_ms:0";
