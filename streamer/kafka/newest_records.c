#include "streamer/kafka/newest_records.h"

#include "streamer/base/mem.h"
#include "streamer/kafka/kafka.h"
#include "streamer/kafka/kafka_trouble.h"
#include "streamer/model/entity.h"

#include <stdlib.h>
#include <string.h>

#define PERIOD_MS 10000
#define AFTER_FAILURE_MS 5000
/* The pause after a refused login, because repeated refusals lock an account. */
#define AFTER_REFUSAL_MS 60000
#define WAIT_MS 15000 /* how long it waits for an answer before it says that there is none */

struct newest_records {
    const struct config *config;
    int32_t partitions[ENTITY_COUNT];
    rd_kafka_t *client;      /* NULL: there is none at the moment */
    rd_kafka_queue_t *queue; /* for the answers to the client */
    struct kafka_trouble trouble;
    bool has_asked;   /* the answer is not there yet */
    bool asks_again;  /* the last question was given up */
    int64_t asked_ms; /* monotonic */
    int64_t since_ms; /* monotonic: the first question without an answer */
    int64_t due_ms;   /* monotonic: the next question */
};

/* --- the client --- */

static void drop_client(struct newest_records *n) {
    if (n->queue != NULL)
        rd_kafka_queue_destroy(n->queue);
    if (n->client != NULL)
        (void)kafka_destroy(n->client);
    n->queue = NULL;
    n->client = NULL;
    n->has_asked = false;
}

static bool make_client(struct newest_records *n, struct err *e) {
    if (n->client == NULL)
        n->client = kafka_asking_client(n->config, &n->trouble, e);
    if (n->client != NULL && n->queue == NULL)
        n->queue = rd_kafka_queue_new(n->client);
    return n->client != NULL;
}

/* --- a question --- */

static void send_question(struct newest_records *n, int64_t now_ms) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    for (int e = 0; e < ENTITY_COUNT; e++)
        for (int32_t p = 0; p < n->partitions[e]; p++)
            rd_kafka_topic_partition_list_add(
                list, n->config->topics[entity_info((enum entity)e)->input], p)
                ->offset = RD_KAFKA_OFFSET_SPEC_MAX_TIMESTAMP;
    rd_kafka_ListOffsets(n->client, list, NULL, n->queue);
    rd_kafka_topic_partition_list_destroy(list);
    n->has_asked = true;
    n->trouble.text[0] = '\0';
    n->asked_ms = now_ms;
    if (!n->asks_again)
        n->since_ms = now_ms;
    n->asks_again = false;
}

/* As long as a question waits for a broker that is gone, librdkafka connects to that broker again
 * and again without a pause (seen: 1,600 times a second). A new client hears of the new leaders. */
static void give_up_question(struct newest_records *n, int64_t now_ms) {
    drop_client(n);
    n->asks_again = true;
    n->due_ms = now_ms + AFTER_FAILURE_MS;
}

/* --- its answer --- */

static bool is_too_old(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION ||
           code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE;
}

static void no_answer(struct newest_answer *answer, rd_kafka_resp_err_t code, const char *why) {
    for (int e = 0; e < ENTITY_COUNT; e++)
        answer->inputs[e].state = is_too_old(code) ? NEWEST_UNTOLD : NEWEST_NO_ANSWER;
    (void)err_set(&answer->why, ERR_RETRY, "%s", why);
}

/* What one partition says. A partition that tells a time wins over those that tell nothing, and one
 * that does not answer over those that are empty. Why one does not is told in any case. */
static void take_partition(struct newest_answer *answer, struct newest_record *r,
                           const rd_kafka_topic_partition_t *tp, int64_t ms) {
    if (tp->err == RD_KAFKA_RESP_ERR_NO_ERROR && ms >= 0) {
        r->ms = r->state == NEWEST_TOLD && r->ms > ms ? r->ms : ms;
        r->state = NEWEST_TOLD;
    } else if (tp->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (r->state != NEWEST_TOLD)
            r->state = is_too_old(tp->err) ? NEWEST_UNTOLD : NEWEST_NO_ANSWER;
        (void)err_set(&answer->why, ERR_RETRY, "topic %s partition %d: %s", tp->topic,
                      tp->partition, rd_kafka_err2str(tp->err));
    }
}

static void take_answer(const struct newest_records *n, rd_kafka_event_t *event,
                        struct newest_answer *answer) {
    size_t count = 0;
    const rd_kafka_ListOffsetsResultInfo_t **infos =
        rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_topic_partition_t *tp =
            rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
        bool is_customers = strcmp(tp->topic, n->config->topics[TOPIC_CUSTOMERS]) == 0;
        take_partition(answer, &answer->inputs[is_customers ? ENTITY_CUSTOMER : ENTITY_ACCOUNT], tp,
                       rd_kafka_ListOffsetsResultInfo_timestamp(infos[i]));
    }
}

/* Whether asking again may tell more. */
static bool is_failure(const struct newest_answer *answer) {
    bool is_untold = false;
    for (int e = 0; e < ENTITY_COUNT; e++) {
        if (answer->inputs[e].state == NEWEST_NO_ANSWER)
            return true;
        is_untold = is_untold || answer->inputs[e].state == NEWEST_UNTOLD;
    }
    return answer->why.class != ERR_NONE && !is_untold;
}

/* When to ask again. After a failure that is by a new client: librdkafka keeps what it once heard
 * of the leaders of topics that a handle does not consume, also where the brokers say that it is
 * stale (seen, FENCED_LEADER_EPOCH). */
static void plan_next(struct newest_records *n, const struct newest_answer *answer,
                      int64_t now_ms) {
    bool lasts = kafka_trouble_lasts(&n->trouble);
    n->due_ms = now_ms + PERIOD_MS;
    if (!is_failure(answer))
        return;
    drop_client(n);
    n->due_ms = now_ms + (lasts ? AFTER_REFUSAL_MS : AFTER_FAILURE_MS);
}

/* False: it is time to say that there is no answer. */
static bool may_still_be_answered(struct newest_records *n, int64_t now_ms) {
    if (kafka_trouble_lasts(&n->trouble))
        return false;
    if (n->trouble.text[0] == '\0')
        return now_ms - n->asked_ms < WAIT_MS;
    if (now_ms - n->since_ms >= WAIT_MS)
        return false;
    give_up_question(n, now_ms);
    return true;
}

static bool look_for_answer(struct newest_records *n, int64_t now_ms,
                            struct newest_answer *answer) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(n->queue, 0);
    (void)rd_kafka_poll(n->client, 0); /* calls back with errors of the client */
    if (event == NULL && may_still_be_answered(n, now_ms))
        return false;
    n->has_asked = false;
    for (int e = 0; e < ENTITY_COUNT; e++)
        answer->inputs[e] = (struct newest_record){.state = NEWEST_NONE};
    if (event == NULL)
        no_answer(answer, RD_KAFKA_RESP_ERR__TIMED_OUT,
                  n->trouble.text[0] != '\0' ? n->trouble.text : "no answer from the brokers");
    else if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        no_answer(answer, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
    else
        take_answer(n, event, answer);
    if (event != NULL)
        rd_kafka_event_destroy(event);
    plan_next(n, answer, now_ms);
    return true;
}

bool newest_records_step(struct newest_records *n, int64_t now_ms, struct newest_answer *answer) {
    *answer = (struct newest_answer){0};
    if (n->has_asked)
        return look_for_answer(n, now_ms, answer);
    if (now_ms < n->due_ms)
        return false;
    if (make_client(n, &answer->why)) {
        send_question(n, now_ms);
        return false;
    }
    no_answer(answer, RD_KAFKA_RESP_ERR__FAIL, answer->why.text);
    n->due_ms = now_ms + AFTER_REFUSAL_MS;
    return true;
}

/* --- life --- */

struct newest_records *newest_records_new(const struct config *c,
                                          const int32_t partitions[ENTITY_COUNT]) {
    struct newest_records *n = mem_calloc(1, sizeof *n);
    n->config = c;
    memcpy(n->partitions, partitions, sizeof n->partitions);
    return n;
}

void newest_records_pause(struct newest_records *n) {
    drop_client(n);
    n->due_ms = 0;
}

void newest_records_free(struct newest_records *n) {
    if (n == NULL)
        return;
    drop_client(n);
    free(n);
}
