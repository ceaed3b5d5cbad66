/* status_flow: the five layers as a graph, with what has gone through each node and edge since the
 * start of the process, and how much does in a second. Pure. */
#ifndef STREAMER_SERVICE_STATUS_FLOW_H
#define STREAMER_SERVICE_STATUS_FLOW_H

#include "streamer/base/buf.h"
#include "streamer/config/config.h"
#include "streamer/metrics/figures.h"

/* `now` are the counts; the rates are from `before` to `after`. */
struct flow {
    const struct config *config; /* for the names of topics */
    const struct figures *now, *before, *after;
};

/* Appends [{"id":"customers","layer":"source","topic":"customers","records":1,"per_second":0.100},
 * …]. A node is a topic, or the staging of an entity, whose topic is null. */
void flow_put_nodes(const struct flow *f, struct buf *out);
/* Appends [{"from":"customers","to":"staging.customers","records":1,"per_second":0.100}, …]. To the
 * join, customers come as refs, and accounts as events that changed their history; the profiles get
 * their summaries as links, and their customers as events that changed the history. Nodes and edges
 * are those of the topology that are not internal. */
void flow_put_edges(const struct flow *f, struct buf *out);

#endif
