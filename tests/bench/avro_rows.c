#include "avro_rows.h"

#include "streamer/base/decimal.h"

#include <string.h>

#define ENVELOPE_ID 2

const char avro_customer_schema[] =
    "{\"type\":\"record\",\"name\":\"Customer\",\"namespace\":\"bank\",\"fields\":["
    "{\"name\":\"customer_id\",\"type\":\"long\"},{\"name\":\"customer_name\",\"type\":\"string\"},"
    "{\"name\":\"has_loan\",\"type\":\"boolean\"},"
    "{\"name\":\"updated_at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}}]}";

const char avro_account_schema[] =
    "{\"type\":\"record\",\"name\":\"Account\",\"namespace\":\"bank\",\"fields\":["
    "{\"name\":\"account_id\",\"type\":\"string\"},{\"name\":\"customer_id\",\"type\":\"long\"},"
    "{\"name\":\"balance\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\","
    "\"precision\":18,\"scale\":2}},{\"name\":\"account_type\",\"type\":\"string\"},"
    "{\"name\":\"updated_at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}}]}";

/* tests/data/avro/debezium.avsc */
static const char envelope_schema[] =
    "{\"type\":\"record\",\"name\":\"Envelope\",\"namespace\":\"xa.public.accounts\",\"f"
    "ields\":[{\"name\":\"before\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Value"
    "\",\"fields\":[{\"name\":\"account_id\",\"type\":\"string\"},{\"name\":\"customer_id"
    "\",\"type\":[\"null\",\"long\"],\"default\":null},{\"name\":\"balance\",\"type\":[\"nu"
    "ll\",{\"type\":\"bytes\",\"scale\":2,\"precision\":18,\"connect.version\":1,\"conn"
    "ect.parameters\":{\"scale\":\"2\",\"connect.decimal.precision\":\"18\"},\"connec"
    "t.name\":\"org.apache.kafka.connect.data.Decimal\",\"logicalType\":\"decimal"
    "\"}],\"default\":null},{\"name\":\"account_type\",\"type\":[\"null\",\"string\"],\"d"
    "efault\":null},{\"name\":\"updated_at\",\"type\":[{\"type\":\"long\",\"connect.ver"
    "sion\":1,\"connect.default\":0,\"connect.name\":\"io.debezium.time.MicroTime"
    "stamp\"},\"null\"],\"default\":0}],\"connect.name\":\"xa.public.accounts.Value"
    "\"}],\"default\":null},{\"name\":\"after\",\"type\":[\"null\",\"Value\"],\"default\":"
    "null},{\"name\":\"source\",\"type\":{\"type\":\"record\",\"name\":\"Source\",\"namesp"
    "ace\":\"io.debezium.connector.postgresql\",\"fields\":[{\"name\":\"version\",\"t"
    "ype\":\"string\"},{\"name\":\"connector\",\"type\":\"string\"},{\"name\":\"name\",\"ty"
    "pe\":\"string\"},{\"name\":\"ts_ms\",\"type\":\"long\"},{\"name\":\"snapshot\",\"type\""
    ":[{\"type\":\"string\",\"connect.version\":1,\"connect.parameters\":{\"allowed\""
    ":\"true,first,first_in_data_collection,last_in_data_collection,last,fal"
    "se,incremental\"},\"connect.default\":\"false\",\"connect.name\":\"io.debezium"
    ".data.Enum\"},\"null\"],\"default\":\"false\"},{\"name\":\"db\",\"type\":\"string\"},"
    "{\"name\":\"sequence\",\"type\":[\"null\",\"string\"],\"default\":null},{\"name\":\"t"
    "s_us\",\"type\":[\"null\",\"long\"],\"default\":null},{\"name\":\"ts_ns\",\"type\":[\""
    "null\",\"long\"],\"default\":null},{\"name\":\"schema\",\"type\":\"string\"},{\"name"
    "\":\"table\",\"type\":\"string\"},{\"name\":\"txId\",\"type\":[\"null\",\"long\"],\"defa"
    "ult\":null},{\"name\":\"lsn\",\"type\":[\"null\",\"long\"],\"default\":null},{\"name"
    "\":\"xmin\",\"type\":[\"null\",\"long\"],\"default\":null},{\"name\":\"origin\",\"type"
    "\":[\"null\",\"string\"],\"default\":null},{\"name\":\"origin_lsn\",\"type\":[\"null"
    "\",\"long\"],\"default\":null}],\"connect.version\":1,\"connect.name\":\"io.debe"
    "zium.connector.postgresql.Source\"}},{\"name\":\"transaction\",\"type\":[\"nul"
    "l\",{\"type\":\"record\",\"name\":\"block\",\"namespace\":\"event\",\"fields\":[{\"nam"
    "e\":\"id\",\"type\":\"string\"},{\"name\":\"total_order\",\"type\":\"long\"},{\"name\":"
    "\"data_collection_order\",\"type\":\"long\"}],\"connect.version\":1,\"connect.n"
    "ame\":\"event.block\"}],\"default\":null},{\"name\":\"op\",\"type\":\"string\"},{\"n"
    "ame\":\"ts_ms\",\"type\":[\"null\",\"long\"],\"default\":null},{\"name\":\"ts_us\",\"t"
    "ype\":[\"null\",\"long\"],\"default\":null},{\"name\":\"ts_ns\",\"type\":[\"null\",\"l"
    "ong\"],\"default\":null}],\"connect.version\":2,\"connect.name\":\"xa.public.a"
    "ccounts.Envelope\"}";

static void put_long(struct buf *out, int64_t v) {
    uint64_t zigzag = (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
    for (; zigzag >= 0x80; zigzag >>= 7)
        buf_put_byte(out, (char)(zigzag | 0x80));
    buf_put_byte(out, (char)zigzag);
}

static void put_text(struct buf *out, const char *text) {
    put_long(out, (int64_t)strlen(text));
    buf_put_str(out, text);
}

static void put_decimal(struct buf *out, int64_t v) {
    struct buf bytes = {0};
    decimal_put_bytes(&bytes, v);
    put_long(out, (int64_t)bytes.n);
    buf_put_slice(out, buf_slice(&bytes));
    buf_release(&bytes);
}

static void put_frame(struct buf *out, uint32_t id) {
    buf_put_byte(out, 0);
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_put_byte(out, (char)(id >> shift));
}

void avro_put_customer(struct buf *out, uint32_t schema_id, const struct customer *c) {
    put_frame(out, schema_id);
    put_long(out, c->id);
    put_text(out, c->name);
    buf_put_byte(out, c->has_loan ? 1 : 0);
    put_long(out, c->at_ms);
}

void avro_put_account(struct buf *out, uint32_t schema_id, const struct account *a) {
    put_frame(out, schema_id);
    put_text(out, a->id);
    put_long(out, a->customer_id);
    put_decimal(out, a->balance_cents);
    put_text(out, a->type);
    put_long(out, a->at_ms);
}

/* A value of a union of null and another type. */
static void put_branch(struct buf *out, int64_t branch) {
    put_long(out, branch);
}

static void put_optional_long(struct buf *out, int64_t v) {
    put_branch(out, 1);
    put_long(out, v);
}

static void put_row(struct buf *out, const struct account *a) {
    put_text(out, a->id);
    put_optional_long(out, a->customer_id);
    put_branch(out, 1);
    put_decimal(out, a->balance_cents);
    put_branch(out, 1);
    put_text(out, a->type);
    put_branch(out, 0);
    put_long(out, a->at_ms * 1000);
}

static void put_source(struct buf *out, const struct account *a, int64_t lsn) {
    put_text(out, "3.6.1.Final");
    put_text(out, "postgresql");
    put_text(out, "bank");
    put_long(out, a->at_ms);
    put_branch(out, 0);
    put_text(out, "false");
    put_text(out, "bank");
    put_branch(out, 1);
    put_text(out, "[\"26749232\",\"26749288\"]");
    put_optional_long(out, a->at_ms * 1000);
    put_optional_long(out, a->at_ms * 1000000);
    put_text(out, "public");
    put_text(out, "accounts");
    put_optional_long(out, 771);
    put_optional_long(out, lsn);
    for (int i = 0; i < 3; i++) /* xmin, origin, origin_lsn */
        put_branch(out, 0);
}

void avro_put_envelope(struct buf *out, const struct account *a, int64_t lsn) {
    put_frame(out, ENVELOPE_ID);
    put_branch(out, 0); /* before */
    put_branch(out, 1);
    put_row(out, a);
    put_source(out, a, lsn);
    put_branch(out, 0); /* transaction */
    put_text(out, "u");
    put_optional_long(out, a->at_ms + 7);
    put_optional_long(out, (a->at_ms + 7) * 1000);
    put_optional_long(out, (a->at_ms + 7) * 1000000);
}

static enum schema_answer lookup(struct schema_source *s, const struct schema_key *key,
                                 struct schema_text *out) {
    (void)s;
    if (key->kind != SCHEMA_BY_ID || (key->number != AVRO_ACCOUNT_ID && key->number != ENVELOPE_ID))
        return SCHEMA_UNKNOWN;
    out->type = SCHEMA_AVRO;
    out->has_references = false;
    buf_set(&out->text,
            slice_str(key->number == ENVELOPE_ID ? envelope_schema : avro_account_schema));
    return SCHEMA_FOUND;
}

struct schema_source *avro_rows_source(void) {
    static struct schema_source source = {.lookup = lookup};
    return &source;
}
