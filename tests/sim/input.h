/* input: what producers send to the input topics of a schedule, as JSON. */
#ifndef TESTS_SIM_INPUT_H
#define TESTS_SIM_INPUT_H

#include "sim.h"

/* Sends one record: the next change of the model, or now and then something that is no JSON. */
void input_produce(struct sim *s);
/* Sends a truncate of the entity's table. */
void input_truncate(struct sim *s, enum entity entity);

#endif
