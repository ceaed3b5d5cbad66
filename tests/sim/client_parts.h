/* client_parts: a client of the simulated broker, which clients.c (consumers) and client_producer.c
 * share. */
#ifndef TESTS_SIM_CLIENT_PARTS_H
#define TESTS_SIM_CLIENT_PARTS_H

#include "sim.h"
#include "streamer/kafka/worker_kafka.h"

enum kind { MEMBER, READER, PRODUCER };

struct place {
    enum topic topic;
    int32_t partition;
    int64_t next;
    bool at_end; /* the consumer has been told about the end */
};

struct delivery {
    enum topic topic;
    int32_t partition;
    int64_t offset;
    rd_kafka_resp_err_t code;
};

struct kafka_client {
    enum kind kind;
    struct sim *sim;
    struct instance *instance;
    /* --- of consumers --- */
    struct kafka_member member;
    int64_t id;     /* its id in the group */
    int generation; /* the generation of its assignment; 0: it has none */
    bool committed_only;
    bool is_fenced;       /* the member is unusable */
    struct place *places; /* what the consumer reads */
    int place_count;
    struct rd_kafka_metadata_topic topics[TOPIC_COUNT];
    struct rd_kafka_metadata all;
    /* --- of producers --- */
    struct kafka_transactional writer;
    int producer, epoch;
    bool begun;                 /* the broker knows the transaction */
    rd_kafka_resp_err_t broken; /* the error that the transaction will end with */
    int64_t delivered;          /* the messages that the transaction has delivered */
    struct delivery *deliveries;
    int delivery_count;
    size_t delivery_cap;
};

/* The topic of that name, which must be one of the configuration. */
enum topic client_topic_named(const struct sim *s, const char *name);
/* To be called before and after every request: other workers may have a turn. */
void client_pause(struct kafka_client *c);
/* Sets the functions of producers. */
void client_set_producer(struct worker_kafka *k);

#endif
