/* topology: the one table that says how the pipeline is drawn: the five layers, the topics and the
 * steps in them, the internal topics between them, and what is made of what. `streamer topology`,
 * /v1/lineage and /v1/status go by it. Static; any thread. */
#ifndef STREAMER_MODEL_TOPOLOGY_H
#define STREAMER_MODEL_TOPOLOGY_H

#include "streamer/model/check.h"
#include "streamer/model/topic.h"

#include <stdbool.h>
#include <stddef.h>

/* In the order of the layers. */
enum topology_node_id {
    NODE_CUSTOMERS,
    NODE_ACCOUNTS,
    NODE_REPARTITION_CUSTOMERS,
    NODE_REPARTITION_ACCOUNTS,
    NODE_STAGING_CUSTOMERS,
    NODE_STAGING_ACCOUNTS,
    NODE_QUARANTINE,
    NODE_CUSTOMER_HISTORY,
    NODE_ACCOUNT_HISTORY,
    NODE_CONFIRMATIONS,
    NODE_CUSTOMER_REFS,
    NODE_ACCOUNT_WITH_CUSTOMER,
    NODE_ACCOUNT_LINKS,
    NODE_ACCOUNT_SUMMARY,
    NODE_CUSTOMER_PROFILE,
    NODE_OWNERS,
    NODE_COUNT
};

/* A topic, or a step that no topic holds. Texts are static. */
struct topology_node {
    const char *name;       /* "staging.customers"; does not depend on the configuration */
    enum check_layer layer; /* LAYER_PIPELINE: it lies beside the five layers */
    enum topic topic;       /* TOPIC_COUNT: none of them; NODE_OWNERS has a topic of its own */
    bool is_internal;       /* nobody but streamer reads its topic */
    const char *meaning;    /* what it holds, as a phrase */
};

/* `to` is made of `from`. Where an end is internal, the edge says how the records travel. */
struct topology_edge {
    enum topology_node_id from, to;
};

const struct topology_node *topology_node(enum topology_node_id id);
const struct topology_edge *topology_edges(size_t *count);
/* What a layer does, as a phrase. */
const char *topology_layer_meaning(enum check_layer layer);

#endif
