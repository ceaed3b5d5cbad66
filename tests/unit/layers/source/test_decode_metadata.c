/* What a record says of itself beside its row, and what a rejected record still says. */
#include "streamer/base/mem.h"
#include "streamer/layers/source/decode.h"
#include "streamer/model/position.h"
#include "support.h"

#define RECORD_MAX 100000

/* What came of one record. Its slices are good as long as the struct. */
struct outcome {
    struct decoder *decoder;
    struct decoded decoded;
    struct reason why;
    bool ok;
};

static void run(struct outcome *o, enum entity entity, const char *key, const char *value) {
    *o = (struct outcome){
        .decoder = decoder_new(&(struct decoder_options){.record_max_bytes = RECORD_MAX})};
    struct record r = {.key = key != NULL ? slice_str(key) : slice_null(),
                       .value = value != NULL ? slice_str(value) : slice_null()};
    o->ok = decode(o->decoder, entity, &r, &o->decoded, &o->why) == DECODE_EVENT;
}

static void outcome_release(struct outcome *o) {
    decoder_free(o->decoder);
    buf_release(&o->why.text);
}

/* --- rule O1 --- */

static void test_decode_metadata__which_records_have_it(void **state) {
    (void)state;
    static const struct {
        const char *value;
        bool has_metadata, is_read;
    } cases[] = {
        {"{\"op\":\"c\",\"after\":{\"customer_id\":1},\"source\":{\"ts_ms\":5}}", true, false},
        {"{\"op\":\"r\",\"after\":{\"customer_id\":1},\"source\":{}}", true, true},
        {"{\"op\":\"d\",\"before\":{\"customer_id\":1},\"source\":{}}", true, false},
        {"{\"op\":\"t\",\"source\":{\"ts_ms\":5}}", true, false},
        {"{\"op\":\"c\",\"after\":{\"customer_id\":1}}", false, false},
        {"{\"op\":\"r\",\"after\":{\"customer_id\":1},\"source\":null}", false, true},
        {"{\"schema\":{},\"payload\":{\"op\":\"r\",\"after\":{\"customer_id\":1},\"source\":{}}}",
         true, true},
        {"{\"customer_id\":1,\"name\":\"A\"}", false, false},
        {"{\"customer_id\":1,\"x\":1}", false, false},
        {"{\"customer_id\":1,\"__op\":\"u\"}", true, false},
        {"{\"customer_id\":1,\"__op\":\"r\"}", true, true},
        {"{\"customer_id\":1,\"__op\":null}", true, false},
        {"{\"customer_id\":1,\"__deleted\":\"false\"}", true, false},
        {"{\"customer_id\":1,\"__deleted\":\"true\"}", true, false},
        {"{\"customer_id\":1,\"__lsn\":5}", true, false},
        {"{\"customer_id\":1,\"__source_ts_ms\":5}", true, false},
        {"{\"customer_id\":1,\"__source_anything\":5}", true, false},
        {"{\"customer_id\":1,\"__transaction_id\":5}", true, false},
        {"{\"customer_id\":1,\"__table\":\"t\"}", true, false},
        {"{\"customer_id\":1,\"__db\":\"t\",\"x\":{}}", true, false},
        {"{\"customer_id\":1,\"__ts_ms\":5}", true, false},
        {"{\"customer_id\":1,\"__name\":\"server1\"}", true, false},
        {"{\"schema\":{},\"payload\":{\"customer_id\":1,\"__op\":\"c\"}}", true, false},
        /* these are not Debezium's */
        {"{\"customer_id\":1,\"__v\":0}", false, false},
        {"{\"customer_id\":1,\"__\":0}", false, false},
        {"{\"customer_id\":1,\"__OP\":\"r\"}", false, false},
        {"{\"customer_id\":1,\"_op\":\"r\"}", false, false},
        {"{\"customer_id\":1,\"op\":\"r\",\"lsn\":5}", false, false},
        {"{\"__customer_id\":1}", false, false},
        {"{\"customer_id\":1,\"Op\":\"I\"}", false, false}, /* AWS DMS */
        {"{\"customer_id\":1,\"Op\":\"D\"}", false, false},
        {"null", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outcome o;
        run(&o, ENTITY_CUSTOMER, "1", cases[i].value);
        if (!o.ok || o.decoded.has_metadata != cases[i].has_metadata ||
            o.decoded.is_read != cases[i].is_read)
            fail_msg("%s: %d %d", cases[i].value, o.decoded.has_metadata, o.decoded.is_read);
        outcome_release(&o);
    }
}

/* The connector's name is not taken for the customer's. */
static void test_decode_metadata__is_no_field(void **state) {
    (void)state;
    struct outcome o;
    run(&o, ENTITY_CUSTOMER, NULL,
        "{\"customer_id\":1,\"__name\":\"server1\",\"name\":\"Ann\",\"__op\":\"u\"}");
    assert_text(o.decoded.fields[FIELD_CUSTOMER_NAME], "Ann");
    assert_int_equal(o.decoded.unknown_fields, 0);
    outcome_release(&o);
}

/* --- rule O4 --- */

#define ENVELOPE(source) "{\"op\":\"c\",\"after\":{\"customer_id\":1},\"source\":{" source "}}"
#define FLAT(members) "{\"customer_id\":1," members "}"

struct located {
    const char *value;
    enum position_kind kind;
    const char *parts[POSITION_PARTS]; /* NULL: it is not there */
    const char *connector, *name, *server_id;
};

static struct slice slice_or_null(const char *s) {
    return s != NULL ? slice_str(s) : slice_null();
}

static void check_position(const struct located *l) {
    struct position_source source = {slice_or_null(l->connector), slice_or_null(l->name),
                                     slice_or_null(l->server_id)};
    struct slice parts[POSITION_PARTS];
    for (size_t i = 0; i < POSITION_PARTS; i++)
        parts[i] = slice_or_null(l->parts[i]);
    struct buf expected = {0};
    position_put(&expected, l->kind, &source, parts);
    struct outcome o;
    run(&o, ENTITY_CUSTOMER, NULL, l->value);
    if (!o.ok || !slice_eq(o.decoded.position, buf_slice(&expected)))
        fail_msg("%s: %.*s, not %s", l->value, (int)o.decoded.position.n, o.decoded.position.p,
                 buf_cstr(&expected));
    outcome_release(&o);
    buf_release(&expected);
}

static void test_decode_metadata__positions(void **state) {
    (void)state;
    static const struct located cases[] = {
        {ENVELOPE("\"connector\":\"postgresql\",\"name\":\"bank\",\"ts_ms\":5,\"lsn\":24023128"),
         POSITION_LSN,
         {"24023128"},
         "postgresql",
         "bank",
         NULL},
        {ENVELOPE("\"connector\":\"mysql\",\"name\":\"bank\",\"server_id\":223344,"
                  "\"file\":\"mysql-bin.000003\",\"pos\":154,"
                  "\"row\":1"),
         POSITION_BINLOG,
         {"mysql-bin.000003", "154", "1"},
         "mysql",
         "bank",
         "223344"},
        {ENVELOPE("\"connector\":\"sqlserver\",\"name\":\"bank\","
                  "\"change_lsn\":\"00000027:00000758:0003\",\"commit_lsn\":"
                  "\"00000027:00000758:0005\",\"event_serial_no\":\"1\""),
         POSITION_COMMIT_LSN,
         {"00000027:00000758:0005", "00000027:00000758:0003", "1"},
         "sqlserver",
         "bank",
         NULL},
        {ENVELOPE("\"connector\":\"oracle\",\"name\":\"bank\",\"scn\":\"1513734\","
                  "\"commit_scn\":1513735"),
         POSITION_SCN,
         {"1513735", "1513734"},
         "oracle",
         "bank",
         NULL},
        {ENVELOPE(
             "\"connector\":\"oracle\",\"name\":\"bank\",\"scn\":\"1513734\",\"commit_scn\":null"),
         POSITION_SCN,
         {NULL, "1513734"},
         "oracle",
         "bank",
         NULL},
        /* flattened in either spelling, as numbers or texts */
        {FLAT("\"__op\":\"c\",\"__lsn\":24023128"), POSITION_LSN, {"24023128"}, NULL, NULL, NULL},
        {FLAT("\"__source_lsn\":\"24023128\",\"__source_connector\":\"postgresql\","
              "\"__source_name\":\"bank\""),
         POSITION_LSN,
         {"24023128"},
         "postgresql",
         "bank",
         NULL},
        {FLAT("\"__connector\":\"mysql\",\"__name\":\"bank\",\"__server_id\":5,"
              "\"__file\":\"b.000004\",\"__pos\":7,\"__row\":0"),
         POSITION_BINLOG,
         {"b.000004", "7", "0"},
         "mysql",
         "bank",
         "5"},
        {FLAT("\"__source_commit_lsn\":\"a:b\",\"__source_change_lsn\":\"a:c\","
              "\"__source_event_serial_no\":2"),
         POSITION_COMMIT_LSN,
         {"a:b", "a:c", "2"},
         NULL,
         NULL,
         NULL},
        {FLAT("\"__commit_scn\":\"5\",\"__source_scn\":\"4\""),
         POSITION_SCN,
         {"5", "4"},
         NULL,
         NULL,
         NULL},
        /* where a kind is there but empty, the next kind counts */
        {ENVELOPE("\"lsn\":null,\"scn\":\"4\""), POSITION_SCN, {NULL, "4"}, NULL, NULL, NULL},
        {ENVELOPE("\"lsn\":0,\"file\":\"\",\"pos\":9"),
         POSITION_BINLOG,
         {NULL, "9"},
         NULL,
         NULL,
         NULL},
        {ENVELOPE("\"lsn\":{},\"scn\":\"4\""), POSITION_SCN, {NULL, "4"}, NULL, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_position(&cases[i]);
}

static void test_decode_metadata__no_position(void **state) {
    (void)state;
    static const char *const cases[] = {
        ENVELOPE("\"ts_ms\":5,\"connector\":\"postgresql\",\"name\":\"bank\",\"server_id\":5"),
        ENVELOPE("\"lsn\":null"),
        ENVELOPE("\"lsn\":0"),
        ENVELOPE("\"lsn\":\"\""),
        ENVELOPE("\"file\":null,\"pos\":0,\"row\":0"),
        FLAT("\"__lsn\":null"),
        FLAT("\"__source_lsn\":0"),
        FLAT("\"lsn\":5,\"source_lsn\":5,\"_lsn\":5"), /* these are columns of the row */
        "{\"op\":\"c\",\"after\":{\"customer_id\":1,\"__lsn\":5},\"lsn\":5}",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outcome o;
        run(&o, ENTITY_CUSTOMER, NULL, cases[i]);
        if (!o.ok || o.decoded.position.n > 0)
            fail_msg("%s: %.*s", cases[i], (int)o.decoded.position.n, o.decoded.position.p);
        outcome_release(&o);
    }
}

/* Deletes and truncates have a position, too. */
static void test_decode_metadata__position_of_every_kind(void **state) {
    (void)state;
    static const char *const cases[] = {
        "{\"op\":\"d\",\"before\":{\"customer_id\":1},\"source\":{\"lsn\":5}}",
        "{\"op\":\"t\",\"before\":null,\"after\":null,\"source\":{\"lsn\":5}}",
        "{\"customer_id\":1,\"__deleted\":true,\"__lsn\":5}",
        "{\"__op\":\"t\",\"__lsn\":5}",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_position(&(struct located){cases[i], POSITION_LSN, {"5"}, NULL, NULL, NULL});
}

/* --- where the id is from --- */

static void test_decode_metadata__id_is_from_key(void **state) {
    (void)state;
    static const struct {
        const char *value, *id;
        bool from_key;
    } cases[] = {
        {NULL, "9", true},
        {"null", "9", true},
        {"{\"schema\":null,\"payload\":null}", "9", true},
        {"{\"op\":\"d\",\"before\":null}", "9", true},
        {"{\"op\":\"d\",\"before\":{\"name\":\"A\"}}", "9", true},
        {"{\"op\":\"d\",\"before\":{\"customer_id\":1}}", "1", false},
        {"{\"op\":\"c\",\"after\":{\"customer_id\":1}}", "1", false},
        {"{\"customer_id\":1,\"__deleted\":true}", "1", false},
        {"{\"customer_id\":1}", "1", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outcome o;
        run(&o, ENTITY_CUSTOMER, "9", cases[i].value);
        assert_true(o.ok);
        assert_text(o.decoded.fields[FIELD_CUSTOMER_ID], cases[i].id);
        assert_int_equal(o.decoded.id_is_from_key, cases[i].from_key);
        outcome_release(&o);
    }
}

/* --- what a rejected record still says --- */

struct refused {
    const char *value;
    enum reason_code code;
    enum change_kind kind;
    const char *id; /* NULL: it cannot be read */
    int64_t source_time_ms;
    bool has_metadata, is_read, has_position, from_key;
};

static void check_refused(const struct refused *s) {
    struct outcome o;
    run(&o, ENTITY_ACCOUNT, "K", s->value);
    const struct decoded *d = &o.decoded;
    struct slice id = d->fields[FIELD_ACCOUNT_ID];
    if (o.ok || o.why.code != s->code || d->kind != s->kind || (id.p == NULL) != (s->id == NULL) ||
        !slice_eq(id, slice_or_null(s->id)))
        fail_msg("%s: %s, kind %d, id %.*s", s->value, buf_cstr(&o.why.text), d->kind, (int)id.n,
                 id.p);
    if (d->has_source_time != (s->source_time_ms != 0) ||
        (d->has_source_time && d->source_time_ms != s->source_time_ms) ||
        d->has_metadata != s->has_metadata || d->is_read != s->is_read ||
        (d->position.n > 0) != s->has_position ||
        (id.p != NULL && d->id_is_from_key != s->from_key))
        fail_msg("%s: time %lld metadata %d read %d position %zu", s->value,
                 (long long)d->source_time_ms, d->has_metadata, d->is_read, d->position.n);
    outcome_release(&o);
}

static void test_decode_metadata__of_a_refused_record(void **state) {
    (void)state;
    static const struct refused cases[] = {
        {"{\"account_id\":\"A\",\"balance\":[]}", REASON_MALFORMED, CHANGE_UPSERT, .id = "A"},
        {"{\"balance\":[],\"account_id\":\"A\",\"__op\":\"r\",\"__lsn\":5,\"__source_ts_ms\":7}",
         REASON_MALFORMED, CHANGE_UPSERT, "A", 7, true, true, true, false},
        {"{\"account_id\":\"A\",\"__op\":\"x\",\"__lsn\":5}", REASON_UNSUPPORTED_OP, CHANGE_UPSERT,
         .id = "A", .has_metadata = true, .has_position = true},
        {"{\"account_id\":\"A\",\"__op\":[],\"__deleted\":true}", REASON_MALFORMED, CHANGE_DELETE,
         .id = "A", .has_metadata = true},
        {"{\"account_id\":\"A\",\"__source_ts_ms\":\"soon\",\"__lsn\":5}", REASON_MALFORMED,
         CHANGE_UPSERT, .id = "A", .has_metadata = true, .has_position = true},
        {"{\"account_id\":{},\"__lsn\":5}", REASON_MALFORMED, CHANGE_UPSERT, .has_metadata = true,
         .has_position = true},
        {"{\"account_id\":\"__debezium_unavailable_value\",\"x\":1}", REASON_MALFORMED,
         CHANGE_UPSERT, .id = NULL},
        {"{\"op\":\"r\",\"after\":{\"balance\":{},\"account_id\":\"A\"},\"source\":{\"ts_ms\":7,"
         "\"lsn\":5}}",
         REASON_MALFORMED, CHANGE_UPSERT, "A", 7, true, true, true, false},
        {"{\"op\":\"c\",\"after\":{\"account_id\":\"A\"},\"source\":{\"ts_ms\":\"x\",\"lsn\":5}}",
         REASON_MALFORMED, CHANGE_UPSERT, .id = "A", .has_metadata = true, .has_position = true},
        {"{\"op\":\"c\",\"after\":{\"account_id\":\"A\"},\"source\":[]}", REASON_MALFORMED,
         CHANGE_UPSERT, .id = "A"},
        {"{\"op\":\"c\",\"after\":null,\"source\":{\"ts_ms\":7,\"lsn\":5}}", REASON_MALFORMED,
         CHANGE_UPSERT, NULL, 7, true, false, true, false},
        {"{\"op\":\"x\",\"after\":{\"account_id\":\"A\"},\"source\":{\"ts_ms\":7}}",
         REASON_UNSUPPORTED_OP, CHANGE_UPSERT, .id = "A", .source_time_ms = 7,
         .has_metadata = true},
        {"{\"op\":\"m\",\"source\":{\"ts_ms\":7},\"message\":{}}", REASON_UNSUPPORTED_OP,
         CHANGE_UPSERT, .source_time_ms = 7, .has_metadata = true},
        {"{\"op\":\"d\",\"before\":{\"account_id\":\"A\"},\"source\":{\"ts_ms\":\"x\"}}",
         REASON_MALFORMED, CHANGE_DELETE, .id = "A", .has_metadata = true},
        /* the value lacks the id, so the key's counts */
        {"{\"op\":\"d\",\"before\":null,\"source\":{\"ts_ms\":\"x\"}}", REASON_MALFORMED,
         CHANGE_DELETE, .id = "K", .has_metadata = true, .from_key = true},
        /* the value has an id that cannot be read, so the key's does not count */
        {"{\"op\":\"d\",\"before\":{\"account_id\":[]},\"source\":{\"ts_ms\":7}}", REASON_MALFORMED,
         CHANGE_DELETE, .source_time_ms = 7, .has_metadata = true},
        {"{\"op\":\"t\",\"source\":{\"ts_ms\":\"x\",\"lsn\":5}}", REASON_MALFORMED, CHANGE_TRUNCATE,
         .has_metadata = true, .has_position = true},
        {"{\"account_id\":\"A\"", REASON_MALFORMED, CHANGE_UPSERT, .id = NULL},
        {"[]", REASON_MALFORMED, CHANGE_UPSERT, .id = NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_refused(&cases[i]);
}

/* A source time that is there but cannot be read decides all the same: updated_at does not take its
 * place. */
static void test_decode_metadata__unreadable_source_time_hides_updated_at(void **state) {
    (void)state;
    static const char *const cases[] = {
        "{\"customer_id\":1,\"__source_ts_ms\":\"soon\",\"updated_at\":\"2024-01-01\"}",
        "{\"customer_id\":1,\"__source_ts_ms\":{},\"updated_at\":\"2024-01-01\"}",
        ("{\"op\":\"c\",\"after\":{\"customer_id\":1,\"updated_at\":\"2024-01-01\"},"
         "\"source\":{\"ts_ms\":1.5}}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outcome o;
        run(&o, ENTITY_CUSTOMER, NULL, cases[i]);
        assert_false(o.ok);
        assert_null(o.decoded.fields[FIELD_UPDATED_AT].p);
        assert_text(o.decoded.fields[FIELD_CUSTOMER_ID], "1");
        outcome_release(&o);
    }
}

/* The reason names the first fault. */
static void test_decode_metadata__first_fault_counts(void **state) {
    (void)state;
    struct outcome o;
    run(&o, ENTITY_ACCOUNT, NULL,
        "{\"op\":\"x\",\"after\":{\"balance\":{},\"account_type\":[]},\"source\":{}}");
    assert_string_equal(buf_cstr(&o.why.text),
                        "Malformed record: balance is an object where a value belongs");
    outcome_release(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode_metadata__which_records_have_it),
        cmocka_unit_test(test_decode_metadata__is_no_field),
        cmocka_unit_test(test_decode_metadata__positions),
        cmocka_unit_test(test_decode_metadata__no_position),
        cmocka_unit_test(test_decode_metadata__position_of_every_kind),
        cmocka_unit_test(test_decode_metadata__id_is_from_key),
        cmocka_unit_test(test_decode_metadata__of_a_refused_record),
        cmocka_unit_test(test_decode_metadata__unreadable_source_time_hides_updated_at),
        cmocka_unit_test(test_decode_metadata__first_fault_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
