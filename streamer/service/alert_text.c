#include "streamer/service/alert_text.h"

#include "streamer/base/json_put.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"

#include <string.h>

#define RUNBOOK "docker/README.md#"

/* The first one counts whose `of` the id begins with. */
static const struct {
    const char *of;
    struct alert_help help;
} helps[] = {
    {"readiness",
     {"/readyz and the last lines of the log say what it waits for. Nothing is lost meanwhile: "
      "input stays in Kafka as long as its retention.",
      RUNBOOK "streamernotcommitting"}},
    {"source.freshness.",
     {"See whether the topic gets records (kcat -C -t TOPIC -o -1 -e), and call whoever produces "
      "them. Here nothing has to be done: records are processed when they come.",
      RUNBOOK "streamerfeeddead"}},
    {"source.rejected.",
     {"The headers quarantine.reason of the quarantine topic say what is wrong with the records. "
      "Tell whoever produces them; results miss them until they are corrected and sent again.",
      RUNBOOK "streamerquarantinehigh"}},
    {"source.unknown_fields.",
     {"A producer has added or renamed columns. If one of the fields is meant, name it in "
      "fields.customers or fields.accounts.",
      RUNBOOK "streamerqualityfailing"}},
    {"staging.null_rate.",
     {"A column has probably vanished or was renamed: compare the newest records with older ones. "
      "If it was renamed, name it in fields.customers or fields.accounts, and have the records "
      "sent again.",
      RUNBOOK "streamerqualityfailing"}},
    {"snapshots.outdated.",
     {"Newer events of these rows were rejected. Correct them by the reasons in the quarantine, "
      "and send them again.",
      RUNBOOK "streamerquarantinehigh"}},
    {"intermediate.orphans",
     {"The customers of these accounts have not come. See whether the feed of the customers is "
      "late or has lost records; the accounts join by themselves.",
      RUNBOOK "streamerorphanaccounts"}},
    {"",
     {"GET /v1/quality names rows that are wrong. Keep the log and a copy of state.dir, tell "
      "those who use the results, and report it: this should never happen.",
      RUNBOOK "streamerqualityfailing"}},
};

const struct alert_help *alert_help_of(const char *check_id) {
    size_t i = 0;
    while (strncmp(check_id, helps[i].of, strlen(helps[i].of)) != 0)
        i++; /* the last one is for all */
    return &helps[i].help;
}

/* --- for people */

/* Slack reads these three as the beginnings of its own codes. */
static void put_escaped(struct buf *out, const char *text) {
    for (; *text != '\0'; text++)
        if (*text == '&')
            buf_put_str(out, "&amp;");
        else if (*text == '<')
            buf_put_str(out, "&lt;");
        else if (*text == '>')
            buf_put_str(out, "&gt;");
        else
            buf_put_byte(out, *text);
}

static void put_time(struct buf *out, int64_t ms) {
    timestamp_put_nearest(out, ms);
    out->n -= strlen(".000Z");
    buf_put_byte(out, 'Z');
}

static void put_what(struct buf *out, const struct alert *a) {
    static const char *const words[CHECK_STATUS_COUNT] = {"RECOVERED", "WARN", "FAIL"};
    buf_printf(out, "*%s* ", words[a->now.status]);
    put_escaped(out, a->now.id);
    if (a->now.message[0] == '\0')
        return;
    buf_put_str(out, ": ");
    put_escaped(out, a->now.message);
}

static void put_where_and_when(struct buf *out, const struct alert *a,
                               const struct alert_sender *from) {
    put_escaped(out, from->app_id);
    buf_put_str(out, " on ");
    put_escaped(out, from->instance);
    buf_put_str(out, ", since ");
    put_time(out, a->now.since_ms);
    if (a->now.status != CHECK_PASS || a->before_since_ms <= 0)
        return;
    buf_printf(out, "; it was %s since ", check_status_name(a->before));
    put_time(out, a->before_since_ms);
}

static void put_what_to_do(struct buf *out, const char *check_id) {
    const struct alert_help *help = alert_help_of(check_id);
    buf_put_str(out, "\nWhat to do: ");
    put_escaped(out, help->advice);
    buf_printf(out, " Runbook: %s", help->runbook);
}

static void put_text(struct buf *out, const struct alert *a, const struct alert_sender *from) {
    put_what(out, a);
    buf_put_byte(out, '\n');
    put_where_and_when(out, a, from);
    if (a->now.status != CHECK_PASS)
        put_what_to_do(out, a->now.id);
}

/* --- for programs --- */

void alert_put_json(const struct alert *a, const struct alert_sender *from, struct buf *out) {
    struct buf text = {0};
    put_text(&text, a, from);
    buf_put_byte(out, '{');
    json_put_text(out, "text", buf_cstr(&text));
    buf_release(&text);
    json_put_text(out, "app", from->app_id);
    json_put_text(out, "instance", from->instance);
    json_put_text(out, "check", a->now.id);
    json_put_text(out, "layer", check_layer_name(a->now.layer));
    json_put_text(out, "severity", check_severity_name(a->now.severity));
    json_put_text(out, "status", check_status_name(a->now.status));
    json_put_text(out, "previous", check_status_name(a->before));
    json_put_time(out, "since", a->now.since_ms);
    json_put_text(out, "message", a->now.message);
    json_put_text(out, "runbook", alert_help_of(a->now.id)->runbook);
    buf_put_byte(out, '}');
}
