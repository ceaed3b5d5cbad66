#include "streamer/http/query_why.h"

#include "streamer/base/json.h"
#include "streamer/base/nearest.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/utf8.h"

#include <string.h>

/* --- the table --- */

static void put_advice(const char *name, struct buf *text) {
    struct nearest nearest = nearest_to(name);
    for (int t = 0; t < WHY_TABLE_COUNT; t++)
        nearest_offer(&nearest, why_table_name((enum why_table)t));
    if (nearest.best[0] != '\0') {
        buf_printf(text, ", did you mean %s?", nearest.best);
        return;
    }
    for (int t = 0; t < WHY_TABLE_COUNT; t++)
        buf_printf(text, "%s%s", t == 0 ? "; give one of " : ", ",
                   why_table_name((enum why_table)t));
}

static void refuse_table(const char *name, struct http_reply *reply) {
    struct buf text = {0};
    buf_put_str(&text, "no such table");
    if (utf8_is_valid(slice_str(name)) && name[0] != '\0')
        buf_printf(&text, ": %s", name);
    put_advice(name, &text);
    http_reply_error(reply, 400, buf_cstr(&text));
    buf_release(&text);
}

static bool find_table(const char *name, enum why_table *table) {
    for (int t = 0; t < WHY_TABLE_COUNT; t++) {
        *table = (enum why_table)t;
        if (strcmp(name, why_table_name(*table)) == 0)
            return true;
    }
    return false;
}

bool query_read_why_table(const char *path, enum why_table *table, struct http_reply *reply) {
    struct buf name = {0};
    bool found = http_path_segment(path, 2, &name) && find_table(buf_cstr(&name), table);
    if (!found)
        refuse_table(buf_cstr(&name), reply);
    buf_release(&name);
    return found;
}

/* --- the answer --- */

static void put_time(const char *before, int64_t ms, struct buf *out) {
    buf_put_str(out, before);
    buf_put_byte(out, '"');
    timestamp_put_iso(out, ms);
    buf_put_byte(out, '"');
}

/* Puts what stands for a value that is not known. True: it is known, and not put yet. */
static bool put_unless_known(enum why_known known, struct buf *out) {
    if (known != WHY_KNOWN)
        buf_put_str(out, known == WHY_UNKNOWN ? "\"unknown\"" : "null");
    return known == WHY_KNOWN;
}

static void put_record(const char *before, const struct why_record *r, const char *topic,
                       struct buf *out) {
    buf_put_str(out, before);
    if (!put_unless_known(r->known, out))
        return;
    buf_put_str(out, "{\"topic\":");
    json_put_string(out, slice_str(topic));
    buf_put_str(out, ",\"partition\":");
    buf_put_int(out, r->partition);
    buf_put_str(out, ",\"offset\":");
    buf_put_int(out, r->offset);
    put_time(",\"event_at\":", r->event_at, out);
    put_time(",\"loaded_at\":", r->loaded_at, out);
    buf_put_byte(out, '}');
}

static void put_rates(enum why_known known, const struct rates *rates, struct buf *out) {
    buf_put_str(out, ",\"rates\":");
    if (!put_unless_known(known, out))
        return;
    buf_put_str(out, "{\"tiers\":\"");
    rates_put_tiers(rates, out);
    buf_put_str(out, "\",\"bonus\":\"");
    rates_put_rate(rates->loan_bonus_milli, out);
    buf_put_str(out, "\"}");
}

void query_put_why(enum why_table table, struct slice id, const struct why *why,
                   const struct query_context *context, struct buf *out) {
    buf_printf(out, "{\"table\":\"%s\",\"id\":", why_table_name(table));
    json_put_string(out, id);
    put_record(",\"account\":", &why->account, context->topics[TOPIC_ACCOUNTS], out);
    put_record(",\"customer\":", &why->customer, context->topics[TOPIC_CUSTOMERS], out);
    put_rates(why->rates, context->rates, out);
    if (why->calculated_at != TIMESTAMP_NONE)
        put_time(",\"calculated_at\":", why->calculated_at, out);
    else
        buf_put_str(out, ",\"calculated_at\":null");
    buf_put_byte(out, '}');
}
