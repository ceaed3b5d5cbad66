/* avro_fingerprint: CRC-64-AVRO of a schema's Parsing Canonical Form, by which single-object
 * encoding names the writer's schema (Avro 1.11 specification, "Parsing Canonical Form for
 * Schemas", "Schema Fingerprints"). avro-c has neither. Pure. */
#ifndef STREAMER_SCHEMAS_AVRO_AVRO_FINGERPRINT_H
#define STREAMER_SCHEMAS_AVRO_AVRO_FINGERPRINT_H

#include "streamer/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Appends the canonical form of a schema's JSON text. False if it is none (not every fault of a
 * schema is found). */
bool avro_canonical_form(struct slice schema, struct buf *out);
/* Of the canonical form of a schema. False as above. */
bool avro_fingerprint(struct slice schema, uint64_t *fingerprint);
uint64_t avro_crc64(struct slice bytes);

#endif
