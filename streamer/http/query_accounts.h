/* query_accounts: a customer's accounts, in pages: GET /v1/customers/{id}/accounts. For query.c. */
#ifndef STREAMER_HTTP_QUERY_ACCOUNTS_H
#define STREAMER_HTTP_QUERY_ACCOUNTS_H

#include "streamer/http/routes.h"
#include "streamer/task/task_rows.h"

#include <stdint.h>

/* A page ends at this size, too, because ids may be long. */
#define ACCOUNTS_PAGE_BYTES (1 << 20)

/* Puts the page that is asked for, or 404 (the customer has no current version), into the reply:
 *
 *   {"customer_id":7,"accounts":[{"account_id":"A1", …}, …],"next":"/v1/customers/7/accounts?…"}
 *
 * `next` is the target of the next page, null if this one is the last. Errors of the state stay in
 * env->kv. */
void query_accounts(struct task_env *env, const struct task *t, int64_t customer_id,
                    const struct http_request *request, struct http_reply *reply);

#endif
