/* A row's fields by name. */
#include "streamer/base/mem.h"
#include "streamer/decode_parts.h"

/* What counts is a name without spaces, '_' and '-', in lower case. */
#define NAME_MAX_BYTES 16
struct known_name {
    struct slice usual; /* as most records spell it: found at once */
    char normal[NAME_MAX_BYTES];
    enum field field;
    bool alias; /* counts only where the field's own name is not there */
};

#define NAME(usual, normal, field, alias)                                                                    \
    { {(usual), sizeof(usual) - 1}, normal, field, alias }

static const struct known_name customer_names[] = {
    NAME("customer_id", "customerid", FIELD_CUSTOMER_ID, false),
    NAME("customer_name", "customername", FIELD_CUSTOMER_NAME, false),
    NAME("name", "name", FIELD_CUSTOMER_NAME, true),
    NAME("has_loan", "hasloan", FIELD_HAS_LOAN, false),
    NAME("has_loan_flag", "hasloanflag", FIELD_HAS_LOAN, true),
    NAME("updated_at", "updatedat", FIELD_UPDATED_AT, false),
};

static const struct known_name account_names[] = {
    NAME("account_id", "accountid", FIELD_ACCOUNT_ID, false),
    NAME("customer_id", "customerid", FIELD_CUSTOMER_ID, false),
    NAME("balance", "balance", FIELD_BALANCE, false),
    NAME("balance_amount", "balanceamount", FIELD_BALANCE, true),
    NAME("account_type", "accounttype", FIELD_ACCOUNT_TYPE, false),
    NAME("updated_at", "updatedat", FIELD_UPDATED_AT, false),
};

static const char *const labels[FIELD_COUNT] = {
    [FIELD_CUSTOMER_ID] = "customer_id", [FIELD_CUSTOMER_NAME] = "customer_name",
    [FIELD_HAS_LOAN] = "has_loan",       [FIELD_ACCOUNT_ID] = "account_id",
    [FIELD_BALANCE] = "balance",         [FIELD_ACCOUNT_TYPE] = "account_type",
    [FIELD_UPDATED_AT] = "updated_at",
};

enum field row_id_field(enum entity entity) {
    return entity == ENTITY_CUSTOMER ? FIELD_CUSTOMER_ID : FIELD_ACCOUNT_ID;
}

/* False when it is longer than any known name. */
static bool normalize(struct slice name, char out[NAME_MAX_BYTES]) {
    size_t n = 0;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (c == ' ' || c == '_' || c == '-')
            continue;
        if (n == NAME_MAX_BYTES - 1)
            return false;
        out[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    out[n] = '\0';
    return true;
}

/* The choice among the members of a row. */
struct choice {
    enum entity entity;
    size_t next;         /* the place among the known names behind the one that was found last */
    uint32_t own, alias; /* fields that were seen so far by their own name, by an alias */
    uint32_t fields, unknown;
};

/* The members of most rows come in the order of the known names, so the search begins behind the last one. */
static const struct known_name *find_name(struct choice *c, struct slice name) {
    bool is_customer = c->entity == ENTITY_CUSTOMER;
    const struct known_name *known = is_customer ? customer_names : account_names;
    size_t count = is_customer ? ARRAY_LEN(customer_names) : ARRAY_LEN(account_names);
    for (size_t turn = 0; turn < count; turn++) {
        size_t i = c->next < count ? c->next : 0;
        c->next = i + 1;
        if (slice_eq(known[i].usual, name))
            return &known[i];
    }
    char normal[NAME_MAX_BYTES];
    if (!normalize(name, normal))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(known[i].normal, normal) == 0)
            return &known[i];
    }
    return NULL;
}

/* The next member. True: it stands for *field, until a better one comes; the best is the first of the field's own name, then
 * the first of an alias. */
static bool choose(struct choice *c, struct slice name, enum field *field) {
    const struct known_name *k = find_name(c, name);
    if (k == NULL) {
        c->unknown += !slice_has_prefix(name, slice_str("__"));
        return false;
    }
    uint32_t bit = FIELD_BIT(k->field);
    bool better = ((k->alias ? c->own | c->alias : c->own) & bit) == 0;
    *(k->alias ? &c->alias : &c->own) |= bit;
    c->fields++;
    *field = k->field;
    return better;
}

uint32_t row_find(enum entity entity, const cJSON *row, const cJSON *found[FIELD_COUNT]) {
    struct choice c = {.entity = entity};
    enum field field;
    const cJSON *member;
    cJSON_ArrayForEach(member, row) {
        if (choose(&c, slice_str(member->string), &field))
            found[field] = member;
    }
    return c.unknown;
}

size_t row_find_flat(enum entity entity, const struct json_pair *pairs, size_t count,
                     const struct json_pair *found[FIELD_COUNT], uint32_t *unknown) {
    struct choice c = {.entity = entity};
    enum field field;
    for (size_t i = 0; i < count; i++) {
        if (choose(&c, pairs[i].name, &field))
            found[field] = &pairs[i];
    }
    *unknown = c.unknown;
    return c.fields;
}

static bool refuse_unavailable(struct decoding *g, enum field field) {
    return reason_set(g->why, REASON_MALFORMED,
                      "Malformed record: %s is __debezium_unavailable_value (the database did not log it; "
                      "set REPLICA IDENTITY FULL or its like)",
                      labels[field]);
}

static bool is_unavailable(struct slice text) {
    return slice_eq(text, slice_str("__debezium_unavailable_value"));
}

bool row_read_field(struct decoding *g, enum field field, struct typed item) {
    if (cJSON_IsObject(item.value) || cJSON_IsArray(item.value))
        return reason_set(g->why, REASON_MALFORMED, "Malformed record: %s is %s where a value belongs",
                          labels[field], cJSON_IsObject(item.value) ? "an object" : "a list");
    struct slice text = json_text(item.value);
    if (is_unavailable(text))
        return refuse_unavailable(g, field);
    struct buf *converted = &g->decoder->converted[field];
    if (item.schema != NULL && !connect_decimal_text(item, converted, &text))
        return reason_set(
            g->why, REASON_MALFORMED,
            "Malformed record: %s is not base64 of a decimal of at most 16 bytes, as its schema says",
            labels[field]);
    if (item.schema != NULL && field == FIELD_UPDATED_AT)
        connect_time_text(item, converted, &text);
    g->out->fields[field] = text;
    return true;
}

bool row_read(struct decoding *g, struct typed row, uint32_t wanted) {
    const cJSON *found[FIELD_COUNT] = {NULL};
    g->out->unknown_fields = row_find(g->entity, row.value, found);
    for (enum field f = 0; f < FIELD_COUNT; f++) {
        if (found[f] == NULL || (wanted & FIELD_BIT(f)) == 0)
            continue;
        struct typed item = {found[f], connect_member_schema(row.schema, found[f]->string)};
        if (!row_read_field(g, f, item))
            return false;
    }
    return true;
}

bool row_read_flat(struct decoding *g, const struct json_pair *const found[FIELD_COUNT], uint32_t unknown) {
    uint32_t wanted = debezium_wanted_fields(g);
    g->out->unknown_fields = unknown;
    for (enum field f = 0; f < FIELD_COUNT; f++) {
        if (found[f] == NULL || (wanted & FIELD_BIT(f)) == 0)
            continue;
        if (is_unavailable(found[f]->text))
            return refuse_unavailable(g, f);
        g->out->fields[f] = found[f]->text;
    }
    return true;
}
