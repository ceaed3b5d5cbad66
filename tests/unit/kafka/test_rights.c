/* The message about a missing right. tests/system/test_rights.py tests what Kafka tells about
 * rights. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/rights.h"

#include <string.h>

#define BIT(name) (1U << RD_KAFKA_ACL_OPERATION_##name)

static void load(struct config *c, const char *const *sets, size_t count) {
    struct err e = {0};
    if (!config_load(c, NULL, sets, count, &e))
        fail_msg("%s", e.text);
}

static void test_rights__message(void **state) {
    (void)state;
    static const struct {
        struct rights missing;
        bool has_user;
        const char *text;
    } cases[] = {
        {{.of = {[TOPIC_CUSTOMERS] = BIT(READ)}},
         true,
         "topic customers: missing Read for user alice, grant that (kafka-acls.sh --add "
         "--allow-principal User:alice --operation Read --topic customers)"},
        {{.of = {[TOPIC_QUARANTINE] = BIT(WRITE) | BIT(DESCRIBE_CONFIGS),
                 [RIGHTS_GROUP] = BIT(READ)}},
         false,
         "topic quarantine: missing Write, DescribeConfigs; group bank: missing Read for this "
         "user, grant that (kafka-acls.sh --add --allow-principal User:NAME --operation Write "
         "--operation DescribeConfigs --topic quarantine)"},
        {{.of = {[RIGHTS_GROUP] = BIT(READ)}},
         true,
         "group bank: missing Read for user alice, grant that (kafka-acls.sh --add "
         "--allow-principal User:alice --operation Read --group bank)"},
        {{.of = {[RIGHTS_TRANSACTIONAL_IDS] = BIT(WRITE)}},
         true,
         "transactional ids that begin with bank-: missing Write for user alice, grant that "
         "(kafka-acls.sh --add --allow-principal User:alice --operation Write "
         "--transactional-id bank- --resource-pattern-type prefixed)"},
        {{.of = {[TOPIC_ACCOUNTS] = BIT(READ) | BIT(CREATE)}, .hidden = {[TOPIC_ACCOUNTS] = true}},
         true,
         "topic accounts: missing Read (and Create, if it is not there yet) for user alice, "
         "grant that (kafka-acls.sh --add --allow-principal User:alice --operation Read "
         "--operation Create --topic accounts)"},
    };
    const char *const sets[] = {"app.id=bank", "kafka.sasl.username=alice"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config c;
        struct err e = {0};
        load(&c, sets, cases[i].has_user ? 2 : 1);
        assert_false(rights_deny(&c, &cases[i].missing, &e));
        assert_int_equal(e.class, ERR_DENIED);
        assert_string_equal(e.text, cases[i].text);
        config_release(&c);
    }
}

/* With names as long as Kafka allows, the message says how many topics it leaves out, and still
 * shows how to grant. */
static void test_rights__long_names(void **state) {
    (void)state;
    struct config c;
    struct err e = {0};
    struct rights missing = rights_to_run();
    struct buf name = {0};
    buf_put_str(&name, "topic.customer_history=");
    while (name.n < strlen("topic.customer_history=") + 249)
        buf_put_byte(&name, 'x');
    const char *const sets[] = {buf_cstr(&name)};
    load(&c, sets, 1);
    missing.of[TOPIC_CUSTOMERS] = 0;
    (void)rights_deny(&c, &missing, &e);
    assert_non_null(
        strstr(e.text, " more, which `streamer check --connect` lists, for this user, grant that "
                       "(kafka-acls.sh "));
    assert_int_equal(e.text[strlen(e.text) - 1], ')');
    config_release(&c);
    buf_release(&name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rights__message),
        cmocka_unit_test(test_rights__long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
