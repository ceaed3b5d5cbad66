#include "streamer/service/openlineage.h"

#include "streamer/base/buf.h"
#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/base/steady_cond.h"
#include "streamer/service/json_post.h"
#include "streamer/service/lineage_event.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define PATH "/api/v1/lineage"
#define RETRIES 3
#define ATTEMPT_MS 5000
/* Of the last event: when its last attempt begins at the latest, and how long each may take. */
#define END_MS 1500
#define END_ATTEMPT_MS 2500

struct openlineage {
    struct openlineage_options o;
    /* A shallow copy, but for its bootstrap: the run keeps the names that it began with, whatever a
     * reload brings. */
    struct config config;
    struct buf url;
    char run_id[LINEAGE_RUN_ID_SIZE];
    pthread_t thread;
    bool is_started;      /* the receiver has START */
    bool is_failing;      /* the log has said that events do not get through */
    pthread_mutex_t lock; /* over what follows */
    pthread_cond_t wake;
    char *api_key;         /* "": none */
    atomic_bool is_ending; /* read without the lock to end a request */
    int64_t end_ms;        /* when the last attempt begins at the latest */
    const struct err *why; /* NULL: nothing is wrong */
};

static int64_t now_ms(const struct openlineage *l) {
    return clock_ms(l->o.clock, CLOCK_MONOTONIC);
}

/* --- sending */

static bool post(struct openlineage *l, const char *api_key, const char *body, bool is_last_event) {
    const struct json_post p = {
        .setting = "openlineage.url",
        .url = buf_cstr(&l->url),
        .token = api_key,
        .authorities = l->config.openlineage_ca,
        .body = body,
        .total_ms = is_last_event ? END_ATTEMPT_MS : ATTEMPT_MS,
        .is_cancelled = is_last_event ? NULL : &l->is_ending,
    };
    struct err e = {0};
    bool ok = json_post(&p, &e);
    if (!ok && !l->is_failing)
        log_warn("events of lineage do not get through", "error=%s",
                 log_quote(&(struct log_value){0}, e.text));
    l->is_failing = !ok;
    return ok;
}

/* Until the time has passed; sooner where `until_end` and the run ends. With the lock. */
static void sleep_ms(struct openlineage *l, int64_t ms, bool until_end) {
    int64_t until_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC) + ms;
    bool goes_on = true;
    while (goes_on && !(until_end && l->is_ending))
        goes_on = steady_cond_wait(&l->wake, &l->lock, until_ms);
}

/* Whether there is time for another attempt of an event, after this wait. With the lock. */
static bool may_retry(const struct openlineage *l, bool is_last_event, int attempts,
                      int64_t wait_ms) {
    if (attempts > RETRIES)
        return false;
    return is_last_event ? now_ms(l) + wait_ms < l->end_ms : !l->is_ending;
}

/* Posts it, and tries again. With the lock, which it gives up meanwhile. */
static bool deliver(struct openlineage *l, const char *body, bool is_last_event) {
    for (int attempts = 1;; attempts++) {
        char *api_key = mem_strdup(l->api_key);
        (void)pthread_mutex_unlock(&l->lock);
        bool ok = post(l, api_key, body, is_last_event);
        free(api_key);
        (void)pthread_mutex_lock(&l->lock);
        int64_t wait_ms = INT64_C(1000) << (attempts - 1);
        if (ok || !may_retry(l, is_last_event, attempts, wait_ms))
            return ok;
        sleep_ms(l, wait_ms, !is_last_event);
    }
}

static bool send_event(struct openlineage *l, enum lineage_event_type type, const char *error) {
    struct buf body = {0};
    const struct lineage_event event = {type, l->run_id, clock_ms(l->o.clock, CLOCK_REALTIME),
                                        error};
    lineage_put_event(&l->config, &event, &body);
    bool ok = deliver(l, buf_cstr(&body), type == LINEAGE_COMPLETE || type == LINEAGE_FAIL);
    buf_release(&body);
    return ok;
}

/* --- the thread; with the lock */

static void send_state(struct openlineage *l) {
    if (send_event(l, l->is_started ? LINEAGE_RUNNING : LINEAGE_START, ""))
        l->is_started = true;
}

static void send_end(struct openlineage *l) {
    if (l->why != NULL)
        (void)send_event(l, LINEAGE_FAIL, l->why->text);
    else
        (void)send_event(l, LINEAGE_COMPLETE, "");
}

static void *run(void *openlineage) {
    struct openlineage *l = openlineage;
    (void)pthread_mutex_lock(&l->lock);
    while (!l->is_ending) {
        send_state(l);
        sleep_ms(l, l->o.running_ms, true);
    }
    send_end(l);
    (void)pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* --- for others */

static void init_url(struct openlineage *l) {
    buf_put_str(&l->url, l->config.openlineage_url);
    while (l->url.n > 0 && l->url.p[l->url.n - 1] == '/')
        l->url.n--;
    buf_put_str(&l->url, PATH);
}

static void destroy(struct openlineage *l) {
    (void)pthread_mutex_destroy(&l->lock);
    (void)pthread_cond_destroy(&l->wake);
    buf_release(&l->url);
    free(l->api_key);
    free(l->config.bootstrap);
    free(l);
}

static bool make_run_id(struct openlineage *l, struct err *e) {
    unsigned char random[10];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return err_set(e, ERR_STOP, "openlineage: the kernel gives no random bytes for a run id");
    lineage_run_id(clock_ms(l->o.clock, CLOCK_REALTIME), random, l->run_id);
    return true;
}

static bool start_thread(struct openlineage *l, struct err *e) {
    int error = pthread_create(&l->thread, NULL, run, l);
    return error == 0 ||
           err_set(e, ERR_STOP, "openlineage: cannot start a thread: %s", strerror(error));
}

struct openlineage *openlineage_start(const struct openlineage_options *o, struct err *e) {
    struct openlineage *l = mem_calloc(1, sizeof *l);
    l->o = *o;
    l->api_key = mem_strdup(o->config->openlineage_api_key);
    l->config = *o->config;
    l->config.bootstrap = mem_strdup(o->config->bootstrap);
    steady_cond_init(&l->wake);
    (void)pthread_mutex_init(&l->lock, NULL);
    init_url(l);
    if (make_run_id(l, e) && start_thread(l, e))
        return l;
    destroy(l);
    return NULL;
}

void openlineage_renew(struct openlineage *l, const char *api_key) {
    if (l == NULL)
        return;
    (void)pthread_mutex_lock(&l->lock);
    free(l->api_key);
    l->api_key = mem_strdup(api_key);
    (void)pthread_mutex_unlock(&l->lock);
}

void openlineage_end(struct openlineage *l, const struct err *why) {
    if (l == NULL)
        return;
    (void)pthread_mutex_lock(&l->lock);
    l->is_ending = true;
    l->end_ms = now_ms(l) + END_MS;
    l->why = why;
    (void)pthread_cond_signal(&l->wake);
    (void)pthread_mutex_unlock(&l->lock);
    (void)pthread_join(l->thread, NULL);
    destroy(l);
}
