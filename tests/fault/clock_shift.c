/* clock_shift: an LD_PRELOAD library that moves the wall clock of one program while it runs, like a
 * step of the machine's clock. It also moves it for threads that are waiting until a wall clock
 * time. The file CLOCK_SHIFT_FILE holds the shift in ms, 8 bytes in the machine's order, and is
 * read again all the time. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define NS 1000000000
#define LOOK_AGAIN_NS 20000000

static const volatile int64_t *shift_ms;

__attribute__((constructor)) static void map_shift(void) {
    const char *path = getenv("CLOCK_SHIFT_FILE");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *p = fd >= 0 ? mmap(NULL, sizeof *shift_ms, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (p == MAP_FAILED)
        abort();
    shift_ms = p;
    (void)close(fd);
}

static int64_t shift_ns(void) {
    return shift_ms != NULL ? *shift_ms * 1000000 : 0;
}

static int64_t to_ns(const struct timespec *t) {
    return (int64_t)t->tv_sec * NS + t->tv_nsec;
}

static struct timespec from_ns(int64_t ns) {
    return (struct timespec){ns / NS, ns % NS};
}

static int real_clock_gettime(clockid_t id, struct timespec *t) {
    static int (*real)(clockid_t, struct timespec *);
    if (real == NULL)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    return real(id, t);
}

static int64_t real_now(void) {
    struct timespec t;
    (void)real_clock_gettime(CLOCK_REALTIME, &t);
    return to_ns(&t);
}

static int64_t now(void) {
    return real_now() + shift_ns();
}

/* --- the clock --- */

int clock_gettime(clockid_t id, struct timespec *t) {
    if (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)
        return real_clock_gettime(id, t);
    *t = from_ns(now());
    return 0;
}

int gettimeofday(struct timeval *t, void *zone) {
    (void)zone;
    struct timespec s = from_ns(now());
    *t = (struct timeval){s.tv_sec, s.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *t) {
    time_t seconds = from_ns(now()).tv_sec;
    if (t != NULL)
        *t = seconds;
    return seconds;
}

int timespec_get(struct timespec *t, int base) {
    *t = from_ns(now());
    return base;
}

/* --- waiting for a wall clock time: in short pieces, each with the shift of its moment --- */

/* The end of the next piece of a wait, in real time. False if that is already `until`. */
static int next_piece(const struct timespec *until, struct timespec *end) {
    int64_t left = to_ns(until) - now();
    *end = from_ns(real_now() + (left < LOOK_AGAIN_NS ? left : LOOK_AGAIN_NS));
    return left > 0;
}

/* Conditions that wait by another clock than the wall clock. */
static pthread_cond_t *_Atomic steady[64];

int pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attributes) {
    static int (*real)(pthread_cond_t *, const pthread_condattr_t *);
    clockid_t clock = CLOCK_REALTIME;
    if (real == NULL)
        real = (int (*)(pthread_cond_t *, const pthread_condattr_t *))dlsym(RTLD_NEXT,
                                                                            "pthread_cond_init");
    if (attributes != NULL)
        (void)pthread_condattr_getclock(attributes, &clock);
    for (size_t i = 0; i < sizeof steady / sizeof *steady; i++) {
        pthread_cond_t *nobody = NULL, *self = c;
        /* A condition that had this address before. */
        (void)atomic_compare_exchange_strong(&steady[i], &self, NULL);
        if (clock != CLOCK_REALTIME && atomic_compare_exchange_strong(&steady[i], &nobody, c))
            break;
    }
    return real(c, attributes);
}

static int is_steady(pthread_cond_t *c) {
    for (size_t i = 0; i < sizeof steady / sizeof *steady; i++)
        if (atomic_load(&steady[i]) == c)
            return 1;
    return 0;
}

int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    struct timespec end;
    if (real == NULL)
        real = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))dlsym(
            RTLD_NEXT, "pthread_cond_timedwait");
    if (is_steady(c))
        return real(c, m, until);
    while (next_piece(until, &end)) {
        int result = real(c, m, &end);
        if (result != ETIMEDOUT)
            return result;
    }
    return ETIMEDOUT;
}

int cnd_timedwait(cnd_t *c, mtx_t *m, const struct timespec *until) {
    static int (*real)(cnd_t *, mtx_t *, const struct timespec *);
    struct timespec end;
    if (real == NULL)
        real =
            (int (*)(cnd_t *, mtx_t *, const struct timespec *))dlsym(RTLD_NEXT, "cnd_timedwait");
    while (next_piece(until, &end)) {
        int result = real(c, m, &end);
        if (result != thrd_timedout)
            return result;
    }
    return thrd_timedout;
}
