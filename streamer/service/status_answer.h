/* status_answer: what the operator sees: /v1/status. Its size is bounded, whatever the load is. */
#ifndef STREAMER_SERVICE_STATUS_ANSWER_H
#define STREAMER_SERVICE_STATUS_ANSWER_H

#include "streamer/service/answers.h"

/* On the server's thread, where the workers are locked. */
void status_answer(const struct answers *a, const struct http_request *request,
                   struct http_reply *reply);

#endif
