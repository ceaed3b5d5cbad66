#include "streamer/kafka/peers.h"

#include "streamer/base/address.h"
#include "streamer/base/clock.h"
#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/base/steady_cond.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/kafka_trouble.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD_MS 10000 /* between two requests while nobody wants to know */
#define FRESH_MS 1000   /* an answer that is not older is not asked for again */
/* The pause after a refused login, because repeated refusals lock an account. */
#define AFTER_REFUSAL_MS 60000
#define WAIT_MS 5000 /* how long it waits for an answer */
#define POLL_MS 100

struct peers {
    const struct config *config;
    int32_t partitions;
    rd_kafka_t *client; /* NULL: there is none at the moment */
    struct kafka_trouble trouble;
    bool is_failing;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the following fields */
    pthread_cond_t wake;
    bool stopping, wanted;
    int64_t next_ms;         /* monotonic: the earliest time of the next request */
    struct peers_list heard; /* the last answer */
};

/* --- pure --- */

struct slice peer_url(const char *client_id) {
    const char *at = strrchr(client_id, KAFKA_URL_SEPARATOR);
    if (at == NULL)
        return slice_null();
    struct slice url = slice_str(at + 1);
    struct url parts;
    if (!url_parse(url, &parts))
        return slice_null();
    url.n -= url.p[url.n - 1] == '/';
    return url;
}

bool peer_is_believed(const struct config *c, struct slice url) {
    struct url parts;
    return url_parse(url, &parts) && address_matches(c->http_peers, &parts.at) &&
           (parts.is_https || c->http_tls_certificate[0] == '\0');
}

/* --- what the group says --- */

/* Nobody is known to have anything. */
static struct peers_list list_new(int32_t partitions) {
    struct peers_list list = {.partitions = partitions,
                              .owners = mem_calloc((size_t)partitions, sizeof *list.owners)};
    for (int32_t i = 0; i < partitions; i++)
        list.owners[i] = (struct peer){PEER_UNKNOWN, -1};
    return list;
}

void peers_list_release(struct peers_list *list) {
    for (size_t i = 0; i < list->url_count; i++)
        free(list->urls[i]);
    free(list->urls);
    free(list->owners);
    *list = (struct peers_list){0};
}

/* The index of the URL in the list, which has it from now on. */
static int32_t url_index(struct peers_list *list, struct slice url) {
    for (size_t i = 0; i < list->url_count; i++)
        if (slice_eq(slice_str(list->urls[i]), url))
            return (int32_t)i;
    struct buf text = {0};
    buf_set(&text, url);
    (void)buf_cstr(&text);
    list->urls = mem_realloc(list->urls, (list->url_count + 1) * sizeof(char *));
    list->urls[list->url_count] = text.p;
    return (int32_t)list->url_count++;
}

static bool is_own(const struct config *c, struct slice url) {
    struct slice own = slice_str(c->http_advertised_url);
    own.n -= own.n > 0 && own.p[own.n - 1] == '/';
    return slice_eq(own, url);
}

static struct peer make_peer(const struct config *c, struct slice url, struct peers_list *heard) {
    if (url.p == NULL)
        return (struct peer){PEER_SILENT, -1};
    if (is_own(c, url))
        return (struct peer){PEER_SELF, -1};
    if (!peer_is_believed(c, url))
        return (struct peer){PEER_STRANGER, -1};
    return (struct peer){PEER_KNOWN, url_index(heard, url)};
}

/* The member that has a partition of the account links has the task of that partition. */
static void add_member(const struct peers *p, const rd_kafka_MemberDescription_t *member,
                       struct peers_list *heard) {
    const rd_kafka_MemberAssignment_t *assignment = rd_kafka_MemberDescription_assignment(member);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_MemberAssignment_partitions(assignment);
    const char *client_id = rd_kafka_MemberDescription_client_id(member);
    struct peer peer = make_peer(p->config, peer_url(client_id != NULL ? client_id : ""), heard);
    for (int i = 0; list != NULL && i < list->cnt; i++) {
        int32_t partition = list->elems[i].partition;
        if (strcmp(list->elems[i].topic, p->config->topics[TOPIC_ACCOUNT_LINKS]) != 0 ||
            partition < 0 || partition >= p->partitions)
            continue;
        heard->owners[partition] = peer;
    }
}

/* While the group rebalances, no member has any partition. */
static bool read_group(const struct peers *p, const rd_kafka_ConsumerGroupDescription_t *group,
                       struct peers_list *heard, struct err *e) {
    const rd_kafka_error_t *error = rd_kafka_ConsumerGroupDescription_error(group);
    if (error != NULL)
        return err_set(e, ERR_RETRY, "%s", rd_kafka_error_string(error));
    if (rd_kafka_ConsumerGroupDescription_state(group) != RD_KAFKA_CONSUMER_GROUP_STATE_STABLE)
        return true;
    size_t members = rd_kafka_ConsumerGroupDescription_member_count(group);
    for (size_t i = 0; i < members; i++)
        add_member(p, rd_kafka_ConsumerGroupDescription_member(group, i), heard);
    return true;
}

static bool is_stopping(struct peers *p) {
    (void)pthread_mutex_lock(&p->lock);
    bool stopping = p->stopping;
    (void)pthread_mutex_unlock(&p->lock);
    return stopping;
}

/* NULL: there was no answer, or the thread is to stop. */
static rd_kafka_event_t *wait_for_answer(struct peers *p, rd_kafka_queue_t *queue) {
    rd_kafka_event_t *event = NULL;
    for (int64_t until_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC) + WAIT_MS;
         event == NULL && clock_ms(clock_of_machine(), CLOCK_MONOTONIC) < until_ms &&
         !is_stopping(p);) {
        event = rd_kafka_queue_poll(queue, POLL_MS);
        (void)rd_kafka_poll(p->client, 0); /* calls back with errors of the client */
        if (event == NULL && kafka_trouble_lasts(&p->trouble))
            break;
    }
    return event;
}

static bool read_answer(const struct peers *p, rd_kafka_event_t *event, struct peers_list *heard,
                        struct err *e) {
    if (event == NULL)
        return err_set(e, ERR_RETRY, "no answer from the brokers %s", p->trouble.text);
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return err_set(e, ERR_RETRY, "%s", rd_kafka_event_error_string(event));
    size_t n = 0;
    const rd_kafka_ConsumerGroupDescription_t **groups =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(event), &n);
    return n == 1 ? read_group(p, groups[0], heard, e)
                  : err_set(e, ERR_RETRY, "an answer without the group");
}

static void drop_client(struct peers *p) {
    if (p->client != NULL)
        (void)kafka_destroy(p->client);
    p->client = NULL;
}

static bool ask(struct peers *p, struct peers_list *heard, struct err *e) {
    if (p->client == NULL)
        p->client = kafka_asking_client(p->config, &p->trouble, e);
    if (p->client == NULL)
        return false;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(p->client);
    rd_kafka_AdminOptions_t *options =
        kafka_group_options(p->client, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    const char *group = p->config->app_id;
    rd_kafka_DescribeConsumerGroups(p->client, &group, 1, options, queue);
    rd_kafka_event_t *event = wait_for_answer(p, queue);
    bool ok = read_answer(p, event, heard, e);
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    if (event == NULL)
        drop_client(p); /* which ends the request, too */
    return ok;
}

/* --- the thread --- */

static void note_failure(struct peers *p, const struct err *e) {
    if (!p->is_failing)
        log_warn("the group cannot be asked which instance has what", "error=%s",
                 log_quote(&(struct log_value){0}, e->text));
    p->is_failing = true;
}

/* Replaces the last answer by a new one. Without a new one the last one is kept, because it is
 * right until the group changes. */
static void renew(struct peers *p) {
    struct err e;
    struct peers_list heard = list_new(p->partitions);
    int64_t pause_ms = FRESH_MS;
    bool ok = ask(p, &heard, &e);
    if (!ok && !is_stopping(p)) {
        note_failure(p, &e);
        if (kafka_trouble_lasts(&p->trouble)) {
            drop_client(p);
            pause_ms = AFTER_REFUSAL_MS;
        }
    }
    p->is_failing = p->is_failing && !ok;
    (void)pthread_mutex_lock(&p->lock);
    if (ok) {
        struct peers_list before = p->heard;
        p->heard = heard;
        heard = before;
    }
    p->next_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC) + pause_ms;
    (void)pthread_mutex_unlock(&p->lock);
    peers_list_release(&heard);
}

static void *run(void *peers) {
    struct peers *p = peers;
    (void)pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        int64_t due_ms = p->next_ms + (p->wanted ? 0 : PERIOD_MS - FRESH_MS);
        if (clock_ms(clock_of_machine(), CLOCK_MONOTONIC) < due_ms) {
            (void)steady_cond_wait(&p->wake, &p->lock, due_ms);
            continue;
        }
        p->wanted = false;
        (void)pthread_mutex_unlock(&p->lock);
        renew(p);
        (void)pthread_mutex_lock(&p->lock);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* --- for others --- */

/* The caller holds the lock. */
static void want(struct peers *p) {
    p->wanted = true;
    (void)pthread_cond_signal(&p->wake);
}

enum peer_state peers_find(struct peers *p, int32_t partition, struct buf *url) {
    (void)pthread_mutex_lock(&p->lock);
    const struct peer *owner = &p->heard.owners[partition];
    enum peer_state state = owner->state;
    if (state == PEER_KNOWN)
        buf_set(url, slice_str(p->heard.urls[owner->url]));
    want(p);
    (void)pthread_mutex_unlock(&p->lock);
    return state;
}

void peers_doubt(struct peers *p) {
    (void)pthread_mutex_lock(&p->lock);
    want(p);
    (void)pthread_mutex_unlock(&p->lock);
}

void peers_copy(struct peers *p, struct peers_list *out) {
    (void)pthread_mutex_lock(&p->lock);
    const struct peers_list *heard = &p->heard;
    *out = list_new(p->partitions);
    memcpy(out->owners, heard->owners, (size_t)p->partitions * sizeof *out->owners);
    out->urls = mem_calloc(heard->url_count + 1, sizeof(char *));
    for (size_t i = 0; i < heard->url_count; i++)
        out->urls[out->url_count++] = mem_strdup(heard->urls[i]);
    want(p);
    (void)pthread_mutex_unlock(&p->lock);
}

static void destroy(struct peers *p) {
    peers_list_release(&p->heard);
    (void)pthread_mutex_destroy(&p->lock);
    (void)pthread_cond_destroy(&p->wake);
    free(p);
}

struct peers *peers_new(const struct config *c, int32_t partitions, struct err *e) {
    struct peers *p = mem_calloc(1, sizeof *p);
    p->config = c;
    p->partitions = partitions;
    p->heard = list_new(partitions);
    p->wanted = true;
    steady_cond_init(&p->wake);
    (void)pthread_mutex_init(&p->lock, NULL);
    if (peers_resume(p, e))
        return p;
    destroy(p);
    return NULL;
}

void peers_free(struct peers *p) {
    if (p == NULL)
        return;
    peers_pause(p);
    destroy(p);
}

/* `stopping` stays true until a thread runs again. */
void peers_pause(struct peers *p) {
    if (p == NULL || p->stopping)
        return;
    (void)pthread_mutex_lock(&p->lock);
    p->stopping = true;
    (void)pthread_cond_signal(&p->wake);
    (void)pthread_mutex_unlock(&p->lock);
    (void)pthread_join(p->thread, NULL);
    drop_client(p);
}

bool peers_resume(struct peers *p, struct err *e) {
    if (p == NULL)
        return true;
    p->stopping = false;
    int error = pthread_create(&p->thread, NULL, run, p);
    if (error == 0)
        return true;
    p->stopping = true;
    return err_set(e, ERR_STOP, "peers: cannot start a thread: %s", strerror(error));
}
