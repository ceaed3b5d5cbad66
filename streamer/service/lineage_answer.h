/* lineage_answer: what /v1/lineage answers: the topology with the records of each node, and its
 * topics as OpenLineage's datasets. */
#ifndef STREAMER_SERVICE_LINEAGE_ANSWER_H
#define STREAMER_SERVICE_LINEAGE_ANSWER_H

#include "streamer/service/answers.h"

void lineage_answer(const struct answers *a, struct http_reply *reply);

#endif
