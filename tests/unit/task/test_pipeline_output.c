/* The settings output.format and output.decimals, and how a pipeline finds the schemas of rows that
 * it reads back. */
#include "rig.h"
#include "rows_peer.h"
#include "streamer/base/mem.h"

#include <string.h>

#define ANN                                                                                        \
    "{\"customer_id\":\"1\",\"customer_name\":\"Ann\",\"has_loan\":\"no\","                        \
    "\"updated_at\":\"2024-02-14T12:00:00Z\"}"
#define SAVINGS                                                                                    \
    "{\"account_id\":\"A\",\"customer_id\":\"1\",\"balance\":\"100\","                             \
    "\"account_type\":\"savings\",\"updated_at\":\"2024-02-14T12:00:00Z\"}"

static const enum topic results[] = {TOPIC_CUSTOMER_HISTORY, TOPIC_ACCOUNT_HISTORY,
                                     TOPIC_ACCOUNT_WITH_CUSTOMER, TOPIC_ACCOUNT_SUMMARY,
                                     TOPIC_CUSTOMER_PROFILE};

static struct rig rig;

static void feed(void) {
    rig_run_text(&rig, TOPIC_CUSTOMERS, rig_owner_of("1"), "1", ANN);
    rig_run_text(&rig, TOPIC_ACCOUNTS, rig_owner_of("A"), "A", SAVINGS);
    rig_deliver(&rig);
}

/* The last message of a topic. */
static const struct message *last(enum topic topic) {
    for (size_t i = rig.sent.count; i > 0; i--)
        if (rig.sent.messages[i - 1].topic == topic)
            return &rig.sent.messages[i - 1];
    fail_msg("no message in topic number %d", (int)topic);
    return NULL;
}

/* Asserts that all results are in this format. */
static void assert_results(const struct codec *codec) {
    for (size_t i = 0; i < ARRAY_LEN(results); i++)
        assert_ptr_equal(codec_of(message_value(last(results[i]))), codec);
}

static void test_pipeline_output__formats(void **state) {
    static const struct {
        const char *setting;
        const struct codec *codec;
        const char *amount; /* what a row has */
    } cases[] = {
        {NULL, &codec_json, "\"original_balance_amount\":\"100.00\""},
        {"output.format=json", &codec_json, "\"interest_rate_pct\":\"0.010\""},
        {"output.decimals=string", &codec_json, "\"original_balance_amount\":\"100.00\""},
        {"output.decimals=number", &codec_json, "\"original_balance_amount\":100.00,"},
        {"output.format=connect-json", &codec_connect_json, "\"original_balance_amount\":\"JxA=\""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *const sets[] = {cases[i].setting, NULL};
        struct buf text = {0};
        rig_init(&rig, RIG_N, RIG_N, sets);
        feed();
        assert_results(cases[i].codec);
        buf_set(&text, message_value(last(TOPIC_ACCOUNT_SUMMARY)));
        if (strstr(buf_cstr(&text), cases[i].amount) == NULL)
            fail_msg("%s", buf_cstr(&text));
        buf_release(&text);
        rig_release(&rig);
    }
}

/* --- Avro --- */

/* A registry that knows the schemas of the results, or has this answer. */
struct registry {
    struct schema_source port; /* first */
    enum schema_answer answer;
    enum schema_type type;
};

static enum schema_answer lookup(struct schema_source *s, const struct schema_key *key,
                                 struct schema_text *out) {
    struct registry *g = (struct registry *)s;
    assert_int_equal(key->kind, SCHEMA_BY_ID);
    out->type = g->type;
    if (g->answer != SCHEMA_FOUND)
        return g->answer;
    return find_own_schema(NULL, (uint32_t)key->number, &out->text, &out->has_references) ==
                   CODEC_SCHEMA_FOUND
               ? SCHEMA_FOUND
               : SCHEMA_UNKNOWN;
}

static void init_with_registry(struct registry *g) {
    rig_init(&rig, RIG_N, RIG_N, NULL);
    pipeline_release(&rig.pipeline);
    rig.config.output_format = OUTPUT_AVRO;
    rig.config.result_schema_ids = own_schema_ids;
    rig.config.schemas = &g->port;
    pipeline_init(&rig.pipeline, &rig.config, memory_kv(rig.memory), &rig.sent.sink, RIG_N,
                  (int32_t[ENTITY_COUNT]){RIG_N, RIG_N});
    rig.pipeline.env.now_ms = RIG_NOW;
}

static void test_pipeline_output__avro(void **state) {
    static const struct {
        enum schema_answer answer;
        enum schema_type type;
        enum err_class class;
    } cases[] = {
        {SCHEMA_NOT_NOW, SCHEMA_AVRO, ERR_RETRY}, {SCHEMA_UNKNOWN, SCHEMA_AVRO, ERR_STOP},
        {SCHEMA_FOUND, SCHEMA_JSON, ERR_STOP},    {SCHEMA_FOUND, SCHEMA_OTHER, ERR_STOP},
        {SCHEMA_FOUND, SCHEMA_AVRO, ERR_NONE},
    };
    struct registry g = {.port = {.lookup = lookup}};
    struct kv *kv;
    (void)state;
    init_with_registry(&g);
    feed();
    assert_results(&codec_avro);
    kv = memory_kv(rig.memory);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct message *m = last(TOPIC_CUSTOMER_PROFILE);
        g.answer = cases[i].answer;
        g.type = cases[i].type;
        task_replay(&rig.pipeline.env, &rig.tasks[m->partition], m->topic, message_key(m),
                    message_value(m), (struct history_headers){0});
        assert_int_equal(kv->err.class, cases[i].class);
        kv->err.class = ERR_NONE;
    }
    rig_release(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipeline_output__formats),
        cmocka_unit_test(test_pipeline_output__avro),
    };
    return cmocka_run_group_tests_name("pipeline_output", tests, NULL, NULL);
}
