/* avro_rows: accounts as Avro, in the registry's wire format, and the source of their schemas. */
#ifndef TESTS_BENCH_AVRO_ROWS_H
#define TESTS_BENCH_AVRO_ROWS_H

#include "streamer/base/buf.h"
#include "streamer/model/schema_source.h"

#include <stdint.h>

struct account {
    const char *id, *type;
    int64_t customer_id, balance_cents, at_ms;
};

/* Append a row: flat, and in an envelope of Debezium's connector for PostgreSQL. */
void avro_put_account(struct buf *out, const struct account *a);
void avro_put_envelope(struct buf *out, const struct account *a, int64_t lsn);

/* Knows the schemas of both. */
struct schema_source *avro_rows_source(void);

#endif
