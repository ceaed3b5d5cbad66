#include "slow_resolver.h"
#include "support.h"
#include "web_server.h"

#include "streamer/base/mem.h"
#include "streamer/registry/registry.h"

#include <stdlib.h>
#include <string.h>

/* What the server answers to each target, and what it was asked last. */
struct script {
    const struct {
        const char *target;
        int status;
        const char *body;
    } * answers;
    size_t count;
    int requests;
    char last[4096]; /* "GET /x\n<head>\n\n<body>" */
};

static void play(void *context, const struct web_request *q, struct web_reply *reply) {
    struct script *s = context;
    s->requests++;
    (void)snprintf(s->last, sizeof s->last, "%s %s\n%s\n\n%s", q->method, q->target, q->head,
                   q->body);
    reply->status = 404;
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->answers[i].target, q->target) == 0) {
            reply->status = s->answers[i].status;
            buf_put_str(&reply->body, s->answers[i].body);
            return;
        }
    buf_put_str(&reply->body, "{\"error_code\":40403,\"message\":\"Schema not found\"}");
}

#define SCRIPT(...)                                                                                \
    {                                                                                              \
        .answers = (const typeof(*((struct script *)0)->answers)[]){__VA_ARGS__},                  \
        .count = sizeof((const typeof(*((struct script *)0)->answers)[]){__VA_ARGS__}) /           \
                 sizeof *((struct script *)0)->answers,                                            \
    }

static const struct registry_options none = {.urls = "",
                                             .user_info = "",
                                             .bearer_token = "",
                                             .ca = "",
                                             .certificate = "",
                                             .key = "",
                                             .answer_ms = REGISTRY_ANSWER_MS};

static struct registry *client_of(struct registry_options o, const char *urls) {
    struct err e;
    o.urls = urls;
    struct registry *r = registry_new(&o, &e);
    assert_non_null(r);
    return r;
}

static void assert_has(const char *text, const char *part) {
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, text);
}

/* Asks a server with this script for the schema 7. */
static enum registry_result ask(struct script *s, struct registry_schema *out, struct err *e) {
    struct web_server *server = web_server_start(play, s);
    struct registry *r = client_of(none, web_server_url(server));
    enum registry_result result = registry_by_id(r, 7, out, e);
    registry_free(r);
    web_server_stop(server);
    return result;
}

/* --- schemas --- */

static void test_registry__a_schema_by_its_id(void **state) {
    (void)state;
    struct script s = SCRIPT({"/schemas/ids/7", 200, "{\"schema\":\"\\\"string\\\"\"}"});
    struct registry_schema schema;
    struct err e;
    assert_int_equal(ask(&s, &schema, &e), REGISTRY_OK);
    assert_int_equal(schema.type, REGISTRY_AVRO); /* which registries leave out */
    assert_string_equal(schema.type_name, "AVRO");
    assert_int_equal(schema.id, 7);
    assert_text(buf_slice(&schema.text), "\"string\"");
    assert_false(schema.has_references);
    assert_has(s.last, "GET /schemas/ids/7\n");
    assert_has(s.last, "Accept: application/vnd.schemaregistry.v1+json");
    assert_null(strstr(s.last, "Authorization"));
    registry_schema_release(&schema);
}

static void test_registry__no_proxy_of_the_environment(void **state) {
    (void)state;
    struct script s = SCRIPT({"/schemas/ids/7", 200, "{\"schema\":\"\\\"string\\\"\"}"});
    struct registry_schema schema;
    struct err e;
    assert_int_equal(setenv("http_proxy", WEB_NOBODY, 1), 0);
    assert_int_equal(unsetenv("no_proxy") | unsetenv("NO_PROXY"), 0);
    assert_int_equal(ask(&s, &schema, &e), REGISTRY_OK);
    assert_int_equal(unsetenv("http_proxy"), 0);
    registry_schema_release(&schema);
}

static void test_registry__types(void **state) {
    (void)state;
    static const struct {
        const char *body, *name;
        enum registry_type type;
    } cases[] = {
        {"{\"schema\":\"{}\",\"schemaType\":\"JSON\"}", "JSON", REGISTRY_JSON},
        {"{\"schema\":\"x\",\"schemaType\":\"PROTOBUF\"}", "PROTOBUF", REGISTRY_OTHER},
        {"{\"schema\":\"x\",\"schemaType\":\"AVRO\"}", "AVRO", REGISTRY_AVRO},
        {"{\"schema\":\"x\",\"schemaType\":\"0123456789012345678901234567890123456789\"}",
         "0123456789012345678901234567890", REGISTRY_OTHER},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct script s = SCRIPT({"/schemas/ids/7", 200, cases[i].body});
        struct registry_schema schema;
        struct err e;
        assert_int_equal(ask(&s, &schema, &e), REGISTRY_OK);
        assert_int_equal(schema.type, cases[i].type);
        assert_string_equal(schema.type_name, cases[i].name);
        registry_schema_release(&schema);
    }
}

/* Only a registry that says so itself makes a schema unknown. */
static void test_registry__what_an_answer_means(void **state) {
    (void)state;
    static const struct {
        int status;
        enum registry_result result;
        const char *body, *text; /* of the answer, in the error */
    } cases[] = {
        {404, REGISTRY_UNKNOWN, "{\"error_code\":40403,\"message\":\"Schema 7 not found\"}",
         "GET /schemas/ids/7: status 404: Schema 7 not found"},
        {404, REGISTRY_UNAVAILABLE, "{\"error_code\":40401,\"message\":\"Subject not found\"}",
         "Subject not found"},
        {404, REGISTRY_REFUSED, "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}", "HTTP"},
        {404, REGISTRY_UNAVAILABLE, "<html>\n<b>404</b></html>", "<html> <b>404</b></html>"},
        {200, REGISTRY_UNAVAILABLE, "<html>login</html>", "this is no JSON"},
        {200, REGISTRY_UNAVAILABLE, "{\"schema\":7.5.1}", "this is no JSON"},
        {200, REGISTRY_UNAVAILABLE, "{\"id\":7}", "the answer has no schema"},
        {200, REGISTRY_UNAVAILABLE, "[]", "the answer has no schema"},
        {200, REGISTRY_UNAVAILABLE, "", "this is no JSON"},
        {302, REGISTRY_UNAVAILABLE, "", "status 302"},
        {401, REGISTRY_REFUSED, "", "check schema.registry.basic.auth.user.info"},
        {403, REGISTRY_REFUSED, "{\"error_code\":403,\"message\":\"Forbidden\"}", "Forbidden"},
        {408, REGISTRY_UNAVAILABLE, "{}", "status 408"},
        {409, REGISTRY_INCOMPATIBLE, "{\"error_code\":409,\"message\":\"no\"}", "status 409: no"},
        {422, REGISTRY_REFUSED, "{\"error_code\":42201,\"message\":\"bad\"}", "status 422: bad"},
        {429, REGISTRY_UNAVAILABLE, "{\"error_code\":429,\"message\":\"slow down\"}", "slow down"},
        {500, REGISTRY_UNAVAILABLE, "{\"error_code\":50001,\"message\":\"store\"}", "store"},
        {503, REGISTRY_UNAVAILABLE, "no healthy upstream", "no healthy upstream"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct script s = SCRIPT({"/schemas/ids/7", cases[i].status, cases[i].body});
        struct registry_schema schema;
        struct err e = {0};
        enum registry_result result = ask(&s, &schema, &e);
        if (result != cases[i].result)
            fail_msg("%d %s: %s", cases[i].status, cases[i].body, registry_result_name(result));
        assert_has(e.text, cases[i].text);
        assert_has(e.text, "schema registry http://127.0.0.1:");
        assert_null(strchr(e.text, '\n'));
        assert_int_equal(e.class == ERR_RETRY, result == REGISTRY_UNAVAILABLE);
        assert_null(schema.text.p);
    }
}

static void test_registry__the_header_form_and_the_newest(void **state) {
    (void)state;
    struct script s =
        SCRIPT({"/schemas/guids/01020304-0506-0708-090a-0b0c0d0e0f10", 200,
                "{\"schema\":\"\\\"int\\\"\"}"},
               {"/subjects/a%2Fb%20%C3%A4/versions/latest", 200,
                "{\"subject\":\"a/b\",\"id\":70000,\"version\":3,\"schema\":\"\\\"long\\\"\"}"});
    struct web_server *server = web_server_start(play, &s);
    struct registry *r = client_of(none, web_server_url(server));
    struct registry_schema schema;
    struct err e;
    assert_int_equal(registry_by_guid(r, "01020304-0506-0708-090a-0b0c0d0e0f10", &schema, &e),
                     REGISTRY_OK);
    assert_text(buf_slice(&schema.text), "\"int\"");
    registry_schema_release(&schema);
    assert_int_equal(registry_latest(r, "a/b \xc3\xa4", &schema, &e), REGISTRY_OK);
    assert_int_equal(schema.id, 70000);
    assert_int_equal(schema.version, 3);
    registry_schema_release(&schema);
    assert_int_equal(registry_latest(r, "other", &schema, &e), REGISTRY_UNKNOWN);
    registry_free(r);
    web_server_stop(server);
}

/* --- references --- */

#define REFERENCE(name) "{\"name\":\"" name "\",\"subject\":\"" name "\",\"version\":1}"

/* b needs d; 7 needs b, c and d; d needs 7's subject again, which is no endless way. */
static void test_registry__references_come_before_what_needs_them(void **state) {
    (void)state;
    struct script s =
        SCRIPT({"/schemas/ids/7", 200,
                "{\"schema\":\"\\\"A\\\"\",\"references\":[" REFERENCE("b") "," REFERENCE(
                    "c") "," REFERENCE("d") "]}"},
               {"/subjects/b/versions/1?deleted=true", 200,
                "{\"schema\":\"\\\"B\\\"\",\"references\":[" REFERENCE("d") "]}"},
               {"/subjects/c/versions/1?deleted=true", 200, "{\"schema\":\"\\\"C\\\"\"}"},
               {"/subjects/d/versions/1?deleted=true", 200,
                "{\"schema\":\"\\\"D\\\"\",\"references\":[" REFERENCE("b") "]}"});
    struct registry_schema schema;
    struct err e;
    assert_int_equal(ask(&s, &schema, &e), REGISTRY_OK);
    assert_true(schema.has_references);
    assert_text(buf_slice(&schema.text), "[\"D\",\"B\",\"C\",\"A\"]");
    assert_int_equal(s.requests, 4);
    registry_schema_release(&schema);
}

static void test_registry__bad_references(void **state) {
    (void)state;
    struct registry_schema schema;
    struct err e;
    struct script unknown = SCRIPT(
        {"/schemas/ids/7", 200, "{\"schema\":\"\\\"A\\\"\",\"references\":[" REFERENCE("b") "]}"});
    assert_int_equal(ask(&unknown, &schema, &e), REGISTRY_UNKNOWN);
    assert_null(schema.text.p);
    struct script nameless =
        SCRIPT({"/schemas/ids/7", 200, "{\"schema\":\"\\\"A\\\"\",\"references\":[{},7,null]}"});
    assert_int_equal(ask(&nameless, &schema, &e), REGISTRY_UNKNOWN);
    struct script down = SCRIPT(
        {"/schemas/ids/7", 200, "{\"schema\":\"\\\"A\\\"\",\"references\":[" REFERENCE("b") "]}"},
        {"/subjects/b/versions/1?deleted=true", 500, ""});
    assert_int_equal(ask(&down, &schema, &e), REGISTRY_UNAVAILABLE);
    assert_null(schema.text.p);
}

/* Each schema refers to the next one, without end. */
static void play_chain(void *context, const struct web_request *q, struct web_reply *reply) {
    int *requests = context;
    (void)q;
    buf_printf(&reply->body,
               "{\"schema\":\"\\\"x\\\"\",\"references\":[{\"subject\":\"s%d\",\"version\":1}]}",
               ++*requests);
}

static void test_registry__too_many_references_are_an_unsupported_schema(void **state) {
    (void)state;
    int requests = 0;
    struct web_server *server = web_server_start(play_chain, &requests);
    struct registry *r = client_of(none, web_server_url(server));
    struct registry_schema schema;
    struct err e;
    assert_int_equal(registry_by_id(r, 7, &schema, &e), REGISTRY_OK);
    assert_int_equal(schema.type, REGISTRY_OTHER);
    assert_string_equal(schema.type_name, "AVRO with too many references");
    assert_int_equal(requests, 1 + REGISTRY_REFERENCES_MAX);
    registry_schema_release(&schema);
    registry_free(r);
    web_server_stop(server);
}

/* --- subjects --- */

static void test_registry__registers_and_finds(void **state) {
    (void)state;
    struct script s = SCRIPT({"/subjects/t-value/versions", 200, "{\"id\":41}"},
                             {"/subjects/t-value", 200, "{\"id\":42,\"version\":1}"},
                             {"/subjects/odd", 200, "{\"id\":\"x\"}"});
    struct web_server *server = web_server_start(play, &s);
    struct registry *r = client_of(none, web_server_url(server));
    struct err e;
    int32_t id = 0;
    struct slice schema = slice_str("{\"type\": \"string\"}");
    assert_int_equal(registry_register(r, "t-value", schema, &id, &e), REGISTRY_OK);
    assert_int_equal(id, 41);
    assert_has(s.last, "POST /subjects/t-value/versions\n");
    assert_has(s.last, "Content-Type: application/vnd.schemaregistry.v1+json");
    assert_has(s.last, "\n\n{\"schema\":\"{\\\"type\\\": \\\"string\\\"}\"}");
    assert_int_equal(registry_find(r, "t-value", schema, &id, &e), REGISTRY_OK);
    assert_int_equal(id, 42);
    assert_has(s.last, "POST /subjects/t-value\n");
    assert_int_equal(registry_find(r, "other", schema, &id, &e), REGISTRY_UNKNOWN);
    assert_int_equal(registry_find(r, "odd", schema, &id, &e), REGISTRY_UNAVAILABLE);
    assert_has(e.text, "POST /subjects/odd: the answer has no id");
    struct registry_schema got; /* a GET after a POST */
    assert_int_equal(registry_by_id(r, 1, &got, &e), REGISTRY_UNKNOWN);
    assert_has(s.last, "GET /schemas/ids/1\n");
    registry_free(r);
    web_server_stop(server);
}

static void test_registry__checks_compatibility(void **state) {
    (void)state;
#define COMPATIBILITY(subject) "/compatibility/subjects/" subject "/versions/latest?verbose=true"
    struct script s = SCRIPT({COMPATIBILITY("good"), 200, "{\"is_compatible\":true}"},
                             {COMPATIBILITY("bad"), 200,
                              "{\"is_compatible\":false,\"messages\":[\"field x\",\"and\\ny\"]}"},
                             {COMPATIBILITY("mute"), 200, "{\"is_compatible\":false}"},
                             {COMPATIBILITY("new"), 404, "{\"error_code\":40401}"},
                             {COMPATIBILITY("strange"), 200, "{\"status\":\"up\"}"},
                             {COMPATIBILITY("ill"), 500, "{}"});
    struct web_server *server = web_server_start(play, &s);
    struct registry *r = client_of(none, web_server_url(server));
    struct err e;
    struct slice schema = slice_str("\"string\"");
    assert_int_equal(registry_check(r, "good", schema, &e), REGISTRY_OK);
    assert_int_equal(registry_check(r, "new", schema, &e), REGISTRY_OK);
    assert_int_equal(registry_check(r, "bad", schema, &e), REGISTRY_INCOMPATIBLE);
    assert_string_equal(e.text,
                        "schema registry: subject bad does not take our schema: field x; and y");
    assert_int_equal(registry_check(r, "mute", schema, &e), REGISTRY_INCOMPATIBLE);
    assert_int_equal(registry_check(r, "ill", schema, &e), REGISTRY_UNAVAILABLE);
    assert_int_equal(registry_check(r, "strange", schema, &e), REGISTRY_UNAVAILABLE);
    assert_int_equal(e.class, ERR_RETRY);
    assert_has(e.text, "whether subject strange takes our schema");
    registry_free(r);
    web_server_stop(server);
}

/* What the subject has already, maybe as an older version, is neither checked nor registered. */
static void test_registry__finds_or_registers(void **state) {
    (void)state;
    struct script s = SCRIPT({"/subjects/old", 200, "{\"id\":42}"},
                             {COMPATIBILITY("new"), 200, "{\"is_compatible\":true}"},
                             {"/subjects/new/versions", 200, "{\"id\":43}"},
                             {COMPATIBILITY("bad"), 200, "{\"is_compatible\":false}"});
    struct web_server *server = web_server_start(play, &s);
    struct registry *r = client_of(none, web_server_url(server));
    struct slice schema = slice_str("\"string\"");
    struct err e;
    int32_t id = 0;
    assert_int_equal(registry_find_or_register(r, "old", schema, true, &id, &e), REGISTRY_OK);
    assert_int_equal(id, 42);
    assert_int_equal(registry_find_or_register(r, "old", schema, false, &id, &e), REGISTRY_OK);
    assert_int_equal(s.requests, 2);
    assert_int_equal(registry_find_or_register(r, "new", schema, true, &id, &e), REGISTRY_OK);
    assert_int_equal(id, 43);
    assert_int_equal(registry_find_or_register(r, "bad", schema, true, &id, &e),
                     REGISTRY_INCOMPATIBLE);
    int before = s.requests;
    assert_int_equal(registry_find_or_register(r, "new", schema, false, &id, &e), REGISTRY_UNKNOWN);
    assert_int_equal(s.requests, before + 1);
    assert_has(e.text, "subject new does not have our schema: register it with");
    registry_free(r);
    web_server_stop(server);
}

/* --- the way there --- */

static void test_registry__logins(void **state) {
    (void)state;
    struct script s = SCRIPT({"/base/schemas/ids/7", 200, "{\"schema\":\"\\\"int\\\"\"}"});
    struct web_server *server = web_server_start(play, &s);
    char url[100];
    (void)snprintf(url, sizeof url, " %s/base/ ", web_server_url(server));
    struct registry_options o[] = {none, none};
    o[0].user_info = "me:pass:word";
    o[1].bearer_token = "t0ken";
    static const char *const headers[] = {"Authorization: Basic bWU6cGFzczp3b3Jk\r",
                                          "Authorization: Bearer t0ken\r"};
    for (size_t i = 0; i < ARRAY_LEN(o); i++) {
        struct registry *r = client_of(o[i], url);
        struct registry_schema schema;
        struct err e;
        assert_int_equal(registry_by_id(r, 7, &schema, &e), REGISTRY_OK);
        assert_has(s.last, headers[i]);
        registry_schema_release(&schema);
        registry_free(r);
    }
    web_server_stop(server);
}

static void count(void *context, enum registry_result result) {
    ((int *)context)[result]++;
}

/* The first URL is dead: the second one answers, and is asked first from then on. */
static void test_registry__several_urls(void **state) {
    (void)state;
    struct script s = SCRIPT({"/schemas/ids/7", 200, "{\"schema\":\"\\\"int\\\"\"}"});
    struct web_server *server = web_server_start(play, &s);
    int counts[REGISTRY_RESULT_COUNT] = {0};
    struct registry_options o = none;
    o.counted = count;
    o.context = counts;
    char urls[200];
    (void)snprintf(urls, sizeof urls, WEB_NOBODY ",%s", web_server_url(server));
    struct registry *r = client_of(o, urls);
    struct registry_schema schema;
    struct err e;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(registry_by_id(r, 7, &schema, &e), REGISTRY_OK);
        registry_schema_release(&schema);
    }
    assert_int_equal(registry_by_id(r, 8, &schema, &e), REGISTRY_UNKNOWN);
    assert_int_equal(counts[REGISTRY_UNAVAILABLE], 1);
    assert_int_equal(counts[REGISTRY_OK], 3);
    assert_int_equal(counts[REGISTRY_UNKNOWN], 1);
    web_server_stop(server);
    assert_int_equal(registry_by_id(r, 7, &schema, &e), REGISTRY_UNAVAILABLE);
    assert_has(e.text, "schema registry http");
    registry_free(r);
}

static void play_nothing(void *context, const struct web_request *q, struct web_reply *reply) {
    (void)context, (void)q;
    reply->hangs = true;
}

/* One that takes the request and says nothing is given up, and the next URL is asked. */
static void test_registry__an_answer_has_a_longest_time(void **state) {
    (void)state;
    struct script s = SCRIPT({"/schemas/ids/7", 200, "{\"schema\":\"\\\"int\\\"\"}"});
    struct web_server *silent = web_server_start(play_nothing, NULL);
    struct web_server *server = web_server_start(play, &s);
    struct registry_options o = none;
    char urls[200];
    (void)snprintf(urls, sizeof urls, "%s,%s", web_server_url(silent), web_server_url(server));
    o.answer_ms = 50;
    struct registry *both = client_of(o, urls), *one = client_of(o, web_server_url(silent));
    struct registry_schema schema;
    struct err e;
    assert_int_equal(registry_by_id(both, 7, &schema, &e), REGISTRY_OK);
    registry_schema_release(&schema);
    assert_int_equal(registry_by_id(one, 7, &schema, &e), REGISTRY_UNAVAILABLE);
    assert_has(e.text, "timed out");
    registry_free(both);
    registry_free(one);
    web_server_stop(server);
    web_server_stop(silent);
}

/* Also where the system's resolver hangs. */
static void test_registry__a_name_has_a_longest_time(void **state) {
    (void)state;
    struct registry_options o = none;
    struct registry_schema schema;
    struct err e;
    o.answer_ms = 50;
    struct registry *r = client_of(o, "http://" SLOW_NAME);
    assert_int_equal(registry_by_id(r, 7, &schema, &e), REGISTRY_UNAVAILABLE);
    assert_has(e.text, "timed out");
    registry_free(r);
    slow_resolver_assert_hangs();
}

static void play_size(void *context, const struct web_request *q, struct web_reply *reply) {
    size_t padding = *(const size_t *)context;
    (void)q;
    buf_put_str(&reply->body, "{\"schema\":\"\\\"int\\\"\",\"x\":\"");
    memset(buf_reserve(&reply->body, padding), 'x', padding);
    reply->body.n += padding;
    buf_put_str(&reply->body, "\"}");
}

static void test_registry__an_answer_has_a_longest_size(void **state) {
    (void)state;
    size_t padding = REGISTRY_ANSWER_BYTES_MAX - 100;
    struct web_server *server = web_server_start(play_size, &padding);
    struct registry *r = client_of(none, web_server_url(server));
    struct registry_schema schema;
    struct err e;
    assert_int_equal(registry_by_id(r, 7, &schema, &e), REGISTRY_OK);
    registry_schema_release(&schema);
    padding = REGISTRY_ANSWER_BYTES_MAX;
    assert_int_equal(registry_by_id(r, 7, &schema, &e), REGISTRY_UNAVAILABLE);
    assert_has(e.text, "the answer has more than 4194304 bytes");
    registry_free(r);
    web_server_stop(server);
}

static void test_registry__missing_files(void **state) {
    (void)state;
    struct registry_options o[] = {none, none, none};
    o[0].ca = o[1].certificate = o[2].key = "/no/such/file";
    static const char *const keys[] = {"ca", "certificate", "key"};
    for (size_t i = 0; i < ARRAY_LEN(o); i++) {
        struct err e;
        char text[100];
        o[i].urls = WEB_NOBODY;
        assert_null(registry_new(&o[i], &e));
        assert_int_equal(e.class, ERR_CONFIG);
        (void)snprintf(text, sizeof text, "schema.registry.ssl.%s.location: cannot read", keys[i]);
        assert_has(e.text, text);
    }
    registry_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry__a_schema_by_its_id),
        cmocka_unit_test(test_registry__no_proxy_of_the_environment),
        cmocka_unit_test(test_registry__types),
        cmocka_unit_test(test_registry__what_an_answer_means),
        cmocka_unit_test(test_registry__the_header_form_and_the_newest),
        cmocka_unit_test(test_registry__references_come_before_what_needs_them),
        cmocka_unit_test(test_registry__bad_references),
        cmocka_unit_test(test_registry__too_many_references_are_an_unsupported_schema),
        cmocka_unit_test(test_registry__registers_and_finds),
        cmocka_unit_test(test_registry__checks_compatibility),
        cmocka_unit_test(test_registry__finds_or_registers),
        cmocka_unit_test(test_registry__logins),
        cmocka_unit_test(test_registry__several_urls),
        cmocka_unit_test(test_registry__an_answer_has_a_longest_time),
        cmocka_unit_test(test_registry__a_name_has_a_longest_time),
        cmocka_unit_test(test_registry__an_answer_has_a_longest_size),
        cmocka_unit_test(test_registry__missing_files),
    };
    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
