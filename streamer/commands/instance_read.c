#include "streamer/commands/instance_read.h"

#include "streamer/base/clock.h"
#include "streamer/commands/instance.h"
#include "streamer/config/config_value.h"
#include "streamer/model/entity.h"

#include <inttypes.h>
#include <unistd.h>

#define PAUSE_US 100000
/* The instance hears of new records with its next fetch, and tells what is left then. */
#define LOOKS_WITHOUT_LAG 3

struct look {
    int64_t records, lag;
};

/* The object of the list whose member `name` is `value`. NULL: there is none. */
static const cJSON *find(const cJSON *list, const char *name, struct slice value) {
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, list) {
        if (slice_eq(json_text(json_member(item, name)), value))
            return item;
    }
    return NULL;
}

static bool take_look(struct slice body, enum entity entity, struct look *look) {
    struct json json;
    struct slice name = slice_str(entity_info(entity)->name);
    json_init(&json);
    const cJSON *status = json_parse(&json, body);
    look->records = instance_number(find(json_member(status, "nodes"), "id", name), "records", -1);
    look->lag =
        instance_number(find(json_member(status, "inputs"), "entity", name), "lag_records", -1);
    json_release(&json);
    return look->records >= 0 && look->lag >= 0;
}

static bool ask(const struct config *c, const char *url, enum entity entity, struct look *look,
                struct err *e) {
    struct buf body = {0};
    bool ok = instance_ask(c, url, "/v1/status", &body, e) &&
              (take_look(buf_slice(&body), entity, look) ||
               err_set(e, ERR_STOP,
                       "the instance answers something else than is asked for; check that it is "
                       "streamer, of this version or a newer one"));
    buf_release(&body);
    return ok;
}

bool instance_read_count(const struct config *c, const char *url, enum entity entity,
                         int64_t *records, struct err *e) {
    struct look look;
    if (!ask(c, url, entity, &look, e))
        return false;
    *records = look.records;
    return true;
}

static bool give_up(const struct look *look, int64_t records, int64_t timeout_ms, struct err *e) {
    int64_t missing = records > look->records ? records - look->records : look->lag;
    return err_set(e, ERR_STOP,
                   "the instance has not read all rows within --timeout %s, %" PRId64
                   " records are left: look at `streamer status`, or raise --timeout",
                   duration_text(timeout_ms).text, missing);
}

bool instance_read_wait(const struct config *c, const char *url, enum entity entity,
                        int64_t records, int64_t timeout_ms, const atomic_bool *stop,
                        struct err *e) {
    int64_t end_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC) + timeout_ms;
    for (int looks = 0; looks < LOOKS_WITHOUT_LAG;) {
        struct look look;
        if (!ask(c, url, entity, &look, e))
            return false;
        looks = look.records >= records && look.lag == 0 ? looks + 1 : 0;
        if (stop != NULL && atomic_load(stop))
            return err_set(e, ERR_STOP, "interrupted");
        if (looks == 0 && clock_ms(clock_of_machine(), CLOCK_MONOTONIC) >= end_ms)
            return give_up(&look, records, timeout_ms, e);
        (void)usleep(PAUSE_US);
    }
    return true;
}
