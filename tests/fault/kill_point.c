/* kill_point: is linked around calls of the program (--wrap), and ends it like kill -9 at a named
 * point of its cycle:
 *
 *   KILL_POINT=send_offsets|commit|state|flush|delete_group|destroy
 *       the call of librdkafka or RocksDB
 *   KILL_WHEN=before|after
 *       whether the program ends before or after the call
 *   KILL_NTH=N
 *       at the Nth call
 *   KILL_HOW=hang
 *       the call never returns, instead of a kill; standard error says so
 */
#include <librdkafka/rdkafka.h>
#include <rocksdb/c.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_set(const char *name, const char *value) {
    const char *set = getenv(name);
    return set != NULL && strcmp(set, value) == 0;
}

/* Whether this call of `point` is the one to die at. Counts the calls from 1. */
static bool is_due(const char *point, atomic_int *calls) {
    const char *nth = getenv("KILL_NTH");
    return nth != NULL && is_set("KILL_POINT", point) &&
           atomic_fetch_add(calls, 1) + 1 == atoi(nth);
}

static void die_if(bool due, const char *when) {
    if (!due || !is_set("KILL_WHEN", when))
        return;
    if (is_set("KILL_HOW", "hang"))
        (void)fputs("kill_point: hangs\n", stderr);
    while (is_set("KILL_HOW", "hang"))
        (void)pause();
    (void)raise(SIGKILL);
}

/* Names for the linker: __real_ is the call itself, and __wrap_ is what the program calls. */
rd_kafka_error_t *__real_rd_kafka_send_offsets_to_transaction(
    rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *offsets,
    const rd_kafka_consumer_group_metadata_t *group, int timeout_ms);
rd_kafka_error_t *__wrap_rd_kafka_send_offsets_to_transaction(
    rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *offsets,
    const rd_kafka_consumer_group_metadata_t *group, int timeout_ms);
rd_kafka_error_t *__real_rd_kafka_commit_transaction(rd_kafka_t *rk, int timeout_ms);
rd_kafka_error_t *__wrap_rd_kafka_commit_transaction(rd_kafka_t *rk, int timeout_ms);
void __real_rocksdb_write(rocksdb_t *db, const rocksdb_writeoptions_t *options,
                          rocksdb_writebatch_t *batch, char **error);
void __wrap_rocksdb_write(rocksdb_t *db, const rocksdb_writeoptions_t *options,
                          rocksdb_writebatch_t *batch, char **error);
rd_kafka_resp_err_t __real_rd_kafka_flush(rd_kafka_t *rk, int timeout_ms);
rd_kafka_resp_err_t __wrap_rd_kafka_flush(rd_kafka_t *rk, int timeout_ms);
void __real_rd_kafka_DeleteGroups(rd_kafka_t *rk, rd_kafka_DeleteGroup_t **groups, size_t count,
                                  const rd_kafka_AdminOptions_t *options, rd_kafka_queue_t *queue);
void __wrap_rd_kafka_DeleteGroups(rd_kafka_t *rk, rd_kafka_DeleteGroup_t **groups, size_t count,
                                  const rd_kafka_AdminOptions_t *options, rd_kafka_queue_t *queue);
void __real_rocksdb_destroy_db(const rocksdb_options_t *options, const char *dir, char **error);
void __wrap_rocksdb_destroy_db(const rocksdb_options_t *options, const char *dir, char **error);

rd_kafka_error_t *__wrap_rd_kafka_send_offsets_to_transaction(
    rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *offsets,
    const rd_kafka_consumer_group_metadata_t *group, int timeout_ms) {
    static atomic_int calls;
    bool due = is_due("send_offsets", &calls);
    die_if(due, "before");
    rd_kafka_error_t *error =
        __real_rd_kafka_send_offsets_to_transaction(rk, offsets, group, timeout_ms);
    die_if(due, "after");
    return error;
}

rd_kafka_error_t *__wrap_rd_kafka_commit_transaction(rd_kafka_t *rk, int timeout_ms) {
    static atomic_int calls;
    bool due = is_due("commit", &calls);
    die_if(due, "before");
    rd_kafka_error_t *error = __real_rd_kafka_commit_transaction(rk, timeout_ms);
    die_if(due, "after");
    return error;
}

void __wrap_rocksdb_write(rocksdb_t *db, const rocksdb_writeoptions_t *options,
                          rocksdb_writebatch_t *batch, char **error) {
    static atomic_int calls;
    bool due = is_due("state", &calls);
    die_if(due, "before");
    __real_rocksdb_write(db, options, batch, error);
    die_if(due, "after");
}

rd_kafka_resp_err_t __wrap_rd_kafka_flush(rd_kafka_t *rk, int timeout_ms) {
    static atomic_int calls;
    bool due = is_due("flush", &calls);
    die_if(due, "before");
    rd_kafka_resp_err_t code = __real_rd_kafka_flush(rk, timeout_ms);
    die_if(due, "after");
    return code;
}

void __wrap_rd_kafka_DeleteGroups(rd_kafka_t *rk, rd_kafka_DeleteGroup_t **groups, size_t count,
                                  const rd_kafka_AdminOptions_t *options, rd_kafka_queue_t *queue) {
    static atomic_int calls;
    bool due = is_due("delete_group", &calls);
    die_if(due, "before");
    __real_rd_kafka_DeleteGroups(rk, groups, count, options, queue);
    die_if(due, "after");
}

void __wrap_rocksdb_destroy_db(const rocksdb_options_t *options, const char *dir, char **error) {
    static atomic_int calls;
    bool due = is_due("destroy", &calls);
    die_if(due, "before");
    __real_rocksdb_destroy_db(options, dir, error);
    die_if(due, "after");
}
