/* Rows that are prefetched together. */
#include "store_rig.h"

#include "streamer/base/mem.h"

/* The rows lie in the write buffer, which the estimate of sizes does not know, so all are scanned.
 * Once neighbours are fetched, of which every second row is absent. Once there are so many rows
 * between those that are fetched that the scan gives up. Both must find what is there. */
static void test_fetch__fetch(void **state) {
    (void)state;
    static const int steps[] = {1, 40};
    char *dir = make_scratch(), name[16];
    struct store *s = open_store(dir);
    struct batch *b = batch_new(s);
    for (int i = 0; i < 8000; i += 2) {
        name_of(name, i);
        put_text(b, FAMILY_LINKS, 1, name, name);
    }
    commit(b);
    batch_free(b);
    for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
        b = batch_new(s); /* so that no row is in memory */
        fetch_every(batch_kv(b), 0, 8010, steps[k]);
        for (int i = 0; i < 8010; i += steps[k]) {
            name_of(name, i);
            assert_value(batch_kv(b), FAMILY_LINKS, 1, name, i < 8000 && i % 2 == 0 ? name : NULL);
        }
        assert_false(kv_failed(batch_kv(b)));
        batch_free(b);
    }
    store_close(s);
    remove_scratch(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fetch__fetch),
    };
    return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
