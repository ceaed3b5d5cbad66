#include "streamer/commands/try_cells.h"

#include "streamer/base/decimal.h"
#include "streamer/base/timestamp.h"

static void put_customer_id(const struct event *e, struct buf *out) {
    buf_put_int(out, e->customer_id);
}
static void put_customer_name(const struct event *e, struct buf *out) {
    buf_put_slice(out, e->customer_name);
}
static void put_has_loan_flag(const struct event *e, struct buf *out) {
    buf_put_str(out, e->has_loan_flag ? "true" : "false");
}
static void put_account_id(const struct event *e, struct buf *out) {
    buf_put_slice(out, e->id);
}
static void put_balance_amount(const struct event *e, struct buf *out) {
    decimal_put(out, e->balance_cents, 2);
}
static void put_account_type(const struct event *e, struct buf *out) {
    buf_put_str(out, account_type_name(e->account_type));
}

static const struct try_column columns[ENTITY_COUNT][TRY_COLUMNS_MAX + 1] = {
    [ENTITY_CUSTOMER] = {{"customer_id", false, FIELD_CUSTOMER_ID, put_customer_id},
                         {"customer_name", true, FIELD_CUSTOMER_NAME, put_customer_name},
                         {"has_loan_flag", false, FIELD_HAS_LOAN, put_has_loan_flag},
                         {0}},
    [ENTITY_ACCOUNT] = {{"account_id", true, FIELD_ACCOUNT_ID, put_account_id},
                        {"customer_id", false, FIELD_CUSTOMER_ID, put_customer_id},
                        {"balance_amount", true, FIELD_BALANCE, put_balance_amount},
                        {"account_type", true, FIELD_ACCOUNT_TYPE, put_account_type},
                        {0}},
};

const struct try_column *try_columns(enum entity entity) {
    return columns[entity];
}

const char *try_outcome(enum change_kind kind) {
    static const char *const names[] = {[CHANGE_UPSERT] = "row",
                                        [CHANGE_DELETE] = "delete",
                                        [CHANGE_TOMBSTONE] = "tombstone",
                                        [CHANGE_TRUNCATE] = "truncate"};
    return names[kind];
}

static size_t cell_count(const struct judgement *j) {
    size_t n = 0;
    if (j->is_rejected || j->event->kind == CHANGE_TRUNCATE)
        return 0;
    if (j->event->kind != CHANGE_UPSERT)
        return 1;
    while (columns[j->event->entity][n].name != NULL)
        n++;
    return n;
}

static bool is_unavailable(const struct event *e, enum field field) {
    return (e->unavailable & FIELD_BIT(field)) != 0;
}

void try_cells_fill(struct try_cells *c, const struct judgement *j) {
    const struct event *e = j->event;
    const struct try_column *column = columns[e->entity];
    size_t ends[TRY_COLUMNS_MAX] = {0};
    buf_clear(&c->text);
    c->count = cell_count(j);
    for (size_t i = 0; i < c->count; i++) {
        if (!is_unavailable(e, column[i].field))
            column[i].put(e, &c->text);
        ends[i] = c->text.n;
    }
    size_t time = c->text.n;
    if (!j->is_rejected)
        timestamp_put_nearest(&c->text, j->at_ms);
    struct slice all = buf_slice(&c->text);
    c->time = slice_of(all.p + time, all.n - time);
    for (size_t i = 0, start = 0; i < c->count; start = ends[i++])
        c->texts[i] = is_unavailable(e, column[i].field) ? slice_null()
                                                         : slice_of(all.p + start, ends[i] - start);
}

void try_cells_release(struct try_cells *c) {
    buf_release(&c->text);
}
