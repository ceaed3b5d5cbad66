#include "streamer/service/http_service.h"

#include "streamer/base/address.h"
#include "streamer/base/mem.h"
#include "streamer/service/exports.h"

#include <stdlib.h>

bool http_service_read_files(struct http_service *h, const struct config *c, struct err *e) {
    return http_files_read(&h->files, c, e);
}

/* Besides http.hosts, those that the configuration itself uses for this instance. */
static char *hosts_of(const struct config *c) {
    struct buf hosts = {0};
    struct url url;
    struct address listen;
    buf_put_str(&hosts, c->http_hosts);
    if (address_parse(slice_str(c->http_listen), &listen))
        buf_printf(&hosts, ",%.*s", (int)listen.host.n, listen.host.p);
    if (url_parse(slice_str(c->http_advertised_url), &url))
        buf_printf(&hosts, ",%.*s", (int)url.at.host.n, url.at.host.p);
    char *copy = mem_strdup(buf_cstr(&hosts));
    buf_release(&hosts);
    return copy;
}

bool http_service_start(struct http_service *h, const struct config *c, struct starting *starting,
                        struct workers *workers, struct metrics *metrics, struct err *e) {
    h->answers.config = c;
    h->answers.starting = starting;
    h->answers.workers = workers;
    h->answers.metrics = metrics;
    if (c->http_listen[0] == '\0')
        return true;
    h->hosts = hosts_of(c);
    struct http_options o = {
        .listen = c->http_listen,
        .max_connections = c->http_max_connections,
        .hosts = h->hosts,
        .token = h->files.token,
        .certificate = h->files.certificate,
        .key = h->files.key,
        .classify = answers_classify,
        .handler = answers_handle,
        .context = &h->answers,
    };
    h->server = http_start(&o, e);
    return h->server != NULL;
}

/* --- other instances */

static bool holds(void *context, int32_t partition) {
    return workers_hold(context, partition);
}

static bool is_settled(void *context) {
    return workers_are_settled(context);
}

static bool start_peers(struct http_service *h, struct err *e) {
    const struct config *c = h->answers.config;
    h->peers = peers_new(c, h->answers.partitions, e);
    if (h->peers != NULL)
        h->client = http_client_new(c->http_tls_ca, e);
    return h->client != NULL;
}

static void take_forward(struct http_service *h) {
    h->answers.forward = (struct forward){
        .token = h->files.token,
        .peers = h->peers,
        .client = h->client,
        .redirects = h->answers.config->http_forward == HTTP_FORWARD_REDIRECT,
        .holds = holds,
        .is_settled = is_settled,
        .context = h->answers.workers,
    };
}

static void take_gather(struct http_service *h) {
    h->answers.gather = (struct gather){
        .token = h->files.token,
        .own_url = h->answers.config->http_advertised_url,
        .peers = h->peers,
        .client = h->client,
        .partitions = h->answers.partitions,
        .holds = holds,
        .context = h->answers.workers,
    };
}

/* The threads of answers that take long. */
static bool start_threads(struct http_service *h, struct err *e) {
    h->answers.background = background_new(e);
    if (h->answers.background != NULL)
        h->answers.exports = exports_new(&h->answers, e);
    return h->answers.exports != NULL;
}

bool http_service_connect(struct http_service *h, struct store *store, int32_t partitions,
                          bool is_embedded, struct err *e) {
    h->answers.store = store;
    h->answers.partitions = partitions;
    bool has_peers = h->server != NULL && h->answers.config->http_peers[0] != '\0' && !is_embedded;
    if (has_peers && !start_peers(h, e))
        return false;
    take_forward(h);
    take_gather(h);
    return h->server == NULL || start_threads(h, e);
}

void http_service_open(struct http_service *h) {
    atomic_store(&h->answers.is_open, true);
}

void http_service_stop(struct http_service *h) {
    http_client_stop(h->client); /* first, as the server waits for its answers */
    background_stop(h->answers.background);
    exports_stop(h->answers.exports);
    http_stop(h->server);
    http_client_free(h->client);
    background_free(h->answers.background);
    exports_free(h->answers.exports);
    h->answers.background = NULL;
    h->answers.exports = NULL;
    h->server = NULL;
    h->client = NULL;
}

void http_service_release(struct http_service *h) {
    peers_free(h->peers);
    free(h->hosts);
    http_files_release(&h->files);
}
