/* checks: the one table of all quality checks: what each is called, where it belongs, how bad it is
 * if it finds something, and which function looks. Those over rows are here, too: pure functions
 * over decoded rows. They know no state, no thread and no clock. */
#ifndef STREAMER_QUALITY_CHECKS_H
#define STREAMER_QUALITY_CHECKS_H

#include "schemas/rows.h"
#include "streamer/model/check.h"
#include "streamer/model/event.h"
#include "streamer/model/rates.h"
#include "streamer/task/account_row.h"
#include "streamer/task/customer_row.h"

#include <stdbool.h>
#include <stdint.h>

/* In the order of the report. */
enum check_id {
    CHECK_FRESHNESS_CUSTOMERS,
    CHECK_FRESHNESS_ACCOUNTS,
    CHECK_REJECTED_CUSTOMERS,
    CHECK_REJECTED_ACCOUNTS,
    CHECK_UNKNOWN_FIELDS_CUSTOMERS,
    CHECK_UNKNOWN_FIELDS_ACCOUNTS,
    CHECK_ACCEPTED_VALUES,
    CHECK_NOT_NULL,
    CHECK_NULL_RATE_HAS_LOAN,
    CHECK_ONE_CURRENT,
    CHECK_NOT_OVERLAPPING,
    CHECK_NOT_EMPTY,
    CHECK_MAXIMAL,
    CHECK_HISTORY_AGREES,
    CHECK_OUTDATED_CUSTOMERS,
    CHECK_OUTDATED_ACCOUNTS,
    CHECK_JOINED_ACCOUNT,
    CHECK_JOINED_CUSTOMER,
    CHECK_ORPHANS,
    CHECK_INTEREST,
    CHECK_RATE,
    CHECK_BALANCE,
    CHECK_PROFILE,
    CHECK_LINKS,
    CHECK_SUMMARY_JOINED,
    CHECK_CONSERVATION,
    CHECK_POSITIONS,
    CHECK_ROW_COUNTS,
    CHECK_COUNT
};

/* --- what a check over rows sees --- */

/* A version of an id, with the one before it. */
struct version_view {
    enum entity entity;
    const struct version *version, *before; /* before == NULL: it is the first one */
    /* The id's current version starts here; TIMESTAMP_NONE: it has none, or this is it. */
    int64_t current_from;
    bool has_row; /* the id has a row in the state, beside its versions */
    union {
        struct customer_attributes customer;
        struct account_attributes account;
    } as; /* the version's attributes, by `entity` */
};

/* The end of an id's closed versions. */
struct history_end {
    bool exists; /* there is a closed version */
    int64_t to;  /* the end of the last one */
};

struct account_view {
    struct slice id;
    const struct account_row *row;
    struct account_attributes current; /* only if row->timeline.has_current */
    struct history_end history;
    /* The ref of its customer in this partition; NULL: there is none. */
    const struct customer_ref *ref;
    /* What the customer's own partition says; only if this process has it. */
    bool is_customer_here;
    struct customer_ref customer;      /* as it is there */
    const struct account_link *linked; /* the link with this account there; NULL: there is none */
    int32_t partition;                 /* of the account */
    const struct rates *rates;
    int64_t read_until_ms;   /* since 1970: up to then its customer would be known (caught_up.h) */
    int64_t orphan_after_ms; /* the setting quality.orphans.warn */
};

/* One link of a customer. */
struct link_view {
    struct slice account_id;
    struct account_link link;
    int64_t customer_id;
    bool is_account_here;              /* this process has the account's partition */
    bool has_account;                  /* the account is current there, */
    struct account_attributes account; /* and this is it */
};

struct customer_view {
    int64_t id;
    const struct customer_row *row;
    struct customer_ref current; /* the current version; !known: there is none */
    struct history_end history;
    struct totals links; /* what all of its links add up to */
    bool is_in_doubt;    /* a restore has marked links of it (task_replay_ahead) */
};

/* --- what a check says --- */

/* The receiver of what checks find. The texts are borrowed. `expected` and `found` are values of
 * rows; "" where there is nothing to compare. */
struct judge {
    void (*find)(struct judge *j, enum check_id check, const char *what, const char *expected,
                 const char *found);
};

/* Static. A function that is NULL has nothing to say of such rows. */
struct check {
    const char *id; /* "marts.interest" */
    enum check_layer layer;
    enum check_severity severity;
    const char *message; /* what is wrong, behind "3 found: " */
    /* What it looks at can be changed by several tasks, or in several transactions: it is looked at
     * again before it counts (doubts.h). */
    bool spans;
    void (*of_version)(const struct version_view *v, struct judge *j);
    void (*of_account)(const struct account_view *v, struct judge *j);
    void (*of_customer)(const struct customer_view *v, struct judge *j);
    void (*of_link)(const struct link_view *v, struct judge *j);
};
const struct check *check_of(enum check_id id);
/* Whether it is a check over rows, which a scan looks at. */
bool check_is_of_rows(enum check_id id);

/* Run all checks of the table over one row. */
void checks_of_version(const struct version_view *v, struct judge *j);
void checks_of_account(const struct account_view *v, struct judge *j);
void checks_of_customer(const struct customer_view *v, struct judge *j);
void checks_of_link(const struct link_view *v, struct judge *j);

#endif
