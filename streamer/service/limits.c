#include "streamer/service/limits.h"

#include "streamer/http/http_connections.h"

#include <sys/resource.h>

#define FILES_OF_STATE 576        /* RocksDB's tables (store.c), logs and manifests */
#define FILES_OF_A_WORKER 64      /* connections to brokers */
#define FILES_OF_PROCESS 112      /* connections to other instances among them */
#define ADDRESS_SPACE (2LL << 30) /* mostly stacks and heaps that are reserved but not used */

static bool files_are_enough(const struct config *c, struct err *e) {
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0)
        return true;
    l.rlim_cur = l.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &l);
    rlim_t need = (rlim_t)(FILES_OF_PROCESS + FILES_OF_STATE + FILES_OF_A_WORKER * c->workers +
                           HTTP_CONNECTIONS_SOCKETS(c->http_max_connections));
    return l.rlim_max >= need ||
           err_set(e, ERR_CONFIG,
                   "only %llu files may be open at once; raise that limit to %llu (ulimit -n)",
                   (unsigned long long)l.rlim_max, (unsigned long long)need);
}

static bool address_space_is_enough(struct err *e) {
    struct rlimit l;
    return getrlimit(RLIMIT_AS, &l) != 0 || l.rlim_cur >= ADDRESS_SPACE ||
           err_set(
               e, ERR_CONFIG,
               "the address space is limited to %llu KiB; raise that limit to %lld (ulimit -v), "
               "or limit the memory in use instead (a cgroup)",
               (unsigned long long)l.rlim_cur / 1024, ADDRESS_SPACE / 1024);
}

bool limits_prepare(const struct config *c, struct err *e) {
    return files_are_enough(c, e) && address_space_is_enough(e);
}
