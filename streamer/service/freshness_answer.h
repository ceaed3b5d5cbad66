/* freshness_answer: /v1/freshness: how old the newest record of each input is. */
#ifndef STREAMER_SERVICE_FRESHNESS_ANSWER_H
#define STREAMER_SERVICE_FRESHNESS_ANSWER_H

#include "streamer/service/answers.h"

/* On the server's thread. */
void freshness_answer(const struct answers *a, struct http_reply *reply);

#endif
