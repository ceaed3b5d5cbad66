#include "streamer/worker/worker_collect.h"

#include "streamer/worker/worker_group.h"
#include "streamer/worker/worker_sources.h"

#include <stdio.h>

void worker_drop_messages(struct worker *w) {
    for (size_t i = 0; i < w->message_count; i++)
        w->o.kafka->free_message(w->messages[i]);
    w->message_count = 0;
}

/* The record that was to be read next is no longer there. It is lost only if the group has not gone
 * on behind it. If this process stood still, another instance had the partition meanwhile, and what
 * it has processed may be deleted. */
static void handle_deleted_records(struct worker *w, const rd_kafka_message_t *m) {
    struct source *s = worker_source_of(w, m);
    struct err e = {0};
    if (s == NULL || w->rebalanced)
        return;
    if (worker_locate_sources(w, &s, 1, &e))
        (void)err_set(&e, ERR_RETRY,
                      "%s partition %d: the next record is deleted, and another instance had "
                      "processed it",
                      worker_topic(w, s->topic), s->partition);
    *(e.class == ERR_STOP ? &w->fatal : &w->trouble) = e;
}

static bool is_out_of_range(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
           code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
}

static void handle_error_message(struct worker *w, const rd_kafka_message_t *m) {
    char text[512];
    if (m->rkt == NULL) {
        worker_handle_consumer_error(w, m->err, rd_kafka_message_errstr(m));
        return;
    }
    if (is_out_of_range(m->err)) {
        handle_deleted_records(w, m);
        return;
    }
    (void)snprintf(text, sizeof text, "%s partition %d: %s", w->o.kafka->topic(m), m->partition,
                   rd_kafka_message_errstr(m));
    worker_handle_consumer_error(w, m->err, text);
}

static void note_end_of_partition(struct source *s, int64_t offset) {
    s->seen_end = offset;
    if (offset >= s->end) /* only markers follow what was read */
        s->end = s->next;
}

/* True: the message belongs to the batch. False: it has been dealt with. */
static bool accept_message(struct worker *w, const rd_kafka_message_t *m) {
    bool is_end = m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR && !is_end) {
        handle_error_message(w, m);
        return false;
    }
    struct source *s = worker_source_of(w, m);
    if (s == NULL || w->rebalanced)
        return false;
    if (is_end) {
        note_end_of_partition(s, m->offset);
        return false;
    }
    if (m->offset < s->next)
        return false;
    s->next = m->offset + 1;
    if (s->end < s->next)
        s->end = s->next;
    return true;
}

static bool may_poll(const struct worker *w) {
    return w->message_count < (size_t)w->o.config->batch_max_records && !w->rebalanced &&
           w->fatal.class == ERR_NONE && w->trouble.class == ERR_NONE;
}

void worker_collect(struct worker *w, int wait_ms) {
    int64_t deadline = INT64_MAX;
    w->rebalanced = false;
    w->backlogged = true;
    while (may_poll(w)) {
        rd_kafka_message_t *m = w->o.kafka->poll(w->consumer, w->message_count == 0 ? wait_ms : 0);
        if (m == NULL) {
            w->backlogged = false;
            break;
        }
        if (!accept_message(w, m)) {
            w->o.kafka->free_message(m);
            if (w->message_count == 0)
                break; /* so that the caller can react to it */
            continue;
        }
        if (w->message_count == 0)
            deadline = clock_us(w->o.clock, CLOCK_MONOTONIC) + w->o.config->batch_max_ms * 1000;
        w->messages[w->message_count++] = m;
        if (clock_us(w->o.clock, CLOCK_MONOTONIC) >= deadline)
            break;
    }
    if (w->rebalanced)
        worker_drop_messages(w);
}
