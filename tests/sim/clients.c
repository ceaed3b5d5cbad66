#include "clients.h"

#include "client_parts.h"
#include "instance.h"
#include "streamer/base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP "group"
#define READ_MAX 30

int64_t client_member_id(const struct kafka_client *c) {
    return c->id;
}

struct instance *client_instance(const struct kafka_client *c) {
    return c->instance;
}

int client_generation(const struct kafka_client *c) {
    return c->generation;
}

enum topic client_topic_named(const struct sim *s, const char *name) {
    int t = 0;
    while (t < TOPIC_COUNT && strcmp(s->config.topics[t], name) != 0)
        t++;
    assert(t < TOPIC_COUNT);
    return (enum topic)t;
}

void client_pause(struct kafka_client *c) {
    instance_look(c->instance);
    instance_pause(c->instance);
}

/* --- the group --- */

static bool is_member(const struct kafka_client *c) {
    for (int k = 0; k < c->sim->member_count; k++)
        if (c->sim->members[k] == c->id)
            return true;
    return false;
}

/* The member that gets a partition, as by Kafka's range assignor. */
static int64_t owner_of(const struct sim *s, int32_t partition, int32_t partitions) {
    int each = partitions / s->member_count, more = partitions % s->member_count;
    for (int k = 0, first = 0; k < s->member_count; k++) {
        int count = each + (k < more);
        if (partition < first + count)
            return s->members[k];
        first += count;
    }
    return -1;
}

static void join(struct kafka_client *c) {
    struct sim *s = c->sim;
    int at = s->joined_count++;
    c->id = rng_below(&s->rng, INT64_C(1) << 40);
    for (; at > 0 && s->joined[at - 1]->id > c->id; at--)
        s->joined[at] = s->joined[at - 1];
    s->joined[at] = c;
    sim_rebalance(s, NULL);
}

static void leave(struct kafka_client *c) {
    struct sim *s = c->sim;
    int kept = 0;
    for (int k = 0; k < s->joined_count; k++)
        if (s->joined[k] != c)
            s->joined[kept++] = s->joined[k];
    s->joined_count = kept;
}

static void give_assignment(struct kafka_client *c) {
    struct sim *s = c->sim;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (int t = 0; t < TOPIC_COUNT; t++)
        for (int32_t p = 0; topic_is_consumed((enum topic)t) && p < s->broker.partitions[t]; p++)
            if ((enum topic)t != s->broker.unknown &&
                owner_of(s, p, s->broker.partitions[t]) == c->id)
                rd_kafka_topic_partition_list_add(list, s->config.topics[t], p);
    c->generation = s->broker.generation;
    sim_trace(s, c->instance, "gets %d partitions of generation %d", list->cnt, c->generation);
    c->member.assigned(c->member.context, list);
    rd_kafka_topic_partition_list_destroy(list);
}

/* A poll hears of a new generation. */
static void hear(struct kafka_client *c) {
    if (c->generation != 0) {
        c->generation = 0;
        c->member.revoked(c->member.context, c->place_count, !is_member(c));
        c->place_count = 0;
    } else if (is_member(c)) {
        give_assignment(c);
    } else if (c->sim->calm || rng_chance(&c->sim->rng, 5)) {
        sim_rebalance(c->sim, NULL);
    }
}

/* --- clients --- */

static struct kafka_client *new_client(const struct worker_kafka *k, enum kind kind) {
    struct instance *i = k->context;
    struct kafka_client *c = mem_calloc(1, sizeof *c);
    assert(i->client_count < (int)ARRAY_LEN(i->clients));
    *c = (struct kafka_client){.kind = kind, .sim = i->sim, .instance = i};
    i->clients[i->client_count++] = c;
    return c;
}

static struct kafka_client *new_member(const struct worker_kafka *k, const struct kafka_member *m,
                                       struct err *e) {
    struct kafka_client *c = new_client(k, MEMBER);
    (void)e;
    c->member = *m;
    c->committed_only = true;
    join(c);
    return c;
}

static struct kafka_client *new_reader(const struct worker_kafka *k, bool committed_only,
                                       struct err *e) {
    struct kafka_client *c = new_client(k, READER);
    (void)e;
    c->committed_only = committed_only;
    return c;
}

static struct kafka_client *new_producer(const struct worker_kafka *k,
                                         const struct kafka_transactional *t, struct err *e) {
    struct kafka_client *c = new_client(k, PRODUCER);
    (void)e;
    c->writer = *t;
    c->producer = (int)strtol(t->transactional_id, NULL, 10);
    return c;
}

static void end_client(struct kafka_client *c) {
    if (c->kind == MEMBER)
        leave(c);
    free(c->places);
    free(c->deliveries);
    free(c);
}

static bool free_client(struct kafka_client *c) {
    struct instance *i = c->instance;
    struct sim *s = c->sim;
    int kept = 0;
    bool was_member = c->kind == MEMBER;
    if (was_member && c->generation != 0)
        c->member.revoked(c->member.context, c->place_count, !is_member(c));
    for (int k = 0; k < i->client_count; k++)
        if (i->clients[k] != c)
            i->clients[kept++] = i->clients[k];
    i->client_count = kept;
    end_client(c);
    if (was_member)
        sim_rebalance(s, NULL);
    return true;
}

void clients_kill(struct instance *i) {
    for (int k = 0; k < i->client_count; k++)
        end_client(i->clients[k]);
    i->client_count = 0;
}

/* --- reading --- */

struct sim_message {
    rd_kafka_message_t m; /* first; its rkt is opaque, and may be any pointer */
    const char *topic;
    int64_t timestamp_ms;
    const rd_kafka_headers_t *headers; /* NULL: none */
};

static struct sim_message *new_message(const struct kafka_client *c, const struct place *p,
                                       int64_t offset, rd_kafka_resp_err_t code) {
    struct sim_message *m = mem_calloc(1, sizeof *m);
    *m = (struct sim_message){.m = {.err = code, .partition = p->partition, .offset = offset},
                              .topic = c->sim->config.topics[p->topic]};
    m->m.rkt = (rd_kafka_topic_t *)m;
    return m;
}

static rd_kafka_message_t *take_record(const struct kafka_client *c, struct place *p, int64_t at,
                                       const struct log_record *r) {
    struct sim_message *m = new_message(c, p, at, RD_KAFKA_RESP_ERR_NO_ERROR);
    static char nothing[1];
    m->m.key = !r->has_key ? NULL : r->key.p != NULL ? r->key.p : nothing;
    m->m.key_len = r->key.n;
    m->m.payload = !r->has_value ? NULL : r->value.p != NULL ? r->value.p : nothing;
    m->m.len = r->value.n;
    m->timestamp_ms = r->timestamp_ms;
    m->headers = r->headers;
    p->next = at + 1;
    p->at_end = false;
    return &m->m;
}

/* The next message of a partition, or its end if the consumer does not know that yet. NULL: there
 * is nothing. */
static rd_kafka_message_t *next_of(const struct kafka_client *c, struct place *p) {
    int64_t at = p->next;
    const struct log_record *r = broker_read(&c->sim->broker, p->topic, p->partition, &at);
    if (r != NULL)
        return take_record(c, p, at, r);
    if (p->at_end && at == p->next)
        return NULL;
    p->next = at;
    p->at_end = true;
    return &new_message(c, p, at, RD_KAFKA_RESP_ERR__PARTITION_EOF)->m;
}

static rd_kafka_message_t *next_message(struct kafka_client *c) {
    if (c->place_count == 0)
        return NULL;
    int first = (int)rng_below(&c->sim->rng, c->place_count);
    rd_kafka_message_t *m = NULL;
    for (int k = 0; k < c->place_count && m == NULL; k++) {
        struct place *p = &c->places[(first + k) % c->place_count];
        if (c->kind != MEMBER || p->topic != c->sim->delayed)
            m = next_of(c, p);
    }
    return m;
}

static void wait(struct kafka_client *c, int timeout_ms) {
    c->sim->broker.now_ms += rng_below(&c->sim->rng, timeout_ms);
    instance_wait(c->instance);
}

/* librdkafka gives up a static member that the group has fenced, for instance after a connection
 * was lost. */
static rd_kafka_message_t *fence(struct kafka_client *c) {
    static const struct place nowhere;
    c->is_fenced = true;
    atomic_fetch_add(c->member.breaks, 1);
    return &new_message(c, &nowhere, 0, RD_KAFKA_RESP_ERR__FATAL)->m;
}

static rd_kafka_message_t *poll_member(struct kafka_client *c, int timeout_ms) {
    struct sim *s = c->sim;
    instance_look(c->instance);
    if (c->is_fenced) {
        wait(c, 100);
        return NULL;
    }
    if (sim_strikes(s, 1))
        return fence(c);
    if (c->generation != s->broker.generation) {
        hear(c);
        instance_pause(c->instance);
        return NULL;
    }
    if (sim_strikes(s, 1))
        c->member.failed(c->member.context, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
                         "unknown topic");
    rd_kafka_message_t *m = timeout_ms == 0 && rng_chance(&s->rng, 15) ? NULL : next_message(c);
    if (m == NULL && timeout_ms > 0) {
        wait(c, timeout_ms);
        m = c->generation == s->broker.generation ? next_message(c) : NULL;
    }
    return m;
}

static ssize_t read_messages(struct kafka_client *c, int wait_ms, rd_kafka_message_t **messages,
                             size_t n) {
    size_t most = 1 + (size_t)rng_below(&c->sim->rng, READ_MAX), count = 0;
    client_pause(c);
    while (count < most && count < n && (messages[count] = next_message(c)) != NULL)
        count++;
    if (count == 0 && wait_ms > 0)
        wait(c, wait_ms);
    return (ssize_t)count;
}

static rd_kafka_resp_err_t assign(struct kafka_client *c,
                                  const rd_kafka_topic_partition_list_t *list) {
    client_pause(c);
    c->place_count = list != NULL ? list->cnt : 0;
    c->places = mem_realloc(c->places, ((size_t)c->place_count + 1) * sizeof *c->places);
    for (int k = 0; k < c->place_count; k++)
        c->places[k] = (struct place){.topic = client_topic_named(c->sim, list->elems[k].topic),
                                      .partition = list->elems[k].partition,
                                      .next = list->elems[k].offset};
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* A member hears of a new generation in the background, before a poll tells it. */
static rd_kafka_consumer_group_metadata_t *membership(struct kafka_client *c) {
    return is_member(c) ? rd_kafka_consumer_group_metadata_new_with_genid(
                              GROUP, c->sim->broker.generation, "member", NULL)
                        : NULL;
}

static rd_kafka_resp_err_t fatal_error(struct kafka_client *c, char *text, size_t n) {
    (void)snprintf(text, n, "%s", c->is_fenced ? "fenced" : "");
    return c->is_fenced ? RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID : RD_KAFKA_RESP_ERR_NO_ERROR;
}

static int64_t end_heard(struct kafka_client *c, const char *topic, int32_t partition) {
    return rng_chance(&c->sim->rng, 30)
               ? -1
               : broker_end(&c->sim->broker, client_topic_named(c->sim, topic), partition);
}

/* --- messages --- */

static const char *topic(const rd_kafka_message_t *m) {
    return ((const struct sim_message *)m)->topic;
}

static int64_t timestamp_ms(const rd_kafka_message_t *m) {
    return ((const struct sim_message *)m)->timestamp_ms;
}

static const rd_kafka_headers_t *headers(const rd_kafka_message_t *m) {
    return ((const struct sim_message *)m)->headers;
}

static void free_message(rd_kafka_message_t *m) {
    free(m);
}

/* --- requests --- */

static rd_kafka_resp_err_t metadata(struct kafka_client *c, const struct rd_kafka_metadata **all,
                                    int timeout_ms) {
    (void)timeout_ms;
    client_pause(c);
    if (sim_strikes(c->sim, 10))
        return RD_KAFKA_RESP_ERR__TRANSPORT;
    for (int t = 0; t < TOPIC_COUNT; t++)
        c->topics[t] = (rd_kafka_metadata_topic_t){
            .topic = c->sim->config.topics[t],
            .partition_cnt = c->sim->broker.partitions[t],
            .err = sim_strikes(c->sim, 2) ? RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE
                                          : RD_KAFKA_RESP_ERR_NO_ERROR};
    c->all = (struct rd_kafka_metadata){.topic_cnt = TOPIC_COUNT, .topics = c->topics};
    *all = &c->all;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void free_metadata(const struct rd_kafka_metadata *all) {
    (void)all;
}

static bool all_stable(const struct kafka_client *c, const rd_kafka_topic_partition_list_t *list) {
    for (int k = 0; k < list->cnt; k++)
        if (!broker_offset_is_stable(&c->sim->broker,
                                     client_topic_named(c->sim, list->elems[k].topic),
                                     list->elems[k].partition))
            return false;
    return true;
}

static rd_kafka_resp_err_t committed(struct kafka_client *c, rd_kafka_topic_partition_list_t *list,
                                     int timeout_ms) {
    struct sim *s = c->sim;
    int64_t until = s->broker.now_ms + timeout_ms;
    client_pause(c);
    while (!all_stable(c, list)) {
        if (s->broker.now_ms >= until || sim_strikes(s, 10))
            return RD_KAFKA_RESP_ERR__TIMED_OUT;
        wait(c, 100);
    }
    for (int k = 0; k < list->cnt; k++) {
        rd_kafka_topic_partition_t *tp = &list->elems[k];
        int64_t offset = s->broker.committed[client_topic_named(s, tp->topic)][tp->partition];
        tp->offset = offset >= 0 ? offset : RD_KAFKA_OFFSET_INVALID;
        tp->err =
            sim_strikes(s, 2) ? RD_KAFKA_RESP_ERR_NOT_COORDINATOR : RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    client_pause(c);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool watermarks(struct kafka_client *c, const rd_kafka_topic_partition_list_t *list,
                       int64_t *low, int64_t *high, int timeout_ms, struct err *e) {
    const struct broker *b = &c->sim->broker;
    (void)timeout_ms;
    client_pause(c);
    if (sim_strikes(c->sim, 10))
        return err_set(e, ERR_RETRY, "offsets of %s partition %d: %s", list->elems[0].topic,
                       list->elems[0].partition,
                       rd_kafka_err2str(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION));
    for (int k = 0; k < list->cnt; k++) {
        enum topic t = client_topic_named(c->sim, list->elems[k].topic);
        int32_t p = list->elems[k].partition;
        low[k] = b->logs[t][p].start;
        high[k] = c->committed_only ? broker_stable_end(b, t, p) : broker_end(b, t, p);
    }
    client_pause(c);
    return true;
}

static void delete_records(struct kafka_client *c, const rd_kafka_topic_partition_list_t *before,
                           int timeout_ms) {
    (void)timeout_ms;
    for (int k = 0; k < before->cnt; k++) {
        struct partition_log *l =
            &c->sim->broker.logs[client_topic_named(c->sim, before->elems[k].topic)]
                                [before->elems[k].partition];
        if (before->elems[k].offset > l->start)
            l->start = before->elems[k].offset;
    }
}

static bool deleted(struct kafka_client *c, int timeout_ms, struct err *e) {
    e->class = ERR_NONE;
    if (timeout_ms == 0 && rng_chance(&c->sim->rng, 50))
        return false;
    client_pause(c);
    return true;
}

/* The user has all rights. */
static void ask_rights(struct kafka_client *c, const struct rights *needed) {
    (void)c, (void)needed;
}

static bool rights_answered(struct kafka_client *c, const struct rights *needed,
                            struct rights *missing, int timeout_ms) {
    (void)c, (void)needed, (void)missing, (void)timeout_ms;
    return true;
}

struct worker_kafka clients_kafka(const struct config *config, struct instance *i) {
    struct worker_kafka k = {
        .config = config,
        .context = i,
        .new_member = new_member,
        .new_reader = new_reader,
        .new_producer = new_producer,
        .free_client = free_client,
        .poll = poll_member,
        .read = read_messages,
        .assign = assign,
        .membership = membership,
        .fatal_error = fatal_error,
        .end_heard = end_heard,
        .topic = topic,
        .timestamp_ms = timestamp_ms,
        .headers = headers,
        .free_message = free_message,
        .metadata = metadata,
        .free_metadata = free_metadata,
        .committed = committed,
        .watermarks = watermarks,
        .delete_records = delete_records,
        .deleted = deleted,
        .ask_rights = ask_rights,
        .rights_answered = rights_answered,
    };
    client_set_producer(&k);
    return k;
}
