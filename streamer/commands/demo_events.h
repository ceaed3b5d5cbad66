/* demo_events: account events that keep coming while the demo serves, so that the operator's page
 * has something to show: balances change, some events arrive late, and some are wrong. One
 * thread. */
#ifndef STREAMER_COMMANDS_DEMO_EVENTS_H
#define STREAMER_COMMANDS_DEMO_EVENTS_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdbool.h>

#define DEMO_LATE_ACCOUNT "A-2012" /* whose events arrive late */

struct demo_events;

/* `config` is borrowed. bootstrap: the embedded broker. NULL with `e`. */
struct demo_events *demo_events_new(const struct config *config, const char *bootstrap,
                                    struct err *e);
/* Publishes the next event. False with `e`: Kafka does not take it. */
bool demo_events_send(struct demo_events *d, struct err *e);
/* NULL is allowed. */
void demo_events_free(struct demo_events *d);

#endif
