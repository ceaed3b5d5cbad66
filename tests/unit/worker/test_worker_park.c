/* worker_park: a record that has to wait holds up its own partition, and no other one. Kafka is a
 * stand-in, and so is pipeline_process, which the linker replaces (--wrap). */
#include "support.h"

#include "state/memory.h"
#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/worker/worker_park.h"
#include "streamer/worker/worker_process.h"
#include "streamer/worker/worker_sources.h"
#include "streamer/worker/worker_tasks.h"

#include <stdlib.h>
#include <string.h>

#define N 2
#define MESSAGES 6
/* The offsets whose records wait. */
static const int64_t waits_at[N] = {11, 22};

static struct {
    struct clock clock; /* first */
    int64_t now_ms;
    bool is_there[N]; /* what the record of each partition waits for */
    struct config config;
    struct topic_layout layout;
    struct metrics *metrics;
    struct buf processed; /* "partition:offset " each */
    struct buf asked;     /* the same, of the records that pipeline_ask_ahead was called with */
    struct buf assigned;  /* the same, of the last assignment */
    int assignments;
} world;

static int64_t read_clock(const struct clock *c, clockid_t id) {
    (void)c, (void)id;
    return world.now_ms * 1000;
}

enum pipeline_result __wrap_pipeline_process(struct pipeline *p, struct task *task,
                                             const struct input *in);
enum pipeline_result __wrap_pipeline_process(struct pipeline *p, struct task *task,
                                             const struct input *in) {
    (void)task;
    if (in->offset == waits_at[in->partition] && !world.is_there[in->partition]) {
        (void)reason_set(&p->reason, REASON_NONE, "schema %d", in->partition);
        return PIPELINE_WAITS;
    }
    buf_printf(&world.processed, "%d:%lld ", in->partition, (long long)in->offset);
    return PIPELINE_DONE;
}

void __wrap_pipeline_ask_ahead(struct pipeline *p, const struct input *in);
void __wrap_pipeline_ask_ahead(struct pipeline *p, const struct input *in) {
    (void)p;
    buf_printf(&world.asked, "%d:%lld ", in->partition, (long long)in->offset);
}

static const char *topic(const rd_kafka_message_t *m) {
    (void)m;
    return world.config.topics[TOPIC_CUSTOMERS];
}

static int64_t timestamp_ms(const rd_kafka_message_t *m) {
    (void)m;
    return 1;
}

static const rd_kafka_headers_t *headers(const rd_kafka_message_t *m) {
    (void)m;
    return NULL;
}

static rd_kafka_resp_err_t assign(struct kafka_client *c,
                                  const rd_kafka_topic_partition_list_t *list) {
    (void)c;
    world.assignments++;
    buf_clear(&world.assigned);
    for (int i = 0; i < list->cnt; i++)
        buf_printf(&world.assigned, "%d:%lld ", list->elems[i].partition,
                   (long long)list->elems[i].offset);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static const struct worker_kafka kafka = {
    .topic = topic, .timestamp_ms = timestamp_ms, .headers = headers, .assign = assign};

/* A worker that reads both partitions of a topic, with these offsets in its batch: 10, 11, 12 of
 * partition 0, between 20, 21, 22 of partition 1. */
static struct worker *new_worker(struct memory *memory, rd_kafka_message_t messages[MESSAGES]) {
    struct err e = {0};
    memset(&world, 0, sizeof world);
    world.is_there[1] = true;
    world.clock = (struct clock){read_clock};
    world.now_ms = 1000000;
    if (!config_load(&world.config, NULL, NULL, 0, &e))
        fail_msg("%s", e.text);
    world.metrics = metrics_new(&world.config);
    world.layout = (struct topic_layout){.n = N};
    struct worker *w = mem_calloc(1, sizeof *w);
    w->o = (struct worker_options){.config = &world.config,
                                   .kafka = &kafka,
                                   .clock = &world.clock,
                                   .layout = &world.layout,
                                   .metrics = world.metrics};
    (void)pthread_mutex_init(&w->status_lock, NULL);
    w->pipeline.env.kv = memory_kv(memory);
    w->tasks = mem_calloc(N, sizeof *w->tasks);
    w->stages = mem_calloc(N, sizeof *w->stages);
    w->sources = mem_calloc(N, sizeof *w->sources);
    w->messages = mem_calloc(MESSAGES, sizeof(rd_kafka_message_t *));
    w->forwarded = mem_calloc(MESSAGES, sizeof *w->forwarded);
    for (int32_t p = 0; p < N; p++) {
        atomic_store(&w->stages[p], STAGE_READY);
        int64_t first = INT64_C(10) * (p + 1);
        w->sources[w->source_count++] = (struct source){.topic = TOPIC_CUSTOMERS,
                                                        .partition = p,
                                                        .located = true,
                                                        .consumed = true,
                                                        .committed = first,
                                                        .next = first + 3,
                                                        .seen_end = first + 4};
    }
    for (int i = 0; i < MESSAGES; i++) {
        messages[i] = (rd_kafka_message_t){.partition = i % 2, .offset = 10 * (i % 2 + 1) + i / 2};
        w->messages[w->message_count++] = &messages[i];
    }
    return w;
}

static void free_worker(struct worker *w) {
    (void)pthread_mutex_destroy(&w->status_lock);
    buf_release(&w->pipeline.reason.text);
    free(w->tasks);
    free(w->stages);
    free(w->sources);
    free(w->messages);
    free(w->forwarded);
    free(w);
    buf_release(&world.processed);
    buf_release(&world.asked);
    buf_release(&world.assigned);
    metrics_free(world.metrics);
    config_release(&world.config);
}

/* Runs the batch from `*at` on. Returns the offset to commit of each partition, -1: none. */
static void process(struct worker *w, size_t *at, int64_t offsets[N]) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(N);
    worker_process_messages(w, at, list);
    for (int32_t p = 0; p < N; p++) {
        const rd_kafka_topic_partition_t *tp =
            rd_kafka_topic_partition_list_find(list, topic(NULL), p);
        offsets[p] = tp != NULL ? tp->offset : -1;
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static void cycle(struct worker *w) {
    struct err e = {0};
    worker_resume_parked(w);
    if (!worker_consume_ready(w, &e))
        fail_msg("%s", e.text);
}

static void test_worker_park__only_its_own_partition_waits(void **state) {
    rd_kafka_message_t messages[MESSAGES];
    struct memory *memory = memory_new();
    struct worker *w = new_worker(memory, messages);
    int64_t offsets[N];
    size_t at = 0;
    (void)state;
    process(w, &at, offsets);
    assert_int_equal(at, MESSAGES);
    assert_text(buf_slice(&world.processed), "0:10 1:20 1:21 1:22 ");
    assert_text(buf_slice(&world.asked), "0:12 ");
    assert_int_equal(offsets[0], waits_at[0]);
    assert_int_equal(offsets[1], 23);
    /* The end behind the records that were read does not count any more: nothing may be committed
     * up to there. */
    rd_kafka_topic_partition_list_t *markers = rd_kafka_topic_partition_list_new(N);
    worker_note_markers(w, markers);
    assert_int_equal(markers->cnt, 1);
    assert_int_equal(markers->elems[0].partition, 1);
    rd_kafka_topic_partition_list_destroy(markers);
    free_worker(w);
    memory_free(memory);
}

/* A transaction of a batch may begin with messages that are passed over. It still has an offset to
 * commit. */
static void test_worker_park__rest_of_the_batch(void **state) {
    rd_kafka_message_t messages[MESSAGES];
    struct memory *memory = memory_new();
    struct worker *w = new_worker(memory, messages);
    int64_t offsets[N];
    size_t at = 0;
    (void)state;
    process(w, &at, offsets);
    at = 4; /* 0:12 */
    w->message_count = 5;
    process(w, &at, offsets);
    assert_int_equal(at, 5);
    assert_int_equal(offsets[0], waits_at[0]);
    assert_int_equal(offsets[1], -1);
    assert_text(buf_slice(&world.processed), "0:10 1:20 1:21 1:22 ");
    free_worker(w);
    memory_free(memory);
}

/* The partition is read again from the record that waits, after 100 ms, 200 ms and so on. */
static void test_worker_park__is_asked_again(void **state) {
    rd_kafka_message_t messages[MESSAGES];
    struct memory *memory = memory_new();
    struct worker *w = new_worker(memory, messages);
    int64_t offsets[N], waits[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
    size_t at = 0;
    (void)state;
    cycle(w);
    assert_int_equal(world.assignments, 0);
    process(w, &at, offsets);
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        cycle(w);
        assert_text(buf_slice(&world.assigned), "1:23 ");
        world.now_ms += waits[i] - 1;
        cycle(w);
        assert_int_equal(world.assignments, 2 * i + 1);
        world.now_ms++;
        cycle(w);
        assert_int_equal(world.assignments, 2 * i + 2);
        assert_text(buf_slice(&world.assigned), "0:11 1:23 ");
        at = 2; /* 0:11 */
        w->message_count = 3;
        world.is_there[0] = i + 1 == ARRAY_LEN(waits);
        process(w, &at, offsets);
        assert_int_equal(at, 3);
    }
    assert_int_equal(offsets[0], waits_at[0] + 1);
    assert_text(buf_slice(&world.processed), "0:10 1:20 1:21 1:22 0:11 ");
    cycle(w);
    assert_int_equal(world.assignments, 2 * ARRAY_LEN(waits));
    world.is_there[0] = false; /* the next wait is a short one again */
    at = 2;
    process(w, &at, offsets);
    world.now_ms += 100;
    cycle(w); /* though its time is over: the consumer must first let go of what is behind it */
    assert_text(buf_slice(&world.assigned), "1:23 ");
    cycle(w);
    assert_text(buf_slice(&world.assigned), "0:11 1:23 ");
    free_worker(w);
    memory_free(memory);
}

/* Makes the batch hold only the record of each partition that waits, and processes it. */
static void read_waiting(struct worker *w, rd_kafka_message_t messages[MESSAGES]) {
    int64_t offsets[N];
    size_t at = 0;
    w->message_count = N;
    for (int32_t p = 0; p < N; p++) {
        messages[p] = (rd_kafka_message_t){.partition = p, .offset = waits_at[p]};
        w->messages[p] = &messages[p];
    }
    process(w, &at, offsets);
}

/* The consumer's assignment is changed as rarely as possible: all partitions are asked when the
 * time of one has come. */
static void test_worker_park__all_are_asked_together(void **state) {
    rd_kafka_message_t messages[MESSAGES];
    struct memory *memory = memory_new();
    struct worker *w = new_worker(memory, messages);
    int64_t offsets[N];
    size_t at = 0;
    (void)state;
    process(w, &at, offsets); /* partition 0 waits until +100 */
    cycle(w);
    world.now_ms += 70;
    world.is_there[1] = false;
    at = 5; /* 1:22, which waits until +170 */
    process(w, &at, offsets);
    cycle(w);
    assert_text(buf_slice(&world.assigned), "");
    world.now_ms += 30;
    cycle(w);
    assert_text(buf_slice(&world.assigned), "0:11 1:22 ");
    assert_int_equal(world.assignments, 3);
    free_worker(w);
    memory_free(memory);
}

static void assert_waits(struct worker *w, int64_t partitions, int64_t since_ms, const char *text) {
    struct worker_waits waits;
    worker_waits(w, &waits);
    assert_int_equal(waits.partitions, partitions);
    assert_int_equal(waits.since_ms, since_ms);
    assert_string_equal(waits.text, text);
}

static void test_worker_park__status(void **state) {
    rd_kafka_message_t messages[MESSAGES];
    struct memory *memory = memory_new();
    struct worker *w = new_worker(memory, messages);
    (void)state;
    assert_waits(w, 0, 0, "");
    read_waiting(w, messages);
    assert_waits(w, 1, 1000000, "customers partition 0 offset 11: schema 0");
    cycle(w);
    world.now_ms += 100;
    cycle(w);
    assert_waits(w, 1, 1000000, "customers partition 0 offset 11: schema 0");
    world.is_there[1] = false;
    read_waiting(w, messages);
    assert_waits(w, 2, 1000000, "customers partition 0 offset 11: schema 0");
    cycle(w);
    world.now_ms += 200;
    cycle(w);
    world.is_there[0] = true;
    read_waiting(w, messages);
    assert_waits(w, 1, 1000100, "customers partition 1 offset 22: schema 1");
    worker_forget_parked(w);
    assert_waits(w, 0, 0, "");
    free_worker(w);
    memory_free(memory);
}

/* Returns how often `part` is in the text. */
static int count(struct buf *text, const char *part) {
    int times = 0;
    for (const char *at = buf_cstr(text); (at = strstr(at, part)) != NULL; at++)
        times++;
    return times;
}

/* Reads the record of partition 0 so many times in vain, and then finds what it waits for. Returns
 * what was logged. */
static struct buf log_of_wait(int times) {
    rd_kafka_message_t messages[MESSAGES];
    struct memory *memory = memory_new();
    struct worker *w = new_worker(memory, messages);
    struct buf text = {0};
    log_set_level(LOG_INFO);
    struct stderr_capture c = stderr_capture_begin();
    for (int i = 0; i <= times; i++) {
        world.is_there[0] = i == times;
        read_waiting(w, messages);
        cycle(w);
        world.now_ms += 5000;
        cycle(w);
    }
    stderr_capture_end(&c, &text);
    free_worker(w);
    memory_free(memory);
    return text;
}

/* One line when it begins, and one when it ends. A wait that is over the first time that the record
 * is read again has none, because every schema is waited for once. */
static void test_worker_park__log(void **state) {
    static const char begins[] =
        "level=warn msg=\"a record has to wait, and its partition with it\" "
        "worker=0 topic=customers partition=0 offset=11 for=\"schema 0\"";
    static const char ends[] = "level=info msg=\"the partition goes on\" worker=0 topic=customers "
                               "partition=0 offset=11 waited_ms=";
    (void)state;
    for (int times = 0; times < 5; times++) {
        struct buf text = log_of_wait(times);
        assert_int_equal(count(&text, begins), times > 1);
        assert_int_equal(count(&text, ends), times > 1);
        assert_int_equal(count(&text, "\n"), times > 1 ? 2 : 0);
        buf_release(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worker_park__only_its_own_partition_waits),
        cmocka_unit_test(test_worker_park__rest_of_the_batch),
        cmocka_unit_test(test_worker_park__is_asked_again),
        cmocka_unit_test(test_worker_park__all_are_asked_together),
        cmocka_unit_test(test_worker_park__status),
        cmocka_unit_test(test_worker_park__log),
    };
    return cmocka_run_group_tests_name("worker_park", tests, NULL, NULL);
}
