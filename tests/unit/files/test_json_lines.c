#include "streamer/files/json_lines.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const path = "test_json_lines.jsonl";
enum { LINE_MAX_BYTES = 60 };

static void write_file(struct slice content) {
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(content.p, 1, content.n, f), content.n);
    assert_int_equal(fclose(f), 0);
}

static void put(struct buf *out, struct slice text) {
    buf_put_byte(out, '[');
    buf_put_slice(out, text.p != NULL ? text : slice_str("null"));
    buf_put_byte(out, ']');
}

static const struct text_input_options options = {.command = "streamer try customers",
                                                  .may_be_json = true};

/* The whole file as text, as "1:[key][value] 2:…"; a line that is not kept as "3:(70)". */
static void read_all(const char *from, struct buf *out) {
    struct text_input in;
    struct err e = {0};
    buf_clear(out);
    if (!text_input_open(&in, from, &options, &e))
        fail_msg("%s", e.text);
    struct json_lines *l = json_lines_new(&in, LINE_MAX_BYTES);
    enum json_lines_result result;
    while ((result = json_lines_next(l, &e)) == JSON_LINES_ROW) {
        buf_printf(out, "%s%d:", out->n > 0 ? " " : "", (int)json_lines_line(l));
        if (json_lines_cut(l) > 0) {
            buf_printf(out, "(%zu)", json_lines_cut(l));
            continue;
        }
        put(out, json_lines_key(l));
        put(out, json_lines_value(l));
    }
    if (result == JSON_LINES_ERROR)
        buf_printf(out, "!%s", e.text);
    json_lines_free(l);
    text_input_release(&in);
}

struct test_case {
    const char *content, *expected;
};

static void check_cases(const struct test_case *cases, size_t n) {
    struct buf out = {0};
    for (size_t i = 0; i < n; i++) {
        write_file(slice_str(cases[i].content));
        read_all(path, &out);
        if (strcmp(buf_cstr(&out), cases[i].expected) != 0)
            fail_msg("case %zu:\n%s\ninstead of\n%s", i, buf_cstr(&out), cases[i].expected);
    }
    buf_release(&out);
    (void)unlink(path);
}

static void test_json_lines__each_line_is_a_value(void **state) {
    (void)state;
    static const struct test_case cases[] = {
        {"", ""},
        {"\n \n\r\n", ""},
        {"{\"a\":1}\n{\"b\":2}\n", "1:[null][{\"a\":1}] 2:[null][{\"b\":2}]"},
        {"{\"a\":1}", "1:[null][{\"a\":1}]"},
        {"\n{}\r\n\n[]\n", "2:[null][{}\r] 4:[null][[]]"},
        {"{\"a\":\nno JSON\nnull\n", "1:[null][{\"a\":] 2:[null][no JSON] 3:[null][null]"},
        {"\xEF\xBB\xBF\xEF\xBB\xBF{}\n\xEF\xBB\xBF{}\n", "1:[null][{}] 2:[null][\xEF\xBB\xBF{}]"},
    };
    check_cases(cases, ARRAY_LEN(cases));
}

static void test_json_lines__key_and_value(void **state) {
    (void)state;
    static const struct test_case cases[] = {
        {"{\"key\":\"7\",\"value\":null}", "1:[7][null]"},
        {"{\"key\":7,\"value\":null}", "1:[7][null]"},
        {" { \"value\" : null , \"key\" : {\"id\": [1, \"}\\\"\"]} } ",
         "1:[{\"id\": [1, \"}\\\"\"]}][null]"},
        {"{\"key\":null,\"value\":{\"a\":{\"b\":1.50}}}", "1:[null][{\"a\":{\"b\":1.50}}]"},
        {"{\"key\":\"a\\u0041\",\"value\":\"{\\\"b\\\": 1}\"}", "1:[aA][{\"b\": 1}]"},
        {"{\"key\":\"\",\"value\":\"\"}", "1:[][]"},
        {"{\"key\":1e2,\"value\":true}", "1:[1e2][true]"},
        {"{\"key\":[],\"value\":[1,[2]]}", "1:[[]][[1,[2]]]"},
    };
    check_cases(cases, ARRAY_LEN(cases));
}

/* What has not exactly these two members, or is no JSON, is the value itself. */
static void test_json_lines__only_with_exactly_these_members(void **state) {
    (void)state;
    static const struct test_case cases[] = {
        {"{\"key\":1}", "1:[null][{\"key\":1}]"},
        {"{\"key\":1,\"value\":null,\"x\":0}", "1:[null][{\"key\":1,\"value\":null,\"x\":0}]"},
        {"{\"key\":1,\"key\":null}", "1:[null][{\"key\":1,\"key\":null}]"},
        {"{\"Key\":1,\"value\":null}", "1:[null][{\"Key\":1,\"value\":null}]"},
        {"{\"key\":1,\"value\":nul}", "1:[null][{\"key\":1,\"value\":nul}]"},
        {"{\"key\":1,\"value\":null}}", "1:[null][{\"key\":1,\"value\":null}}]"},
        {"{\"key\":1,\"value\"", "1:[null][{\"key\":1,\"value\"]"},
        {"[{\"key\":1,\"value\":null}]", "1:[null][[{\"key\":1,\"value\":null}]]"},
    };
    check_cases(cases, ARRAY_LEN(cases));
}

static void put_bytes(struct buf *out, char c, size_t n) {
    memset(buf_reserve(out, n), c, n);
    out->n += n;
}

/* A line of exactly the limit is kept; longer ones are counted, whatever their length. */
static void test_json_lines__long_lines_are_not_kept(void **state) {
    (void)state;
    struct buf content = {0}, expected = {0}, out = {0};
    put_bytes(&content, 'a', LINE_MAX_BYTES);
    buf_put_byte(&content, '\n');
    put_bytes(&content, 'b', LINE_MAX_BYTES + 1);
    buf_put_str(&content, "\n{}\n");
    put_bytes(&content, 'c', 3000000);
    buf_put_str(&content, "\n{}\n");
    put_bytes(&content, 'd', 1000000);
    buf_put_str(&expected, "1:[null][");
    put_bytes(&expected, 'a', LINE_MAX_BYTES);
    buf_put_str(&expected, "] 2:(61) 3:[null][{}] 4:(3000000) 5:[null][{}] 6:(1000000)");
    write_file(buf_slice(&content));
    read_all(path, &out);
    assert_string_equal(buf_cstr(&out), buf_cstr(&expected));
    (void)unlink(path);
    buf_release(&content), buf_release(&expected), buf_release(&out);
}

/* A pipe delivers as little as it likes, and can be read only once. */
static void test_json_lines__a_pipe_of_single_bytes(void **state) {
    (void)state;
    static const char content[] = "\xEF\xBB\xBF \n{\"a\":1}\n{\"key\":1,\"value\":null}";
    int ends[2];
    char from[64];
    struct buf out = {0};
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        for (size_t i = 0; i < sizeof content - 1; i++)
            if (write(ends[1], content + i, 1) != 1)
                _exit(1);
        _exit(0);
    }
    (void)close(ends[1]);
    (void)snprintf(from, sizeof from, "/dev/fd/%d", ends[0]);
    read_all(from, &out);
    assert_string_equal(buf_cstr(&out), "2:[null][{\"a\":1}] 3:[1][null]");
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(ends[0]);
    buf_release(&out);
}

static void test_text_input__tells_json(void **state) {
    (void)state;
    static const struct {
        const char *content;
        bool is_json;
    } cases[] = {
        {"", false},
        {"{", true},
        {"[1]", true},
        {"id,name\n", false},
        {"\n \r\n\t{", true},
        {"\"a\",b\n", false},
        {"\xEF\xBB\xBF\xEF\xBB\xBF{}", true},
        {"\xEF\xBB\xBFid", false},
        {"\xEF\xBB", false},
        {"1", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct text_input in;
        struct err e;
        write_file(slice_str(cases[i].content));
        assert_true(text_input_open(&in, path, &options, &e));
        assert_int_equal(text_input_is_json(&in), cases[i].is_json);
        text_input_release(&in);
    }
    (void)unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_lines__each_line_is_a_value),
        cmocka_unit_test(test_json_lines__key_and_value),
        cmocka_unit_test(test_json_lines__only_with_exactly_these_members),
        cmocka_unit_test(test_json_lines__long_lines_are_not_kept),
        cmocka_unit_test(test_json_lines__a_pipe_of_single_bytes),
        cmocka_unit_test(test_text_input__tells_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
