/* decode_parts: what the files of the source layer (decode*.c) share. Private to them.
 *
 *   decode.c           the dispatch: null, registry formats, JSON; {"schema", "payload"}
 *   decode_flat.c      flat records without a tree: most
 *   decode_debezium.c  envelope and flattened record: operation, which row counts
 *   decode_metadata.c  what a record says of itself beside its row: time, place in the log
 *   decode_key.c       the id from the message key
 *   decode_row.c       a row's fields by name
 *   decode_connect.c   texts of typed values: decimals, and times by the schema of Kafka Connect
 *   decode_foreign.c   formats that are known, but not read
 *
 * A record is read to its end, whatever is wrong with it: the first fault is what it is refused for
 * (refuse), and what can be read is set all the same. */
#ifndef STREAMER_LAYERS_SOURCE_DECODE_PARTS_H
#define STREAMER_LAYERS_SOURCE_DECODE_PARTS_H

#include "streamer/base/json.h"
#include "streamer/layers/source/decode.h"
#include "streamer/model/field_names.h"

struct decoder {
    size_t record_max_bytes;
    struct field_names names[ENTITY_COUNT];
    struct json value, key;
    struct buf converted[FIELD_COUNT]; /* texts that are not in the JSON as they are */
    struct buf position, strange_names;
    bool tree_only; /* never set but by tests, which compare the two ways */
};

/* One record on its way through the decoder; lives for one call of decode(). */
struct decoding {
    struct decoder *decoder;
    enum entity entity;
    const struct record *record;
    struct decoded *out;
    struct reason *why;
    uint32_t refused; /* FIELD_BITs: there, but cannot be read; of FIELD_UPDATED_AT also the
                         source's time */
};

/* Notes a fault with the arguments of reason_set, unless there was one before. */
#define refuse(g, ...) ((void)((g)->why->code != REASON_NONE || reason_set((g)->why, __VA_ARGS__)))

/* A JSON value and, if the record says so, its Connect schema (else NULL). Either can be NULL: not
 * there. */
struct typed {
    const cJSON *value, *schema;
};

/* `root` without {"schema", "payload"} around it, if that is there. */
struct typed decode_unwrap(const cJSON *root);

/* Reads a record that is a flat object and no envelope. False: the record is something else, for
 * json_parse, and nothing is set. */
bool flat_read(struct decoding *g);

/* --- metadata --- */

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
    MARK_DMS_OP, /* `Op` of AWS DMS: I, U or D; else it is a field like any other */
    MARK_OTHER,  /* Debezium's, and of no use here */
    MARK_COUNT
};

/* What a record says of itself beside its row. */
struct metadata {
    struct slice texts[MARK_COUNT]; /* p == NULL: missing or null */
    uint32_t exists; /* marks whose member is there: 1 << mark; the first one counts */
};

/* Whether a member of that name, with its "__", is metadata. */
bool metadata_has_name(struct slice name);
/* The next member of a flat record: takes it if it is metadata, and returns as which, else
 * MARK_COUNT. */
enum mark metadata_take_flat(struct metadata *m, struct slice name, struct slice text);
/* Of an envelope's `source`: its time, has_metadata and position. */
void metadata_read_source(struct decoding *g, const cJSON *source);
/* Of a flat record: the same, once all members are taken. */
void metadata_finish_flat(struct decoding *g, const struct metadata *m);
/* Both, of a flat record that is a tree. */
void metadata_read_flat(struct decoding *g, const cJSON *row, struct metadata *m);

/* --- Debezium --- */

bool debezium_is_envelope(const cJSON *object);
/* Both set kind, what the metadata say, and the fields, as the operation says. */
void debezium_read_envelope(struct decoding *g, struct typed envelope);
void debezium_read_flat(struct decoding *g, struct typed row);
/* Of a flat record: sets the kind, before its row is read. After it: refuses an operation that is
 * not supported. */
void debezium_begin_flat(struct decoding *g, const struct metadata *m);
void debezium_end_flat(struct decoding *g, const struct metadata *m);
/* The fields of a row that the change needs, once its kind is known. */
uint32_t debezium_wanted_fields(const struct decoding *g);

/* Sets the id field by the message key. Refuses it also when there is no key. */
void key_read_id(struct decoding *g);

/* --- rows --- */

#define FIELDS_ALL UINT32_MAX /* a set of FIELD_BITs */

enum field row_id_field(enum entity entity);
/* Finds the entity's fields among the members of `row`; NULL for those that are not there. Returns
 * how many other members there are, not counting those of Debezium (__…). */
uint32_t row_find(const struct decoding *g, const cJSON *row, const cJSON *found[FIELD_COUNT]);
/* Sets one field, or refuses it: an object or list, or not the value that its schema promises. */
void row_read_field(struct decoding *g, enum field field, struct typed item);
/* Sets the `wanted` fields and unknown_fields. */
void row_read(struct decoding *g, struct typed row, uint32_t wanted);
/* The same in two steps for the members of a flat object; the first one returns whether all of them
 * are fields. */
bool row_find_flat(const struct decoding *g, const struct json_pair *pairs, size_t count,
                   const struct json_pair *found[FIELD_COUNT], uint32_t *unknown);
void row_read_flat(struct decoding *g, const struct json_pair *const found[FIELD_COUNT],
                   uint32_t wanted);
/* Refuses an object or list. */
void row_refuse_nested(struct decoding *g, const char *name, const cJSON *item);

/* --- typed values --- */

/* The schema of a member, by the struct schema of its object; NULL if either is not there. */
const cJSON *connect_member_schema(const cJSON *struct_schema, const char *name);
/* A decimal that comes as bytes: by its schema, or an object {"scale", "value"}
 * (VariableScaleDecimal). */
bool connect_is_decimal(struct typed item);
/* Its text, in `buf`. False: not base64 of at most DECIMAL_BYTES_MAX bytes, or no usable scale. */
bool connect_decimal_text(struct typed item, struct buf *buf, struct slice *text);
/* What the schema makes of the text of an updated_at, which is not null; `buf` holds a new text. */
enum updated_at_type connect_time_text(const cJSON *schema, struct buf *buf, struct slice *text);

/* --- what is not read --- */

/* Registry wire format (magic 0) or Avro single-object encoding (C3 01). */
bool foreign_is_binary(struct slice bytes);
void foreign_refuse_binary_value(struct decoding *g);
void foreign_refuse_binary_key(struct decoding *g);
/* A value that is no JSON, as json_parse says. */
void foreign_refuse_text(struct decoding *g, const char *error);
/* A JSON value that is no object. */
void foreign_refuse_root(struct decoding *g, const cJSON *root);
/* Whether a text is JSON itself. */
bool foreign_is_json(struct slice text);
/* The name of the format that an object of these members is of; NULL: none that we know. */
const char *foreign_format(const cJSON *object);
void foreign_refuse_format(struct decoding *g, const char *format);

#endif
