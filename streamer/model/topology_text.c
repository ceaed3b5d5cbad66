#include "streamer/model/topology_text.h"

#include "streamer/base/json.h"

#include <string.h>

/* NULL: no topic holds it. */
static const char *topic_of(const struct topology_names *n, enum topology_node_id id) {
    enum topic topic = topology_node(id)->topic;
    if (id == NODE_OWNERS)
        return n->owners_topic;
    return topic != TOPIC_COUNT ? n->topics[topic] : NULL;
}

/* The name of the node's topic, or its own. */
static const char *label_of(const struct topology_names *n, enum topology_node_id id) {
    const char *topic = topic_of(n, id);
    return topic != NULL ? topic : topology_node(id)->name;
}

/* Whether the edge is drawn as a path of internal topics. */
static bool edge_is_internal(const struct topology_edge *e) {
    return topology_node(e->from)->is_internal || topology_node(e->to)->is_internal;
}

/* --- text */

/* "customer_history, account_history" */
static void put_sources(const struct topology_names *n, enum topology_node_id id, struct buf *out) {
    size_t count;
    const struct topology_edge *edges = topology_edges(&count);
    const char *before = "";
    for (size_t i = 0; i < count; i++) {
        if (edges[i].to != id)
            continue;
        buf_printf(out, "%s%s", before, label_of(n, edges[i].from));
        before = ", ";
    }
}

static void put_node_text(const struct topology_names *n, enum topology_node_id id,
                          struct buf *out) {
    const struct topology_node *node = topology_node(id);
    struct buf from = {0};
    const char *kind = node->is_internal         ? " (internal)"
                       : topic_of(n, id) == NULL ? " (no topic)"
                                                 : "";
    put_sources(n, id, &from);
    buf_printf(out, "  %s%s: %s\n", label_of(n, id), kind, node->meaning);
    if (from.n > 0)
        buf_printf(out, "      from %s\n", buf_cstr(&from));
    buf_release(&from);
}

void topology_put_text(const struct topology_names *n, struct buf *out) {
    for (enum check_layer layer = 0; layer < LAYER_COUNT; layer++) {
        buf_printf(out, "%s%s: %s\n", layer > 0 ? "\n" : "", check_layer_name(layer),
                   topology_layer_meaning(layer));
        for (enum topology_node_id id = 0; id < NODE_COUNT; id++)
            if (topology_node(id)->layer == layer)
                put_node_text(n, id, out);
    }
}

/* --- JSON */

static void put_json_text(const char *name, const char *text, struct buf *out) {
    buf_printf(out, "\"%s\":", name);
    json_put_string(out, slice_str(text));
}

static void put_json_records(int64_t records, struct buf *out) {
    buf_put_str(out, ",\"records\":");
    if (records >= 0)
        buf_put_int(out, records);
    else
        buf_put_str(out, "null");
}

static void put_node_json(const struct topology_names *n, enum topology_node_id id,
                          const int64_t *records, struct buf *out) {
    const struct topology_node *node = topology_node(id);
    buf_put_byte(out, '{');
    put_json_text("id", node->name, out);
    buf_put_byte(out, ',');
    if (topic_of(n, id) != NULL)
        put_json_text("topic", topic_of(n, id), out);
    else
        buf_put_str(out, "\"topic\":null");
    buf_printf(out, ",\"internal\":%s,", node->is_internal ? "true" : "false");
    put_json_text("description", node->meaning, out);
    if (records != NULL)
        put_json_records(records[id], out);
    buf_put_byte(out, '}');
}

static void put_layer_json(const struct topology_names *n, enum check_layer layer,
                           const int64_t *records, struct buf *out) {
    const char *before = "";
    buf_put_byte(out, '{');
    put_json_text("layer", check_layer_name(layer), out);
    buf_put_byte(out, ',');
    put_json_text("description", topology_layer_meaning(layer), out);
    buf_put_str(out, ",\"nodes\":[");
    for (enum topology_node_id id = 0; id < NODE_COUNT; id++) {
        if (topology_node(id)->layer != layer)
            continue;
        buf_put_str(out, before);
        put_node_json(n, id, records, out);
        before = ",";
    }
    buf_put_str(out, "]}");
}

void topology_put_json_members(const struct topology_names *n, const int64_t *records,
                               struct buf *out) {
    size_t count;
    const struct topology_edge *edges = topology_edges(&count);
    buf_put_str(out, "\"layers\":[");
    for (enum check_layer layer = 0; layer < LAYER_COUNT; layer++) {
        buf_put_str(out, layer > 0 ? "," : "");
        put_layer_json(n, layer, records, out);
    }
    buf_put_str(out, "],\"edges\":[");
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%s{\"from\":\"%s\",\"to\":\"%s\"}", i > 0 ? "," : "",
                   topology_node(edges[i].from)->name, topology_node(edges[i].to)->name);
    buf_put_byte(out, ']');
}

/* --- DOT */

static void put_node_dot(const struct topology_names *n, enum topology_node_id id,
                         struct buf *out) {
    const struct topology_node *node = topology_node(id);
    buf_printf(out, "    \"%s\" [label=", node->name);
    json_put_string(out, slice_str(label_of(n, id))); /* DOT's quoting is the same here */
    buf_put_str(out, node->is_internal         ? ", style=dashed"
                     : topic_of(n, id) == NULL ? ", style=rounded"
                                               : "");
    buf_put_str(out, "];\n");
}

void topology_put_dot(const struct topology_names *n, struct buf *out) {
    size_t count;
    const struct topology_edge *edges = topology_edges(&count);
    buf_put_str(out, "digraph ");
    json_put_string(out, slice_str(n->app_id));
    buf_put_str(out, " {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (enum check_layer layer = 0; layer < LAYER_COUNT; layer++) {
        const char *name = check_layer_name(layer);
        buf_printf(out, "  subgraph \"cluster_%s\" {\n    label=\"%s\";\n", name, name);
        for (enum topology_node_id id = 0; id < NODE_COUNT; id++)
            if (topology_node(id)->layer == layer)
                put_node_dot(n, id, out);
        buf_put_str(out, "  }\n");
    }
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "  \"%s\" -> \"%s\"%s;\n", topology_node(edges[i].from)->name,
                   topology_node(edges[i].to)->name,
                   edge_is_internal(&edges[i]) ? " [style=dashed]" : "");
    buf_put_str(out, "}\n");
}

/* --- Mermaid */

/* Names of nodes are numbered: Mermaid takes some words for its own. Names of topics hold no
 * character that needs an escape in quotes. */
static void put_node_mermaid(const struct topology_names *n, enum topology_node_id id,
                             struct buf *out) {
    bool is_step = topic_of(n, id) == NULL;
    buf_printf(out, "    n%d%s\"%s\"%s\n", (int)id, is_step ? "(" : "[", label_of(n, id),
               is_step ? ")" : "]");
}

void topology_put_mermaid(const struct topology_names *n, struct buf *out) {
    size_t count;
    const struct topology_edge *edges = topology_edges(&count);
    buf_put_str(out, "flowchart LR\n");
    for (enum check_layer layer = 0; layer < LAYER_COUNT; layer++) {
        buf_printf(out, "  subgraph %s\n", check_layer_name(layer));
        for (enum topology_node_id id = 0; id < NODE_COUNT; id++)
            if (topology_node(id)->layer == layer)
                put_node_mermaid(n, id, out);
        buf_put_str(out, "  end\n");
    }
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "  n%d %s n%d\n", (int)edges[i].from,
                   edge_is_internal(&edges[i]) ? "-.->" : "-->", (int)edges[i].to);
}
