/* answer: what an answer of a schema registry means. Pure: the client (registry.h) has asked. */
#ifndef STREAMER_REGISTRY_ANSWER_H
#define STREAMER_REGISTRY_ANSWER_H

#include "streamer/base/json.h"
#include "streamer/registry/registry.h"

struct answer {
    long status;       /* of HTTP; 0: there is no answer */
    const cJSON *json; /* of the body; NULL: it is not JSON */
};

enum registry_result answer_result(const struct answer *a);
/* Appends what an error shows of it: the registry's message, or the beginning of the body. */
void answer_put_error(struct buf *out, const struct answer *a, struct slice body);
/* A whole number; `otherwise` if it is not there. */
int64_t answer_number(const struct answer *a, const char *member, int64_t otherwise);
/* Sets what a schema's answer says of it; `id` if it does not say the id. False: it has no schema.
 */
bool answer_read_schema(const struct answer *a, int32_t id, struct registry_schema *out);
/* Appends the reasons of an incompatible schema, in one line; nothing if it names none. */
void answer_put_reasons(struct buf *out, const struct answer *a);

#endif
