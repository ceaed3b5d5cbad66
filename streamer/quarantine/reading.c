#include "streamer/quarantine/reading.h"

#include "streamer/base/timestamp.h"
#include "streamer/kafka/topic_reader.h"

struct reader {
    const struct reading *reading;
    struct reading_result *result;
    struct quarantined_parts parts;
};

static void note_oldest(struct reading_result *result, int64_t at_ms) {
    if (result->oldest_at_ms == TIMESTAMP_NONE || at_ms < result->oldest_at_ms)
        result->oldest_at_ms = at_ms;
}

static bool take(void *context, const rd_kafka_message_t *m, struct err *e) {
    struct reader *r = context;
    const struct reading *reading = r->reading;
    struct quarantined q;
    if (!quarantined_read(reading->config, m, &r->parts, &q)) {
        r->result->foreign++;
        return true;
    }
    note_oldest(r->result, q.at_ms);
    if (!selection_has(reading->selection, &q))
        return true;
    r->result->seen++;
    if (reading->marks != NULL)
        q.replayed_at_ms = marks_find(reading->marks, q.mark);
    return reading->seen(reading->context, &q, e);
}

bool reading_run(const struct reading *r, struct reading_result *result, struct err *e) {
    const struct topic_reader_options o = {.topic = r->config->topics[TOPIC_QUARANTINE],
                                           .stop = r->stop};
    struct reader reader = {.reading = r, .result = result};
    *result = (struct reading_result){.oldest_at_ms = TIMESTAMP_NONE};
    bool ok = topic_read(r->config, &o, take, &reader, NULL, e);
    quarantined_parts_release(&reader.parts);
    return ok;
}
