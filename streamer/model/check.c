#include "streamer/model/check.h"

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
