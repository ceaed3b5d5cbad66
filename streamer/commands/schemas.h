/* schemas: the public schemas, and what the schema registry holds of them. */
#ifndef STREAMER_COMMANDS_SCHEMAS_H
#define STREAMER_COMMANDS_SCHEMAS_H

#include "streamer/config/config.h"
#include "streamer/registry/registry.h"

/* Prints what the registry holds of each public schema. EXIT_FAILED if it does not answer, or would
 * not take one of them, or if `run` could not begin without one. For `schemas` and `check`. */
int schemas_check(const struct config *c, struct registry *r);

#endif
