#include "support.h"
#include "web_server.h"

#include "schemas/avro/avro_fingerprint.h"
#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/registry/schema_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A registry whose schema with the id N is a record called "rN". Ids from 900000 on are unknown. */
struct fake {
    atomic_int requests;
    atomic_int last_id;    /* of the requests */
    atomic_int backward;   /* requests for a lower id than that of the one before */
    atomic_int status;     /* 0: it answers; else all requests get this status */
    atomic_int ill_id;     /* this id gets 500, whatever the others get; 0: none */
    atomic_bool hangs;     /* no request gets an answer */
    atomic_bool is_held;   /* requests get their answers later */
    atomic_size_t padding; /* bytes in each schema */
};

static void pause_ms(long ms) {
    (void)nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static void put_schema(struct buf *out, int id, size_t padding) {
    buf_printf(out,
               "{\"type\":\"record\",\"name\":\"r%d\",\"fields\":[{\"name\":\"a\","
               "\"type\":\"long\"}],\"doc\":\"",
               id);
    memset(buf_reserve(out, padding), 'x', padding);
    out->n += padding;
    buf_put_str(out, "\"}");
}

static void play(void *context, const struct web_request *q, struct web_reply *reply) {
    struct fake *f = context;
    int id = 0;
    (void)sscanf(q->target, "/schemas/ids/%d", &id);
    f->requests++;
    f->backward += id < f->last_id;
    f->last_id = id;
    while (f->is_held)
        pause_ms(1);
    reply->hangs = f->hangs;
    reply->status = id == f->ill_id && id != 0 ? 500 : f->status != 0 ? f->status : 200;
    if (reply->status == 200 && id >= 900000) {
        reply->status = 404;
        buf_put_str(&reply->body, "{\"error_code\":40403,\"message\":\"Schema not found\"}");
    } else if (reply->status == 200) {
        struct buf schema = {0};
        put_schema(&schema, id, f->padding);
        buf_put_str(&reply->body, "{\"schema\":");
        json_put_string(&reply->body, buf_slice(&schema));
        buf_put_byte(&reply->body, '}');
        buf_release(&schema);
    }
}

/* --- a clock that a test sets --- */

struct test_clock {
    struct clock clock; /* the first member */
    atomic_llong ahead_ms;
};

static int64_t ahead_us(const struct clock *c, clockid_t id) {
    const struct test_clock *own = (const struct test_clock *)(const void *)c;
    return clock_us(clock_of_machine(), id) + own->ahead_ms * 1000;
}

/* --- the cache under test --- */

struct rig {
    struct fake fake;
    struct test_clock clock;
    atomic_int times_given_up;
    struct web_server *server;
    struct schema_cache *cache;
};

static struct registry *make_client(const char *url) {
    struct err e;
    const struct registry_options o = {.urls = url,
                                       .user_info = "",
                                       .bearer_token = "",
                                       .ca = "",
                                       .certificate = "",
                                       .key = "",
                                       .answer_ms = REGISTRY_ANSWER_MS};
    struct registry *r = registry_new(&o, &e);
    assert_non_null(r);
    return r;
}

static void note_giving_up(void *context) {
    ((struct rig *)context)->times_given_up++;
}

static void rig_init(struct rig *r, const char *directory) {
    struct err e;
    *r = (struct rig){.clock.clock.now_us = ahead_us};
    r->server = web_server_start(play, &r->fake);
    const struct schema_cache_options o = {.registry = make_client(web_server_url(r->server)),
                                           .directory = directory,
                                           .patience_ms = 3600000,
                                           .gave_up = note_giving_up,
                                           .context = r,
                                           .clock = &r->clock.clock};
    r->cache = schema_cache_new(&o, &e);
    assert_non_null(r->cache);
}

static void rig_release(struct rig *r) {
    schema_cache_free(r->cache);
    web_server_stop(r->server);
}

static enum schema_answer look(struct rig *r, uint64_t id, struct schema_text *out) {
    struct schema_source *s = schema_cache_source(r->cache);
    return s->lookup(s, &(struct schema_key){.kind = SCHEMA_BY_ID, .number = id}, out);
}

static enum schema_answer look_by_fingerprint(struct schema_cache *c, int id,
                                              struct schema_text *out) {
    struct schema_key key = {.kind = SCHEMA_BY_FINGERPRINT};
    struct buf schema = {0};
    put_schema(&schema, id, 0);
    assert_true(avro_fingerprint(buf_slice(&schema), &key.number));
    buf_release(&schema);
    struct schema_source *s = schema_cache_source(c);
    return s->lookup(s, &key, out);
}

/* Asks until there is an answer. */
static enum schema_answer wait_for(struct rig *r, uint64_t id, struct schema_text *out) {
    enum schema_answer answer;
    while ((answer = look(r, id, out)) == SCHEMA_NOT_NOW)
        pause_ms(1);
    return answer;
}

static void wait_for_requests(struct rig *r, int requests) {
    while (r->fake.requests < requests)
        pause_ms(1);
}

static void assert_schema(const struct schema_text *s, int id) {
    struct buf expected = {0};
    put_schema(&expected, id, 0);
    assert_text(buf_slice(&s->text), buf_cstr(&expected));
    buf_release(&expected);
}

static void write_schema(const char *directory, const char *name, int id, size_t padding) {
    char path[200];
    struct buf schema = {0};
    put_schema(&schema, id, padding);
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(schema.p, 1, id == 0 ? 10 : schema.n, f), id == 0 ? 10 : schema.n);
    assert_int_equal(fclose(f), 0);
    buf_release(&schema);
}

/* --- what is asked for comes --- */

static void test_schema_cache__fetches_in_the_background_and_once(void **state) {
    (void)state;
    struct rig r;
    struct schema_text s = {0};
    rig_init(&r, "");
    assert_int_equal(look(&r, 7, &s), SCHEMA_NOT_NOW);
    assert_int_equal(wait_for(&r, 7, &s), SCHEMA_FOUND);
    assert_int_equal(s.type, SCHEMA_AVRO);
    assert_string_equal(s.type_name, "AVRO");
    assert_schema(&s, 7);
    for (int i = 0; i < 100; i++)
        assert_int_equal(look(&r, 7, &s), SCHEMA_FOUND);
    assert_int_equal(wait_for(&r, 8, &s), SCHEMA_FOUND);
    assert_schema(&s, 8);
    assert_int_equal(r.fake.requests, 2);
    buf_release(&s.text);
    rig_release(&r);
}

/* So many are waited for at a time, and asked for in their order. What comes on top is not
 * remembered: whoever waits for it asks again. */
static void test_schema_cache__waits_for_a_thousand(void **state) {
    (void)state;
    struct rig r;
    struct schema_text s = {0};
    rig_init(&r, "");
    r.fake.is_held = true;
    for (int id = 1; id <= SCHEMA_CACHE_WAITING_MAX + 100; id++)
        assert_int_equal(look(&r, id, &s), SCHEMA_NOT_NOW);
    r.fake.is_held = false;
    for (int id = 1; id <= SCHEMA_CACHE_WAITING_MAX; id++)
        assert_int_equal(wait_for(&r, id, &s), SCHEMA_FOUND);
    assert_int_equal(r.fake.requests, SCHEMA_CACHE_WAITING_MAX);
    assert_int_equal(r.fake.backward, 0);
    assert_int_equal(wait_for(&r, SCHEMA_CACHE_WAITING_MAX + 1, &s), SCHEMA_FOUND);
    buf_release(&s.text);
    rig_release(&r);
}

static void test_schema_cache__unknown_holds_for_a_minute(void **state) {
    (void)state;
    struct rig r;
    struct schema_text s = {0};
    rig_init(&r, "");
    assert_int_equal(wait_for(&r, 900001, &s), SCHEMA_UNKNOWN);
    r.clock.ahead_ms += SCHEMA_CACHE_UNKNOWN_MS - 5000;
    assert_int_equal(look(&r, 900001, &s), SCHEMA_UNKNOWN);
    assert_int_equal(r.fake.requests, 1);
    r.clock.ahead_ms += 5001;
    assert_int_equal(look(&r, 900001, &s), SCHEMA_NOT_NOW);
    assert_int_equal(wait_for(&r, 900001, &s), SCHEMA_UNKNOWN);
    assert_int_equal(r.fake.requests, 2);
    rig_release(&r);
}

/* What somebody knows already is not fetched. */
static void test_schema_cache__noted(void **state) {
    (void)state;
    struct rig r;
    struct schema_text s = {0};
    struct buf schema = {0};
    rig_init(&r, "");
    put_schema(&schema, 7, 0);
    schema_cache_note(r.cache, 5, buf_slice(&schema));
    assert_int_equal(look(&r, 5, &s), SCHEMA_FOUND);
    assert_int_equal(s.type, SCHEMA_AVRO);
    assert_schema(&s, 7);
    schema_cache_note(r.cache, 5, slice_str("{}"));
    assert_int_equal(look(&r, 5, &s), SCHEMA_FOUND);
    assert_schema(&s, 7); /* a schema never changes */
    assert_int_equal(r.fake.requests, 0);
    buf_release(&schema);
    buf_release(&s.text);
    rig_release(&r);
}

/* A registry's ids are positive ints. What it would answer to another number is anybody's guess,
 * and a record of random bytes must not wait for it. */
static void test_schema_cache__numbers_that_are_no_ids(void **state) {
    (void)state;
    struct rig r;
    struct schema_text s = {0};
    rig_init(&r, "");
    assert_int_equal(look(&r, UINT64_C(0x80000000), &s), SCHEMA_UNKNOWN);
    assert_int_equal(look(&r, UINT32_MAX, &s), SCHEMA_UNKNOWN);
    assert_int_equal(look(&r, INT32_MAX, &s), SCHEMA_NOT_NOW);
    assert_int_equal(wait_for(&r, INT32_MAX, &s), SCHEMA_UNKNOWN);
    assert_int_equal(r.fake.requests, 1);
    rig_release(&r);
}

/* --- outages --- */

/* Whatever a registry that is ill answers, no schema becomes unknown by it. */
static void test_schema_cache__an_outage_is_never_unknown(void **state) {
    (void)state;
    static const int statuses[] = {500, 429, 404, 401, 302};
    struct rig r;
    struct schema_text s = {0};
    struct err why = {0};
    rig_init(&r, "");
    assert_int_equal(schema_cache_down_since_ms(r.cache, &why), 0);
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        int id = (int)i + 1, before = r.fake.requests;
        r.fake.status = statuses[i];
        assert_int_equal(look(&r, id, &s), SCHEMA_NOT_NOW);
        wait_for_requests(&r, before + 2); /* so the first one is answered */
        int64_t since = schema_cache_down_since_ms(r.cache, &why);
        assert_true(since > 0 && since <= clock_ms(&r.clock.clock, CLOCK_MONOTONIC));
        assert_non_null(strstr(why.text, "schema registry http://127.0.0.1:"));
        assert_int_equal(look(&r, id, &s), SCHEMA_NOT_NOW);
        r.fake.status = 0;
        assert_int_equal(wait_for(&r, id, &s), SCHEMA_FOUND);
        assert_schema(&s, id);
        assert_int_equal(schema_cache_down_since_ms(r.cache, &why), 0);
    }
    assert_false(schema_cache_gave_up(r.cache, &why));
    buf_release(&s.text);
    rig_release(&r);
}

/* The pauses are 100 ms, 200 ms, 400 ms and so on, so that N requests take 100 * (2^(N-1) - 1) ms
 * at least. */
static void test_schema_cache__an_outage_is_asked_less_and_less(void **state) {
    (void)state;
    struct rig r;
    struct schema_text s = {0};
    rig_init(&r, "");
    r.fake.status = 503;
    int64_t begin = clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
    assert_int_equal(look(&r, 1, &s), SCHEMA_NOT_NOW);
    wait_for_requests(&r, 4);
    int requests = r.fake.requests;
    int64_t elapsed_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC) - begin;
    assert_true(elapsed_ms >= 100 * ((INT64_C(1) << (requests - 1)) - 1));
    rig_release(&r);
}

/* One schema that the registry cannot give does not keep the others away. */
static void test_schema_cache__others_go_on(void **state) {
    (void)state;
    struct rig r;
    struct schema_text s = {0};
    struct err why;
    rig_init(&r, "");
    r.fake.ill_id = 1;
    assert_int_equal(look(&r, 1, &s), SCHEMA_NOT_NOW);
    for (int id = 2; id < 10; id++)
        assert_int_equal(wait_for(&r, id, &s), SCHEMA_FOUND);
    assert_true(schema_cache_down_since_ms(r.cache, &why) > 0);
    assert_int_equal(look(&r, 1, &s), SCHEMA_NOT_NOW);
    buf_release(&s.text);
    rig_release(&r);
}

static void test_schema_cache__patience_ends(void **state) {
    (void)state;
    struct rig r;
    struct schema_text s = {0};
    struct err why = {0};
    rig_init(&r, "");
    r.fake.status = 503;
    assert_int_equal(look(&r, 1, &s), SCHEMA_NOT_NOW);
    wait_for_requests(&r, 2);
    assert_false(schema_cache_gave_up(r.cache, &why));
    r.clock.ahead_ms += 3600001;
    while (!schema_cache_gave_up(r.cache, &why)) {
        assert_int_equal(look(&r, 1, &s), SCHEMA_NOT_NOW);
        pause_ms(1);
    }
    assert_non_null(strstr(why.text, "status 503"));
    wait_for_requests(&r, r.fake.requests + 2);
    assert_int_equal(r.times_given_up, 1);
    r.fake.status = 0;
    assert_int_equal(wait_for(&r, 1, &s), SCHEMA_FOUND);
    buf_release(&s.text);
    rig_release(&r);
}

/* Whoever asked is gone: its partition went elsewhere. */
static void test_schema_cache__nobody_waits_any_more(void **state) {
    (void)state;
    struct rig r;
    struct schema_text s = {0};
    struct err why;
    rig_init(&r, "");
    r.fake.status = 503;
    assert_int_equal(look(&r, 1, &s), SCHEMA_NOT_NOW);
    wait_for_requests(&r, 2);
    assert_true(schema_cache_down_since_ms(r.cache, &why) > 0);
    r.clock.ahead_ms += SCHEMA_CACHE_WANTED_MS + 1000;
    while (schema_cache_down_since_ms(r.cache, &why) != 0)
        pause_ms(1);
    rig_release(&r);
}

/* A new client takes over, also while the old one waits for an answer. */
static void test_schema_cache__renewed(void **state) {
    (void)state;
    struct rig r;
    struct schema_text s = {0};
    struct err why;
    struct fake well = {0};
    rig_init(&r, "");
    struct web_server *other = web_server_start(play, &well);
    r.fake.hangs = true;
    assert_int_equal(look(&r, 1, &s), SCHEMA_NOT_NOW);
    wait_for_requests(&r, 1);
    schema_cache_renew(r.cache, make_client(WEB_NOBODY));
    schema_cache_renew(r.cache, make_client(web_server_url(other)));
    assert_int_equal(wait_for(&r, 1, &s), SCHEMA_FOUND);
    assert_int_equal(schema_cache_down_since_ms(r.cache, &why), 0);
    assert_int_equal(r.fake.requests, 1);
    assert_int_equal(well.requests, 1);
    buf_release(&s.text);
    rig_release(&r);
    web_server_stop(other);
}

static void test_schema_cache__stops_while_a_request_hangs(void **state) {
    (void)state;
    struct rig r;
    struct schema_text s = {0};
    rig_init(&r, "");
    r.fake.hangs = true;
    assert_int_equal(look(&r, 1, &s), SCHEMA_NOT_NOW);
    wait_for_requests(&r, 1);
    int64_t before = clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
    schema_cache_free(r.cache);
    /* Not a limit of time: without the cancellation it takes all of REGISTRY_ANSWER_MS. */
    assert_true(clock_ms(clock_of_machine(), CLOCK_MONOTONIC) - before < REGISTRY_ANSWER_MS / 2);
    web_server_stop(r.server);
}

/* --- memory --- */

static int64_t resident_bytes(void) {
    FILE *f = fopen("/proc/self/statm", "re");
    long size = 0, resident = 0;
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld", &size, &resident), 2);
    (void)fclose(f);
    return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

/* Asks for the ids from..to; some hundred are under way at a time. */
static void fetch_all(struct rig *r, int from, int to, struct schema_text *s) {
    for (int id = from; id <= to; id++) {
        (void)look(r, id, s);
        if (id - from >= 500)
            (void)wait_for(r, id - 500, s);
    }
    for (int id = from > to - 500 ? from : to - 500; id <= to; id++)
        assert_int_equal(wait_for(r, id, s), SCHEMA_FOUND);
}

/* Of 64 MiB, the decoder's compiled schemas need the rest: test_decode_avro.c. */
static void test_schema_cache__ten_thousand_ids(void **state) {
    (void)state;
    struct rig r;
    struct schema_text s = {0};
    int64_t before = resident_bytes();
    rig_init(&r, "");
    r.fake.padding = 3000;
    fetch_all(&r, 1, 10000, &s);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they keep freed memory */
    assert_true(resident_bytes() - before < (int64_t)40 << 20);
#endif
    (void)before;
    buf_release(&s.text);
    rig_release(&r);
}

/* The limit of bytes evicts what was used least lately, and that is fetched again. Nobody could be
 * asked again for the schemas of the directory, so they stay. */
static void test_schema_cache__evicts_the_least_recently_used(void **state) {
    (void)state;
    enum { COUNT = 40 }; /* of a megabyte each */
    char *directory = make_scratch();
    struct rig r;
    struct schema_text s = {0};
    write_schema(directory, "a.avsc", COUNT + 1, 0);
    rig_init(&r, directory);
    r.fake.padding = (size_t)1 << 20;
    for (int id = 1; id <= COUNT; id++) {
        assert_int_equal(wait_for(&r, id, &s), SCHEMA_FOUND);
        assert_int_equal(look(&r, 1, &s), SCHEMA_FOUND); /* used all the time */
    }
    assert_int_equal(r.fake.requests, COUNT);
    assert_int_equal(look(&r, COUNT, &s), SCHEMA_FOUND);
    assert_int_equal(look(&r, 2, &s), SCHEMA_NOT_NOW);
    assert_int_equal(wait_for(&r, 2, &s), SCHEMA_FOUND);
    assert_int_equal(look_by_fingerprint(r.cache, COUNT + 1, &s), SCHEMA_FOUND);
    buf_release(&s.text);
    rig_release(&r);
    remove_scratch(directory);
}

/* --- fingerprints --- */

static void test_schema_cache__what_an_id_showed_has_a_fingerprint(void **state) {
    (void)state;
    struct rig r;
    struct schema_text s = {0};
    rig_init(&r, "");
    assert_int_equal(look_by_fingerprint(r.cache, 7, &s), SCHEMA_UNKNOWN);
    assert_int_equal(wait_for(&r, 7, &s), SCHEMA_FOUND);
    assert_int_equal(look_by_fingerprint(r.cache, 7, &s), SCHEMA_FOUND);
    assert_schema(&s, 7);
    assert_int_equal(r.fake.requests, 1);
    buf_release(&s.text);
    rig_release(&r);
}

/* What an id has shown once is never unknown, even if it was evicted. */
static void test_schema_cache__a_fingerprint_outlives_its_schema(void **state) {
    (void)state;
    struct rig r;
    struct schema_text s = {0};
    rig_init(&r, "");
    assert_int_equal(wait_for(&r, 7, &s), SCHEMA_FOUND);
    r.fake.padding = (size_t)1 << 20;
    fetch_all(&r, 1000, 1040, &s);
    r.fake.padding = 0;
    assert_int_equal(look_by_fingerprint(r.cache, 7, &s), SCHEMA_NOT_NOW);
    assert_int_equal(wait_for(&r, 7, &s), SCHEMA_FOUND);
    assert_int_equal(look_by_fingerprint(r.cache, 7, &s), SCHEMA_FOUND);
    assert_schema(&s, 7);
    buf_release(&s.text);
    rig_release(&r);
}

/* Files of the directory are known without a registry; one that is no schema is an error. */
static void test_schema_cache__directory(void **state) {
    (void)state;
    char *directory = make_scratch();
    write_schema(directory, "a.avsc", 1, 0);
    write_schema(directory, "b.avsc", 2, 0);
    write_schema(directory, "c.json", 3, 0);
    struct schema_text s = {0};
    struct err e;
    struct schema_cache_options o = {.directory = directory, .clock = clock_of_machine()};
    struct schema_cache *c = schema_cache_new(&o, &e);
    assert_non_null(c);
    assert_int_equal(look_by_fingerprint(c, 1, &s), SCHEMA_FOUND);
    assert_schema(&s, 1);
    assert_int_equal(look_by_fingerprint(c, 2, &s), SCHEMA_FOUND);
    assert_int_equal(look_by_fingerprint(c, 3, &s), SCHEMA_UNKNOWN);
    struct schema_source *source = schema_cache_source(c);
    assert_int_equal(source->lookup(source, &(struct schema_key){.kind = SCHEMA_BY_ID}, &s),
                     SCHEMA_UNKNOWN); /* there is no registry */
    assert_true(source->has_fingerprints_only);
    assert_int_equal(schema_cache_down_since_ms(c, &e), 0);
    schema_cache_free(c);
    write_schema(directory, "d.avsc", 0, 0);
    assert_null(schema_cache_new(&o, &e));
    assert_int_equal(e.class, ERR_CONFIG);
    assert_non_null(strstr(e.text, "/d.avsc is no Avro schema"));
    o.directory = "/no/such/directory";
    assert_null(schema_cache_new(&o, &e));
    assert_int_equal(e.class, ERR_CONFIG);
    assert_non_null(strstr(e.text, "schemas.dir: cannot open /no/such/directory"));
    buf_release(&s.text);
    remove_scratch(directory);
    schema_cache_free(NULL);
}

/* A directory of more bytes than the cache may have leaves its room to what is fetched. */
static void test_schema_cache__a_large_directory(void **state) {
    (void)state;
    enum { FILES = 36 };
    char *directory = make_scratch(), name[20];
    struct rig r;
    struct schema_text s = {0};
    for (int i = 1; i <= FILES; i++) {
        (void)snprintf(name, sizeof name, "%d.avsc", i);
        write_schema(directory, name, i, (size_t)1 << 20);
    }
    rig_init(&r, directory);
    remove_scratch(directory);
    fetch_all(&r, 1000, 1010, &s);
    assert_int_equal(look(&r, 1000, &s), SCHEMA_FOUND); /* it was not evicted */
    assert_int_equal(look_by_fingerprint(r.cache, 1, &s), SCHEMA_FOUND);
    buf_release(&s.text);
    rig_release(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_cache__fetches_in_the_background_and_once),
        cmocka_unit_test(test_schema_cache__waits_for_a_thousand),
        cmocka_unit_test(test_schema_cache__unknown_holds_for_a_minute),
        cmocka_unit_test(test_schema_cache__noted),
        cmocka_unit_test(test_schema_cache__numbers_that_are_no_ids),
        cmocka_unit_test(test_schema_cache__an_outage_is_never_unknown),
        cmocka_unit_test(test_schema_cache__an_outage_is_asked_less_and_less),
        cmocka_unit_test(test_schema_cache__others_go_on),
        cmocka_unit_test(test_schema_cache__patience_ends),
        cmocka_unit_test(test_schema_cache__nobody_waits_any_more),
        cmocka_unit_test(test_schema_cache__renewed),
        cmocka_unit_test(test_schema_cache__stops_while_a_request_hangs),
        cmocka_unit_test(test_schema_cache__ten_thousand_ids),
        cmocka_unit_test(test_schema_cache__evicts_the_least_recently_used),
        cmocka_unit_test(test_schema_cache__what_an_id_showed_has_a_fingerprint),
        cmocka_unit_test(test_schema_cache__a_fingerprint_outlives_its_schema),
        cmocka_unit_test(test_schema_cache__directory),
        cmocka_unit_test(test_schema_cache__a_large_directory),
    };
    return cmocka_run_group_tests_name("schema_cache", tests, NULL, NULL);
}
