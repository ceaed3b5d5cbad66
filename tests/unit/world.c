#include "world.h"

#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"
#include "streamer/model/position.h"
#include "streamer/task/as_of.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const customer_ids[WORLD_CUSTOMERS] = {"-9223372036854775808", "0", "7",
                                                          "9223372036854775807"};
static const char *const account_ids[WORLD_ACCOUNTS] = {
    "A",  "A|1", "Ä",  "10", "A\"\\", "Z",  "B",  "B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8",
    "B9", "C",   "C1", "C2", "C3",    "C4", "C5", "C6", "C7", "C8", "C9", "D",  "D1", "D2", "D3",
    "D4", "D5",  "D6", "D7", "D8",    "D9", "E",  "E1", "E2", "E3", "E4", "E5", "E6", "E7"};
static const char *const names[] = {"ann", "b\"ob", "żółw"};
static const int64_t amounts[] = {
    0, 50, 999999, 1000000, 1999999, 2000000, INT64_C(999999999999999999), 4321};

/* The digits of a value, which is what the model knows of it: of a customer the name and whether
 * there is a loan, of an account the customer, the amount and the type. */
enum { DIGIT_NAME = 0, DIGIT_LOAN = 1 };
enum { DIGIT_CUSTOMER = 0, DIGIT_AMOUNT = 1, DIGIT_TYPE = 2 };
static int digit(int value, int i) {
    return value >> 4 * i & 15;
}

static const char *name_of(int value) {
    return names[digit(value, DIGIT_NAME)];
}
static bool has_loan(int value) {
    return digit(value, DIGIT_LOAN) == 1;
}
const char *world_customer_id(int id) {
    return customer_ids[id];
}
const char *world_account_id(int id) {
    return account_ids[id];
}
int world_customer_of(int value) {
    return digit(value, DIGIT_CUSTOMER);
}
static int64_t cents_of(int value) {
    return amounts[digit(value, DIGIT_AMOUNT)];
}
static enum account_type type_of(int value) {
    return digit(value, DIGIT_TYPE) == 0 ? ACCOUNT_SAVINGS : ACCOUNT_CHECKING;
}

static struct world_style any_style(struct rng *r) {
    static const struct world_style styles[] = {
        {0, 0, 50, 5, 0, false},      {0, 0, 50, 5, 10, false},    {100, 100, 10, 15, 10, false},
        {100, 60, 50, 15, 10, false}, {100, 0, 90, 10, 10, false}, {60, 80, 50, 10, 5, false},
        {90, 100, 100, 20, 0, false},
    };
    return styles[rng_below(r, ARRAY_LEN(styles))];
}

void world_init(struct world *w, int32_t n, uint64_t seed) {
    *w = (struct world){.rng = rng_seeded(seed), .clock = INT64_C(1700000000000), .position = 100};
    cluster_init(&w->cluster, n);
    w->style = any_style(&w->rng);
    w->large = seed % 8 == 7;
    w->account_count = w->large ? WORLD_ACCOUNTS : WORLD_FEW_ACCOUNTS;
    w->options = (struct order_model_options){.late_window_ms = CLUSTER_WINDOW_MS,
                                              .future_window_ms = CLUSTER_FUTURE_MS};
    for (int e = 0; e < ENTITY_COUNT; e++)
        w->inputs[e] = 2;
    for (int i = 0; i < WORLD_CUSTOMERS; i++)
        order_model_init(&w->customers[i]);
    for (int i = 0; i < WORLD_ACCOUNTS; i++)
        order_model_init(&w->accounts[i]);
}

void world_release(struct world *w) {
    cluster_release(&w->cluster);
    buf_release(&w->position_text);
    for (int i = 0; i < WORLD_CUSTOMERS; i++)
        order_model_release(&w->customers[i]);
    for (int i = 0; i < WORLD_ACCOUNTS; i++)
        order_model_release(&w->accounts[i]);
}

/* --- what happens --- */

int32_t world_place(const struct world *w, enum entity entity, struct slice id) {
    int32_t partitions = w->inputs[entity];
    bool scattered = id.n % 2 == 0;
    return murmur2_partition(id, scattered && partitions > 1 ? partitions - 1 : partitions);
}

static int any_value(struct world *w, enum entity entity) {
    struct rng *r = &w->rng;
    if (entity == ENTITY_CUSTOMER)
        return (int)(rng_below(r, ARRAY_LEN(names)) | rng_below(r, 2) << 4 * DIGIT_LOAN);
    int64_t customer = w->large && rng_chance(r, 90) ? 0 : rng_below(r, WORLD_CUSTOMERS);
    int64_t amount = rng_below(r, ARRAY_LEN(amounts)), type = rng_chance(r, 75) ? 0 : 1;
    return (int)(customer | amount << 4 * DIGIT_AMOUNT | type << 4 * DIGIT_TYPE);
}

static enum order_kind any_kind(struct rng *r, const struct world_style *s) {
    if (rng_chance(r, 5))
        return ORDER_REJECTED;
    if (rng_chance(r, 75))
        return ORDER_UPSERT;
    return rng_chance(r, s->timeless_percent) ? ORDER_TOMBSTONE : ORDER_DELETE;
}

/* Some of the attributes are unavailable, the id's own never. */
static void hide_digits(struct order_record *record, struct rng *r, int digits) {
    record->unavailable = (unsigned)rng_below(r, (int64_t)1 << digits);
    for (int i = 0; i < digits; i++)
        if ((record->unavailable >> i & 1) != 0)
            record->value &= ~(15 << 4 * i);
}

static int64_t any_time(struct world *w) {
    struct rng *r = &w->rng;
    int64_t at = w->clock - (rng_chance(r, 30) ? rng_below(r, CLUSTER_WINDOW_MS / 2) : 0);
    if (rng_chance(r, 4))
        at -= CLUSTER_WINDOW_MS + rng_below(r, 50);
    if (rng_chance(r, 3))
        at = w->clock + rng_below(r, 2 * CLUSTER_FUTURE_MS);
    return at;
}

static void fill_log(struct world *w, struct order_record *record) {
    struct rng *r = &w->rng;
    record->is_log = true;
    record->is_read = record->kind == ORDER_UPSERT && rng_chance(r, 5);
    if (record->kind == ORDER_TOMBSTONE || !rng_chance(r, w->style.position_percent))
        return;
    w->position += rng_below(r, 4);
    int64_t behind = rng_chance(r, 8) ? rng_below(r, 12) : 0;
    record->position = (struct order_position){true, w->position - behind, rng_chance(r, 4)};
}

static struct order_record any_record(struct world *w, enum entity entity) {
    struct rng *r = &w->rng;
    struct order_record record = {.kind = any_kind(r, &w->style),
                                  .kafka_ms = w->clock + rng_below(r, 20)};
    bool is_log = rng_chance(r, w->style.log_percent);
    record.early_after_ms = record.kafka_ms;
    record.id_from_value =
        w->style.is_spelled || record.kind != ORDER_REJECTED || rng_chance(r, 80);
    record.at = any_time(w);
    record.has_time = record.kind != ORDER_TOMBSTONE && rng_chance(r, 90);
    if (record.kind == ORDER_DELETE)
        record.has_time = !rng_chance(r, w->style.timeless_percent);
    if (record.kind == ORDER_UPSERT)
        record.value = any_value(w, entity);
    if (record.kind == ORDER_UPSERT && rng_chance(r, 6))
        hide_digits(&record, r, entity == ENTITY_CUSTOMER ? 2 : 3);
    if (is_log)
        fill_log(w, &record);
    if (rng_chance(r, 4)) {
        record.by_time = true;
        record.early_after_ms += rng_below(r, 3) * CLUSTER_FUTURE_MS;
    }
    /* A flat delete says its time by Debezium's metadata, and then it is a log's. */
    if (w->style.is_spelled && record.kind == ORDER_DELETE && !is_log && !record.by_time)
        record.has_time = false;
    return record;
}

/* --- the same for a task --- */

static struct slice position_text(struct world *w, const struct order_position *p) {
    char number[24];
    int n = snprintf(number, sizeof number, "%lld", (long long)p->at);
    struct position_source source = {slice_str("postgresql"),
                                     slice_str(p->source == 0 ? "one" : "two"), slice_null()};
    struct slice parts[POSITION_PARTS] = {slice_of(number, (size_t)n)};
    buf_clear(&w->position_text);
    if (p->exists)
        position_put(&w->position_text, POSITION_LSN, &source, parts);
    return buf_slice(&w->position_text);
}

static uint32_t unavailable_fields(enum entity entity, unsigned digits) {
    static const enum field fields[ENTITY_COUNT][3] = {
        [ENTITY_CUSTOMER] = {FIELD_CUSTOMER_NAME, FIELD_HAS_LOAN, FIELD_COUNT},
        [ENTITY_ACCOUNT] = {FIELD_CUSTOMER_ID, FIELD_BALANCE, FIELD_ACCOUNT_TYPE},
    };
    uint32_t bits = 0;
    for (int i = 0; i < 3; i++)
        if ((digits >> i & 1) != 0)
            bits |= FIELD_BIT(fields[entity][i]);
    return bits;
}

static void fill_event(struct world_change *c) {
    const struct order_record *r = &c->record;
    struct event *e = &c->event;
    bool is_customer = e->entity == ENTITY_CUSTOMER;
    e->kind = r->kind == ORDER_DELETE      ? CHANGE_DELETE
              : r->kind == ORDER_TOMBSTONE ? CHANGE_TOMBSTONE
                                           : CHANGE_UPSERT;
    e->id = slice_str(is_customer ? customer_ids[c->id] : account_ids[c->id]);
    if (is_customer) {
        e->customer_id = strtoll(customer_ids[c->id], NULL, 10);
        e->customer_name = slice_str(name_of(r->value));
        e->has_loan_flag = has_loan(r->value);
    } else {
        e->customer_id = strtoll(customer_ids[world_customer_of(r->value)], NULL, 10);
        e->balance_cents = cents_of(r->value);
        e->account_type = type_of(r->value);
    }
    e->unavailable = unavailable_fields(e->entity, r->unavailable);
}

/* What a record and a truncate have in common. */
static void fill_place(struct world *w, struct world_change *c) {
    const struct order_record *r = &c->record;
    struct event *e = &c->event;
    e->has_own_time = r->has_time;
    e->event_at_ms = r->has_time ? r->at : r->kafka_ms;
    e->loaded_at_ms = r->kafka_ms;
    e->early_after_ms = r->early_after_ms;
    e->is_log = r->is_log && !r->by_time;
    e->by_time = r->by_time;
    e->is_read = r->is_read;
    e->id_is_from_key = !r->id_from_value;
    e->position = position_text(w, &r->position);
    e->source_partition = r->input.partition;
    e->source_offset = r->input.offset;
}

static void choose_place(struct world *w, struct world_change *c, int32_t partition) {
    enum entity entity = c->event.entity;
    c->record.input = (struct order_input){partition, w->offsets[entity][partition]++};
    fill_place(w, c);
}

static struct order_model *model_of(struct world *w, const struct world_change *c) {
    return c->event.entity == ENTITY_CUSTOMER ? &w->customers[c->id] : &w->accounts[c->id];
}

/* --- one change --- */

void world_make_truncate(struct world *w, struct world_change *c) {
    struct order_record *r = &c->record;
    enum entity entity = c->event.entity;
    c->is_truncate = true;
    c->event.kind = CHANGE_TRUNCATE;
    *r = (struct order_record){.kafka_ms = w->clock + 5, .early_after_ms = w->clock + 5};
    r->has_time = rng_chance(&w->rng, 90);
    r->at = any_time(w);
    if (rng_chance(&w->rng, w->style.log_percent))
        fill_log(w, r);
    else
        r->is_log = true; /* an envelope always is */
    r->is_read = false;
    choose_place(w, c, (int32_t)rng_below(&w->rng, w->inputs[entity]));
    struct order_truncate t = {r->is_log, r->has_time, r->at, r->kafka_ms, r->position, r->input};
    struct order_model_floor floor = order_model_floor_of(&w->options, &t);
    int count = entity == ENTITY_CUSTOMER ? WORLD_CUSTOMERS : WORLD_ACCOUNTS;
    for (int i = 0; i < count; i++)
        order_model_truncate(entity == ENTITY_CUSTOMER ? &w->customers[i] : &w->accounts[i],
                             &w->options, &floor);
    order_model_floor_raise(&w->floors[entity], &w->options, &floor);
    w->truncates[entity]++;
    c->outcome = ORDER_APPLIED;
}

/* A new one; or the tombstone that Debezium sends behind a delete; or one that was sent before. */
static void choose_record(struct world *w, struct world_change *c) {
    const struct world_change *last = w->made > 0 ? &w->recent[(w->made - 1) % WORLD_RECENT] : NULL;
    int64_t kafka_ms = w->clock + rng_below(&w->rng, 20);
    if (last != NULL && last->record.kind == ORDER_DELETE && rng_chance(&w->rng, 50)) {
        *c = *last;
        c->record = (struct order_record){.kind = ORDER_TOMBSTONE, .is_log = last->record.is_log};
    } else if (w->made >= WORLD_RECENT && rng_chance(&w->rng, w->style.repeat_percent)) {
        *c = w->recent[rng_below(&w->rng, WORLD_RECENT)];
    } else {
        c->record = any_record(w, c->event.entity);
        return;
    }
    c->record.kafka_ms = c->record.early_after_ms = kafka_ms;
}

struct world_change world_make_change(struct world *w) {
    struct rng *r = &w->rng;
    struct world_change c = {
        .event = {.entity = rng_chance(r, 40) ? ENTITY_CUSTOMER : ENTITY_ACCOUNT}};
    c.id =
        (int)rng_below(r, c.event.entity == ENTITY_CUSTOMER ? WORLD_CUSTOMERS : w->account_count);
    w->clock += rng_below(r, 15);
    if (rng_below(r, 1000) < w->style.truncate_permille) {
        world_make_truncate(w, &c);
        return c;
    }
    choose_record(w, &c);
    fill_event(&c);
    choose_place(w, &c, world_place(w, c.event.entity, c.event.id));
    c.outcome =
        order_model_apply(model_of(w, &c), &w->options, &w->floors[c.event.entity], &c.record);
    w->refused += c.outcome != ORDER_APPLIED && c.outcome != ORDER_UNCHANGED;
    w->recent[w->made++ % WORLD_RECENT] = c;
    return c;
}

/* What a worker has begun with a ref, it ends before the next message. */
static void end_fan_outs(struct cluster *c) {
    for (int32_t p = 0; p < c->n; p++) {
        while (c->tasks[p].resuming) {
            (void)cluster_consume(c, TOPIC_CUSTOMER_REFS, p);
            cluster_commit(c);
        }
    }
}

static void apply_truncate(struct world *w, const struct event *e) {
    struct cluster *c = &w->cluster;
    end_fan_outs(c);
    cluster_set_origin(c, e);
    for (int32_t p = 0; p < c->n; p++)
        while (!task_apply_truncate(&c->env, &c->tasks[p], e))
            cluster_commit(c);
}

static void check_refusal(const struct world *w, enum order_outcome outcome) {
    static const enum reason_code codes[] = {
        [ORDER_TOO_LATE] = REASON_TOO_LATE,
        [ORDER_TOO_EARLY] = REASON_TOO_EARLY,
        [ORDER_MALFORMED] = REASON_MALFORMED,
    };
    assert_int_equal(w->cluster.why.code, codes[outcome]);
}

/* With WORLD_TRACE set: what happens, for the reader of a failing seed. */
static void trace(const struct world_change *c) {
    static const char *const kinds[] = {"upsert", "delete", "tombstone", "rejected"};
    const struct order_record *r = &c->record;
    if (getenv("WORLD_TRACE") == NULL)
        return;
    printf("%s %.*s: value %x, unavailable %x,%s%s%s at %lld, "
           "kafka %lld, early after %lld, input %d@%lld",
           c->is_truncate ? "truncate" : kinds[r->kind], (int)c->event.id.n,
           c->event.id.p != NULL ? c->event.id.p : "", (unsigned)r->value, r->unavailable,
           r->is_log ? " log" : "", r->by_time ? " by time" : "", r->is_read ? " read" : "",
           (long long)(r->has_time ? r->at % 1000000 : -1), (long long)(r->kafka_ms % 1000000),
           (long long)(r->early_after_ms % 1000000), r->input.partition,
           (long long)r->input.offset);
    if (r->position.exists)
        printf(", position %lld of %d", (long long)r->position.at, r->position.source);
    printf(": outcome %d\n", (int)c->outcome);
}

void world_event(struct world *w) {
    struct world_change c = world_make_change(w);
    trace(&c);
    struct cluster *cluster = &w->cluster;
    bool accepted = c.outcome == ORDER_APPLIED || c.outcome == ORDER_UNCHANGED;
    if (c.is_truncate) {
        apply_truncate(w, &c.event);
    } else if (c.record.kind == ORDER_REJECTED) {
        struct reason why = {.code = REASON_INVALID_BALANCE};
        cluster_set_origin(cluster, &c.event);
        task_reject_event(&cluster->env, &cluster->tasks[murmur2_partition(c.event.id, cluster->n)],
                          &c.event, &why);
    } else {
        assert_int_equal(cluster_apply(cluster, &c.event), accepted);
        if (!accepted)
            check_refusal(w, c.outcome);
    }
    if (kv_failed(cluster->env.kv))
        fail_msg("%s", cluster->env.kv->err.text);
    if (getenv("WORLD_TRACE") != NULL) {
        cluster_commit(cluster);
        world_check_histories(w);
        world_check_counts(w);
    }
}

/* One of the partitions with links or refs that wait; false: there is none. */
static bool choose_waiting(struct world *w, enum topic *topic, int32_t *partition) {
    int count = 0;
    for (int32_t p = 0; p < w->cluster.n; p++) {
        for (int t = TOPIC_ACCOUNT_LINKS; t <= TOPIC_CUSTOMER_REFS; t++) {
            if (cluster_waits(&w->cluster, (enum topic)t, p) && rng_below(&w->rng, ++count) == 0) {
                *topic = (enum topic)t;
                *partition = p;
            }
        }
    }
    return count > 0;
}

void world_step(struct world *w, int changes_percent) {
    enum topic topic = TOPIC_ACCOUNT_LINKS;
    int32_t p = 0;
    struct cluster *c = &w->cluster;
    if (rng_chance(&w->rng, changes_percent) || !choose_waiting(w, &topic, &p)) {
        world_event(w);
    } else {
        size_t before = c->logs[topic][p].consumed;
        (void)cluster_consume(c, topic, p);
        if (rng_chance(&w->rng, 10)) { /* the transaction was aborted */
            cluster_rollback(c);
            c->logs[topic][p].consumed = before;
        }
    }
    cluster_commit(c);
}

/* --- what must have come out --- */

static void put_time(struct buf *out, int64_t ms) {
    char text[32];
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
    buf_printf(out, "\"%s.%03dZ\"", text, (int)(ms % 1000));
}

static void put_text(struct buf *out, const char *text) {
    buf_put_byte(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buf_put_byte(out, '\\');
        buf_put_byte(out, *text);
    }
    buf_put_byte(out, '"');
}

static void put_money(struct buf *out, __int128 cents) {
    /* Of what is before the point, if that takes more than one. */
    const int64_t part = INT64_C(1000000000000000);
    __int128 whole = cents / 100;
    if (whole >= part)
        buf_printf(out, "\"%lld%015lld.%02d\"", (long long)(whole / part),
                   (long long)(whole % part), (int)(cents % 100));
    else
        buf_printf(out, "\"%lld.%02d\"", (long long)whole, (int)(cents % 100));
}

static const char *boolean(bool b) {
    return b ? "true" : "false";
}
static const char *type_text(enum account_type t) {
    return t == ACCOUNT_SAVINGS ? "savings" : "checking";
}

static void put_version_end(struct buf *out, const struct model_version *v) {
    buf_put_str(out, ",\"loaded_at\":");
    put_time(out, v->loaded_at);
    buf_put_str(out, ",\"valid_from_at\":");
    put_time(out, v->from);
    buf_put_str(out, ",\"valid_to_at\":");
    if (v->to == TIMESTAMP_NONE)
        buf_put_str(out, "null");
    else
        put_time(out, v->to);
    buf_put_byte(out, '}');
}

static void put_customer_version(struct buf *out, const struct model_version *v, int id) {
    buf_printf(out, "{\"customer_id\":%s,\"customer_name\":", customer_ids[id]);
    put_text(out, name_of(v->value));
    buf_printf(out, ",\"has_loan_flag\":%s", boolean(has_loan(v->value)));
    put_version_end(out, v);
}

static void put_account_version(struct buf *out, const struct model_version *v, int id) {
    buf_put_str(out, "{\"account_id\":");
    put_text(out, account_ids[id]);
    buf_printf(
        out, ",\"customer_id\":%s,\"balance_amount\":", customer_ids[world_customer_of(v->value)]);
    put_money(out, cents_of(v->value));
    buf_printf(out, ",\"account_type\":\"%s\"", type_text(type_of(v->value)));
    put_version_end(out, v);
}

/* How many keys of a topic have a row. */
static size_t count_rows(const struct cluster *c, enum topic topic) {
    size_t n = 0;
    for (int32_t p = 0; p < c->n; p++) {
        const struct log *l = &c->logs[topic][p];
        for (size_t i = 0; i < l->count; i++) {
            bool last = l->messages[i].has_value;
            for (size_t k = i + 1; last && k < l->count; k++)
                last = !slice_eq(buf_slice(&l->messages[k].key), buf_slice(&l->messages[i].key));
            n += last;
        }
    }
    return n;
}

static size_t check_history(const struct world *w, bool is_customer, int id) {
    size_t n;
    struct buf key = {0}, text = {0};
    struct model_version *versions =
        order_model_versions(is_customer ? &w->customers[id] : &w->accounts[id], &n);
    for (size_t i = 0; i < n; i++) {
        buf_clear(&key);
        buf_clear(&text);
        buf_printf(&key, "%s|%lld", is_customer ? customer_ids[id] : account_ids[id],
                   (long long)versions[i].from);
        if (is_customer)
            put_customer_version(&text, &versions[i], id);
        else
            put_account_version(&text, &versions[i], id);
        assert_row(&w->cluster, is_customer ? TOPIC_CUSTOMER_HISTORY : TOPIC_ACCOUNT_HISTORY,
                   buf_cstr(&key), buf_cstr(&text));
    }
    free(versions);
    buf_release(&key);
    buf_release(&text);
    return n;
}

void world_check_histories(const struct world *w) {
    size_t customers = 0, accounts = 0;
    for (int id = 0; id < WORLD_CUSTOMERS; id++)
        customers += check_history(w, true, id);
    for (int id = 0; id < w->account_count; id++)
        accounts += check_history(w, false, id);
    assert_int_equal(count_rows(&w->cluster, TOPIC_CUSTOMER_HISTORY), customers);
    assert_int_equal(count_rows(&w->cluster, TOPIC_ACCOUNT_HISTORY), accounts);
}

/* In so many words, for any rates. */
static int64_t rate_of(const struct rates *r, int64_t cents, bool has_loan) {
    int i = 0;
    while (cents >= r->tiers[i].below_cents)
        i++;
    return r->tiers[i].rate_milli + (has_loan ? r->loan_bonus_milli : 0);
}

static int64_t interest_of(const struct rates *r, int64_t cents, bool has_loan) {
    return (int64_t)(((__int128)cents * rate_of(r, cents, has_loan) + 500) / 1000);
}

static void check_account(const struct world *w, int id) {
    int64_t from;
    struct buf joined = {0}, summary = {0};
    int a = order_model_current(&w->accounts[id], &from);
    int customer = a != MODEL_DELETED
                       ? order_model_current(&w->customers[world_customer_of(a)], NULL)
                       : MODEL_DELETED;
    if (customer != MODEL_DELETED) {
        buf_put_str(&joined, "{\"account_id\":");
        put_text(&joined, account_ids[id]);
        buf_printf(&joined, ",\"customer_id\":%s,", customer_ids[world_customer_of(a)]);
        buf_set(&summary, buf_slice(&joined));
        buf_put_str(&joined, "\"customer_name\":");
        put_text(&joined, name_of(customer));
        buf_printf(&joined,
                   ",\"has_loan_flag\":%s,\"balance_amount\":", boolean(has_loan(customer)));
        put_money(&joined, cents_of(a));
        buf_printf(&joined, ",\"account_type\":\"%s\",\"valid_from_at\":", type_text(type_of(a)));
        put_time(&joined, from);
        buf_put_byte(&joined, '}');
        int64_t interest = interest_of(&w->cluster.rates, cents_of(a), has_loan(customer));
        buf_put_str(&summary, "\"original_balance_amount\":");
        put_money(&summary, cents_of(a));
        buf_printf(&summary, ",\"interest_rate_pct\":\"0.%03lld\",\"annual_interest_amount\":",
                   (long long)rate_of(&w->cluster.rates, cents_of(a), has_loan(customer)));
        put_money(&summary, interest);
        buf_put_str(&summary, ",\"new_balance_amount\":");
        put_money(&summary, cents_of(a) + interest);
    }
    bool has_summary = customer != MODEL_DELETED && type_of(a) == ACCOUNT_SAVINGS;
    assert_row(&w->cluster, TOPIC_ACCOUNT_WITH_CUSTOMER, account_ids[id],
               joined.n > 0 ? buf_cstr(&joined) : NULL);
    assert_row(&w->cluster, TOPIC_ACCOUNT_SUMMARY, account_ids[id],
               has_summary ? buf_cstr(&summary) : NULL);
    buf_release(&joined);
    buf_release(&summary);
}

static void check_profile(const struct world *w, int id) {
    int64_t accounts = 0;
    __int128 balance = 0, interest = 0;
    struct buf text = {0};
    int customer = order_model_current(&w->customers[id], NULL);
    for (int i = 0; customer != MODEL_DELETED && i < w->account_count; i++) {
        int a = order_model_current(&w->accounts[i], NULL);
        if (a == MODEL_DELETED || world_customer_of(a) != id || type_of(a) != ACCOUNT_SAVINGS)
            continue;
        accounts++;
        balance += cents_of(a);
        interest += interest_of(&w->cluster.rates, cents_of(a), has_loan(customer));
    }
    if (accounts > 0) {
        buf_printf(&text, "{\"customer_id\":%s,\"customer_name\":", customer_ids[id]);
        put_text(&text, name_of(customer));
        buf_printf(&text,
                   ",\"has_loan_flag\":%s,\"total_accounts_count\":%lld,\"total_balance_amount\":",
                   boolean(has_loan(customer)), (long long)accounts);
        put_money(&text, balance);
        buf_put_str(&text, ",\"total_annual_interest_amount\":");
        put_money(&text, interest);
    }
    assert_row(&w->cluster, TOPIC_CUSTOMER_PROFILE, customer_ids[id],
               accounts > 0 ? buf_cstr(&text) : NULL);
    buf_release(&text);
}

static void add_counters(struct order_counters *sum, const struct order_model *m) {
    sum->applied += m->counters.applied;
    sum->unchanged += m->counters.unchanged;
    sum->late += m->counters.late;
    sum->reordered += m->counters.reordered;
    sum->repeated += m->counters.repeated;
    sum->behind_tombstone += m->counters.behind_tombstone;
    sum->tombstones_unknown += m->counters.tombstones_unknown;
}

static void check_counts_of(const struct world *w, enum entity entity) {
    struct order_counters sum = {0};
    const struct counts *c = &w->cluster.env.counts;
    int64_t outdated = 0, counted = 0;
    int count = entity == ENTITY_CUSTOMER ? WORLD_CUSTOMERS : WORLD_ACCOUNTS;
    for (int i = 0; i < count; i++) {
        const struct order_model *m =
            entity == ENTITY_CUSTOMER ? &w->customers[i] : &w->accounts[i];
        add_counters(&sum, m);
        outdated += order_model_is_outdated(m);
    }
    for (int32_t p = 0; p < w->cluster.n; p++)
        counted += w->cluster.tasks[p].meta.outdated[entity];
    assert_int_equal(c->applied[entity], sum.applied + w->truncates[entity] * w->cluster.n);
    assert_int_equal(c->unchanged[entity], sum.unchanged);
    assert_int_equal(c->late[entity], sum.late);
    assert_int_equal(c->reordered[entity], sum.reordered);
    assert_int_equal(c->repeated[entity], sum.repeated);
    assert_int_equal(c->behind_tombstone[entity], sum.behind_tombstone);
    assert_int_equal(c->tombstones_unknown[entity], sum.tombstones_unknown);
    assert_int_equal(counted, outdated);
}

void world_check_counts(const struct world *w) {
    check_counts_of(w, ENTITY_CUSTOMER);
    check_counts_of(w, ENTITY_ACCOUNT);
}

void world_check_results(const struct world *w) {
    for (int id = 0; id < w->account_count; id++)
        check_account(w, id);
    for (int id = 0; id < WORLD_CUSTOMERS; id++)
        check_profile(w, id);
}

/* --- what was valid at a time --- */

/* False: there was no version. */
static bool version_at(const struct order_model *m, int64_t at, struct model_version *v) {
    size_t count;
    struct model_version *versions = order_model_versions(m, &count);
    bool found = false;
    for (size_t i = 0; i < count && !found; i++) {
        *v = versions[i];
        found = at >= v->from && (v->to == TIMESTAMP_NONE || at < v->to);
    }
    free(versions);
    return found;
}

static void check_version_at(struct world *w, enum entity entity, const char *id,
                             const struct order_model *m, int64_t at) {
    struct task_env *env = &w->cluster.env;
    struct task *t = &w->cluster.tasks[murmur2_partition(slice_str(id), w->cluster.n)];
    struct buf bytes = {0};
    struct version v;
    struct model_version expected;
    bool exists = version_at(m, at, &expected);
    assert_int_equal(as_of_version(env, t, entity, slice_str(id), at, &bytes, &v), exists);
    if (exists) {
        assert_int_equal(v.from, expected.from);
        assert_int_equal(v.to, expected.to);
        assert_int_equal(v.loaded_at, expected.loaded_at);
    }
    buf_release(&bytes);
}

static bool always(void *context) {
    (void)context;
    return true;
}

static void check_sums_at(struct world *w, int id, int64_t at) {
    struct totals got = {0};
    struct customer_totals expected = {0};
    const struct rates *rates = &w->cluster.rates;
    int64_t customer_id = strtoll(customer_ids[id], NULL, 10);
    for (int32_t p = 0; p < w->cluster.n; p++)
        assert_true(
            as_of_sum(&w->cluster.env, &w->cluster.tasks[p], customer_id, at, always, NULL, &got));
    for (int i = 0; i < w->account_count; i++) {
        struct model_version a;
        if (!version_at(&w->accounts[i], at, &a) || world_customer_of(a.value) != id ||
            type_of(a.value) != ACCOUNT_SAVINGS)
            continue;
        expected.accounts++;
        expected.balance += cents_of(a.value);
        expected.interest_without_loan += interest_of(rates, cents_of(a.value), false);
        expected.interest_with_loan += interest_of(rates, cents_of(a.value), true);
    }
    assert_int_equal(got.sums.accounts, expected.accounts);
    assert_true(got.sums.balance == expected.balance);
    assert_true(got.sums.interest_without_loan == expected.interest_without_loan);
    assert_true(got.sums.interest_with_loan == expected.interest_with_loan);
    totals_release(&got);
}

void world_check_as_of(struct world *w, int64_t at) {
    for (int i = 0; i < w->account_count; i++)
        check_version_at(w, ENTITY_ACCOUNT, account_ids[i], &w->accounts[i], at);
    for (int i = 0; i < WORLD_CUSTOMERS; i++) {
        check_version_at(w, ENTITY_CUSTOMER, customer_ids[i], &w->customers[i], at);
        check_sums_at(w, i, at);
    }
}

int64_t world_any_time(struct world *w) {
    const struct order_model *m = rng_chance(&w->rng, 50)
                                      ? &w->customers[rng_below(&w->rng, WORLD_CUSTOMERS)]
                                      : &w->accounts[rng_below(&w->rng, w->account_count)];
    if (m->count == 0 || rng_chance(&w->rng, 5))
        return rng_chance(&w->rng, 50) ? TIMESTAMP_MIN : TIMESTAMP_MAX;
    return m->events[rng_below(&w->rng, (int64_t)m->count)].at - rng_below(&w->rng, 2);
}

/* --- a whole life --- */

void world_run(struct world *w, uint64_t seed, int32_t n, int64_t fanout_max_rows,
               enum order_mistake mistake) {
    world_init(w, n, seed);
    w->options.mistake = mistake;
    w->cluster.env.fanout_max_rows = fanout_max_rows;
    w->cluster.env.links_max = seed % 2 == 0 ? CUSTOMER_LINKS_MAX : (int64_t)(seed / 2 % 4);
    int64_t steps = 20 + rng_below(&w->rng, 200);
    int changes = 20 + (int)rng_below(&w->rng, 70);
    for (int64_t i = 0; i < steps; i++) {
        world_step(w, changes);
        if (rng_chance(&w->rng, 5))
            assert_meta(&w->cluster);
        if (rng_chance(&w->rng, 2))
            world_check_histories(w);
        if (rng_chance(&w->rng, 3)) { /* a quiet moment */
            cluster_settle(&w->cluster);
            world_check_results(w);
        }
    }
    cluster_settle(&w->cluster);
    world_check_histories(w);
    world_check_results(w);
    assert_change_only(&w->cluster);
    assert_meta(&w->cluster);
    world_check_counts(w);
    world_release(w);
}
