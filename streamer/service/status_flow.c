#include "streamer/service/status_flow.h"

#include "streamer/base/json_put.h"
#include "streamer/base/mem.h"

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

#define NO_TOPIC TOPIC_COUNT

static const struct {
    const char *id, *layer;
    enum topic topic;
    struct amount amount;
} nodes[] = {
    {"customers", "source", TOPIC_CUSTOMERS, {CONSUMED, TOPIC_CUSTOMERS}},
    {"accounts", "source", TOPIC_ACCOUNTS, {CONSUMED, TOPIC_ACCOUNTS}},
    {"staging.customers", "staging", NO_TOPIC, {JUDGED, ENTITY_CUSTOMER}},
    {"staging.accounts", "staging", NO_TOPIC, {JUDGED, ENTITY_ACCOUNT}},
    {"quarantine", "quarantine", TOPIC_QUARANTINE, {EMITTED, TOPIC_QUARANTINE}},
    {"customer_history", "snapshots", TOPIC_CUSTOMER_HISTORY, {EMITTED, TOPIC_CUSTOMER_HISTORY}},
    {"account_history", "snapshots", TOPIC_ACCOUNT_HISTORY, {EMITTED, TOPIC_ACCOUNT_HISTORY}},
    {"account_with_customer",
     "intermediate",
     TOPIC_ACCOUNT_WITH_CUSTOMER,
     {EMITTED, TOPIC_ACCOUNT_WITH_CUSTOMER}},
    {"account_summary", "marts", TOPIC_ACCOUNT_SUMMARY, {EMITTED, TOPIC_ACCOUNT_SUMMARY}},
    {"customer_profile", "marts", TOPIC_CUSTOMER_PROFILE, {EMITTED, TOPIC_CUSTOMER_PROFILE}},
};

static const struct {
    const char *from, *to;
    struct amount amount;
} edges[] = {
    {"customers", "staging.customers", {JUDGED, ENTITY_CUSTOMER}},
    {"accounts", "staging.accounts", {JUDGED, ENTITY_ACCOUNT}},
    {"staging.customers", "quarantine", {QUARANTINED, ENTITY_CUSTOMER}},
    {"staging.accounts", "quarantine", {QUARANTINED, ENTITY_ACCOUNT}},
    {"staging.customers", "customer_history", {PASSED, ENTITY_CUSTOMER}},
    {"staging.accounts", "account_history", {PASSED, ENTITY_ACCOUNT}},
    {"customer_history", "account_with_customer", {CONSUMED, TOPIC_CUSTOMER_REFS}},
    {"account_history", "account_with_customer", {APPLIED, ENTITY_ACCOUNT}},
    {"account_with_customer", "account_summary", {EMITTED, TOPIC_ACCOUNT_SUMMARY}},
    {"account_summary", "customer_profile", {CONSUMED, TOPIC_ACCOUNT_LINKS}},
};

static void put_amount(const struct flow *f, const struct amount *a, struct buf *out) {
    int64_t us = f->after->at_us - f->before->at_us;
    json_put_int(out, "records", amount_of(f->now, a));
    json_put_decimal(out, "per_second",
                     figures_rate_milli(amount_of(f->before, a), amount_of(f->after, a), us), 3);
}

void flow_put_nodes(const struct flow *f, struct buf *out) {
    buf_put_byte(out, '[');
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        enum topic topic = nodes[i].topic;
        buf_put_str(out, i > 0 ? ",{" : "{");
        json_put_text(out, "id", nodes[i].id);
        json_put_text(out, "layer", nodes[i].layer);
        json_put_text(out, "topic", topic != NO_TOPIC ? f->config->topics[topic] : NULL);
        put_amount(f, &nodes[i].amount, out);
        buf_put_byte(out, '}');
    }
    buf_put_byte(out, ']');
}

void flow_put_edges(const struct flow *f, struct buf *out) {
    buf_put_byte(out, '[');
    for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
        buf_put_str(out, i > 0 ? ",{" : "{");
        json_put_text(out, "from", edges[i].from);
        json_put_text(out, "to", edges[i].to);
        put_amount(f, &edges[i].amount, out);
        buf_put_byte(out, '}');
    }
    buf_put_byte(out, ']');
}
