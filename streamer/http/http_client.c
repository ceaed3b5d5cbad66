#include "streamer/http/http_client.h"

#include "streamer/base/clock.h"
#include "streamer/base/mem.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define CONNECT_MS 2000L
#define TOTAL_MS 10000
/* Further requests wait for one of these. Instances that hang hold only those to them. */
#define CONNECTIONS 64L
#define CONNECTIONS_TO_ONE 4L
#define POLL_MS 1000
#define LOOK_MS 100 /* how often it looks for requests whose time is over */
#define BODY_MAX ((size_t)64 << 20)

struct fetch {
    TAILQ_ENTRY(fetch) entry;
    CURL *easy;
    struct curl_slist *headers;
    size_t bytes_max;
    int64_t total_ms;
    int64_t end_ms; /* CLOCK_MONOTONIC: when the time is over */
    http_answered *answered;
    void *context;
    struct http_answer answer;
    char why[CURL_ERROR_SIZE];
};

TAILQ_HEAD(fetches, fetch);

struct http_client {
    const char *authorities;
    CURLM *multi;
    struct fetches running; /* for the client's thread only */
    pthread_t thread;
    bool stopped;         /* for the thread that stops it */
    pthread_mutex_t lock; /* over what follows */
    bool stopping;
    struct fetches waiting;
};

/* --- one fetch --- */

static size_t take(char *bytes, size_t size, size_t count, void *context) {
    struct fetch *f = context;
    if (f->answer.body.n + size * count > f->bytes_max)
        return 0; /* ends the fetch with an error */
    buf_put(&f->answer.body, bytes, size * count);
    return size * count;
}

static bool set_options(CURL *easy, const char *authorities, const struct http_question *q,
                        struct fetch *f) {
    return curl_easy_setopt(easy, CURLOPT_URL, q->url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           /* A request that ends does not wait for the system's resolver, which may hang. */
           curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)q->total_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, f->headers) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, f) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, f) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, f->why) == CURLE_OK &&
           (authorities[0] == '\0' ||
            curl_easy_setopt(easy, CURLOPT_CAINFO, authorities) == CURLE_OK);
}

static void add_token(struct fetch *f, const char *token) {
    struct buf line = {0};
    buf_printf(&line, "Authorization: Bearer %s", token);
    f->headers = curl_slist_append(NULL, buf_cstr(&line));
    explicit_bzero(line.p, line.n);
    buf_release(&line);
}

static int64_t now_ms(void) {
    return clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
}

static struct fetch *fetch_new(const char *authorities, const struct http_question *q) {
    struct fetch *f = mem_calloc(1, sizeof *f);
    f->bytes_max = q->bytes_max;
    f->total_ms = q->total_ms;
    f->end_ms = now_ms() + q->total_ms;
    f->answered = q->answered;
    f->context = q->context;
    if (q->token != NULL)
        add_token(f, q->token);
    f->easy = curl_easy_init();
    if (f->easy != NULL && !set_options(f->easy, authorities, q, f)) {
        curl_easy_cleanup(f->easy);
        f->easy = NULL;
    }
    return f;
}

/* Hands the answer over, and frees the fetch. */
static void finish(struct fetch *f, const char *problem) {
    if (problem != NULL) {
        f->answer.status = 0;
        (void)snprintf(f->answer.problem, sizeof f->answer.problem, "%s", problem);
    }
    if (f->easy != NULL)
        curl_easy_cleanup(f->easy);
    curl_slist_free_all(f->headers);
    f->answered(f->context, &f->answer);
    free(f);
}

static void read_result(struct fetch *f) {
    long status = 0;
    const char *type = NULL;
    (void)curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(f->easy, CURLINFO_CONTENT_TYPE, &type);
    f->answer.status = (int)status;
    (void)snprintf(f->answer.content_type, sizeof f->answer.content_type, "%s",
                   type != NULL ? type : "");
}

/* --- the thread --- */

static void drop(struct http_client *c, struct fetch *f) {
    (void)curl_multi_remove_handle(c->multi, f->easy);
    TAILQ_REMOVE(&c->running, f, entry);
}

static void finish_late(struct fetch *f) {
    char problem[64];
    (void)snprintf(problem, sizeof problem, "no answer within %lld ms", (long long)f->total_ms);
    finish(f, problem);
}

/* libcurl counts the time by itself, and can be a moment ahead. */
static bool is_late(const struct fetch *f) {
    return now_ms() + LOOK_MS >= f->end_ms;
}

static void end_fetch(struct http_client *c, CURL *easy, CURLcode code) {
    void *private = NULL;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
    struct fetch *f = private;
    drop(c, f);
    read_result(f);
    if (code == CURLE_OK)
        finish(f, NULL);
    else if (code == CURLE_OPERATION_TIMEDOUT && is_late(f))
        finish_late(f);
    else
        finish(f, f->why[0] != '\0' ? f->why : curl_easy_strerror(code));
}

static void end_fetches(struct http_client *c) {
    int left;
    for (const CURLMsg *m; (m = curl_multi_info_read(c->multi, &left)) != NULL;)
        if (m->msg == CURLMSG_DONE)
            end_fetch(c, m->easy_handle, m->data.result);
}

/* libcurl does not look at the time of requests that wait for a connection. */
static void end_late_fetches(struct http_client *c) {
    struct fetch *next;
    int64_t now = now_ms();
    for (struct fetch *f = TAILQ_FIRST(&c->running); f != NULL; f = next) {
        next = TAILQ_NEXT(f, entry);
        if (now < f->end_ms)
            continue;
        drop(c, f);
        finish_late(f);
    }
}

static void begin_fetches(struct http_client *c, struct fetches *begun) {
    struct fetch *f;
    while ((f = TAILQ_FIRST(begun)) != NULL) {
        TAILQ_REMOVE(begun, f, entry);
        if (f->easy != NULL && curl_multi_add_handle(c->multi, f->easy) == CURLM_OK)
            TAILQ_INSERT_TAIL(&c->running, f, entry);
        else
            finish(f, "libcurl cannot begin");
    }
}

/* Moves the waiting fetches to `taken`. False: it is time to stop. */
static bool take_waiting(struct http_client *c, struct fetches *taken) {
    TAILQ_INIT(taken);
    (void)pthread_mutex_lock(&c->lock);
    TAILQ_CONCAT(taken, &c->waiting, entry);
    bool stopping = c->stopping;
    (void)pthread_mutex_unlock(&c->lock);
    return !stopping;
}

static void *run(void *client) {
    struct http_client *c = client;
    struct fetches taken;
    int running;
    while (take_waiting(c, &taken)) {
        begin_fetches(c, &taken);
        (void)curl_multi_perform(c->multi, &running);
        end_fetches(c);
        end_late_fetches(c);
        (void)curl_multi_poll(c->multi, NULL, 0, TAILQ_EMPTY(&c->running) ? POLL_MS : LOOK_MS,
                              NULL);
    }
    begin_fetches(c, &taken);
    struct fetch *next;
    for (struct fetch *f = TAILQ_FIRST(&c->running); f != NULL; f = next) {
        next = TAILQ_NEXT(f, entry);
        drop(c, f);
        finish(f, "this instance stops");
    }
    return NULL;
}

/* --- for others --- */

void http_client_ask(struct http_client *c, const struct http_question *q) {
    struct fetch *f = fetch_new(c->authorities, q);
    (void)pthread_mutex_lock(&c->lock);
    bool stopping = c->stopping;
    if (!stopping)
        TAILQ_INSERT_TAIL(&c->waiting, f, entry);
    (void)pthread_mutex_unlock(&c->lock);
    if (stopping)
        finish(f, "this instance stops");
    else
        (void)curl_multi_wakeup(c->multi);
}

void http_client_get(struct http_client *c, const char *url, const char *token,
                     http_answered *answered, void *context) {
    http_client_ask(c, &(struct http_question){url, token, TOTAL_MS, BODY_MAX, answered, context});
}

static void destroy(struct http_client *c) {
    (void)pthread_mutex_destroy(&c->lock);
    if (c->multi != NULL)
        (void)curl_multi_cleanup(c->multi);
    curl_global_cleanup();
    free(c);
}

struct http_client *http_client_new(const char *authorities, struct err *e) {
    struct http_client *c = mem_calloc(1, sizeof *c);
    c->authorities = authorities;
    TAILQ_INIT(&c->running);
    TAILQ_INIT(&c->waiting);
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    c->multi = curl_multi_init();
    bool ok =
        c->multi != NULL &&
        curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, CONNECTIONS) == CURLM_OK &&
        curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_TO_ONE) ==
            CURLM_OK &&
        pthread_create(&c->thread, NULL, run, c) == 0;
    if (ok)
        return c;
    (void)err_set(e, ERR_STOP,
                  "http: no client to ask other instances: libcurl or a thread failed");
    destroy(c);
    return NULL;
}

void http_client_stop(struct http_client *c) {
    if (c == NULL || c->stopped)
        return;
    (void)pthread_mutex_lock(&c->lock);
    c->stopping = true;
    (void)pthread_mutex_unlock(&c->lock);
    (void)curl_multi_wakeup(c->multi);
    (void)pthread_join(c->thread, NULL);
    c->stopped = true;
}

void http_client_free(struct http_client *c) {
    if (c == NULL)
        return;
    http_client_stop(c);
    destroy(c);
}
