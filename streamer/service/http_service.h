/* http_service: HTTP in this process: the server with its answers, and what lets instances answer
 * for each other (peers, a client). It starts in two steps: the server before the brokers are
 * reached, so that health can be asked for; the rest when there is state. */
#ifndef STREAMER_SERVICE_HTTP_SERVICE_H
#define STREAMER_SERVICE_HTTP_SERVICE_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"
#include "streamer/http/http.h"
#include "streamer/http/http_client.h"
#include "streamer/http/http_files.h"
#include "streamer/kafka/peers.h"
#include "streamer/service/answers.h"

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialized: nothing has started. */
struct http_service {
    struct answers answers;
    struct http_files files;
    char *hosts;                /* names by which this instance may be asked */
    struct http_server *server; /* NULL: http.listen is empty */
    struct peers *peers;        /* NULL: no other instance is believed */
    struct http_client *client; /* NULL: no other instance is asked */
};

/* Reads the files that the settings http.* name. All functions that return bool fail with `e`; then
 * http_service_stop and http_service_release are still to be called. */
bool http_service_read_files(struct http_service *h, const struct config *c, struct err *e);
/* Starts the server, which answers health and the status only. Everything is borrowed. */
bool http_service_start(struct http_service *h, const struct config *c, struct starting *starting,
                        struct workers *workers, struct metrics *metrics, struct err *e);
/* Takes what requests are answered from, all borrowed. Where http.peers is set, it begins to look
 * for other instances; not with an embedded broker, which has no other instances. */
bool http_service_connect(struct http_service *h, struct store *store, int32_t partitions,
                          bool is_embedded, struct err *e);
/* All workers have begun: from now on every route is answered. */
void http_service_open(struct http_service *h);
/* Ends all requests; no answer is made any more. */
void http_service_stop(struct http_service *h);
/* Frees the rest, after http_service_stop and the workers' end. */
void http_service_release(struct http_service *h);

#endif
