#include "streamer/model/topology.h"

#include "streamer/base/mem.h"

/* clang-format off */
static const struct topology_node nodes[NODE_COUNT] = {
    [NODE_CUSTOMERS] = {
        "customers", LAYER_SOURCE, TOPIC_CUSTOMERS, false, "change events of customers"},
    [NODE_ACCOUNTS] = {
        "accounts", LAYER_SOURCE, TOPIC_ACCOUNTS, false, "change events of accounts"},
    [NODE_REPARTITION_CUSTOMERS] = {
        "repartition-customers", LAYER_SOURCE, TOPIC_REPARTITION_CUSTOMERS, true,
        "records on their way to the task that owns their id"},
    [NODE_REPARTITION_ACCOUNTS] = {
        "repartition-accounts", LAYER_SOURCE, TOPIC_REPARTITION_ACCOUNTS, true,
        "records on their way to the task that owns their id"},
    [NODE_STAGING_CUSTOMERS] = {
        "staging.customers", LAYER_STAGING, TOPIC_COUNT, false,
        "customers with typed fields, or a reason why not"},
    [NODE_STAGING_ACCOUNTS] = {
        "staging.accounts", LAYER_STAGING, TOPIC_COUNT, false,
        "accounts with typed fields, or a reason why not"},
    [NODE_QUARANTINE] = {
        "quarantine", LAYER_STAGING, TOPIC_QUARANTINE, false,
        "rejected records as received, each with its reason"},
    [NODE_CUSTOMER_HISTORY] = {
        "customer_history", LAYER_SNAPSHOTS, TOPIC_CUSTOMER_HISTORY, false,
        "all versions of each customer (SCD2)"},
    [NODE_ACCOUNT_HISTORY] = {
        "account_history", LAYER_SNAPSHOTS, TOPIC_ACCOUNT_HISTORY, false,
        "all versions of each account (SCD2)"},
    [NODE_CONFIRMATIONS] = {
        "confirmations", LAYER_SNAPSHOTS, TOPIC_CONFIRMATIONS, true,
        "what a restore needs besides the histories"},
    [NODE_CUSTOMER_REFS] = {
        "customer-refs", LAYER_INTERMEDIATE, TOPIC_CUSTOMER_REFS, true,
        "the current customer, for each partition that has accounts of it"},
    [NODE_ACCOUNT_WITH_CUSTOMER] = {
        "account_with_customer", LAYER_INTERMEDIATE, TOPIC_ACCOUNT_WITH_CUSTOMER, false,
        "each current account with its current customer"},
    [NODE_ACCOUNT_LINKS] = {
        "account-links", LAYER_MARTS, TOPIC_ACCOUNT_LINKS, true,
        "the current account, for the partition of its customer"},
    [NODE_ACCOUNT_SUMMARY] = {
        "account_summary", LAYER_MARTS, TOPIC_ACCOUNT_SUMMARY, false,
        "interest and new balance of each savings account"},
    [NODE_CUSTOMER_PROFILE] = {
        "customer_profile", LAYER_MARTS, TOPIC_CUSTOMER_PROFILE, false,
        "totals over each customer's savings accounts"},
    [NODE_OWNERS] = {
        "owners", LAYER_PIPELINE, TOPIC_COUNT, true, "which app.id owns which result topics"},
};
/* clang-format on */

static const struct topology_edge edges[] = {
    {NODE_CUSTOMERS, NODE_STAGING_CUSTOMERS},
    {NODE_ACCOUNTS, NODE_STAGING_ACCOUNTS},
    {NODE_CUSTOMERS, NODE_REPARTITION_CUSTOMERS},
    {NODE_ACCOUNTS, NODE_REPARTITION_ACCOUNTS},
    {NODE_REPARTITION_CUSTOMERS, NODE_STAGING_CUSTOMERS},
    {NODE_REPARTITION_ACCOUNTS, NODE_STAGING_ACCOUNTS},
    {NODE_STAGING_CUSTOMERS, NODE_QUARANTINE},
    {NODE_STAGING_ACCOUNTS, NODE_QUARANTINE},
    {NODE_STAGING_CUSTOMERS, NODE_CUSTOMER_HISTORY},
    {NODE_STAGING_ACCOUNTS, NODE_ACCOUNT_HISTORY},
    {NODE_STAGING_CUSTOMERS, NODE_CONFIRMATIONS},
    {NODE_STAGING_ACCOUNTS, NODE_CONFIRMATIONS},
    {NODE_CUSTOMER_HISTORY, NODE_CUSTOMER_REFS},
    {NODE_CUSTOMER_REFS, NODE_ACCOUNT_WITH_CUSTOMER},
    {NODE_CUSTOMER_HISTORY, NODE_ACCOUNT_WITH_CUSTOMER},
    {NODE_ACCOUNT_HISTORY, NODE_ACCOUNT_WITH_CUSTOMER},
    {NODE_ACCOUNT_WITH_CUSTOMER, NODE_ACCOUNT_SUMMARY},
    {NODE_ACCOUNT_HISTORY, NODE_ACCOUNT_LINKS},
    {NODE_ACCOUNT_LINKS, NODE_CUSTOMER_PROFILE},
    {NODE_ACCOUNT_SUMMARY, NODE_CUSTOMER_PROFILE},
    {NODE_CUSTOMER_HISTORY, NODE_CUSTOMER_PROFILE},
};

const struct topology_node *topology_node(enum topology_node_id id) {
    return &nodes[id];
}

const struct topology_edge *topology_edges(size_t *count) {
    *count = ARRAY_LEN(edges);
    return edges;
}

const char *topology_layer_meaning(enum check_layer layer) {
    static const char *const meanings[] = {
        [LAYER_SOURCE] = "change events exactly as received",
        [LAYER_STAGING] = "each record standardized, or rejected with a reason",
        [LAYER_SNAPSHOTS] = "all versions of each row, with their times",
        [LAYER_INTERMEDIATE] = "current account and current customer, joined",
        [LAYER_MARTS] = "what analysts read",
        [LAYER_PIPELINE] = "beside the layers",
    };
    return meanings[layer];
}
