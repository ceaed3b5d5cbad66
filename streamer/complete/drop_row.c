#include "streamer/complete/drop_row.h"

#include "streamer/base/timestamp.h"

void drop_rows_init(struct drop_rows *d, const struct config *c, enum entity entity,
                    int64_t now_ms) {
    const struct decoder_options o = {
        .record_max_bytes = (size_t)c->record_max_bytes,
        .field_names = {c->field_names[ENTITY_CUSTOMER], c->field_names[ENTITY_ACCOUNT]},
    };
    *d = (struct drop_rows){.entity = entity, .now_ms = now_ms, .decoder = decoder_new(&o)};
}

void drop_rows_release(struct drop_rows *d) {
    if (d->decoder != NULL)
        decoder_free(d->decoder);
    standardizer_release(&d->standardizer);
    buf_release(&d->reason.text);
}

/* What is wrong with a row that the source layer accepts is known only from the staging layer. A
 * row that is to be quarantined has an id all the same if that can be read. */
struct drop_row drop_rows_read(struct drop_rows *d, struct slice value) {
    const struct record record = {
        .value = value, .timestamp_ms = d->now_ms, .replayed_at_ms = TIMESTAMP_NONE};
    struct decoded decoded;
    struct event event;
    bool is_good = decode(d->decoder, d->entity, &record, &decoded, &d->reason) == DECODE_EVENT;
    if (is_good)
        is_good = standardize(&d->standardizer, d->entity, &decoded, d->now_ms, &event, &d->reason);
    else
        standardize_rejected(&d->standardizer, d->entity, &decoded, d->now_ms, &event);
    return (struct drop_row){.id = event.id,
                             .is_good = is_good,
                             .has_time = event.has_own_time,
                             .at_ms = event.event_at_ms,
                             .why = buf_cstr(&d->reason.text)};
}
