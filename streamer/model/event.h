/* event: what one input record is on its way through the layers: a record (as Kafka has it),
 * decoded (its fields as text), an event (standardized). They are plain data. Each slice points
 * into the record or into the buffers of the layer that filled it, and is good until that layer
 * handles its next record. */
#ifndef STREAMER_MODEL_EVENT_H
#define STREAMER_MODEL_EVENT_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum entity { ENTITY_CUSTOMER, ENTITY_ACCOUNT, ENTITY_COUNT };

/* A message as received. key.p or value.p is NULL if Kafka's key or value is null. */
struct record {
    struct slice key, value;
    /* Headers __key_schema_id and __value_schema_id, which name the schema of key and value in
     * place of the bytes before them; p == NULL: there is none. */
    struct slice key_schema_id, value_schema_id;
    int64_t timestamp_ms; /* of the Kafka record; since the epoch */
    bool by_time;         /* rule O10: its headers say that it is placed by its time */
    /* The header quarantine.replayed_at, since the epoch. TIMESTAMP_NONE: there is none. */
    int64_t replayed_at_ms;
};

enum change_kind {
    CHANGE_UPSERT,
    CHANGE_DELETE,    /* Debezium's d, __deleted, DMS's Op=D */
    CHANGE_TOMBSTONE, /* a null value: it deletes what is current when it arrives */
    CHANGE_TRUNCATE,  /* Debezium's t: rule O9; it has no id */
};

/* The fields that a record may carry, over both entities. */
enum field {
    FIELD_CUSTOMER_ID,
    FIELD_CUSTOMER_NAME, /* customers */
    FIELD_HAS_LOAN,      /* customers */
    FIELD_ACCOUNT_ID,    /* accounts */
    FIELD_BALANCE,       /* accounts */
    FIELD_ACCOUNT_TYPE,  /* accounts */
    FIELD_UPDATED_AT,
    FIELD_COUNT
};
/* A set of fields is an uint32_t with these bits. */
#define FIELD_BIT(field) (UINT32_C(1) << (field))

/* What the text of FIELD_UPDATED_AT is. */
enum updated_at_type {
    UPDATED_AT_TEXT,   /* the text as received, which staging reads */
    UPDATED_AT_MS,     /* decimal epoch milliseconds, converted as the record's schema says */
    UPDATED_AT_NO_DATE /* the text as received, for the reason: its type in the schema is no date */
};

/* The source layer's result: the fields of one change, as text. */
struct decoded {
    enum change_kind kind;
    struct slice fields[FIELD_COUNT]; /* valid UTF-8, untrimmed; p == NULL: missing or null */
    /* FIELD_BITs of fields that are __debezium_unavailable_value. Their texts are null. */
    uint32_t unavailable;
    bool has_source_time; /* Debezium's source.ts_ms or __source_ts_ms is there and not 0 */
    int64_t source_time_ms;
    enum updated_at_type updated_at_type;
    /* Rule O1: the record is an envelope with `source`, or is flat with Debezium's metadata. */
    bool has_metadata;
    bool is_read;            /* op r: a row of a snapshot */
    bool id_is_from_key;     /* the value does not say the id, so it is from the key */
    struct slice position;   /* see position.h; empty: none */
    uint32_t unknown_fields; /* how many members of the record are not fields of the entity */
    /* The names of those members, for the reason, if the record has no field of the entity. */
    struct slice strange_names;
};

enum account_type { ACCOUNT_SAVINGS, ACCOUNT_CHECKING };
static inline const char *account_type_name(enum account_type type) {
    return type == ACCOUNT_SAVINGS ? "savings" : "checking";
}
bool account_type_find(struct slice name, enum account_type *type);

/* The staging layer's result. For CHANGE_DELETE and CHANGE_TOMBSTONE only these are set: id,
 * customer_id (of a customer), and what says when and where the change was made. For
 * CHANGE_TRUNCATE only what says when and where is set. */
struct event {
    enum entity entity;
    enum change_kind kind;
    /* account_id, or customer_id as decimal text. Keys and partitions are made from it. */
    struct slice id;
    bool id_is_from_key; /* the record's value does not say the id */
    int64_t customer_id; /* the customer's own, or of the customer that the account belongs to */
    struct slice customer_name;
    bool has_loan_flag;
    int64_t balance_cents; /* 0 … 10^18 - 1 */
    enum account_type account_type;
    uint32_t unavailable; /* FIELD_BITs of fields that keep the value that holds at this place */
    int64_t event_at_ms, loaded_at_ms; /* since the epoch; event_at in the years 0001 … 9999 */
    /* event_at is the record's own time; else it is the Kafka timestamp, as loaded_at. */
    bool has_own_time;
    /* Rule O1: its topic is a database's log, so the order of the partition is the truth. */
    bool is_log;
    /* Rule O10: it is placed by its time (O2), whatever it carries, and is_log is false. */
    bool by_time;
    bool is_read;          /* it is a row of a snapshot */
    struct slice position; /* see position.h; empty: none */
    /* future.window is counted from here: Kafka's timestamp, or quarantine.replayed_at. */
    int64_t early_after_ms;
    int32_t source_partition; /* where the record is in its input topic */
    int64_t source_offset;
    uint32_t null_fields; /* FIELD_BITs of fields that were null, for the metrics */
};

/* Why a record is quarantined. The names are promised to users (header quarantine.code, metric
 * label). */
enum reason_code {
    REASON_NONE,
    REASON_MALFORMED,
    REASON_UNSUPPORTED_OP,
    REASON_UNKNOWN_SCHEMA,
    REASON_TOO_LARGE,
    REASON_INVALID_CUSTOMER_ID,
    REASON_INVALID_NAME,
    REASON_INVALID_HAS_LOAN,
    REASON_INVALID_ACCOUNT_ID,
    REASON_INVALID_BALANCE,
    REASON_INVALID_ACCOUNT_TYPE,
    REASON_INVALID_UPDATED_AT,
    REASON_TOO_LATE,
    REASON_TOO_EARLY,
    REASON_COUNT
};
const char *reason_code_name(enum reason_code code); /* "invalid_balance" */

struct reason {
    enum reason_code code;
    struct buf text; /* the sentence for the header quarantine.reason; reused for each record */
};

/* Sets code and text and returns false, so that a layer can `return reason_set(...)`. */
bool reason_set(struct reason *r, enum reason_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
