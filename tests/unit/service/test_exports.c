/* Exports over a real server and a state on disk; the workers only say which partitions they have.
 */
#include "state/keys.h"
#include "state/rocksdb/store.h"
#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/http/routes.h"
#include "streamer/service/answers.h"
#include "streamer/service/exports.h"
#include "streamer/task/task.h"
#include "streamer/worker/worker_internal.h"
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HANG_S 60 /* how long a test waits for the server before it fails */
#define N 4
#define NOT_HERE 2
#define FROM INT64_C(1707955200000) /* 2024-02-15T00:00:00Z */
#define FEW 3
#define MANY 40000 /* accounts of a partition: far more bytes than the sockets hold */

struct fixture {
    char *dir;
    struct store *store;
    _Atomic enum task_stage stages[N];
    struct worker worker, *pointers[1];
    struct workers workers;
    struct config config;
    struct answers answers;
    struct http_server *server;
};

/* --- the state --- */

/* Account number i of the partition: a balance of i cents, and a long id. */
static void put_account(struct kv *kv, int32_t partition, int i) {
    struct buf key = {0}, attributes = {0}, encoded = {0};
    char text[64];
    struct slice id = slice_of(
        text, (size_t)snprintf(text, sizeof text, "%c%06d-an-id-that-is-long", 'A' + partition, i));
    struct account_attributes a = {i, i, slice_str("savings")};
    account_attributes_encode(&a, &attributes);
    struct account_row row = {
        .timeline = {.newest_event_at = FROM,
                     .has_current = true,
                     .current = {FROM, TIMESTAMP_NONE, FROM, buf_slice(&attributes)},
                     .outside_oldest = TIMESTAMP_NONE,
                     .memory = {.before_end = TIMESTAMP_NONE}},
        .has_summary = true,
        .summary = {id, i, i, 15, 0, i, FROM},
    };
    account_row_encode(&row, &encoded);
    key_text(&key, partition, id);
    struct buf value = {0};
    buf_put_byte(&value, STATE_FORMAT);
    buf_put_slice(&value, buf_slice(&encoded));
    kv_put(kv, FAMILY_ACCOUNTS, buf_slice(&key), buf_slice(&value));
    buf_release(&key), buf_release(&attributes), buf_release(&encoded), buf_release(&value);
}

static void put_meta(struct batch *b, int32_t partition) {
    struct task_env env = {.kv = batch_kv(b)};
    struct task t;
    task_init(&t, partition);
    t.meta.positions[TOPIC_ACCOUNT_SUMMARY] = 100 + partition;
    task_save_meta(&env, &t);
    task_release(&t);
    task_env_release(&env);
}

static void fill(struct store *store, int accounts) {
    struct err e;
    struct batch *b = batch_new(store);
    for (int32_t p = 0; p < N; p++) {
        for (int i = 0; i < accounts; i++)
            put_account(batch_kv(b), p, i);
        put_meta(b, p);
    }
    if (!batch_commit(b, &e))
        fail_msg("%s", e.text);
    batch_free(b);
}

/* --- the process --- */

static void handle(void *context, const struct http_request *request, struct http_reply *reply) {
    struct fixture *f = context;
    workers_lock(&f->workers);
    if (route_check_parameters(route_find("/v1/export/x"), request, reply))
        exports_answer(f->answers.exports, request, reply);
    workers_unlock(&f->workers);
}

static enum http_class classify(void *context, const char *path) {
    (void)context, (void)path;
    return HTTP_OPEN;
}

static void begin_workers(struct fixture *f) {
    workers_init(&f->workers);
    f->workers.list = f->pointers;
    f->pointers[0] = &f->worker;
    f->workers.count = f->workers.full_count = 1;
    f->worker.stages = f->stages;
    atomic_store(&f->worker.phase, WORKER_RUNNING);
    for (int32_t p = 0; p < N; p++)
        atomic_store(&f->stages[p], p == NOT_HERE ? STAGE_NONE : STAGE_READY);
}

static struct fixture *begin(int accounts) {
    struct fixture *f = mem_calloc(1, sizeof *f);
    struct err e = {0};
    f->dir = make_scratch();
    f->store = store_open(f->dir, 64 << 20, 1, &e);
    assert_non_null(f->store);
    fill(f->store, accounts);
    begin_workers(f);
    f->config.rates = default_rates();
    f->answers = (struct answers){
        .config = &f->config, .workers = &f->workers, .store = f->store, .partitions = N};
    f->answers.exports = exports_new(&f->answers, &e);
    assert_non_null(f->answers.exports);
    const struct http_options o = {.listen = "127.0.0.1:0",
                                   .max_connections = 16,
                                   .hosts = "x",
                                   .classify = classify,
                                   .handler = handle,
                                   .context = f};
    f->server = http_start(&o, &e);
    assert_non_null(f->server);
    return f;
}

static int setup_few(void **state) {
    *state = begin(FEW);
    return 0;
}

static int setup_many(void **state) {
    *state = begin(MANY);
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    exports_stop(f->answers.exports);
    http_stop(f->server);
    exports_free(f->answers.exports);
    f->workers.list = NULL;
    workers_release(&f->workers);
    store_close(f->store);
    remove_scratch(f->dir);
    free(f);
    return 0;
}

/* --- a client --- */

static int ask(struct fixture *f, const char *target) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval hang = {.tv_sec = HANG_S};
    struct buf text = {0};
    int little = 4096, fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_port = htons((uint16_t)atoi(strrchr(http_address(f->server), ':') + 1));
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &hang, sizeof hang), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    buf_printf(&text, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", target);
    assert_int_equal(send(fd, text.p, text.n, MSG_NOSIGNAL), text.n);
    buf_release(&text);
    return fd;
}

static void read_to_end(int fd, struct buf *out) {
    for (ssize_t n = 1; n > 0; out->n += (size_t)(n > 0 ? n : 0)) {
        n = recv(fd, buf_reserve(out, 65536), 65536, 0);
        if (n < 0)
            assert_int_equal(errno, ECONNRESET);
    }
    (void)close(fd);
}

/* Waits until the headers and the first rows are there. */
static void wait_for_bytes(int fd) {
    char bytes[1000];
    ssize_t n = 1;
    while (n > 0 && n < (ssize_t)sizeof bytes)
        n = recv(fd, bytes, sizeof bytes, MSG_PEEK);
    assert_int_equal(n, sizeof bytes);
}

static void assert_has(struct buf *reply, const char *text) {
    if (strstr(buf_cstr(reply), text) == NULL)
        fail_msg("no %s in %.500s", text, reply->p);
}

/* Whether the body has its last chunk, which is empty. */
static bool is_whole(struct buf *reply) {
    const char *end = "\r\n0\r\n\r\n";
    size_t n = strlen(end);
    return reply->n > n && strcmp(buf_cstr(reply) + reply->n - n, end) == 0;
}

static void expect(struct fixture *f, const char *target, const char *status, const char *part) {
    struct buf reply = {0};
    read_to_end(ask(f, target), &reply);
    assert_has(&reply, status);
    assert_has(&reply, part);
    buf_release(&reply);
}

/* Breaks the answer by `what` when its first bytes are there, and expects no end. */
static void expect_broken(struct fixture *f, void (*what)(struct fixture *f)) {
    struct buf reply = {0};
    int fd = ask(f, "/v1/export/account_summary");
    wait_for_bytes(fd);
    what(f);
    read_to_end(fd, &reply);
    assert_has(&reply, "HTTP/1.1 200 OK");
    assert_has(&reply, "A000000-an-id-that-is-long,0,0.00,");
    assert_false(is_whole(&reply));
    buf_release(&reply);
}

/* --- tests --- */

#define LINE(id, cents)                                                                            \
    id "-an-id-that-is-long," #cents ",0.0" #cents ",0.015,0.00,0.0" #cents                        \
       ",2024-02-15T00:00:00.000Z\n"

static void test_exports__has_the_rows_of_its_partitions(void **state) {
    struct buf reply = {0};
    read_to_end(ask(*state, "/v1/export/account_summary"), &reply);
    assert_has(&reply, "HTTP/1.1 200 OK\r\n");
    assert_has(&reply, "Content-Type: text/csv; charset=utf-8\r\n");
    assert_has(&reply, "X-Streamer-Partitions: 0-1,3\r\n");
    assert_has(&reply, "X-Streamer-Partition-Count: 4\r\n");
    assert_has(&reply,
               "X-Streamer-Rates: tiers=10000:0.01,20000:0.015,*:0.02 loan.bonus=0.005\r\n");
    assert_has(&reply, "X-Streamer-Positions: 0=100,1=101,3=103\r\n");
    assert_has(&reply, "filename=\"account_summary.csv\"\r\n");
    assert_has(&reply, "\naccount_id,customer_id,original_balance_amount,interest_rate_pct,"
                       "annual_interest_amount,new_balance_amount,calculated_at\n" //
               LINE("A000000", 0) LINE("A000001", 1) LINE("A000002", 2)            //
               LINE("B000000", 0) LINE("B000001", 1) LINE("B000002", 2)            //
               LINE("D000000", 0) LINE("D000001", 1) LINE("D000002", 2));
    assert_true(is_whole(&reply));
    buf_release(&reply);
}

static void test_exports__json_lines(void **state) {
    struct buf reply = {0};
    read_to_end(ask(*state, "/v1/export/account_history?format=jsonl&as_of=2024-02-15"), &reply);
    assert_has(&reply, "Content-Type: application/x-ndjson\r\n");
    assert_has(&reply, "\n{\"account_id\":\"D000002-an-id-that-is-long\",\"customer_id\":2,"
                       "\"balance_amount\":\"0.02\",\"account_type\":\"savings\","
                       "\"loaded_at\":\"2024-02-15T00:00:00.000Z\","
                       "\"valid_from_at\":\"2024-02-15T00:00:00.000Z\",\"valid_to_at\":null}\n");
    assert_true(is_whole(&reply));
    buf_clear(&reply);
    read_to_end(ask(*state, "/v1/export/account_history?format=jsonl&as_of=2024-02-14"), &reply);
    assert_has(&reply, "HTTP/1.1 200 OK\r\n");
    assert_null(strstr(reply.p, "account_id"));
    assert_true(is_whole(&reply));
    buf_release(&reply);
}

static void test_exports__refused(void **state) {
    static const struct {
        const char *target, *reason;
    } cases[] = {
        {"/v1/export/account_sumary",
         "no such table: account_sumary, did you mean account_summary"},
        {"/v1/export", "no such table; give one of customer_history, account_history, "},
        {"/v1/export/%ff", "no such table; give one of "},
        {"/v1/export/account_summary?format=parquet", "format must be csv or jsonl"},
        {"/v1/export/account_summary?as_of=2024-02-15", "`streamer export account_summary --as-of"},
        {"/v1/export/customer_profile?as_of=2024-02-15", "only the histories are exported as of"},
        {"/v1/export/account_history?as_of=then", "as_of: give an ISO-8601 date"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect(*state, cases[i].target, "HTTP/1.1 400 ", cases[i].reason);
}

static void test_exports__waits_for_the_state(void **state) {
    struct fixture *f = *state;
    atomic_store(&f->stages[1], STAGE_RESTORING);
    expect(f, "/v1/export/account_summary", "HTTP/1.1 503 ", "partitions of this instance are");
    expect(f, "/v1/export/account_summary", "HTTP/1.1 503 ", "Retry-After: 1\r\n");
    atomic_store(&f->stages[1], STAGE_READY);
    atomic_store(&f->worker.phase, WORKER_CONNECTING);
    expect(f, "/v1/export/account_summary", "HTTP/1.1 503 ", "the group has not given");
    atomic_store(&f->worker.phase, WORKER_RUNNING);
    expect(f, "/v1/export/account_summary", "HTTP/1.1 200 ", "account_id");
}

/* What is committed while it is sent is not in it. */
static void test_exports__is_of_one_moment(void **state) {
    struct fixture *f = *state;
    struct buf reply = {0};
    int fd = ask(f, "/v1/export/account_summary");
    wait_for_bytes(fd);
    fill(f->store, MANY + 1);
    read_to_end(fd, &reply);
    assert_true(is_whole(&reply));
    assert_has(&reply, "D039999-an-id-that-is-long");
    assert_null(strstr(reply.p, "A040000"));
    assert_null(strstr(reply.p, "D040000"));
    buf_release(&reply);
}

static void move_partition(struct fixture *f) {
    atomic_store(&f->stages[3], STAGE_NONE);
}

static void test_exports__a_partition_that_moves_breaks_it(void **state) {
    expect_broken(*state, move_partition);
}

static void stop_process(struct fixture *f) {
    exports_stop(f->answers.exports);
}

static void test_exports__a_stop_breaks_it(void **state) {
    expect_broken(*state, stop_process);
}

static void no_more(struct fixture *f) {
    (void)f;
}

static void test_exports__damage_breaks_it(void **state) {
    struct fixture *f = *state;
    struct batch *b = batch_new(f->store);
    struct buf key = {0};
    struct err e;
    key_text(&key, 3, slice_str("D020000-an-id-that-is-long"));
    kv_put(batch_kv(b), FAMILY_ACCOUNTS, buf_slice(&key), slice_of("\3\xff", 2));
    assert_true(batch_commit(b, &e));
    batch_free(b);
    buf_release(&key);
    expect_broken(f, no_more);
}

static void test_exports__few_at_a_time(void **state) {
    struct fixture *f = *state;
    struct buf reply = {0};
    int held[EXPORTS_MAX];
    for (int i = 0; i < EXPORTS_MAX; i++) {
        held[i] = ask(f, "/v1/export/account_summary");
        wait_for_bytes(held[i]);
    }
    expect(f, "/v1/export/account_summary", "HTTP/1.1 503 ", "busy: other exports are under way");
    for (int i = 0; i < EXPORTS_MAX; i++) {
        buf_clear(&reply);
        read_to_end(held[i], &reply);
        assert_true(is_whole(&reply));
    }
    buf_release(&reply);
}

#define CASE(name, size)                                                                           \
    cmocka_unit_test_setup_teardown(test_exports__##name, setup_##size, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(has_the_rows_of_its_partitions, few),
        CASE(json_lines, few),
        CASE(refused, few),
        CASE(waits_for_the_state, few),
        CASE(is_of_one_moment, many),
        CASE(a_partition_that_moves_breaks_it, many),
        CASE(a_stop_breaks_it, many),
        CASE(damage_breaks_it, many),
        CASE(few_at_a_time, many),
    };
    return cmocka_run_group_tests_name("exports", tests, NULL, NULL);
}
