/* codec: the encodings of rows as values of the result topics. Whoever writes or reads such a value
 * does so through a codec, so that a new encoding is one file more and one line in codec.c.
 *
 * A writer uses one codec for all that it writes. A reader finds the codec by the first bytes of
 * each value, so that a topic may hold values of several encodings. Both belong to one thread. */
#ifndef STREAMER_SCHEMAS_CODEC_H
#define STREAMER_SCHEMAS_CODEC_H

#include "schemas/rows.h"
#include "streamer/base/err.h"
#include "streamer/base/json.h"

struct codec_reader;

struct codec {
    const char *name;    /* as `output.format` has it */
    struct slice prefix; /* every value of this encoding begins with these bytes */
    /* Appends what every value of `type` begins with. `schema_id` is the number of the type's
     * schema in the registry. NULL: values have no such beginning. */
    void (*put_head)(const struct row_type *type, uint32_t schema_id, struct buf *out);
    /* Appends the rest of the value of `row`, which is a struct of `type`. It cannot fail. */
    void (*put_body)(const struct row_type *type, const void *row, struct buf *out);
    bool has_ids; /* its heads name schemas of the registry */
    /* Reads a whole value: codec_read without the choice of the codec. */
    bool (*read)(struct codec_reader *r, const struct row_type *type, struct slice bytes, void *row,
                 struct err *e);
};

/* {"account_id":"A-1","customer_id":7,…}: one object with the fields of the .avsc, in their order.
 * Amounts and rates are texts. */
extern const struct codec codec_json;
/* The same with amounts and rates as numbers. It is only written with: codec_json reads both. */
extern const struct codec codec_json_numbers;
/* Confluent's wire format: a byte 0, the id of the schema (4 bytes, big endian), and the row in
 * Avro binary by schemas/<name>.avsc. Rows of other schemas are read by name: a field that the
 * .avsc does not have is passed over, and one that the schema does not have is null, if it may be.
 */
extern const struct codec codec_avro;
/* {"schema":…,"payload":{…}}, as Kafka Connect's JsonConverter reads it (schemas.enable=true). */
extern const struct codec codec_connect_json;

/* The codec whose values begin as `bytes` do; NULL if there is none. */
const struct codec *codec_of(struct slice bytes);

/* --- writing --- */

struct codec_writer {
    const struct codec *codec;
    struct buf heads[ROW_RESULT_COUNT]; /* made once, for a schema is longer than a row */
};
/* `ids` are the numbers of the schemas of the result types, by enum row_result. NULL is allowed
 * where the codec has no ids. */
void codec_writer_init(struct codec_writer *w, const struct codec *codec, const uint32_t *ids);
void codec_writer_release(struct codec_writer *w);

/* Appends the value of `row`, which is a struct of `type`, a type of a result topic. */
static inline void codec_write(const struct codec_writer *w, const struct row_type *type,
                               const void *row, struct buf *out) {
    buf_put_slice(out, buf_slice(&w->heads[type->result]));
    w->codec->put_body(type, row, out);
}

/* --- reading --- */

enum codec_schema {
    CODEC_SCHEMA_FOUND,
    CODEC_SCHEMA_UNKNOWN, /* the registry has answered that it has no schema of this id */
    CODEC_SCHEMA_FOREIGN, /* it has one, but not of Avro */
    CODEC_SCHEMA_NOT_NOW, /* the schema was asked for and is not here yet, or nobody answers */
};
/* Finds the text of the schema that was registered with `id`, and never waits for it. It puts the
 * text into `text`. *has_references: see avro_schema_init. */
typedef enum codec_schema codec_find_schema(void *context, uint32_t id, struct buf *text,
                                            bool *has_references);

struct codec_reader {
    struct json json;
    codec_find_schema *find_schema; /* NULL: there is no registry */
    void *context;                  /* for find_schema */
    /* What codec_avro and codec_connect_json keep from value to value. */
    struct codec_avro_plan *plans;
    size_t plan_count, plan_cap;
    struct buf connect_heads[ROW_RESULT_COUNT];
};
/* `context` is borrowed. A reader that is zero may be released, too. */
void codec_reader_init(struct codec_reader *r, codec_find_schema *find_schema, void *context);
void codec_reader_release(struct codec_reader *r);

/* Reads a whole value of any codec into `row`. The slices of the row point into `bytes` or into
 * what `r` holds: they are good until the next call. False: ERR_RETRY if the value's schema is not
 * here yet, so that the same call may succeed later; else ERR_STOP. */
bool codec_read(struct codec_reader *r, const struct row_type *type, struct slice bytes, void *row,
                struct err *e);
/* Fills `e` as codec_read does for a value that is no row. Returns false. For codecs. */
static inline bool codec_refuse(const struct row_type *type, struct err *e) {
    return err_set(e, ERR_STOP, "it is no row of %s: not written by this version of streamer",
                   type->name);
}
/* Frees r->plans. For codec_reader_release. */
void codec_avro_release(struct codec_reader *r);

#endif
