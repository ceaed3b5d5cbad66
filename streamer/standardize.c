#include "streamer/standardize.h"

#include "streamer/base/decimal.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/utf8.h"

#define BALANCE_PRECISION 18
#define BALANCE_SCALE 2

/* The longest value that a reason quotes whole, in bytes: a reason becomes a header of a message that already
 * carries the whole value, and must not make it too large for the broker. */
#define QUOTED_MAX_BYTES 4096

/* One record on its way through the checks. */
struct staging {
    struct standardizer *buffers;
    const struct decoded *in;
    struct slice text[FIELD_COUNT]; /* trimmed */
    uint32_t nulls;                 /* FIELD_BITs of those that stand for null */
    struct event *out;
    struct reason *why;
};

void standardizer_release(struct standardizer *s) {
    buf_release(&s->id);
    buf_release(&s->name);
}

static bool is_null(struct slice text) {
    return text.n == 0 || slice_eq_nocase(text, "null") || slice_eq_nocase(text, "n/a") ||
           slice_eq_nocase(text, "none");
}

static bool field_is_null(const struct staging *g, enum field f) {
    return (g->nulls & FIELD_BIT(f)) != 0;
}

static bool is_yes(struct slice text) {
    return slice_eq_nocase(text, "yes") || slice_eq_nocase(text, "y") || slice_eq_nocase(text, "true") ||
           slice_eq_nocase(text, "1");
}

static bool is_no(struct slice text) {
    return slice_eq_nocase(text, "no") || slice_eq_nocase(text, "n") || slice_eq_nocase(text, "false") ||
           slice_eq_nocase(text, "0");
}

/* `before`, the value as received, `after`. */
static bool refuse(struct staging *g, enum reason_code code, const char *before, struct slice value,
                   const char *after) {
    struct slice shown = utf8_cut(value, QUOTED_MAX_BYTES);
    const char *cut = shown.n < value.n ? "…" : "";
    return reason_set(g->why, code, "%s%.*s%s%s", before, (int)shown.n, shown.p, cut, after);
}

static bool refuse_too_large(struct staging *g, const char *field, size_t n) {
    return reason_set(g->why, REASON_TOO_LARGE, "Too large: %s has %zu bytes, more than %d", field, n,
                      TEXT_MAX_BYTES);
}

static bool check_customer_id(struct staging *g) {
    struct slice text = g->text[FIELD_CUSTOMER_ID];
    if (field_is_null(g, FIELD_CUSTOMER_ID))
        return reason_set(g->why, REASON_INVALID_CUSTOMER_ID, "Invalid customer_id: null or empty");
    if (decimal_parse_integer(text, &g->out->customer_id) != DECIMAL_OK)
        return refuse(g, REASON_INVALID_CUSTOMER_ID, "Invalid customer_id: non-numeric value (", text, ")");
    return true;
}

/* A customer's own customer_id, of which the text makes its key. */
static bool check_customer_key(struct staging *g) {
    if (!check_customer_id(g))
        return false;
    struct buf *id = &g->buffers->id;
    buf_clear(id);
    buf_put_int(id, g->out->customer_id);
    g->out->id = buf_slice(id);
    return true;
}

static bool check_customer_name(struct staging *g) {
    struct slice text = g->text[FIELD_CUSTOMER_NAME];
    if (field_is_null(g, FIELD_CUSTOMER_NAME))
        return reason_set(g->why, REASON_INVALID_NAME, "Invalid name: null or empty");
    if (text.n > TEXT_MAX_BYTES)
        return refuse_too_large(g, "customer_name", text.n);
    struct buf *name = &g->buffers->name;
    buf_clear(name);
    utf8_put_lower(name, text);
    g->out->customer_name = buf_slice(name);
    return true;
}

static bool check_has_loan(struct staging *g) {
    struct slice text = g->text[FIELD_HAS_LOAN];
    g->out->has_loan_flag = is_yes(text);
    if (g->out->has_loan_flag || field_is_null(g, FIELD_HAS_LOAN) || is_no(text))
        return true;
    return refuse(g, REASON_INVALID_HAS_LOAN, "Invalid has_loan value: ", text, "");
}

static bool check_account_id(struct staging *g) {
    struct slice text = g->text[FIELD_ACCOUNT_ID];
    if (field_is_null(g, FIELD_ACCOUNT_ID))
        return reason_set(g->why, REASON_INVALID_ACCOUNT_ID, "Invalid account_id: null or empty");
    if (text.n > TEXT_MAX_BYTES)
        return refuse_too_large(g, "account_id", text.n);
    buf_set(&g->buffers->id, text);
    g->out->id = buf_slice(&g->buffers->id);
    return true;
}

static bool check_balance(struct staging *g) {
    struct slice text = g->text[FIELD_BALANCE];
    if (text.n == 0)
        return reason_set(g->why, REASON_INVALID_BALANCE, "Invalid balance: null or empty");
    if (field_is_null(g, FIELD_BALANCE))
        return refuse(g, REASON_INVALID_BALANCE, "Invalid balance: null representation (", text, ")");
    int64_t cents;
    if (decimal_parse(text, BALANCE_PRECISION, BALANCE_SCALE, &cents) != DECIMAL_OK)
        return refuse(g, REASON_INVALID_BALANCE, "Invalid balance: non-numeric value (", text, ")");
    if (cents < 0)
        return refuse(g, REASON_INVALID_BALANCE, "Invalid balance: negative value (", text, ")");
    g->out->balance_cents = cents;
    return true;
}

static bool check_account_type(struct staging *g) {
    struct slice text = g->text[FIELD_ACCOUNT_TYPE];
    if (field_is_null(g, FIELD_ACCOUNT_TYPE))
        return reason_set(g->why, REASON_INVALID_ACCOUNT_TYPE, "Invalid account_type: null or empty");
    if (slice_eq_nocase(text, account_type_name(ACCOUNT_SAVINGS)))
        g->out->account_type = ACCOUNT_SAVINGS;
    else if (slice_eq_nocase(text, account_type_name(ACCOUNT_CHECKING)))
        g->out->account_type = ACCOUNT_CHECKING;
    else
        return refuse(g, REASON_INVALID_ACCOUNT_TYPE, "Invalid account_type: must be Savings or Checking (",
                      text, ")");
    return true;
}

/* The first that is there: the source's time, updated_at, the Kafka timestamp. */
static bool check_event_time(struct staging *g) {
    struct slice text = g->text[FIELD_UPDATED_AT];
    if (g->in->has_source_time)
        g->out->event_at_ms = g->in->source_time_ms;
    else if (field_is_null(g, FIELD_UPDATED_AT))
        g->out->event_at_ms = g->out->loaded_at_ms;
    else if (!timestamp_parse(text, &g->out->event_at_ms))
        return refuse(
            g, REASON_INVALID_UPDATED_AT, "Invalid updated_at: ", text,
            " (accepted: an ISO-8601 date or date-time, or epoch milliseconds, of years 0001 to 9999)");
    return true;
}

/* loaded_at is emitted as a date, and what producers put there is not checked by every broker. */
static bool check_kafka_timestamp(struct staging *g) {
    int64_t ms = g->out->loaded_at_ms;
    if (ms >= TIMESTAMP_MIN && ms <= TIMESTAMP_MAX)
        return true;
    return reason_set(
        g->why, REASON_MALFORMED,
        "Malformed record: its Kafka timestamp %lld is not epoch milliseconds of years 0001 to 9999",
        (long long)ms);
}

static bool check_customer(struct staging *g) {
    return check_customer_key(g) && check_customer_name(g) && check_has_loan(g);
}

static bool check_account(struct staging *g) {
    return check_account_id(g) && check_customer_id(g) && check_balance(g) && check_account_type(g);
}

static bool check_fields(struct staging *g) {
    bool is_customer = g->out->entity == ENTITY_CUSTOMER;
    if (g->out->kind == CHANGE_UPSERT)
        return is_customer ? check_customer(g) : check_account(g);
    return is_customer ? check_customer_key(g) : check_account_id(g);
}

/* The entity's own fields. */
static const uint32_t fields_of[ENTITY_COUNT] = {
    [ENTITY_CUSTOMER] =
        FIELD_BIT(FIELD_CUSTOMER_ID) | FIELD_BIT(FIELD_CUSTOMER_NAME) | FIELD_BIT(FIELD_HAS_LOAN),
    [ENTITY_ACCOUNT] = FIELD_BIT(FIELD_ACCOUNT_ID) | FIELD_BIT(FIELD_CUSTOMER_ID) | FIELD_BIT(FIELD_BALANCE) |
                       FIELD_BIT(FIELD_ACCOUNT_TYPE),
};

bool standardize(struct standardizer *s, enum entity entity, const struct decoded *d,
                 int64_t kafka_timestamp_ms, struct event *out, struct reason *why) {
    *out = (struct event){.entity = entity, .kind = d->kind, .loaded_at_ms = kafka_timestamp_ms};
    why->code = REASON_NONE;
    struct staging g = {.buffers = s, .in = d, .out = out, .why = why};
    for (enum field f = 0; f < FIELD_COUNT; f++) {
        g.text[f] = slice_trim(d->fields[f]);
        if (is_null(g.text[f]))
            g.nulls |= FIELD_BIT(f);
    }
    if (d->kind == CHANGE_UPSERT) /* deletes have no fields to speak of */
        out->null_fields = g.nulls & fields_of[entity];
    return check_kafka_timestamp(&g) && check_fields(&g) && check_event_time(&g);
}
