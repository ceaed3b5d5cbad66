/* quality: what the quality checks of a running instance say. */
#include "streamer/base/address.h"
#include "streamer/base/json.h"
#include "streamer/commands/commands.h"
#include "streamer/config/secret_file.h"
#include "streamer/http/http_client.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH "/v1/quality"

/* --- asking the instance --- */

/* Where this machine reaches the instance of the configuration. */
static void put_own_url(const struct config *c, struct buf *out) {
    struct address listen;
    bool has_tls = c->http_tls_certificate[0] != '\0';
    buf_put_str(out, has_tls ? "https://" : "http://");
    if (!address_parse(slice_str(c->http_listen), &listen))
        return;
    bool is_any = slice_eq(listen.host, slice_str("0.0.0.0")),
         is_any_6 = slice_eq(listen.host, slice_str("::"));
    bool is_6 = memchr(listen.host.p, ':', listen.host.n) != NULL;
    if (is_any || is_any_6)
        buf_put_str(out, is_any ? "127.0.0.1" : "[::1]");
    else
        buf_printf(out, is_6 ? "[%.*s]" : "%.*s", (int)listen.host.n, listen.host.p);
    buf_printf(out, ":%d", listen.port);
}

struct wait {
    sem_t done;
    struct http_answer answer;
};

static void answered(void *context, struct http_answer *answer) {
    struct wait *w = context;
    w->answer = *answer;
    answer->body = (struct buf){0};
    (void)sem_post(&w->done);
}

static bool get(const struct config *c, const char *url, const char *token, struct buf *body,
                struct err *e) {
    struct wait w = {0};
    struct http_client *client = http_client_new(c->http_tls_ca, e);
    if (client == NULL)
        return false;
    (void)sem_init(&w.done, 0, 0);
    http_client_get(client, url, token, answered, &w);
    while (sem_wait(&w.done) != 0)
        continue; /* a signal */
    http_client_free(client);
    (void)sem_destroy(&w.done);
    *body = w.answer.body;
    if (w.answer.status == 200)
        return true;
    if (w.answer.status == 0)
        return err_set(e, ERR_STOP, "%s: %s; does the instance run, and is --url its address?", url,
                       w.answer.problem);
    return err_set(e, ERR_STOP, "%s: status %d: %.200s", url, w.answer.status, buf_cstr(body));
}

static bool ask(const struct config *c, const char *url, struct buf *body, struct err *e) {
    struct buf target = {0};
    char *token = NULL;
    if (url == NULL && c->http_listen[0] == '\0')
        return err_set(e, ERR_CONFIG, "http.listen is empty, give --url");
    if (c->http_token_file[0] != '\0' && (token = secret_file_read(c->http_token_file, e)) == NULL)
        return err_prefix(e, "http.token.file");
    if (url != NULL)
        buf_put_str(&target, url);
    else
        put_own_url(c, &target);
    while (target.n > 0 && target.p[target.n - 1] == '/')
        target.n--;
    buf_put_str(&target, PATH);
    bool ok = get(c, buf_cstr(&target), token, body, e);
    buf_release(&target);
    free(token);
    return ok;
}

/* --- showing it --- */

static int text_n(struct slice s) {
    return s.p != NULL ? (int)s.n : 1;
}
static const char *text_p(struct slice s) {
    return s.p != NULL ? s.p : "-";
}

/* A member as text; "-" where it is null. */
static struct slice member(const cJSON *object, const char *name) {
    return json_text(json_member(object, name));
}

static void print_sample(const cJSON *sample) {
    struct slice table = member(sample, "table"), id = member(sample, "id"),
                 what = member(sample, "what"), expected = member(sample, "expected"),
                 found = member(sample, "found"), partition = member(sample, "partition");
    (void)printf("        %.*s %.*s (partition %.*s): %.*s", text_n(table), text_p(table),
                 text_n(id), text_p(id), text_n(partition), text_p(partition), text_n(what),
                 text_p(what));
    if (expected.p != NULL)
        (void)printf(", expected %.*s", text_n(expected), text_p(expected));
    if (found.p != NULL)
        (void)printf(", found %.*s", text_n(found), text_p(found));
    (void)putchar('\n');
}

static void print_check(const cJSON *check) {
    const cJSON *sample;
    struct slice status = member(check, "status"), id = member(check, "id"),
                 since = member(check, "since"), message = member(check, "message");
    (void)printf("%.*s  %.*s since %.*s: %.*s\n", text_n(status), text_p(status), text_n(id),
                 text_p(id), text_n(since), text_p(since), text_n(message), text_p(message));
    cJSON_ArrayForEach(sample, json_member(check, "samples")) print_sample(sample);
}

static void print_report(const cJSON *report) {
    const cJSON *summary = json_member(report, "summary"), *check;
    struct slice app = member(report, "app"), instance = member(report, "instance"),
                 time = member(report, "timestamp"), total = member(summary, "total"),
                 passed = member(summary, "passed"), warned = member(summary, "warned"),
                 failed = member(summary, "failed");
    (void)printf("%.*s, instance %.*s, %.*s: %.*s checks, %.*s pass, %.*s warn, %.*s fail\n",
                 text_n(app), text_p(app), text_n(instance), text_p(instance), text_n(time),
                 text_p(time), text_n(total), text_p(total), text_n(passed), text_p(passed),
                 text_n(warned), text_p(warned), text_n(failed), text_p(failed));
    cJSON_ArrayForEach(check, json_member(report, "failures")) print_check(check);
}

static int show(struct buf *body, bool as_json) {
    struct json json;
    struct err e;
    json_init(&json);
    const cJSON *report = json_parse(&json, slice_trim(buf_slice(body)));
    const cJSON *failed = json_member(json_member(report, "summary"), "failed");
    int code = EXIT_FAILED;
    if (failed == NULL) {
        (void)err_set(&e, ERR_STOP, "quality: the answer is no quality report: %.100s",
                      buf_cstr(body));
        code = command_fail(&e);
    } else {
        if (as_json)
            (void)fwrite(body->p, 1, body->n, stdout);
        else
            print_report(report);
        code = slice_eq(json_text(failed), slice_str("0")) ? EXIT_DONE : EXIT_FAILED;
    }
    json_release(&json);
    return code;
}

int command_quality(const struct config *c, const char *url, bool as_json) {
    struct buf body = {0};
    struct err e;
    int code = ask(c, url, &body, &e) ? show(&body, as_json) : command_fail(&e);
    buf_release(&body);
    return code;
}
