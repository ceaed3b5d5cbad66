/* avro_plan: reads the bytes of an Avro value by its writer's schema, which is compiled once. A
 * plan is the schema's tree in one array, in the order in which the bytes come, and says of each
 * place into which slot its value goes; all else is skipped. Every byte is checked before it is
 * used: lengths against what is left, numbers of branches and symbols, and integers for their size.
 * So a value of any bytes is read or refused in a time that grows with their number alone.
 *
 *   long, int   zigzag, 7 bits a byte      array, map   blocks: count (< 0: then bytes), items; 0
 *   string, bytes   length, bytes          union        number of the branch, value
 *   float, double   4, 8 bytes             record       its fields, one after the other
 *   boolean   0, 1                         enum         number of the symbol
 */
#ifndef STREAMER_SCHEMAS_AVRO_AVRO_PLAN_H
#define STREAMER_SCHEMAS_AVRO_AVRO_PLAN_H

#include "schemas/avro/avro_schema.h"

/* A place. Those of a record, array, map or union are followed by their children's. */
struct avro_op {
    uint8_t kind;  /* enum avro_kind */
    uint8_t type;  /* that of the node */
    int16_t slot;  /* AVRO_NO_SLOT: skipped */
    uint32_t arg;  /* children, bytes of a fixed, symbols of an enum */
    uint32_t next; /* how many places further the next one begins that is not inside of this one */
};

/* What a record has in a slot. */
struct avro_slot {
    const struct avro_op *op; /* its place: of a union the branch; NULL: the record has none */
    int64_t number;           /* INT, LONG, BOOLEAN (0, 1), ENUM (number of the symbol) */
    struct slice bytes; /* STRING, BYTES, FIXED, FLOAT, DOUBLE (little endian), of the input */
};

struct avro_plan; /* immutable; any threads */

/* Nodes within arrays and maps must have no slots. slot_count: one more than the highest slot. The
 * caller frees the plan; the schema is not needed any more. */
struct avro_plan *avro_plan_new(const struct avro_node *root, int16_t slot_count);
void avro_plan_free(struct avro_plan *p);
size_t avro_plan_bytes(const struct avro_plan *p); /* of memory */

/* Reads one value from the front of `*in` and moves it behind. Sets all slots of the plan. False:
 * the bytes are no value of the schema; then *in begins where they are not, and *what says what is
 * wrong there ("a length goes beyond the end"). */
bool avro_plan_read(const struct avro_plan *p, struct slice *in, struct avro_slot *slots,
                    const char **what);

#endif
