#include "streamer/model/lineage.h"

#include "streamer/base/mem.h"

/* The columns of the inputs. `timestamp` is no field of a value, but the Kafka record's own. */
#define CUSTOMER_ID "customer_id"
#define CUSTOMER_NAME "customer_name"
#define HAS_LOAN "has_loan"
#define ACCOUNT_ID "account_id"
#define BALANCE "balance"
#define ACCOUNT_TYPE "account_type"
#define UPDATED_AT "updated_at"
#define TIMESTAMP "timestamp"

static const struct lineage_input inputs[] = {
    {TOPIC_CUSTOMERS, CUSTOMER_ID, "long", "the customer"},
    {TOPIC_CUSTOMERS, CUSTOMER_NAME, "string", "name of the customer"},
    {TOPIC_CUSTOMERS, HAS_LOAN, "boolean", "whether the customer has a loan"},
    {TOPIC_CUSTOMERS, UPDATED_AT, "timestamp", "time of the event, where the record has one"},
    {TOPIC_CUSTOMERS, TIMESTAMP, "timestamp", "timestamp of the Kafka record"},
    {TOPIC_ACCOUNTS, ACCOUNT_ID, "string", "the account"},
    {TOPIC_ACCOUNTS, CUSTOMER_ID, "long", "the customer whose account it is"},
    {TOPIC_ACCOUNTS, BALANCE, "decimal(18,2)", "balance of the account"},
    {TOPIC_ACCOUNTS, ACCOUNT_TYPE, "string", "savings or checking"},
    {TOPIC_ACCOUNTS, UPDATED_AT, "timestamp", "time of the event, where the record has one"},
    {TOPIC_ACCOUNTS, TIMESTAMP, "timestamp", "timestamp of the Kafka record"},
};

#define LOWER_CASE "trimmed, in lower case"
#define TO_BOOLEAN "yes, y, true, 1 and the like become true"
#define TO_CENTS "rounded to two decimals, half away from zero"
#define FROM_TIME "when the event happened that begins the version"
#define TO_TIME "when the next event of the id happened"
#define NO_TIME_OF_ITS_OWN "of a record that has no time of its own"
#define TIER "the rate by balance"
#define BONUS "the bonus of a customer who has a loan"
#define INTEREST "balance times rate, rounded to two decimals"
#define SAVINGS_ONLY "savings accounts only"
#define EQUAL_IDS "the account's customer_id is the customer's"

static const struct lineage table[] = {
    /* customer_history */
    {TOPIC_CUSTOMER_HISTORY, TOPIC_CUSTOMERS, "customer_id", CUSTOMER_ID, "", LINEAGE_IDENTITY},
    {TOPIC_CUSTOMER_HISTORY, TOPIC_CUSTOMERS, "customer_name", CUSTOMER_NAME, LOWER_CASE,
     LINEAGE_TRANSFORMATION},
    {TOPIC_CUSTOMER_HISTORY, TOPIC_CUSTOMERS, "has_loan_flag", HAS_LOAN, TO_BOOLEAN,
     LINEAGE_TRANSFORMATION},
    {TOPIC_CUSTOMER_HISTORY, TOPIC_CUSTOMERS, "loaded_at", TIMESTAMP, "", LINEAGE_IDENTITY},
    {TOPIC_CUSTOMER_HISTORY, TOPIC_CUSTOMERS, "valid_from_at", UPDATED_AT, FROM_TIME,
     LINEAGE_TRANSFORMATION},
    {TOPIC_CUSTOMER_HISTORY, TOPIC_CUSTOMERS, "valid_from_at", TIMESTAMP, NO_TIME_OF_ITS_OWN,
     LINEAGE_TRANSFORMATION},
    {TOPIC_CUSTOMER_HISTORY, TOPIC_CUSTOMERS, "valid_to_at", UPDATED_AT, TO_TIME,
     LINEAGE_TRANSFORMATION},
    {TOPIC_CUSTOMER_HISTORY, TOPIC_CUSTOMERS, "valid_to_at", TIMESTAMP, NO_TIME_OF_ITS_OWN,
     LINEAGE_TRANSFORMATION},

    /* account_history */
    {TOPIC_ACCOUNT_HISTORY, TOPIC_ACCOUNTS, "account_id", ACCOUNT_ID, "", LINEAGE_IDENTITY},
    {TOPIC_ACCOUNT_HISTORY, TOPIC_ACCOUNTS, "customer_id", CUSTOMER_ID, "", LINEAGE_IDENTITY},
    {TOPIC_ACCOUNT_HISTORY, TOPIC_ACCOUNTS, "balance_amount", BALANCE, TO_CENTS,
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_HISTORY, TOPIC_ACCOUNTS, "account_type", ACCOUNT_TYPE, LOWER_CASE,
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_HISTORY, TOPIC_ACCOUNTS, "loaded_at", TIMESTAMP, "", LINEAGE_IDENTITY},
    {TOPIC_ACCOUNT_HISTORY, TOPIC_ACCOUNTS, "valid_from_at", UPDATED_AT, FROM_TIME,
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_HISTORY, TOPIC_ACCOUNTS, "valid_from_at", TIMESTAMP, NO_TIME_OF_ITS_OWN,
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_HISTORY, TOPIC_ACCOUNTS, "valid_to_at", UPDATED_AT, TO_TIME,
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_HISTORY, TOPIC_ACCOUNTS, "valid_to_at", TIMESTAMP, NO_TIME_OF_ITS_OWN,
     LINEAGE_TRANSFORMATION},

    /* account_with_customer */
    {TOPIC_ACCOUNT_WITH_CUSTOMER, TOPIC_ACCOUNTS, "account_id", ACCOUNT_ID, "", LINEAGE_IDENTITY},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, TOPIC_ACCOUNTS, "customer_id", CUSTOMER_ID, "", LINEAGE_IDENTITY},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, TOPIC_CUSTOMERS, "customer_name", CUSTOMER_NAME, LOWER_CASE,
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, TOPIC_CUSTOMERS, "has_loan_flag", HAS_LOAN, TO_BOOLEAN,
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, TOPIC_ACCOUNTS, "balance_amount", BALANCE, TO_CENTS,
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, TOPIC_ACCOUNTS, "account_type", ACCOUNT_TYPE, LOWER_CASE,
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, TOPIC_ACCOUNTS, "valid_from_at", UPDATED_AT, FROM_TIME,
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, TOPIC_ACCOUNTS, "valid_from_at", TIMESTAMP, NO_TIME_OF_ITS_OWN,
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, TOPIC_ACCOUNTS, NULL, CUSTOMER_ID, EQUAL_IDS, LINEAGE_JOIN},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, TOPIC_CUSTOMERS, NULL, CUSTOMER_ID, EQUAL_IDS, LINEAGE_JOIN},

    /* account_summary */
    {TOPIC_ACCOUNT_SUMMARY, TOPIC_ACCOUNTS, "account_id", ACCOUNT_ID, "", LINEAGE_IDENTITY},
    {TOPIC_ACCOUNT_SUMMARY, TOPIC_ACCOUNTS, "customer_id", CUSTOMER_ID, "", LINEAGE_IDENTITY},
    {TOPIC_ACCOUNT_SUMMARY, TOPIC_ACCOUNTS, "original_balance_amount", BALANCE, TO_CENTS,
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_SUMMARY, TOPIC_ACCOUNTS, "interest_rate_pct", BALANCE, TIER,
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_SUMMARY, TOPIC_CUSTOMERS, "interest_rate_pct", HAS_LOAN, BONUS,
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_SUMMARY, TOPIC_ACCOUNTS, "annual_interest_amount", BALANCE, INTEREST,
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_SUMMARY, TOPIC_CUSTOMERS, "annual_interest_amount", HAS_LOAN, BONUS,
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_SUMMARY, TOPIC_ACCOUNTS, "new_balance_amount", BALANCE, "balance plus interest",
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_SUMMARY, TOPIC_CUSTOMERS, "new_balance_amount", HAS_LOAN, BONUS,
     LINEAGE_TRANSFORMATION},
    {TOPIC_ACCOUNT_SUMMARY, TOPIC_ACCOUNTS, NULL, CUSTOMER_ID, EQUAL_IDS, LINEAGE_JOIN},
    {TOPIC_ACCOUNT_SUMMARY, TOPIC_CUSTOMERS, NULL, CUSTOMER_ID, EQUAL_IDS, LINEAGE_JOIN},
    {TOPIC_ACCOUNT_SUMMARY, TOPIC_ACCOUNTS, NULL, ACCOUNT_TYPE, SAVINGS_ONLY, LINEAGE_FILTER},

    /* customer_profile */
    {TOPIC_CUSTOMER_PROFILE, TOPIC_CUSTOMERS, "customer_id", CUSTOMER_ID, "", LINEAGE_IDENTITY},
    {TOPIC_CUSTOMER_PROFILE, TOPIC_CUSTOMERS, "customer_name", CUSTOMER_NAME, LOWER_CASE,
     LINEAGE_TRANSFORMATION},
    {TOPIC_CUSTOMER_PROFILE, TOPIC_CUSTOMERS, "has_loan_flag", HAS_LOAN, TO_BOOLEAN,
     LINEAGE_TRANSFORMATION},
    {TOPIC_CUSTOMER_PROFILE, TOPIC_ACCOUNTS, "total_accounts_count", ACCOUNT_ID, "how many",
     LINEAGE_AGGREGATION},
    {TOPIC_CUSTOMER_PROFILE, TOPIC_ACCOUNTS, "total_balance_amount", BALANCE, "sum",
     LINEAGE_AGGREGATION},
    {TOPIC_CUSTOMER_PROFILE, TOPIC_ACCOUNTS, "total_annual_interest_amount", BALANCE,
     "sum of the interest", LINEAGE_AGGREGATION},
    {TOPIC_CUSTOMER_PROFILE, TOPIC_CUSTOMERS, "total_annual_interest_amount", HAS_LOAN, BONUS,
     LINEAGE_TRANSFORMATION},
    {TOPIC_CUSTOMER_PROFILE, TOPIC_ACCOUNTS, NULL, CUSTOMER_ID, EQUAL_IDS, LINEAGE_JOIN},
    {TOPIC_CUSTOMER_PROFILE, TOPIC_CUSTOMERS, NULL, CUSTOMER_ID, EQUAL_IDS, LINEAGE_JOIN},
    {TOPIC_CUSTOMER_PROFILE, TOPIC_ACCOUNTS, NULL, ACCOUNT_TYPE, SAVINGS_ONLY, LINEAGE_FILTER},
};

const struct lineage *lineage_table(size_t *count) {
    *count = ARRAY_LEN(table);
    return table;
}

const struct lineage_input *lineage_inputs(size_t *count) {
    *count = ARRAY_LEN(inputs);
    return inputs;
}

const char *lineage_kind_name(enum lineage_kind kind) {
    static const char *const names[LINEAGE_KIND_COUNT] = {
        [LINEAGE_IDENTITY] = "IDENTITY",       [LINEAGE_TRANSFORMATION] = "TRANSFORMATION",
        [LINEAGE_AGGREGATION] = "AGGREGATION", [LINEAGE_JOIN] = "JOIN",
        [LINEAGE_FILTER] = "FILTER",
    };
    return names[kind];
}

const char *lineage_kind_type(enum lineage_kind kind) {
    return kind == LINEAGE_JOIN || kind == LINEAGE_FILTER ? "INDIRECT" : "DIRECT";
}
