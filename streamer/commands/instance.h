/* instance: asks a running instance over HTTP, for commands that show what all instances say. */
#ifndef STREAMER_COMMANDS_INSTANCE_H
#define STREAMER_COMMANDS_INSTANCE_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"
#include "streamer/base/json.h"
#include "streamer/config/config.h"

#include <stdbool.h>
#include <stdint.h>

/* Sets `out` to the URL by which the instance of this configuration can be asked from the same
 * machine: that of http.listen; with TLS http.advertised.url, whose name the certificate has. False
 * with ERR_CONFIG: http.listen is empty. */
bool instance_url(const struct config *c, struct buf *out, struct err *e);

/* Where an instance is, and how it is asked. */
struct instance {
    struct buf url;
    char *token; /* NULL: it needs none */
};
/* Finds the instance at `url`, or that of the configuration (NULL: instance_url), and reads its
 * token. The caller releases the result. False with ERR_CONFIG, and there is nothing to release. */
bool instance_find(struct instance *in, const struct config *c, const char *url, struct err *e);
void instance_release(struct instance *in); /* a zero-initialized one, too */

/* Asks the instance at `url` (NULL: instance_url) with the configuration's token and authorities.
 * `path` is path and query. True: `body` is its answer, with status 200. */
bool instance_ask(const struct config *c, const char *url, const char *path, struct buf *body,
                  struct err *e);

/* The answers of all instances (gather.h), as instance_ask gets them for "?all=true". */
struct instances {
    struct json json;
    const cJSON *list;
};
/* False with `e`: the text is something else, as an older version would send. The texts in the list
 * are good until `instances_release`. */
bool instances_read(struct instances *in, struct slice text, struct err *e);
void instances_release(struct instances *in);
/* "http://a:9464, partitions 0 to 3, 7" into `out`. */
void instance_put_name(const cJSON *instance, struct buf *out);
/* The whole number of a member of an answer; `otherwise` if there is none. */
int64_t instance_number(const cJSON *object, const char *name, int64_t otherwise);
/* Whether the instance has answered; its answer is the member "answer". */
bool instance_is_reached(const cJSON *instance);

#endif
