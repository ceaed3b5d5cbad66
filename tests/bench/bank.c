#include "tests/bench/bank.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BEGIN_MS INT64_C(1750000000000)
#define DAY_MS INT64_C(86400000)
/* Balances go round a prime number of cents in steps, so that none comes twice within that many
 * versions. */
#define BALANCES INT64_C(9999991)
#define STEP INT64_C(104729)
#define OFFSET INT64_C(7919)

/* What was said of a customer or an account so far. */
struct item {
    int64_t last_ms;
    uint32_t current; /* the version that holds now */
    uint32_t count;   /* of versions; 0: never seen */
};

/* The file: this, then the customers, then the accounts. */
struct bank {
    int64_t clock_ms, accounts, customers;
    struct item items[];
};

static const char *const dirty_accounts[] = {
    "{\"account_id\":\"%s\",\"customer_id\":\"%" PRId64
    "\",\"balance\":\"\",\"account_type\":\"Savings\",\"updated_at\":%" PRId64 "}",
    "{\"account_id\":\"%s\",\"customer_id\":\"%" PRId64
    "\",\"balance\":\"N/A\",\"account_type\":\"Savings\",\"updated_at\":%" PRId64 "}",
    "{\"account_id\":\"%s\",\"customer_id\":\"%" PRId64
    "\",\"balance\":\"12,500.00\",\"account_type\":\"Savings\",\"updated_at\":%" PRId64 "}",
    "{\"account_id\":\"%s\",\"customer_id\":\"%" PRId64
    "\",\"balance\":\"-50.00\",\"account_type\":\"Savings\",\"updated_at\":%" PRId64 "}",
    "{\"account_id\":\"%s\",\"customer_id\":\"C%" PRId64
    "\",\"balance\":\"50.00\",\"account_type\":\"Savings\",\"updated_at\":%" PRId64 "}",
    "{\"account_id\":\"%s\",\"customer_id\":\"%" PRId64
    "\",\"balance\":\"50.00\",\"account_type\":\"Loan\",\"updated_at\":%" PRId64 "}",
    "{\"account_id\":\"%s\",\"customer_id\":\"%" PRId64
    "\",\"balance\":\"50.00\",\"account_type\":\"Savings\",\"updated_at\":\"day %" PRId64 "\"}",
    "{\"account_id\":\"%s\",\"customer_id\":\"%" PRId64 "\",\"balance\":%" PRId64, /* cut off */
};
#define DIRTY_TEXTS (sizeof dirty_accounts / sizeof dirty_accounts[0])

static void fail(const char *what, const char *path) {
    (void)fprintf(stderr, "bank: %s %s\n", what, path);
    exit(1);
}

struct bank *bank_open(const char *path, int64_t accounts) {
    int64_t customers = (accounts + BANK_ACCOUNTS_OF_CUSTOMER - 1) / BANK_ACCOUNTS_OF_CUSTOMER;
    size_t bytes = sizeof(struct bank) + (size_t)(accounts + customers) * sizeof(struct item);
    struct stat s;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || fstat(fd, &s) != 0 || (s.st_size == 0 && ftruncate(fd, (off_t)bytes) != 0))
        fail("cannot open", path);
    if (s.st_size != 0 && s.st_size != (off_t)bytes)
        fail("another number of accounts is in", path);
    struct bank *b = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (b == MAP_FAILED)
        fail("cannot map", path);
    (void)close(fd);
    if (b->clock_ms == 0) {
        b->clock_ms = BEGIN_MS;
        b->accounts = accounts;
        b->customers = customers;
    }
    return b;
}

int64_t bank_accounts(const struct bank *b) {
    return b->accounts;
}

int64_t bank_customers(const struct bank *b) {
    return b->customers;
}

static struct item *account(struct bank *b, int64_t i) {
    return &b->items[b->customers + i];
}

static int64_t cents_of(int64_t i, uint32_t version) {
    return (i * OFFSET + (int64_t)version * STEP) % BALANCES;
}

static void put_key(struct bank_event *e, int64_t i) {
    e->key_n = snprintf(e->key, sizeof e->key, "A%07" PRId64, i);
}

static void put_account(struct bank_event *e, int64_t i, int64_t cents, int64_t at_ms) {
    put_key(e, i);
    e->value_n =
        snprintf(e->value, sizeof e->value,
                 "{\"account_id\":\"%s\",\"customer_id\":\"%" PRId64 "\",\"balance\":\"%" PRId64
                 ".%02" PRId64 "\",\"account_type\":\"Savings\",\"updated_at\":%" PRId64 "}",
                 e->key, i / BANK_ACCOUNTS_OF_CUSTOMER, cents / 100, cents % 100, at_ms);
}

int64_t bank_change_account(struct bank *b, int64_t i, struct bank_event *out) {
    struct item *a = account(b, i);
    a->current = a->count++;
    a->last_ms = ++b->clock_ms;
    int64_t cents = cents_of(i, a->current);
    put_account(out, i, cents, a->last_ms);
    return cents;
}

void bank_late_account(struct bank *b, int64_t i, int64_t ms, struct bank_event *out) {
    struct item *a = account(b, i);
    put_account(out, i, cents_of(i, a->count++), a->last_ms - ms);
}

void bank_repeat_account(struct bank *b, int64_t i, struct bank_event *out) {
    struct item *a = account(b, i);
    a->last_ms = ++b->clock_ms;
    put_account(out, i, cents_of(i, a->current), a->last_ms);
}

void bank_change_customer(struct bank *b, int64_t i, struct bank_event *out) {
    struct item *c = &b->items[i];
    c->current = c->count++;
    c->last_ms = ++b->clock_ms;
    out->key_n = snprintf(out->key, sizeof out->key, "%" PRId64, i);
    out->value_n = snprintf(out->value, sizeof out->value,
                            "{\"customer_id\":\"%" PRId64 "\",\"customer_name\":\"Customer %" PRId64
                            " the %" PRIu32 "\",\"has_loan\":\"%s\",\"updated_at\":%" PRId64 "}",
                            i, i, c->current, (i + c->current) % 2 == 0 ? "yes" : "no", c->last_ms);
}

/* The formats are those of the table above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
void bank_dirty_account(struct bank *b, int64_t i, uint64_t kind, struct bank_event *out) {
    struct item *a = account(b, i);
    uint64_t chosen = kind % (DIRTY_TEXTS + 1);
    if (chosen == DIRTY_TEXTS) { /* too late */
        put_account(out, i, cents_of(i, a->count++), a->last_ms - 10 * DAY_MS);
        return;
    }
    put_key(out, i);
    out->value_n = snprintf(out->value, sizeof out->value, dirty_accounts[chosen], out->key,
                            i / BANK_ACCOUNTS_OF_CUSTOMER, ++b->clock_ms);
}
#pragma GCC diagnostic pop
