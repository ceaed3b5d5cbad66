/* floor: what a processor's Kafka work costs without the processing. Reads the same input in the
 * same transactions as streamer does, and for each record writes as many messages, of the same
 * sizes, to as many topics; but they are copies of samples. What streamer costs above this is its
 * own doing.
 *
 *   floor PROPERTIES RECORDS SAMPLES
 *
 * PROPERTIES is what `streamer run` takes, with an app.id and topics of its own. It ends when
 * RECORDS records are committed and prints one line of JSON. SAMPLES holds for each output topic
 * (numbers are little-endian):
 *
 *   u32 n, topic[n], u64 messages in all, u32 samples, then each: u32 key_n, u32 value_n, key,
 * value
 *
 * with value_n 0xffffffff for a tombstone. The settings of the clients are those of kafka.c,
 * producer.c and worker_group.c. */
#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/config/config.h"
#include "streamer/kafka/kafka.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define POLL_MS 100
#define NO_VALUE UINT32_MAX

struct sample {
    char *key, *value;
    uint32_t key_n, value_n;
};

/* An output topic. */
struct output {
    char *name;
    rd_kafka_topic_t *topic;
    uint64_t messages; /* to be sent for all records */
    uint64_t sent;
    uint32_t sample_count, next;
    struct sample *samples;
};

struct floor {
    struct config config;
    rd_kafka_t *consumer, *producer;
    struct output *outputs;
    size_t output_count;
    rd_kafka_message_t **messages; /* the batch */
    size_t message_count;
    uint64_t records, done; /* input records: all, and so far */
    int64_t in_transaction; /* messages sent */
    uint64_t transactions, delivered, failed;
};

static void fail(const char *what, const char *why) {
    (void)fprintf(stderr, "floor: %s: %s\n", what, why);
    exit(1);
}

static void check(rd_kafka_error_t *error, const char *what) {
    if (error != NULL)
        fail(what, rd_kafka_error_string(error));
}

static int64_t steady_us(void) {
    return clock_us(clock_of_machine(), CLOCK_MONOTONIC);
}

/* --- samples --- */

static void read_bytes(FILE *f, void *to, size_t n) {
    if (n > 0 && fread(to, n, 1, f) != 1)
        fail("samples", "cut off");
}

static uint32_t read_u32(FILE *f) {
    uint32_t n;
    read_bytes(f, &n, sizeof n);
    return n;
}

static char *read_text(FILE *f, size_t n) {
    char *text = mem_calloc(1, n + 1);
    read_bytes(f, text, n);
    return text;
}

static void read_output(FILE *f, struct output *o, uint32_t name_n) {
    o->name = read_text(f, name_n);
    read_bytes(f, &o->messages, sizeof o->messages);
    o->sample_count = read_u32(f);
    if (o->sample_count == 0)
        fail("no samples for topic", o->name);
    o->samples = mem_calloc(o->sample_count, sizeof *o->samples);
    for (uint32_t i = 0; i < o->sample_count; i++) {
        struct sample *s = &o->samples[i];
        s->key_n = read_u32(f);
        s->value_n = read_u32(f);
        s->key = read_text(f, s->key_n);
        s->value = s->value_n != NO_VALUE ? read_text(f, s->value_n) : NULL;
    }
}

static void read_samples(struct floor *fl, const char *path) {
    FILE *f = fopen(path, "rb");
    uint32_t name_n;
    if (f == NULL)
        fail("cannot open", path);
    while (fread(&name_n, sizeof name_n, 1, f) == 1) {
        fl->outputs = mem_realloc(fl->outputs, (fl->output_count + 1) * sizeof *fl->outputs);
        struct output *o = &fl->outputs[fl->output_count++];
        *o = (struct output){0};
        read_output(f, o, name_n);
    }
    (void)fclose(f);
}

/* --- clients --- */

static void set(const struct floor *fl, rd_kafka_conf_t *conf, const char *name,
                const char *value) {
    struct err e;
    if (!kafka_conf_set_default(conf, &fl->config, name, value, &e))
        fail("setting", e.text);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque) {
    struct floor *fl = opaque;
    (void)rk;
    *(m->err == RD_KAFKA_RESP_ERR_NO_ERROR ? &fl->delivered : &fl->failed) += 1;
}

static rd_kafka_t *client(struct floor *fl, rd_kafka_type_t type, const char *const settings[][2],
                          size_t n) {
    struct err e;
    rd_kafka_conf_t *conf = kafka_conf(&fl->config, &e);
    if (conf == NULL)
        fail("no client", e.text);
    for (size_t i = 0; i < n; i++)
        set(fl, conf, settings[i][0], settings[i][1]);
    if (type == RD_KAFKA_PRODUCER)
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, fl);
    rd_kafka_t *rk = kafka_client(type, conf, &e);
    if (rk == NULL)
        fail("no client", e.text);
    return rk;
}

static void start_producer(struct floor *fl) {
    const char *const settings[][2] = {
        {"transactional.id", fl->config.app_id},
        {"transaction.timeout.ms", "15000"},
        {"message.max.bytes", "67108864"},
        {"compression.type", "lz4"},
    };
    fl->producer = client(fl, RD_KAFKA_PRODUCER, settings, ARRAY_LEN(settings));
    check(rd_kafka_init_transactions(fl->producer, 30000), "init transactions");
    for (size_t i = 0; i < fl->output_count; i++) {
        const struct rd_kafka_metadata *md;
        struct output *o = &fl->outputs[i];
        o->topic = rd_kafka_topic_new(fl->producer, o->name, NULL);
        if (rd_kafka_metadata(fl->producer, 0, o->topic, &md, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR)
            rd_kafka_metadata_destroy(md);
    }
}

static void start_consumer(struct floor *fl) {
    const char *const settings[][2] = {
        {"group.id", fl->config.app_id},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "earliest"},
        {"enable.partition.eof", "true"},
        {"isolation.level", "read_committed"},
        {"partition.assignment.strategy", "range"},
        {"fetch.wait.max.ms", "100"},
        {"session.timeout.ms", "10000"},
        {"queued.min.messages", "10000"},
        {"queued.max.messages.kbytes", "16384"},
        {"fetch.queue.backoff.ms", KAFKA_QUEUE_BACKOFF_MS},
        {"fetch.message.max.bytes", "262144"},
    };
    fl->consumer = client(fl, RD_KAFKA_CONSUMER, settings, ARRAY_LEN(settings));
    (void)rd_kafka_poll_set_consumer(fl->consumer);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(2);
    (void)rd_kafka_topic_partition_list_add(list, fl->config.topics[TOPIC_CUSTOMERS],
                                            RD_KAFKA_PARTITION_UA);
    (void)rd_kafka_topic_partition_list_add(list, fl->config.topics[TOPIC_ACCOUNTS],
                                            RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(fl->consumer, list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("subscribe", rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_destroy(list);
}

/* --- the cycle, as in worker_cycle.c --- */

static void collect(struct floor *fl) {
    size_t max = (size_t)fl->config.batch_max_records;
    int64_t deadline = INT64_MAX;
    while (fl->message_count < max) {
        rd_kafka_message_t *m =
            rd_kafka_consumer_poll(fl->consumer, fl->message_count == 0 ? POLL_MS : 0);
        if (m == NULL)
            break;
        if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            rd_kafka_message_destroy(m);
            continue;
        }
        if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            fail("consume", rd_kafka_message_errstr(m));
        if (fl->message_count == 0)
            deadline = steady_us() + fl->config.batch_max_ms * 1000;
        fl->messages[fl->message_count++] = m;
        if (steady_us() >= deadline)
            break;
    }
}

static rd_kafka_resp_err_t produce(struct floor *fl, const struct output *o, const struct sample *s,
                                   const rd_kafka_message_t *cause) {
    rd_kafka_timestamp_type_t type;
    size_t value_n = s->value != NULL ? s->value_n : 0;
    return rd_kafka_producev(
        fl->producer, RD_KAFKA_V_RKT(o->topic), RD_KAFKA_V_PARTITION(cause->partition),
        RD_KAFKA_V_KEY(s->key, s->key_n), RD_KAFKA_V_VALUE(s->value, value_n),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_TIMESTAMP(rd_kafka_message_timestamp(cause, &type)), RD_KAFKA_V_END);
}

static void send_one(struct floor *fl, struct output *o, const rd_kafka_message_t *cause) {
    const struct sample *s = &o->samples[o->next];
    rd_kafka_resp_err_t code;
    o->next = o->next + 1 == o->sample_count ? 0 : o->next + 1;
    while ((code = produce(fl, o, s, cause)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        (void)rd_kafka_poll(fl->producer, 100);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail(o->name, rd_kafka_err2str(code));
    o->sent++;
    fl->in_transaction++;
}

/* The share of one input record in the messages of each topic. */
static void answer(struct floor *fl, const rd_kafka_message_t *cause) {
    fl->done++;
    for (size_t i = 0; i < fl->output_count; i++) {
        struct output *o = &fl->outputs[i];
        while (o->sent * fl->records < o->messages * fl->done)
            send_one(fl, o, cause);
    }
}

static void note_offset(rd_kafka_topic_partition_list_t *offsets, const rd_kafka_message_t *m) {
    const char *topic = rd_kafka_topic_name(m->rkt);
    rd_kafka_topic_partition_t *tp =
        rd_kafka_topic_partition_list_find(offsets, topic, m->partition);
    if (tp == NULL)
        tp = rd_kafka_topic_partition_list_add(offsets, topic, m->partition);
    tp->offset = m->offset + 1;
}

/* One transaction, from message `at` of the batch on. Returns where the next one begins. */
static size_t transact(struct floor *fl, size_t at) {
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(16);
    fl->in_transaction = 0;
    check(rd_kafka_begin_transaction(fl->producer), "begin");
    while (at < fl->message_count && fl->in_transaction < fl->config.transaction_max_messages) {
        answer(fl, fl->messages[at]);
        note_offset(offsets, fl->messages[at++]);
    }
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(fl->consumer);
    check(rd_kafka_send_offsets_to_transaction(fl->producer, offsets, group, 15000),
          "send offsets");
    check(rd_kafka_commit_transaction(fl->producer, 15000), "commit");
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(offsets);
    fl->transactions++;
    return at;
}

static void run(struct floor *fl) {
    while (fl->done < fl->records) {
        collect(fl);
        for (size_t at = 0; at < fl->message_count;)
            at = transact(fl, at);
        for (size_t i = 0; i < fl->message_count; i++)
            rd_kafka_message_destroy(fl->messages[i]);
        fl->message_count = 0;
        if (fl->failed > 0)
            fail("not delivered", "a message");
    }
}

static double seconds(struct timeval t) {
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void report(const struct floor *fl) {
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    (void)printf("{\"records\": %" PRIu64 ", \"transactions\": %" PRIu64 ", \"messages\": %" PRIu64
                 ", \"cpu_user_s\": %.3f, \"cpu_system_s\": %.3f}\n",
                 fl->done, fl->transactions, fl->delivered, seconds(used.ru_utime),
                 seconds(used.ru_stime));
}

static void release(struct floor *fl) {
    (void)rd_kafka_consumer_close(fl->consumer);
    (void)kafka_destroy(fl->consumer);
    for (size_t i = 0; i < fl->output_count; i++) {
        struct output *o = &fl->outputs[i];
        rd_kafka_topic_destroy(o->topic);
        for (uint32_t s = 0; s < o->sample_count; s++) {
            free(o->samples[s].key);
            free(o->samples[s].value);
        }
        free(o->samples);
        free(o->name);
    }
    (void)kafka_destroy(fl->producer);
    free(fl->outputs);
    free(fl->messages);
    config_release(&fl->config);
}

int main(int argc, char **argv) {
    static struct floor fl;
    struct err e;
    if (argc != 4)
        fail("usage", "floor PROPERTIES RECORDS SAMPLES");
    if (!config_load(&fl.config, argv[1], NULL, 0, &e))
        fail("configuration", e.text);
    fl.records = strtoull(argv[2], NULL, 10);
    read_samples(&fl, argv[3]);
    fl.messages = mem_calloc((size_t)fl.config.batch_max_records, sizeof(rd_kafka_message_t *));
    start_producer(&fl);
    start_consumer(&fl);
    run(&fl);
    report(&fl);
    release(&fl);
    return 0;
}
