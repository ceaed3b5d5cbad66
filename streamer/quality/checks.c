#include "streamer/quality/checks.h"

#include "streamer/base/timestamp.h"
#include "streamer/base/utf8.h"

#include <stdio.h>
#include <string.h>

#define BALANCE_MAX INT64_C(999999999999999999) /* decimal(18,2) in hundredths */

/* --- texts of values --- */

/* Room for any of them; a longer text is cut. */
struct text {
    char p[96];
};

static struct text text_of(struct slice s) {
    struct text t = {{0}};
    struct slice cut = utf8_cut(s, sizeof t.p - 1);
    memcpy(t.p, cut.p, cut.n);
    return t;
}

static struct text take(struct buf *b) {
    struct text t = text_of(buf_slice(b));
    buf_release(b);
    return t;
}

static struct text amount(int128 cents) {
    struct buf b = {0};
    decimal_put(&b, cents, 2);
    return take(&b);
}

static struct text rate(int64_t milli) {
    struct buf b = {0};
    decimal_put(&b, milli, 3);
    return take(&b);
}

static struct text number(int64_t n) {
    struct buf b = {0};
    buf_put_int(&b, n);
    return take(&b);
}

static struct text moment(int64_t ms) {
    struct buf b = {0};
    if (ms >= TIMESTAMP_MIN && ms <= TIMESTAMP_MAX)
        timestamp_put_iso(&b, ms);
    return take(&b);
}

static struct text flag(bool is) {
    return text_of(slice_str(is ? "true" : "false"));
}

/* --- findings --- */

static void find(struct judge *j, enum check_id check, const char *what, const char *expected,
                 const char *found) {
    j->find(j, check, what, expected, found);
}

static void same_amount(struct judge *j, enum check_id check, const char *what, int128 expected,
                        int128 found) {
    if (expected != found)
        find(j, check, what, amount(expected).p, amount(found).p);
}

static void same_number(struct judge *j, enum check_id check, const char *what, int64_t expected,
                        int64_t found) {
    if (expected != found)
        find(j, check, what, number(expected).p, number(found).p);
}

static void same_text(struct judge *j, enum check_id check, const char *what, struct slice expected,
                      struct slice found) {
    if (!slice_eq(expected, found))
        find(j, check, what, text_of(expected).p, text_of(found).p);
}

static void same_flag(struct judge *j, enum check_id check, const char *what, bool expected,
                      bool found) {
    if (expected != found)
        find(j, check, what, flag(expected).p, flag(found).p);
}

/* --- staging --- */

/* An account_type can be no other one, because the row could not be read then. */
static void accepted_values(const struct version_view *v, struct judge *j) {
    if (v->entity != ENTITY_ACCOUNT)
        return;
    int64_t balance = v->as.account.balance_amount;
    if (balance < 0 || balance > BALANCE_MAX)
        find(j, CHECK_ACCEPTED_VALUES, "balance_amount", "0.00 to 9999999999999999.99",
             amount(balance).p);
}

static void not_null(const struct version_view *v, struct judge *j) {
    if (v->entity == ENTITY_CUSTOMER && utf8_is_blank(v->as.customer.customer_name))
        find(j, CHECK_NOT_NULL, "customer_name", "", "");
}

/* --- snapshots --- */

static void one_current(const struct version_view *v, struct judge *j) {
    if (v->current_from != TIMESTAMP_NONE && v->version->from >= v->current_from)
        find(j, CHECK_ONE_CURRENT, "valid_from_at", moment(v->current_from).p,
             moment(v->version->from).p);
}

static void not_overlapping(const struct version_view *v, struct judge *j) {
    if (v->before != NULL && v->before->to > v->version->from)
        find(j, CHECK_NOT_OVERLAPPING, "valid_to_at", moment(v->version->from).p,
             moment(v->before->to).p);
}

static void not_empty(const struct version_view *v, struct judge *j) {
    if (v->version->to != TIMESTAMP_NONE && v->version->to <= v->version->from)
        find(j, CHECK_NOT_EMPTY, "valid_to_at", "", moment(v->version->to).p);
}

static void maximal(const struct version_view *v, struct judge *j) {
    if (v->before != NULL && v->before->to == v->version->from &&
        slice_eq(v->before->attributes, v->version->attributes))
        find(j, CHECK_MAXIMAL, "valid_from_at", "", moment(v->version->from).p);
}

static void version_has_row(const struct version_view *v, struct judge *j) {
    if (!v->has_row)
        find(j, CHECK_HISTORY_AGREES, "row of the id", "", "");
}

/* The newest event of an id is not before the start of its current version, nor before the end of
 * the last closed one. */
static void history_agrees(const struct timeline *line, const struct history_end *history,
                           struct judge *j) {
    int64_t newest = line->newest_event_at;
    int64_t least = line->has_current ? line->current.from : newest;
    if (history->exists && history->to > least)
        least = history->to;
    if (newest < least)
        find(j, CHECK_HISTORY_AGREES, "newest event", moment(least).p, moment(newest).p);
}

static void history_agrees_of_account(const struct account_view *v, struct judge *j) {
    history_agrees(&v->row->timeline, &v->history, j);
}

static void history_agrees_of_customer(const struct customer_view *v, struct judge *j) {
    history_agrees(&v->row->timeline, &v->history, j);
}

static void outdated_account(const struct account_view *v, struct judge *j) {
    if (timeline_is_outdated(&v->row->timeline))
        find(j, CHECK_OUTDATED_ACCOUNTS, "valid_from_at", "",
             moment(v->row->timeline.current.from).p);
}

static void outdated_customer(const struct customer_view *v, struct judge *j) {
    if (timeline_is_outdated(&v->row->timeline))
        find(j, CHECK_OUTDATED_CUSTOMERS, "valid_from_at", "",
             moment(v->row->timeline.current.from).p);
}

/* --- intermediate --- */

static void joined_equals_account(const struct account_view *v, struct judge *j) {
    const struct account_with_customer_row *joined = &v->row->joined;
    const struct account_attributes *now = &v->current;
    if (!v->row->has_joined)
        return;
    if (!v->row->timeline.has_current) {
        find(j, CHECK_JOINED_ACCOUNT, "account", "", "");
        return;
    }
    same_number(j, CHECK_JOINED_ACCOUNT, "customer_id", now->customer_id, joined->customer_id);
    same_amount(j, CHECK_JOINED_ACCOUNT, "balance_amount", now->balance_amount,
                joined->balance_amount);
    same_text(j, CHECK_JOINED_ACCOUNT, "account_type", now->account_type, joined->account_type);
    if (v->row->timeline.current.from != joined->valid_from_at)
        find(j, CHECK_JOINED_ACCOUNT, "valid_from_at", moment(v->row->timeline.current.from).p,
             moment(joined->valid_from_at).p);
}

/* The ref and the customer that it tells of. */
static void ref_equals_customer(const struct account_view *v, const struct customer_ref *ref,
                                struct judge *j) {
    same_flag(j, CHECK_JOINED_CUSTOMER, "customer is known", v->customer.known, ref->known);
    if (!v->customer.known || !ref->known)
        return;
    same_text(j, CHECK_JOINED_CUSTOMER, "customer_name of the ref", v->customer.customer_name,
              ref->customer_name);
    same_flag(j, CHECK_JOINED_CUSTOMER, "has_loan_flag of the ref", v->customer.has_loan_flag,
              ref->has_loan_flag);
}

static void joined_equals_customer(const struct account_view *v, struct judge *j) {
    static const struct customer_ref nobody = {.known = false, .customer_name = {"", 0}};
    const struct account_with_customer_row *joined = &v->row->joined;
    const struct customer_ref *ref = v->ref != NULL ? v->ref : &nobody;
    if (!v->row->timeline.has_current)
        return;
    same_flag(j, CHECK_JOINED_CUSTOMER, "joined row", ref->known, v->row->has_joined);
    if (ref->known && v->row->has_joined) {
        same_text(j, CHECK_JOINED_CUSTOMER, "customer_name", ref->customer_name,
                  joined->customer_name);
        same_flag(j, CHECK_JOINED_CUSTOMER, "has_loan_flag", ref->has_loan_flag,
                  joined->has_loan_flag);
    }
    if (v->is_customer_here)
        ref_equals_customer(v, ref, j);
}

/* An orphan counts from when its current version was loaded, up to when customers were read. */
static void orphan(const struct account_view *v, struct judge *j) {
    if (!v->row->timeline.has_current || v->row->has_joined)
        return;
    int64_t age_ms = v->read_until_ms - v->row->timeline.current.loaded_at;
    char what[64];
    (void)snprintf(what, sizeof what, "waits for its customer for %lld minutes",
                   (long long)(age_ms / 60000));
    if (age_ms >= v->orphan_after_ms)
        find(j, CHECK_ORPHANS, what, "", "");
}

/* --- marts --- */

/* numerator / 1000, half away from zero. Written apart from decimal_divide. */
static int128 thousandth(int128 numerator) {
    return numerator >= 0 ? (numerator + 500) / 1000 : -((-numerator + 500) / 1000);
}

static void interest(const struct account_view *v, struct judge *j) {
    const struct account_summary_row *s = &v->row->summary;
    if (!v->row->has_summary)
        return;
    int128 balance = s->original_balance_amount;
    int128 expected = thousandth(balance * s->interest_rate_pct);
    same_amount(j, CHECK_INTEREST, "annual_interest_amount", expected, s->annual_interest_amount);
    same_amount(j, CHECK_INTEREST, "new_balance_amount", balance + s->annual_interest_amount,
                s->new_balance_amount);
}

/* The last tier has no bound. */
static int64_t configured_rate(const struct rates *r, int64_t balance, bool has_loan) {
    int64_t milli = r->tiers[r->tier_count - 1].rate_milli;
    for (int i = r->tier_count - 2; i >= 0; i--)
        if (balance < r->tiers[i].below_cents)
            milli = r->tiers[i].rate_milli;
    return milli + (has_loan ? r->loan_bonus_milli : 0);
}

static void configured(const struct account_view *v, struct judge *j) {
    const struct account_summary_row *s = &v->row->summary;
    if (!v->row->has_summary || !v->row->has_joined)
        return;
    int64_t expected =
        configured_rate(v->rates, s->original_balance_amount, v->row->joined.has_loan_flag);
    if (expected != s->interest_rate_pct)
        find(j, CHECK_RATE, "interest_rate_pct", rate(expected).p, rate(s->interest_rate_pct).p);
}

static void balance_not_negative(const struct account_view *v, struct judge *j) {
    if (v->row->has_summary && v->row->summary.original_balance_amount < 0)
        find(j, CHECK_BALANCE, "original_balance_amount", "",
             amount(v->row->summary.original_balance_amount).p);
}

static void summary_has_joined(const struct account_view *v, struct judge *j) {
    const struct account_summary_row *s = &v->row->summary;
    const struct account_with_customer_row *joined = &v->row->joined;
    bool is_savings = v->row->has_joined && slice_eq(joined->account_type, slice_str("savings"));
    if (v->row->has_summary != is_savings) {
        find(j, CHECK_SUMMARY_JOINED, is_savings ? "summary" : "joined row of savings", "", "");
        return;
    }
    if (!is_savings)
        return;
    same_number(j, CHECK_SUMMARY_JOINED, "customer_id", joined->customer_id, s->customer_id);
    same_amount(j, CHECK_SUMMARY_JOINED, "original_balance_amount", joined->balance_amount,
                s->original_balance_amount);
}

static bool same_partitions(const struct totals *a, const struct totals *b) {
    if (a->partition_count != b->partition_count)
        return false;
    for (size_t i = 0; i < a->partition_count; i++)
        if (a->partitions[i].partition != b->partitions[i].partition ||
            a->partitions[i].links != b->partitions[i].links)
            return false;
    return true;
}

/* The totals that the row keeps, against its links. */
static void totals_equal_links(const struct customer_view *v, struct judge *j) {
    const struct customer_totals *kept = &v->row->totals.sums, *sum = &v->links.sums;
    same_number(j, CHECK_PROFILE, "accounts of the totals", sum->accounts, kept->accounts);
    same_amount(j, CHECK_PROFILE, "balance of the totals", sum->balance, kept->balance);
    same_amount(j, CHECK_PROFILE, "interest of the totals without a loan",
                sum->interest_without_loan, kept->interest_without_loan);
    same_amount(j, CHECK_PROFILE, "interest of the totals with a loan", sum->interest_with_loan,
                kept->interest_with_loan);
    if (!same_partitions(&v->links, &v->row->totals))
        find(j, CHECK_PROFILE, "partitions of the totals", "", "");
}

static void profile_equals_sums(const struct customer_view *v, struct judge *j) {
    const struct customer_profile_row *p = &v->row->profile;
    const struct customer_totals *sum = &v->links.sums;
    totals_equal_links(v, j);
    if (v->is_in_doubt)
        return;
    bool expected = v->current.known && sum->accounts > 0;
    same_flag(j, CHECK_PROFILE, "profile", expected, v->row->has_profile);
    if (!expected || !v->row->has_profile)
        return;
    same_text(j, CHECK_PROFILE, "customer_name", v->current.customer_name, p->customer_name);
    same_flag(j, CHECK_PROFILE, "has_loan_flag", v->current.has_loan_flag, p->has_loan_flag);
    same_number(j, CHECK_PROFILE, "total_accounts_count", sum->accounts, p->total_accounts_count);
    same_amount(j, CHECK_PROFILE, "total_balance_amount", sum->balance, p->total_balance_amount);
    same_amount(j, CHECK_PROFILE, "total_annual_interest_amount",
                v->current.has_loan_flag ? sum->interest_with_loan : sum->interest_without_loan,
                p->total_annual_interest_amount);
}

/* The account's side: its customer has a link with it, with what it is now. */
static void account_has_link(const struct account_view *v, struct judge *j) {
    if (!v->row->timeline.has_current || !v->is_customer_here)
        return;
    if (v->linked == NULL) {
        find(j, CHECK_LINKS, "link with its customer", "", "");
        return;
    }
    same_number(j, CHECK_LINKS, "partition", v->partition, v->linked->partition);
    same_amount(j, CHECK_LINKS, "balance_amount", v->current.balance_amount,
                v->linked->balance_amount);
    same_text(j, CHECK_LINKS, "account_type", v->current.account_type, v->linked->account_type);
}

/* The customer's side: the account of each link is there, and belongs to the customer. What else it
 * says is compared on the account's side. */
static void link_has_account(const struct link_view *v, struct judge *j) {
    if (v->is_account_here && (!v->has_account || v->account.customer_id != v->customer_id))
        find(j, CHECK_LINKS, "account of a link", "", "");
}

/* --- the table --- */

/* clang-format off */
static const struct check checks[CHECK_COUNT] = {
    [CHECK_FRESHNESS_CUSTOMERS] = {"source.freshness.customers", LAYER_SOURCE, SEVERITY_ERROR,
        .message = "the newest record of customers is old"},
    [CHECK_FRESHNESS_ACCOUNTS] = {"source.freshness.accounts", LAYER_SOURCE, SEVERITY_ERROR,
        .message = "the newest record of accounts is old"},
    [CHECK_REJECTED_CUSTOMERS] = {"source.rejected.customers", LAYER_SOURCE, SEVERITY_ERROR,
        .message = "many records of customers are rejected"},
    [CHECK_REJECTED_ACCOUNTS] = {"source.rejected.accounts", LAYER_SOURCE, SEVERITY_ERROR,
        .message = "many records of accounts are rejected"},
    [CHECK_UNKNOWN_FIELDS_CUSTOMERS] = {"source.unknown_fields.customers", LAYER_SOURCE,
        SEVERITY_WARN,
        .message = "customers have fields that are new and not known"},
    [CHECK_UNKNOWN_FIELDS_ACCOUNTS] = {"source.unknown_fields.accounts", LAYER_SOURCE,
        SEVERITY_WARN,
        .message = "accounts have fields that are new and not known"},
    [CHECK_ACCEPTED_VALUES] = {"staging.accepted_values", LAYER_STAGING, SEVERITY_ERROR,
        "a value is not among those that staging accepts", .of_version = accepted_values},
    [CHECK_NOT_NULL] = {"staging.not_null", LAYER_STAGING, SEVERITY_ERROR,
        "a value is missing that must be there", .of_version = not_null},
    [CHECK_NULL_RATE_HAS_LOAN] = {"staging.null_rate.has_loan", LAYER_STAGING, SEVERITY_ERROR,
        .message = "has_loan is null far more often than before, so that customers seem to have no "
                   "loan"},
    [CHECK_ONE_CURRENT] = {"snapshots.one_current_version", LAYER_SNAPSHOTS, SEVERITY_ERROR,
        "a closed version does not start before the current one", .of_version = one_current},
    [CHECK_NOT_OVERLAPPING] = {"snapshots.not_overlapping", LAYER_SNAPSHOTS, SEVERITY_ERROR,
        "a version ends behind the start of the next one", .of_version = not_overlapping},
    [CHECK_NOT_EMPTY] = {"snapshots.not_empty", LAYER_SNAPSHOTS, SEVERITY_ERROR,
        "a version does not end behind its start", .of_version = not_empty},
    [CHECK_MAXIMAL] = {"snapshots.maximal", LAYER_SNAPSHOTS, SEVERITY_ERROR,
        "a version equals the one that it follows", .of_version = maximal},
    [CHECK_HISTORY_AGREES] = {"snapshots.history_agrees", LAYER_SNAPSHOTS, SEVERITY_ERROR,
        "history and current row do not agree", .of_version = version_has_row,
        .of_account = history_agrees_of_account, .of_customer = history_agrees_of_customer},
    [CHECK_OUTDATED_CUSTOMERS] = {"snapshots.outdated.customers", LAYER_SNAPSHOTS, SEVERITY_WARN,
        "the customer is behind, because a newer record of it was rejected",
        .of_customer = outdated_customer},
    [CHECK_OUTDATED_ACCOUNTS] = {"snapshots.outdated.accounts", LAYER_SNAPSHOTS, SEVERITY_WARN,
        "the account is behind, because a newer record of it was rejected",
        .of_account = outdated_account},
    [CHECK_JOINED_ACCOUNT] = {"intermediate.joined_equals_account", LAYER_INTERMEDIATE,
        SEVERITY_ERROR,
        "the joined row differs from its account", .spans = true,
        .of_account = joined_equals_account},
    [CHECK_JOINED_CUSTOMER] = {"intermediate.joined_equals_customer", LAYER_INTERMEDIATE,
        SEVERITY_ERROR,
        "the joined row differs from its customer", .spans = true,
        .of_account = joined_equals_customer},
    [CHECK_ORPHANS] = {"intermediate.orphans", LAYER_INTERMEDIATE, SEVERITY_WARN,
        "the account has waited long for its customer", .of_account = orphan},
    [CHECK_INTEREST] = {"marts.interest", LAYER_MARTS, SEVERITY_ERROR,
        "interest or new balance is not what balance and rate give", .of_account = interest},
    [CHECK_RATE] = {"marts.rate", LAYER_MARTS, SEVERITY_ERROR,
        "the rate is not the configured one",
        .spans = true, /* with other rates, a row that waits for its ref keeps the rate of before */
        .of_account = configured},
    [CHECK_BALANCE] = {"marts.balance_not_negative", LAYER_MARTS, SEVERITY_ERROR,
        "the balance is negative", .of_account = balance_not_negative},
    [CHECK_PROFILE] = {"marts.profile_equals_sums", LAYER_MARTS, SEVERITY_ERROR,
        "the profile is not what the customer and the sums over its links give",
        .of_customer = profile_equals_sums},
    [CHECK_LINKS] = {"marts.links_equal_accounts", LAYER_MARTS, SEVERITY_ERROR,
        "the customer's totals count an account otherwise than it is", .spans = true,
        .of_account = account_has_link, .of_link = link_has_account},
    [CHECK_SUMMARY_JOINED] = {"marts.summary_has_joined", LAYER_MARTS, SEVERITY_ERROR,
        "summary and joined row do not belong together", .of_account = summary_has_joined},
    [CHECK_CONSERVATION] = {"pipeline.conservation", LAYER_PIPELINE, SEVERITY_ERROR,
        .message = "consumed is not applied + unchanged + quarantined + forwarded"},
    [CHECK_POSITIONS] = {"pipeline.positions", LAYER_PIPELINE, SEVERITY_ERROR,
        .message = "a position of the state is ahead of its topic, or went back"},
    [CHECK_ROW_COUNTS] = {"pipeline.row_counts", LAYER_PIPELINE, SEVERITY_ERROR,
        .message = "the state has another number of rows than its digest says"},
};
/* clang-format on */

const struct check *check_of(enum check_id id) {
    return &checks[id];
}

bool check_is_of_rows(enum check_id id) {
    const struct check *c = &checks[id];
    return c->of_version != NULL || c->of_account != NULL || c->of_customer != NULL ||
           c->of_link != NULL || id == CHECK_ROW_COUNTS || id == CHECK_POSITIONS;
}

void checks_of_version(const struct version_view *v, struct judge *j) {
    for (int i = 0; i < CHECK_COUNT; i++)
        if (checks[i].of_version != NULL)
            checks[i].of_version(v, j);
}

void checks_of_account(const struct account_view *v, struct judge *j) {
    for (int i = 0; i < CHECK_COUNT; i++)
        if (checks[i].of_account != NULL)
            checks[i].of_account(v, j);
}

void checks_of_customer(const struct customer_view *v, struct judge *j) {
    for (int i = 0; i < CHECK_COUNT; i++)
        if (checks[i].of_customer != NULL)
            checks[i].of_customer(v, j);
}

void checks_of_link(const struct link_view *v, struct judge *j) {
    for (int i = 0; i < CHECK_COUNT; i++)
        if (checks[i].of_link != NULL)
            checks[i].of_link(v, j);
}
