#include "streamer/model/check.h"

#include "streamer/base/decimal.h"

const char *check_layer_name(enum check_layer layer) {
    static const char *const names[] = {
        [LAYER_SOURCE] = "source",       [LAYER_STAGING] = "staging",
        [LAYER_SNAPSHOTS] = "snapshots", [LAYER_INTERMEDIATE] = "intermediate",
        [LAYER_MARTS] = "marts",         [LAYER_PIPELINE] = "pipeline",
    };
    return names[layer];
}

const char *check_severity_name(enum check_severity severity) {
    return severity == SEVERITY_ERROR ? "error" : "warn";
}

const char *check_status_name(enum check_status status) {
    static const char *const names[] = {
        [CHECK_PASS] = "pass",
        [CHECK_WARN] = "warn",
        [CHECK_FAIL] = "fail",
    };
    return names[status];
}

static void put_rate(struct buf *out, int64_t passed, int64_t total) {
    if (total == 0)
        buf_put_str(out, "null");
    else
        decimal_put(out, decimal_divide((int128)passed * 10000, total), 4);
}

void check_put_summary(struct buf *out, const int64_t counts[CHECK_STATUS_COUNT]) {
    int64_t passed = counts[CHECK_PASS], warned = counts[CHECK_WARN], failed = counts[CHECK_FAIL],
            total = passed + warned + failed;
    buf_printf(out, "{\"total\":%lld,\"passed\":%lld,\"warned\":%lld,\"failed\":%lld,",
               (long long)total, (long long)passed, (long long)warned, (long long)failed);
    buf_put_str(out, "\"pass_rate\":");
    put_rate(out, passed, total);
    buf_put_byte(out, '}');
}
