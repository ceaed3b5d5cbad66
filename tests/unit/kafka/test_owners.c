#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/owners.h"

#include <stdio.h>

/* Applies records "KEY VALUE", one in each line. */
static void apply_lines(struct owners *o, const char *lines) {
    for (const char *at = lines; *at != '\0';) {
        size_t n = strcspn(at, "\n"), key_n = strcspn(at, " ");
        (void)owners_apply(o, slice_of(at, key_n), slice_of(at + key_n + 1, n - key_n - 1));
        at += n + (at[n] == '\n');
    }
}

/* Describes the owners as "TOPIC=APP_ID", with a "!" during a reset, in the order of `topics`. */
static void describe(const struct owners *o, const char *topics, struct buf *out) {
    for (const char *t = topics; *t != '\0'; t++) {
        const char name[] = {*t, '\0'};
        const struct owner *owner = owners_find(o, name);
        if (owner != NULL)
            buf_printf(out, "%s%s=%s%s", out->n > 0 ? " " : "", name, owner->app_id,
                       owner->is_resetting ? "!" : "");
    }
}

static void test_owners__decide(void **state) {
    static const struct {
        const char *records, *owners; /* the owners of the topics p to s */
    } cases[] = {
        {"", ""},
        {"a owned p q", "p=a q=a"},
        {"a owned p\nb owned q", "p=a q=b"},
        {"a owned p\na owned p q",
         "p=a q=a"}, /* several instances start at once, one with a new topic */
        {"a owned p q\nb owned q r", "p=a q=a"},    /* the second app.id gets nothing, not a part */
        {"a owned p q\nb owned q p", "p=a q=a"},    /* in whatever order the topics are named */
        {"a owned p\nb owned p\na owned p", "p=a"}, /* asking again changes nothing */
        {"a owned p\nb owned p\na released p",
         ""}, /* an app.id that asked in vain gets nothing later */
        {"a owned p\na released p\nb owned p", "p=b"}, /* unless it asks again */
        {"a owned p\nb released p", "p=a"},            /* only the owner can release */
        {"a released p\nb owned p", "p=b"},   /* releasing what it did not own changes nothing */
        {"a owned p q\na released p", "q=a"}, /* releasing a part */
        {"a owned p q r\na released q", "p=a r=a"},
        {"a owned p\na resetting p", "p=a!"},
        {"a resetting p", "p=a!"}, /* results of a version that recorded no owners */
        {"a owned p\nb resetting p", "p=a"},
        {"a resetting p\na owned p", "p=a!"}, /* a late start does not end a reset */
        {"a resetting p\na resetting p\na released p", ""},
        {"a resetting p\na released p\na owned p", "p=a"},
        {"a resetting p q\na released p", "q=a!"},
        {"ab owned p\na owned q", "p=ab q=a"}, /* app.ids with the same prefix */
        {"a owned p\na owned pq", "p=a"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct owners o = {0};
        struct buf got = {0};
        apply_lines(&o, cases[i].records);
        describe(&o, "pqrs", &got);
        if (strcmp(buf_cstr(&got), cases[i].owners) != 0)
            fail_msg("%s: %s, not %s", cases[i].records, buf_cstr(&got), cases[i].owners);
        buf_release(&got);
        owners_release(&o);
    }
}

/* A malformed record changes nothing, and owners_apply returns false. */
static void test_owners__not_understood(void **state) {
    static const struct {
        const char *key, *value;
    } cases[] = {{NULL, "owned p"}, {"", "owned p"},  {"b", NULL},      {"b", ""},
                 {"b", "owned"},    {"b", "owned "},  {"b", "given p"}, {"b", "own p"},
                 {"b", "ownedp q"}, {"b", " owned p"}};
    struct owners o = {0};
    (void)state;
    assert_true(owners_apply(&o, slice_str("a"), slice_str("owned p")));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice key = cases[i].key != NULL ? slice_str(cases[i].key) : slice_null();
        struct slice value = cases[i].value != NULL ? slice_str(cases[i].value) : slice_null();
        assert_false(owners_apply(&o, key, value));
        assert_int_equal(o.count, 1);
    }
    owners_release(&o);
}

static void load(struct config *c, const char *app_id) {
    char set[100];
    const char *sets[] = {set, "topic.customer_profile=profiles"};
    struct err e;
    (void)snprintf(set, sizeof set, "app.id=%s", app_id);
    if (!config_load(c, NULL, sets, ARRAY_LEN(sets), &e))
        fail_msg("%s", e.text);
}

static void ask_for_all(struct owners *o, const struct config *c, enum owners_state state) {
    struct buf value = {0};
    owners_put_record(&value, state, c, NULL);
    assert_true(owners_apply(o, slice_str(c->app_id), buf_slice(&value)));
    buf_release(&value);
}

/* A record names exactly the result topics that others read, by their configured names. */
static void test_owners__of_what(void **state) {
    struct config c;
    struct owners o = {0};
    (void)state;
    load(&c, "bank");
    assert_true(owners_allow(&o, &c, NULL));
    assert_false(owners_have(&o, &c, NULL));
    ask_for_all(&o, &c, OWNERS_OWNED);
    static const char *const results[] = {
        "customer_history", "account_history", "account_with_customer",
        "account_summary",  "profiles",        "quarantine"};
    assert_int_equal(o.count, ARRAY_LEN(results));
    for (size_t i = 0; i < ARRAY_LEN(results); i++)
        assert_string_equal(owners_find(&o, results[i])->app_id, "bank");
    assert_true(owners_have(&o, &c, NULL) && owners_know(&o, "bank") && !owners_know(&o, "ban"));
    ask_for_all(&o, &c, OWNERS_RELEASED);
    assert_int_equal(o.count, 0);
    /* A record about some of the topics. */
    const bool which[TOPIC_COUNT] = {[TOPIC_QUARANTINE] = true, [TOPIC_CUSTOMER_PROFILE] = true};
    struct buf value = {0};
    owners_put_record(&value, OWNERS_RESETTING, &c, which);
    assert_text(buf_slice(&value), "resetting profiles quarantine");
    assert_true(owners_apply(&o, slice_str("bank"), buf_slice(&value)));
    assert_true(owners_have(&o, &c, which) && !owners_have(&o, &c, NULL));
    buf_release(&value);
    owners_release(&o);
    config_release(&c);
}

static void test_owners__refusals(void **state) {
    struct config bank, other;
    struct owners o = {0};
    struct err e = {0};
    (void)state;
    load(&bank, "bank");
    load(&other, "other");
    apply_lines(&o, "bank owned profiles");
    assert_true(owners_allow(&o, &bank, &e) && owners_are_whole(&o, &bank, &e));
    assert_false(owners_have(&o, &bank, NULL));
    assert_false(owners_allow(&o, &other, &e));
    assert_int_equal(e.class, ERR_CONFIG);
    assert_string_equal(
        e.text, "topic profiles belongs to app.id bank (says topic streamer-owners): give another "
                "name for it (topic.customer_profile) or use app.id bank");
    /* An interrupted reset also counts for a topic that is no longer configured, because offsets
     * and state may still exist. */
    apply_lines(&o, "bank resetting former");
    assert_true(owners_are_whole(&o, &other, &e));
    assert_false(owners_are_whole(&o, &bank, &e));
    assert_int_equal(e.class, ERR_STOP);
    assert_non_null(strstr(e.text, "topic former: a reset of app.id bank was broken off"));
    owners_release(&o);
    /* The reset that completed it has kept the quarantine. */
    apply_lines(&o, "bank resetting profiles quarantine\nbank released profiles");
    assert_true(owners_are_whole(&o, &bank, &e));
    owners_release(&o);
    config_release(&bank);
    config_release(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owners__decide),
        cmocka_unit_test(test_owners__not_understood),
        cmocka_unit_test(test_owners__of_what),
        cmocka_unit_test(test_owners__refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
