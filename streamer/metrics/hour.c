#include "streamer/metrics/hour.h"

#include "streamer/base/decimal.h"
#include "streamer/base/timestamp.h"

struct hour_point hour_point_of(const struct figures *before, const struct figures *after,
                                int64_t lag_records) {
    int64_t us = after->at_us - before->at_us;
    return (struct hour_point){{
        [HOUR_CONSUMED] = figures_rate_milli(figures_consumed(before), figures_consumed(after), us),
        [HOUR_EMITTED] = figures_rate_milli(figures_emitted(before), figures_emitted(after), us),
        [HOUR_QUARANTINED] =
            figures_rate_milli(figures_quarantined(before), figures_quarantined(after), us),
        [HOUR_COMMITS] = figures_rate_milli(before->commits, after->commits, us),
        [HOUR_LATENCY_P50] = figures_latency_us(before, after, 50),
        [HOUR_LATENCY_P99] = figures_latency_us(before, after, 99),
        [HOUR_LAG] = lag_records,
    }};
}

static void add(struct hour *h, const struct hour_point *point) {
    h->points[h->next] = *point;
    h->next = (h->next + 1) % HOUR_STEPS;
    h->count += h->count < HOUR_STEPS;
}

void hour_add(struct hour *h, int64_t now_ms, const struct hour_point *point) {
    struct hour_point unknown;
    for (int i = 0; i < HOUR_SERIES; i++)
        unknown.values[i] = HOUR_UNKNOWN;
    int64_t steps = h->until_ms != 0 ? (now_ms - h->until_ms + HOUR_STEP_MS / 2) / HOUR_STEP_MS : 1;
    for (int64_t i = 1; i < steps && i <= HOUR_STEPS; i++)
        add(h, &unknown);
    add(h, point);
    h->until_ms = now_ms;
}

static void put_value(int64_t value, int scale, struct buf *out) {
    if (value == HOUR_UNKNOWN)
        buf_put_str(out, "null");
    else
        decimal_put(out, value, scale);
}

static void put_series(const struct hour *h, int series, int scale, struct buf *out) {
    int oldest = (h->next - h->count + HOUR_STEPS) % HOUR_STEPS;
    for (int i = h->count; i < HOUR_STEPS; i++)
        buf_put_str(out, i > h->count ? ",null" : "null");
    for (int i = 0; i < h->count; i++) {
        if (i > 0 || h->count < HOUR_STEPS)
            buf_put_byte(out, ',');
        put_value(h->points[(oldest + i) % HOUR_STEPS].values[series], scale, out);
    }
}

void hour_put_json(const struct hour *h, struct buf *out) {
    static const struct {
        const char *name;
        int scale; /* the figure is the stored one / 10^scale */
    } series[HOUR_SERIES] = {
        [HOUR_CONSUMED] = {"consumed_per_second", 3},
        [HOUR_EMITTED] = {"emitted_per_second", 3},
        [HOUR_QUARANTINED] = {"quarantined_per_second", 3},
        [HOUR_COMMITS] = {"commits_per_second", 3},
        [HOUR_LATENCY_P50] = {"latency_p50_seconds", 6},
        [HOUR_LATENCY_P99] = {"latency_p99_seconds", 6},
        [HOUR_LAG] = {"lag_records", 0},
    };
    buf_printf(out, "{\"step_seconds\":%d,\"until\":", HOUR_STEP_MS / 1000);
    if (h->until_ms == 0) {
        buf_put_str(out, "null");
    } else {
        buf_put_byte(out, '"');
        timestamp_put_iso(out, h->until_ms);
        buf_put_byte(out, '"');
    }
    buf_put_str(out, ",\"series\":{");
    for (int s = 0; s < HOUR_SERIES; s++) {
        buf_printf(out, "%s\"%s\":[", s > 0 ? "," : "", series[s].name);
        put_series(h, s, series[s].scale, out);
        buf_put_byte(out, ']');
    }
    buf_put_str(out, "}}");
}
