#include "streamer/quarantine/advice.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/model/event.h"

#include <inttypes.h>

/* What helps against a reason: a field that is set, or something else before the replay. */
struct cure {
    enum reason_code code;
    const char *field; /* NULL: none in particular */
    const char *first; /* "": nothing */
};

static const struct cure cures[] = {
    {REASON_MALFORMED, NULL,
     "look at the value; if a field is wrong, set it; else mend the producer"},
    {REASON_UNSUPPORTED_OP, NULL, "truncate=apply takes a truncate; else mend the producer"},
    {REASON_UNKNOWN_SCHEMA, NULL, "register the schema, or set schema.registry.url"},
    {REASON_TOO_LARGE, NULL, "raise record.max.bytes, and restart all instances"},
    {REASON_INVALID_CUSTOMER_ID, "customer_id", ""},
    {REASON_INVALID_NAME, "customer_name", ""},
    {REASON_INVALID_HAS_LOAN, "has_loan", ""},
    {REASON_INVALID_ACCOUNT_ID, "account_id", ""},
    {REASON_INVALID_BALANCE, "balance", ""},
    {REASON_INVALID_ACCOUNT_TYPE, "account_type", ""},
    {REASON_INVALID_UPDATED_AT, "updated_at", ""},
    {REASON_TOO_LATE, NULL, "raise late.window, and restart all instances"},
    {REASON_TOO_EARLY, "updated_at", "set the time; or replay it when its time has come"},
};

static const struct cure *cure_of(struct slice code) {
    for (size_t i = 0; i < ARRAY_LEN(cures); i++)
        if (slice_eq(code, slice_str(reason_code_name(cures[i].code))))
            return &cures[i];
    return NULL;
}

void advice_put(struct buf *out, const struct quarantined *q) {
    const struct cure *cure = cure_of(q->code);
    if (q->replayed_at_ms != TIMESTAMP_NONE) {
        buf_put_str(out, "it was replayed, and is not replayed again");
        return;
    }
    if (q->entity == ENTITY_COUNT) {
        buf_put_str(out, "its topic is no input of this configuration, so it cannot be replayed");
        return;
    }
    if (cure != NULL && cure->first[0] != '\0')
        buf_printf(out, "%s; then ", cure->first);
    buf_printf(out, "streamer quarantine replay --topic %.*s --at %" PRId32 ":%" PRId64,
               (int)q->topic.n, q->topic.p, q->input_partition, q->input_offset);
    if (cure != NULL && cure->field != NULL)
        buf_printf(out, " --field %s=...", cure->field);
}
