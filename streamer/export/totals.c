#include "streamer/export/totals.h"

#include <assert.h>

static bool is_amount(const struct row_field *f) {
    return f->kind == ROW_AMOUNT || f->kind == ROW_TOTAL;
}

static int128 amount_of(const struct row_field *f, const void *row) {
    const char *p = (const char *)row + f->offset;
    int64_t amount;
    int128 total;
    if (f->kind == ROW_TOTAL) {
        memcpy(&total, p, sizeof total);
        return total;
    }
    memcpy(&amount, p, sizeof amount);
    return amount;
}

bool totals_add_row(struct totals_of_rows *t, const struct row_type *type, const void *row,
                    struct err *e) {
    assert(type->field_count <= TOTALS_FIELDS_MAX);
    t->rows++;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct row_field *f = &type->fields[i];
        if (is_amount(f) && __builtin_add_overflow(t->sums[i], amount_of(f, row), &t->sums[i]))
            return err_set(e, ERR_STOP, "the sum of %s is too large", f->name);
    }
    return true;
}

void totals_put_sums(const struct totals_of_rows *t, const struct row_type *type, struct buf *out) {
    const char *before = "{";
    for (size_t i = 0; i < type->field_count; i++) {
        const struct row_field *f = &type->fields[i];
        if (!is_amount(f))
            continue;
        buf_printf(out, "%s\"%s\":\"", before, f->name);
        decimal_put(out, t->sums[i], row_decimals(f->kind));
        buf_put_byte(out, '"');
        before = ",";
    }
    buf_put_str(out, *before == '{' ? "{}" : "}");
}
