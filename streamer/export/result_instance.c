#include "streamer/export/result_instance.h"

#include "streamer/base/json.h"
#include "streamer/export/result_key.h"
#include "streamer/http/http_fetch.h"

#include <poll.h>

#define CONNECT_MS 3000
#define TOTAL_MS (INT64_C(24) * 60 * 60 * 1000)
#define SILENT_MS 60000
#define STATUS_LATER 503
#define AGAIN_MS 500
#define LINE_BYTES_MAX ((size_t)4 << 20)

struct reading {
    enum row_result table;
    result_instance_seen *seen;
    void *context;
    struct json json;
    struct buf line; /* the beginning of a line whose end has not come yet */
    struct buf key;
    struct err err; /* why the rest is not taken */
};

static bool see_line(struct reading *r, struct slice line) {
    union result_any row;
    const struct row_type *type = row_result_types[r->table];
    if (!row_read_json(type, &r->json, line, &row))
        return err_set(&r->err, ERR_STOP, "the instance sends a line that is no row of %s",
                       type->name);
    result_key_of(r->table, &row, &r->key);
    return r->seen(r->context, buf_slice(&r->key), &row, &r->err);
}

/* Ends the line that has begun before `bytes`, at its line end. */
static bool see_joined(struct reading *r, struct slice end) {
    buf_put_slice(&r->line, end);
    bool ok = see_line(r, buf_slice(&r->line));
    buf_clear(&r->line);
    return ok;
}

static bool keep_rest(struct reading *r, struct slice rest) {
    if (r->line.n + rest.n > LINE_BYTES_MAX)
        return err_set(&r->err, ERR_STOP, "the instance sends a line of more than %zu bytes",
                       LINE_BYTES_MAX);
    buf_put_slice(&r->line, rest);
    return true;
}

static bool take_bytes(void *context, struct slice bytes) {
    struct reading *r = context;
    for (;;) {
        const char *end = bytes.n > 0 ? memchr(bytes.p, '\n', bytes.n) : NULL;
        if (end == NULL)
            return keep_rest(r, bytes);
        struct slice line = slice_of(bytes.p, (size_t)(end - bytes.p));
        if (!(r->line.n > 0 ? see_joined(r, line) : see_line(r, line)))
            return false;
        bytes = slice_of(end + 1, bytes.n - line.n - 1);
    }
}

static bool check_end(const struct reading *r, int status, struct slice body, struct err *e) {
    if (r->err.class != ERR_NONE) {
        *e = r->err;
        return false;
    }
    struct slice text = slice_trim(body);
    if (status != 200)
        return err_set(e, ERR_STOP, "the instance gives no rows: status %d: %.*s", status,
                       (int)text.n, text.n > 0 ? text.p : "");
    return r->line.n == 0 || err_set(e, ERR_STOP, "the instance has broken off within a line");
}

static bool is_stopped(const atomic_bool *stop) {
    return stop != NULL && atomic_load(stop);
}

/* Asks once. `status` is that of the answer; 0: there is none. */
static bool ask(struct reading *r, const struct result_instance *instance, const char *url,
                const atomic_bool *stop, int *status, struct err *e) {
    struct buf body = {0};
    *status = 0;
    if (instance->headers != NULL)
        buf_clear(instance->headers); /* of an answer before */
    const struct http_fetch f = {.url = url,
                                 .token = instance->token,
                                 .authorities = instance->authorities,
                                 .connect_ms = CONNECT_MS,
                                 .total_ms = TOTAL_MS,
                                 .silent_ms = SILENT_MS,
                                 .bytes_max = 1000,
                                 .took = take_bytes,
                                 .context = r,
                                 .headers = instance->headers,
                                 .is_cancelled = stop};
    bool ok = http_fetch(&f, status, &body, e) || r->err.class != ERR_NONE;
    if (ok)
        ok = check_end(r, *status, buf_slice(&body), e);
    else if (is_stopped(stop))
        (void)err_set(e, ERR_STOP, "interrupted while the instance was asked");
    else
        e->class = ERR_STOP;
    buf_release(&body);
    return ok;
}

/* An instance gives rows to few at a time, and to nobody while it restores: then it answers that
 * the client shall come again. Nothing of the table has come before such an answer. */
static bool fetch(struct reading *r, const struct result_instance *instance, const char *url,
                  const atomic_bool *stop, struct err *e) {
    int status;
    for (int waited_ms = 0;; waited_ms += AGAIN_MS) {
        if (ask(r, instance, url, stop, &status, e))
            return true;
        if (status != STATUS_LATER || waited_ms >= instance->patience_ms || is_stopped(stop))
            return false;
        (void)poll(NULL, 0, AGAIN_MS);
    }
}

bool result_instance_read(const struct result_instance *instance, enum row_result table,
                          const atomic_bool *stop, result_instance_seen *seen, void *context,
                          struct err *e) {
    struct reading r = {.table = table, .seen = seen, .context = context};
    struct buf url = {0};
    json_init(&r.json);
    buf_printf(&url, "%s/v1/export/%s?format=jsonl", instance->url, row_result_types[table]->name);
    bool ok = fetch(&r, instance, buf_cstr(&url), stop, e);
    buf_release(&url);
    buf_release(&r.line);
    buf_release(&r.key);
    json_release(&r.json);
    return ok || err_prefix(e, "%s", instance->url);
}
