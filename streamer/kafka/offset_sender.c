#include "streamer/kafka/offset_sender.h"

#include "streamer/base/mem.h"
#include "streamer/base/steady_cond.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define GRACE_MS 1000 /* how much longer than timeout_ms the call may take */

enum state { IDLE, ASKED, ANSWERED, ENDING };

struct offset_sender {
    rd_kafka_t *producer;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum state state;
    const rd_kafka_topic_partition_list_t
        *offsets; /* librdkafka copies this and `group` before it waits */
    const rd_kafka_consumer_group_metadata_t *group;
    int timeout_ms;
    rd_kafka_error_t *answer;
    void (*end)(void *context); /* NULL: the sender is not freed yet */
    void *context;
};

static void release(struct offset_sender *s) {
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->changed);
    free(s);
}

/* The sender was freed during a call, so nobody waits for the answer. */
static void end_alone(struct offset_sender *s) {
    if (s->answer != NULL)
        rd_kafka_error_destroy(s->answer);
    s->end(s->context);
    release(s);
}

static void *thread_main(void *arg) {
    struct offset_sender *s = arg;
    (void)pthread_mutex_lock(&s->lock);
    while (s->state != ENDING) {
        if (s->state != ASKED) {
            (void)pthread_cond_wait(&s->changed, &s->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&s->lock);
        rd_kafka_error_t *answer =
            rd_kafka_send_offsets_to_transaction(s->producer, s->offsets, s->group, s->timeout_ms);
        (void)pthread_mutex_lock(&s->lock);
        s->answer = answer;
        s->state = s->end != NULL ? ENDING : ANSWERED;
        (void)pthread_cond_signal(&s->changed);
    }
    bool is_alone = s->end != NULL;
    (void)pthread_mutex_unlock(&s->lock);
    if (is_alone)
        end_alone(s);
    return NULL;
}

struct offset_sender *offset_sender_new(rd_kafka_t *producer, struct err *e) {
    struct offset_sender *s = mem_calloc(1, sizeof *s);
    s->producer = producer;
    (void)pthread_mutex_init(&s->lock, NULL);
    steady_cond_init(&s->changed);
    if (pthread_create(&s->thread, NULL, thread_main, s) == 0)
        return s;
    release(s);
    (void)err_set(e, ERR_STOP, "cannot start a thread");
    return NULL;
}

static struct timespec deadline_after(int ms) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    return t; /* rounded down to seconds */
}

rd_kafka_error_t *offset_sender_send(struct offset_sender *s,
                                     const rd_kafka_topic_partition_list_t *offsets,
                                     const rd_kafka_consumer_group_metadata_t *group,
                                     int timeout_ms) {
    struct timespec deadline = deadline_after(timeout_ms + GRACE_MS);
    int waited = 0;
    (void)pthread_mutex_lock(&s->lock);
    s->offsets = offsets;
    s->group = group;
    s->timeout_ms = timeout_ms;
    s->state = ASKED;
    (void)pthread_cond_signal(&s->changed);
    while (s->state == ASKED && waited == 0)
        waited = pthread_cond_timedwait(&s->changed, &s->lock, &deadline);
    bool is_answered = s->state == ANSWERED;
    if (is_answered)
        s->state = IDLE;
    (void)pthread_mutex_unlock(&s->lock);
    return is_answered ? s->answer
                       : rd_kafka_error_new(RD_KAFKA_RESP_ERR__TIMED_OUT,
                                            "the group's coordinator cannot be reached");
}

bool offset_sender_free(struct offset_sender *s, void (*end)(void *context), void *context) {
    if (s == NULL)
        return true;
    (void)pthread_mutex_lock(&s->lock);
    bool is_out = s->state == ASKED;
    if (is_out) {
        s->end = end;
        s->context = context;
        (void)pthread_detach(s->thread);
    } else {
        s->state = ENDING;
        (void)pthread_cond_signal(&s->changed);
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (is_out)
        return false;
    (void)pthread_join(s->thread, NULL);
    release(s);
    return true;
}
