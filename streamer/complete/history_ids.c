#include "streamer/complete/history_ids.h"

#include "streamer/base/decimal.h"
#include "streamer/base/timestamp.h"

#include <string.h>

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

/* Reads "<id>|<valid_from in epoch ms>". An id may contain '|'. */
static bool read_key(const struct history_ids *h, struct slice key, struct slice *id,
                     int64_t *valid_from_ms, struct err *e) {
    const char *bar = key.n > 0 ? memrchr(key.p, '|', key.n) : NULL;
    *id = slice_of(key.p, bar != NULL ? (size_t)(bar - key.p) : key.n);
    struct slice time = bar != NULL ? slice_of(bar + 1, key.n - id->n - 1) : slice_null();
    return decimal_parse_integer(time, valid_from_ms) == DECIMAL_OK || refuse_key(h, key, e);
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
    if (!read_key(h, r->key, &id, &valid_from_ms, e))
        return false;
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
    return read_key(h, slice_of(m->key, m->key_len), &id, &valid_from_ms, e) &&
           vanished_note_changed(h->vanished, id, e);
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
