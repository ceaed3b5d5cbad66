/* kill_point: loaded before the program's libraries (LD_PRELOAD), ends it as kill -9 does at a named point of its cycle:
 *
 *   KILL_POINT=send_offsets|commit|state   the call of librdkafka or RocksDB
 *   KILL_WHEN=before|after                 it is made
 *   KILL_NTH=N                             for the Nth time
 */
#include <dlfcn.h>
#include <librdkafka/rdkafka.h>
#include <rocksdb/c.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static bool is_set(const char *name, const char *value) {
    const char *set = getenv(name);
    return set != NULL && strcmp(set, value) == 0;
}

/* The number of this call of `point`, counted from 1, is the one to die at. */
static bool is_due(const char *point, atomic_int *calls) {
    const char *nth = getenv("KILL_NTH");
    return nth != NULL && is_set("KILL_POINT", point) && atomic_fetch_add(calls, 1) + 1 == atoi(nth);
}

static void die_if(bool due, const char *when) {
    if (due && is_set("KILL_WHEN", when))
        (void)raise(SIGKILL);
}

static void *original(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL)
        abort();
    return found;
}

rd_kafka_error_t *rd_kafka_send_offsets_to_transaction(rd_kafka_t *rk,
                                                       const rd_kafka_topic_partition_list_t *offsets,
                                                       const rd_kafka_consumer_group_metadata_t *group,
                                                       int timeout_ms) {
    static atomic_int calls;
    rd_kafka_error_t *(*call)(rd_kafka_t *, const rd_kafka_topic_partition_list_t *,
                              const rd_kafka_consumer_group_metadata_t *, int);
    *(void **)&call = original("rd_kafka_send_offsets_to_transaction");
    bool due = is_due("send_offsets", &calls);
    die_if(due, "before");
    rd_kafka_error_t *error = call(rk, offsets, group, timeout_ms);
    die_if(due, "after");
    return error;
}

rd_kafka_error_t *rd_kafka_commit_transaction(rd_kafka_t *rk, int timeout_ms) {
    static atomic_int calls;
    rd_kafka_error_t *(*call)(rd_kafka_t *, int);
    *(void **)&call = original("rd_kafka_commit_transaction");
    bool due = is_due("commit", &calls);
    die_if(due, "before");
    rd_kafka_error_t *error = call(rk, timeout_ms);
    die_if(due, "after");
    return error;
}

void rocksdb_write(rocksdb_t *db, const rocksdb_writeoptions_t *options, rocksdb_writebatch_t *batch,
                   char **error) {
    static atomic_int calls;
    void (*call)(rocksdb_t *, const rocksdb_writeoptions_t *, rocksdb_writebatch_t *, char **);
    *(void **)&call = original("rocksdb_write");
    bool due = is_due("state", &calls);
    die_if(due, "before");
    call(db, options, batch, error);
    die_if(due, "after");
}
