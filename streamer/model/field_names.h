/* field_names: the one table of field names. It says which member of a record is which field of an
 * entity. Names match without regard to the case of ASCII letters, to spaces, '_' and '-', and to
 * byte order marks (U+FEFF) and zero-width spaces (U+200B) before them. If a record has several
 * members for one field, the one with the best name counts, and of equally good ones the first:
 *
 *   1. the field's own name        customer_id
 *   2. a name of the configuration fields.customers: customer_id=cust_no
 *   3. an alias                    name, has_loan_flag, balance_amount
 *
 * So what a user has configured wins over an alias, which is only a guess. */
#ifndef STREAMER_MODEL_FIELD_NAMES_H
#define STREAMER_MODEL_FIELD_NAMES_H

#include "streamer/base/err.h"
#include "streamer/model/event.h"

#define FIELD_NAME_MAX_BYTES 128 /* the longest name in the configuration */

enum field_rank { FIELD_RANK_OWN, FIELD_RANK_CONFIGURED, FIELD_RANK_ALIAS, FIELD_RANKS };

struct field_name {
    struct slice spelling; /* as most records spell it, or as it is configured */
    struct slice normal;   /* in lower case and without what does not count */
    enum field field;
    enum field_rank rank;
};

/* It does not change after field_names_init, so threads may share it. */
struct field_names {
    struct field_name *names;
    size_t count;
    size_t longest; /* the length of the longest normal name, in bytes */
    char *texts;    /* what the configured names point to */
};

/* The names of an entity are the built-in ones and those of `more`: "field=name,field=name", with
 * the fields' own names on the left; NULL or "": none. False: `more` is not in that form, names a
 * field that is not there, or has a name twice; then there is nothing to release. */
bool field_names_init(struct field_names *n, enum entity entity, const char *more, struct err *e);
void field_names_release(struct field_names *n);

/* Finds the field that a member with this name is; NULL: it is not a field. The members of most
 * rows come in the order of the names, so the search begins at *next and moves it on. The caller
 * sets *next to 0 for the first member of a row. */
const struct field_name *field_names_find(const struct field_names *n, size_t *next,
                                          struct slice name);
/* The same, but only for a name that has exactly that spelling. */
const struct field_name *field_names_find_exact(const struct field_names *n, size_t *next,
                                                struct slice name);

/* The field's own name, such as "customer_id". */
const char *field_label(enum field field);
/* Finds the field of the entity with this own name. False: there is none, and `e` says which one is
 * the nearest. */
bool field_from_label(enum entity entity, struct slice label, enum field *field, struct err *e);

/* Rules for the configuration: whether field_names_init takes the value. */
bool check_customer_field_names(const char *value, struct err *e);
bool check_account_field_names(const char *value, struct err *e);

#endif
