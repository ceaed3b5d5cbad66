/* What earlier versions wrote is read: the messages of their topics replay to their state, and both
 * say the rows that are beside the messages. tests/data/release.sh makes the data. */
#include "rig.h"
#include "rows_peer.h"
#include "state/keys.h"
#include "state/rocksdb/store.h"
#include "streamer/base/base64.h"
#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/task/task_history.h"
#include "streamer/task/why.h"

#include "cluster.h"
#include <string.h>

static const struct release {
    const char *name;
    bool has_all_families; /* false: its state lacks a family, so this version rebuilds it */
} releases[] = {{"v0.2", false}};

/* --- the state --- */

/* The state as the store has it, in memory. */
static struct memory *open_state(const char *release) {
    struct err e;
    struct buf command = {0}, dir = {0};
    char *scratch = make_scratch();
    struct memory *memory = memory_new();
    buf_printf(&command, "tar -xzf %s/tests/data/%s/state.tar.gz -C %s", SOURCE_DIR, release,
               scratch);
    assert_int_equal(system(buf_cstr(&command)), 0); /* NOLINT(cert-env33-c) */
    buf_printf(&dir, "%s/state", scratch);
    struct store *store = store_open(buf_cstr(&dir), (int64_t)8 << 20, 1, &e);
    if (store == NULL)
        fail_msg("%s: %s", release, e.text);
    struct batch *batch = batch_new(store);
    for (int f = 0; f < FAMILY_COUNT; f++) {
        struct kv_cursor *c = kv_cursor(batch_kv(batch), (enum family)f);
        for (cursor_seek(c, slice_str("")); cursor_in(c, slice_str("")); cursor_next(c))
            kv_put(memory_kv(memory), (enum family)f, cursor_key(c), cursor_value(c));
        cursor_free(c);
    }
    batch_free(batch);
    store_close(store);
    memory_commit(memory);
    remove_scratch(scratch);
    buf_release(&command);
    buf_release(&dir);
    return memory;
}

/* Asserts that the digests of the tasks agree with the state. */
static void assert_digests(struct rig *g, struct memory *memory) {
    struct buf prefix = {0};
    g->pipeline.env.kv = memory_kv(memory);
    for (int32_t p = 0; p < RIG_N; p++) {
        task_load_meta(&g->pipeline.env, &g->tasks[p]);
        buf_clear(&prefix);
        key_partition(&prefix, p);
        for (int f = FAMILY_META + 1; f < FAMILY_COUNT; f++)
            assert_int_equal(g->tasks[p].meta.rows[f],
                             count_family(memory_kv(memory), (enum family)f, buf_slice(&prefix)));
    }
    buf_release(&prefix);
}

/* --- the messages --- */

struct kept {
    enum topic topic;
    int32_t partition;
    struct buf key, position, source, value, row, format;
    bool has_value;
};

static void copy_text(struct buf *out, const cJSON *line, const char *name) {
    struct slice text = json_text(json_member(line, name));
    buf_set(out, text.p != NULL ? text : slice_str(""));
}

static void read_kept(struct json *json, const char *text, struct kept *m) {
    const cJSON *line = json_parse(json, slice_str(text));
    int64_t topic = 0, partition = 0;
    char bytes[4096];
    if (line == NULL)
        fail_msg("%s", json->error);
    assert_true(
        decimal_parse_integer(json_text(json_member(line, "topic")), &topic) == DECIMAL_OK &&
        decimal_parse_integer(json_text(json_member(line, "partition")), &partition) == DECIMAL_OK);
    m->topic = (enum topic)topic;
    m->partition = (int32_t)partition;
    copy_text(&m->key, line, "key");
    copy_text(&m->position, line, "position");
    copy_text(&m->source, line, "source");
    copy_text(&m->format, line, "format");
    struct slice value = json_text(json_member(line, "value"));
    m->has_value = value.p != NULL;
    size_t n = m->has_value ? base64_get(value, bytes, sizeof bytes) : 0;
    assert_true(n > 0 || !m->has_value);
    buf_set(&m->value, slice_of(bytes, n));
    const char *row = strstr(text, ",\"row\":"); /* it comes last */
    buf_set(&m->row, row != NULL ? slice_of(row + 7, strlen(row + 7) - 1) : slice_str(""));
}

static void kept_release(struct kept *m) {
    struct buf *bufs[] = {&m->key, &m->position, &m->source, &m->value, &m->row, &m->format};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_release(bufs[i]);
}

/* The value is in the format that it should be in, and says the row. */
static void assert_value(struct codec_reader *reader, const struct kept *m) {
    const struct row_type *type = row_result_types[m->topic - TOPIC_CUSTOMER_HISTORY];
    union any_result row;
    struct buf text = {0};
    struct err e;
    assert_text(buf_slice(&m->format), codec_of(buf_slice(&m->value))->name);
    if (!codec_read(reader, type, buf_slice(&m->value), &row, &e))
        fail_msg("%s", e.text);
    row_put_json(type, &row, &text);
    assert_true(slice_eq(buf_slice(&text), buf_slice(&m->row)));
    buf_release(&text);
}

/* Replays all messages into `memory`. */
static void replay(struct rig *g, const char *release, struct memory *memory) {
    struct task_env *env = &g->pipeline.env;
    struct kept m = {0};
    struct json json;
    struct buf path = {0};
    static char line[8192];
    int formats = 0;
    buf_printf(&path, "%s/tests/data/%s/messages.jsonl", SOURCE_DIR, release);
    FILE *f = fopen(buf_cstr(&path), "r");
    assert_non_null(f);
    json_init(&json);
    env->kv = memory_kv(memory);
    env->reader.find_schema = find_own_schema;
    while (fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        read_kept(&json, line, &m);
        task_replay(
            env, &g->tasks[m.partition], m.topic, buf_slice(&m.key),
            m.has_value ? buf_slice(&m.value) : slice_null(),
            (struct history_headers){m.position.n > 0 ? buf_slice(&m.position) : slice_null(),
                                     buf_slice(&m.source), slice_null()});
        if (kv_failed(env->kv))
            fail_msg("%s", env->kv->err.text);
        if (m.row.n > 0)
            assert_value(&env->reader, &m);
        formats |= m.row.n > 0 ? 1 << m.value.p[0] % 8 : 0;
    }
    assert_int_equal(formats, 1 << 0 | 1 << '{' % 8);
    memory_commit(memory);
    (void)fclose(f);
    json_release(&json);
    buf_release(&path);
    kept_release(&m);
}

/* --- comparing --- */

static void put_rows(struct memory *memory, struct buf *out) {
    for (int32_t p = 0; p < RIG_N; p++)
        for (int part = 0; part < PART_COUNT; part++)
            (void)put_part(memory_kv(memory), p, (enum part)part, out);
}

static void assert_same_state(struct memory *stored, struct memory *replayed) {
    static const enum family exact[] = {FAMILY_ACCOUNT_HISTORY, FAMILY_CUSTOMER_HISTORY,
                                        FAMILY_ACCOUNTS_BY_CUSTOMER, FAMILY_CUSTOMER_REFS};
    struct buf a = {0}, b = {0};
    put_rows(stored, &a);
    put_rows(replayed, &b);
    for (size_t i = 0; i < ARRAY_LEN(exact); i++) {
        put_family(memory_kv(stored), exact[i], slice_str(""), &a);
        put_family(memory_kv(replayed), exact[i], slice_str(""), &b);
    }
    if (!slice_eq(buf_slice(&a), buf_slice(&b)))
        fail_msg("stored:\n%s\nreplayed:\n%s", buf_cstr(&a), buf_cstr(&b));
    assert_true(a.n > 1000);
    buf_release(&a);
    buf_release(&b);
}

/* --- what was not kept yet --- */

/* Reads why the row with the id in `format` is as it is. False: there is no such row. */
static bool read_why(struct task_env *env, enum why_table table, const char *prefix, int number,
                     struct why *why) {
    struct task t;
    struct buf id = {0};
    buf_printf(&id, "%s%d", prefix, number);
    task_init(&t, rig_owner_of(buf_cstr(&id)));
    bool exists = why_read(env, &t, table, buf_slice(&id), why);
    buf_release(&id);
    return exists;
}

/* Version 0.2 wrote the origin of a customer into the headers of the history only, neither into
 * refs nor into the state. `customers`: whether the rows of customers know it. */
static void assert_why(struct rig *g, struct memory *memory, enum why_known customers) {
    struct task_env *env = &g->pipeline.env;
    struct why why;
    int joined = 0, current = 0;
    env->kv = memory_kv(memory);
    for (int i = 0; i < 100; i++) {
        if (read_why(env, WHY_ACCOUNT_WITH_CUSTOMER, "A-", i, &why)) {
            assert_int_equal(why.account.known, WHY_KNOWN);
            assert_int_equal(why.customer.known, WHY_UNKNOWN);
            joined++;
        }
        if (read_why(env, WHY_CUSTOMERS, "", i, &why)) {
            assert_int_equal(why.customer.known, customers);
            current++;
        }
    }
    assert_true(joined > 0 && current > 0);
}

static void test_release__is_read(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(releases); i++) {
        struct rig g;
        const struct release *r = &releases[i];
        struct memory *stored = open_state(r->name), *replayed = memory_new();
        rig_init(&g, 1, 1, NULL);
        struct kv *own = g.pipeline.env.kv;
        replay(&g, r->name, replayed);
        assert_same_state(stored, replayed);
        for (int32_t p = 0; p < RIG_N; p++) {
            assert_former_accounts(memory_kv(replayed), p);
            task_release(&g.tasks[p]);
            task_init(&g.tasks[p], p);
        }
        if (r->has_all_families) {
            assert_digests(&g, stored);
            assert_why(&g, stored, WHY_UNKNOWN);
        }
        assert_why(&g, replayed, WHY_KNOWN);
        g.pipeline.env.kv = own;
        rig_release(&g);
        memory_free(stored);
        memory_free(replayed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_release__is_read)};
    return cmocka_run_group_tests_name("release", tests, NULL, NULL);
}
