#include "streamer/model/topic.h"

bool topic_is_input(enum topic t) {
    return t == TOPIC_CUSTOMERS || t == TOPIC_ACCOUNTS;
}

bool topic_is_result(enum topic t) {
    return !topic_is_input(t) && t <= TOPIC_QUARANTINE;
}

bool topic_is_repartition(enum topic t) {
    return t == TOPIC_REPARTITION_CUSTOMERS || t == TOPIC_REPARTITION_ACCOUNTS;
}

bool topic_is_consumed(enum topic t) {
    return topic_is_input(t) || topic_is_repartition(t) || t == TOPIC_ACCOUNT_LINKS ||
           t == TOPIC_CUSTOMER_REFS;
}

bool topic_is_replayed(enum topic t) {
    return !topic_is_input(t) && !topic_is_repartition(t) && t != TOPIC_QUARANTINE;
}
