#include "streamer/service/as_of_answer.h"

#include "streamer/service/as_of_account.h"
#include "streamer/service/as_of_profile.h"

bool as_of_is_asked(const struct route *route, const struct http_request *request) {
    return (route->answer == ROUTE_MART || route->answer == ROUTE_JOINED) &&
           http_parameter(request, AS_OF_PARAMETER) != NULL;
}

void as_of_answer(struct answers *a, const struct route *route, const struct http_request *request,
                  struct http_reply *reply) {
    struct as_of_question q;
    if (as_of_question_read(&q, a, route, request, reply)) {
        if (route->entity == ENTITY_CUSTOMER)
            as_of_profile(&q, request);
        else if (workers_own(a->workers, q.partition))
            as_of_account(&q, request, reply);
        else
            forward_reply(&a->forward, request, q.partition, reply);
    }
    as_of_question_release(&q);
}
