#include "tests/bench/bank.h"

#include "streamer/base/buf.h"
#include "tests/bench/avro_rows.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
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
    uint32_t customer_schema_id, account_schema_id; /* 0: events are JSON */
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

void bank_use_avro(struct bank *b, uint32_t customer_schema_id, uint32_t account_schema_id) {
    b->customer_schema_id = customer_schema_id;
    b->account_schema_id = account_schema_id;
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

static void set_value(struct bank_event *e, struct buf *value) {
    if (value->n > sizeof e->value)
        fail("too long is the event of", e->key);
    memcpy(e->value, value->p, value->n);
    e->value_n = (int)value->n;
    buf_release(value);
}

static void put_avro_account(const struct bank *b, struct bank_event *e, int64_t i,
                             const char *type, int64_t cents, int64_t at_ms) {
    struct buf value = {0};
    const struct account a = {e->key, type, i / BANK_ACCOUNTS_OF_CUSTOMER, cents, at_ms};
    avro_put_account(&value, b->account_schema_id, &a);
    set_value(e, &value);
}

static void put_json_account(struct bank_event *e, int64_t i, int64_t cents, int64_t at_ms) {
    e->value_n =
        snprintf(e->value, sizeof e->value,
                 "{\"account_id\":\"%s\",\"customer_id\":\"%" PRId64 "\",\"balance\":\"%" PRId64
                 ".%02" PRId64 "\",\"account_type\":\"Savings\",\"updated_at\":%" PRId64 "}",
                 e->key, i / BANK_ACCOUNTS_OF_CUSTOMER, cents / 100, cents % 100, at_ms);
}

static void put_account(const struct bank *b, struct bank_event *e, int64_t i, int64_t cents,
                        int64_t at_ms) {
    put_key(e, i);
    if (b->account_schema_id != 0)
        put_avro_account(b, e, i, "Savings", cents, at_ms);
    else
        put_json_account(e, i, cents, at_ms);
}

int64_t bank_change_account(struct bank *b, int64_t i, struct bank_event *out) {
    struct item *a = account(b, i);
    a->current = a->count++;
    a->last_ms = ++b->clock_ms;
    int64_t cents = cents_of(i, a->current);
    put_account(b, out, i, cents, a->last_ms);
    return cents;
}

void bank_late_account(struct bank *b, int64_t i, int64_t ms, struct bank_event *out) {
    struct item *a = account(b, i);
    put_account(b, out, i, cents_of(i, a->count++), a->last_ms - ms);
}

void bank_repeat_account(struct bank *b, int64_t i, struct bank_event *out) {
    struct item *a = account(b, i);
    a->last_ms = ++b->clock_ms;
    put_account(b, out, i, cents_of(i, a->current), a->last_ms);
}

static void put_avro_customer(const struct bank *b, struct bank_event *e, int64_t i,
                              const struct item *c, bool has_loan) {
    char name[64];
    struct buf value = {0};
    (void)snprintf(name, sizeof name, "Customer %" PRId64 " the %" PRIu32, i, c->current);
    avro_put_customer(&value, b->customer_schema_id,
                      &(struct customer){name, i, c->last_ms, has_loan});
    set_value(e, &value);
}

static void put_json_customer(struct bank_event *e, int64_t i, const struct item *c,
                              bool has_loan) {
    e->value_n = snprintf(e->value, sizeof e->value,
                          "{\"customer_id\":\"%" PRId64 "\",\"customer_name\":\"Customer %" PRId64
                          " the %" PRIu32 "\",\"has_loan\":\"%s\",\"updated_at\":%" PRId64 "}",
                          i, i, c->current, has_loan ? "yes" : "no", c->last_ms);
}

void bank_change_customer(struct bank *b, int64_t i, struct bank_event *out) {
    struct item *c = &b->items[i];
    c->current = c->count++;
    c->last_ms = ++b->clock_ms;
    bool has_loan = (i + c->current) % 2 == 0;
    out->key_n = snprintf(out->key, sizeof out->key, "%" PRId64, i);
    if (b->customer_schema_id != 0)
        put_avro_customer(b, out, i, c, has_loan);
    else
        put_json_customer(out, i, c, has_loan);
}

/* Avro has types, so that fewer kinds of dirt can be written. */
static void put_dirty_avro_account(const struct bank *b, struct bank_event *e, int64_t i,
                                   uint64_t kind) {
    static const char *const types[] = {"", "Loan", "Savings"};
    const char *type = types[kind % (sizeof types / sizeof types[0])];
    put_avro_account(b, e, i, type, kind % 2 == 0 ? 5000 : -5000, b->clock_ms);
    if (strcmp(type, "Savings") == 0 && kind % 2 == 0)
        e->value_n -= 2; /* cut off */
}

/* The formats are those of the table above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
void bank_dirty_account(struct bank *b, int64_t i, uint64_t kind, struct bank_event *out) {
    struct item *a = account(b, i);
    uint64_t chosen = kind % (DIRTY_TEXTS + 1);
    if (chosen == DIRTY_TEXTS) { /* too late */
        put_account(b, out, i, cents_of(i, a->count++), a->last_ms - 10 * DAY_MS);
        return;
    }
    put_key(out, i);
    b->clock_ms++;
    if (b->account_schema_id != 0)
        put_dirty_avro_account(b, out, i, chosen);
    else
        out->value_n = snprintf(out->value, sizeof out->value, dirty_accounts[chosen], out->key,
                                i / BANK_ACCOUNTS_OF_CUSTOMER, b->clock_ms);
}
#pragma GCC diagnostic pop
