/* as_of_question: what a request with ?as_of= asks for, and the replies that both kinds of it
 * share: those for accounts (as_of_account.h) and for profiles (as_of_profile.h). */
#ifndef STREAMER_SERVICE_AS_OF_QUESTION_H
#define STREAMER_SERVICE_AS_OF_QUESTION_H

#include "schemas/rows.h"
#include "streamer/service/answers.h"

#include <stdbool.h>
#include <stdint.h>

#define AS_OF_PARAMETER "as_of"
#define AS_OF_MS 10000 /* how long an answer may take */

struct as_of_question {
    struct answers *answers; /* borrowed */
    const struct route *route;
    struct buf id;       /* in the form that keys are made of */
    int32_t partition;   /* of the id */
    int64_t customer_id; /* only if the id is a customer's */
    int64_t at;
};

/* Reads it from the request. False with `reply` (400). */
bool as_of_question_read(struct as_of_question *q, struct answers *a, const struct route *route,
                         const struct http_request *request, struct http_reply *reply);
/* Moves it to `to`; `q` is empty then. */
void as_of_question_move(struct as_of_question *to, struct as_of_question *q);
void as_of_question_release(struct as_of_question *q);

void as_of_reply_none(struct as_of_question *q, struct http_reply *reply); /* 404 */
/* 200 with a row. A mart's row ends with calculated_at, instead of which there is
 * `"rates":"current"`. */
void as_of_reply_row(const struct row_type *type, const void *row, struct http_reply *reply);

#endif
