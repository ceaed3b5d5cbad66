#include "streamer/service/service.h"

#include "state/rocksdb/store.h"
#include "streamer/base/clock.h"
#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/base/version.h"
#include "streamer/kafka/broker_watch.h"
#include "streamer/kafka/embedded.h"
#include "streamer/kafka/login_guard.h"
#include "streamer/quality/quality.h"
#include "streamer/registry/schema_cache.h"
#include "streamer/service/alerts.h"
#include "streamer/service/check_states.h"
#include "streamer/service/connect.h"
#include "streamer/service/http_service.h"
#include "streamer/service/instance_id.h"
#include "streamer/service/notify.h"
#include "streamer/service/observer.h"
#include "streamer/service/openlineage.h"
#include "streamer/service/preflight.h"
#include "streamer/service/result_schemas.h"
#include "streamer/service/signals.h"
#include "streamer/service/starting.h"
#include "streamer/service/state_dir.h"
#include "streamer/service/stop_limit.h"
#include "streamer/service/workers.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STARTING_POLL_MS 200

struct service {
    struct config config; /* a shallow copy; embedded: with another bootstrap and state_dir */
    bool is_embedded;
    struct starting starting;
    struct http_service http;
    struct embedded *broker; /* NULL: not embedded */
    struct topic_layout layout;
    struct temporary_dir temporary_dir;
    struct store *store;
    char *transactional_id; /* without the index of a worker */
    struct metrics *metrics;
    struct schema_cache *schemas; /* NULL: no registry and no schemas.dir are set */
    uint32_t result_schema_ids[PUBLIC_SCHEMA_COUNT]; /* output.format=avro */
    struct worker_kafka kafka;
    struct workers workers;
    struct observer *observer; /* NULL: it has not begun */
    struct quality *quality;
    char instance[256]; /* who tells: instance.id, or the host */
    struct check_states checks;
    struct alerts *alerts;
    struct openlineage *lineage; /* NULL: nobody is told */
    bool was_asked_to_stop;      /* by a signal, while no worker had failed */
    bool is_told_ready;          /* systemd knows */
    struct config reloaded; /* owns the kafka.* that are in use; zero: those of the start are */
    /* Why the workers did not begin anew after a reload; ERR_NONE: they did. */
    struct err reload_failure;
};

/* --- start */

static void name_instance(struct service *s) {
    const char *id = s->config.instance_id;
    if (id != NULL)
        (void)snprintf(s->instance, sizeof s->instance, "%s", id);
    else if (gethostname(s->instance, sizeof s->instance) != 0)
        (void)snprintf(s->instance, sizeof s->instance, "unnamed");
}

static struct service *service_new(const struct config *config, bool embedded) {
    struct service *s = mem_calloc(1, sizeof *s);
    s->config = *config;
    name_instance(s);
    s->config.brokers = broker_watch_new();
    s->is_embedded = embedded;
    s->metrics = metrics_new(&s->config);
    starting_init(&s->starting, "waiting for the brokers");
    workers_init(&s->workers);
    return s;
}

static bool read_http_files(struct service *s, struct err *e) {
    return http_service_read_files(&s->http, &s->config, e);
}

static bool check_machine(struct service *s, struct err *e) {
    return preflight(&s->config, s->is_embedded, e);
}

/* Wakes up service_wait, because the service cannot go on. Any thread. */
static void worker_failed(void *context) {
    (void)context;
    (void)kill(getpid(), SIGTERM);
}

static void count_request(void *context, enum registry_result result) {
    metric_add(&((struct service *)context)->metrics->registry_requests[result], 1);
}

static bool has_registry(const struct service *s) {
    return s->config.registry.urls[0] != '\0';
}

static bool open_schemas(struct service *s, struct err *e) {
    if (!has_registry(s) && s->config.schemas_dir[0] == '\0')
        return true;
    struct registry *registry = NULL;
    if (has_registry(s) && (registry = registry_of_config(&s->config, count_request, s, e)) == NULL)
        return false;
    const struct schema_cache_options o = {
        .registry = registry,
        .directory = s->config.schemas_dir,
        .patience_ms = s->config.retry_timeout_ms,
        .gave_up = worker_failed,
        .context = s,
        .clock = clock_of_machine(),
    };
    s->schemas = schema_cache_new(&o, e);
    if (s->schemas == NULL)
        return false;
    s->config.schemas = schema_cache_source(s->schemas);
    s->http.answers.schemas = s->schemas;
    return true;
}

static bool start_http(struct service *s, struct err *e) {
    s->http.answers.instance = s->instance;
    return http_service_start(&s->http, &s->config, &s->starting, &s->workers, s->metrics, e);
}

static bool start_alerts(struct service *s, struct err *e) {
    s->checks.answers = &s->http.answers;
    const struct alerts_options o = {
        .config = &s->config,
        .metrics = s->metrics,
        .clock = clock_of_machine(),
        .look_ms = ALERTS_LOOK_MS,
        .instance = s->instance,
        .dir = s->is_embedded ? NULL : s->config.state_dir,
        .states = check_states_copy,
        .topics_duty = check_states_duty,
        .context = &s->checks,
    };
    s->alerts = alerts_start(&o, e);
    return s->alerts != NULL;
}

static bool start_broker(struct service *s, struct err *e) {
    s->broker = embedded_start(&s->config, &s->layout, e);
    if (s->broker == NULL)
        return false;
    union { /* config has a plain pointer; nobody writes through it */
        const char *in;
        char *out;
    } bootstrap = {embedded_bootstrap(s->broker)};
    s->config.bootstrap = bootstrap.out;
    return true;
}

static bool find_broker_and_topics(struct service *s, struct err *e) {
    return s->is_embedded ? start_broker(s, e)
                          : connect_to_topics(&s->config, &s->starting, &s->layout, e);
}

/* So that a restore has them at once. */
static void note_result_schemas(struct service *s) {
    for (int i = 0; i < PUBLIC_SCHEMA_COUNT; i++)
        schema_cache_note(s->schemas, s->result_schema_ids[i], slice_str(public_schemas[i].text));
}

static bool find_result_schemas(struct service *s, struct err *e) {
    if (s->config.output_format != OUTPUT_AVRO)
        return true;
    struct registry *r = registry_of_config(&s->config, count_request, s, e);
    bool ok =
        r != NULL && result_schemas_find(&s->config, r, &s->starting, s->result_schema_ids, e);
    registry_free(r);
    s->config.result_schema_ids = s->result_schema_ids;
    if (ok)
        note_result_schemas(s);
    return ok;
}

static bool open_state(struct service *s, struct err *e) {
    if (s->is_embedded) {
        if (!temporary_dir_make(&s->temporary_dir, e))
            return false;
        s->config.state_dir = s->temporary_dir.path;
    }
    s->store =
        state_dir_open(&s->config, s->layout.n, clock_ms(clock_of_machine(), CLOCK_REALTIME), e);
    return s->store != NULL;
}

static bool choose_identity(struct service *s, struct err *e) {
    s->transactional_id = instance_transactional_id(&s->config, s->store, e);
    return s->transactional_id != NULL;
}

static bool connect_http(struct service *s, struct err *e) {
    for (int t = 0; t < TOPIC_COUNT; t++)
        metrics_set_partitions(s->metrics, (enum topic)t, s->layout.partitions[t]);
    return http_service_connect(&s->http, s->store, s->layout.n, s->is_embedded, e);
}

static bool start_workers(struct service *s, struct err *e) {
    s->config.logins = login_guard_new();
    s->kafka = kafka_of_librdkafka(&s->config);
    const struct worker_options common = {
        .config = &s->config,
        .kafka = &s->kafka,
        .clock = clock_of_machine(),
        .layout = &s->layout,
        .store = s->store,
        .metrics = s->metrics,
        .ephemeral = s->is_embedded,
        .failed = worker_failed,
    };
    workers_prepare(&s->workers, &common, s->transactional_id);
    if (!workers_begin(&s->workers, e))
        return false;
    /* From now on there are no workers only while they are renewed. */
    (void)starting_set(&s->starting, "new secrets and certificates are taken over");
    return true;
}

static bool start_observer(struct service *s, struct err *e) {
    const struct observer_options o = {
        .config = &s->config,
        .metrics = s->metrics,
        .input_partitions = {[ENTITY_CUSTOMER] = s->layout.partitions[TOPIC_CUSTOMERS],
                             [ENTITY_ACCOUNT] = s->layout.partitions[TOPIC_ACCOUNTS]},
        .asks_brokers = !s->is_embedded,
    };
    s->observer = observer_new(&o, e);
    s->http.answers.observer = s->observer;
    return s->observer != NULL;
}

static bool owns(void *context, int32_t partition) {
    struct workers *w = context;
    workers_lock(w);
    bool is_here = workers_own(w, partition);
    workers_unlock(w);
    return is_here;
}

static bool start_quality(struct service *s, struct err *e) {
    const struct quality_options o = {
        .config = &s->config,
        .clock = clock_of_machine(),
        .store = s->store,
        .metrics = s->metrics,
        .partitions = s->layout.n,
        .instance = s->instance,
        .owns = owns,
        .context = &s->workers,
    };
    s->quality = quality_start(&o, e);
    if (s->quality == NULL)
        return false;
    s->http.answers.quality = s->quality;
    s->http.answers.quality_states = quality_states;
    return true;
}

static bool open_http(struct service *s, struct err *e) {
    (void)e;
    http_service_open(&s->http);
    return true;
}

static bool start_lineage(struct service *s, struct err *e) {
    if (s->config.openlineage_url[0] == '\0')
        return true;
    const struct openlineage_options o = {
        .config = &s->config, .clock = clock_of_machine(), .running_ms = OPENLINEAGE_RUNNING_MS};
    s->lineage = openlineage_start(&o, e);
    return s->lineage != NULL;
}

static void log_serving(const struct service *s) {
    const char *http = service_http_address(s);
    log_info("serving", "version=%s bootstrap=%s app.id=%s partitions=%d state.dir=%s http=%s%s",
             streamer_version(), s->config.bootstrap, s->config.app_id, s->layout.n,
             s->config.state_dir, http != NULL ? http : "off",
             s->is_embedded ? " embedded=true note=\"broker and state are gone when this stops\""
                            : "");
}

/* The steps of a start, in this order. */
static bool (*const start_steps[])(struct service *s, struct err *e) = {
    read_http_files,        /* wrong settings are found first */
    check_machine,          /* limits, clients, state directory */
    open_schemas,           /* files of the registry's TLS, schemas.dir; asks nothing yet */
    start_http,             /* from here on health can be asked for */
    start_alerts,           /* and people are told if it is not well */
    find_broker_and_topics, /* waits for what is not there yet */
    find_result_schemas,    /* waits for the registry; registers what it lacks */
    open_state,             /* sets aside what cannot be used */
    choose_identity,        /* ends what the process before left open */
    connect_http,           /* to the state, and to other instances */
    start_workers,          /* from here on records are processed */
    start_observer,         /* with the logins of the workers */
    start_quality,          /* what is held is checked */
    open_http,              /* for all questions */
    start_lineage,          /* and others are told what comes from what */
};

struct service *service_start(const struct config *config, bool embedded, struct err *e) {
    struct service *s = service_new(config, embedded);
    log_set_level(config->log_level);
    for (size_t i = 0; i < ARRAY_LEN(start_steps); i++) {
        if (start_steps[i](s, e))
            continue;
        struct err ignored;
        check_states_fail(&s->checks, e); /* before the alerts look for the last time */
        (void)service_stop(s, &ignored);
        return NULL;
    }
    log_serving(s);
    return s;
}

/* --- run */

/* Tells systemd when the process is ready, and then, twice in the time that the watchdog allows,
 * that it is alive. A worker that makes no progress for half that time is not noticed yet; after
 * all of it systemd starts the process anew. Returns the signal that ended it. */
static int wait_and_tell_systemd(struct service *s) {
    int64_t alive_ms = notify_watchdog_ms() / 2;
    int signal = -1;
    while (signal < 0 && !s->is_told_ready && !service_running(s))
        signal = signals_wait(STARTING_POLL_MS);
    if (signal < 0 && !s->is_told_ready) {
        notify_send("READY=1");
        s->is_told_ready = true;
    }
    while (signal < 0) {
        if (alive_ms > 0 && workers_have_moved(&s->workers))
            notify_send("WATCHDOG=1");
        signal = signals_wait(alive_ms > 0 ? alive_ms : INT32_MAX);
    }
    if (signal != SIGHUP)
        notify_send("STOPPING=1");
    return signal;
}

static bool has_registry_failed(const struct service *s, struct err *e) {
    return s->schemas != NULL && schema_cache_gave_up(s->schemas, e);
}

static bool has_failed(const struct service *s) {
    struct err ignored;
    return has_registry_failed(s, &ignored) || workers_phase(&s->workers) == WORKER_STOPPED ||
           s->reload_failure.class != ERR_NONE;
}

enum service_event service_wait(struct service *s) {
    int signal = notify_is_wanted() ? wait_and_tell_systemd(s) : -1;
    while (signal < 0)
        signal = signals_wait(INT32_MAX);
    if (signal == SIGHUP)
        return SERVICE_RELOAD;
    s->was_asked_to_stop = !has_failed(s);
    if (s->was_asked_to_stop)
        log_info("stopping", "signal=%d", signal);
    return SERVICE_STOP;
}

bool service_wait_ms(struct service *s, int64_t ms) {
    return signals_wait(ms) > 0 || workers_phase(&s->workers) == WORKER_STOPPED;
}

/* --- reload */

/* The settings with which clients log in. */
static void take_logins(struct config *to, const struct config *from) {
    to->registry = from->registry;
    to->bootstrap = from->bootstrap;
    to->kafka = from->kafka;
    to->kafka_count = from->kafka_count;
}

/* NULL with `e`: there can be none; NULL with ERR_NONE: there is none. The ids that are in use mean
 * nothing to another registry. */
static struct registry *new_registry(struct service *s, const struct config *c, struct err *e) {
    *e = (struct err){0};
    if (strcmp(s->config.registry.urls, c->registry.urls) != 0)
        (void)err_set(e, ERR_CONFIG,
                      "schema.registry.url: another registry comes by a restart, which asks it for "
                      "all schemas anew");
    else if (has_registry(s))
        return registry_of_config(c, count_request, s, e);
    return NULL;
}

/* The guard of logins is not asked, because a broker that refuses the present login may accept the
 * new one. The watch of brokers is not told, because a broker that refuses a login is not lost. */
static bool can_take_over(const struct service *s, const struct config *fresh, struct err *e) {
    struct config candidate = s->config;
    take_logins(&candidate, fresh);
    candidate.logins = NULL;
    candidate.brokers = NULL;
    if (s->is_embedded)
        return err_set(e, ERR_CONFIG, "the broker is inside the process and has none");
    return preflight_clients(&candidate, e) && connect_is_let_in(&candidate, e);
}

/* Logins that were refused before say nothing about the new ones. */
static void forget_refusals(struct service *s) {
    login_guard_free(s->config.logins);
    s->config.logins = login_guard_new();
}

/* Takes `fresh` over. HTTP's thread reads some of these settings for /v1/status and /v1/lineage,
 * where the workers are locked. */
static void renew_logins(struct service *s, const struct config *fresh) {
    struct config before = s->reloaded;
    workers_lock_alone(&s->workers);
    take_logins(&s->config, fresh);
    s->reloaded = *fresh;
    workers_unlock(&s->workers);
    config_release(&before);
}

static void renew_workers(struct service *s, const struct config *fresh,
                          struct registry *registry) {
    peers_pause(s->http.peers);
    observer_pause(s->observer);
    bool ok = workers_stop(&s->workers, &s->reload_failure);
    forget_refusals(s);
    renew_logins(s, fresh);
    if (registry != NULL)
        schema_cache_renew(s->schemas, registry);
    alerts_renew(s->alerts, fresh->alert_webhook_url);
    openlineage_renew(s->lineage, fresh->openlineage_api_key);
    ok = ok && workers_begin(&s->workers, &s->reload_failure) &&
         peers_resume(s->http.peers, &s->reload_failure) &&
         observer_resume(s->observer, &s->reload_failure);
    if (ok)
        log_info("secrets and certificates are read again, the clients are new", " ");
}

bool service_reload(struct service *s, const struct config *fresh, struct err *e) {
    struct stop_limit limit = {0};
    stop_limit_begin_at_signal(&limit);
    if (s->is_told_ready)
        notify_send("RELOADING=1");
    struct registry *registry = NULL;
    bool ok = can_take_over(s, fresh, e) &&
              ((registry = new_registry(s, fresh, e)) != NULL || e->class == ERR_NONE);
    if (ok)
        renew_workers(s, fresh, registry);
    if (s->is_told_ready)
        notify_send("READY=1");
    if (!signals_stop_is_pending()) /* else the limit holds for the stop that follows */
        stop_limit_end(&limit);
    if (s->reload_failure.class != ERR_NONE)
        worker_failed(s);
    return ok;
}

/* --- stop */

static void service_free(struct service *s) {
    metrics_free(s->metrics);
    temporary_dir_remove(&s->temporary_dir);
    workers_release(&s->workers);
    free(s->transactional_id);
    broker_watch_release(s->config.brokers);
    config_release(&s->reloaded);
    starting_release(&s->starting);
    free(s);
}

bool service_stop(struct service *s, struct err *e) {
    struct stop_limit limit = {0};
    if (s->was_asked_to_stop) /* else a worker's error must still be reported */
        stop_limit_begin(&limit);
    alerts_finish(s->alerts); /* while it is still known why the workers ended */
    http_service_stop(&s->http);
    quality_stop(s->quality);
    bool ok = workers_stop(&s->workers, e);
    http_service_release(&s->http);
    observer_free(s->observer);
    if (has_registry_failed(s, e)) {
        e->class = ERR_STOP;
        ok = err_prefix(e, "gave up after retry.timeout");
    }
    if (s->reload_failure.class != ERR_NONE) {
        *e = s->reload_failure;
        ok = false;
    }
    openlineage_end(s->lineage, ok ? NULL : e);
    alerts_free(s->alerts);
    schema_cache_free(s->schemas);
    store_close(s->store);
    embedded_stop(s->broker);
    login_guard_free(s->config.logins);
    stop_limit_end(&limit);
    service_free(s);
    return ok;
}

/* --- what others may know */

const char *service_bootstrap(const struct service *s) {
    return s->config.bootstrap;
}

const char *service_http_address(const struct service *s) {
    return s->http.server != NULL ? http_address(s->http.server) : NULL;
}

const struct metrics *service_metrics(const struct service *s) {
    return s->metrics;
}

struct store *service_store(const struct service *s) {
    return s->store;
}

int32_t service_partitions(const struct service *s) {
    return s->layout.n;
}

bool service_idle(const struct service *s) {
    return workers_backlog(&s->workers) == 0;
}

bool service_running(const struct service *s) {
    return workers_phase(&s->workers) == WORKER_RUNNING;
}
