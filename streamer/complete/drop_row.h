/* drop_row: what the processor will make of a row of a drop, as far as a complete feed has to know
 * it: its id and its time. The same code decodes and standardizes it. One thread. */
#ifndef STREAMER_COMPLETE_DROP_ROW_H
#define STREAMER_COMPLETE_DROP_ROW_H

#include "streamer/config/config.h"
#include "streamer/layers/source/decode.h"
#include "streamer/layers/staging/standardize.h"

struct drop_rows {
    enum entity entity;
    int64_t now_ms; /* stands for the Kafka timestamp of each row */
    struct decoder *decoder;
    struct standardizer standardizer;
    struct reason reason;
};

struct drop_row {
    struct slice id; /* as staging makes it; empty: it cannot be read */
    bool is_good;    /* it is not quarantined for what it says itself */
    bool has_time;   /* it says when it was changed */
    int64_t at_ms;   /* that time, or now_ms */
    const char *why; /* if the id is empty: what is wrong */
};

void drop_rows_init(struct drop_rows *d, const struct config *c, enum entity entity,
                    int64_t now_ms);
void drop_rows_release(struct drop_rows *d); /* a zero-initialized one, too */

/* Reads a row by its message. The result is good until the next call. */
struct drop_row drop_rows_read(struct drop_rows *d, struct slice value);

#endif
