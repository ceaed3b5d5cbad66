#include "streamer/model/field_names.h"

#include "streamer/base/mem.h"
#include "streamer/base/nearest.h"

#include <stdlib.h>

#define NAME(spelling, normal, field, rank)                                                        \
    { {(spelling), sizeof(spelling) - 1}, {(normal), sizeof(normal) - 1}, field, rank }

static const struct field_name customer_names[] = {
    NAME("customer_id", "customerid", FIELD_CUSTOMER_ID, FIELD_RANK_OWN),
    NAME("customer_name", "customername", FIELD_CUSTOMER_NAME, FIELD_RANK_OWN),
    NAME("name", "name", FIELD_CUSTOMER_NAME, FIELD_RANK_ALIAS),
    NAME("has_loan", "hasloan", FIELD_HAS_LOAN, FIELD_RANK_OWN),
    NAME("has_loan_flag", "hasloanflag", FIELD_HAS_LOAN, FIELD_RANK_ALIAS),
    NAME("updated_at", "updatedat", FIELD_UPDATED_AT, FIELD_RANK_OWN),
};

static const struct field_name account_names[] = {
    NAME("account_id", "accountid", FIELD_ACCOUNT_ID, FIELD_RANK_OWN),
    NAME("customer_id", "customerid", FIELD_CUSTOMER_ID, FIELD_RANK_OWN),
    NAME("balance", "balance", FIELD_BALANCE, FIELD_RANK_OWN),
    NAME("balance_amount", "balanceamount", FIELD_BALANCE, FIELD_RANK_ALIAS),
    NAME("account_type", "accounttype", FIELD_ACCOUNT_TYPE, FIELD_RANK_OWN),
    NAME("updated_at", "updatedat", FIELD_UPDATED_AT, FIELD_RANK_OWN),
};

static const struct {
    const struct field_name *names;
    size_t count;
} built_in[ENTITY_COUNT] = {
    [ENTITY_CUSTOMER] = {customer_names, ARRAY_LEN(customer_names)},
    [ENTITY_ACCOUNT] = {account_names, ARRAY_LEN(account_names)},
};

const char *field_label(enum field field) {
    static const char *const labels[FIELD_COUNT] = {
        [FIELD_CUSTOMER_ID] = "customer_id", [FIELD_CUSTOMER_NAME] = "customer_name",
        [FIELD_HAS_LOAN] = "has_loan",       [FIELD_ACCOUNT_ID] = "account_id",
        [FIELD_BALANCE] = "balance",         [FIELD_ACCOUNT_TYPE] = "account_type",
        [FIELD_UPDATED_AT] = "updated_at",
    };
    return labels[field];
}

/* Skips the marks that editors and exports leave before a name. */
static struct slice skip_marks(struct slice name) {
    static const char byte_order_mark[] = "\xef\xbb\xbf", zero_width_space[] = "\xe2\x80\x8b";
    while (slice_has_prefix(name, slice_str(byte_order_mark)) ||
           slice_has_prefix(name, slice_str(zero_width_space)))
        name = slice_of(name.p + 3, name.n - 3);
    return name;
}

/* Puts the normal form of a name into `out`, which has room for `max` bytes. False: it is too
 * long. */
static bool normalize(struct slice name, char *out, size_t max, struct slice *normal) {
    size_t n = 0;
    name = skip_marks(name);
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (c == ' ' || c == '_' || c == '-')
            continue;
        if (n == max)
            return false;
        out[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    *normal = slice_of(out, n);
    return true;
}

static const struct field_name *find_normal(const struct field_names *n, struct slice normal) {
    for (size_t i = 0; i < n->count; i++)
        if (slice_eq(n->names[i].normal, normal))
            return &n->names[i];
    return NULL;
}

const struct field_name *field_names_find_exact(const struct field_names *n, size_t *next,
                                                struct slice name) {
    for (size_t turn = 0; turn < n->count; turn++) {
        size_t i = *next < n->count ? *next : 0;
        *next = i + 1;
        if (slice_eq(n->names[i].spelling, name))
            return &n->names[i];
    }
    return NULL;
}

const struct field_name *field_names_find(const struct field_names *n, size_t *next,
                                          struct slice name) {
    const struct field_name *found = field_names_find_exact(n, next, name);
    if (found != NULL)
        return found;
    char text[FIELD_NAME_MAX_BYTES];
    struct slice normal;
    return normalize(name, text, n->longest, &normal) ? find_normal(n, normal) : NULL;
}

/* --- the configuration --- */

static bool find_field(enum entity entity, struct slice label, enum field *field) {
    for (size_t i = 0; i < built_in[entity].count; i++) {
        const struct field_name *name = &built_in[entity].names[i];
        *field = name->field;
        if (name->rank == FIELD_RANK_OWN && slice_eq(name->spelling, label))
            return true;
    }
    return false;
}

static bool refuse_field(enum entity entity, struct slice label, struct err *e) {
    char typed[NEAREST_NAME_MAX + 1] = "";
    memcpy(typed, label.p, label.n < NEAREST_NAME_MAX ? label.n : NEAREST_NAME_MAX);
    struct nearest nearest = nearest_to(typed);
    struct buf valid = {0};
    for (size_t i = 0; i < built_in[entity].count; i++) {
        const struct field_name *name = &built_in[entity].names[i];
        if (name->rank != FIELD_RANK_OWN)
            continue;
        nearest_offer(&nearest, name->spelling.p);
        buf_printf(&valid, "%s%s", valid.n > 0 ? ", " : "", name->spelling.p);
    }
    if (nearest.best[0] != '\0')
        (void)err_set(e, ERR_CONFIG, "no field \"%.80s\", did you mean %s?", typed, nearest.best);
    else
        (void)err_set(e, ERR_CONFIG, "no field \"%.80s\", use one of %s", typed, buf_cstr(&valid));
    buf_release(&valid);
    return false;
}

bool field_from_label(enum entity entity, struct slice label, enum field *field, struct err *e) {
    return find_field(entity, label, field) || refuse_field(entity, label, e);
}

/* Adds a configured name. `name` and `normal` point into n->texts. */
static bool add_name(struct field_names *n, enum field field, struct slice name,
                     struct slice normal, struct err *e) {
    const struct field_name *taken = find_normal(n, normal);
    if (normal.n == 0)
        return err_set(e, ERR_CONFIG, "%s has no name, write %s=NAME", field_label(field),
                       field_label(field));
    if (slice_eq(normal, slice_str("op")))
        return err_set(e, ERR_CONFIG,
                       "\"%.*s\" cannot be a field's name: it is the operation of AWS DMS",
                       (int)name.n, name.p);
    if (taken != NULL)
        return err_set(e, ERR_CONFIG, "\"%.*s\" is already a name of %s, remove it", (int)name.n,
                       name.p, field_label(taken->field));
    n->names[n->count++] = (struct field_name){name, normal, field, FIELD_RANK_CONFIGURED};
    if (normal.n > n->longest)
        n->longest = normal.n;
    return true;
}

/* Adds the name of a pair "field=name"; `to` has room for its normal form. */
static bool add_pair(struct field_names *n, enum entity entity, struct slice pair, char *to,
                     struct err *e) {
    const char *equals = pair.n > 0 ? memchr(pair.p, '=', pair.n) : NULL;
    if (equals == NULL)
        return err_set(e, ERR_CONFIG, "\"%.*s\" is not FIELD=NAME, as customer_id=cust_no",
                       (int)pair.n, pair.p);
    struct slice label = slice_trim(slice_of(pair.p, (size_t)(equals - pair.p)));
    struct slice name = slice_trim(slice_of(equals + 1, pair.n - (size_t)(equals + 1 - pair.p)));
    enum field field;
    struct slice normal;
    if (!field_from_label(entity, label, &field, e))
        return false;
    if (name.n > FIELD_NAME_MAX_BYTES || !normalize(name, to, FIELD_NAME_MAX_BYTES, &normal))
        return err_set(e, ERR_CONFIG, "a name of %s is longer than %d bytes", field_label(field),
                       FIELD_NAME_MAX_BYTES);
    return add_name(n, field, name, normal, e);
}

/* Takes the text up to the next comma off `rest`. rest->p becomes NULL with the last one. */
static struct slice next_pair(struct slice *rest) {
    struct slice pair = *rest;
    const char *comma = rest->n > 0 ? memchr(rest->p, ',', rest->n) : NULL;
    if (comma == NULL) {
        *rest = slice_null();
        return pair;
    }
    pair.n = (size_t)(comma - rest->p);
    *rest = slice_of(comma + 1, rest->n - pair.n - 1);
    return pair;
}

static bool add_configured(struct field_names *n, enum entity entity, struct slice more,
                           struct err *e) {
    char *to = n->texts + more.n; /* a normal form is never longer than its pair */
    for (struct slice rest = slice_of(n->texts, more.n); rest.p != NULL;) {
        struct slice pair = next_pair(&rest);
        if (!add_pair(n, entity, pair, to, e))
            return false;
        to += pair.n;
    }
    return true;
}

static size_t count_pairs(struct slice more) {
    size_t n = 0;
    while (more.p != NULL) {
        (void)next_pair(&more);
        n++;
    }
    return n;
}

bool field_names_init(struct field_names *n, enum entity entity, const char *more, struct err *e) {
    struct slice configured = more != NULL && more[0] != '\0' ? slice_str(more) : slice_null();
    *n = (struct field_names){.count = built_in[entity].count};
    n->names = mem_calloc(n->count + count_pairs(configured), sizeof *n->names);
    memcpy(n->names, built_in[entity].names, n->count * sizeof *n->names);
    for (size_t i = 0; i < n->count; i++)
        if (n->names[i].normal.n > n->longest)
            n->longest = n->names[i].normal.n;
    if (configured.n == 0)
        return true;
    n->texts = mem_alloc(2 * configured.n);
    memcpy(n->texts, configured.p, configured.n);
    if (add_configured(n, entity, configured, e))
        return true;
    field_names_release(n);
    return false;
}

void field_names_release(struct field_names *n) {
    free(n->names);
    free(n->texts);
    *n = (struct field_names){0};
}

static bool check_field_names(enum entity entity, const char *value, struct err *e) {
    struct field_names names;
    if (!field_names_init(&names, entity, value, e))
        return false;
    field_names_release(&names);
    return true;
}

bool check_customer_field_names(const char *value, struct err *e) {
    return check_field_names(ENTITY_CUSTOMER, value, e);
}
bool check_account_field_names(const char *value, struct err *e) {
    return check_field_names(ENTITY_ACCOUNT, value, e);
}
