#include "cluster.h"

#include "state/keys.h"
#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"

#include <string.h>

static char *const topics[TOPIC_COUNT] = {
    [TOPIC_CUSTOMERS] = "customers",
    [TOPIC_ACCOUNTS] = "accounts",
    [TOPIC_CUSTOMER_HISTORY] = "customer_history",
    [TOPIC_ACCOUNT_HISTORY] = "account_history",
    [TOPIC_ACCOUNT_WITH_CUSTOMER] = "account_with_customer",
    [TOPIC_ACCOUNT_SUMMARY] = "account_summary",
    [TOPIC_CUSTOMER_PROFILE] = "customer_profile",
    [TOPIC_ACCOUNT_LINKS] = "account-links",
    [TOPIC_CUSTOMER_REFS] = "customer-refs",
    [TOPIC_CONFIRMATIONS] = "confirmations",
};

void cluster_init(struct cluster *c, int32_t n) {
    assert_true(n <= CLUSTER_MAX);
    *c = (struct cluster){.n = n, .rates = default_rates(), .memory = memory_new()};
    capture_init(&c->pending);
    c->env = (struct task_env){
        .kv = memory_kv(c->memory),
        .sink = &c->pending.sink,
        .writer = &c->writer,
        .rates = &c->rates,
        .topics = topics,
        .origin = {.is_told = true},
        .order_options = {.late_window_ms = CLUSTER_WINDOW_MS,
                          .future_window_ms = CLUSTER_FUTURE_MS},
        .confirmations_max = 1000,
        .partitions = n,
        .fanout_max_rows = 1000,
        .links_max = CUSTOMER_LINKS_MAX,
        .now_ms = INT64_C(1707955200000),
    };
    codec_writer_init(&c->writer, &codec_json, NULL);
    codec_reader_init(&c->env.reader, NULL, NULL);
    counts_clear(&c->env.counts);
    for (int32_t p = 0; p < n; p++) {
        task_init(&c->tasks[p], p);
        cluster_refresh(c, p);
    }
}

static void message_release(struct message *m) {
    buf_release(&m->key);
    buf_release(&m->value);
    buf_release(&m->headers);
}

void cluster_release(struct cluster *c) {
    for (int t = 0; t < TOPIC_COUNT; t++) {
        for (int32_t p = 0; p < c->n; p++) {
            struct log *l = &c->logs[t][p];
            for (size_t i = 0; i < l->count; i++)
                message_release(&l->messages[i]);
            free(l->messages);
            free(l->compacted);
        }
    }
    for (int32_t p = 0; p < c->n; p++)
        task_release(&c->tasks[p]);
    capture_release(&c->pending);
    codec_writer_release(&c->writer);
    task_env_release(&c->env);
    buf_release(&c->why.text);
    memory_free(c->memory);
}

static void append(struct log *l, const struct message *m) {
    size_t compacted_cap = l->cap;
    l->messages = mem_grow(l->messages, &l->cap, l->count + 1, sizeof *l->messages);
    l->compacted = mem_grow(l->compacted, &compacted_cap, l->count + 1, sizeof *l->compacted);
    l->compacted[l->count] = false;
    l->messages[l->count++] = *m;
}

void cluster_append(struct cluster *c, const struct message *m) {
    append(&c->logs[m->topic][m->partition], m);
}

void cluster_commit(struct cluster *c) {
    if (kv_failed(c->env.kv))
        fail_msg("%s", c->env.kv->err.text);
    for (size_t i = 0; i < c->pending.count; i++) {
        const struct message *m = &c->pending.messages[i];
        assert_true(m->partition >= 0 && m->partition < c->n);
        append(&c->logs[m->topic][m->partition], m);
    }
    c->pending.count = 0; /* the logs own the messages now */
    memory_commit(c->memory);
    for (int32_t p = 0; p < c->n; p++)
        c->tasks[p].saved_meta = c->tasks[p].meta;
    c->env.now_ms += 1000;
}

void cluster_rollback(struct cluster *c) {
    capture_clear(&c->pending);
    memory_rollback(c->memory);
    for (int32_t p = 0; p < c->n; p++)
        task_rollback(&c->tasks[p]);
}

/* --- what happens --- */

struct event customer_event(const char *id, int64_t at, const char *name, bool has_loan) {
    return (struct event){.entity = ENTITY_CUSTOMER,
                          .kind = CHANGE_UPSERT,
                          .id = slice_str(id),
                          .customer_id = strtoll(id, NULL, 10),
                          .customer_name = slice_str(name),
                          .has_loan_flag = has_loan,
                          .event_at_ms = at,
                          .has_own_time = true,
                          .early_after_ms = at + 7,
                          .loaded_at_ms = at + 7};
}

struct event account_event(const char *id, int64_t at, int64_t customer_id, int64_t cents,
                           enum account_type type) {
    return (struct event){.entity = ENTITY_ACCOUNT,
                          .kind = CHANGE_UPSERT,
                          .id = slice_str(id),
                          .customer_id = customer_id,
                          .balance_cents = cents,
                          .account_type = type,
                          .event_at_ms = at,
                          .has_own_time = true,
                          .early_after_ms = at + 7,
                          .loaded_at_ms = at + 7};
}

struct event end_event(enum entity entity, enum change_kind kind, const char *id, int64_t at) {
    return (struct event){.entity = entity,
                          .kind = kind,
                          .id = slice_str(id),
                          .customer_id = entity == ENTITY_CUSTOMER ? strtoll(id, NULL, 10) : 0,
                          .event_at_ms = at,
                          .has_own_time = kind == CHANGE_DELETE,
                          .early_after_ms = at + 7,
                          .loaded_at_ms = kind == CHANGE_DELETE ? at + 7 : at};
}

void cluster_set_origin(struct cluster *c, const struct event *e) {
    enum topic topic = e->entity == ENTITY_ACCOUNT ? TOPIC_ACCOUNTS : TOPIC_CUSTOMERS;
    task_set_origin(&c->env, topics[topic], e->source_partition, e->source_offset);
}

bool cluster_apply(struct cluster *c, const struct event *e) {
    cluster_set_origin(c, e);
    return task_apply_event(&c->env, &c->tasks[murmur2_partition(e->id, c->n)], e, &c->why);
}

static void skip_compacted(struct log *l) {
    while (l->consumed < l->count && l->compacted[l->consumed])
        l->consumed++;
}

bool cluster_waits(const struct cluster *c, enum topic topic, int32_t partition) {
    const struct log *l = &c->logs[topic][partition];
    for (size_t i = l->consumed; i < l->count; i++)
        if (!l->compacted[i])
            return true;
    return false;
}

bool cluster_consume(struct cluster *c, enum topic topic, int32_t partition) {
    struct log *l = &c->logs[topic][partition];
    skip_compacted(l);
    assert_true(l->consumed < l->count);
    const struct message *m = &l->messages[l->consumed];
    bool done = true;
    task_set_origin_text(&c->env, message_header(m, SINK_SOURCE_HEADER));
    if (topic == TOPIC_ACCOUNT_LINKS)
        task_apply_link(&c->env, &c->tasks[partition], message_key(m), message_value(m));
    else
        done = task_apply_ref(&c->env, &c->tasks[partition], message_key(m), message_value(m));
    l->consumed += done;
    return done;
}

void cluster_refresh(struct cluster *c, int32_t partition) {
    for (int rounds = 0; task_needs_refresh(&c->env, &c->tasks[partition]); rounds++) {
        assert_true(rounds < 1000);
        (void)task_refresh(&c->env, &c->tasks[partition]);
        cluster_commit(c);
    }
}

void cluster_settle(struct cluster *c) {
    cluster_commit(c);
    for (bool any = true; any;) {
        any = false;
        for (int32_t p = 0; p < c->n; p++) {
            for (int t = 0; t < 2; t++) {
                enum topic topic = t == 0 ? TOPIC_ACCOUNT_LINKS : TOPIC_CUSTOMER_REFS;
                while (cluster_waits(c, topic, p)) {
                    any = true;
                    (void)cluster_consume(c, topic, p);
                    cluster_commit(c);
                }
            }
        }
    }
}

/* --- what came out --- */

bool topic_is_kept(enum topic topic) {
    switch (topic) {
    case TOPIC_CUSTOMER_HISTORY:
    case TOPIC_ACCOUNT_HISTORY:
    case TOPIC_ACCOUNT_WITH_CUSTOMER:
    case TOPIC_ACCOUNT_SUMMARY:
    case TOPIC_CUSTOMER_PROFILE:
    case TOPIC_ACCOUNT_LINKS:
    case TOPIC_CUSTOMER_REFS:
    case TOPIC_CONFIRMATIONS:
        return true;
    default:
        return false;
    }
}

const struct message *cluster_last(const struct cluster *c, enum topic topic, const char *key) {
    const struct message *found = NULL;
    for (int32_t p = 0; p < c->n; p++) {
        const struct log *l = &c->logs[topic][p];
        const struct message *here = NULL;
        for (size_t i = 0; i < l->count; i++)
            if (slice_eq(message_key(&l->messages[i]), slice_str(key)))
                here = &l->messages[i];
        if (here != NULL) {
            assert_true(found == NULL || topic == TOPIC_CUSTOMER_REFS); /* one key, one writer */
            found = here;
        }
    }
    return found;
}

/* Without calculated_at, which comes last. */
static struct slice content(const struct message *m) {
    static const char mark[] = ",\"calculated_at\"";
    struct slice s = message_value(m);
    const char *at = s.p != NULL ? memmem(s.p, s.n, mark, sizeof mark - 1) : NULL;
    return at != NULL ? slice_of(s.p, (size_t)(at - s.p)) : s;
}

void assert_row(const struct cluster *c, enum topic topic, const char *key, const char *value) {
    const struct message *m = cluster_last(c, topic, key);
    if (value == NULL && m != NULL && m->has_value)
        fail_msg("%s is %.*s, and should not be", key, (int)m->value.n, m->value.p);
    if (value == NULL)
        return;
    if (m == NULL || !m->has_value)
        fail_msg("%s is not there, and should be %s", key, value);
    assert_text(content(m), value);
}

static const struct message *previous(const struct log *l, size_t i) {
    for (size_t k = i; k > 0; k--)
        if (slice_eq(buf_slice(&l->messages[k - 1].key), buf_slice(&l->messages[i].key)))
            return &l->messages[k - 1];
    return NULL;
}

void assert_change_only(const struct cluster *c) {
    for (int t = 0; t < TOPIC_COUNT; t++) {
        for (int32_t p = 0; t != TOPIC_CUSTOMER_REFS && p < c->n; p++) {
            const struct log *l = &c->logs[t][p];
            for (size_t i = 0; i < l->count; i++) {
                const struct message *before = previous(l, i), *m = &l->messages[i];
                bool had = before != NULL && before->has_value;
                if (!m->has_value && !had)
                    fail_msg("topic %d: a tombstone for %.*s, which has no row", t, (int)m->key.n,
                             m->key.p);
                if (m->has_value && had && slice_eq(content(before), content(m)))
                    fail_msg("topic %d: %.*s twice", t, (int)m->key.n, m->key.p);
            }
        }
    }
}

const char *part_name(enum part part) {
    static const char *const names[PART_COUNT] = {
        "timelines of customers", "totals", "links",    "profiles",
        "timelines of accounts",  "joined", "summaries"};
    return names[part];
}

static bool put_timeline(const struct timeline *t, struct buf *out) {
    struct buf bytes = {0};
    if (timeline_is_empty(t))
        return false;
    timeline_encode(t, &bytes);
    put_hex(out, buf_slice(&bytes));
    buf_release(&bytes);
    return true;
}

static bool put_totals(const struct totals *t, struct buf *out) {
    buf_printf(out, "%lld ", (long long)t->sums.accounts);
    decimal_put(out, t->sums.balance, 2);
    buf_put_byte(out, ' ');
    decimal_put(out, t->sums.interest_without_loan, 2);
    buf_put_byte(out, ' ');
    decimal_put(out, t->sums.interest_with_loan, 2);
    for (size_t i = 0; i < t->partition_count; i++)
        buf_printf(out, " %d:%lld", t->partitions[i].partition, (long long)t->partitions[i].links);
    return t->partition_count > 0;
}

static void put_link(struct slice account_id, const struct account_link *link, struct buf *out) {
    buf_printf(out, " %.*s:%lld,%lld,%.*s", (int)account_id.n, account_id.p,
               (long long)link->partition, (long long)link->balance_amount,
               (int)link->account_type.n, link->account_type.p);
}

/* Those of the row and those outside of it in one order; as many as the totals say. */
static bool put_links(struct kv *kv, struct slice key, const struct customer_row *r,
                      struct buf *out) {
    struct slice rest = r->links.items, id = slice_of("", 0);
    struct account_link inside = {0}, outside = {0};
    struct kv_cursor *c = kv_cursor(kv, FAMILY_LINKS);
    int64_t count = 0;
    bool has_inside = rest.n > 0;
    assert_true(!has_inside || customer_links_next(&rest, &id, &inside));
    for (cursor_seek(c, key); has_inside || cursor_in(c, key); count++) {
        if (cursor_in(c, key) &&
            (!has_inside || slice_compare(key_account_of_customer(cursor_key(c)), id) < 0)) {
            struct slice body = slice_of(cursor_value(c).p + 1, cursor_value(c).n - 1);
            assert_true(link_decode(&body, &outside) && body.n == 0);
            put_link(key_account_of_customer(cursor_key(c)), &outside, out);
            cursor_next(c);
        } else {
            put_link(id, &inside, out);
            has_inside = rest.n > 0;
            assert_true(!has_inside || customer_links_next(&rest, &id, &inside));
        }
    }
    cursor_free(c);
    assert_int_equal(count, totals_links(&r->totals));
    assert_int_equal(count - r->links.count, customer_row_links_outside(r));
    return count > 0;
}

static bool put_customer_part(struct kv *kv, struct slice key, struct slice body, enum part part,
                              struct buf *out) {
    struct customer_row r = {0};
    if (!customer_row_decode(body, key_customer_id(key), &r))
        fail_msg("a row of a customer cannot be read");
    bool has = r.has_profile;
    if (part == PART_CUSTOMER_TIMELINES)
        has = put_timeline(&r.timeline, out);
    else if (part == PART_TOTALS)
        has = put_totals(&r.totals, out);
    else if (part == PART_LINKS)
        has = put_links(kv, key, &r, out);
    else if (has)
        row_put_json(&customer_profile_type, &r.profile, out);
    customer_row_release(&r);
    return has;
}

static bool put_account_part(struct kv *kv, struct slice key, struct slice body, enum part part,
                             struct buf *out) {
    (void)kv;
    struct account_row r = {0};
    if (!account_row_decode(body, key_account(key), &r))
        fail_msg("a row of an account cannot be read");
    bool has = part == PART_JOINED ? r.has_joined : r.has_summary;
    if (part == PART_ACCOUNT_TIMELINES)
        has = put_timeline(&r.timeline, out);
    else if (has && part == PART_JOINED)
        row_put_json(&account_with_customer_type, &r.joined, out);
    else if (has)
        row_put_json(&account_summary_type, &r.summary, out);
    account_row_release(&r);
    return has;
}

int64_t put_part(struct kv *kv, int32_t partition, enum part part, struct buf *out) {
    bool of_customer = part <= PART_PROFILES;
    int64_t count = 0;
    struct buf prefix = {0}, text = {0};
    key_partition(&prefix, partition);
    struct kv_cursor *c = kv_cursor(kv, of_customer ? FAMILY_CUSTOMERS : FAMILY_ACCOUNTS);
    for (cursor_seek(c, buf_slice(&prefix)); cursor_in(c, buf_slice(&prefix)); cursor_next(c)) {
        struct slice key = cursor_key(c), value = cursor_value(c);
        assert_true(value.n > 0 && value.p[0] == STATE_FORMAT);
        value = slice_of(value.p + 1, value.n - 1);
        buf_clear(&text);
        if (!(of_customer ? put_customer_part : put_account_part)(kv, key, value, part, &text))
            continue;
        count++;
        put_hex(out, key);
        buf_put_byte(out, ' ');
        buf_put_slice(out, buf_slice(&text));
        buf_put_byte(out, '\n');
    }
    cursor_free(c);
    buf_release(&prefix);
    buf_release(&text);
    return count;
}

/* The customer of the account's current version. False: there is none. */
static bool current_customer(struct kv *kv, struct slice account_key, int64_t *customer_id) {
    struct account_row row = {0};
    struct account_attributes a;
    struct buf value = {0};
    bool has = false;
    if (kv_get(kv, FAMILY_ACCOUNTS, account_key, &value)) {
        assert_true(account_row_decode(slice_of(value.p + 1, value.n - 1), slice_str("?"), &row));
        has = row.timeline.has_current;
    }
    if (has) {
        assert_true(account_attributes_decode(row.timeline.current.attributes, &a));
        *customer_id = a.customer_id;
    }
    account_row_release(&row);
    buf_release(&value);
    return has;
}

/* Asserts that a closed version has the row that it needs. `key` is that of the version. */
static void assert_former_account(struct kv *kv, int32_t partition, struct slice key,
                                  struct slice value) {
    struct version v;
    struct account_attributes was;
    struct buf row_key = {0}, ignored = {0};
    int64_t current;
    struct slice account_key = slice_of(key.p, key.n - 9); /* without the 0 and the time */
    assert_true(version_decode(slice_of(value.p + 1, value.n - 1), key_time(key), &v));
    assert_true(account_attributes_decode(v.attributes, &was));
    key_customer_account(&row_key, partition, was.customer_id, key_account(account_key));
    if ((!current_customer(kv, account_key, &current) || current != was.customer_id) &&
        !kv_get(kv, FAMILY_FORMER_ACCOUNTS, buf_slice(&row_key), &ignored))
        fail_msg("partition %d: no row says that customer %lld had the account %.*s", partition,
                 (long long)was.customer_id, (int)(account_key.n - 2), account_key.p + 2);
    buf_release(&row_key);
    buf_release(&ignored);
}

void assert_former_accounts(struct kv *kv, int32_t partition) {
    struct buf prefix = {0}, account_key = {0}, ignored = {0};
    key_partition(&prefix, partition);
    struct kv_cursor *c = kv_cursor(kv, FAMILY_ACCOUNT_HISTORY);
    for (cursor_seek(c, buf_slice(&prefix)); cursor_in(c, buf_slice(&prefix)); cursor_next(c))
        assert_former_account(kv, partition, cursor_key(c), cursor_value(c));
    cursor_free(c);
    c = kv_cursor(kv, FAMILY_FORMER_ACCOUNTS);
    for (cursor_seek(c, buf_slice(&prefix)); cursor_in(c, buf_slice(&prefix)); cursor_next(c)) {
        key_text(&account_key, partition, key_account_of_customer(cursor_key(c)));
        assert_true(kv_get(kv, FAMILY_ACCOUNTS, buf_slice(&account_key), &ignored));
    }
    cursor_free(c);
    buf_release(&prefix);
    buf_release(&account_key);
    buf_release(&ignored);
}

void assert_meta(struct cluster *c) {
    struct buf prefix = {0}, ignored = {0};
    for (int32_t p = 0; p < c->n; p++) {
        const struct task_meta *m = &c->tasks[p].meta;
        key_partition(&prefix, p);
        for (int f = FAMILY_META + 1; f < FAMILY_COUNT; f++)
            if (m->rows[f] != count_family(c->env.kv, (enum family)f, buf_slice(&prefix)))
                fail_msg("%s: %lld counted", family_name((enum family)f), (long long)m->rows[f]);
        assert_int_equal(m->current_accounts, m->rows[FAMILY_ACCOUNTS_BY_CUSTOMER]);
        assert_int_equal(m->joined_accounts, put_part(c->env.kv, p, PART_JOINED, &ignored));
        assert_int_equal(m->summaries, put_part(c->env.kv, p, PART_SUMMARIES, &ignored));
        (void)put_part(c->env.kv, p, PART_LINKS, &ignored);
        assert_int_equal(task_orphans(&c->tasks[p]), m->current_accounts - m->joined_accounts);
        assert_former_accounts(c->env.kv, p);
    }
    buf_release(&prefix);
    buf_release(&ignored);
}
