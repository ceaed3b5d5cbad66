#include "streamer/kafka/topic_reader.h"

#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/kafka_trouble.h"
#include "streamer/kafka/rights.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_MS 10000
#define POLL_MS 100
/* A broker that restarts is back within this time, and a transaction has ended. */
#define PATIENCE_MS 60000
#define PROGRESS_EVERY 256

struct reading {
    const struct config *config;
    const struct topic_reader_options *options;
    topic_reader_seen *seen;
    void *context;

    rd_kafka_t *asking, *reader;
    struct kafka_trouble trouble;
    int32_t count;
    rd_kafka_topic_partition_list_t *all; /* the partitions of the topic, in order */
    /* By partition: what was there at the start, the first offset that is not read yet, and whether
     * the end is reached. */
    int64_t *low, *high, *next;
    bool *done;
    int32_t undone;
    uint64_t messages;
    int64_t moved_ms; /* monotonic: when the last message or end came */
};

void topic_positions_release(struct topic_positions *p) {
    free(p->low);
    free(p->end);
    *p = (struct topic_positions){0};
}

/* --- what there is --- */

static int64_t now_ms(void) {
    return clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
}

static const char *servers(const struct reading *r) {
    return r->options->bootstrap != NULL ? r->options->bootstrap : r->config->bootstrap;
}

static bool use_servers(const struct reading *r, rd_kafka_conf_t *conf, struct err *e) {
    return r->options->bootstrap == NULL ||
           kafka_conf_set(conf, "bootstrap.servers", r->options->bootstrap, e);
}

static bool deny(const struct reading *r, rd_kafka_AclOperation_t operation, struct err *e) {
    (void)rights_deny_topic(r->config, r->options->topic, operation, e);
    return err_prefix(e, "kafka");
}

/* Allocates what is known of each partition. */
static void note_partitions(struct reading *r, int32_t count) {
    size_t n = (size_t)count;
    r->count = r->undone = count;
    r->low = mem_calloc(n, sizeof *r->low);
    r->high = mem_calloc(n, sizeof *r->high);
    r->next = mem_calloc(n, sizeof *r->next);
    r->done = mem_calloc(n, sizeof *r->done);
    r->all = rd_kafka_topic_partition_list_new(count);
    for (int32_t p = 0; p < count; p++)
        rd_kafka_topic_partition_list_add(r->all, r->options->topic, p);
}

/* Kafka does not show topics that the user has no right to see. */
static bool say_absent(const struct reading *r, struct err *e) {
    const char *topic = r->options->topic;
    if (!rights_may_read(r->asking, r->config, topic, e))
        return err_prefix(e, "kafka");
    return err_set(
        e, ERR_STOP,
        "kafka: there is no topic %s, or no right to see it; start `streamer run`, which "
        "creates it, or check app.id and the topic.* settings",
        topic);
}

static bool check_begin(const struct reading *r, struct err *e) {
    const struct topic_reader_options *o = r->options;
    return o->begin == NULL || o->begin_count == r->count ||
           err_set(e, ERR_STOP,
                   "kafka: topic %s has %d partitions, and had %d a moment ago; run this again",
                   o->topic, r->count, o->begin_count);
}

static bool find_topic(struct reading *r, struct err *e) {
    const struct rd_kafka_metadata *m =
        kafka_metadata(r->asking, servers(r), CONNECT_TIMEOUT_MS, &r->trouble, e);
    if (m == NULL)
        return false;
    const struct rd_kafka_metadata_topic *t = kafka_metadata_topic(m, r->options->topic);
    bool is_there = t != NULL && t->err != RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    if (is_there)
        note_partitions(r, t->partition_cnt);
    rd_kafka_metadata_destroy(m);
    return is_there || say_absent(r, e);
}

static void finish(struct reading *r, int32_t partition) {
    r->undone -= !r->done[partition];
    r->done[partition] = true;
}

static bool is_stopped(const struct reading *r) {
    return r->options->stop != NULL && atomic_load(r->options->stop);
}

static bool say_interrupted(const struct reading *r, struct err *e) {
    return err_set(e, ERR_STOP, "interrupted while topic %s was read", r->options->topic);
}

static bool find_offsets(struct reading *r, struct err *e) {
    if (!kafka_watermarks(r->asking, r->all, r->low, r->high, CONNECT_TIMEOUT_MS, e)) {
        if (is_stopped(r))
            return say_interrupted(r, e);
        if (e->class == ERR_DENIED)
            return deny(r, RD_KAFKA_ACL_OPERATION_DESCRIBE, e);
        e->class = ERR_STOP;
        return err_prefix(e, "kafka: topic %s", r->options->topic);
    }
    for (int32_t p = 0; p < r->count; p++) {
        int64_t begin = r->options->begin != NULL ? r->options->begin[p] : 0;
        r->next[p] = begin > r->low[p] ? begin : r->low[p];
        if (r->next[p] >= r->high[p])
            finish(r, p);
    }
    return true;
}

/* --- reading --- */

/* A consumer, because only that can be told to count the messages of open transactions. It consumes
 * nothing. */
static rd_kafka_t *new_asking(struct reading *r, struct err *e) {
    rd_kafka_conf_t *conf = kafka_conf(r->config, e);
    if (conf != NULL &&
        !(use_servers(r, conf, e) && kafka_conf_set_trouble(conf, r->config, &r->trouble, e) &&
          kafka_conf_set(conf, "isolation.level", "read_uncommitted", e))) {
        rd_kafka_conf_destroy(conf);
        conf = NULL;
    }
    return kafka_client(RD_KAFKA_CONSUMER, conf, e);
}

static bool set_reader(const struct reading *r, rd_kafka_conf_t *conf,
                       struct kafka_trouble *trouble, struct err *e) {
    return use_servers(r, conf, e) && kafka_conf_set_trouble(conf, r->config, trouble, e) &&
           kafka_conf_set(conf, "group.id", r->config->app_id, e) && /* needed, but never joined */
           kafka_conf_set(conf, "enable.auto.commit", "false", e) &&
           kafka_conf_set(conf, "enable.auto.offset.store", "false", e) &&
           kafka_conf_set(conf, "enable.partition.eof", "true", e) &&
           kafka_conf_set(conf, "isolation.level", "read_committed", e) &&
           kafka_conf_set(conf, "auto.offset.reset", "earliest", e) &&
           kafka_conf_set(conf, "fetch.wait.max.ms", "20", e) &&
           kafka_conf_set(conf, "fetch.queue.backoff.ms", KAFKA_QUEUE_BACKOFF_MS, e) &&
           kafka_conf_set_default(conf, r->config, "queued.max.messages.kbytes", "32768", e);
}

static rd_kafka_t *new_reader(struct reading *r, struct err *e) {
    rd_kafka_conf_t *conf = kafka_conf(r->config, e);
    if (conf != NULL && !set_reader(r, conf, &r->trouble, e)) {
        rd_kafka_conf_destroy(conf);
        conf = NULL;
    }
    rd_kafka_t *reader = kafka_client(RD_KAFKA_CONSUMER, conf, e);
    if (reader != NULL)
        (void)rd_kafka_poll_set_consumer(reader);
    return reader;
}

static bool assign(struct reading *r, struct err *e) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(r->undone);
    for (int32_t p = 0; p < r->count; p++)
        if (!r->done[p])
            rd_kafka_topic_partition_list_add(list, r->options->topic, p)->offset = r->next[p];
    rd_kafka_resp_err_t code = kafka_assign(r->reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           err_set(e, ERR_STOP, "kafka: topic %s: cannot read it: %s", r->options->topic,
                   rd_kafka_err2str(code));
}

/* Takes a message, unless it lies behind the end. */
static bool take_message(struct reading *r, const rd_kafka_message_t *m, struct err *e) {
    int32_t p = m->partition;
    bool ends_at_start = r->options->end == TOPIC_READER_END_AT_START;
    if (r->done[p])
        return true;
    if (ends_at_start && m->offset >= r->high[p]) {
        r->next[p] = r->high[p];
        finish(r, p);
        return true;
    }
    if (!r->seen(r->context, m, e))
        return false;
    r->next[p] = m->offset + 1;
    if (ends_at_start && r->next[p] >= r->high[p])
        finish(r, p);
    return true;
}

/* The reader is at the end for now. It is the end if no transaction from before is open. */
static void take_end(struct reading *r, const rd_kafka_message_t *m) {
    int32_t p = m->partition;
    if (r->done[p] || m->offset < r->high[p])
        return;
    r->next[p] = r->options->end == TOPIC_READER_END_AT_START ? r->high[p] : m->offset;
    finish(r, p);
}

static bool take(struct reading *r, const rd_kafka_message_t *m, struct err *e) {
    if (m->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        return deny(r, RD_KAFKA_ACL_OPERATION_READ, e);
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        take_end(r, m);
    else if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR && !take_message(r, m, e))
        return false;
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF || m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        r->moved_ms = now_ms();
    return true; /* other errors pass, or nothing comes for long (goes_on) */
}

static bool goes_on(const struct reading *r, struct err *e) {
    bool has_trouble = r->trouble.text[0] != '\0';
    if (is_stopped(r))
        return say_interrupted(r, e);
    if (kafka_trouble_lasts(&r->trouble))
        return err_set(e, ERR_STOP, "kafka: %s", r->trouble.text);
    if (now_ms() - r->moved_ms > PATIENCE_MS)
        return err_set(e, ERR_STOP,
                       "kafka: topic %s: nothing came for %d s although it has more%s%s%s, check "
                       "the brokers, and for transactions that were left open",
                       r->options->topic, PATIENCE_MS / 1000, has_trouble ? " (" : "",
                       has_trouble ? r->trouble.text : "", has_trouble ? ")" : "");
    return true;
}

static void show_progress(const struct reading *r) {
    uint64_t done = 0, total = 0;
    if (r->options->progress == NULL)
        return;
    for (int32_t p = 0; p < r->count; p++) {
        int64_t end = r->next[p] > r->high[p] ? r->next[p] : r->high[p];
        done += (uint64_t)(r->next[p] - r->low[p]);
        total += (uint64_t)(end - r->low[p]);
    }
    r->options->progress(r->context, done, total);
}

static bool read_all(struct reading *r, struct err *e) {
    bool ok = true;
    for (r->moved_ms = now_ms(); ok && r->undone > 0; ok = ok && goes_on(r, e)) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(r->reader, POLL_MS);
        if (m == NULL || r->messages++ % PROGRESS_EVERY == 0)
            show_progress(r);
        if (m == NULL)
            continue;
        ok = take(r, m, e);
        rd_kafka_message_destroy(m);
    }
    return ok;
}

static bool find_facts(const struct reading *r, struct err *e) {
    struct topic_facts *facts = r->options->facts;
    return facts == NULL ||
           topic_facts_read(r->asking, r->config, &r->trouble, &r->options->topic, 1, facts, e);
}

static bool read_topic(struct reading *r, struct err *e) {
    r->asking = new_asking(r, e);
    if (r->asking == NULL || !find_topic(r, e) || !check_begin(r, e) || !find_facts(r, e))
        return false;
    if (r->options->facts != NULL && r->options->facts->is_embedded)
        return true;
    if (!find_offsets(r, e))
        return false;
    if (r->undone == 0)
        return true;
    r->reader = new_reader(r, e);
    return r->reader != NULL && assign(r, e) && read_all(r, e);
}

static void release(struct reading *r) {
    if (r->reader != NULL)
        (void)kafka_destroy(r->reader);
    if (r->asking != NULL)
        (void)kafka_destroy(r->asking);
    if (r->all != NULL)
        rd_kafka_topic_partition_list_destroy(r->all);
    free(r->low);
    free(r->high);
    free(r->next);
    free(r->done);
}

bool topic_read(const struct config *c, const struct topic_reader_options *o,
                topic_reader_seen *seen, void *context, struct topic_positions *positions,
                struct err *e) {
    struct reading r = {.config = c, .options = o, .seen = seen, .context = context};
    bool ok = read_topic(&r, e);
    if (ok && positions != NULL) {
        *positions = (struct topic_positions){.count = r.count, .low = r.low, .end = r.next};
        r.low = r.next = NULL;
    }
    release(&r);
    return ok;
}
