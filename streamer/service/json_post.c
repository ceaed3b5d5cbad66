#include "streamer/service/json_post.h"

#include "streamer/http/http_fetch.h"

#define ANSWER_MAX 65536

static bool is_accepted(const struct json_post *p, int status, struct err *e) {
    return (status >= 200 && status <= 299) ||
           err_set(e, ERR_RETRY, "the receiver answers %d; check %s", status, p->setting);
}

bool json_post(const struct json_post *p, struct err *e) {
    const struct http_fetch f = {
        .url = p->url,
        .token = p->token[0] != '\0' ? p->token : NULL,
        .body = p->body,
        .connect_ms = p->total_ms,
        .total_ms = p->total_ms,
        .bytes_max = ANSWER_MAX,
        .is_cancelled = p->is_cancelled,
    };
    struct buf answer = {0};
    int status;
    bool ok = http_fetch(&f, &status, &answer, e) && is_accepted(p, status, e);
    buf_release(&answer);
    return ok;
}
