/* decode_avro: how the source layer reads Avro. It is private to decode*.c.
 *
 *   decode_avro.c           the formats: which schema is named, and the way to the rows
 *   decode_avro_cache.c     the compiled schemas of a decoder; it asks the source for others
 *   decode_avro_compile.c   compiles a schema for an entity
 *   decode_avro_text.c      turns a value into a text
 *
 * A schema is compiled once for an entity. All that follows from the schema alone is decided then:
 * which members are fields and metadata, and what type each of them has. A record is then read by
 * the plan into slots, and only the fields that count become texts. */
#ifndef STREAMER_LAYERS_SOURCE_DECODE_AVRO_H
#define STREAMER_LAYERS_SOURCE_DECODE_AVRO_H

#include "schemas/avro/avro_plan.h"
#include "streamer/layers/source/decode_parts.h"

/* What a value in a slot is. */
enum avro_meaning {
    AVRO_IS_PLAIN,            /* what its kind is */
    AVRO_IS_DECIMAL,          /* bytes or fixed, with a scale */
    AVRO_IS_VARIABLE_DECIMAL, /* a record of scale and value, which have slots of their own */
    AVRO_IS_TIME,             /* of a type that connect_time_type knows */
    AVRO_IS_NO_DATE,          /* a type that is no date */
    AVRO_IS_SHAPE,            /* a record whose members count: a row, an envelope, a `source` */
};

/* An avro_op's type is the number of one of these. What does not belong to the meaning is 0. */
struct avro_place {
    enum avro_meaning meaning;
    int32_t scale;
    int16_t scale_slot, value_slot; /* of a variable decimal */
    const struct time_type *time;
    uint16_t shape;   /* the number of it */
    uint32_t symbols; /* of an enum: the number of its first one in avro_compiled.symbols */
};

/* A text in avro_compiled.texts. */
struct avro_text_place {
    uint32_t at, n;
};

/* The members of a record that count, by their slots; AVRO_NO_SLOT: it has no such member. */
struct avro_shape {
    bool is_envelope, has_marks;
    int16_t op, source, before, after; /* of an envelope */
    int16_t fields[FIELD_COUNT];       /* of a row */
    int16_t marks[MARK_COUNT];         /* of a flat row or a `source` */
    uint32_t exists; /* as in struct metadata, but MARK_DMS_OP depends on its value */
    uint32_t unknown_fields;
    struct avro_text_place strange_names; /* of no bytes: none */
    const char *format;                   /* as foreign_format; NULL: none */
};

/* How the values of one schema are read. It does not change. */
struct avro_compiled {
    enum { AVRO_READS_AVRO, AVRO_READS_JSON, AVRO_READS_NOTHING } how;
    struct avro_plan *plan;
    int16_t root, slot_count;
    struct avro_place *places;
    struct avro_shape *shapes;
    struct avro_text_place *symbols; /* of all enums */
    struct buf texts;
    size_t bytes; /* of memory in all */
    char *why;    /* AVRO_READS_NOTHING: why the schema cannot be used */
};

static inline struct slice avro_compiled_text(const struct avro_compiled *r,
                                              struct avro_text_place place) {
    return slice_of(buf_slice(&r->texts).p + place.at, place.n);
}

/* --- decode_avro_compile.c --- */

/* Compiles a schema for keys or values of g's entity. The caller frees it. */
struct avro_compiled *avro_compiled_new(const struct decoding *g, const struct schema_text *schema,
                                        bool is_key);
void avro_compiled_free(struct avro_compiled *r);

/* The parts that rewrite_avro.c needs, too. What a value is that is no record: */
struct avro_place avro_scalar_place(const struct avro_node *n);
/* Whether a record is an envelope of Debezium. */
bool avro_record_is_change(const struct avro_node *record);
/* The member of a record with exactly this name, or that is the field; NULL: there is none. */
struct avro_node *avro_record_member(const struct avro_node *record, const char *name);
struct avro_node *avro_record_field(const struct decoding *g, const struct avro_node *record,
                                    enum field field);

/* --- decode_avro_cache.c --- */

#define AVRO_CACHE_BYTES_MAX ((size_t)32 << 20)
#define AVRO_CACHE_MAX 16384

struct avro_cache *avro_cache_new(void);
void avro_cache_free(struct avro_cache *r); /* NULL is allowed */
/* Frees all compiled schemas if there are too many. No result of the last decode() may be in use.
 */
void avro_cache_trim(struct avro_cache *r);
size_t avro_cache_bytes(const struct avro_cache *r); /* of memory */
/* The compiled schema for a key or value of g's record; NULL: it is not known (refused), or not yet
 * (it waits). It is good until avro_cache_trim. */
const struct avro_compiled *avro_cache_find(struct decoding *g, const struct schema_key *key,
                                            bool is_key);
/* "id 7", "GUID …", "fingerprint …" */
void avro_put_schema_key(struct buf *out, const struct schema_key *key);
/* The slots of the value and of the key, at least so many. They are good until the next call. */
struct avro_slot *avro_cache_slots(struct avro_cache *r, bool is_key, int16_t count);
/* A buffer for the text of a mark. */
struct buf *avro_cache_mark(struct avro_cache *r, enum mark mark);

/* --- decode_avro_text.c --- */

/* The value of a slot as text, which may be in `buf`; p == NULL: there is none, or it is null.
 * Returns NULL, or what the value is in place of a text: "an object where a value belongs". */
const char *avro_text(const struct avro_compiled *r, const struct avro_slot *slots, int16_t slot,
                      struct buf *buf, struct slice *text);
/* Sets a field of a row, or refuses it. */
void avro_read_field(struct decoding *g, const struct avro_compiled *r,
                     const struct avro_slot *slots, enum field field, int16_t slot);

/* --- decode_avro.c: the formats --- */

/* Whether the value of a record names its schema. One: *key and how many bytes stand before the
 * value itself. Unreadable: it names none that `source` (NULL: none) could find. */
enum avro_names { AVRO_NAMES_NONE, AVRO_NAMES_ONE, AVRO_NAMES_UNREADABLE };
enum avro_names avro_schema_named(const struct record *r, const struct schema_source *source,
                                  struct schema_key *key, size_t *head);

bool avro_is_headed(struct slice bytes, struct slice schema_id); /* a header names the schema */
bool avro_is_framed(struct slice bytes, struct slice schema_id); /* first byte 0 */
bool avro_is_single_object(struct slice bytes, struct slice schema_id); /* C3 01 */
void avro_read_headed_value(const struct format *f, struct decoding *g);
void avro_read_headed_key(const struct format *f, struct decoding *g);
void avro_read_framed_value(const struct format *f, struct decoding *g);
void avro_read_framed_key(const struct format *f, struct decoding *g);

#endif
