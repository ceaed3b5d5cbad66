/* result_instance: reads a table from a running instance (GET /v1/export/{table}). */
#ifndef STREAMER_EXPORT_RESULT_INSTANCE_H
#define STREAMER_EXPORT_RESULT_INSTANCE_H

#include "streamer/export/result_reader.h"

/* Called for each row; the row and its key, as result topics have it, are good until it returns. */
typedef bool result_instance_seen(void *context, struct slice key, const void *row, struct err *e);

/* False with ERR_STOP: the instance does not answer, has broken off, or sends something else; or
 * `stop` became true. Any class: as `seen` has set it. */
bool result_instance_read(const struct result_instance *instance, enum row_result table,
                          const atomic_bool *stop, result_instance_seen *seen, void *context,
                          struct err *e);

#endif
