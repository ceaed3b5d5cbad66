/* worker_tasks, worker_sources and worker_cycle: with which offsets a worker begins its tasks.
 * Kafka is a stand-in that tells the group's offsets. The restore is a stand-in, too, which the
 * linker puts in place of the calls (--wrap); it records the requests. */
#include "support.h"

#include "streamer/base/mem.h"
#include "streamer/worker/worker_collect.h"
#include "streamer/worker/worker_cycle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 3
#define OTHER_WORKER 2 /* its value in state_owners: index + 1 */
#define MAX_REQUESTS 16

/* The state of the stand-ins. */
static struct world {
    struct config config;
    struct topic_layout layout;
    struct metrics *metrics;
    atomic_int state_owners[N];
    /* The task that its holder lets go while committed offsets are read; -1: none. */
    int32_t let_go;
    int nothing_committed;  /* how many times more the group answers that it has no offsets */
    int64_t deleted_before; /* the first offset of every partition */
    int writes;             /* how often the state was written */
    struct task *restored;  /* what restore_step reports as finished, once; NULL: nothing */
    struct restore_request requests[MAX_REQUESTS];
    size_t request_count;
} world;

/* The committed offset of a partition. All of them are different, and none is 0. */
static int64_t offset_of(enum topic topic, int32_t partition) {
    return 100 * (topic + 1) + partition;
}

static enum topic topic_named(const char *name) {
    for (int t = 0; t < TOPIC_COUNT; t++)
        if (strcmp(world.config.topics[t], name) == 0)
            return (enum topic)t;
    fail_msg("no topic %s", name);
    return TOPIC_COUNT;
}

static rd_kafka_resp_err_t metadata(struct kafka_client *c, const struct rd_kafka_metadata **all,
                                    int timeout_ms) {
    static rd_kafka_metadata_topic_t topics[TOPIC_COUNT];
    static struct rd_kafka_metadata all_topics = {.topics = topics, .topic_cnt = TOPIC_COUNT};
    (void)c, (void)timeout_ms;
    for (int t = 0; t < TOPIC_COUNT; t++)
        topics[t] = (rd_kafka_metadata_topic_t){.topic = world.config.topics[t],
                                                .partition_cnt = world.layout.partitions[t]};
    *all = &all_topics;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void free_metadata(const struct rd_kafka_metadata *all) {
    (void)all;
}

static rd_kafka_resp_err_t committed(struct kafka_client *c, rd_kafka_topic_partition_list_t *list,
                                     int ms) {
    (void)c, (void)ms;
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset =
            world.nothing_committed > 0
                ? RD_KAFKA_OFFSET_INVALID
                : offset_of(topic_named(list->elems[i].topic), list->elems[i].partition);
    world.nothing_committed -= world.nothing_committed > 0;
    if (world.let_go >= 0)
        atomic_store(&world.state_owners[world.let_go], 0);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool watermarks(struct kafka_client *c, const rd_kafka_topic_partition_list_t *list,
                       int64_t *low, int64_t *high, int timeout_ms, struct err *e) {
    (void)c, (void)timeout_ms, (void)e;
    for (int i = 0; i < list->cnt; i++) {
        low[i] = world.deleted_before;
        high[i] = 10000;
    }
    return true;
}

static const struct worker_kafka kafka = {.metadata = metadata,
                                          .free_metadata = free_metadata,
                                          .committed = committed,
                                          .watermarks = watermarks};

struct kafka_client *__wrap_restore_client(const struct restore *r);
struct kafka_client *__wrap_restore_client(const struct restore *r) {
    (void)r;
    return NULL;
}

bool __wrap_restore_add(struct restore *r, struct task_env *env,
                        const struct restore_request *requests, size_t count, int64_t now_ms,
                        struct err *e);
bool __wrap_restore_add(struct restore *r, struct task_env *env,
                        const struct restore_request *requests, size_t count, int64_t now_ms,
                        struct err *e) {
    (void)r, (void)env, (void)now_ms, (void)e;
    for (size_t i = 0; i < count; i++)
        world.requests[world.request_count++] = requests[i];
    return true;
}

bool __wrap_restore_step(struct restore *r, struct task_env *env, struct batch *batch, int wait_ms,
                         int budget_ms, struct task **finished, struct err *e);
bool __wrap_restore_step(struct restore *r, struct task_env *env, struct batch *batch, int wait_ms,
                         int budget_ms, struct task **finished, struct err *e) {
    (void)r, (void)env, (void)batch, (void)wait_ms, (void)budget_ms, (void)e;
    *finished = world.restored;
    world.restored = NULL;
    return true;
}

struct restore_progress __wrap_restore_progress(const struct restore *r);
struct restore_progress __wrap_restore_progress(const struct restore *r) {
    (void)r;
    return (struct restore_progress){0};
}

void __wrap_restore_reset(struct restore *r);
void __wrap_restore_reset(struct restore *r) {
    (void)r;
}

bool __wrap_batch_commit(struct batch *b, struct err *e);
bool __wrap_batch_commit(struct batch *b, struct err *e) {
    (void)b, (void)e;
    world.writes++;
    return true;
}

void __wrap_batch_clear(struct batch *b);
void __wrap_batch_clear(struct batch *b) {
    (void)b;
}

void __wrap_worker_publish_lag(struct worker *w);
void __wrap_worker_publish_lag(struct worker *w) {
    (void)w;
}

/* A worker that has just got these partitions of all consumed topics except `lacking` (TOPIC_COUNT:
 * of all). */
static struct worker *new_worker(const int32_t *partitions, size_t count, enum topic lacking) {
    struct err e = {0};
    world = (struct world){.let_go = -1, .layout.n = N};
    if (!config_load(&world.config, NULL, NULL, 0, &e))
        fail_msg("%s", e.text);
    world.metrics = metrics_new(&world.config);
    for (int t = 0; t < TOPIC_COUNT; t++)
        world.layout.partitions[t] = N;
    struct worker *w = mem_calloc(1, sizeof *w);
    w->o = (struct worker_options){.config = &world.config,
                                   .kafka = &kafka,
                                   .clock = clock_of_machine(),
                                   .layout = &world.layout,
                                   .metrics = world.metrics,
                                   .state_owners = world.state_owners};
    w->tasks = mem_calloc(N, sizeof *w->tasks);
    w->stages = mem_calloc(N, sizeof *w->stages);
    w->sources = mem_calloc(N * TOPIC_COUNT, sizeof *w->sources);
    for (int32_t p = 0; p < N; p++)
        task_init(&w->tasks[p], p);
    for (size_t i = 0; i < count; i++)
        for (int t = 0; t < TOPIC_COUNT; t++)
            if (topic_is_consumed((enum topic)t) && (enum topic)t != lacking)
                w->sources[w->source_count++] = (struct source){.topic = (enum topic)t,
                                                                .partition = partitions[i],
                                                                .next = -1,
                                                                .committed = -1};
    for (size_t i = 0; i < count; i++)
        if (lacking != TOPIC_ACCOUNT_LINKS)
            atomic_store(&w->stages[partitions[i]], STAGE_WAITING);
    w->has_assignment = true;
    atomic_store(&w->phase, WORKER_RESTORING);
    return w;
}

static void free_worker(struct worker *w) {
    for (int32_t p = 0; p < N; p++)
        task_release(&w->tasks[p]);
    free(w->tasks);
    free(w->stages);
    free(w->sources);
    free(w);
    metrics_free(world.metrics);
    config_release(&world.config);
}

static void assert_requested(const int32_t *partitions, size_t count) {
    assert_int_equal(world.request_count, count);
    for (size_t i = 0; i < count; i++) {
        const struct restore_request *r = &world.requests[i];
        assert_int_equal(r->task->partition, partitions[i]);
        assert_int_equal(r->links_committed, offset_of(TOPIC_ACCOUNT_LINKS, partitions[i]));
        assert_int_equal(r->refs_committed, offset_of(TOPIC_CUSTOMER_REFS, partitions[i]));
        assert_true(r->input_committed);
    }
}

static void advance(struct worker *w) {
    struct err e = {0};
    if (!worker_advance(w, &e))
        fail_msg("%s", e.text);
}

static void test_worker_tasks__begin_where_the_group_is(void **state) {
    (void)state;
    struct worker *w = new_worker((int32_t[]){0, 2}, 2, TOPIC_COUNT);
    advance(w);
    assert_requested((int32_t[]){0, 2}, 2);
    advance(w);
    assert_int_equal(world.request_count, 2);
    free_worker(w);
}

/* A task that another worker of the process still holds must not begin before its own offsets were
 * read, whenever it becomes free. */
static void test_worker_tasks__let_go_while_asking(void **state) {
    (void)state;
    struct worker *w = new_worker((int32_t[]){0, 1}, 2, TOPIC_COUNT);
    atomic_store(&world.state_owners[1], OTHER_WORKER);
    world.let_go = 1;
    advance(w);
    assert_requested((int32_t[]){0}, 1);
    advance(w);
    assert_requested((int32_t[]){0, 1}, 2);
    free_worker(w);
}

/* A leader that does not know a topic yet assigns the other topics without it. */
static void test_worker_tasks__assignment_that_lacks_a_topic(void **state) {
    (void)state;
    for (int t = 0; t < TOPIC_COUNT; t++) {
        if (!topic_is_consumed((enum topic)t))
            continue;
        struct err e = {0};
        struct worker *w = new_worker((int32_t[]){0, 1}, 2, (enum topic)t);
        assert_false(worker_advance(w, &e));
        assert_int_equal(e.class, ERR_RETRY);
        assert_non_null(strstr(e.text, world.config.topics[t]));
        assert_true(w->must_rejoin);
        assert_int_equal(world.request_count, 0);
        free_worker(w);
    }
}

/* The cycle must fail with this class and text. Frees the worker. */
static void assert_ends(struct worker *w, enum err_class class, const char *what) {
    struct err e = {0};
    assert_false(worker_advance(w, &e));
    assert_int_equal(e.class, class);
    assert_non_null(strstr(e.text, what));
    free_worker(w);
}

static struct worker *worker_with_rows(void) {
    struct worker *w = new_worker((int32_t[]){0}, 1, TOPIC_COUNT);
    w->tasks[0].meta.rows[FAMILY_ACCOUNTS] = 1;
    world.restored = &w->tasks[0];
    return w;
}

static void test_worker_tasks__results_without_offsets(void **state) {
    (void)state;
    struct worker *w = worker_with_rows();
    world.nothing_committed = 2;
    assert_ends(w, ERR_STOP, "has no committed offsets");
    w = worker_with_rows();
    world.nothing_committed = 1;
    assert_ends(w, ERR_RETRY, "another instance has gone on with it");
}

static void test_worker_tasks__deleted_before_they_were_processed(void **state) {
    (void)state;
    struct worker *w = new_worker((int32_t[]){0}, 1, TOPIC_COUNT);
    world.deleted_before = 5000;
    assert_ends(w, ERR_STOP, "records were deleted before they were processed");
}

/* --- a record that is not there any more --- */

static rd_kafka_message_t *poll_out_of_range(struct kafka_client *c, int timeout_ms) {
    static char topic;
    static rd_kafka_message_t m;
    (void)c, (void)timeout_ms;
    m = (rd_kafka_message_t){.err = RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, .rkt = (void *)&topic};
    return &m;
}

static const char *topic_of(const rd_kafka_message_t *m) {
    (void)m;
    return world.config.topics[TOPIC_CUSTOMERS];
}

static void free_nothing(rd_kafka_message_t *m) {
    (void)m;
}

/* What is deleted is lost only if the group has not gone on behind it. */
static void test_worker_tasks__the_next_record_is_deleted(void **state) {
    static const struct {
        int64_t deleted_before;
        enum err_class fatal, trouble;
    } cases[] = {{50, ERR_NONE, ERR_RETRY}, {5000, ERR_STOP, ERR_NONE}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct worker *w = new_worker((int32_t[]){0}, 1, TOPIC_COUNT);
        struct worker_kafka deleted = kafka;
        deleted.poll = poll_out_of_range;
        deleted.topic = topic_of;
        deleted.free_message = free_nothing;
        w->o.kafka = &deleted;
        advance(w);
        world.deleted_before = cases[i].deleted_before;
        worker_collect(w, 0);
        assert_int_equal(w->fatal.class, cases[i].fatal);
        assert_int_equal(w->trouble.class, cases[i].trouble);
        free_worker(w);
    }
}

static rd_kafka_error_t *refuse_to_begin(struct kafka_client *c) {
    (void)c;
    return rd_kafka_error_new(RD_KAFKA_RESP_ERR__STATE, "no");
}

static rd_kafka_error_t *init_transactions(struct kafka_client *c, int timeout_ms) {
    (void)c, (void)timeout_ms;
    return NULL;
}

static struct kafka_client *new_producer(const struct worker_kafka *k,
                                         const struct kafka_transactional *t, struct err *e) {
    static char any;
    (void)k, (void)t, (void)e;
    return (struct kafka_client *)&any;
}

static bool free_client(struct kafka_client *c) {
    (void)c;
    return true;
}

/* If no transaction can be begun, the state that earlier transactions have left in memory is still
 * written, and not replayed. */
static void test_worker_tasks__no_transaction_can_be_begun(void **state) {
    (void)state;
    struct err e = {0};
    size_t at = 0;
    struct worker *w = new_worker((int32_t[]){0}, 1, TOPIC_COUNT);
    struct worker_kafka refusing = {.config = &world.config,
                                    .new_producer = new_producer,
                                    .free_client = free_client,
                                    .init_transactions = init_transactions,
                                    .begin = refuse_to_begin};
    w->producer = producer_new(&refusing, w->o.clock, "id", N, &e);
    assert_non_null(w->producer);
    w->has_assignment = false;
    w->unwritten = true;
    assert_false(worker_transact(w, &at, &e));
    worker_restart(w);
    assert_int_equal(world.writes, 1);
    producer_free(w->producer);
    free_worker(w);
}

/* Topics with another number of partitions are assigned differently, which is no error. */
static void test_worker_tasks__input_with_other_partitions(void **state) {
    (void)state;
    struct worker *w = new_worker((int32_t[]){0}, 1, TOPIC_CUSTOMERS);
    world.layout.partitions[TOPIC_CUSTOMERS] = N + 1;
    advance(w);
    assert_requested((int32_t[]){0}, 1);
    free_worker(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worker_tasks__begin_where_the_group_is),
        cmocka_unit_test(test_worker_tasks__let_go_while_asking),
        cmocka_unit_test(test_worker_tasks__assignment_that_lacks_a_topic),
        cmocka_unit_test(test_worker_tasks__results_without_offsets),
        cmocka_unit_test(test_worker_tasks__deleted_before_they_were_processed),
        cmocka_unit_test(test_worker_tasks__the_next_record_is_deleted),
        cmocka_unit_test(test_worker_tasks__no_transaction_can_be_begun),
        cmocka_unit_test(test_worker_tasks__input_with_other_partitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
