#include "streamer/base/timestamp.h"
#include "streamer/quarantine/newest_accepted.h"
#include "support.h"

#define NONE TIMESTAMP_NONE

/* A version or a confirmation of the id, and a rejected record at time 100, with the Kafka
 * timestamp 200 and the offset 50 of partition 1. */
struct given {
    const char *what;
    bool is_log, is_confirmation;
    int64_t from, to, loaded_at;
    int64_t partition, offset; /* of the record that the version names; offset -1: it names none */
    bool is_split;
    bool is_overtaken;
};

static const struct given table[] = {
    {"newer by time", false, false, 101, NONE, 10, 0, 1, false, true},
    {"older by time, came later", false, false, 99, NONE, 300, 1, 60, false, false},
    {"same time, came later", false, false, 100, NONE, 200, 1, 51, false, true},
    {"same time, came before", false, false, 100, NONE, 300, 1, 49, false, false},
    {"same time, another partition: the timestamp decides", false, false, 100, NONE, 201, 0, 1,
     false, true},
    {"same time, same timestamp", false, false, 100, NONE, 200, 0, 90, false, false},
    {"same time, the named record only split the version off", false, false, 100, NONE, 200, 1, 60,
     true, false},
    {"ended behind it", false, false, 50, 101, 10, 1, 1, false, true},
    {"confirmed behind it", false, true, 101, 0, 10, 0, -1, false, true},
    {"confirmed before it", false, true, 99, 0, 300, 0, -1, false, false},

    {"log: came later", true, false, 101, NONE, 201, 1, 51, false, true},
    {"log: came later, with an older time", true, false, 90, NONE, 201, 1, 51, false, true},
    {"log: came before, with a newer time", true, false, 150, NONE, 199, 1, 49, false, false},
    {"log: an older record, replayed later", true, false, 90, NONE, 190, 1, 60, false, false},
    {"log: an earlier record with a newer time, replayed later", true, false, 150, NONE, 190, 1, 60,
     false, false},
    {"log: named by no header, later timestamp", true, false, 101, NONE, 201, 0, -1, false, true},
    {"log: named by no header, earlier timestamp", true, false, 101, NONE, 199, 0, -1, false,
     false},
    {"log: deleted later", true, false, 50, 120, 10, 1, 51, false, true},
    {"log: deleted before", true, false, 50, 120, 10, 1, 49, false, false},
    {"log: deleted, named by no header", true, false, 50, 120, 10, 0, -1, false, false},
    {"log: deleted behind its timestamp, named by no header", true, false, 50, 201, 10, 0, -1,
     false, true},
    {"log: confirmed later", true, true, 101, 0, 201, 0, -1, false, true},
    {"log: confirmed before", true, true, 99, 0, 199, 0, -1, false, false},
};

static void add(const struct given *g, struct newest_accepted *n) {
    struct row_origin origin = {g->offset >= 0, g->is_split, g->partition, g->offset};
    if (g->is_confirmation)
        newest_accepted_add_confirmation(n, g->from, g->loaded_at);
    else
        newest_accepted_add_version(n, g->from, g->to, g->loaded_at, &origin);
}

static void test_newest_accepted__overtakes_by_the_rule_of_the_record(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct given *g = &table[i];
        struct rejected_record r = {g->is_log, 100, 200, 1, 50};
        struct newest_accepted n;
        newest_accepted_clear(&n);
        add(g, &n);
        if (newest_accepted_overtakes(&n, &r) != g->is_overtaken)
            fail_msg("%s", g->what);
    }
}

static void test_newest_accepted__nothing_is_overtaken_by_nothing(void **state) {
    (void)state;
    struct rejected_record r = {false, 100, 200, 1, 50};
    struct newest_accepted n;
    newest_accepted_clear(&n);
    assert_false(newest_accepted_overtakes(&n, &r));
}

/* The event at the time when one version ends and the next one begins is the one that opened the
 * next one, whatever comes first. */
static void test_newest_accepted__the_order_of_messages_does_not_matter(void **state) {
    (void)state;
    const struct row_origin none = {0}, later = {true, false, 1, 60};
    struct rejected_record r = {false, 100, 200, 1, 50};
    for (int order = 0; order < 2; order++) {
        struct newest_accepted n;
        newest_accepted_clear(&n);
        for (int i = 0; i < 2; i++) {
            if (i == order)
                newest_accepted_add_version(&n, 10, 100, 10, &none);
            else
                newest_accepted_add_version(&n, 100, TIMESTAMP_NONE, 300, &later);
        }
        newest_accepted_add_confirmation(&n, 40, 900);
        assert_true(newest_accepted_overtakes(&n, &r));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_accepted__overtakes_by_the_rule_of_the_record),
        cmocka_unit_test(test_newest_accepted__nothing_is_overtaken_by_nothing),
        cmocka_unit_test(test_newest_accepted__the_order_of_messages_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
