/* lineage_event: what OpenLineage is told of this process: one run of the job <app.id>, which reads
 * the input topics and writes the result topics. The datasets and their columns come from
 * lineage.h. Pure. */
#ifndef STREAMER_SERVICE_LINEAGE_EVENT_H
#define STREAMER_SERVICE_LINEAGE_EVENT_H

#include "streamer/base/buf.h"
#include "streamer/config/config.h"

#include <stdint.h>

enum lineage_event_type { LINEAGE_START, LINEAGE_RUNNING, LINEAGE_COMPLETE, LINEAGE_FAIL };

struct lineage_event {
    enum lineage_event_type type;
    const char *run_id; /* a UUID */
    int64_t at_ms;      /* since 1970 */
    const char *error;  /* LINEAGE_FAIL: why, UTF-8; else "" */
};

/* Appends the event as JSON (RunEvent of OpenLineage 2-0-2). */
void lineage_put_event(const struct config *c, const struct lineage_event *event, struct buf *out);

/* Appends `"inputs":[…],"outputs":[…]`: the topics as datasets, with the facets schema and
 * dataSource, and with columnLineage where columns come from columns of the input. */
void lineage_put_datasets(const struct config *c, struct buf *out);

#define LINEAGE_RUN_ID_SIZE 37 /* with the terminator */
/* A new UUID (version 7): it begins with the time, the rest is `random`. */
void lineage_run_id(int64_t now_ms, const unsigned char random[10], char id[LINEAGE_RUN_ID_SIZE]);

#endif
