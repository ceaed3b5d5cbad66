#include "streamer/service/service.h"
#include "streamer/base/version.h"

#include "state/rocksdb/store.h"
#include "streamer/base/address.h"
#include "streamer/base/json.h"
#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/http/http.h"
#include "streamer/http/http_files.h"
#include "streamer/http/query.h"
#include "streamer/kafka/broker_watch.h"
#include "streamer/kafka/embedded.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/kafka_trouble.h"
#include "streamer/kafka/login_guard.h"
#include "streamer/kafka/rights.h"
#include "streamer/kafka/topics.h"
#include "streamer/service/forward.h"
#include "streamer/service/notify.h"
#include "streamer/service/preflight.h"
#include "streamer/service/state_dir.h"
#include "streamer/metrics/metric_text.h"
#include "streamer/worker/worker.h"

#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BROKER_TIMEOUT_MS 30000
#define CALL_TIMEOUT_MS 5000
#define STARTING_POLL_MS 200
#define BACKOFF_MIN_MS 500
#define BACKOFF_MAX_MS 10000
#define STOP_S 9 /* of the 10 s that Docker waits before kill -9 */

struct service {
    struct config config; /* a shallow copy: bootstrap and state_dir are other ones when embedded */
    bool is_embedded;
    char temporary_dir[64]; /* "": none */
    char *transactional_id; /* of all workers, without the worker's number */
    struct embedded *broker;
    struct topic_layout layout;
    struct store *store;
    struct metrics *metrics;
    pthread_rwlock_t workers_lock; /* held by HTTP while it asks them, and while they come and go */
    struct worker **workers;
    size_t worker_count; /* started */
    struct worker_kafka kafka;
    atomic_int *state_owners; /* worker.h */
    struct http_files http_files;
    struct peers *peers;             /* NULL: none are believed */
    struct http_client *http_client; /* NULL: none are asked */
    struct forward forward;
    struct http_server *http;
    char *http_hosts;
    int64_t renewed_ms;      /* wall clock: the start, or when the workers were last taken away */
    atomic_bool has_workers; /* all of them; what HTTP shows of them is there */
    pthread_mutex_t starting_lock;
    char starting[sizeof((struct err *)0)->text]; /* what is waited for while there are none */
    bool was_asked_to_stop;                       /* by a signal */
    bool is_told_ready;                           /* systemd */
    struct config reloaded;    /* its kafka.* are in use; zero: those of the start are */
    struct err reload_failure; /* of a worker; ERR_NONE: none */
};

/* --- the state directory --- */

static int64_t now_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool make_temporary_dir(struct service *s, struct err *e) {
    (void)snprintf(s->temporary_dir, sizeof s->temporary_dir, "/tmp/streamer-XXXXXX");
    if (mkdtemp(s->temporary_dir) == NULL) {
        (void)err_set(e, ERR_STOP, "cannot make a temporary directory in /tmp: %s",
                      strerror(errno));
        s->temporary_dir[0] = '\0';
        return false;
    }
    s->config.state_dir = s->temporary_dir;
    return true;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static bool open_store(struct service *s, struct err *e) {
    s->store = state_dir_open(&s->config, s->layout.n, now_ms(), e);
    return s->store != NULL;
}

/* Stable over restarts, so that a predecessor's open transaction is ended at once; different for
 * each state.
 */
static bool choose_transactional_id(struct service *s, struct err *e) {
    struct buf id = {0}, text = {0};
    bool ok = store_get_fact(s->store, "instance", &id, e);
    if (ok && id.n == 0) {
        unsigned char random[8] = {0};
        FILE *f = fopen("/dev/urandom", "rb");
        ok = f != NULL && fread(random, 1, sizeof random, f) == sizeof random;
        if (f != NULL)
            (void)fclose(f);
        if (!ok)
            (void)err_set(e, ERR_STOP, "cannot read /dev/urandom");
        for (size_t i = 0; i < sizeof random; i++)
            buf_printf(&id, "%02x", random[i]);
        ok = ok && store_put_fact(s->store, "instance", buf_slice(&id), e);
    }
    if (ok) {
        buf_printf(&text, "%s-%s", s->config.app_id,
                   s->config.instance_id != NULL ? s->config.instance_id : buf_cstr(&id));
        s->transactional_id = mem_strdup(buf_cstr(&text));
    }
    buf_release(&id);
    buf_release(&text);
    return ok;
}

/* --- HTTP --- */

static bool owns(void *context, int32_t partition) {
    const struct service *s = context;
    for (size_t i = 0; i < s->worker_count; i++)
        if (worker_owns(s->workers[i], partition))
            return true;
    return false;
}

static bool holds(void *context, int32_t partition) {
    const struct service *s = context;
    for (size_t i = 0; i < s->worker_count; i++)
        if (worker_holds(s->workers[i], partition))
            return true;
    return false;
}

static bool is_settled(void *context) {
    const struct service *s = context;
    for (size_t i = 0; i < s->worker_count; i++)
        if (worker_phase(s->workers[i]) == WORKER_CONNECTING)
            return false;
    return s->worker_count == (size_t)s->config.workers;
}

static void reply_not_here(void *context, const struct http_request *request, int32_t partition,
                           struct http_reply *reply) {
    const struct service *s = context;
    forward_reply(&s->forward, request, partition, reply);
}

/* The worker that is furthest from running; all of them are running if it is. NULL: there is none
 * yet, or not yet again. */
static struct worker *slowest_worker(const struct service *s) {
    if (s->worker_count == 0)
        return NULL;
    static const int order[] = {[WORKER_RUNNING] = 0,
                                [WORKER_RESTORING] = 1,
                                [WORKER_CONNECTING] = 2,
                                [WORKER_RETRYING] = 3,
                                [WORKER_STOPPED] = 4};
    struct worker *slowest = s->workers[0];
    for (size_t i = 1; i < s->worker_count; i++)
        if (order[worker_phase(s->workers[i])] > order[worker_phase(slowest)])
            slowest = s->workers[i];
    return slowest;
}

static enum worker_phase phase_of_slowest(const struct worker *w) {
    return w != NULL ? worker_phase(w) : WORKER_CONNECTING;
}

static enum worker_phase phase_of(const struct service *s) {
    return phase_of_slowest(slowest_worker(s));
}

static void note_starting(struct service *s, const char *text) {
    (void)pthread_mutex_lock(&s->starting_lock);
    (void)snprintf(s->starting, sizeof s->starting, "%s", text);
    (void)pthread_mutex_unlock(&s->starting_lock);
}

static void copy_starting(struct service *s, char *text, size_t n) {
    (void)pthread_mutex_lock(&s->starting_lock);
    (void)snprintf(text, n, "%s", s->starting);
    (void)pthread_mutex_unlock(&s->starting_lock);
}

/* What a worker that does not run waits for, or the start (NULL: there are no workers yet). */
static void put_reason(struct service *s, struct worker *w, struct buf *out) {
    static const char *const phases[] = {[WORKER_CONNECTING] = "waiting for an assignment",
                                         [WORKER_RESTORING] = "restoring state",
                                         [WORKER_RUNNING] = "running"};
    enum worker_phase phase = phase_of_slowest(w);
    char text[sizeof s->starting];
    if (w == NULL)
        copy_starting(s, text, sizeof text);
    else if (phase == WORKER_RETRYING || phase == WORKER_STOPPED)
        worker_last_error(w, text, sizeof text);
    else if (phase == WORKER_RESTORING && atomic_load(&s->metrics->restore_remaining) == 0)
        (void)snprintf(text, sizeof text, "looking for what is to be restored");
    else
        (void)snprintf(text, sizeof text, "%s", phases[phase]);
    json_put_string(out, slice_str(text));
}

/* null: not known yet. */
static void put_restore_remaining(const struct service *s, bool has_workers, bool is_ready,
                                  struct buf *out) {
    int64_t remaining = has_workers ? atomic_load(&s->metrics->restore_remaining) : 0;
    buf_put_str(out, ",\"restore_remaining_records\":");
    if (is_ready || remaining > 0)
        buf_put_int(out, remaining);
    else
        buf_put_str(out, "null");
}

static int64_t count_violations(const struct metrics *m) {
    int64_t violations = 0;
    for (int i = 0; i < INVARIANT_COUNT; i++)
        violations += atomic_load(&m->invariant_violations[i]);
    return violations;
}

static void reply_ready(struct service *s, bool has_workers, struct http_reply *reply) {
    struct worker *slowest = has_workers ? slowest_worker(s) : NULL;
    bool is_ready = phase_of_slowest(slowest) == WORKER_RUNNING;
    struct buf *out = &reply->body;
    reply->status = is_ready ? 200 : 503;
    reply->content_type = "application/json";
    buf_printf(out, "{\"ready\":%s,\"reason\":", is_ready ? "true" : "false");
    put_reason(s, slowest, out);
    buf_put_str(out, ",\"since\":\"");
    timestamp_put_iso(out, slowest != NULL ? worker_ready_changed_ms(slowest) : s->renewed_ms);
    buf_put_str(out, "\",\"unreachable_brokers\":");
    broker_watch_put_json(s->config.brokers, out);
    put_restore_remaining(s, has_workers, is_ready, out);
    buf_printf(out, ",\"invariant_violations\":%lld}\n",
               (long long)(has_workers ? count_violations(s->metrics) : 0));
}

static void reply_alive(const struct service *s, bool has_workers, struct http_reply *reply) {
    bool alive = !has_workers || phase_of(s) != WORKER_STOPPED;
    reply->status = alive ? 200 : 503;
    reply->content_type = "application/json";
    buf_put_str(&reply->body,
                alive ? "{\"alive\":true}\n" : "{\"alive\":false,\"reason\":\"stopped\"}\n");
}

static void reply_metrics(const struct service *s, struct http_reply *reply) {
    reply->status = 200;
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_render(s->metrics, now_ms(), &reply->body);
}

static void answer(struct service *s, const struct http_request *request,
                   struct http_reply *reply) {
    bool has_workers = atomic_load(&s->has_workers);
    const struct route *route = route_find(request->path);
    if (route == NULL) {
        http_reply_error(reply, 404, "no such resource");
    } else if (!route_check_parameters(route, request, reply)) {
        return;
    } else if (route->answer == ROUTE_HEALTH) {
        reply_alive(s, has_workers, reply);
    } else if (route->answer == ROUTE_READINESS) {
        reply_ready(s, has_workers, reply);
    } else if (!has_workers) {
        http_reply_error(reply, 503, "starting, see /readyz");
    } else if (route->answer == ROUTE_METRICS) {
        reply_metrics(s, reply);
    } else {
        struct query_context q = {s->store, s->layout.n, owns, reply_not_here, s};
        query_handle(&q, route, request, reply);
    }
}

static void handle(void *context, const struct http_request *request, struct http_reply *reply) {
    struct service *s = context;
    (void)pthread_rwlock_rdlock(&s->workers_lock);
    answer(s, request, reply);
    (void)pthread_rwlock_unlock(&s->workers_lock);
}

static enum http_class classify(void *context, const char *path) {
    const struct service *s = context;
    const struct route *route = route_find(path);
    if (route == NULL)
        return HTTP_GUARDED;
    if (route->answer == ROUTE_HEALTH || route->answer == ROUTE_READINESS)
        return HTTP_HEALTH;
    return route->answer == ROUTE_METRICS && s->config.http_metrics_open ? HTTP_OPEN : HTTP_GUARDED;
}

/* --- life --- */

/* Brokers that come up later than this program are waited for. */
static bool wait_for_brokers(rd_kafka_t *client, const char *bootstrap,
                             struct kafka_trouble *trouble, struct err *e) {
    const struct rd_kafka_metadata *md = NULL;
    int waited_ms = 0;
    for (; md == NULL && waited_ms < BROKER_TIMEOUT_MS && !kafka_trouble_lasts(trouble);
         waited_ms += 1000)
        md = kafka_metadata(client, bootstrap, 1000, trouble, e);
    if (md == NULL)
        return waited_ms >= BROKER_TIMEOUT_MS
                   ? err_prefix(e, "gave up after %d s", BROKER_TIMEOUT_MS / 1000)
                   : false;
    rd_kafka_metadata_destroy(md);
    return true;
}

/* ERR_DENIED: rights are missing. Where Kafka does not tell which ones it has, errors will. */
static bool may_run(struct service *s, rd_kafka_t *client, bool *any_absent, struct err *e) {
    struct rights needed = rights_to_run(), missing;
    if (!rights_ask(client, &s->config, &needed, &missing, e)) {
        log_warn("rights", "error=%s", log_quote(&(struct log_value){0}, e->text));
        return true;
    }
    for (int t = 0; t < RIGHTS_TOPICS; t++)
        *any_absent = *any_absent || missing.absent[t];
    return rights_are_none(&missing) || rights_deny(&s->config, &missing, e);
}

/* What the user may do with a topic can be asked when it is there. */
static bool find_topics(struct service *s, rd_kafka_t *client, struct err *e) {
    bool any_absent = false;
    return may_run(s, client, &any_absent, e) &&
           topics_ensure(client, &s->config, CALL_TIMEOUT_MS, &s->layout, e) &&
           (!any_absent || may_run(s, client, &any_absent, e));
}

/* How long it has waited already, and will wait next. */
struct patience {
    int64_t waited_ms, next_ms;
};

/* False if it is time to give up: `e` says so. A signal ends the process meanwhile (start_watch.h).
 */
static bool may_try_again(struct service *s, struct patience *p, struct err *e) {
    if (p->waited_ms >= s->config.retry_timeout_ms) {
        e->class = ERR_STOP;
        return err_prefix(e, "gave up after %lld s of trying again (retry.timeout)",
                          (long long)(p->waited_ms / 1000));
    }
    if (strcmp(s->starting, e->text) != 0) /* somebody is at it */
        p->next_ms = BACKOFF_MIN_MS;
    if (p->next_ms > s->config.retry_timeout_ms - p->waited_ms)
        p->next_ms = s->config.retry_timeout_ms - p->waited_ms;
    log_warn("trying again", "backoff_ms=%lld error=%s", (long long)p->next_ms,
             log_quote(&(struct log_value){0}, e->text));
    note_starting(s, e->text);
    const struct timespec pause = {p->next_ms / 1000, p->next_ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
    p->waited_ms += p->next_ms;
    p->next_ms = p->next_ms * 2 < BACKOFF_MAX_MS ? p->next_ms * 2 : BACKOFF_MAX_MS;
    return true;
}

static bool wait_for_topics(struct service *s, rd_kafka_t *client, struct err *e) {
    struct patience patience = {0};
    while (!find_topics(s, client, e))
        if ((e->class != ERR_DENIED && e->class != ERR_RETRY) || !may_try_again(s, &patience, e))
            return false;
    note_starting(s, "starting");
    return true;
}

static bool connect_brokers(struct service *s, struct err *e) {
    if (s->is_embedded) {
        s->broker = embedded_start(&s->config, &s->layout, e);
        if (s->broker == NULL)
            return false;
        union { /* config holds a plain pointer; nobody writes through it */
            const char *in;
            char *out;
        } bootstrap = {embedded_bootstrap(s->broker)};
        s->config.bootstrap = bootstrap.out;
        return true;
    }
    struct kafka_trouble trouble;
    rd_kafka_t *client = kafka_asking_client(&s->config, &trouble, e);
    if (client == NULL)
        return false;
    bool ok =
        wait_for_brokers(client, s->config.bootstrap, &trouble, e) && wait_for_topics(s, client, e);
    rd_kafka_destroy(client);
    return ok;
}

/* On the worker's thread: wakes up service_wait. */
static void worker_failed(void *context) {
    (void)context;
    (void)kill(getpid(), SIGTERM);
}

static bool start_worker(struct service *s, int index, struct err *e) {
    char transactional_id[512];
    (void)snprintf(transactional_id, sizeof transactional_id, "%s-%d", s->transactional_id, index);
    struct worker_options o = {
        .config = &s->config,
        .kafka = &s->kafka,
        .clock = clock_of_machine(),
        .layout = &s->layout,
        .store = s->store,
        .metrics = s->metrics,
        .index = index,
        .transactional_id = transactional_id,
        .state_owners = s->state_owners,
        .ephemeral = s->is_embedded,
        .failed = worker_failed,
    };
    struct worker *w = worker_start(&o, e);
    (void)pthread_rwlock_wrlock(&s->workers_lock);
    s->workers[index] = w;
    s->worker_count += w != NULL;
    (void)pthread_rwlock_unlock(&s->workers_lock);
    return w != NULL;
}

static bool begin_workers(struct service *s, struct err *e) {
    for (int i = 0; i < s->config.workers; i++)
        if (!start_worker(s, i, e))
            return false;
    return true;
}

static bool start_workers(struct service *s, struct err *e) {
    s->config.logins = login_guard_new();
    s->kafka = kafka_of_librdkafka(&s->config);
    s->metrics = metrics_new(&s->config);
    for (int t = 0; t < TOPIC_COUNT; t++)
        metrics_set_partitions(s->metrics, (enum topic)t, s->layout.partitions[t]);
    s->state_owners = mem_calloc((size_t)s->layout.n, sizeof *s->state_owners);
    s->workers = mem_calloc((size_t)s->config.workers, sizeof(struct worker *));
    bool ok = begin_workers(s, e);
    note_starting(s, "new secrets and certificates are taken over");
    atomic_store(&s->has_workers, ok);
    return ok;
}

/* Nobody else sees them from the beginning on. */
static bool stop_workers(struct service *s, struct err *e) {
    bool ok = true;
    (void)pthread_rwlock_wrlock(&s->workers_lock);
    size_t count = s->worker_count;
    s->worker_count = 0;
    s->renewed_ms = now_ms();
    (void)pthread_rwlock_unlock(&s->workers_lock);
    for (size_t i = 0; i < count; i++)
        worker_ask_to_stop(s->workers[i]);
    for (size_t i = 0; i < count; i++) {
        struct err own;
        if (!worker_stop(s->workers[i], &own)) {
            *e = ok ? own : *e;
            ok = false;
        }
    }
    return ok;
}

/* Names by which others may ask this instance: those that the configuration says. */
static void choose_http_hosts(struct service *s) {
    struct buf hosts = {0};
    struct url url;
    struct address listen;
    buf_put_str(&hosts, s->config.http_hosts);
    if (address_parse(slice_str(s->config.http_listen), &listen))
        buf_printf(&hosts, ",%.*s", (int)listen.host.n, listen.host.p);
    if (url_parse(slice_str(s->config.http_advertised_url), &url))
        buf_printf(&hosts, ",%.*s", (int)url.at.host.n, url.at.host.p);
    s->http_hosts = mem_strdup(buf_cstr(&hosts));
    buf_release(&hosts);
}

/* The embedded broker is this process's own: there are no others. */
static bool start_forward(struct service *s, struct err *e) {
    s->forward = (struct forward){
        .token = s->http_files.token, .holds = holds, .is_settled = is_settled, .context = s};
    if (s->http == NULL || s->config.http_peers[0] == '\0' || s->is_embedded)
        return true;
    s->forward.peers = s->peers = peers_new(&s->config, s->layout.n, e);
    if (s->peers == NULL || s->config.http_forward == HTTP_FORWARD_REDIRECT)
        return s->peers != NULL;
    s->forward.client = s->http_client = http_client_new(s->config.http_tls_ca, e);
    return s->http_client != NULL;
}

static bool start_http(struct service *s, struct err *e) {
    if (s->config.http_listen[0] == '\0')
        return true;
    choose_http_hosts(s);
    struct http_options o = {
        .listen = s->config.http_listen,
        .max_connections = s->config.http_max_connections,
        .hosts = s->http_hosts,
        .token = s->http_files.token,
        .certificate = s->http_files.certificate,
        .key = s->http_files.key,
        .classify = classify,
        .handler = handle,
        .context = s,
    };
    s->http = http_start(&o, e);
    return s->http != NULL;
}

/* Whoever asks all the time shall not keep the workers from coming and going. */
static void init_workers_lock(struct service *s) {
    pthread_rwlockattr_t kind;
    (void)pthread_rwlockattr_init(&kind);
    (void)pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    (void)pthread_rwlock_init(&s->workers_lock, &kind);
    (void)pthread_rwlockattr_destroy(&kind);
}

struct service *service_start(const struct config *config, bool embedded, struct err *e) {
    struct service *s = mem_calloc(1, sizeof *s);
    init_workers_lock(s);
    s->config = *config;
    s->is_embedded = embedded;
    (void)pthread_mutex_init(&s->starting_lock, NULL);
    note_starting(s, "waiting for the brokers");
    s->renewed_ms = now_ms();
    s->config.brokers = broker_watch_new();
    log_set_level(config->log_level);
    bool ok = http_files_read(&s->http_files, &s->config, e) &&
              preflight(&s->config, embedded, e) && start_http(s, e) && connect_brokers(s, e) &&
              (!embedded || make_temporary_dir(s, e)) && open_store(s, e) &&
              choose_transactional_id(s, e) && start_forward(s, e) && start_workers(s, e);
    if (ok) {
        log_info(
            "serving", "version=%s bootstrap=%s app.id=%s partitions=%d state.dir=%s http=%s%s",
            streamer_version(), s->config.bootstrap, s->config.app_id, s->layout.n,
            s->config.state_dir, s->http != NULL ? http_address(s->http) : "off",
            embedded ? " embedded=true note=\"broker and state are gone when this stops\"" : "");
        return s;
    }
    struct err ignored;
    (void)service_stop(s, &ignored);
    return NULL;
}

/* Calls of librdkafka may take longer than whoever stops this waits before kill -9, or for ever
 * while a broker is gone. */
static void *give_up(void *nothing) {
    struct timespec left = {.tv_sec = STOP_S};
    while (nanosleep(&left, &left) != 0)
        ;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    log_error(
        "stopping takes too long; ended as by kill -9: the next start goes on from what is committed",
        "seconds=%d", STOP_S);
    _exit(EXIT_FAILURE);
    return nothing;
}

bool service_stop(struct service *s, struct err *e) {
    pthread_t watch;
    /* Not where a worker has ended with an error, which is still to be told. */
    bool watched = s->was_asked_to_stop && pthread_create(&watch, NULL, give_up, NULL) == 0;
    http_client_stop(s->http_client); /* first: the server waits for its answers */
    http_stop(s->http);
    http_client_free(s->http_client);
    bool ok = stop_workers(s, e);
    peers_free(s->peers);
    if (s->reload_failure.class != ERR_NONE) {
        *e = s->reload_failure;
        ok = false;
    }
    store_close(s->store);
    embedded_stop(s->broker);
    login_guard_free(s->config.logins);
    if (watched && pthread_cancel(watch) == 0)
        (void)pthread_join(watch, NULL);
    metrics_free(s->metrics);
    if (s->temporary_dir[0] != '\0')
        (void)nftw(s->temporary_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    (void)pthread_mutex_destroy(&s->starting_lock);
    free(s->transactional_id);
    broker_watch_release(s->config.brokers);
    free(s->http_hosts);
    http_files_release(&s->http_files);
    free(s->workers);
    free(s->state_owners);
    config_release(&s->reloaded);
    (void)pthread_rwlock_destroy(&s->workers_lock);
    free(s);
    return ok;
}

/* --- signals --- */

void service_stop_signals(sigset_t *set) {
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
}

/* SIGUSR1 shows more of the log, SIGUSR2 less. Said where either level shows it. */
static void change_log_level(int signal) {
    enum log_level was = log_get_level(), now = was;
    if (signal == SIGUSR1 && was > LOG_DEBUG)
        now = was - 1;
    if (signal == SIGUSR2 && was < LOG_ERROR)
        now = was + 1;
    log_set_level(was < now ? was : now);
    log_info("log level changed", "log.level=%s was=%s", log_level_name(now), log_level_name(was));
    log_set_level(now);
}

static void all_signals(sigset_t *set) {
    service_stop_signals(set);
    (void)sigaddset(set, SIGUSR1);
    (void)sigaddset(set, SIGUSR2);
    (void)sigaddset(set, SIGHUP);
}

void service_block_signals(bool can_reload) {
    sigset_t set;
    all_signals(&set);
    if (!can_reload)
        (void)sigdelset(&set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static bool stop_is_pending(void) {
    sigset_t pending;
    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1);
}

/* Returns SIGHUP or the signal to stop, or a number below 0 if none came in that time. */
static int wait_for_signal(int64_t ms) {
    sigset_t set;
    struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
    all_signals(&set);
    int signal = sigtimedwait(&set, NULL, &wait);
    if (signal != SIGUSR1 && signal != SIGUSR2)
        return signal;
    change_log_level(signal);
    return -1;
}

static bool all_have_moved(struct service *s) {
    bool all = true;
    for (size_t i = 0; i < s->worker_count; i++)
        all = worker_has_moved(s->workers[i]) && all;
    return all;
}

/* Returns the signal that ended it. A stall of half the watchdog's time harms nothing, one of all
 * of it makes systemd start the program anew. */
static int serve_systemd(struct service *s) {
    int64_t alive_ms = notify_watchdog_ms() / 2;
    int signal = -1;
    while (signal < 0 && !s->is_told_ready && !service_running(s))
        signal = wait_for_signal(STARTING_POLL_MS);
    if (signal < 0 && !s->is_told_ready) {
        notify_send("READY=1");
        s->is_told_ready = true;
    }
    while (signal < 0) {
        if (alive_ms > 0 && all_have_moved(s))
            notify_send("WATCHDOG=1");
        signal = wait_for_signal(alive_ms > 0 ? alive_ms : INT32_MAX);
    }
    if (signal != SIGHUP)
        notify_send("STOPPING=1");
    return signal;
}

enum service_event service_wait(struct service *s) {
    int signal = notify_is_wanted() ? serve_systemd(s) : -1;
    while (signal < 0)
        signal = wait_for_signal(INT32_MAX);
    if (signal == SIGHUP)
        return SERVICE_RELOAD;
    s->was_asked_to_stop = phase_of(s) != WORKER_STOPPED && s->reload_failure.class == ERR_NONE;
    if (s->was_asked_to_stop)
        log_info("stopping", "signal=%d", signal);
    return SERVICE_STOP;
}

/* --- new secrets and certificates --- */

/* With one client, so that a wrong password costs one login. */
static bool lets_in(const struct config *c, struct err *e) {
    struct kafka_trouble trouble;
    rd_kafka_t *client = kafka_asking_client(c, &trouble, e);
    if (client == NULL)
        return false;
    const struct rd_kafka_metadata *md =
        kafka_metadata(client, c->bootstrap, CALL_TIMEOUT_MS, &trouble, e);
    if (md != NULL)
        rd_kafka_metadata_destroy(md);
    rd_kafka_destroy(client);
    return md != NULL;
}

/* A stop that is asked for meanwhile has its time, too. */
static void *give_up_if_asked(void *nothing) {
    struct timespec pause = {.tv_nsec = 100000000};
    while (!stop_is_pending())
        (void)nanosleep(&pause, NULL);
    return give_up(nothing);
}

/* The brokers and what is needed to be let in by them. */
static void take_kafka(struct config *to, const struct config *from) {
    to->bootstrap = from->bootstrap;
    to->kafka = from->kafka;
    to->kafka_count = from->kafka_count;
}

/* What logins were refused before says nothing of the new ones. Clients that were left behind keep
 * the guard that they have. */
static void forget_refusals(struct service *s) {
    login_guard_free(s->config.logins);
    s->config.logins = login_guard_new();
}

static void renew_workers(struct service *s, const struct config *fresh) {
    peers_pause(s->peers);
    bool ok = stop_workers(s, &s->reload_failure);
    forget_refusals(s);
    take_kafka(&s->config, fresh);
    config_release(&s->reloaded);
    s->reloaded = *fresh;
    ok = ok && begin_workers(s, &s->reload_failure) && peers_resume(s->peers, &s->reload_failure);
    if (ok)
        log_info("secrets and certificates are read again, the clients are new", " ");
}

/* The guard of logins is not asked, for whoever refuses the login of now may let the new one in. A
 * new one that is refused is not a broker that cannot be reached. */
static bool can_take_over(const struct service *s, const struct config *fresh, struct err *e) {
    struct config candidate = s->config;
    take_kafka(&candidate, fresh);
    candidate.logins = NULL;
    candidate.brokers = NULL;
    if (s->is_embedded)
        return err_set(e, ERR_CONFIG, "the broker is inside the process and has none");
    return preflight_clients(&candidate, e) && lets_in(&candidate, e);
}

bool service_reload(struct service *s, const struct config *fresh, struct err *e) {
    pthread_t watch;
    bool watched = pthread_create(&watch, NULL, give_up_if_asked, NULL) == 0;
    if (s->is_told_ready)
        notify_send("RELOADING=1");
    bool ok = can_take_over(s, fresh, e);
    if (ok)
        renew_workers(s, fresh);
    if (s->is_told_ready)
        notify_send("READY=1");
    if (watched && !stop_is_pending() && pthread_cancel(watch) == 0)
        (void)pthread_join(watch, NULL);
    if (s->reload_failure.class != ERR_NONE)
        worker_failed(s);
    return ok;
}

bool service_wait_ms(struct service *s, int64_t ms) {
    return wait_for_signal(ms) > 0 || phase_of(s) == WORKER_STOPPED;
}

const char *service_bootstrap(const struct service *s) {
    return s->config.bootstrap;
}
const char *service_http_address(const struct service *s) {
    return s->http != NULL ? http_address(s->http) : NULL;
}
const struct metrics *service_metrics(const struct service *s) {
    return s->metrics;
}
bool service_idle(const struct service *s) {
    int64_t backlog = 0;
    for (size_t i = 0; i < s->worker_count; i++)
        backlog += worker_backlog(s->workers[i]);
    return backlog == 0;
}
struct store *service_store(const struct service *s) {
    return s->store;
}
int32_t service_partitions(const struct service *s) {
    return s->layout.n;
}
bool service_running(const struct service *s) {
    return phase_of(s) == WORKER_RUNNING;
}
