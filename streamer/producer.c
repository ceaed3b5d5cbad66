#include "streamer/producer.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/kafka.h"
#include "streamer/pipeline.h"
#include "streamer/topics.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOW_COMMIT_MS 5000
#define OFFSETS_MS 5000 /* for sending offsets; at most a transaction's time */
#define GRACE_MS 1000   /* before a call that should have ended by then is given up */

/* Messages sent between two looks at delivery reports: those that are through are freed while they lie in the cache. */
#define POLL_EVERY 256

/* Sends offsets on a thread of its own, since the call may not come back: librdkafka (2.14.2, rd_kafka_coord_req) looks for
 * the group's coordinator without a deadline, and anew only when a connection to some broker begins or ends. If all that it
 * knows is a coordinator that is gone, it waits for as long as that one is gone. */
struct sender {
    pthread_t thread;
    bool is_started;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum { SENDER_IDLE, SENDER_ASKED, SENDER_DONE, SENDER_ENDING } state;
    bool is_abandoned; /* the producer is the thread's, which ends it when the call comes back */
    const rd_kafka_topic_partition_list_t *offsets; /* librdkafka copies both before it waits */
    const rd_kafka_consumer_group_metadata_t *group;
    rd_kafka_error_t *error;
};

struct producer {
    struct sink sink; /* first */
    rd_kafka_t *rk;
    const struct config *config;
    int32_t n;
    int timeout_ms;                        /* for each blocking step: the transaction's own */
    int64_t *positions;                    /* [topic * n + partition] */
    rd_kafka_topic_t *topics[TOPIC_COUNT]; /* NULL: not written to */
    struct err failed; /* sticky within a transaction: a message that was refused or not delivered */
    bool open, doubtful;
    int unpolled;      /* messages since delivery reports were served */
    atomic_int breaks; /* connections that ended; counted on librdkafka's threads */
    int breaks_before; /* the transaction */
    struct sender sender;
};

static int64_t monotonic_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What the user must do before it can go on; NULL where trying again may help. */
static const char *cure_of(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? "; raise max.message.bytes of that topic"
           : code == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP
               ? "; raise message.timestamp.after.max.ms and message.timestamp.before.max.ms of that "
                 "topic to those of the input topics"
           : code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ? "; grant the right to write to it"
           : code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ? "; grant the right to read as that group"
           : code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED
               ? "; grant the right to write with transactional.id starting with app.id"
               : NULL;
}

static void refused(struct err *e, rd_kafka_resp_err_t code, const char *what, const char *topic) {
    const char *cure = cure_of(code);
    (void)err_set(e, cure != NULL ? ERR_STOP : ERR_RETRY, "%s topic %s: %s%s", what, topic,
                  rd_kafka_err2str(code), cure != NULL ? cure : "");
}

/* Called from poll and flush, on the worker's thread. */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque) {
    struct producer *p = opaque;
    (void)rk;
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        bool purged = m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || m->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
        if (!purged && p->failed.class == ERR_NONE)
            refused(&p->failed, m->err, "deliver to", rd_kafka_topic_name(m->rkt));
        return;
    }
    if (m->partition >= p->n)
        return; /* a quarantine with partitions of its own: nobody asks for its positions */
    int64_t *position = &p->positions[(int64_t)(intptr_t)m->_private * p->n + m->partition];
    if (m->offset + 1 > *position)
        *position = m->offset + 1;
}

/* The headers of `like` without our own, then the message's. NULL if there are none. */
static rd_kafka_headers_t *make_headers(const struct sink_message *m) {
    rd_kafka_headers_t *like = NULL; /* the message's own */
    if (m->like != NULL && rd_kafka_message_headers(m->like, &like) != RD_KAFKA_RESP_ERR_NO_ERROR)
        like = NULL;
    if (like == NULL && m->header_count == 0)
        return NULL;
    rd_kafka_headers_t *headers =
        like != NULL ? rd_kafka_headers_copy(like) : rd_kafka_headers_new(m->header_count);
    if (like != NULL)
        (void)rd_kafka_header_remove(headers, PIPELINE_SOURCE_HEADER);
    for (size_t i = 0; i < m->header_count; i++)
        (void)rd_kafka_header_add(headers, m->headers[i].name, -1, m->headers[i].value.p,
                                  (ssize_t)m->headers[i].value.n);
    return headers;
}

static rd_kafka_resp_err_t produce(struct producer *p, const struct sink_message *m,
                                   rd_kafka_headers_t *headers) {
    /* librdkafka takes a non-const pointer and copies. */
    union {
        const void *in;
        void *out;
    } key = {m->key.p}, value = {m->value.p};
    rd_kafka_topic_t *topic = p->topics[m->topic];
    void *opaque = (void *)(intptr_t)m->topic;
    if (headers == NULL && m->timestamp_ms == 0)
        return rd_kafka_produce(topic, m->partition, RD_KAFKA_MSG_F_COPY, value.out, m->value.n, key.out,
                                m->key.n, opaque) == 0
                   ? RD_KAFKA_RESP_ERR_NO_ERROR
                   : rd_kafka_last_error();
    if (headers == NULL)
        return rd_kafka_producev(p->rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(m->partition),
                                 RD_KAFKA_V_KEY(key.out, m->key.n), RD_KAFKA_V_VALUE(value.out, m->value.n),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                 RD_KAFKA_V_TIMESTAMP(m->timestamp_ms), RD_KAFKA_V_OPAQUE(opaque),
                                 RD_KAFKA_V_END);
    return rd_kafka_producev(p->rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(m->partition),
                             RD_KAFKA_V_KEY(key.out, m->key.n), RD_KAFKA_V_VALUE(value.out, m->value.n),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_TIMESTAMP(m->timestamp_ms),
                             RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
}

static void sink_send(struct sink *sink, const struct sink_message *m) {
    struct producer *p = (struct producer *)sink;
    if (p->failed.class != ERR_NONE)
        return;
    rd_kafka_headers_t *headers = make_headers(m);
    rd_kafka_resp_err_t code;
    while ((code = produce(p, m, headers)) == RD_KAFKA_RESP_ERR__QUEUE_FULL && p->failed.class == ERR_NONE)
        (void)rd_kafka_poll(p->rk, 100);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) { /* the headers are the message's now */
        if (++p->unpolled >= POLL_EVERY) {
            p->unpolled = 0;
            (void)rd_kafka_poll(p->rk, 0);
        }
        return;
    }
    if (headers != NULL)
        rd_kafka_headers_destroy(headers);
    if (p->failed.class == ERR_NONE)
        refused(&p->failed, code, "produce to", p->config->topics[m->topic]);
}

/* What to do about a failed transactional call. Destroys `error`; false if there is one. */
static bool check(rd_kafka_error_t *error, const char *what, struct err *e) {
    if (error == NULL)
        return true;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    bool fenced = code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
                  code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH || code == RD_KAFKA_RESP_ERR__FENCED;
    const char *cure = cure_of(code);
    enum err_class class = cure != NULL ? ERR_STOP : ERR_RETRY;
    (void)err_set(e, fenced ? ERR_FENCED : class, "%s: %s%s", what, rd_kafka_error_string(error),
                  cure != NULL ? cure : "");
    rd_kafka_error_destroy(error);
    return false;
}

/* The first message to a topic would wait for its metadata inside a transaction. */
static bool open_topics(struct producer *p, struct err *e) {
    for (int t = 0; t < TOPIC_COUNT; t++) {
        const struct rd_kafka_metadata *md;
        if (topic_is_users((enum topic)t))
            continue;
        p->topics[t] = rd_kafka_topic_new(p->rk, p->config->topics[t], NULL);
        if (p->topics[t] == NULL)
            return err_set(e, ERR_RETRY, "topic %s: %s", p->config->topics[t],
                           rd_kafka_err2str(rd_kafka_last_error()));
        if (rd_kafka_metadata(p->rk, 0, p->topics[t], &md, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR)
            rd_kafka_metadata_destroy(md);
    }
    return true;
}

/* --- sending offsets --- */

static rd_kafka_error_t *send_now(struct producer *p) {
    int timeout_ms = p->timeout_ms < OFFSETS_MS ? p->timeout_ms : OFFSETS_MS;
    return rd_kafka_send_offsets_to_transaction(p->rk, p->sender.offsets, p->sender.group, timeout_ms);
}

static void destroy(struct producer *p);

static void *sender_main(void *arg) {
    struct producer *p = arg;
    struct sender *s = &p->sender;
    (void)pthread_mutex_lock(&s->lock);
    while (s->state != SENDER_ENDING) {
        if (s->state != SENDER_ASKED) {
            (void)pthread_cond_wait(&s->changed, &s->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&s->lock);
        rd_kafka_error_t *error = send_now(p);
        (void)pthread_mutex_lock(&s->lock);
        s->error = error;
        s->state = s->is_abandoned ? SENDER_ENDING : SENDER_DONE;
        (void)pthread_cond_signal(&s->changed);
    }
    bool is_abandoned = s->is_abandoned;
    (void)pthread_mutex_unlock(&s->lock);
    if (is_abandoned) {
        if (s->error != NULL)
            rd_kafka_error_destroy(s->error);
        destroy(p);
    }
    return NULL;
}

static void init_sender(struct sender *s) {
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&s->lock, NULL);
}

static bool start_sender(struct producer *p, struct err *e) {
    p->sender.is_started = pthread_create(&p->sender.thread, NULL, sender_main, p) == 0;
    return p->sender.is_started || err_set(e, ERR_STOP, "cannot start a thread");
}

static void end_sender(struct producer *p) {
    struct sender *s = &p->sender;
    if (!s->is_started)
        return;
    (void)pthread_mutex_lock(&s->lock);
    s->state = SENDER_ENDING;
    (void)pthread_cond_signal(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
    (void)pthread_join(s->thread, NULL);
}

/* True if a call has not come back: the producer is its thread's now. */
static bool leave_to_sender(struct producer *p) {
    struct sender *s = &p->sender;
    (void)pthread_mutex_lock(&s->lock);
    s->is_abandoned = s->state == SENDER_ASKED;
    bool left = s->is_abandoned;
    if (left)
        (void)pthread_detach(s->thread);
    (void)pthread_mutex_unlock(&s->lock);
    return left;
}

static struct timespec deadline_after(int64_t ms) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000)
        t.tv_sec++, t.tv_nsec -= 1000000000;
    return t;
}

/* False if the call does not come back in time. */
static bool ask_sender(struct sender *s, const rd_kafka_topic_partition_list_t *offsets,
                       const rd_kafka_consumer_group_metadata_t *group) {
    struct timespec deadline = deadline_after(OFFSETS_MS + GRACE_MS);
    int waited = 0;
    (void)pthread_mutex_lock(&s->lock);
    s->offsets = offsets;
    s->group = group;
    s->state = SENDER_ASKED;
    (void)pthread_cond_signal(&s->changed);
    while (s->state == SENDER_ASKED && waited == 0)
        waited = pthread_cond_timedwait(&s->changed, &s->lock, &deadline);
    bool is_done = s->state == SENDER_DONE;
    if (is_done)
        s->state = SENDER_IDLE;
    (void)pthread_mutex_unlock(&s->lock);
    return is_done;
}

static bool send_offsets(struct producer *p, const rd_kafka_topic_partition_list_t *offsets,
                         const rd_kafka_consumer_group_metadata_t *group, struct err *e) {
    bool is_done = ask_sender(&p->sender, offsets, group);
    if (is_done && p->sender.error != NULL &&
        rd_kafka_error_code(p->sender.error) == RD_KAFKA_RESP_ERR__STATE) {
        /* The transaction failed meanwhile, of something else: asked again, it says of what. */
        rd_kafka_error_destroy(p->sender.error);
        is_done = ask_sender(&p->sender, offsets, group);
    }
    return is_done ? check(p->sender.error, "send offsets", e)
                   : err_set(e, ERR_RETRY, "send offsets: the coordinator of group %s cannot be reached",
                             p->config->app_id);
}

/* --- life --- */

struct producer *producer_new(const struct config *c, const char *transactional_id, int32_t n,
                              struct err *e) {
    char timeout[24];
    struct producer *p = mem_calloc(1, sizeof *p);
    *p = (struct producer){
        .sink = {sink_send}, .config = c, .n = n, .timeout_ms = (int)c->transaction_timeout_ms};
    p->positions = mem_alloc((size_t)n * TOPIC_COUNT * sizeof *p->positions);
    for (int64_t i = 0; i < (int64_t)n * TOPIC_COUNT; i++)
        p->positions[i] = -1;
    init_sender(&p->sender);
    (void)snprintf(timeout, sizeof timeout, "%d", p->timeout_ms);
    rd_kafka_conf_t *conf = kafka_conf(c, e);
    if (conf != NULL &&
        !(kafka_conf_set(conf, "transactional.id", transactional_id, e) &&
          kafka_conf_set(conf, "transaction.timeout.ms", timeout, e) &&
          kafka_conf_set_default(conf, c, "compression.type", "lz4", e) &&
          /* The next transaction meets CONCURRENT_TRANSACTIONS while the last one's markers are written. */
          kafka_conf_set_default(conf, c, "retry.backoff.ms", "10", e) &&
          kafka_conf_set(conf, "message.max.bytes", "67108864", e) &&
          kafka_conf_count_breaks(conf, &p->breaks, e))) {
        rd_kafka_conf_destroy(conf);
        conf = NULL;
    }
    if (conf != NULL) {
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        rd_kafka_conf_set_opaque(conf, p);
    }
    p->rk = kafka_client(RD_KAFKA_PRODUCER, conf, e);
    if (p->rk != NULL && start_sender(p, e) &&
        check(rd_kafka_init_transactions(p->rk, 2 * p->timeout_ms), "init transactions", e) &&
        open_topics(p, e))
        return p;
    producer_free(p);
    return NULL;
}

static void destroy(struct producer *p) {
    if (p->rk != NULL) {
        (void)rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        (void)rd_kafka_poll(p->rk, 0);
        for (int t = 0; t < TOPIC_COUNT; t++)
            if (p->topics[t] != NULL)
                rd_kafka_topic_destroy(p->topics[t]);
        if (!kafka_destroy(p->rk))
            return; /* breaks may still be counted */
    }
    (void)pthread_mutex_destroy(&p->sender.lock);
    (void)pthread_cond_destroy(&p->sender.changed);
    free(p->positions);
    free(p);
}

void producer_free(struct producer *p) {
    if (p != NULL && !leave_to_sender(p)) {
        end_sender(p);
        destroy(p);
    }
}

struct sink *producer_sink(struct producer *p) {
    return &p->sink;
}

bool producer_is_usable(const struct producer *p) {
    return !p->open && !p->doubtful;
}

int64_t producer_position(const struct producer *p, enum topic topic, int32_t partition) {
    return p->positions[(int64_t)topic * p->n + partition];
}

bool producer_begin(struct producer *p, struct err *e) {
    assert(!p->open);
    if (p->doubtful)
        return err_set(
            e, ERR_RETRY,
            "the last commit went through, but slowly or over a broken connection: a late copy of a "
            "request may still come; going on with a new producer");
    p->failed.class = ERR_NONE;
    p->breaks_before = atomic_load(&p->breaks);
    p->open = check(rd_kafka_begin_transaction(p->rk), "begin", e);
    return p->open;
}

bool producer_commit(struct producer *p, const rd_kafka_topic_partition_list_t *offsets,
                     const rd_kafka_consumer_group_metadata_t *group, struct err *e) {
    assert(p->open && offsets->cnt > 0); /* every transaction sends an offset: that fences zombies */
    if (p->failed.class != ERR_NONE) {
        *e = p->failed;
        return false;
    }
    if (group == NULL)
        return err_set(e, ERR_RETRY, "send offsets: not a member of the group any more");
    int64_t started = monotonic_ms();
    bool ok = send_offsets(p, offsets, group, e) &&
              check(rd_kafka_commit_transaction(p->rk, p->timeout_ms), "commit", e);
    if (!ok && p->failed.class == ERR_STOP)
        *e = p->failed; /* why, rather than that */
    if (!ok)
        return false;
    p->open = false;
    p->doubtful = monotonic_ms() - started > SLOW_COMMIT_MS || atomic_load(&p->breaks) != p->breaks_before;
    return true;
}
