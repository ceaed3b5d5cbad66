/* json: strict RFC 8259 on top of cJSON. cJSON keeps numbers as doubles only, and accepts much that
 * is not JSON. Therefore a validating pass runs before it. It refuses bad UTF-8, raw control
 * characters, 01, 1., trailing garbage, \u0000, lone surrogates and nesting deeper than
 * JSON_DEPTH_MAX. It hands numbers to cJSON as strings that begin with a mark, so that their exact
 * text survives. */
#ifndef STREAMER_BASE_JSON_H
#define STREAMER_BASE_JSON_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

#define JSON_DEPTH_MAX 100

/* A parser, used for one text after another. One thread at a time. */
struct json {
    struct buf quoted; /* the text for cJSON, with numbers as strings */
    cJSON *root;
    char error[160]; /* after a failed json_parse: what is wrong, and at which byte */
};

void json_init(struct json *j);
void json_release(struct json *j);

/* The root, which `j` owns until the next json_parse or json_release. NULL: j->error says why. */
const cJSON *json_parse(struct json *j, struct slice text);

/* A member of an object. `text` is what json_text returns for its value. */
struct json_pair {
    struct slice name, text;
};

/* The fast path for most records: an object of at most `max` members, all of them scalars, with no
 * escape in any string. Fills `pairs`, in the order of the text, with slices of `text`. False: the
 * text is something else, or no JSON; call json_parse. Where this returns true, json_parse would
 * give the same members. */
bool json_flat(struct slice text, struct json_pair *pairs, size_t max, size_t *count);

/* The member of an object with exactly this name, or NULL. The first of several wins. */
const cJSON *json_member(const cJSON *object, const char *name);

bool json_is_scalar(const cJSON *item); /* also true for NULL, a missing item */
/* Ask this before cJSON_IsString, which is also true for a number. */
bool json_is_number(const cJSON *item);

/* The text of a scalar: a string's content, a number's exact token, "true" or "false". p == NULL
 * for null, for a missing item (item == NULL), and for objects and arrays, which cJSON_IsObject and
 * cJSON_IsArray tell. */
struct slice json_text(const cJSON *item);

/* Appends `text` (valid UTF-8) as a JSON string with its quotes. */
void json_put_string(struct buf *out, struct slice text);

#endif
