/* rows_peer: random rows, and the same rows encoded by avro-c, which does not depend on
 * schemas/rows.c. A failure ends the test. */
#ifndef TESTS_UNIT_ROWS_PEER_H
#define TESTS_UNIT_ROWS_PEER_H

#include "schemas/codec.h"
#include "schemas/rows.h"
#include "support.h"

#include <avro.h>

/* Texts that break careless encoders. */
struct slice nasty_text(struct rng *r);
int128 any_total(struct rng *r);
int64_t any_time(struct rng *r);
/* Fills a row with random values. `for_json`: only values that JSON has room for. */
void fill_row(const struct row_type *type, void *row, struct rng *r, bool for_json);
void assert_same_rows(const struct row_type *type, const void *a, const void *b);
/* The text of schemas/<name>.avsc. */
void read_schema_text(const char *name, struct buf *out);

/* A registry that knows the schemas of the result types, by numbers that are their own in each of
 * the four bytes. */
extern const uint32_t own_schema_ids[ROW_RESULT_COUNT];
codec_find_schema find_own_schema;
/* A row of any result type. */
union any_result {
    struct customer_history_row customer_history;
    struct account_history_row account_history;
    struct account_with_customer_row account_with_customer;
    struct account_summary_row account_summary;
    struct customer_profile_row customer_profile;
};

/* A value of a schema, and avro-c's memory for its bytes. */
struct peer {
    avro_schema_t schema;
    avro_value_iface_t *iface;
    avro_value_t value;
    char bytes[65536];
};
struct peer *peer_new(const char *name);
struct peer *peer_of_text(struct slice schema);
void peer_free(struct peer *p);
/* The bytes are good until the next call. */
struct slice peer_encode(struct peer *p);
/* Decodes one value, and asserts that no byte is left. */
void peer_decode(struct peer *p, struct slice bytes);
void peer_set(struct peer *p, const struct row_type *type, const void *row);

avro_value_t member(const avro_value_t *record, const char *name);
void set_decimal(avro_value_t *v, int128 x);
void set_bytes(avro_value_t *v, struct slice s);
void set_text(avro_value_t *v, struct slice s);
void assert_bytes_equal(const char *what, struct slice got, struct slice expected);

#endif
