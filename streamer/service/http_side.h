/* http_side: HTTP in this process: the server with its answers, and what lets instances answer for
 * each other (peers, a client). It starts in two steps: the server before the brokers are reached,
 * so that health can be asked for; the rest when there is state. */
#ifndef STREAMER_SERVICE_HTTP_SIDE_H
#define STREAMER_SERVICE_HTTP_SIDE_H

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
struct http_side {
    struct answers answers;
    struct http_files files;
    char *hosts;                /* names by which this instance may be asked */
    struct http_server *server; /* NULL: http.listen is empty */
    struct peers *peers;        /* NULL: none are believed */
    struct http_client *client; /* NULL: none are asked */
};

/* Reads the files of the settings http.*. */
bool http_side_read_files(struct http_side *h, const struct config *c, struct err *e);
/* Starts the server, which answers health only. Everything is borrowed. */
bool http_side_start(struct http_side *h, const struct config *c, struct starting *starting,
                     struct workers *workers, struct err *e);
/* Takes what requests are answered from, and starts to listen for other instances, but not with an
 * embedded broker: there are none then. */
bool http_side_connect(struct http_side *h, struct store *store, struct metrics *metrics,
                       int32_t partitions, bool is_embedded, struct err *e);
/* All workers have begun: from now on every route is answered. */
void http_side_open(struct http_side *h);
/* Ends all requests; no answer is made any more. */
void http_side_stop(struct http_side *h);
void http_side_release(struct http_side *h); /* after http_side_stop, and after the workers' end */

#endif
