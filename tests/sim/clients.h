/* clients: the simulated broker as a worker meets it: struct worker_kafka, with the errors that the
 * real one tells. */
#ifndef TESTS_SIM_CLIENTS_H
#define TESTS_SIM_CLIENTS_H

#include "sim.h"
#include "streamer/kafka/worker_kafka.h"

/* Of a process; `config` and `i` are borrowed. */
struct worker_kafka clients_kafka(const struct config *config, struct instance *i);
/* Ends all that the process has, as kill -9 does: nobody is told. */
void clients_kill(struct instance *i);

int64_t client_member_id(const struct kafka_client *c);
struct instance *client_instance(const struct kafka_client *c);
int client_generation(const struct kafka_client *c); /* that it works with; 0: none */

#endif
