/* json_put: appends members of JSON objects, with the comma before them:
 *
 *   buf_put_byte(out, '{'), json_put_text(out, "a", "x"), json_put_int(out, "b", 1), … '}'
 *
 * gives {"a":"x","b":1}. A member that is the first of its object has no comma before it. Names
 * need no escapes. */
#ifndef STREAMER_BASE_JSON_PUT_H
#define STREAMER_BASE_JSON_PUT_H

#include "streamer/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* `"name":`, for a value that the caller appends. */
void json_put_name(struct buf *out, const char *name);
void json_put_text(struct buf *out, const char *name, const char *text); /* UTF-8; NULL: null */
void json_put_int(struct buf *out, const char *name, int64_t value);
void json_put_bool(struct buf *out, const char *name, bool value);
/* value / 10^scale */
void json_put_decimal(struct buf *out, const char *name, int64_t value, int scale);
/* ms is since 1970; TIMESTAMP_NONE: null. A time that no timestamp can show becomes the nearest one
 * that can. */
void json_put_time(struct buf *out, const char *name, int64_t ms);

#endif
