/* json: strict RFC 8259 on top of cJSON. cJSON keeps numbers as doubles only and lets a lot
 * through, so a validating pre-pass refuses what is not JSON (bad UTF-8, raw control characters,
 * 01, 1., trailing garbage, \u0000, lone surrogates, nesting over JSON_DEPTH_MAX) and hands numbers
 * to cJSON as strings marked with a prefix, so that their exact text survives. */
#ifndef STREAMER_BASE_JSON_H
#define STREAMER_BASE_JSON_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

#define JSON_DEPTH_MAX 100

/* One parser a thread; reused from text to text. */
struct json {
    struct buf quoted; /* what the pre-pass hands to cJSON */
    cJSON *root;
    char error[160]; /* after a failed json_parse: what is wrong and at which byte */
};

void json_init(struct json *j);
void json_release(struct json *j);

/* The root, owned by `j` until the next json_parse or json_release; NULL with j->error set. */
const cJSON *json_parse(struct json *j, struct slice text);

/* A member of an object. text: as json_text has it. */
struct json_pair {
    struct slice name, text;
};

/* The short way for what most records are: an object of at most `max` members, all of them scalars,
 * without an escape in any string. Fills `pairs`, in order, with slices of `text`. False: the text
 * is something else, or not JSON; json_parse knows. Where it is true, json_parse has the same
 * members. */
bool json_flat(struct slice text, struct json_pair *pairs, size_t max, size_t *count);

/* Member of an object by its exact name (first one wins), or NULL. */
const cJSON *json_member(const cJSON *object, const char *name);

bool json_is_scalar(const cJSON *item); /* or not there: NULL */
bool json_is_number(
    const cJSON *item); /* cJSON_IsString is also true for a number: ask this first */

/* The text of a scalar: a string's content, a number's exact token, "true", "false". p == NULL for
 * null, for a missing item (item == NULL), and for objects and arrays (tell those apart with
 * cJSON_IsObject/IsArray).
 */
struct slice json_text(const cJSON *item);

/* Appends `text` (valid UTF-8) as a JSON string with its quotes. */
void json_put_string(struct buf *out, struct slice text);

#endif
