/* bank: the customers and accounts of a benchmark, and the next event of each. A file keeps what
 * was said of them so far, so that the programs that take turns never repeat a balance by accident.
 * Account i belongs to customer i / BANK_ACCOUNTS_OF_CUSTOMER. The same calls in the same order
 * give the same events. */
#ifndef TESTS_BENCH_BANK_H
#define TESTS_BENCH_BANK_H

#include <stdint.h>

#define BANK_ACCOUNTS_OF_CUSTOMER 10
#define BANK_EVENT_BYTES 256

struct bank;

/* The key and the value of one event: a text in JSON, or Avro after bank_use_avro. */
struct bank_event {
    char key[24];
    char value[BANK_EVENT_BYTES];
    int key_n, value_n;
};

/* Opens `path`, or makes it, for the whole life of the process; ends the process with a message if
 * it cannot, or if it holds another number of accounts. */
struct bank *bank_open(const char *path, int64_t accounts);
/* Makes the values of all later events Avro, in the registry's wire format, with the ids that the
 * registry gave to the schemas of avro_rows. The file keeps that. */
void bank_use_avro(struct bank *b, uint32_t customer_schema_id, uint32_t account_schema_id);
int64_t bank_accounts(const struct bank *b);
int64_t bank_customers(const struct bank *b);

/* Another balance than any before, at a later time. Returns the balance in cents. */
int64_t bank_change_account(struct bank *b, int64_t i, struct bank_event *out);
/* Another name and loan, at a later time. */
void bank_change_customer(struct bank *b, int64_t i, struct bank_event *out);
/* Another balance than any before, `ms` before the newest event of the account, which stays the
 * current one. */
void bank_late_account(struct bank *b, int64_t i, int64_t ms, struct bank_event *out);
/* The current balance, at a later time. */
void bank_repeat_account(struct bank *b, int64_t i, struct bank_event *out);
/* A record that is rejected and changes nothing; `kind` (0 or more) chooses why. */
void bank_dirty_account(struct bank *b, int64_t i, uint64_t kind, struct bank_event *out);

#endif
