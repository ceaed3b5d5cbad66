/* field_names: by which names the members of a record are known as fields of an entity. Names match
 * without regard to the case of ASCII letters, spaces, '_' and '-', and to byte order marks
 * (U+FEFF) and zero-width spaces (U+200B) before them. Where a record has several names of one
 * field, the best one counts, and of equally good ones the first:
 *
 *   1. the field's own name        customer_id
 *   2. a name of the configuration fields.customers: customer_id=cust_no
 *   3. an alias                    name, has_loan_flag, balance_amount
 *
 * so that what a user has configured wins over what we only suppose. */
#ifndef STREAMER_MODEL_FIELD_NAMES_H
#define STREAMER_MODEL_FIELD_NAMES_H

#include "streamer/base/err.h"
#include "streamer/model/event.h"

#define FIELD_NAME_MAX_BYTES 128 /* of a name in the configuration */

enum field_rank { FIELD_RANK_OWN, FIELD_RANK_CONFIGURED, FIELD_RANK_ALIAS, FIELD_RANKS };

struct field_name {
    struct slice usual;  /* as most records spell it: found at once */
    struct slice normal; /* what counts: lower case, without what is disregarded */
    enum field field;
    enum field_rank rank;
};

/* Not changed after field_names_init, so threads may share it. */
struct field_names {
    struct field_name *names;
    size_t count;
    size_t longest; /* of the normal names, in bytes */
    char *texts;    /* what the configured ones point to */
};

/* The names of an entity: built in, and `more`: "field=name,field=name", the field by its own name;
 * NULL or "": none. False, with nothing to release: not that form, no such field, or a name
 * twice. */
bool field_names_init(struct field_names *n, enum entity entity, const char *more, struct err *e);
void field_names_release(struct field_names *n);

/* The members of most rows come in the order of the names, so the search begins at *next, 0 for the
 * first member of a row, and moves it on. NULL: no field. */
const struct field_name *field_names_find(const struct field_names *n, size_t *next,
                                          struct slice name);
/* Only a name that is spelled as usual or as configured. */
const struct field_name *field_names_find_exact(const struct field_names *n, size_t *next,
                                                struct slice name);

/* "customer_id". */
const char *field_label(enum field field);
/* The field of the entity that has this label. False, with the nearest one: it has none. */
bool field_from_label(enum entity entity, struct slice label, enum field *field, struct err *e);

/* Rules for the configuration: what field_names_init takes. */
bool check_customer_field_names(const char *value, struct err *e);
bool check_account_field_names(const char *value, struct err *e);

#endif
