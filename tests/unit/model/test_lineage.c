#include "schemas/public_schemas.h"
#include "streamer/model/lineage.h"
#include "support.h"

#include <cjson/cJSON.h>
#include <string.h>

/* The table against what others say: the .avsc files of the results, and the names of fields that
 * the contract gives the inputs. */

/* The fields of a result's schema, by the order of the topics. */
static cJSON *fields_of(enum topic result) {
    cJSON *schema = cJSON_Parse(public_schemas[result - TOPIC_CUSTOMER_HISTORY].text);
    cJSON *fields = cJSON_DetachItemFromObject(schema, "fields");
    cJSON_Delete(schema);
    assert_non_null(fields);
    return fields;
}

/* Where a column is among the fields; the end for one of the whole row. -1: it is not there. */
static int place_of(const cJSON *fields, const char *column) {
    int n = cJSON_GetArraySize(fields);
    for (int i = 0; i < n && column != NULL; i++)
        if (strcmp(cJSON_GetObjectItem(cJSON_GetArrayItem(fields, i), "name")->valuestring,
                   column) == 0)
            return i;
    return column == NULL ? n : -1;
}

static size_t edges_of(enum topic result, const char *column) {
    size_t count, found = 0;
    const struct lineage *edges = lineage_table(&count);
    for (size_t i = 0; i < count; i++)
        found += edges[i].result == result && edges[i].column != NULL &&
                 strcmp(edges[i].column, column) == 0;
    return found;
}

/* calculated_at is the clock's, not the input's. */
static void test_lineage__every_column_of_a_result_comes_from_somewhere(void **state) {
    (void)state;
    for (int t = TOPIC_CUSTOMER_HISTORY; t <= TOPIC_CUSTOMER_PROFILE; t++) {
        cJSON *fields = fields_of((enum topic)t);
        const cJSON *field;
        cJSON_ArrayForEach(field, fields) {
            const char *name = cJSON_GetObjectItem(field, "name")->valuestring;
            bool is_clock = strcmp(name, "calculated_at") == 0;
            if ((edges_of((enum topic)t, name) == 0) != is_clock)
                fail_msg("topic %d: %s", t, name);
        }
        cJSON_Delete(fields);
    }
}

static void test_lineage__is_sorted_and_names_only_columns_of_the_schemas(void **state) {
    (void)state;
    size_t count;
    const struct lineage *edges = lineage_table(&count);
    int before = -1;
    for (size_t i = 0; i < count; i++) {
        cJSON *fields = fields_of(edges[i].result);
        int at = (int)edges[i].result * 100 + place_of(fields, edges[i].column);
        if (place_of(fields, edges[i].column) < 0 || at < before)
            fail_msg("entry %zu: %s", i, edges[i].column);
        before = at;
        cJSON_Delete(fields);
    }
}

static bool has_input(enum topic input, const char *name) {
    size_t count;
    const struct lineage_input *inputs = lineage_inputs(&count);
    for (size_t i = 0; i < count; i++)
        if (inputs[i].input == input && strcmp(inputs[i].name, name) == 0)
            return true;
    return false;
}

static bool is_used(const struct lineage_input *input) {
    size_t count;
    const struct lineage *edges = lineage_table(&count);
    for (size_t i = 0; i < count; i++)
        if (edges[i].input == input->input && strcmp(edges[i].source, input->name) == 0)
            return true;
    return false;
}

static void test_lineage__sources_are_columns_of_the_inputs_and_all_are_used(void **state) {
    (void)state;
    size_t count;
    const struct lineage *edges = lineage_table(&count);
    for (size_t i = 0; i < count; i++)
        assert_true(has_input(edges[i].input, edges[i].source));
    const struct lineage_input *inputs = lineage_inputs(&count);
    for (size_t i = 0; i < count; i++)
        assert_true(is_used(&inputs[i]));
}

static void test_lineage__inputs_have_the_fields_of_the_contract(void **state) {
    (void)state;
    static const struct {
        enum topic input;
        const char *name;
    } fields[] = {
        {TOPIC_CUSTOMERS, "customer_id"}, {TOPIC_CUSTOMERS, "customer_name"},
        {TOPIC_CUSTOMERS, "has_loan"},    {TOPIC_CUSTOMERS, "updated_at"},
        {TOPIC_ACCOUNTS, "account_id"},   {TOPIC_ACCOUNTS, "customer_id"},
        {TOPIC_ACCOUNTS, "balance"},      {TOPIC_ACCOUNTS, "account_type"},
        {TOPIC_ACCOUNTS, "updated_at"},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        assert_true(has_input(fields[i].input, fields[i].name));
}

static void test_lineage__names(void **state) {
    (void)state;
    assert_string_equal(lineage_kind_name(LINEAGE_AGGREGATION), "AGGREGATION");
    assert_string_equal(lineage_kind_type(LINEAGE_AGGREGATION), "DIRECT");
    assert_string_equal(lineage_kind_name(LINEAGE_FILTER), "FILTER");
    assert_string_equal(lineage_kind_type(LINEAGE_FILTER), "INDIRECT");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lineage__every_column_of_a_result_comes_from_somewhere),
        cmocka_unit_test(test_lineage__is_sorted_and_names_only_columns_of_the_schemas),
        cmocka_unit_test(test_lineage__sources_are_columns_of_the_inputs_and_all_are_used),
        cmocka_unit_test(test_lineage__inputs_have_the_fields_of_the_contract),
        cmocka_unit_test(test_lineage__names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
