#include "slow_resolver.h"

#include "support.h"

#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define HANG_S 60

static atomic_int given_up;

void slow_resolver_assert_hangs(void) {
    assert_int_equal(atomic_load(&given_up), 0);
}

typedef int resolve(const char *name, const char *service, const struct addrinfo *hints,
                    struct addrinfo **found);

/* POSIX says that a function's address fits into a void *. */
static resolve *of_library(void) {
    void *p = dlsym(RTLD_NEXT, "getaddrinfo");
    resolve *f;
    memcpy(&f, &p, sizeof f);
    return f;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    if (name == NULL || strcmp(name, SLOW_NAME) != 0)
        return of_library()(name, service, hints, found);
    (void)sleep(HANG_S);
    atomic_fetch_add(&given_up, 1);
    return EAI_AGAIN;
}
