#include "input.h"

#include "streamer/base/timestamp.h"

static void put_text(struct buf *out, struct slice text) {
    buf_put_byte(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            buf_put_byte(out, '\\');
        buf_put_byte(out, text.p[i]);
    }
    buf_put_byte(out, '"');
}

#define UNAVAILABLE "__debezium_unavailable_value"

static bool lacks(const struct event *e, enum field f) {
    return (e->unavailable & FIELD_BIT(f)) != 0;
}

static void put_row(struct buf *out, const struct world_change *c) {
    const struct event *e = &c->event;
    bool is_customer = e->entity == ENTITY_CUSTOMER, is_bad = c->record.kind == ORDER_REJECTED;
    buf_put_str(out, is_customer ? "\"customer_id\":" : "\"account_id\":");
    put_text(out, e->id);
    if (e->kind == CHANGE_DELETE)
        return;
    if (is_customer) {
        buf_put_str(out, ",\"customer_name\":");
        put_text(out, lacks(e, FIELD_CUSTOMER_NAME) ? slice_str(UNAVAILABLE) : e->customer_name);
        buf_put_str(out, ",\"has_loan\":");
        put_text(out, slice_str(is_bad                     ? "perhaps"
                                : lacks(e, FIELD_HAS_LOAN) ? UNAVAILABLE
                                : e->has_loan_flag         ? "true"
                                                           : "false"));
        return;
    }
    struct buf number = {0};
    buf_put_int(&number, e->customer_id);
    buf_put_str(out, ",\"customer_id\":");
    put_text(out, lacks(e, FIELD_CUSTOMER_ID) ? slice_str(UNAVAILABLE) : buf_slice(&number));
    buf_clear(&number);
    buf_printf(&number, "%lld.%02lld", (long long)(e->balance_cents / 100),
               (long long)(e->balance_cents % 100));
    buf_put_str(out, ",\"balance\":");
    put_text(out, is_bad                    ? slice_str("much")
                  : lacks(e, FIELD_BALANCE) ? slice_str(UNAVAILABLE)
                                            : buf_slice(&number));
    buf_put_str(out, ",\"account_type\":");
    put_text(out, slice_str(lacks(e, FIELD_ACCOUNT_TYPE) ? UNAVAILABLE
                                                         : account_type_name(e->account_type)));
    buf_release(&number);
}

static void put_source(struct buf *out, const struct order_record *r) {
    buf_printf(out, "\"source\":{\"connector\":\"postgresql\",\"name\":\"%s\"",
               r->position.source == 0 ? "one" : "two");
    if (r->position.exists)
        buf_printf(out, ",\"lsn\":%lld", (long long)r->position.at);
    if (r->has_time)
        buf_printf(out, ",\"ts_ms\":%lld", (long long)r->at);
    buf_put_byte(out, '}');
}

/* Writes a record as Debezium does, with a position of PostgreSQL. */
static void put_envelope(struct buf *out, const struct world_change *c) {
    const struct order_record *r = &c->record;
    bool deletes = c->event.kind == CHANGE_DELETE;
    buf_put_str(out, deletes ? "{\"before\":{" : "{\"after\":{");
    put_row(out, c);
    buf_printf(out, "},\"op\":\"%s\",", deletes ? "d" : r->is_read ? "r" : "u");
    put_source(out, r);
    buf_put_byte(out, '}');
}

static void put_truncate(struct buf *out, const struct world_change *c) {
    buf_put_str(out, "{\"before\":null,\"after\":null,");
    put_source(out, &c->record);
    buf_put_str(out, ",\"op\":\"t\"}");
}

static void put_record(struct buf *out, const struct world_change *c) {
    if (c->record.is_log || c->record.by_time) {
        put_envelope(out, c);
        return;
    }
    buf_put_byte(out, '{');
    put_row(out, c);
    if (c->event.kind == CHANGE_DELETE)
        buf_put_str(out, ",\"Op\":\"D\"");
    if (c->record.has_time)
        buf_printf(out, ",\"updated_at\":%lld", (long long)c->record.at);
    buf_put_byte(out, '}');
}

/* The headers of a replayed record (rule O10). */
static rd_kafka_headers_t *headers_of_replay(int64_t at_ms) {
    rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
    struct buf text = {0};
    (void)rd_kafka_header_add(headers, "streamer.order", -1, "event_time", -1);
    if (at_ms != TIMESTAMP_NONE) {
        timestamp_put_iso(&text, at_ms);
        (void)rd_kafka_header_add(headers, "quarantine.replayed_at", -1, text.p, (ssize_t)text.n);
    }
    buf_release(&text);
    return headers;
}

void input_produce(struct sim *s) {
    struct buf value = {0};
    if (rng_chance(&s->rng, 3)) {
        enum topic topic = rng_chance(&s->rng, 50) ? TOPIC_CUSTOMERS : TOPIC_ACCOUNTS;
        (void)broker_produce(&s->broker, topic,
                             (int32_t)rng_below(&s->rng, s->broker.partitions[topic]), slice_null(),
                             slice_str("{\"customer_id\":"), 1 + s->produced);
        s->malformed++;
    } else {
        struct world_change c = world_make_change(&s->world);
        enum topic topic = c.event.entity == ENTITY_CUSTOMER ? TOPIC_CUSTOMERS : TOPIC_ACCOUNTS;
        bool tombstone = c.event.kind == CHANGE_TOMBSTONE;
        put_record(&value, &c);
        struct log_record *r = broker_produce(
            &s->broker, topic, c.record.input.partition, tombstone ? c.event.id : slice_null(),
            tombstone ? slice_null() : buf_slice(&value), c.record.kafka_ms);
        if (c.record.by_time)
            r->headers = headers_of_replay(c.record.early_after_ms);
    }
    s->produced++;
    buf_release(&value);
}

void input_truncate(struct sim *s, enum entity entity) {
    struct buf value = {0};
    struct world_change c = {.event = {.entity = entity}};
    world_make_truncate(&s->world, &c);
    enum topic topic = entity == ENTITY_CUSTOMER ? TOPIC_CUSTOMERS : TOPIC_ACCOUNTS;
    put_truncate(&value, &c);
    (void)broker_produce(&s->broker, topic, c.record.input.partition, slice_null(),
                         buf_slice(&value), c.record.kafka_ms);
    buf_release(&value);
    s->produced++;
}
