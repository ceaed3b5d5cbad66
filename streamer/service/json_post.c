#include "streamer/service/json_post.h"

#include "streamer/http/http_fetch.h"

static bool is_accepted(int status, struct err *e) {
    bool is_redirect = status >= 300 && status <= 399;
    return (status >= 200 && status <= 299) ||
           err_set(e, ERR_RETRY, "the receiver answers %d%s", status,
                   is_redirect ? ", and no redirect is followed; set the URL that it leads to"
                               : "; check the URL, and the receiver");
}

bool json_post(const struct json_post *p, struct err *e) {
    const struct http_fetch f = {
        .url = p->url,
        .token = p->token[0] != '\0' ? p->token : NULL,
        .authorities = p->authorities,
        .body = p->body,
        .connect_ms = p->total_ms,
        .total_ms = p->total_ms,
        .bytes_max = 0, /* the status says it all */
        .is_cancelled = p->is_cancelled,
    };
    struct buf answer = {0};
    int status;
    bool ok = http_fetch(&f, &status, &answer, e) && is_accepted(status, e);
    buf_release(&answer);
    return ok || err_prefix(e, "%s", p->setting);
}
