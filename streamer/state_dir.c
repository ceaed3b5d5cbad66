#include "streamer/state_dir.h"

#include "streamer/base/log.h"
#include "streamer/task.h"

#define STATE_LAYOUT 5 /* of keys and families; of the values: STATE_FORMAT */

static bool set_aside(const struct config *config, int64_t now_ms, const char *why, struct err *e) {
    struct buf aside = {0};
    bool ok = store_set_aside(config->state_dir, now_ms, &aside, e);
    if (ok)
        log_warn("the state directory is set aside and rebuilt from the topics", "moved_to=%s reason=%s",
                 buf_cstr(&aside), log_quote(&(struct log_value){0}, why));
    buf_release(&aside);
    return ok;
}

/* What must be the same for the state to be of use, as one line of text. */
static void describe_state(const struct config *config, int32_t partitions, struct buf *out) {
    buf_clear(out);
    buf_printf(out, "format=%d.%d app.id=%s partitions=%d", STATE_LAYOUT, STATE_FORMAT, config->app_id,
               partitions);
}

/* Whether the store is this application's; a new one is made so. ERR_RETRY: it is not. */
static bool claim(struct store *store, const struct config *config, int32_t partitions, struct err *e) {
    struct buf now = {0}, was = {0};
    bool ok = store_get_fact(store, "state", &was, e);
    describe_state(config, partitions, &now);
    if (ok && was.n == 0)
        ok = store_put_fact(store, "state", buf_slice(&now), e);
    else if (ok && !slice_eq(buf_slice(&was), buf_slice(&now)))
        ok = err_set(e, ERR_RETRY, "it holds \"%s\", not \"%s\"", buf_cstr(&was), buf_cstr(&now));
    buf_release(&now);
    buf_release(&was);
    return ok;
}

static struct store *open_and_claim(const struct config *config, int32_t partitions, struct err *e) {
    struct store *store = store_open(config->state_dir, config->state_memory_bytes, (int)config->workers, e);
    if (store == NULL || claim(store, config, partitions, e))
        return store;
    store_close(store);
    return NULL;
}

struct store *state_dir_open(const struct config *config, int32_t partitions, int64_t now_ms, struct err *e) {
    struct store *store = open_and_claim(config, partitions, e);
    if (store != NULL || e->class != ERR_RETRY || !set_aside(config, now_ms, e->text, e))
        return store;
    return open_and_claim(config, partitions, e);
}
