#include "streamer/export/result_reader.h"

#include "streamer/base/clock.h"
#include "streamer/export/result_instance.h"
#include "streamer/export/result_key.h"
#include "streamer/export/result_schema.h"
#include "streamer/kafka/topic_facts.h"

#include <inttypes.h>

struct reading {
    const struct result_reader_options *options;
    const struct row_type *type;
    const char *topic;
    struct result_schema schema;
    result_reader_seen *seen;
    void *context;
};

enum topic result_topic(enum row_result table) {
    return (enum topic)(TOPIC_CUSTOMER_HISTORY + (int)table);
}

static int64_t now_ms(void) {
    return clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
}

/* --- a topic --- */

static bool at_message(const struct reading *r, const rd_kafka_message_t *m, struct err *e) {
    return err_prefix(e, "topic %s, partition %d, offset %" PRId64, r->topic, m->partition,
                      m->offset);
}

static bool see_message(void *context, const rd_kafka_message_t *m, struct err *e) {
    struct reading *r = context;
    union result_any row;
    struct result_row result = {.partition = m->partition,
                                .offset = m->offset,
                                .timestamp_ms = rd_kafka_message_timestamp(m, NULL),
                                .key = slice_of(m->key, m->key_len),
                                .message = m};
    if (m->payload != NULL) {
        struct slice value = slice_of(m->payload, m->len);
        if (!result_schema_read(&r->schema, r->type, value, &row, e))
            return at_message(r, m, e);
        result.row = &row;
    }
    return r->seen(r->context, &result, e);
}

static void show_progress(void *context, uint64_t done, uint64_t total) {
    const struct reading *r = context;
    r->options->progress(r->context, done, total);
}

/* A row may have been read that was deleted meanwhile, while its tombstone was compacted and then
 * removed before it could be read. The tombstone is removed delete.retention.ms after the row was
 * compacted away, at the earliest. So there is no such row if reading took less. */
static bool was_quick_enough(const struct reading *r, const struct topic_facts *facts,
                             int64_t took_ms, struct err *e) {
    return facts->is_embedded || took_ms < facts->delete_retention_ms ||
           err_set(e, ERR_STOP,
                   "topic %s: reading it took %" PRId64 " s, but it keeps tombstones for %" PRId64
                   " s only, so that deleted rows might show; raise its delete.retention.ms and "
                   "try again",
                   r->topic, took_ms / 1000, facts->delete_retention_ms / 1000);
}

static bool read_topic(struct reading *r, const struct config *c, struct topic_facts *facts,
                       struct topic_positions *positions, struct err *e) {
    const struct result_reader_options *o = r->options;
    const struct topic_reader_options options = {.topic = r->topic,
                                                 .end = o->end,
                                                 .facts = facts,
                                                 .stop = o->stop,
                                                 .progress =
                                                     o->progress != NULL ? show_progress : NULL};
    int64_t began_ms = now_ms();
    struct topic_positions read = {0};
    bool ok = topic_read(c, &options, see_message, r, &read, e) &&
              was_quick_enough(r, facts, now_ms() - began_ms, e);
    if (ok && positions != NULL && !facts->is_embedded)
        *positions = read;
    else
        topic_positions_release(&read);
    return ok;
}

/* --- an instance --- */

static bool see_row(void *context, struct slice key, const void *row, struct err *e) {
    struct reading *r = context;
    const struct result_row result = {.partition = -1, .offset = -1, .key = key, .row = row};
    return r->seen(r->context, &result, e);
}

static bool read_instance(struct reading *r, struct err *e) {
    const struct result_reader_options *o = r->options;
    if (o->instance == NULL)
        return err_set(e, ERR_CONFIG,
                       "the broker is an embedded one, which forgets old messages, so the instance "
                       "must be asked: set http.listen, or give --url http://HOST:PORT");
    return result_instance_read(o->instance, o->table, o->stop, see_row, r, e);
}

/* --- either --- */

bool result_read(const struct config *c, const struct result_reader_options *o,
                 result_reader_seen *seen, void *context, struct topic_positions *positions,
                 struct err *e) {
    struct reading r = {.options = o,
                        .type = row_result_types[o->table],
                        .topic = c->topics[result_topic(o->table)],
                        .seen = seen,
                        .context = context};
    struct topic_facts facts = {0};
    if (!result_schema_init(&r.schema, c, o->stop, e))
        return false;
    bool ok = read_topic(&r, c, &facts, positions, e);
    result_schema_release(&r.schema);
    return ok && (!facts.is_embedded || read_instance(&r, e));
}
