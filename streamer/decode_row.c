/* A row's fields by name. */
#include "streamer/base/mem.h"
#include "streamer/decode_parts.h"

/* A name without spaces, '_' and '-', in lower case. */
#define NAME_MAX_BYTES 16
struct known_name {
    char name[NAME_MAX_BYTES];
    enum field field;
    bool alias; /* counts only where the field's own name is not there */
};

static const struct known_name customer_names[] = {
    {"customerid", FIELD_CUSTOMER_ID, false}, {"customername", FIELD_CUSTOMER_NAME, false},
    {"name", FIELD_CUSTOMER_NAME, true},      {"hasloan", FIELD_HAS_LOAN, false},
    {"hasloanflag", FIELD_HAS_LOAN, true},    {"updatedat", FIELD_UPDATED_AT, false},
};

static const struct known_name account_names[] = {
    {"accountid", FIELD_ACCOUNT_ID, false},     {"customerid", FIELD_CUSTOMER_ID, false},
    {"balance", FIELD_BALANCE, false},          {"balanceamount", FIELD_BALANCE, true},
    {"accounttype", FIELD_ACCOUNT_TYPE, false}, {"updatedat", FIELD_UPDATED_AT, false},
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
static bool normalize(const char *name, char out[NAME_MAX_BYTES]) {
    size_t n = 0;
    for (; *name != '\0'; name++) {
        char c = *name;
        if (c == ' ' || c == '_' || c == '-')
            continue;
        if (n == NAME_MAX_BYTES - 1)
            return false;
        out[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    out[n] = '\0';
    return true;
}

static const struct known_name *find_name(enum entity entity, const char *name) {
    char normal[NAME_MAX_BYTES];
    if (!normalize(name, normal))
        return NULL;
    bool is_customer = entity == ENTITY_CUSTOMER;
    const struct known_name *known = is_customer ? customer_names : account_names;
    size_t count = is_customer ? ARRAY_LEN(customer_names) : ARRAY_LEN(account_names);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(known[i].name, normal) == 0)
            return &known[i];
    }
    return NULL;
}

uint32_t row_find(enum entity entity, const cJSON *row, const cJSON *found[FIELD_COUNT]) {
    uint32_t unknown = 0;
    uint32_t by_alias = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, row) {
        const struct known_name *k = find_name(entity, member->string);
        if (k == NULL) {
            unknown += strncmp(member->string, "__", 2) != 0;
            continue;
        }
        uint32_t bit = FIELD_BIT(k->field);
        bool beats = found[k->field] == NULL || ((by_alias & bit) != 0 && !k->alias);
        if (beats) {
            found[k->field] = member;
            by_alias = k->alias ? by_alias | bit : by_alias & ~bit;
        }
    }
    return unknown;
}

bool row_read_field(struct decoding *g, enum field field, struct typed item) {
    if (cJSON_IsObject(item.value) || cJSON_IsArray(item.value))
        return reason_set(g->why, REASON_MALFORMED, "Malformed record: %s is %s where a value belongs",
                          labels[field], cJSON_IsObject(item.value) ? "an object" : "a list");
    struct slice text = json_text(item.value);
    if (slice_eq(text, slice_str("__debezium_unavailable_value")))
        return reason_set(
            g->why, REASON_MALFORMED,
            "Malformed record: %s is __debezium_unavailable_value (the database did not log it; "
            "set REPLICA IDENTITY FULL or its like)",
            labels[field]);
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
