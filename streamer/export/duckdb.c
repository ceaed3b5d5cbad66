#include "streamer/export/duckdb.h"

#include "streamer/base/buf.h"
#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/base/steady_cond.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 100 /* from one look at whether the user wants to stop to the next */

/* --- the library's interface: duckdb.h of DuckDB, "C API" --- */

typedef struct database *database;
typedef struct connection *connection;
/* It has 48 bytes. */
struct result {
    void *bytes[32];
};
enum { SUCCESS = 0 };

struct functions {
    int (*open)(const char *path, database *out);
    void (*close)(database *d);
    int (*connect)(database d, connection *out);
    void (*disconnect)(connection *c);
    int (*query)(connection c, const char *statements, struct result *out);
    const char *(*result_error)(struct result *r);
    void (*destroy_result)(struct result *r);
    void (*interrupt)(connection c);
};

struct duckdb {
    struct functions call;
    database database;
    connection connection;
};

/* POSIX says that an object pointer of dlsym can be read as a function pointer. */
static bool find(void *library, const char *name, void *function) {
    void *found = dlsym(library, name);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

static bool find_all(void *library, struct functions *f) {
    return find(library, "duckdb_open", &f->open) && find(library, "duckdb_close", &f->close) &&
           find(library, "duckdb_connect", &f->connect) &&
           find(library, "duckdb_disconnect", &f->disconnect) &&
           find(library, "duckdb_query", &f->query) &&
           find(library, "duckdb_result_error", &f->result_error) &&
           find(library, "duckdb_destroy_result", &f->destroy_result) &&
           find(library, "duckdb_interrupt", &f->interrupt);
}

/* --- life --- */

/* A name without a folder is that of a file here. dlopen would look for it only where the system
 * has its libraries. */
static void *open_library(const char *path) {
    struct buf file = {0};
    buf_printf(&file, "%s%s", path != NULL && strchr(path, '/') == NULL ? "./" : "",
               path != NULL ? path : DUCKDB_LIBRARY);
    void *library = dlopen(buf_cstr(&file), RTLD_NOW | RTLD_LOCAL);
    buf_release(&file);
    return library;
}

static bool load(struct duckdb *d, const char *path, struct err *e) {
    void *library = open_library(path);
    if (library == NULL)
        return err_set(e, ERR_CONFIG, "DuckDB's library cannot be loaded: %.300s", dlerror());
    return find_all(library, &d->call) ||
           err_set(e, ERR_CONFIG, "%.300s is no library of DuckDB, or of a version that is too old",
                   path != NULL ? path : DUCKDB_LIBRARY);
}

struct duckdb *duckdb_new(const char *path, struct err *e) {
    struct duckdb *d = mem_calloc(1, sizeof *d);
    if (!load(d, path, e)) {
        free(d);
        return NULL;
    }
    if (d->call.open(NULL, &d->database) == SUCCESS &&
        d->call.connect(d->database, &d->connection) == SUCCESS)
        return d;
    (void)err_set(e, ERR_STOP, "DuckDB cannot open a database in memory");
    duckdb_free(d);
    return NULL;
}

void duckdb_free(struct duckdb *d) {
    if (d == NULL)
        return;
    if (d->connection != NULL)
        d->call.disconnect(&d->connection);
    if (d->database != NULL)
        d->call.close(&d->database);
    free(d);
}

/* --- queries --- */

/* A query on a thread of its own, so that it can be interrupted. */
struct query {
    struct duckdb *duckdb;
    const char *statements;
    struct result result;
    int state;
    pthread_mutex_t lock; /* over is_done */
    pthread_cond_t wake;
    bool is_done;
};

static void *run_query(void *context) {
    struct query *q = context;
    q->state = q->duckdb->call.query(q->duckdb->connection, q->statements, &q->result);
    (void)pthread_mutex_lock(&q->lock);
    q->is_done = true;
    (void)pthread_cond_signal(&q->wake);
    (void)pthread_mutex_unlock(&q->lock);
    return NULL;
}

static bool is_stopped(const atomic_bool *stop) {
    return stop != NULL && atomic_load(stop);
}

static void wait_for(struct query *q, const atomic_bool *stop) {
    (void)pthread_mutex_lock(&q->lock);
    while (!q->is_done) {
        if (is_stopped(stop))
            q->duckdb->call.interrupt(q->duckdb->connection);
        (void)steady_cond_wait(&q->wake, &q->lock,
                               clock_ms(clock_of_machine(), CLOCK_MONOTONIC) + LOOK_MS);
    }
    (void)pthread_mutex_unlock(&q->lock);
}

static bool judge(struct query *q, const atomic_bool *stop, struct err *e) {
    if (q->state == SUCCESS)
        return true;
    if (is_stopped(stop))
        return err_set(e, ERR_STOP, "interrupted");
    const char *text = q->duckdb->call.result_error(&q->result);
    if (text == NULL)
        return err_set(e, ERR_STOP, "DuckDB gives no reason");
    return err_set(e, ERR_STOP, "DuckDB: %.*s", (int)strcspn(text, "\n"), text);
}

bool duckdb_run(struct duckdb *d, const char *statements, const atomic_bool *stop, struct err *e) {
    struct query q = {.duckdb = d, .statements = statements, .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t thread;
    steady_cond_init(&q.wake);
    int error = pthread_create(&thread, NULL, run_query, &q);
    bool ok = error == 0 || err_set(e, ERR_STOP, "cannot start a thread: %s", strerror(error));
    if (ok) {
        wait_for(&q, stop);
        (void)pthread_join(thread, NULL);
        ok = judge(&q, stop, e);
        d->call.destroy_result(&q.result);
    }
    (void)pthread_cond_destroy(&q.wake);
    (void)pthread_mutex_destroy(&q.lock);
    return ok;
}
