#include "streamer/service/connect.h"

#include "streamer/base/log.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/kafka_trouble.h"
#include "streamer/kafka/rights.h"
#include "streamer/service/patience.h"

#define BROKER_TIMEOUT_MS 30000
#define CALL_TIMEOUT_MS 5000

/* Brokers may come up later than this process. */
static bool wait_for_brokers(rd_kafka_t *client, const char *bootstrap,
                             struct kafka_trouble *trouble, struct err *e) {
    const struct rd_kafka_metadata *md = NULL;
    int waited_ms = 0;
    for (; md == NULL && waited_ms < BROKER_TIMEOUT_MS && !kafka_trouble_lasts(trouble);
         waited_ms += 1000)
        md = kafka_metadata(client, bootstrap, 1000, trouble, e);
    if (md == NULL)
        return waited_ms >= BROKER_TIMEOUT_MS
                   ? err_prefix(e, "gave up after %d s", BROKER_TIMEOUT_MS / 1000)
                   : false;
    rd_kafka_metadata_destroy(md);
    return true;
}

/* False with ERR_DENIED if rights are missing. Where Kafka does not tell which rights the user has,
 * the start goes on: what is not allowed fails later with an error of its own. */
static bool may_run(const struct config *c, rd_kafka_t *client, bool *any_absent, struct err *e) {
    struct rights needed = rights_to_run(), missing;
    if (!rights_ask(client, c, &needed, &missing, e)) {
        log_warn("rights", "error=%s", log_quote(&(struct log_value){0}, e->text));
        return true;
    }
    for (int t = 0; t < RIGHTS_TOPICS; t++)
        *any_absent = *any_absent || missing.absent[t];
    return rights_are_none(&missing) || rights_deny(c, &missing, e);
}

/* Rights on a topic can only be asked for when the topic is there, so they are asked for again
 * after topics were created. */
static bool find_topics(const struct config *c, rd_kafka_t *client, struct topic_layout *layout,
                        struct err *e) {
    bool any_absent = false;
    return may_run(c, client, &any_absent, e) &&
           topics_ensure(client, c, CALL_TIMEOUT_MS, layout, e) &&
           (!any_absent || may_run(c, client, &any_absent, e));
}

static bool wait_for_topics(const struct config *c, rd_kafka_t *client, struct starting *starting,
                            struct topic_layout *layout, struct err *e) {
    struct patience patience = {0};
    while (!find_topics(c, client, layout, e)) {
        bool may_pass = e->class == ERR_DENIED || e->class == ERR_RETRY;
        if (!may_pass || !patience_wait(&patience, c, starting, e))
            return false;
    }
    (void)starting_set(starting, "starting");
    return true;
}

bool connect_to_topics(const struct config *c, struct starting *starting,
                       struct topic_layout *layout, struct err *e) {
    struct kafka_trouble trouble;
    rd_kafka_t *client = kafka_asking_client(c, &trouble, e);
    if (client == NULL)
        return false;
    bool ok = wait_for_brokers(client, c->bootstrap, &trouble, e) &&
              wait_for_topics(c, client, starting, layout, e);
    rd_kafka_destroy(client);
    return ok;
}

bool connect_is_let_in(const struct config *c, struct err *e) {
    struct kafka_trouble trouble;
    rd_kafka_t *client = kafka_asking_client(c, &trouble, e);
    if (client == NULL)
        return false;
    const struct rd_kafka_metadata *md =
        kafka_metadata(client, c->bootstrap, CALL_TIMEOUT_MS, &trouble, e);
    if (md != NULL)
        rd_kafka_metadata_destroy(md);
    rd_kafka_destroy(client);
    return md != NULL;
}
