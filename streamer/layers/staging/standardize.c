#include "streamer/layers/staging/standardize.h"

#include "streamer/base/decimal.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/utf8.h"
#include "streamer/model/entity.h"

#define BALANCE_PRECISION 18
#define BALANCE_SCALE 2

/* The longest value, in bytes, that a reason quotes whole. The reason becomes a header of a message
 * that already carries the whole value, and must not make that message too large for the broker. */
#define QUOTED_MAX_BYTES 4096

#define KAFKA_NO_TIMESTAMP (-1)

/* One record on its way through the checks. */
struct staging {
    struct standardizer *buffers;
    const struct decoded *in;
    struct slice text[FIELD_COUNT]; /* the fields, trimmed */
    uint32_t nulls;                 /* FIELD_BITs of the fields whose text stands for null */
    bool time_is_invalid;           /* updated_at decides the event time, and is not a time */
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

static bool time_is_valid(int64_t ms) {
    return ms >= TIMESTAMP_MIN && ms <= TIMESTAMP_MAX;
}

static bool field_is_null(const struct staging *g, enum field f) {
    return (g->nulls & FIELD_BIT(f)) != 0;
}

static bool field_is_unavailable(const struct staging *g, enum field f) {
    return (g->in->unavailable & FIELD_BIT(f)) != 0;
}

static bool is_yes(struct slice text) {
    return slice_eq_nocase(text, "yes") || slice_eq_nocase(text, "y") ||
           slice_eq_nocase(text, "true") || slice_eq_nocase(text, "1");
}

static bool is_no(struct slice text) {
    return slice_eq_nocase(text, "no") || slice_eq_nocase(text, "n") ||
           slice_eq_nocase(text, "false") || slice_eq_nocase(text, "0");
}

/* The reason's text is `before`, the value as received, and `after`. */
static bool refuse(struct staging *g, enum reason_code code, const char *before, struct slice value,
                   const char *after) {
    struct slice shown = utf8_cut(value, QUOTED_MAX_BYTES);
    const char *cut = shown.n < value.n ? "…" : "";
    return reason_set(g->why, code, "%s%.*s%s%s", before, (int)shown.n, shown.p, cut, after);
}

static bool refuse_too_large(struct staging *g, const char *field, size_t n) {
    return reason_set(g->why, REASON_TOO_LARGE, "Too large: %s has %zu bytes, more than %d", field,
                      n, TEXT_MAX_BYTES);
}

/* The field of the id is not there. If no field of the entity is there, the reason also names the
 * fields that are. */
static bool refuse_null_id(struct staging *g, enum reason_code code, const char *text) {
    struct slice names = g->in->strange_names;
    if (names.p == NULL)
        return reason_set(g->why, code, "%s", text);
    return reason_set(g->why, code, "%s (no known field is there, but: %.*s)", text, (int)names.n,
                      names.p);
}

static bool check_customer_id(struct staging *g) {
    struct slice text = g->text[FIELD_CUSTOMER_ID];
    if (field_is_unavailable(g, FIELD_CUSTOMER_ID))
        return true;
    if (field_is_null(g, FIELD_CUSTOMER_ID))
        return refuse_null_id(g, REASON_INVALID_CUSTOMER_ID, "Invalid customer_id: null or empty");
    if (decimal_parse_integer(text, &g->out->customer_id) != DECIMAL_OK)
        return refuse(g, REASON_INVALID_CUSTOMER_ID, "Invalid customer_id: non-numeric value (",
                      text, ")");
    return true;
}

static bool check_customer_name(struct staging *g) {
    struct slice text = g->text[FIELD_CUSTOMER_NAME];
    if (field_is_unavailable(g, FIELD_CUSTOMER_NAME))
        return true;
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

/* Whether the text is this number in any form, such as 1.0 or 0e0. */
static bool is_number(struct slice text, int64_t value) {
    int64_t number;
    return decimal_parse_integer(text, &number) == DECIMAL_OK && number == value;
}

static bool check_has_loan(struct staging *g) {
    struct slice text = g->text[FIELD_HAS_LOAN];
    g->out->has_loan_flag = is_yes(text);
    if (g->out->has_loan_flag || field_is_null(g, FIELD_HAS_LOAN) || is_no(text))
        return true;
    g->out->has_loan_flag = is_number(text, 1);
    return g->out->has_loan_flag || is_number(text, 0) ||
           refuse(g, REASON_INVALID_HAS_LOAN, "Invalid has_loan value: ", text, "");
}

static bool check_account_id(struct staging *g) {
    struct slice text = g->text[FIELD_ACCOUNT_ID];
    if (field_is_null(g, FIELD_ACCOUNT_ID))
        return refuse_null_id(g, REASON_INVALID_ACCOUNT_ID, "Invalid account_id: null or empty");
    return text.n <= TEXT_MAX_BYTES || refuse_too_large(g, "account_id", text.n);
}

static bool check_balance(struct staging *g) {
    struct slice text = g->text[FIELD_BALANCE];
    if (field_is_unavailable(g, FIELD_BALANCE))
        return true;
    if (text.n == 0)
        return reason_set(g->why, REASON_INVALID_BALANCE, "Invalid balance: null or empty");
    if (field_is_null(g, FIELD_BALANCE))
        return refuse(g, REASON_INVALID_BALANCE, "Invalid balance: null representation (", text,
                      ")");
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
    if (field_is_unavailable(g, FIELD_ACCOUNT_TYPE))
        return true;
    if (field_is_null(g, FIELD_ACCOUNT_TYPE))
        return reason_set(g->why, REASON_INVALID_ACCOUNT_TYPE,
                          "Invalid account_type: null or empty");
    if (slice_eq_nocase(text, account_type_name(ACCOUNT_SAVINGS)))
        g->out->account_type = ACCOUNT_SAVINGS;
    else if (slice_eq_nocase(text, account_type_name(ACCOUNT_CHECKING)))
        g->out->account_type = ACCOUNT_CHECKING;
    else
        return refuse(g, REASON_INVALID_ACCOUNT_TYPE,
                      "Invalid account_type: must be Savings or Checking (", text, ")");
    return true;
}

static bool check_event_time(struct staging *g) {
    if (!g->time_is_invalid)
        return true;
    if (field_is_unavailable(g, FIELD_UPDATED_AT))
        return reason_set(
            g->why, REASON_MALFORMED,
            "Malformed record: updated_at is __debezium_unavailable_value (the database did not "
            "log "
            "it), and nothing else says when the change was");
    return refuse(g, REASON_INVALID_UPDATED_AT, "Invalid updated_at: ", g->text[FIELD_UPDATED_AT],
                  " (accepted: " TIMESTAMP_FORMS ")");
}

/* The Kafka timestamp is emitted as the date loaded_at, and not every broker checks what producers
 * set it to. */
static bool check_kafka_timestamp(struct staging *g) {
    int64_t ms = g->out->loaded_at_ms;
    if (time_is_valid(ms) && ms != KAFKA_NO_TIMESTAMP)
        return true;
    if (ms == KAFKA_NO_TIMESTAMP)
        return reason_set(g->why, REASON_MALFORMED,
                          "Malformed record: it has no Kafka timestamp (-1)");
    return reason_set(
        g->why, REASON_MALFORMED,
        "Malformed record: its Kafka timestamp %lld is not epoch milliseconds of years 0001 to "
        "9999",
        (long long)ms);
}

/* An id that could be read is good; else the check of its field says what is wrong. */
static bool check_id(struct staging *g) {
    if (g->out->id.n > 0)
        return true;
    return g->out->entity == ENTITY_CUSTOMER ? check_customer_id(g) : check_account_id(g);
}

static bool check_customer(struct staging *g) {
    return check_id(g) && check_customer_name(g) && check_has_loan(g);
}

static bool check_account(struct staging *g) {
    return check_id(g) && check_customer_id(g) && check_balance(g) && check_account_type(g);
}

static bool check_fields(struct staging *g) {
    switch (g->out->kind) {
    case CHANGE_UPSERT:
        return g->out->entity == ENTITY_CUSTOMER ? check_customer(g) : check_account(g);
    case CHANGE_DELETE:
    case CHANGE_TOMBSTONE:
        return check_id(g);
    case CHANGE_TRUNCATE:
        break;
    }
    return true;
}

/* --- what is set whether or not the record is accepted --- */

static bool read_updated_at(const struct staging *g, int64_t *ms) {
    struct slice text = g->text[FIELD_UPDATED_AT];
    switch (g->in->updated_at_type) {
    case UPDATED_AT_TEXT:
        return timestamp_parse(text, ms);
    case UPDATED_AT_MS:
        return decimal_parse_integer(text, ms) == DECIMAL_OK && time_is_valid(*ms);
    case UPDATED_AT_NO_DATE:
        break;
    }
    return false;
}

/* The event time is the first of these that is there: the source's time; updated_at, unless the
 * change ends the row; the Kafka timestamp. */
static void set_event_time(struct staging *g) {
    int64_t ms;
    bool decides =
        g->out->kind == CHANGE_UPSERT && !g->in->has_source_time &&
        (!field_is_null(g, FIELD_UPDATED_AT) || field_is_unavailable(g, FIELD_UPDATED_AT));
    g->out->event_at_ms = g->out->loaded_at_ms;
    if (g->in->has_source_time) {
        g->out->has_own_time = true;
        g->out->event_at_ms = g->in->source_time_ms;
    } else if (decides && !field_is_unavailable(g, FIELD_UPDATED_AT) && read_updated_at(g, &ms)) {
        g->out->has_own_time = true;
        g->out->event_at_ms = ms;
    } else {
        g->time_is_invalid = decides;
    }
}

/* Sets the id of a customer: its customer_id as decimal text. */
static void set_customer_key(struct staging *g) {
    struct buf *id = &g->buffers->id;
    if (decimal_parse_integer(g->text[FIELD_CUSTOMER_ID], &g->out->customer_id) != DECIMAL_OK)
        return;
    buf_clear(id);
    buf_put_int(id, g->out->customer_id);
    g->out->id = buf_slice(id);
}

static void set_account_key(struct staging *g) {
    struct slice text = g->text[FIELD_ACCOUNT_ID];
    if (field_is_null(g, FIELD_ACCOUNT_ID) || text.n > TEXT_MAX_BYTES)
        return;
    buf_set(&g->buffers->id, text);
    g->out->id = buf_slice(&g->buffers->id);
}

static struct staging staging_begin(struct standardizer *s, enum entity entity,
                                    const struct decoded *d, int64_t kafka_timestamp_ms,
                                    struct event *out) {
    struct staging g = {.buffers = s, .in = d, .out = out};
    *out = (struct event){
        .entity = entity,
        .kind = d->kind,
        .loaded_at_ms = kafka_timestamp_ms,
        .is_read = d->is_read,
        .position = d->position,
    };
    for (enum field f = 0; f < FIELD_COUNT; f++) {
        g.text[f] = slice_trim(d->fields[f]);
        if (is_null(g.text[f]) || (f == FIELD_CUSTOMER_NAME && utf8_is_blank(g.text[f])))
            g.nulls |= FIELD_BIT(f);
    }
    set_event_time(&g);
    if (d->kind != CHANGE_TRUNCATE && entity == ENTITY_CUSTOMER)
        set_customer_key(&g);
    else if (d->kind != CHANGE_TRUNCATE)
        set_account_key(&g);
    return g;
}

bool standardize(struct standardizer *s, enum entity entity, const struct decoded *d,
                 int64_t kafka_timestamp_ms, struct event *out, struct reason *why) {
    struct staging g = staging_begin(s, entity, d, kafka_timestamp_ms, out);
    g.why = why;
    why->code = REASON_NONE;
    if (d->kind == CHANGE_UPSERT) { /* of a delete only the id counts */
        uint32_t fields = entity_info(entity)->fields;
        out->unavailable = d->unavailable & fields;
        out->null_fields = g.nulls & fields & ~d->unavailable;
    }
    return check_kafka_timestamp(&g) && check_fields(&g) && check_event_time(&g);
}

void standardize_rejected(struct standardizer *s, enum entity entity, const struct decoded *d,
                          int64_t kafka_timestamp_ms, struct event *out) {
    (void)staging_begin(s, entity, d, kafka_timestamp_ms, out);
}
