#include "streamer/restore.h"

#include "streamer/base/log.h"
#include "streamer/base/mem.h"
#include "streamer/kafka.h"

#include <stdlib.h>
#include <string.h>

#define WATERMARK_TIMEOUT_MS 15000
#define BATCH_RECORDS 5000

/* One partition of one topic on its way into a task. */
struct stream {
    struct task *task;
    enum topic topic;
    int64_t next, target;
    bool exact; /* stop at the target; else at the end of the partition at or behind it */
    bool done;
};

struct restore {
    const struct config *config;
    const struct topic_layout *layout;
    struct store *store;
    struct metrics *metrics;
    rd_kafka_t *consumer; /* read_committed */
    rd_kafka_t *probe;    /* read_uncommitted: asks for high watermarks */
    struct stream *streams;
    size_t stream_count, stream_cap;
    size_t undone;
    size_t last_found; /* messages come in runs of one partition */
    int64_t replayed;
};

static rd_kafka_t *new_consumer(const struct config *c, const char *isolation, struct err *e) {
    rd_kafka_conf_t *conf = kafka_conf(c, e);
    if (conf != NULL && !(kafka_conf_set(conf, "group.id", c->app_id, e) &&
                          kafka_conf_set(conf, "enable.auto.commit", "false", e) &&
                          kafka_conf_set(conf, "enable.auto.offset.store", "false", e) &&
                          kafka_conf_set(conf, "auto.offset.reset", "error", e) &&
                          kafka_conf_set(conf, "enable.partition.eof", "true", e) &&
                          kafka_conf_set(conf, "isolation.level", isolation, e))) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_t *rk = kafka_client(RD_KAFKA_CONSUMER, conf, e);
    if (rk != NULL)
        (void)rd_kafka_poll_set_consumer(rk);
    return rk;
}

struct restore *restore_new(const struct config *c, const struct topic_layout *layout, struct store *store,
                            struct metrics *metrics, struct err *e) {
    struct restore *r = mem_calloc(1, sizeof *r);
    *r = (struct restore){.config = c, .layout = layout, .store = store, .metrics = metrics};
    r->consumer = new_consumer(c, "read_committed", e);
    if (r->consumer != NULL)
        r->probe = new_consumer(c, "read_uncommitted", e);
    if (r->probe != NULL)
        return r;
    restore_free(r);
    return NULL;
}

void restore_free(struct restore *r) {
    if (r == NULL)
        return;
    if (r->consumer != NULL)
        rd_kafka_destroy(r->consumer);
    if (r->probe != NULL)
        rd_kafka_destroy(r->probe);
    free(r->streams);
    free(r);
}

rd_kafka_t *restore_client(const struct restore *r) {
    return r->probe;
}

bool restore_watermarks(struct restore *r, enum topic topic, int32_t partition, int64_t *low, int64_t *high,
                        struct err *e) {
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(r->probe, r->config->topics[topic], partition,
                                                                low, high, WATERMARK_TIMEOUT_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    return err_set(e, ERR_RETRY, "offsets of %s partition %d: %s", r->config->topics[topic], partition,
                   rd_kafka_err2str(code));
}

/* --- planning --- */

static void add_stream(struct restore *r, struct stream s) {
    if (r->stream_count == r->stream_cap) {
        r->stream_cap = r->stream_cap == 0 ? 64 : r->stream_cap * 2;
        r->streams = mem_realloc(r->streams, r->stream_cap * sizeof *r->streams);
    }
    r->streams[r->stream_count++] = s;
    r->undone += !s.done;
}

struct range {
    int64_t low, high;
    bool exact;
};

static bool find_ranges(struct restore *r, const struct task *t, int64_t links_committed,
                        int64_t refs_committed, struct range ranges[TOPIC_COUNT], struct err *e) {
    for (int i = 0; i < TOPIC_COUNT; i++) {
        if (!topic_is_replayed((enum topic)i))
            continue;
        if (!restore_watermarks(r, (enum topic)i, t->partition, &ranges[i].low, &ranges[i].high, e))
            return false;
        ranges[i].exact = topic_is_consumed((enum topic)i);
        if (i == TOPIC_ACCOUNT_LINKS)
            ranges[i].high = links_committed;
        if (i == TOPIC_CUSTOMER_REFS)
            ranges[i].high = refs_committed;
    }
    return true;
}

/* Why the local state of the task is of no use; NULL if it is. */
static const char *unusable(const struct restore *r, const struct task *t,
                            const struct range ranges[TOPIC_COUNT], int64_t now_ms) {
    bool old = t->meta.committed_ms > 0 && now_ms - t->meta.committed_ms > r->layout->delete_retention_ms;
    for (int i = 0; i < TOPIC_COUNT; i++) {
        int64_t position = t->meta.positions[i];
        if (!topic_is_replayed((enum topic)i) || position < 0)
            continue;
        if (position > ranges[i].high)
            return "it is ahead of the topics: they were recreated, or the group's offsets reset";
        if (position < ranges[i].low)
            return "the topics no longer reach back to it";
        if (old && ranges[i].high - position > 1) /* 1: the marker of the last commit */
            return "it is older than tombstones live";
    }
    return NULL;
}

static bool results_are_whole(const struct restore *r, const struct task *t,
                              const struct range ranges[TOPIC_COUNT], struct err *e) {
    for (int i = 0; i < TOPIC_COUNT; i++)
        if (topic_is_replayed((enum topic)i) && !ranges[i].exact && t->meta.positions[i] > ranges[i].high)
            return err_set(
                e, ERR_STOP,
                "topic %s partition %d ends at offset %lld, but %lld was written already: it was recreated, "
                "truncated or renamed, and what it held is not produced again; bring it back, or reprocess everything (streamer reset)",
                r->config->topics[i], t->partition, (long long)ranges[i].high,
                (long long)t->meta.positions[i]);
    return true;
}

static bool rows_agree(struct restore *r, const struct task *t, bool *agree, struct err *e) {
    int64_t rows[FAMILY_COUNT];
    *agree = true;
    if (store_was_clean(r->store))
        return true;
    if (!store_count_rows(r->store, t->partition, rows, e))
        return false;
    for (int f = 0; f < FAMILY_COUNT; f++)
        *agree = *agree && (f == FAMILY_META || rows[f] == t->meta.rows[f]);
    return true;
}

bool restore_add(struct restore *r, struct task_env *env, struct task *task, int64_t links_committed,
                 int64_t refs_committed, bool input_committed, int64_t now_ms, struct err *e) {
    struct range ranges[TOPIC_COUNT] = {0};
    bool agree;
    task_load_meta(env, task);
    if (kv_failed(env->kv)) {
        *e = env->kv->err;
        return false;
    }
    if (!find_ranges(r, task, links_committed, refs_committed, ranges, e) ||
        (input_committed && !results_are_whole(r, task, ranges, e)) || !rows_agree(r, task, &agree, e))
        return false;
    const char *why =
        agree ? unusable(r, task, ranges, now_ms) : "its row counts do not agree with its digest";
    if (why != NULL) {
        log_warn("local state of a task is set aside and rebuilt from the topics", "partition=%d reason=%s",
                 task->partition, log_quote(&(struct log_value){0}, why));
        if (!store_wipe(r->store, task->partition, e))
            return false;
        task_load_meta(env, task);
    }
    /* A rebuild that is interrupted is of use only as long as tombstones behind it live, counted from its start. */
    if (task->meta.committed_ms == 0)
        task->meta.committed_ms = now_ms;
    for (int i = 0; i < TOPIC_COUNT; i++) {
        if (!topic_is_replayed((enum topic)i))
            continue;
        int64_t position = task->meta.positions[i];
        int64_t next = position > ranges[i].low ? position : ranges[i].low;
        add_stream(r, (struct stream){task, (enum topic)i, next, ranges[i].high, ranges[i].exact,
                                      next >= ranges[i].high});
    }
    return true;
}

bool restore_start(struct restore *r, struct err *e) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)r->stream_count);
    int64_t remaining = 0;
    for (size_t i = 0; i < r->stream_count; i++) {
        const struct stream *s = &r->streams[i];
        if (s->done)
            continue;
        rd_kafka_topic_partition_list_add(list, r->config->topics[s->topic], s->task->partition)->offset =
            s->next;
        remaining += s->target - s->next;
    }
    metric_set(&r->metrics->restore_remaining, remaining);
    r->replayed = 0;
    const struct rd_kafka_metadata *md;
    rd_kafka_resp_err_t code = rd_kafka_assign(r->consumer, list->cnt > 0 ? list : NULL);
    /* Else the leaders of topics new to this handle are looked up only once a second. */
    if (list->cnt > 0 &&
        rd_kafka_metadata(r->consumer, 0, NULL, &md, WATERMARK_TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(md);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || err_set(e, ERR_RETRY, "restore: %s", rd_kafka_err2str(code));
}

void restore_reset(struct restore *r) {
    (void)rd_kafka_assign(r->consumer, NULL);
    r->stream_count = 0;
    r->undone = 0;
    r->last_found = 0;
    metric_set(&r->metrics->restore_remaining, 0);
}

bool restore_done(const struct restore *r) {
    return r->undone == 0;
}

/* --- replaying --- */

static struct stream *find_stream(struct restore *r, const char *topic, int32_t partition) {
    for (size_t n = 0; n < r->stream_count; n++) {
        size_t i = (r->last_found + n) % r->stream_count;
        struct stream *s = &r->streams[i];
        if (s->task->partition == partition && strcmp(r->config->topics[s->topic], topic) == 0) {
            r->last_found = i;
            return s;
        }
    }
    return NULL;
}

/* What still comes of the partition is dropped. (Pausing it would outlive the assignment: librdkafka keeps
 * the flag.)
 */
static void finish(struct restore *r, struct stream *s, int64_t position) {
    s->done = true;
    s->next = position;
    r->undone--;
}

/* Links are also read from the target to the end of the partition, and what is known of the keys found there is
 * taken back: the end of such a link may have been compacted away because of the message that is not processed
 * yet, and a link that is thought to be there still would not be answered with a ref. */
static bool looks_ahead(const struct stream *s) {
    return s->topic == TOPIC_ACCOUNT_LINKS;
}

/* Where a restore that is cut off here goes on: one that has still to look ahead must do so again. */
static int64_t safe_position(const struct stream *s) {
    return looks_ahead(s) && !s->done && s->next >= s->target ? s->target - 1 : s->next;
}

static void take(struct restore *r, struct task_env *env, const rd_kafka_message_t *m) {
    struct stream *s = find_stream(r, rd_kafka_topic_name(m->rkt), m->partition);
    if (s == NULL || s->done)
        return;
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (m->offset >= s->target || s->exact)
            finish(r, s, s->exact ? s->target : m->offset > s->next ? m->offset : s->next);
        return;
    }
    if (m->offset < s->next)
        return;
    if (s->exact && m->offset >= s->target) {
        if (looks_ahead(s))
            task_replay(env, s->task, s->topic, slice_of(m->key, m->key_len), slice_null());
        else
            finish(r, s, s->target);
        return;
    }
    task_replay(env, s->task, s->topic, m->key != NULL ? slice_of(m->key, m->key_len) : slice_null(),
                m->payload != NULL ? slice_of(m->payload, m->len) : slice_null());
    s->next = m->offset + 1;
    r->replayed++;
    metric_add(&r->metrics->restored_records, 1);
    if (s->exact && s->next >= s->target && !looks_ahead(s))
        finish(r, s, s->target);
}

static bool save(struct restore *r, struct task_env *env, struct batch *batch, struct err *e) {
    int64_t remaining = 0;
    for (size_t i = 0; i < r->stream_count; i++) {
        const struct stream *s = &r->streams[i];
        s->task->meta.positions[s->topic] = safe_position(s);
        remaining += s->target > s->next ? s->target - s->next : 0;
    }
    struct task *last = NULL;
    for (size_t i = 0; i < r->stream_count; i++) {
        if (r->streams[i].task != last)
            task_save_meta(env, r->streams[i].task);
        last = r->streams[i].task;
    }
    if (!batch_commit(batch, e))
        return false;
    for (size_t i = 0; i < r->stream_count; i++)
        r->streams[i].task->saved_meta = r->streams[i].task->meta;
    metric_set(&r->metrics->restore_remaining, remaining);
    return true;
}

bool restore_step(struct restore *r, struct task_env *env, struct batch *batch, int timeout_ms,
                  struct err *e) {
    int64_t before = r->replayed;
    bool any = false;
    while (!restore_done(r) && r->replayed - before < BATCH_RECORDS) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(r->consumer, any ? 0 : timeout_ms);
        if (m == NULL)
            break;
        any = true;
        bool ok = m->err == RD_KAFKA_RESP_ERR_NO_ERROR || m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (ok)
            take(r, env, m);
        else if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                 m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
            (void)err_set(&env->kv->err, ERR_RETRY, "restore: %s", rd_kafka_message_errstr(m));
        else
            log_warn("restore", "error=%s", log_quote(&(struct log_value){0}, rd_kafka_message_errstr(m)));
        rd_kafka_message_destroy(m);
        if (kv_failed(env->kv)) {
            *e = env->kv->err;
            batch_clear(batch);
            return false;
        }
    }
    return save(r, env, batch, e);
}
