#include "streamer/base/mem.h"
#include "streamer/model/position.h"
#include "support.h"

/* A position as the databases say it. Texts that are NULL are not there. */
struct place {
    enum position_kind kind;
    const char *parts[POSITION_PARTS];
    const char *connector, *name, *server_id;
};

static struct slice slice_or_null(const char *s) {
    return s != NULL ? slice_str(s) : slice_null();
}

static void put(struct buf *out, const struct place *p) {
    struct position_source source = {slice_or_null(p->connector), slice_or_null(p->name),
                                     slice_or_null(p->server_id)};
    struct slice parts[POSITION_PARTS];
    for (size_t i = 0; i < POSITION_PARTS; i++)
        parts[i] = slice_or_null(p->parts[i]);
    position_put(out, p->kind, &source, parts);
}

/* What follows the kind and the 16 digits of the source. */
static void test_position__text(void **state) {
    (void)state;
    static const struct {
        struct place place;
        char letter;
        const char *parts;
    } cases[] = {
        {{.kind = POSITION_LSN, .parts = {"24023128"}}, 'l', "24023128"},
        {{.kind = POSITION_LSN, .parts = {" 0024023128 "}}, 'l', "24023128"},
        {{.kind = POSITION_BINLOG, .parts = {"mysql-bin.000012", "154", "3"}}, 'b', "12|154|3"},
        {{.kind = POSITION_BINLOG, .parts = {"mysql-bin.000012", "154", "0"}}, 'b', "12|154"},
        {{.kind = POSITION_BINLOG, .parts = {"mysql-bin.000012", NULL, "3"}}, 'b', "12||3"},
        {{.kind = POSITION_BINLOG, .parts = {"log", "154"}}, 'b', "log|154"},
        {{.kind = POSITION_BINLOG, .parts = {NULL, "154"}}, 'b', "|154"},
        {{.kind = POSITION_BINLOG, .parts = {"bin|log\n.7"}}, 'b', "7"},
        {{.kind = POSITION_COMMIT_LSN,
          .parts = {"00000027:00000758:0005", "00000027:00000758:0003", "1"}},
         'c',
         "00000027:00000758:0005|00000027:00000758:0003|1"},
        {{.kind = POSITION_COMMIT_LSN, .parts = {"00000027:00000758:0005", "NULL", "null"}},
         'c',
         "00000027:00000758:0005"},
        {{.kind = POSITION_SCN, .parts = {"5", "4"}}, 's', "5|4"},
    };
    struct buf out = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put(&out, &cases[i].place);
        struct slice text = buf_slice(&out);
        assert_true(text.n > 18);
        assert_int_equal(text.p[0], cases[i].letter);
        assert_int_equal(strspn(buf_cstr(&out) + 1, "0123456789abcdef"), 16);
        assert_int_equal(text.p[17], ':');
        assert_text(slice_of(text.p + 18, text.n - 18), cases[i].parts);
    }
    buf_release(&out);
}

/* null, 0, empty, and parts that would break the text count as not there. */
static void test_position__none(void **state) {
    (void)state;
    static const char long_part[] =
        "12345678901234567890123456789012345678901234567890123456789012345";
    static const char *const absent[] = {NULL,   "",     " ",   "0",    "000",
                                         "null", "NULL", "1|2", "1\n2", long_part};
    struct buf out = {0};
    for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
        for (enum position_kind kind = 0; kind < POSITION_KINDS; kind++) {
            const char *first =
                kind == POSITION_BINLOG ? NULL : absent[i]; /* of a file only the end counts */
            put(&out, &(struct place){.kind = kind, .parts = {first, absent[i], absent[i]}});
            assert_int_equal(out.n, 0);
        }
    }
    buf_release(&out);
}

static void test_position__comparable(void **state) {
    (void)state;
    static const struct place base = {POSITION_BINLOG, {"b.1", "1"}, "mysql", "bank", "5"};
    static const struct {
        struct place other;
        bool comparable;
    } cases[] = {
        {{POSITION_BINLOG, {"c.7"}, "mysql", "bank", "5"}, true},
        {{POSITION_BINLOG, {"b.1", "1"}, "mysql", "bank", "6"}, false},
        {{POSITION_BINLOG, {"b.1", "1"}, "mysql", "bank2", "5"}, false},
        {{POSITION_BINLOG, {"b.1", "1"}, "mariadb", "bank", "5"}, false},
        {{POSITION_BINLOG, {"b.1", "1"}, "mysql", "bank", NULL}, false},
        {{POSITION_BINLOG, {"b.1", "1"}, "mysqlb", "ank", "5"},
         false}, /* the texts are told apart */
        {{POSITION_SCN, {"1", "1"}, "mysql", "bank", "5"}, false},
    };
    struct buf a = {0}, b = {0};
    put(&a, &base);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put(&b, &cases[i].other);
        assert_int_equal(position_comparable(buf_slice(&a), buf_slice(&b)), cases[i].comparable);
        assert_int_equal(position_comparable(buf_slice(&b), buf_slice(&a)), cases[i].comparable);
    }
    assert_false(position_comparable(buf_slice(&a), slice_null()));
    assert_false(position_comparable(slice_null(), slice_null()));
    /* server_id is MySQL's only */
    put(&a, &(struct place){POSITION_LSN, {"1"}, "postgresql", "bank", "5"});
    put(&b, &(struct place){POSITION_LSN, {"2"}, "postgresql", "bank", NULL});
    assert_true(position_comparable(buf_slice(&a), buf_slice(&b)));
    buf_release(&a);
    buf_release(&b);
}

static void check_order(const struct place *low, const struct place *high, int expected) {
    struct buf a = {0}, b = {0};
    put(&a, low);
    put(&b, high);
    int order = position_compare(buf_slice(&a), buf_slice(&b));
    int back = position_compare(buf_slice(&b), buf_slice(&a));
    if ((order > 0) - (order < 0) != expected || (back > 0) - (back < 0) != -expected)
        fail_msg("%s and %s: %d, %d", buf_cstr(&a), buf_cstr(&b), order, back);
    buf_release(&a);
    buf_release(&b);
}

static void test_position__order(void **state) {
    (void)state;
    static const struct place pairs[][2] = {
        /* numbers as numbers */
        {{.kind = POSITION_LSN, .parts = {"9"}}, {.kind = POSITION_LSN, .parts = {"10"}}},
        {{.kind = POSITION_LSN, .parts = {"24023128"}},
         {.kind = POSITION_LSN, .parts = {"024023129"}}},
        {{.kind = POSITION_LSN, .parts = {"9223372036854775807"}},
         {.kind = POSITION_LSN, .parts = {"18446744073709551616"}}},
        /* a file by its number: the log goes on in the next one, whatever its name has before it */
        {{.kind = POSITION_BINLOG, .parts = {"bin.999999", "900"}},
         {.kind = POSITION_BINLOG, .parts = {"bin.1000000", "4"}}},
        {{.kind = POSITION_BINLOG, .parts = {"z.000001", "4"}},
         {.kind = POSITION_BINLOG, .parts = {"a.000002", "4"}}},
        {{.kind = POSITION_BINLOG, .parts = {"bin.000001", "99"}},
         {.kind = POSITION_BINLOG, .parts = {"bin.000001", "100"}}},
        {{.kind = POSITION_BINLOG, .parts = {"bin.000001", "99", "2"}},
         {.kind = POSITION_BINLOG, .parts = {"bin.000001", "99", "10"}}},
        /* texts as texts */
        {{.kind = POSITION_COMMIT_LSN, .parts = {"00000027:00000758:0005"}},
         {.kind = POSITION_COMMIT_LSN, .parts = {"00000027:00000a58:0001"}}},
        {{.kind = POSITION_COMMIT_LSN, .parts = {"1:1", "9:9", "9"}},
         {.kind = POSITION_COMMIT_LSN, .parts = {"1:2", "0:1", "1"}}},
        {{.kind = POSITION_COMMIT_LSN, .parts = {"9"}},
         {.kind = POSITION_COMMIT_LSN, .parts = {"1:1"}}},
        /* an absent part is the lowest */
        {{.kind = POSITION_SCN, .parts = {NULL, "9"}}, {.kind = POSITION_SCN, .parts = {"1", "1"}}},
        {{.kind = POSITION_SCN, .parts = {"5"}}, {.kind = POSITION_SCN, .parts = {"5", "1"}}},
        {{.kind = POSITION_BINLOG, .parts = {"bin.000001", NULL, "2"}},
         {.kind = POSITION_BINLOG, .parts = {"bin.000001", "1"}}},
        {{.kind = POSITION_BINLOG, .parts = {"bin.000001", "1", "0"}},
         {.kind = POSITION_BINLOG, .parts = {"bin.000001", "1", "1"}}},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        check_order(&pairs[i][0], &pairs[i][1], -1);
        check_order(&pairs[i][0], &pairs[i][0], 0);
        check_order(&pairs[i][1], &pairs[i][1], 0);
    }
    check_order(&(struct place){.kind = POSITION_LSN, .parts = {"5"}},
                &(struct place){.kind = POSITION_LSN, .parts = {"005"}}, 0);
}

/* Any three places are in one order. */
static void test_position__order_is_transitive(void **state) {
    (void)state;
    static const char *const values[] = {NULL, "1",          "9", "10",  "0a",  "1a",
                                         "a",  "00000027:1", "b", "x.9", "x.10"};
    struct rng r = rng_seeded(11);
    struct buf p[3] = {{0}, {0}, {0}};
    for (int i = 0; i < 50000; i++) {
        for (int k = 0; k < 3; k++) {
            struct place place = {.kind = POSITION_COMMIT_LSN};
            for (int n = 0; n < POSITION_PARTS; n++)
                place.parts[n] = values[rng_below(&r, ARRAY_LEN(values))];
            place.parts[0] = place.parts[0] == NULL ? "1" : place.parts[0];
            put(&p[k], &place);
        }
        int ab = position_compare(buf_slice(&p[0]), buf_slice(&p[1]));
        int bc = position_compare(buf_slice(&p[1]), buf_slice(&p[2]));
        int ac = position_compare(buf_slice(&p[0]), buf_slice(&p[2]));
        if (ab <= 0 && bc <= 0 && ac > 0)
            fail_msg("%s %s %s", buf_cstr(&p[0]), buf_cstr(&p[1]), buf_cstr(&p[2]));
    }
    for (int k = 0; k < 3; k++)
        buf_release(&p[k]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_position__text),
        cmocka_unit_test(test_position__none),
        cmocka_unit_test(test_position__comparable),
        cmocka_unit_test(test_position__order),
        cmocka_unit_test(test_position__order_is_transitive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
