/* state_dir: state that cannot be used is set aside with a line in the log, and a new store takes
 * its place. */
#include "support.h"

#include "state/rocksdb/seal.h"
#include "streamer/base/mem.h"
#include "streamer/service/state_dir.h"
#include "streamer/task/task.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW INT64_C(1707955200000)

struct rig {
    struct config config;
    char *dir;
    struct buf log;
};

static void rig_init(struct rig *g) {
    struct err e = {0};
    struct buf dir = {0};
    *g = (struct rig){.dir = make_scratch()};
    buf_printf(&dir, "state.dir=%s/state", g->dir);
    const char *const sets[] = {"kafka.bootstrap.servers=localhost:9092", "app.id=bank",
                                "state.memory.bytes=67108864", buf_cstr(&dir)};
    if (!config_load(&g->config, NULL, sets, ARRAY_LEN(sets), &e))
        fail_msg("%s", e.text);
    buf_release(&dir);
}

static void rig_release(struct rig *g) {
    config_release(&g->config);
    remove_scratch(g->dir);
    buf_release(&g->log);
}

/* Opens the directory, and keeps in g->log what is logged meanwhile. */
static struct store *open_dir(struct rig *g, int32_t partitions, struct err *e) {
    FILE *f = tmpfile();
    int own = dup(STDERR_FILENO), c;
    assert_non_null(f);
    assert_true(own >= 0 && dup2(fileno(f), STDERR_FILENO) >= 0);
    struct store *s = state_dir_open(&g->config, partitions, NOW, e);
    assert_true(dup2(own, STDERR_FILENO) >= 0);
    (void)close(own);
    rewind(f);
    buf_clear(&g->log);
    while ((c = getc(f)) != EOF)
        buf_put_byte(&g->log, (char)c);
    (void)fclose(f);
    return s;
}

static struct store *open_good(struct rig *g, int32_t partitions) {
    struct err e = {0};
    struct store *s = open_dir(g, partitions, &e);
    if (s == NULL)
        fail_msg("%s", e.text);
    return s;
}

/* Writes a row of this format, and the description of the state; NULL: it stays as it is. */
static void fill(struct store *s, char format, const char *fact) {
    struct err e = {0};
    struct batch *b = batch_new(s);
    char value[] = {format, 1, 2, 3};
    kv_put(batch_kv(b), FAMILY_META, slice_str("key"), slice_of(value, sizeof value));
    assert_true(batch_commit(b, &e));
    batch_free(b);
    if (fact != NULL)
        assert_true(store_put_fact(s, "state", slice_str(fact), &e));
}

static bool has_row(struct store *s) {
    struct batch *b = batch_new(s);
    struct buf value = {0};
    bool exists = kv_get(batch_kv(b), FAMILY_META, slice_str("key"), &value);
    buf_release(&value);
    batch_free(b);
    return exists;
}

static bool was_set_aside(const struct rig *g) {
    struct buf aside = {0};
    buf_printf(&aside, "%s/state.aside-%lld", g->dir, (long long)NOW);
    bool exists = access(buf_cstr(&aside), F_OK) == 0;
    buf_release(&aside);
    return exists;
}

static void test_state_dir__stays(void **state) {
    struct rig g;
    (void)state;
    rig_init(&g);
    struct store *s = open_good(&g, 3);
    fill(s, STATE_FORMAT, NULL);
    store_close(s);
    s = open_good(&g, 3);
    assert_true(has_row(s) && !was_set_aside(&g));
    assert_int_equal(g.log.n, 0);
    store_close(s);
    rig_release(&g);
}

static void test_state_dir__set_aside(void **state) {
    static const struct {
        const char *what, *fact;
        int32_t partitions;
    } cases[] = {
        /* Version 0.1.0, whose rows had STATE_FORMAT 2. */
        {"another version", "format=5 app.id=bank partitions=3", 3},
        {"an older version", "format=4 app.id=bank partitions=3", 3},
        {"another application", NULL, 3},
        {"another number of partitions", NULL, 4},
        /* It lacks FAMILY_FORMER_ACCOUNTS. */
        {"version 0.2", "format=5.3 app.id=bank partitions=3", 3},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig g;
        rig_init(&g);
        struct store *s = open_good(&g, 3);
        fill(s, STATE_FORMAT - 1, cases[i].fact);
        store_close(s);
        if (i == 2)
            memcpy(g.config.app_id, "shop", 4);
        s = open_good(&g, cases[i].partitions);
        if (!was_set_aside(&g) || has_row(s))
            fail_msg("%s: not set aside", cases[i].what);
        assert_non_null(strstr(buf_cstr(&g.log), "level=warn"));
        assert_non_null(strstr(buf_cstr(&g.log), "set aside and rebuilt from the topics"));
        if (cases[i].fact != NULL)
            assert_non_null(strstr(buf_cstr(&g.log), cases[i].fact));
        store_close(s);
        s = open_good(&g, cases[i].partitions); /* the new store is the application's own */
        assert_int_equal(g.log.n, 0);
        store_close(s);
        rig_release(&g);
    }
}

/* A directory that another process uses is not set aside. */
static void test_state_dir__in_use(void **state) {
    struct rig g;
    struct err e = {0};
    (void)state;
    rig_init(&g);
    struct store *s = open_good(&g, 3);
    assert_null(open_dir(&g, 3, &e));
    assert_int_equal(e.class, ERR_CONFIG);
    assert_true(!was_set_aside(&g) && g.log.n == 0);
    store_close(s);
    rig_release(&g);
}

/* What `check` says of the directory; NULL: `e` says why it cannot be used. Nothing is changed. */
static const char *look(struct rig *g, struct err *e) {
    struct buf what = {0};
    bool ok = state_dir_check(&g->config, &what, e);
    buf_set(&g->log, buf_slice(&what));
    buf_release(&what);
    return ok ? buf_cstr(&g->log) : NULL;
}

static void set_dir(struct rig *g, const char *below) {
    struct buf dir = {0};
    buf_printf(&dir, "%s/%s", g->dir, below);
    free(g->config.state_dir);
    g->config.state_dir = mem_strdup(buf_cstr(&dir));
    buf_release(&dir);
}

static void test_state_dir__is_looked_at(void **state) {
    struct rig g;
    struct err e = {0};
    (void)state;
    rig_init(&g);
    assert_string_equal(look(&g, &e), "not there, `streamer run` makes it");
    assert_int_equal(access(g.config.state_dir, F_OK), -1);
    store_close(open_good(&g, 3));
    assert_string_equal(look(&g, &e), "holds the state of app.id bank");
    memcpy(g.config.app_id, "shop", 4);
    assert_null(look(&g, &e));
    assert_int_equal(e.class, ERR_CONFIG);
    assert_non_null(strstr(e.text, "it holds the state of app.id bank, not of shop"));
    memcpy(g.config.app_id, "bank", 4);
    struct store *s = open_good(&g, 3); /* nothing was changed: it is not set aside */
    assert_int_equal(g.log.n, 0);
    assert_true(store_put_fact(s, "state", slice_str("format=5 app.id=bank partitions=3"), &e));
    store_close(s);
    assert_string_equal(
        look(&g, &e),
        "holds another version's state, `streamer run` sets it aside and rebuilds it");
    assert_true(!was_set_aside(&g));
    rig_release(&g);
}

/* State that a start rebuilds is no error. */
static void test_state_dir__damage_is_told(void **state) {
    struct rig g;
    struct err e = {0};
    (void)state;
    rig_init(&g);
    store_close(open_good(&g, 3));
    assert_true(seal_mark_damaged(g.config.state_dir, "a bad block"));
    assert_string_equal(
        look(&g, &e),
        "cannot be read (it is damaged: a bad block), `streamer run` sets it aside and rebuilds "
        "it");
    rig_release(&g);
}

/* A start makes the folders above it; a check does not. */
static void test_state_dir__folders_above(void **state) {
    struct rig g;
    struct err e = {0};
    (void)state;
    rig_init(&g);
    set_dir(&g, "a/b//c/");
    assert_string_equal(look(&g, &e), "not there, `streamer run` makes it");
    set_dir(&g, "a");
    assert_int_equal(access(g.config.state_dir, F_OK), -1);
    set_dir(&g, "a/b//c/");
    assert_true(state_dir_prepare(&g.config, &e));
    assert_string_equal(look(&g, &e), "empty");
    store_close(open_good(&g, 3));
    set_dir(&g, "file");
    FILE *f = fopen(g.config.state_dir, "we");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    static const char *const bad[] = {"file", "file/state", "file/a/state"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        set_dir(&g, bad[i]);
        e = (struct err){0};
        assert_null(look(&g, &e));
        assert_int_equal(e.class, ERR_CONFIG);
        assert_non_null(strstr(e.text, i == 0 ? "not a directory" : "Not a directory"));
        e = (struct err){0};
        assert_false(state_dir_prepare(&g.config, &e));
        assert_int_equal(e.class, ERR_CONFIG);
    }
    rig_release(&g);
}

/* Another process holds the lock meanwhile. */
static void test_state_dir__is_looked_at_while_in_use(void **state) {
    struct rig g;
    struct err e = {0};
    int status;
    (void)state;
    rig_init(&g);
    struct store *s = open_good(&g, 3);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool refused = look(&g, &e) == NULL && e.class == ERR_CONFIG &&
                       strstr(e.text, "in use by another process") != NULL;
        _exit(refused ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    store_close(s);
    rig_release(&g);
}

/* Good state that does not open for another reason is not set aside either. */
static void test_state_dir__does_not_open(void **state) {
    struct rig g;
    struct err e = {0};
    struct buf lock = {0};
    (void)state;
    rig_init(&g);
    struct store *s = open_good(&g, 3);
    fill(s, STATE_FORMAT, NULL);
    store_close(s);
    buf_printf(&lock, "%s/LOCK", g.config.state_dir);
    assert_int_equal(unlink(buf_cstr(&lock)), 0);
    assert_int_equal(mkdir(buf_cstr(&lock), 0700), 0);
    assert_null(open_dir(&g, 3, &e));
    assert_int_equal(e.class, ERR_STOP);
    assert_non_null(strstr(e.text, "Is a directory"));
    assert_true(!was_set_aside(&g) && g.log.n == 0);
    assert_int_equal(rmdir(buf_cstr(&lock)), 0);
    s = open_good(&g, 3);
    assert_true(has_row(s));
    store_close(s);
    buf_release(&lock);
    rig_release(&g);
}

static void put_file(struct rig *g, const char *name) {
    struct buf path = {0};
    buf_printf(&path, "%s/%s", g->config.state_dir, name);
    FILE *f = fopen(buf_cstr(&path), "we");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    buf_release(&path);
}

static bool has_file(struct rig *g, const char *name) {
    struct buf path = {0};
    buf_printf(&path, "%s/%s", g->config.state_dir, name);
    bool exists = access(buf_cstr(&path), F_OK) == 0;
    buf_release(&path);
    return exists;
}

/* With what the quality checks keep beside the store, and without what others have put there. */
static void test_state_dir__removed(void **state) {
    struct rig g;
    struct err e = {0};
    (void)state;
    rig_init(&g);
    struct store *s = open_good(&g, 3);
    put_file(&g, "AVERAGES");
    assert_false(state_dir_remove(&g.config, &e));
    assert_non_null(strstr(e.text, "in use"));
    assert_true(has_file(&g, "AVERAGES"));
    store_close(s);
    put_file(&g, "notes.txt");
    assert_true(state_dir_remove(&g.config, &e));
    assert_true(has_file(&g, "notes.txt") && !has_file(&g, "AVERAGES"));
    assert_string_equal(look(&g, &e), "empty");
    set_dir(&g, "another");
    store_close(open_good(&g, 3));
    put_file(&g, "AVERAGES");
    assert_true(state_dir_remove(&g.config, &e));
    assert_string_equal(look(&g, &e), "not there, `streamer run` makes it");
    assert_true(state_dir_remove(&g.config, &e)); /* there is nothing any more */
    rig_release(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_dir__stays),
        cmocka_unit_test(test_state_dir__set_aside),
        cmocka_unit_test(test_state_dir__in_use),
        cmocka_unit_test(test_state_dir__is_looked_at),
        cmocka_unit_test(test_state_dir__damage_is_told),
        cmocka_unit_test(test_state_dir__folders_above),
        cmocka_unit_test(test_state_dir__is_looked_at_while_in_use),
        cmocka_unit_test(test_state_dir__does_not_open),
        cmocka_unit_test(test_state_dir__removed),
    };
    return cmocka_run_group_tests_name("state_dir", tests, NULL, NULL);
}
