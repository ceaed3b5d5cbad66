/* avro_rows: customers and accounts as Avro, in the registry's wire format, and their schemas. */
#ifndef TESTS_BENCH_AVRO_ROWS_H
#define TESTS_BENCH_AVRO_ROWS_H

#include "streamer/base/buf.h"
#include "streamer/model/schema_source.h"

#include <stdbool.h>
#include <stdint.h>

#define AVRO_ACCOUNT_ID 1 /* the id of avro_account_schema in avro_rows_source */

extern const char avro_customer_schema[], avro_account_schema[];

struct customer {
    const char *name;
    int64_t id, at_ms;
    bool has_loan;
};

struct account {
    const char *id, *type;
    int64_t customer_id, balance_cents, at_ms;
};

/* Append a flat row. `schema_id` is the id that the registry gave to its schema. */
void avro_put_customer(struct buf *out, uint32_t schema_id, const struct customer *c);
void avro_put_account(struct buf *out, uint32_t schema_id, const struct account *a);
/* Appends a row in an envelope of Debezium's connector for PostgreSQL. */
void avro_put_envelope(struct buf *out, const struct account *a, int64_t lsn);

/* Knows the schemas of flat accounts and of the envelope. */
struct schema_source *avro_rows_source(void);

#endif
