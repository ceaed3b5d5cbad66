/* topology_text: writes the topology as text, JSON, DOT (Graphviz) or Mermaid. Pure. */
#ifndef STREAMER_MODEL_TOPOLOGY_TEXT_H
#define STREAMER_MODEL_TOPOLOGY_TEXT_H

#include "streamer/base/buf.h"
#include "streamer/model/topology.h"

#include <stdint.h>

/* The names that the configuration gives. Borrowed. */
struct topology_names {
    const char *app_id;
    char *const *topics; /* by enum topic */
    const char *owners_topic;
};

/* Each appends to `out`. */
void topology_put_text(const struct topology_names *n, struct buf *out);
void topology_put_dot(const struct topology_names *n, struct buf *out);
void topology_put_mermaid(const struct topology_names *n, struct buf *out);
/* "layers":[…],"edges":[…] without the braces of an object around it. `records` is by
 * topology_node_id, and is shown with each node; -1 is shown as null. NULL: it is not shown. */
void topology_put_json_members(const struct topology_names *n, const int64_t *records,
                               struct buf *out);

#endif
