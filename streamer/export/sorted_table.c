#include "streamer/export/sorted_table.h"

bool sorted_table_init(struct sorted_table *t, enum row_result table, int64_t as_of,
                       struct err *e) {
    *t = (struct sorted_table){.table = table, .as_of = as_of, .sorter = sorter_new("export", e)};
    return t->sorter != NULL;
}

void sorted_table_release(struct sorted_table *t) {
    sorter_free(t->sorter);
    buf_release(&t->key);
    buf_release(&t->value);
    *t = (struct sorted_table){0};
}

/* --- which versions are kept --- */

static bool holds_between(int64_t at, int64_t from, int64_t to) {
    return at >= from && (to == TIMESTAMP_NONE || at < to);
}

static bool is_kept(const struct sorted_table *t, const void *row) {
    const struct customer_history_row *customer = row;
    const struct account_history_row *account = row;
    if (row == NULL || t->as_of == TIMESTAMP_NONE)
        return row != NULL;
    return t->table == ROW_CUSTOMER_HISTORY
               ? holds_between(t->as_of, customer->valid_from_at, customer->valid_to_at)
               : holds_between(t->as_of, account->valid_from_at, account->valid_to_at);
}

bool sorted_table_put(struct sorted_table *t, struct slice key, const void *row, struct err *e) {
    const struct row_type *type = row_result_types[t->table];
    if (!result_key_sort(t->table, key, &t->key))
        return err_set(e, ERR_STOP, "\"%.*s\" is no key of %s", (int)(key.n < 100 ? key.n : 100),
                       key.p != NULL ? key.p : "", type->name);
    /* A version that was kept may have ended since, so the others must be forgotten. */
    if (!is_kept(t, row))
        return sorter_erase(t->sorter, buf_slice(&t->key), e);
    buf_clear(&t->value);
    row_put_avro(type, row, &t->value);
    return sorter_put(t->sorter, buf_slice(&t->key), buf_slice(&t->value), e);
}

bool sorted_table_begin(struct sorted_table *t, struct err *e) {
    return sorter_begin(t->sorter, e);
}

bool sorted_table_next(struct sorted_table *t, union result_any *row, struct err *e) {
    struct slice key, value;
    return sorter_next(t->sorter, &key, &value, e) &&
           (row_get_avro(row_result_types[t->table], &value, row) ||
            err_set(e, ERR_STOP, "a row that was sorted cannot be read back; try again"));
}
