/* The settings that jemalloc reads at its start: few arenas, and free memory goes back to the
 * system soon, so that the process stays small. This file is not in the core library: only programs
 * that are linked with jemalloc have it. */
extern const char *malloc_conf;
const char *malloc_conf = "narenas:4,dirty_decay_ms:2000,muzzy_decay_ms:0";
