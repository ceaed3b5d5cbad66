#include "streamer/service/status_flow.h"

#include "streamer/base/json_put.h"
#include "streamer/base/mem.h"
#include "streamer/model/topology.h"

#include <assert.h>

/* A count, by topic or by entity. */
struct amount {
    enum { CONSUMED, EMITTED, JUDGED, QUARANTINED, PASSED, APPLIED } kind;
    int index;
};

static int64_t amount_of(const struct figures *f, const struct amount *a) {
    switch (a->kind) {
    case CONSUMED:
        return f->consumed[a->index];
    case EMITTED:
        return f->emitted[a->index];
    case JUDGED:
        return figures_judged(f, (enum entity)a->index);
    case QUARANTINED:
        return f->quarantined[a->index];
    case PASSED:
        return f->applied[a->index] + f->unchanged[a->index];
    case APPLIED:
        return f->applied[a->index];
    }
    return 0;
}

/* Of the nodes that are shown. */
static const struct amount node_amounts[NODE_COUNT] = {
    [NODE_CUSTOMERS] = {CONSUMED, TOPIC_CUSTOMERS},
    [NODE_ACCOUNTS] = {CONSUMED, TOPIC_ACCOUNTS},
    [NODE_STAGING_CUSTOMERS] = {JUDGED, ENTITY_CUSTOMER},
    [NODE_STAGING_ACCOUNTS] = {JUDGED, ENTITY_ACCOUNT},
    [NODE_QUARANTINE] = {EMITTED, TOPIC_QUARANTINE},
    [NODE_CUSTOMER_HISTORY] = {EMITTED, TOPIC_CUSTOMER_HISTORY},
    [NODE_ACCOUNT_HISTORY] = {EMITTED, TOPIC_ACCOUNT_HISTORY},
    [NODE_ACCOUNT_WITH_CUSTOMER] = {EMITTED, TOPIC_ACCOUNT_WITH_CUSTOMER},
    [NODE_ACCOUNT_SUMMARY] = {EMITTED, TOPIC_ACCOUNT_SUMMARY},
    [NODE_CUSTOMER_PROFILE] = {EMITTED, TOPIC_CUSTOMER_PROFILE},
};

static const struct {
    enum topology_node_id from, to;
    struct amount amount;
} edge_amounts[] = {
    {NODE_CUSTOMERS, NODE_STAGING_CUSTOMERS, {JUDGED, ENTITY_CUSTOMER}},
    {NODE_ACCOUNTS, NODE_STAGING_ACCOUNTS, {JUDGED, ENTITY_ACCOUNT}},
    {NODE_STAGING_CUSTOMERS, NODE_QUARANTINE, {QUARANTINED, ENTITY_CUSTOMER}},
    {NODE_STAGING_ACCOUNTS, NODE_QUARANTINE, {QUARANTINED, ENTITY_ACCOUNT}},
    {NODE_STAGING_CUSTOMERS, NODE_CUSTOMER_HISTORY, {PASSED, ENTITY_CUSTOMER}},
    {NODE_STAGING_ACCOUNTS, NODE_ACCOUNT_HISTORY, {PASSED, ENTITY_ACCOUNT}},
    {NODE_CUSTOMER_HISTORY, NODE_ACCOUNT_WITH_CUSTOMER, {CONSUMED, TOPIC_CUSTOMER_REFS}},
    {NODE_ACCOUNT_HISTORY, NODE_ACCOUNT_WITH_CUSTOMER, {APPLIED, ENTITY_ACCOUNT}},
    {NODE_ACCOUNT_WITH_CUSTOMER, NODE_ACCOUNT_SUMMARY, {EMITTED, TOPIC_ACCOUNT_SUMMARY}},
    {NODE_ACCOUNT_SUMMARY, NODE_CUSTOMER_PROFILE, {CONSUMED, TOPIC_ACCOUNT_LINKS}},
    {NODE_CUSTOMER_HISTORY, NODE_CUSTOMER_PROFILE, {APPLIED, ENTITY_CUSTOMER}},
};

static const struct amount *amount_of_edge(const struct topology_edge *e) {
    for (size_t i = 0; i < ARRAY_LEN(edge_amounts); i++)
        if (edge_amounts[i].from == e->from && edge_amounts[i].to == e->to)
            return &edge_amounts[i].amount;
    assert(false && "each edge that is shown has an amount");
    return NULL;
}

static bool is_shown(enum topology_node_id id) {
    return !topology_node(id)->is_internal;
}

static void put_amount(const struct flow *f, const struct amount *a, struct buf *out) {
    int64_t us = f->after->at_us - f->before->at_us;
    json_put_int(out, "records", amount_of(f->now, a));
    json_put_decimal(out, "per_second",
                     figures_rate_milli(amount_of(f->before, a), amount_of(f->after, a), us), 3);
}

static void put_node(const struct flow *f, enum topology_node_id id, struct buf *out) {
    const struct topology_node *node = topology_node(id);
    json_put_text(out, "id", node->name);
    json_put_text(out, "layer", check_layer_name(node->layer));
    json_put_text(out, "topic", node->topic != TOPIC_COUNT ? f->config->topics[node->topic] : NULL);
    put_amount(f, &node_amounts[id], out);
}

void flow_put_nodes(const struct flow *f, struct buf *out) {
    const char *before = "[{";
    for (enum topology_node_id id = 0; id < NODE_COUNT; id++) {
        if (!is_shown(id))
            continue;
        buf_put_str(out, before);
        put_node(f, id, out);
        before = "},{";
    }
    buf_put_str(out, "}]");
}

void flow_put_edges(const struct flow *f, struct buf *out) {
    size_t count;
    const struct topology_edge *edges = topology_edges(&count);
    const char *before = "[{";
    for (size_t i = 0; i < count; i++) {
        if (!is_shown(edges[i].from) || !is_shown(edges[i].to))
            continue;
        buf_put_str(out, before);
        json_put_text(out, "from", topology_node(edges[i].from)->name);
        json_put_text(out, "to", topology_node(edges[i].to)->name);
        put_amount(f, amount_of_edge(&edges[i]), out);
        before = "},{";
    }
    buf_put_str(out, "}]");
}
