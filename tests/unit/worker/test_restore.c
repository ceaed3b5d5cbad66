/* restore: what is written of a restore, and when. Kafka is a stand-in whose topics hold nothing
 * but one transaction marker each. The linker replaces the calls of the store (--wrap). */
#include "support.h"

#include "state/memory.h"
#include "streamer/base/mem.h"
#include "streamer/worker/restore.h"

#include <string.h>

#define RETENTION_MS 100000
#define BEGINS_MS 1000000

static struct {
    struct clock clock; /* first */
    int64_t now_ms;
    struct config config;
    struct topic_layout layout;
    struct metrics *metrics;
    enum topic next; /* the next topic whose end the reader reaches */
    int commits, wipes;
} world;

static int64_t read_clock(const struct clock *c, clockid_t id) {
    (void)c, (void)id;
    return world.now_ms * 1000;
}

static struct kafka_client *new_reader(const struct worker_kafka *k, bool committed_only,
                                       struct err *e) {
    (void)k, (void)committed_only, (void)e;
    return (struct kafka_client *)&world;
}

static bool free_client(struct kafka_client *c) {
    (void)c;
    return true;
}

static rd_kafka_resp_err_t assign(struct kafka_client *c,
                                  const rd_kafka_topic_partition_list_t *list) {
    (void)c, (void)list;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool watermarks(struct kafka_client *c, const rd_kafka_topic_partition_list_t *list,
                       int64_t *low, int64_t *high, int timeout_ms, struct err *e) {
    (void)c, (void)timeout_ms, (void)e;
    for (int i = 0; i < list->cnt; i++) {
        low[i] = 0;
        high[i] = 1;
    }
    return true;
}

/* The ends of all topics that a restore reads, one for each call. */
static ssize_t read_ends(struct kafka_client *c, int wait_ms, rd_kafka_message_t **messages,
                         size_t n) {
    (void)c, (void)wait_ms, (void)n;
    while (world.next < TOPIC_COUNT && !topic_is_replayed(world.next))
        world.next++;
    if (world.next == TOPIC_COUNT)
        return 0;
    messages[0] = mem_calloc(1, sizeof(rd_kafka_message_t));
    *messages[0] = (rd_kafka_message_t){.err = RD_KAFKA_RESP_ERR__PARTITION_EOF,
                                        .offset = 1,
                                        ._private = world.config.topics[world.next++]};
    return 1;
}

static const char *topic(const rd_kafka_message_t *m) {
    return m->_private;
}

static const rd_kafka_headers_t *headers(const rd_kafka_message_t *m) {
    (void)m;
    return NULL;
}

static void free_message(rd_kafka_message_t *m) {
    free(m);
}

bool __wrap_batch_commit(struct batch *b, struct err *e);
bool __wrap_batch_commit(struct batch *b, struct err *e) {
    (void)b, (void)e;
    world.commits++;
    return true;
}

void __wrap_batch_clear(struct batch *b);
void __wrap_batch_clear(struct batch *b) {
    (void)b;
}

bool __wrap_store_wipe(struct store *s, int32_t partition, struct err *e);
bool __wrap_store_wipe(struct store *s, int32_t partition, struct err *e) {
    (void)s, (void)partition, (void)e;
    world.wipes++;
    return true;
}

bool __wrap_store_needs_count(const struct store *s, int32_t partition);
bool __wrap_store_needs_count(const struct store *s, int32_t partition) {
    (void)s, (void)partition;
    return false;
}

/* Restores an empty state, and the last message comes after `ms`. Returns whether that succeeds. */
static bool restore_in(int64_t ms, struct err *e) {
    static const struct worker_kafka kafka = {.config = &world.config,
                                              .new_reader = new_reader,
                                              .free_client = free_client,
                                              .assign = assign,
                                              .watermarks = watermarks,
                                              .read = read_ends,
                                              .topic = topic,
                                              .headers = headers,
                                              .free_message = free_message};
    memset(&world, 0, sizeof world);
    world.clock = (struct clock){read_clock};
    world.now_ms = BEGINS_MS;
    world.layout = (struct topic_layout){.n = 1, .delete_retention_ms = RETENTION_MS};
    if (!config_load(&world.config, NULL, NULL, 0, e))
        fail_msg("%s", e->text);
    world.metrics = metrics_new(&world.config);
    metrics_set_partitions(world.metrics, TOPIC_ACCOUNT_LINKS, 1);
    const struct task_figures *shown = &world.metrics->tasks[0];
    assert_int_equal(metric_get(&shown->remaining), -1);
    struct memory *memory = memory_new();
    struct task_env env = {.kv = memory_kv(memory)};
    struct task task, *finished = NULL;
    task_init(&task, 0);
    struct restore *r = restore_new(&kafka, &world.clock, &world.layout, NULL, world.metrics, e);
    struct restore_request request = {.task = &task};
    assert_true(restore_add(r, &env, &request, 1, world.now_ms, e));
    /* The results and the confirmations; of the links and refs nothing is committed. */
    assert_int_equal(metric_get(&shown->remaining), 6);
    world.now_ms += ms;
    bool ok = restore_step(r, &env, NULL, 0, 1000, &finished, e);
    assert_ptr_equal(finished, ok ? &task : NULL);
    restore_reset(r);
    assert_int_equal(metric_get(&shown->remaining), ok ? 0 : -1);
    assert_int_equal(metric_get(&shown->restored), 0); /* markers are no records */
    restore_free(r);
    task_release(&task);
    task_env_release(&env);
    memory_free(memory);
    metrics_free(world.metrics);
    config_release(&world.config);
    return ok;
}

static void test_restore__in_time(void **state) {
    struct err e = {0};
    (void)state;
    assert_true(restore_in(RETENTION_MS, &e));
    assert_int_equal(world.commits, 1);
    assert_int_equal(world.wipes, 0);
}

/* What was read may lack tombstones. It is never written, because a process that ends before the
 * wipe would find a state that looks complete. */
static void test_restore__too_late(void **state) {
    struct err e = {0};
    (void)state;
    assert_false(restore_in(RETENTION_MS + 1, &e));
    assert_int_equal(e.class, ERR_RETRY);
    assert_int_equal(world.commits, 0);
    assert_int_equal(world.wipes, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restore__in_time),
        cmocka_unit_test(test_restore__too_late),
    };
    return cmocka_run_group_tests_name("restore", tests, NULL, NULL);
}
