#include "streamer/complete/history_ids.h"

#include "streamer/base/timestamp.h"
#include "streamer/task/message_keys.h"

#define KEY_SHOWN_BYTES 100

static enum row_result table_of(enum entity entity) {
    return entity == ENTITY_CUSTOMER ? ROW_CUSTOMER_HISTORY : ROW_ACCOUNT_HISTORY;
}

static bool refuse_key(const struct history_ids *h, struct slice key, struct err *e) {
    return err_set(e, ERR_STOP,
                   "kafka: topic %s: the key \"%.*s\" is none of a history, check the topic.* "
                   "settings",
                   h->config->topics[result_topic(table_of(h->entity))],
                   (int)(key.n < KEY_SHOWN_BYTES ? key.n : KEY_SHOWN_BYTES),
                   key.p != NULL ? key.p : "");
}

/* Whether the row is a current version. A tombstone is none. */
static bool is_current(enum entity entity, const void *row) {
    if (row == NULL)
        return false;
    int64_t valid_to_at = entity == ENTITY_CUSTOMER
                              ? ((const struct customer_history_row *)row)->valid_to_at
                              : ((const struct account_history_row *)row)->valid_to_at;
    return valid_to_at == TIMESTAMP_NONE;
}

static bool note_version(void *context, const struct result_row *r, struct err *e) {
    const struct history_ids *h = context;
    struct slice id;
    int64_t valid_from_ms = 0;
    if (!history_key_read(r->key, &id, &valid_from_ms))
        return refuse_key(h, r->key, e);
    return is_current(h->entity, r->row) ? vanished_note_current(h->vanished, id, valid_from_ms, e)
                                         : vanished_note_ended(h->vanished, id, valid_from_ms, e);
}

static void show_progress(void *context, uint64_t done, uint64_t total) {
    const struct history_ids *h = context;
    h->progress(h->progress_context, done, total);
}

bool history_ids_read(const struct history_ids *h, struct topic_positions *positions,
                      struct err *e) {
    const struct result_reader_options o = {.table = table_of(h->entity),
                                            .end = TOPIC_READER_END_AT_START,
                                            .instance = h->instance,
                                            .stop = h->stop,
                                            .progress = show_progress};
    return result_read(h->config, &o, note_version, (void *)(uintptr_t)h, positions, e);
}

static bool note_change(void *context, const rd_kafka_message_t *m, struct err *e) {
    const struct history_ids *h = context;
    struct slice id;
    int64_t valid_from_ms = 0;
    struct slice key = slice_of(m->key, m->key_len);
    return history_key_read(key, &id, &valid_from_ms) ? vanished_note_changed(h->vanished, id, e)
                                                      : refuse_key(h, key, e);
}

bool history_ids_read_changes(const struct history_ids *h, const struct topic_positions *positions,
                              struct err *e) {
    const struct topic_reader_options o = {.topic =
                                               h->config->topics[result_topic(table_of(h->entity))],
                                           .end = TOPIC_READER_END_AT_START,
                                           .begin = positions->end,
                                           .begin_count = positions->count,
                                           .stop = h->stop};
    return topic_read(h->config, &o, note_change, (void *)(uintptr_t)h, NULL, e);
}

/* --- confirmations --- */

struct confirming {
    const struct history_ids *history;
    int64_t after_ms;
    struct timeline line; /* room to read in */
};

static bool refuse_confirmation(const struct history_ids *h, const rd_kafka_message_t *m,
                                struct err *e) {
    return err_set(e, ERR_STOP,
                   "kafka: topic %s: partition %d, offset %lld was not written by this version of "
                   "streamer",
                   h->config->topics[TOPIC_CONFIRMATIONS], m->partition, (long long)m->offset);
}

/* A confirmation that was forgotten later on stays noted: the event was there. */
static bool note_confirmation(void *context, const rd_kafka_message_t *m, struct err *e) {
    struct confirming *g = context;
    struct confirmation newest;
    enum entity entity;
    struct slice id;
    int64_t at_ms;
    enum confirmations_key kind =
        confirmations_key_read(slice_of(m->key, m->key_len), &entity, &id, &at_ms);
    if (kind == CONFIRMATIONS_OTHER || entity != g->history->entity || m->payload == NULL)
        return true;
    if (!confirmations_value_read(kind, at_ms, slice_of(m->payload, m->len), &g->line, &newest))
        return refuse_confirmation(g->history, m, e);
    return newest.at == TIMESTAMP_NONE || newest.at <= g->after_ms || newest.deleted ||
           vanished_note_confirmed(g->history->vanished, id, newest.at, e);
}

bool history_ids_read_confirmations(const struct history_ids *h, int64_t after_ms, struct err *e) {
    struct confirming g = {.history = h, .after_ms = after_ms};
    const struct topic_reader_options o = {.topic = h->config->topics[TOPIC_CONFIRMATIONS],
                                           .end = TOPIC_READER_END_AT_START,
                                           .stop = h->stop};
    bool ok = topic_read(h->config, &o, note_confirmation, &g, NULL, e);
    timeline_release(&g.line);
    return ok;
}
