/* clients: an implementation of struct worker_kafka on the simulated broker, with the errors of
 * real brokers. */
#ifndef TESTS_SIM_CLIENTS_H
#define TESTS_SIM_CLIENTS_H

#include "sim.h"
#include "streamer/kafka/worker_kafka.h"

/* The implementation for one process. `config` and `i` are borrowed. */
struct worker_kafka clients_kafka(const struct config *config, struct instance *i);
/* Ends all clients of the process like kill -9: without a message to the broker. */
void clients_kill(struct instance *i);

int64_t client_member_id(const struct kafka_client *c);
struct instance *client_instance(const struct kafka_client *c);
int client_generation(const struct kafka_client *c); /* the generation of its assignment; 0: none */

#endif
