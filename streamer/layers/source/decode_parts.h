/* decode_parts: what the files of the source layer (decode*.c) share. It is private to them. No two
 * of them call each other in a circle; a file calls only files below it in this list:
 *
 *   decode.c           the decoder, and the table of formats
 *   decode_avro*.c     Avro, and JSON behind the id of a schema: decode_avro.h
 *   decode_json.c      the JSON formats: which one a value is, and the way to its rows
 *   decode_flat.c      flat JSON records, read without building a tree: most records are such
 *   decode_debezium.c  envelope and flattened record: the operation, and which row counts
 *   decode_key.c       the id from the message key
 *   decode_row.c       the fields of a row, by name
 *   decode_metadata.c  what a record says of itself beside its row: time and place in the log
 *   decode_connect.c   texts of typed values: decimals, and times by the schema of Kafka Connect
 *   decode_envelope.c  unwraps a value, and says what kind of record it is
 *   decode_foreign.c   formats that are recognized but not read
 *
 * A record is read to its end, whatever is wrong with it. The first fault is the one that it is
 * rejected for (refuse), and everything that can be read is set all the same. */
#ifndef STREAMER_LAYERS_SOURCE_DECODE_PARTS_H
#define STREAMER_LAYERS_SOURCE_DECODE_PARTS_H

#include "streamer/base/json.h"
#include "streamer/layers/source/decode.h"
#include "streamer/model/entity.h"
#include "streamer/model/field_names.h"

struct decoding;

/* One format of keys and values. A new one is a file with these two functions, and a line in the
 * table of decode.c. */
struct format {
    const char *name;
    /* Whether a key or a value, which is not null but may be empty, is in this format. schema_id:
     * the header that names its schema; p == NULL: there is none. */
    bool (*recognizes)(struct slice bytes, struct slice schema_id);
    /* Read the record's value, or the id from its key, which `recognizes` has accepted: they set
     * fields of g->out, or call refuse or wait_for. */
    void (*read_value)(const struct format *f, struct decoding *g);
    void (*read_key)(const struct format *f, struct decoding *g);
};

struct decoder {
    size_t record_max_bytes;
    struct schema_source *schemas; /* NULL: none */
    /* Bytes are read by the first format that recognizes them; the last one recognizes all. Only
     * tests replace the table. */
    const struct format *formats;
    struct field_names names[ENTITY_COUNT];
    struct json value, key;
    struct buf converted[FIELD_COUNT]; /* texts that are not in the record as they are */
    struct buf position, strange_names;
    struct avro_cache *avro; /* NULL: `schemas` is NULL */
    bool tree_only; /* only tests set it, to compare the two ways of reading a flat record */
};

/* One record on its way through the decoder; it lives for one call of decode(). */
struct decoding {
    struct decoder *decoder;
    enum entity entity;
    const struct record *record;
    struct decoded *out;
    struct reason *why;
    bool waits;       /* the outcome is DECODE_WAIT, whatever else is found */
    uint32_t refused; /* FIELD_BITs of fields that are there but cannot be read; the bit of
                         FIELD_UPDATED_AT also stands for the source's time */
};

/* Notes a fault, with the arguments of reason_set, unless another one was noted before. */
#define refuse(g, ...)                                                                             \
    ((void)((g)->waits || (g)->why->code != REASON_NONE || reason_set((g)->why, __VA_ARGS__)))

/* Notes what the record has to wait for: a format and arguments as printf takes them. */
#define wait_for(g, ...) ((g)->waits = true, (void)reason_set((g)->why, REASON_NONE, __VA_ARGS__))

/* Refuses a member that is no value, but what `what` says. */
static inline void refuse_member(struct decoding *g, const char *name, const char *what) {
    refuse(g, REASON_MALFORMED, "Malformed record: %s is %s", name, what);
}

#define IS_AN_OBJECT "an object where a value belongs"
#define IS_A_LIST "a list where a value belongs"

/* Refuses a member that is an object or a list where a value belongs. */
static inline void refuse_nested(struct decoding *g, const char *name, const cJSON *item) {
    refuse_member(g, name, cJSON_IsObject(item) ? IS_AN_OBJECT : IS_A_LIST);
}

/* A JSON value and, if the record says so, its Connect schema (else NULL). Either can be NULL,
 * which means that it is not there. */
struct typed {
    const cJSON *value, *schema;
};

/* --- decode_envelope.c --- */

enum envelope_kind {
    ENVELOPE_NULL,          /* a tombstone */
    ENVELOPE_ENCODED_TWICE, /* a JSON text that is itself JSON */
    ENVELOPE_CHANGE,        /* an envelope of Debezium: op, before, after, source */
    ENVELOPE_ROW,           /* a row, with or without metadata of Debezium beside its fields */
};

/* `root` without the {"schema", "payload"} around it, if that is there. */
struct typed envelope_unwrap(const cJSON *root);
/* What an object is; *body is set to what is in its {"schema", "payload"}, or to the object. */
enum envelope_kind envelope_kind_of(const cJSON *root, struct typed *body);
/* Whether an object is an envelope of Debezium. */
bool envelope_is_change(const cJSON *object);
/* Whether a member of that name can make a flat object one that only the tree can tell: an
 * envelope, or a record of a format that is not read. */
bool envelope_has_name(struct slice name);
/* The format that `bytes` are in. */
const struct format *envelope_format(const struct decoder *d, struct slice bytes,
                                     struct slice schema_id);

/* --- decode_json.c: the format of all bytes that no other format takes --- */

bool json_recognizes(struct slice bytes, struct slice schema_id);
void json_read_value(const struct format *f, struct decoding *g);
/* Reads an object, whatever it was decoded from: an envelope, a flattened record or a row. */
void json_read_object(struct decoding *g, const cJSON *root);

/* --- decode_flat.c --- */

/* Reads a record that is a flat object and no envelope. False: the record is something else, which
 * json_parse has to read, and nothing is set. */
bool flat_read(struct decoding *g);

/* --- decode_metadata.c --- */

enum mark {
    MARK_OP,
    MARK_DELETED,
    MARK_TIME, /* source.ts_ms, __source_ts_ms */
    MARK_LSN,
    MARK_FILE,
    MARK_POS,
    MARK_ROW,
    MARK_COMMIT_LSN,
    MARK_CHANGE_LSN,
    MARK_EVENT_SERIAL_NO,
    MARK_COMMIT_SCN,
    MARK_SCN,
    MARK_CONNECTOR,
    MARK_NAME,
    MARK_SERVER_ID,
    MARK_DMS_OP, /* `Op` of AWS DMS, if its value is I, U or D; else `Op` is no mark */
    MARK_OTHER,  /* a member of Debezium that nothing here uses */
    MARK_COUNT
};

/* What a record says of itself beside its row. */
struct metadata {
    struct slice texts[MARK_COUNT]; /* of several members for one mark, the first; p == NULL: it is
                                       missing or null */
    uint32_t exists; /* 1 << mark for each mark whose member is there, even if null */
};

/* Whether a member of that name, with its "__", is metadata. */
bool metadata_has_name(struct slice name);
/* Takes the next member of a flat record if it is metadata. Returns its mark; MARK_COUNT: it is no
 * metadata. */
enum mark metadata_take_flat(struct metadata *m, struct slice name, struct slice text);
/* The mark of a member of a flat record, or of `source`; MARK_COUNT: it is no metadata. */
enum mark metadata_flat_mark(struct slice name);
enum mark metadata_source_mark(struct slice name);
/* Takes a member. A DMS operation is taken only if it is one. */
void metadata_set(struct metadata *m, enum mark mark, struct slice text);
/* Sets has_metadata, the source's time and the position by the member `source` of an envelope. */
void metadata_read_source(struct decoding *g, const cJSON *source);
void metadata_refuse_source(struct decoding *g); /* it is not an object */
void metadata_refuse_time(struct decoding *g, const char *name);
/* Set the same by the members of `source` or of a flat record, which were taken before. */
void metadata_finish_source(struct decoding *g, const struct metadata *m);
void metadata_finish_flat(struct decoding *g, const struct metadata *m);
/* Takes the members of a flat record that is a tree, and does the same. */
void metadata_read_flat(struct decoding *g, const cJSON *row, struct metadata *m);

/* --- decode_debezium.c --- */

enum row_presence {
    ROW_READ,    /* it is an object, and its wanted fields are set */
    ROW_IS_NULL, /* or missing */
    ROW_IS_OTHER /* it is no object */
};

/* An envelope, whatever it was decoded from. */
struct envelope {
    struct slice op;
    /* Reads the row `part` ("before" or "after"). Of one that is no object but a text, *text is
     * that text; else it is not changed. */
    enum row_presence (*read_row)(struct decoding *g, const struct envelope *e, const char *part,
                                  struct slice *text);
    const void *context; /* of read_row */
};

/* Sets the kind of the change, and the fields that the operation needs. */
void debezium_read_change(struct decoding *g, const struct envelope *e);
/* Both set the kind of the change, what the metadata say, and the fields that the operation
 * needs. */
void debezium_read_envelope(struct decoding *g, struct typed envelope);
void debezium_read_flat(struct decoding *g, struct typed row);
/* The parts of debezium_read_flat, for a record without a tree. The first one sets the kind, before
 * the row is read. The second one, after the row, refuses an operation that is not supported. */
void debezium_begin_flat(struct decoding *g, const struct metadata *m);
void debezium_end_flat(struct decoding *g, const struct metadata *m);
/* The fields of a row that the change needs, once its kind is known. */
uint32_t debezium_wanted_fields(const struct decoding *g);

/* --- decode_key.c --- */

/* Sets the id field by the message key, in whatever format the key is. Refuses a record whose key
 * is null, too. */
void key_read_id(struct decoding *g);
/* Makes the record a tombstone: a delete whose id is in the key. */
void key_read_tombstone(struct decoding *g);
/* Reads a key that is JSON, or a bare text: all that no other format takes. */
void key_read_text(const struct format *f, struct decoding *g);

/* --- decode_row.c --- */

#define FIELDS_ALL UINT32_MAX /* a set of FIELD_BITs */

/* The choice among the members of a row. */
struct row_choice {
    const struct field_names *names;
    size_t next; /* for field_names_find */
    /* By rank: FIELD_BITs of the fields that have appeared by a name of this rank or a better one
     */
    uint32_t seen[FIELD_RANKS];
    uint32_t unknown; /* how many members without "__" are not fields */
    uint32_t others;  /* how many members begin with "__" */
};

struct row_choice row_choice_of(const struct decoding *g);
/* Looks at the next member. True: it is the best one so far for *field. */
bool row_choose(struct row_choice *c, struct slice name, enum field *field);

/* Finds the entity's fields among the members of `row`; found[f] stays NULL for a field that is not
 * there. Returns how many other members there are, not counting those that begin with "__". */
uint32_t row_find(const struct decoding *g, const cJSON *row, const cJSON *found[FIELD_COUNT]);
/* Sets one field. Refuses it if it is an object or a list, or not the value that its schema
 * promises. */
void row_read_field(struct decoding *g, enum field field, struct typed item);
/* Sets one field, which is a text or null. */
void row_set_text(struct decoding *g, enum field field, struct slice text);
/* Appends the names of a row's members, as they are in a reason. */
void row_put_strange_names(struct buf *names, const cJSON *row);
/* Sets the `wanted` fields of a row, and unknown_fields. */
void row_read(struct decoding *g, struct typed row, uint32_t wanted);
/* The same in two steps for the members of a flat object. The first one returns whether all members
 * are fields. */
bool row_find_flat(const struct decoding *g, const struct json_pair *pairs, size_t count,
                   const struct json_pair *found[FIELD_COUNT], uint32_t *unknown);
void row_read_flat(struct decoding *g, const struct json_pair *const found[FIELD_COUNT],
                   uint32_t wanted);

/* --- decode_connect.c --- */

/* The schema of the member `name`, from the schema of its object; NULL: either is not there. */
const cJSON *connect_member_schema(const cJSON *struct_schema, const char *name);
/* Whether a value is a decimal as bytes: its schema says so, or it is an object {"scale", "value"}
 * (VariableScaleDecimal). */
bool connect_is_decimal(struct typed item);
/* Puts the text of such a decimal into `buf`. False: it is not base64 of at most DECIMAL_BYTES_MAX
 * bytes, or has no usable scale. */
bool connect_decimal_text(struct typed item, struct buf *buf, struct slice *text);
/* Reads the text of an updated_at, which is not null, as its schema says. *text may become a new
 * text, in `buf`. */
enum updated_at_type connect_time_text(const cJSON *schema, struct buf *buf, struct slice *text);

/* A type of times, by its name in Connect or Debezium; NULL: the name is none of these. */
struct time_type;
const struct time_type *connect_time_type(struct slice name);
/* The number of that type for a time. False: the type is a text, or cannot say this time. */
bool connect_time_number(const struct time_type *type, int64_t ms, int64_t *number);
/* Whether a name that connect_time_type does not know is known not to be that of a date. Names that
 * are neither Connect's nor Debezium's say nothing. */
bool connect_is_no_date(struct slice name);
/* Read a time as its type says: from its text, or from its number, which may set *text. */
enum updated_at_type connect_typed_time(const struct time_type *type, struct buf *buf,
                                        struct slice *text);
enum updated_at_type connect_typed_number(const struct time_type *type, int64_t number,
                                          struct buf *buf, struct slice *text);

/* --- decode_foreign.c --- */

/* Refuse a value or a key that needs a schema, where there is no source of schemas. */
void foreign_refuse_value(const struct format *f, struct decoding *g);
void foreign_refuse_key(const struct format *f, struct decoding *g);
/* Refuses a value that is not JSON; `error` is what json_parse says. */
void foreign_refuse_text(struct decoding *g, const char *error);
/* Refuses a JSON value that is not an object. */
void foreign_refuse_root(struct decoding *g, const cJSON *root);
/* Whether a text looks like JSON itself: a text in quotes, an object, or a list of objects. */
bool foreign_is_json(struct slice text);
/* The name of the format that an object with these members is in; NULL: none that is known. */
const char *foreign_format(const cJSON *object);
void foreign_refuse_format(struct decoding *g, const char *format);

#endif
