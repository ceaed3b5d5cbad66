/* Expected values: org.apache.kafka.common.utils.Utils.murmur2 and toPositive(hash) % n of
 * kafka-clients 4.3.1. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"

static void test_murmur2__java(void **state) {
    static const struct {
        const char *key;
        int32_t hash, of_3, of_12;
    } cases[] = {
        {"", 275646681, 0, 9},
        {"a", -1563381124, 1, 4},
        {"ab", 316155434, 2, 2},
        {"abc", 479470107, 0, 3},
        {"abcd", -1323649548, 2, 8},
        {"abcde", 461995741, 1, 1},
        {"21", -973932308, 0, 0},
        {"foobar", -790332482, 0, 6},
        {"a-little-bit-long-string", -985981536, 2, 8},
        {"a-little-bit-longer-string", -1486304829, 2, 11},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971, 2, 5},
        {"1001", 1456459188, 0, 0},
        {"-7", 430111211, 2, 11},
        {"A001", 186646629, 0, 9},
        {"9223372036854775807", -1221667907, 0, 9},
        {"-9223372036854775808", 1493327462, 2, 2},
        {"\305\274\303\263\305\202w", 1005548696, 2, 8},
        {"\303\277", 1511439487, 1, 7},
        {"\346\227\245\346\234\254\350\252\236", 1431860170, 1, 10},
        {"emoji \360\237\230\200", 15690264, 0, 0},
        {"key with spaces", 1291295160, 0, 0},
        {"00000000", -123441245, 0, 3},
        {"\001\002\003", 2139322793, 2, 5},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice key = slice_str(cases[i].key);
        if (murmur2(key) != cases[i].hash)
            fail_msg("%s: %d, not %d", cases[i].key, murmur2(key), cases[i].hash);
        assert_int_equal(murmur2_partition(key, 1), 0);
        assert_int_equal(murmur2_partition(key, 3), cases[i].of_3);
        assert_int_equal(murmur2_partition(key, 12), cases[i].of_12);
    }
}

/* No sign is carried over from a byte, in the words and in each length of the tail. */
static void test_murmur2__high_bytes(void **state) {
    static const int32_t of_ff[] = {-311467685, -1642832928, 1548199422, 644171429,
                                    -363838622, 28450676,    -71293549,  185950397};
    unsigned char all[256], ff[ARRAY_LEN(of_ff)];
    (void)state;
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (unsigned char)i;
    assert_int_equal(murmur2(slice_of(all, sizeof all)), -1948347274);
    memset(ff, 0xff, sizeof ff);
    for (size_t n = 1; n <= sizeof ff; n++)
        assert_int_equal(murmur2(slice_of(ff, n)), of_ff[n - 1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_murmur2__java),
        cmocka_unit_test(test_murmur2__high_bytes),
    };
    return cmocka_run_group_tests_name("murmur2", tests, NULL, NULL);
}
