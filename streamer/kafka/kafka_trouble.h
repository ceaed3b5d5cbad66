/* kafka_trouble: why connections to the brokers fail, and what the user can do about it. */
#ifndef STREAMER_KAFKA_KAFKA_TROUBLE_H
#define STREAMER_KAFKA_KAFKA_TROUBLE_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Filled on the thread that polls the client, as librdkafka last told it. */
struct kafka_trouble {
    char text[400];     /* "": there was none so far */
    char mechanism[32]; /* sasl.mechanism; "": the login does not use SASL */
    bool is_refused_login;
    const atomic_bool *stop; /* true: waiting for a broker ends. NULL: it does not. Borrowed */
    bool is_watched; /* a broker_watch tells what is lost: single connections are not logged */
    /* Set on librdkafka's threads; 0: none. */
    /* An error of the broker's certificate, as in openssl/x509_vfy.h. */
    atomic_int certificate_error;
    /* The HTTP status of a token server that gave no token; -1: it did not answer. */
    atomic_int token_failure;
    /* The exit code of a kinit that got no Kerberos ticket; -1: a signal ended it. */
    atomic_int kinit_failure;
};

/* Makes a client of `conf` report into `trouble`, which must outlive it, and wait some seconds
 * before it connects to a broker again. Empties `trouble`, and sets error_cb, log_cb,
 * ssl_cert_verify_cb and opaque. Where no broker_watch tells what is lost, the command's error
 * does: then librdkafka's own lines show only with log.level=debug. */
bool kafka_conf_set_trouble(rd_kafka_conf_t *conf, const struct config *c,
                            struct kafka_trouble *trouble, struct err *e);
/* Makes a producer that reports into `trouble`, for questions to the brokers. NULL with an
 * error. */
rd_kafka_t *kafka_asking_client(const struct config *c, struct kafka_trouble *trouble,
                                struct err *e);
/* Whether trying again cannot help: a login is refused, or a certificate is not accepted. */
bool kafka_trouble_lasts(const struct kafka_trouble *trouble);

/* The brokers and all topics of the cluster. (Asking creates no topic.) Waits for a broker for at
 * most timeout_ms, and stops earlier if waiting cannot help, or soon after the user has interrupted
 * the command. If none answers, `trouble` (NULL: none) explains why. The caller frees the result
 * with rd_kafka_metadata_destroy. NULL with an error (ERR_STOP). */
const struct rd_kafka_metadata *kafka_metadata(rd_kafka_t *client, const char *servers,
                                               int timeout_ms, const struct kafka_trouble *trouble,
                                               struct err *e);

#endif
