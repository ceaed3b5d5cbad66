/* decode_parts: what the files of the source layer (decode*.c) share. Private to them.
 *
 *   decode.c           the dispatch: null, Avro, JSON; {"schema", "payload"}
 *   decode_flat.c      flat records without a tree: most
 *   decode_debezium.c  envelope and flattened record: operation, source time, which row counts
 *   decode_key.c       the id from the message key
 *   decode_row.c       a row's fields by name
 *   decode_connect.c   texts of typed values, by the schema of Kafka Connect
 */
#ifndef STREAMER_DECODE_PARTS_H
#define STREAMER_DECODE_PARTS_H

#include "streamer/base/json.h"
#include "streamer/decode.h"

struct decoder {
    size_t record_max_bytes;
    struct json value, key;
    struct buf converted[FIELD_COUNT]; /* texts that are not in the JSON as they are */
    bool tree_only;                    /* never set but by tests, which compare the two ways */
};

/* One record on its way through the decoder; lives for one call of decode(). */
struct decoding {
    struct decoder *decoder;
    enum entity entity;
    const struct record *record;
    struct decoded *out;
    struct reason *why;
};

/* A JSON value and, if the record says so, its Connect schema (else NULL). Either can be NULL: not there. */
struct typed {
    const cJSON *value, *schema;
};

/* `root` without {"schema", "payload"} around it, if that is there. */
struct typed decode_unwrap(const cJSON *root);

/* Confluent wire format (magic 0) or single-object encoding (C3 01). */
bool decode_is_avro(struct slice bytes);
bool decode_refuse_avro(struct reason *why, const char *part);

/* Reads a record that is a flat object and no envelope; *ok: as debezium_read_flat returns it. False: the record is
 * something else, for json_parse, and nothing is set. */
bool flat_read(struct decoding *g, bool *ok);

/* What a flattened record says beside its row; p == NULL: missing or null. */
struct flattened {
    struct slice op, deleted, source_time;
};
/* Before its row is read: sets kind and source time. After: whether the operation is one of those supported. Both false
 * with `why` set. */
bool debezium_begin_flat(struct decoding *g, const struct flattened *f);
bool debezium_end_flat(struct decoding *g, const struct flattened *f);
/* The fields of a row that the change needs, once its kind is known. */
uint32_t debezium_wanted_fields(const struct decoding *g);

bool debezium_is_envelope(const cJSON *object);
/* Both set kind, source time and fields of `out`, as the operation says. False with `why` set. */
bool debezium_read_envelope(struct decoding *g, struct typed envelope);
bool debezium_read_flat(struct decoding *g, struct typed row);

/* Sets the id field by the message key. False with `why` set, also when there is no key. */
bool key_read_id(struct decoding *g);

#define FIELDS_ALL UINT32_MAX /* a set of FIELD_BITs */

enum field row_id_field(enum entity entity);
/* Finds the entity's fields among the members of `row`; NULL for those that are not there. Returns how many
 * other members there are, not counting those of Debezium (__…). */
uint32_t row_find(enum entity entity, const cJSON *row, const cJSON *found[FIELD_COUNT]);
/* Sets one field. False with `why` set: an object or list, or not the value that its schema promises. */
bool row_read_field(struct decoding *g, enum field field, struct typed item);
/* Sets the `wanted` fields and unknown_fields. */
bool row_read(struct decoding *g, struct typed row, uint32_t wanted);
/* The same in two steps for the members of a flat object; the first one returns how many of them are fields. */
size_t row_find_flat(enum entity entity, const struct json_pair *pairs, size_t count,
                     const struct json_pair *found[FIELD_COUNT], uint32_t *unknown);
bool row_read_flat(struct decoding *g, const struct json_pair *const found[FIELD_COUNT], uint32_t unknown);

/* The schema of a member, by the struct schema of its object; NULL if either is not there. */
const cJSON *connect_member_schema(const cJSON *struct_schema, const char *name);
/* Both turn the text of a value into the text that its schema means, and leave other types as they are. `buf`
 * holds the new text. False: not base64 of a decimal, or no usable scale. */
bool connect_decimal_text(struct typed item, struct buf *buf, struct slice *text);
void connect_time_text(struct typed item, struct buf *buf, struct slice *text);

#endif
