/* connect: what a start asks of the brokers before there are workers: that they are there, that the
 * user has the rights, that the topics are as they must be. Whatever may pass is tried again for
 * retry.timeout. It blocks; a signal ends the process meanwhile (start_watch.h). */
#ifndef STREAMER_SERVICE_CONNECT_H
#define STREAMER_SERVICE_CONNECT_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/kafka/topics.h"
#include "streamer/service/starting.h"

#include <stdbool.h>

/* Fills `layout`, and creates the topics that are missing. `starting` says what is waited for. */
bool connect_to_topics(const struct config *c, struct starting *starting,
                       struct topic_layout *layout, struct err *e);

/* Whether the brokers let a client in with these settings; asks once, and waits for some seconds at
 * most. It makes one client only, so that a wrong password costs one login. */
bool connect_is_let_in(const struct config *c, struct err *e);

#endif
