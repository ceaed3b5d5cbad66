#include "streamer/export/result_key.h"

#include "state/keys.h"

#include <assert.h>

#define SEPARATOR '|'

enum entity result_entity(enum row_result table) {
    return table == ROW_CUSTOMER_HISTORY || table == ROW_CUSTOMER_PROFILE ? ENTITY_CUSTOMER
                                                                          : ENTITY_ACCOUNT;
}

bool result_is_history(enum row_result table) {
    return table == ROW_CUSTOMER_HISTORY || table == ROW_ACCOUNT_HISTORY;
}

/* --- keys of topics --- */

static void put_version(struct buf *out, int64_t valid_from_at) {
    buf_put_byte(out, SEPARATOR);
    buf_put_int(out, valid_from_at);
}

void result_key_of(enum row_result table, const void *row, struct buf *out) {
    const struct account_history_row *account = row;
    buf_clear(out);
    switch (table) {
    case ROW_CUSTOMER_HISTORY:
        buf_put_int(out, ((const struct customer_history_row *)row)->customer_id);
        put_version(out, ((const struct customer_history_row *)row)->valid_from_at);
        return;
    case ROW_ACCOUNT_HISTORY:
        buf_put_slice(out, account->account_id);
        put_version(out, account->valid_from_at);
        return;
    case ROW_ACCOUNT_WITH_CUSTOMER:
        buf_put_slice(out, ((const struct account_with_customer_row *)row)->account_id);
        return;
    case ROW_ACCOUNT_SUMMARY:
        buf_put_slice(out, ((const struct account_summary_row *)row)->account_id);
        return;
    case ROW_CUSTOMER_PROFILE:
        buf_put_int(out, ((const struct customer_profile_row *)row)->customer_id);
        return;
    case ROW_RESULT_COUNT:
        break;
    }
    assert(false && "a result table");
}

/* --- sort keys --- */

/* All rows have partition 0 there, so that the id alone decides. */
#define ONE_PARTITION 0

void result_key_customer(int64_t customer_id, struct buf *out) {
    key_customer(out, ONE_PARTITION, customer_id);
}

void result_key_account(struct slice account_id, struct buf *out) {
    key_text(out, ONE_PARTITION, account_id);
    key_add_terminator(out);
}

/* Reads decimal digits, with or without a minus before them, and nothing else. */
static bool parse_int(struct slice text, int64_t *value) {
    bool is_plain = text.n > 0 && (text.p[0] == '-' || (text.p[0] >= '0' && text.p[0] <= '9'));
    return is_plain && decimal_parse_integer(text, value) == DECIMAL_OK;
}

static bool put_id(enum row_result table, struct slice id, struct buf *out) {
    int64_t customer_id;
    if (result_entity(table) == ENTITY_ACCOUNT) {
        result_key_account(id, out);
        return id.n > 0;
    }
    if (!parse_int(id, &customer_id))
        return false;
    result_key_customer(customer_id, out);
    return true;
}

bool result_key_sort(enum row_result table, struct slice key, struct buf *out) {
    int64_t valid_from_at;
    if (key.p == NULL || !result_is_history(table))
        return key.p != NULL && put_id(table, key, out);
    const char *at = memrchr(key.p, SEPARATOR, key.n);
    if (at == NULL)
        return false;
    size_t id_n = (size_t)(at - key.p);
    if (!parse_int(slice_of(at + 1, key.n - id_n - 1), &valid_from_at) ||
        !put_id(table, slice_of(key.p, id_n), out))
        return false;
    key_add_time(out, valid_from_at);
    return true;
}
