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
    {TOPIC_CUSTOMER_HISTORY, "customer_id", TOPIC_CUSTOMERS, CUSTOMER_ID, LINEAGE_IDENTITY, ""},
    {TOPIC_CUSTOMER_HISTORY, "customer_name", TOPIC_CUSTOMERS, CUSTOMER_NAME,
     LINEAGE_TRANSFORMATION, LOWER_CASE},
    {TOPIC_CUSTOMER_HISTORY, "has_loan_flag", TOPIC_CUSTOMERS, HAS_LOAN, LINEAGE_TRANSFORMATION,
     TO_BOOLEAN},
    {TOPIC_CUSTOMER_HISTORY, "loaded_at", TOPIC_CUSTOMERS, TIMESTAMP, LINEAGE_IDENTITY, ""},
    {TOPIC_CUSTOMER_HISTORY, "valid_from_at", TOPIC_CUSTOMERS, UPDATED_AT, LINEAGE_TRANSFORMATION,
     FROM_TIME},
    {TOPIC_CUSTOMER_HISTORY, "valid_from_at", TOPIC_CUSTOMERS, TIMESTAMP, LINEAGE_TRANSFORMATION,
     NO_TIME_OF_ITS_OWN},
    {TOPIC_CUSTOMER_HISTORY, "valid_to_at", TOPIC_CUSTOMERS, UPDATED_AT, LINEAGE_TRANSFORMATION,
     TO_TIME},
    {TOPIC_CUSTOMER_HISTORY, "valid_to_at", TOPIC_CUSTOMERS, TIMESTAMP, LINEAGE_TRANSFORMATION,
     NO_TIME_OF_ITS_OWN},

    /* account_history */
    {TOPIC_ACCOUNT_HISTORY, "account_id", TOPIC_ACCOUNTS, ACCOUNT_ID, LINEAGE_IDENTITY, ""},
    {TOPIC_ACCOUNT_HISTORY, "customer_id", TOPIC_ACCOUNTS, CUSTOMER_ID, LINEAGE_IDENTITY, ""},
    {TOPIC_ACCOUNT_HISTORY, "balance_amount", TOPIC_ACCOUNTS, BALANCE, LINEAGE_TRANSFORMATION,
     TO_CENTS},
    {TOPIC_ACCOUNT_HISTORY, "account_type", TOPIC_ACCOUNTS, ACCOUNT_TYPE, LINEAGE_TRANSFORMATION,
     LOWER_CASE},
    {TOPIC_ACCOUNT_HISTORY, "loaded_at", TOPIC_ACCOUNTS, TIMESTAMP, LINEAGE_IDENTITY, ""},
    {TOPIC_ACCOUNT_HISTORY, "valid_from_at", TOPIC_ACCOUNTS, UPDATED_AT, LINEAGE_TRANSFORMATION,
     FROM_TIME},
    {TOPIC_ACCOUNT_HISTORY, "valid_from_at", TOPIC_ACCOUNTS, TIMESTAMP, LINEAGE_TRANSFORMATION,
     NO_TIME_OF_ITS_OWN},
    {TOPIC_ACCOUNT_HISTORY, "valid_to_at", TOPIC_ACCOUNTS, UPDATED_AT, LINEAGE_TRANSFORMATION,
     TO_TIME},
    {TOPIC_ACCOUNT_HISTORY, "valid_to_at", TOPIC_ACCOUNTS, TIMESTAMP, LINEAGE_TRANSFORMATION,
     NO_TIME_OF_ITS_OWN},

    /* account_with_customer */
    {TOPIC_ACCOUNT_WITH_CUSTOMER, "account_id", TOPIC_ACCOUNTS, ACCOUNT_ID, LINEAGE_IDENTITY, ""},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, "customer_id", TOPIC_ACCOUNTS, CUSTOMER_ID, LINEAGE_IDENTITY, ""},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, "customer_name", TOPIC_CUSTOMERS, CUSTOMER_NAME,
     LINEAGE_TRANSFORMATION, LOWER_CASE},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, "has_loan_flag", TOPIC_CUSTOMERS, HAS_LOAN,
     LINEAGE_TRANSFORMATION, TO_BOOLEAN},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, "balance_amount", TOPIC_ACCOUNTS, BALANCE, LINEAGE_TRANSFORMATION,
     TO_CENTS},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, "account_type", TOPIC_ACCOUNTS, ACCOUNT_TYPE,
     LINEAGE_TRANSFORMATION, LOWER_CASE},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, "valid_from_at", TOPIC_ACCOUNTS, UPDATED_AT,
     LINEAGE_TRANSFORMATION, FROM_TIME},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, "valid_from_at", TOPIC_ACCOUNTS, TIMESTAMP,
     LINEAGE_TRANSFORMATION, NO_TIME_OF_ITS_OWN},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, NULL, TOPIC_ACCOUNTS, CUSTOMER_ID, LINEAGE_JOIN, EQUAL_IDS},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, NULL, TOPIC_CUSTOMERS, CUSTOMER_ID, LINEAGE_JOIN, EQUAL_IDS},

    /* account_summary */
    {TOPIC_ACCOUNT_SUMMARY, "account_id", TOPIC_ACCOUNTS, ACCOUNT_ID, LINEAGE_IDENTITY, ""},
    {TOPIC_ACCOUNT_SUMMARY, "customer_id", TOPIC_ACCOUNTS, CUSTOMER_ID, LINEAGE_IDENTITY, ""},
    {TOPIC_ACCOUNT_SUMMARY, "original_balance_amount", TOPIC_ACCOUNTS, BALANCE,
     LINEAGE_TRANSFORMATION, TO_CENTS},
    {TOPIC_ACCOUNT_SUMMARY, "interest_rate_pct", TOPIC_ACCOUNTS, BALANCE, LINEAGE_TRANSFORMATION,
     TIER},
    {TOPIC_ACCOUNT_SUMMARY, "interest_rate_pct", TOPIC_CUSTOMERS, HAS_LOAN, LINEAGE_TRANSFORMATION,
     BONUS},
    {TOPIC_ACCOUNT_SUMMARY, "annual_interest_amount", TOPIC_ACCOUNTS, BALANCE,
     LINEAGE_TRANSFORMATION, INTEREST},
    {TOPIC_ACCOUNT_SUMMARY, "annual_interest_amount", TOPIC_CUSTOMERS, HAS_LOAN,
     LINEAGE_TRANSFORMATION, BONUS},
    {TOPIC_ACCOUNT_SUMMARY, "new_balance_amount", TOPIC_ACCOUNTS, BALANCE, LINEAGE_TRANSFORMATION,
     "balance plus interest"},
    {TOPIC_ACCOUNT_SUMMARY, "new_balance_amount", TOPIC_CUSTOMERS, HAS_LOAN, LINEAGE_TRANSFORMATION,
     BONUS},
    {TOPIC_ACCOUNT_SUMMARY, NULL, TOPIC_ACCOUNTS, CUSTOMER_ID, LINEAGE_JOIN, EQUAL_IDS},
    {TOPIC_ACCOUNT_SUMMARY, NULL, TOPIC_CUSTOMERS, CUSTOMER_ID, LINEAGE_JOIN, EQUAL_IDS},
    {TOPIC_ACCOUNT_SUMMARY, NULL, TOPIC_ACCOUNTS, ACCOUNT_TYPE, LINEAGE_FILTER, SAVINGS_ONLY},

    /* customer_profile */
    {TOPIC_CUSTOMER_PROFILE, "customer_id", TOPIC_CUSTOMERS, CUSTOMER_ID, LINEAGE_IDENTITY, ""},
    {TOPIC_CUSTOMER_PROFILE, "customer_name", TOPIC_CUSTOMERS, CUSTOMER_NAME,
     LINEAGE_TRANSFORMATION, LOWER_CASE},
    {TOPIC_CUSTOMER_PROFILE, "has_loan_flag", TOPIC_CUSTOMERS, HAS_LOAN, LINEAGE_TRANSFORMATION,
     TO_BOOLEAN},
    {TOPIC_CUSTOMER_PROFILE, "total_accounts_count", TOPIC_ACCOUNTS, ACCOUNT_ID,
     LINEAGE_AGGREGATION, "how many"},
    {TOPIC_CUSTOMER_PROFILE, "total_balance_amount", TOPIC_ACCOUNTS, BALANCE, LINEAGE_AGGREGATION,
     "sum"},
    {TOPIC_CUSTOMER_PROFILE, "total_annual_interest_amount", TOPIC_ACCOUNTS, BALANCE,
     LINEAGE_AGGREGATION, "sum of the interest"},
    {TOPIC_CUSTOMER_PROFILE, "total_annual_interest_amount", TOPIC_CUSTOMERS, HAS_LOAN,
     LINEAGE_TRANSFORMATION, BONUS},
    {TOPIC_CUSTOMER_PROFILE, NULL, TOPIC_ACCOUNTS, CUSTOMER_ID, LINEAGE_JOIN, EQUAL_IDS},
    {TOPIC_CUSTOMER_PROFILE, NULL, TOPIC_CUSTOMERS, CUSTOMER_ID, LINEAGE_JOIN, EQUAL_IDS},
    {TOPIC_CUSTOMER_PROFILE, NULL, TOPIC_ACCOUNTS, ACCOUNT_TYPE, LINEAGE_FILTER, SAVINGS_ONLY},
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
