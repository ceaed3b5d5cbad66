#include "world.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"

#include <string.h>
#include <time.h>

static const char *const customer_ids[WORLD_CUSTOMERS] = {"-9223372036854775808", "0", "7",
                                                          "9223372036854775807"};
static const char *const account_ids[WORLD_ACCOUNTS] = {
    "A",  "A|1", "Ä",  "10", "A\"\\", "Z",  "B",  "B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8",
    "B9", "C",   "C1", "C2", "C3",    "C4", "C5", "C6", "C7", "C8", "C9", "D",  "D1", "D2", "D3",
    "D4", "D5",  "D6", "D7", "D8",    "D9", "E",  "E1", "E2", "E3", "E4", "E5", "E6", "E7"};
/* A customer's value: the name, and whether there is a loan. */
static const char *const names[] = {"ann", "ann", "b\"ob", "żółw"};
static bool value_has_loan(int value) {
    return value % 2 == 1;
}

void world_init(struct world *w, int32_t n, uint64_t seed) {
    *w = (struct world){.rng = rng_seeded(seed), .clock = INT64_C(1700000000000), .loaded_at = 1};
    cluster_init(&w->cluster, n);
    bool large = seed % 8 == 7;
    w->account_count = large ? WORLD_ACCOUNTS : WORLD_FEW_ACCOUNTS;
    for (int i = 0; i < WORLD_CUSTOMERS; i++)
        model_init(&w->customers[i]);
    for (int i = 0; i < WORLD_ACCOUNTS; i++)
        model_init(&w->accounts[i]);
    for (int i = 0; i < WORLD_VALUES; i++) {
        static const int64_t edges[] = {
            0, 50, 999999, 1000000, 1999999, 2000000, INT64_C(999999999999999999)};
        w->values[i].customer =
            large && rng_chance(&w->rng, 90) ? 0 : (int)rng_below(&w->rng, WORLD_CUSTOMERS);
        w->values[i].cents = rng_chance(&w->rng, 50) ? edges[rng_below(&w->rng, ARRAY_LEN(edges))]
                                                     : rng_below(&w->rng, 5000000);
        w->values[i].type = rng_chance(&w->rng, 75) ? ACCOUNT_SAVINGS : ACCOUNT_CHECKING;
    }
}

void world_release(struct world *w) {
    cluster_release(&w->cluster);
    for (int i = 0; i < WORLD_CUSTOMERS; i++)
        model_release(&w->customers[i]);
    for (int i = 0; i < WORLD_ACCOUNTS; i++)
        model_release(&w->accounts[i]);
}

/* --- what happens --- */

/* The model's answer to a change; false: too late. A tombstone for an id without a current version is nothing. */
static bool change_model(struct model *m, enum change_kind kind, struct model_event e) {
    int64_t from;
    if (kind == CHANGE_TOMBSTONE && model_current(m, &from) == MODEL_DELETED)
        return true;
    return model_add(m, CLUSTER_WINDOW_MS, e);
}

static struct event make_event(const struct world *w, bool is_customer, int id, const struct model_event *m,
                               enum change_kind kind) {
    struct event e;
    if (kind != CHANGE_UPSERT) {
        e = end_event(is_customer ? ENTITY_CUSTOMER : ENTITY_ACCOUNT, kind,
                      is_customer ? customer_ids[id] : account_ids[id], m->at);
    } else if (is_customer) {
        e = customer_event(customer_ids[id], m->at, names[m->value], value_has_loan(m->value));
    } else {
        const struct account_value *v = &w->values[m->value];
        e = account_event(account_ids[id], m->at, strtoll(customer_ids[v->customer], NULL, 10), v->cents,
                          v->type);
    }
    e.loaded_at_ms = m->loaded_at;
    return e;
}

/* The first of the values that are like this one: for the model, different values differ. */
static int first_alike(const struct world *w, int value) {
    const struct account_value *a = w->values;
    int i = 0;
    while (a[i].customer != a[value].customer || a[i].cents != a[value].cents || a[i].type != a[value].type)
        i++;
    return i;
}

struct world_change world_make_change(struct world *w) {
    struct rng *r = &w->rng;
    bool is_customer = rng_chance(r, 40);
    int id = (int)rng_below(r, is_customer ? WORLD_CUSTOMERS : w->account_count);
    int value =
        is_customer ? (int)rng_below(r, ARRAY_LEN(names)) : first_alike(w, (int)rng_below(r, WORLD_VALUES));
    enum change_kind kind = CHANGE_UPSERT;
    if (rng_chance(r, 20))
        kind = rng_chance(r, 50) ? CHANGE_DELETE : CHANGE_TOMBSTONE;
    w->clock += rng_below(r, 15);
    int64_t behind = rng_chance(r, 30) ? rng_below(r, CLUSTER_WINDOW_MS / 2) : 0;
    if (rng_chance(r, 4))
        behind += CLUSTER_WINDOW_MS + rng_below(r, 50);
    struct model_event m = {w->clock - behind, w->loaded_at++, kind == CHANGE_UPSERT ? value : MODEL_DELETED};
    if (kind == CHANGE_TOMBSTONE)
        m.loaded_at = m.at;
    struct world_change c = {is_customer,
                             id,
                             kind,
                             m.at,
                             m.loaded_at,
                             make_event(w, is_customer, id, &m, kind),
                             change_model(is_customer ? &w->customers[id] : &w->accounts[id], kind, m)};
    w->applied += c.accepted;
    w->late += !c.accepted;
    return c;
}

void world_event(struct world *w) {
    struct world_change c = world_make_change(w);
    bool accepted = cluster_apply(&w->cluster, &c.event);
    if (kv_failed(w->cluster.env.kv))
        fail_msg("%s", w->cluster.env.kv->err.text);
    assert_int_equal(accepted, c.accepted);
    if (!accepted)
        assert_int_equal(w->cluster.why.code, REASON_TOO_LATE);
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
    const int64_t part =
        INT64_C(1000000000000000); /* of what is before the point, if that takes more than one */
    __int128 whole = cents / 100;
    if (whole >= part)
        buf_printf(out, "\"%lld%015lld.%02d\"", (long long)(whole / part), (long long)(whole % part),
                   (int)(cents % 100));
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
    put_text(out, names[v->value]);
    buf_printf(out, ",\"has_loan_flag\":%s", boolean(value_has_loan(v->value)));
    put_version_end(out, v);
}

static void put_account_version(struct buf *out, const struct model_version *v, int id,
                                const struct account_value *a) {
    buf_put_str(out, "{\"account_id\":");
    put_text(out, account_ids[id]);
    buf_printf(out, ",\"customer_id\":%s,\"balance_amount\":", customer_ids[a->customer]);
    put_money(out, a->cents);
    buf_printf(out, ",\"account_type\":\"%s\"", type_text(a->type));
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
        model_versions(is_customer ? &w->customers[id] : &w->accounts[id], &n, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        buf_clear(&key);
        buf_clear(&text);
        buf_printf(&key, "%s|%lld", is_customer ? customer_ids[id] : account_ids[id],
                   (long long)versions[i].from);
        if (is_customer)
            put_customer_version(&text, &versions[i], id);
        else
            put_account_version(&text, &versions[i], id, &w->values[versions[i].value]);
        assert_row(&w->cluster, is_customer ? TOPIC_CUSTOMER_HISTORY : TOPIC_ACCOUNT_HISTORY, buf_cstr(&key),
                   buf_cstr(&text));
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
    int64_t from, ignored;
    struct buf joined = {0}, summary = {0};
    int value = model_current(&w->accounts[id], &from);
    const struct account_value *a = value != MODEL_DELETED ? &w->values[value] : NULL;
    int customer = a != NULL ? model_current(&w->customers[a->customer], &ignored) : MODEL_DELETED;
    if (customer != MODEL_DELETED) {
        bool has_loan = value_has_loan(customer);
        buf_put_str(&joined, "{\"account_id\":");
        put_text(&joined, account_ids[id]);
        buf_printf(&joined, ",\"customer_id\":%s,", customer_ids[a->customer]);
        buf_set(&summary, buf_slice(&joined));
        buf_put_str(&joined, "\"customer_name\":");
        put_text(&joined, names[customer]);
        buf_printf(&joined, ",\"has_loan_flag\":%s,\"balance_amount\":", boolean(has_loan));
        put_money(&joined, a->cents);
        buf_printf(&joined, ",\"account_type\":\"%s\",\"valid_from_at\":", type_text(a->type));
        put_time(&joined, from);
        buf_put_byte(&joined, '}');
        int64_t interest = interest_of(&w->cluster.rates, a->cents, has_loan);
        buf_put_str(&summary, "\"original_balance_amount\":");
        put_money(&summary, a->cents);
        buf_printf(&summary, ",\"interest_rate_pct\":\"0.%03lld\",\"annual_interest_amount\":",
                   (long long)rate_of(&w->cluster.rates, a->cents, has_loan));
        put_money(&summary, interest);
        buf_put_str(&summary, ",\"new_balance_amount\":");
        put_money(&summary, a->cents + interest);
    }
    bool has_summary = customer != MODEL_DELETED && a->type == ACCOUNT_SAVINGS;
    assert_row(&w->cluster, TOPIC_ACCOUNT_WITH_CUSTOMER, account_ids[id],
               joined.n > 0 ? buf_cstr(&joined) : NULL);
    assert_row(&w->cluster, TOPIC_ACCOUNT_SUMMARY, account_ids[id], has_summary ? buf_cstr(&summary) : NULL);
    buf_release(&joined);
    buf_release(&summary);
}

static void check_profile(const struct world *w, int id) {
    int64_t from, accounts = 0;
    __int128 balance = 0, interest = 0;
    struct buf text = {0};
    int customer = model_current(&w->customers[id], &from);
    for (int i = 0; customer != MODEL_DELETED && i < w->account_count; i++) {
        int value = model_current(&w->accounts[i], &from);
        const struct account_value *a = value != MODEL_DELETED ? &w->values[value] : NULL;
        if (a == NULL || a->customer != id || a->type != ACCOUNT_SAVINGS)
            continue;
        accounts++;
        balance += a->cents;
        interest += interest_of(&w->cluster.rates, a->cents, value_has_loan(customer));
    }
    if (accounts > 0) {
        buf_printf(&text, "{\"customer_id\":%s,\"customer_name\":", customer_ids[id]);
        put_text(&text, names[customer]);
        buf_printf(&text, ",\"has_loan_flag\":%s,\"total_accounts_count\":%lld,\"total_balance_amount\":",
                   boolean(value_has_loan(customer)), (long long)accounts);
        put_money(&text, balance);
        buf_put_str(&text, ",\"total_annual_interest_amount\":");
        put_money(&text, interest);
    }
    assert_row(&w->cluster, TOPIC_CUSTOMER_PROFILE, customer_ids[id], accounts > 0 ? buf_cstr(&text) : NULL);
    buf_release(&text);
}

void world_check_results(const struct world *w) {
    for (int id = 0; id < w->account_count; id++)
        check_account(w, id);
    for (int id = 0; id < WORLD_CUSTOMERS; id++)
        check_profile(w, id);
}
