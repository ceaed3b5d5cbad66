/* as_of_answer: joined rows, summaries and profiles as they were at a time (?as_of=): by the
 * histories as they are known now, with the rates of now. An account and its customer may lie in
 * different instances, and so may the accounts of a customer: the other instances are asked, in
 * bounded time. Where one of them cannot be asked, or is restoring, the answer is "come back
 * later", never a row from a part of what it needs. */
#ifndef STREAMER_SERVICE_AS_OF_ANSWER_H
#define STREAMER_SERVICE_AS_OF_ANSWER_H

#include "streamer/service/answers.h"

/* Whether the request asks for such a row. */
bool as_of_is_asked(const struct route *route, const struct http_request *request);

/* Answers it, now or later (http_defer). A request for a profile that another instance has sent on
 * (route_was_sent_on) gets what this instance has (as_of_parts.h). On the server's thread, where
 * the workers are locked. */
void as_of_answer(struct answers *a, const struct route *route, const struct http_request *request,
                  struct http_reply *reply);

#endif
