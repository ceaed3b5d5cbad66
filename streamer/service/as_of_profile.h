/* as_of_profile: a customer's profile as it was at a time, from all partitions: each instance sums
 * up the accounts that it has (as_of_parts.h). The row is given only if every partition was summed
 * up once. */
#ifndef STREAMER_SERVICE_AS_OF_PROFILE_H
#define STREAMER_SERVICE_AS_OF_PROFILE_H

#include "streamer/service/as_of_question.h"

/* Answers later (http_defer). A request that another instance has sent on gets what this instance
 * has. Empties `q`. On the server's thread, where the workers are locked. */
void as_of_profile(struct as_of_question *q, const struct http_request *request);

#endif
