#include "streamer/commands/dry_run_text.h"

#include "streamer/base/json.h"
#include "streamer/base/json_put.h"

#include <inttypes.h>

#define PLACE_WIDTH 22
#define ID_WIDTH 14

/* --- records --- */

static void put_verdict(struct paint *p, const struct dry_run_record *r) {
    switch (r->verdict) {
    case REPLICA_APPLIED:
        paint_text(p, PAINT_GREEN, slice_str("accepted"), 0);
        break;
    case REPLICA_UNCHANGED:
        paint_text(p, PAINT_GREEN, slice_str("accepted, and changes nothing"), 0);
        break;
    case REPLICA_REJECTED:
        paint_printf(p, PAINT_RED, "rejected again, %s: ", reason_code_name(r->why->code));
        paint_text(p, PAINT_PLAIN, buf_slice(&r->why->text), 0);
        break;
    case REPLICA_NOT_JUDGED:
    case REPLICA_VERDICTS:
        paint_text(p, PAINT_YELLOW,
                   slice_str("not judged: a truncate, which may end any row of its topic"), 0);
        break;
    }
}

void dry_run_text_record(struct paint *p, const struct dry_run_record *r) {
    paint_text(p, PAINT_BOLD, r->place, PLACE_WIDTH - 1);
    buf_put_byte(p->out, ' ');
    paint_text(p, PAINT_PLAIN, r->id.n > 0 ? r->id : slice_str("-"), ID_WIDTH - 1);
    buf_put_byte(p->out, ' ');
    put_verdict(p, r);
    buf_put_byte(p->out, '\n');
}

static const char *verdict_name(enum replica_verdict verdict) {
    static const char *const names[REPLICA_VERDICTS] = {
        [REPLICA_APPLIED] = "applied",
        [REPLICA_UNCHANGED] = "unchanged",
        [REPLICA_REJECTED] = "rejected",
        [REPLICA_NOT_JUDGED] = "not_judged",
    };
    return names[verdict];
}

static void put_member(struct buf *out, const char *name, struct slice text) {
    json_put_name(out, name);
    json_put_string(out, text);
}

void dry_run_json_record(struct buf *out, const struct dry_run_record *r) {
    buf_put_byte(out, '{');
    put_member(out, "record", r->place);
    if (r->id.n > 0)
        put_member(out, "id", r->id);
    json_put_text(out, "verdict", verdict_name(r->verdict));
    if (r->verdict == REPLICA_REJECTED) {
        json_put_text(out, "code", reason_code_name(r->why->code));
        put_member(out, "reason", buf_slice(&r->why->text));
    }
    buf_put_str(out, "}\n");
}

/* --- rows --- */

static void put_row(struct paint *p, enum paint_colour colour, const char *sign, struct slice row) {
    if (row.p == NULL)
        return;
    paint_printf(p, colour, "  %s ", sign);
    paint_text(p, colour, row, 0);
    buf_put_byte(p->out, '\n');
}

void dry_run_text_change(struct paint *p, const struct config *c, const struct replica_row *row) {
    buf_put_byte(p->out, '\n');
    paint_printf(p, PAINT_BOLD, "%s ", c->topics[row->topic]);
    paint_text(p, PAINT_BOLD, row->key, 0);
    buf_put_str(p->out, row->before.p == NULL  ? " appears\n"
                        : row->after.p == NULL ? " vanishes\n"
                                               : " changes\n");
    put_row(p, PAINT_RED, "-", row->before);
    put_row(p, PAINT_GREEN, "+", row->after);
}

static void put_json_row(struct buf *out, const char *name, struct slice row) {
    json_put_name(out, name);
    buf_put_slice(out, row.p != NULL ? row : slice_str("null"));
}

void dry_run_json_change(struct buf *out, const struct config *c, const struct replica_row *row) {
    buf_put_byte(out, '{');
    json_put_text(out, "topic", c->topics[row->topic]);
    put_member(out, "key", row->key);
    put_json_row(out, "before", row->before);
    put_json_row(out, "after", row->after);
    buf_put_str(out, "}\n");
}

/* --- the end --- */

static uint64_t records_of(const struct dry_run_result *r) {
    uint64_t records = 0;
    for (int v = 0; v < REPLICA_VERDICTS; v++)
        records += r->verdicts[v];
    return records;
}

/* Without a record there is no answer that could change, and nothing was asked. */
static void put_waiting(struct buf *out, const struct dry_run_result *r) {
    if (records_of(r) == 0)
        return;
    if (!r->waiting_is_known)
        buf_put_str(out, "the broker does not tell what the application has still to process, "
                         "which may change this answer\n");
    else if (r->waiting > 0)
        buf_printf(out,
                   "%" PRIu64 " record%s still to be processed by the application, which may "
                   "change this answer\n",
                   r->waiting, r->waiting == 1 ? " was" : "s were");
}

void dry_run_text_end(struct buf *out, const struct dry_run_result *r) {
    uint64_t unchanged = r->verdicts[REPLICA_UNCHANGED];
    buf_printf(out,
               "\n%" PRIu64 " would be accepted, %" PRIu64 " of them without a change; %" PRIu64
               " would be rejected again",
               r->verdicts[REPLICA_APPLIED] + unchanged, unchanged, r->verdicts[REPLICA_REJECTED]);
    if (r->verdicts[REPLICA_NOT_JUDGED] > 0)
        buf_printf(out, "; %" PRIu64 " not judged", r->verdicts[REPLICA_NOT_JUDGED]);
    buf_printf(out, "; %" PRIu64 " row%s would change\n", r->rows, r->rows == 1 ? "" : "s");
    put_waiting(out, r);
    buf_put_str(out, "nothing was sent\n");
}

void dry_run_json_end(struct buf *out, const struct dry_run_result *r) {
    buf_put_byte(out, '{');
    json_put_int(out, "records", (int64_t)records_of(r));
    for (int v = 0; v < REPLICA_VERDICTS; v++)
        json_put_int(out, verdict_name((enum replica_verdict)v), (int64_t)r->verdicts[v]);
    json_put_int(out, "rows", (int64_t)r->rows);
    json_put_int(out, "replayed_before", (int64_t)r->refusals.replayed_before);
    json_put_int(out, "refused", (int64_t)r->refusals.refused);
    if (r->waiting_is_known)
        json_put_int(out, "waiting", (int64_t)r->waiting);
    else
        json_put_text(out, "waiting", NULL);
    buf_put_str(out, "}\n");
}
