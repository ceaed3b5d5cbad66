#include "streamer/service/state_dir.h"

#include "state/rocksdb/peek.h"
#include "streamer/base/log.h"
#include "streamer/quality/averages_file.h"
#include "streamer/task/task.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATE_LAYOUT 6 /* version of keys and families; STATE_FORMAT is that of the values */
#define STATE_FACT "state"
#define APP_ID " app.id="
#define PARTITIONS " partitions="

static bool set_aside(const struct config *config, int64_t now_ms, const char *why, struct err *e) {
    struct buf aside = {0};
    bool ok = store_set_aside(config->state_dir, now_ms, &aside, e);
    if (ok)
        log_warn("the state directory is set aside and rebuilt from the topics",
                 "moved_to=%s reason=%s", buf_cstr(&aside), log_quote(&(struct log_value){0}, why));
    buf_release(&aside);
    return ok;
}

/* One line of text with everything that must be the same for the state to be of use. */
static void describe_state(const struct config *config, int32_t partitions, struct buf *out) {
    buf_clear(out);
    buf_printf(out, "format=%d.%d" APP_ID "%s" PARTITIONS "%d", STATE_LAYOUT, STATE_FORMAT,
               config->app_id, partitions);
}

/* --- before a start --- */

/* The app.id in a description; an app.id has no spaces. */
static struct slice app_id_of(const char *description) {
    const char *at = strstr(description, APP_ID);
    at = at != NULL ? at + strlen(APP_ID) : "";
    return slice_of(at, strcspn(at, " "));
}

static bool is_current_format(const struct config *config, const char *description) {
    struct buf now = {0};
    describe_state(config, 0, &now);
    bool same = strncmp(buf_cstr(&now), description, strcspn(buf_cstr(&now), " ") + 1) == 0;
    buf_release(&now);
    return same;
}

/* `was`: the description in the store that is there; "": there is no store. */
static bool check_description(const struct config *config, const char *was, struct buf *what,
                              struct err *e) {
    struct slice app_id = app_id_of(was);
    if (was[0] != '\0' && !slice_eq(app_id, slice_str(config->app_id)))
        return err_set(
            e, ERR_CONFIG,
            "state.dir=%s: it holds the state of app.id %.*s, not of %s; give each application a "
            "directory of its own",
            config->state_dir, (int)app_id.n, app_id.p, config->app_id);
    if (was[0] == '\0')
        buf_printf(what, "%s",
                   access(config->state_dir, F_OK) == 0 ? "empty"
                                                        : "not there, `streamer run` makes it");
    else if (is_current_format(config, was))
        buf_printf(what, "holds the state of app.id %s", config->app_id);
    else
        buf_put_str(what,
                    "holds another version's state, `streamer run` sets it aside and rebuilds it");
    return true;
}

bool state_dir_check(const struct config *config, struct buf *what, struct err *e) {
    struct buf was = {0};
    bool ok = peek_usable(config->state_dir, e);
    buf_clear(what);
    bool is_read = ok && peek_fact(config->state_dir, STATE_FACT, &was, e);
    if (is_read)
        ok = check_description(config, buf_cstr(&was), what, e);
    else if (ok && e->class == ERR_REBUILD)
        buf_printf(what, "cannot be read (%s), `streamer run` sets it aside and rebuilds it",
                   e->text);
    else
        ok = false;
    buf_release(&was);
    return ok;
}

bool state_dir_prepare(const struct config *config, struct err *e) {
    return store_make_directory(config->state_dir, e) && peek_usable(config->state_dir, e);
}

/* --- the start --- */

/* Writes the description into a new store. False with ERR_REBUILD if the store has another one. */
static bool claim(struct store *store, const struct config *config, int32_t partitions,
                  struct err *e) {
    struct buf now = {0}, was = {0};
    bool ok = store_get_fact(store, STATE_FACT, &was, e);
    describe_state(config, partitions, &now);
    if (ok && was.n == 0)
        ok = store_put_fact(store, STATE_FACT, buf_slice(&now), e);
    else if (ok && !slice_eq(buf_slice(&was), buf_slice(&now)))
        ok = err_set(e, ERR_REBUILD, "it holds \"%s\", not \"%s\"", buf_cstr(&was), buf_cstr(&now));
    buf_release(&now);
    buf_release(&was);
    return ok;
}

static struct store *open_and_claim(const struct config *config, int32_t partitions,
                                    struct err *e) {
    struct store *store =
        store_open(config->state_dir, config->state_memory_bytes, (int)config->workers, e);
    if (store == NULL || claim(store, config, partitions, e))
        return store;
    store_close(store);
    return NULL;
}

struct store *state_dir_open(const struct config *config, int32_t partitions, int64_t now_ms,
                             struct err *e) {
    struct store *store = open_and_claim(config, partitions, e);
    if (store != NULL || e->class != ERR_REBUILD || !set_aside(config, now_ms, e->text, e))
        return store;
    return open_and_claim(config, partitions, e);
}

/* --- at rest --- */

static bool read_description(const char *was, const char *dir, struct state_at_rest *state,
                             struct err *e) {
    const struct config any = {.app_id = state->app_id};
    struct slice app_id = app_id_of(was);
    const char *partitions = strstr(was, PARTITIONS);
    (void)snprintf(state->app_id, sizeof state->app_id, "%.*s", (int)app_id.n, app_id.p);
    if (!is_current_format(&any, was) || partitions == NULL)
        return err_set(e, ERR_STOP,
                       "%s: it is the state of another version of streamer; use that version", dir);
    state->partitions = atoi(partitions + strlen(PARTITIONS));
    return true;
}

bool state_dir_open_to_read(const char *dir, struct state_at_rest *state, struct err *e) {
    struct buf was = {0};
    *state = (struct state_at_rest){.store = store_open_to_read(dir, e)};
    if (state->store == NULL) {
        e->class = e->class == ERR_CONFIG ? ERR_CONFIG : ERR_STOP;
        return false;
    }
    bool ok = store_get_fact(state->store, STATE_FACT, &was, e) &&
              read_description(buf_cstr(&was), dir, state, e);
    if (!ok)
        store_close(state->store);
    buf_release(&was);
    return ok;
}

/* --- the end --- */

bool state_dir_remove(const struct config *config, struct err *e) {
    if (!store_destroy(config->state_dir, e) || !averages_file_remove(config->state_dir, e))
        return false;
    (void)rmdir(config->state_dir); /* fails if something else lies there, which then stays */
    return true;
}

/* --- an embedded run */

bool temporary_dir_make(struct temporary_dir *dir, struct err *e) {
    (void)snprintf(dir->path, sizeof dir->path, "/tmp/streamer-XXXXXX");
    if (mkdtemp(dir->path) != NULL)
        return true;
    dir->path[0] = '\0';
    return err_set(e, ERR_STOP, "cannot make a temporary directory in /tmp: %s", strerror(errno));
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

void temporary_dir_remove(struct temporary_dir *dir) {
    if (dir->path[0] != '\0')
        (void)nftw(dir->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    dir->path[0] = '\0';
}
