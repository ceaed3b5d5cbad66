/* as_of_account: joined rows and summaries of accounts as they were at a time. The account's
 * version is read here; its customer's version here or in the instance that has the customer's
 * partition. */
#ifndef STREAMER_SERVICE_AS_OF_ACCOUNT_H
#define STREAMER_SERVICE_AS_OF_ACCOUNT_H

#include "streamer/service/as_of_question.h"

/* Answers now or later (http_defer). The account's partition must be this instance's, and restored.
 * Empties `q`. On the server's thread, where the workers are locked. */
void as_of_account(struct as_of_question *q, const struct http_request *request,
                   struct http_reply *reply);

#endif
