/* What RocksDB's error texts mean: damage, what the machine refuses, or what may be tried again. */
#include "state/rocksdb/seal.h"
#include "state/rocksdb/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool begins_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

/* Damage is what trying again cannot mend: the files are gone, or do not hold what was written to
 * them. Only the beginning of such a text is RocksDB's own; a path may follow, which may hold any
 * words. */
static bool is_damage(const char *text) {
    return begins_with(text, "Corruption: ") ||
           begins_with(text, "IO error: No such file or directory");
}

static void note_damage(struct store *s, const char *text) {
    (void)pthread_mutex_lock(&s->damage_lock);
    if (!atomic_load(&s->damaged)) {
        (void)snprintf(s->damage, sizeof s->damage, "%s", text);
        atomic_store(&s->damaged, true);
        (void)seal_mark_damaged(s->dir, s->damage); /* if that fails, store_close tries again */
    }
    (void)pthread_mutex_unlock(&s->damage_lock);
}

bool store_refuse_damaged(struct store *s, struct err *e) {
    (void)pthread_mutex_lock(&s->damage_lock);
    (void)err_set(
        e, ERR_STOP,
        "state.dir=%s: it is damaged: %s; start again, and the state is rebuilt from the topics",
        s->dir, s->damage);
    (void)pthread_mutex_unlock(&s->damage_lock);
    return false;
}

bool store_check(struct store *s, char *text, struct err *e, const char *what) {
    if (text == NULL)
        return true;
    bool damage = is_damage(text);
    if (damage)
        note_damage(s, text);
    else
        (void)err_set(e, ERR_RETRY, "state.dir=%s: %s: %s", s->dir, what, text);
    free(text);
    return damage ? store_refuse_damaged(s, e) : false;
}

/* --- opening --- */

static bool has(const char *text, const char *part) {
    return strstr(text, part) != NULL;
}

bool store_open_failed(const char *dir, const char *text, struct err *e) {
    if (is_damage(text))
        return err_set(e, ERR_REBUILD, "state.dir=%s: it is damaged: %s", dir, text);
    if ((has(text, "lock") && has(text, "esource temporarily unavailable")) ||
        has(text, "lock hold by current process"))
        return err_set(e, ERR_CONFIG,
                       "state.dir=%s: in use by another process; "
                       "stop that one or give this one a directory of its own",
                       dir);
    if (has(text, "Permission denied") || has(text, "Read-only file system") ||
        has(text, "No locks available"))
        return err_set(
            e, ERR_CONFIG,
            "state.dir=%s: cannot write there: %s; give a directory that can be written to", dir,
            text);
    if (has(text, "No space left") || has(text, "Disk quota exceeded"))
        return err_set(e, ERR_STOP,
                       "state.dir=%s: no space left on the device; free some and start again", dir);
    if (has(text, "Too many open files"))
        return err_set(
            e, ERR_STOP,
            "state.dir=%s: too many open files; raise the limit (ulimit -n) and start again", dir);
    if (has(text, "Column families not opened"))
        return err_set(e, ERR_REBUILD,
                       "state.dir=%s: it was written by another version of streamer", dir);
    if (has(text, "Cannot allocate memory"))
        return err_set(e, ERR_STOP, "state.dir=%s: out of memory; raise the limit and start again",
                       dir);
    return err_set(
        e, ERR_STOP,
        "state.dir=%s: cannot open it: %s; mend that and start again; the state stays as it is",
        dir, text);
}
