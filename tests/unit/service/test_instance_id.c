#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/service/instance_id.h"

#include <string.h>

#define MEMORY_BYTES 8388608

static char *id_in(const char *dir, const struct config *c) {
    struct err e = {0};
    struct store *store = store_open(dir, MEMORY_BYTES, 1, &e);
    assert_non_null(store);
    char *id = instance_transactional_id(c, store, &e);
    assert_non_null(id);
    store_close(store);
    return id;
}

static void test_instance_id__lives_as_long_as_the_state(void **state) {
    (void)state;
    char app_id[] = "bank";
    const struct config c = {.app_id = app_id};
    char *one = make_scratch(), *other = make_scratch();
    char *first = id_in(one, &c), *again = id_in(one, &c), *theirs = id_in(other, &c);
    assert_int_equal(strncmp(first, "bank-", strlen("bank-")), 0);
    assert_int_equal(strspn(first + strlen("bank-"), "0123456789abcdef"), 16);
    assert_int_equal(strlen(first), strlen("bank-") + 16);
    assert_string_equal(first, again);
    assert_string_not_equal(first, theirs);
    free(first);
    free(again);
    free(theirs);
    remove_scratch(one);
    remove_scratch(other);
}

static void test_instance_id__configured(void **state) {
    (void)state;
    char app_id[] = "bank", instance_id[] = "bank-1";
    const struct config c = {.app_id = app_id, .instance_id = instance_id};
    char *dir = make_scratch(), *id = id_in(dir, &c);
    assert_string_equal(id, "bank-bank-1");
    free(id);
    remove_scratch(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instance_id__lives_as_long_as_the_state),
        cmocka_unit_test(test_instance_id__configured),
    };
    return cmocka_run_group_tests_name("instance_id", tests, NULL, NULL);
}
