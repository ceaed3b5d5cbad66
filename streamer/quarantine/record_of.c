#include "streamer/quarantine/record_of.h"

#include "streamer/base/timestamp.h"

/* The value of the last header with that name; p == NULL: there is none. */
static struct slice header_of(const struct sink_header *headers, size_t count, const char *name) {
    for (size_t i = count; i > 0; i--)
        if (strcmp(headers[i - 1].name, name) == 0)
            return headers[i - 1].value;
    return slice_null();
}

struct record record_of(struct slice key, struct slice value, int64_t timestamp_ms,
                        const struct sink_header *headers, size_t header_count) {
    struct slice order = header_of(headers, header_count, "streamer.order"),
                 replayed_at = header_of(headers, header_count, "quarantine.replayed_at");
    struct record r = {
        .key = key,
        .value = value,
        .key_schema_id = header_of(headers, header_count, "__key_schema_id"),
        .value_schema_id = header_of(headers, header_count, "__value_schema_id"),
        .timestamp_ms = timestamp_ms != 0 ? timestamp_ms : 1, /* as a worker reads it */
        .by_time = header_of(headers, header_count, "quarantine.replays").p != NULL ||
                   (order.p != NULL && slice_eq(order, slice_str("event_time"))),
    };
    if (!r.by_time || !timestamp_parse_iso(replayed_at, &r.replayed_at_ms))
        r.replayed_at_ms = TIMESTAMP_NONE;
    return r;
}
