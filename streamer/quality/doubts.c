#include "streamer/quality/doubts.h"

#include "streamer/base/mem.h"
#include "streamer/base/utf8.h"
#include "streamer/task/task_rows.h"

#include <stdlib.h>
#include <string.h>

/* --- one find --- */

static void put(char *out, size_t size, struct slice text) {
    struct slice cut = utf8_is_valid(text) ? utf8_cut(text, size - 1) : slice_str("(no UTF-8)");
    memcpy(out, cut.p, cut.n);
    out[cut.n] = '\0';
}

void sample_set(struct sample *s, const struct subject *of, const char *what, const char *expected,
                const char *found) {
    s->entity = of->entity;
    s->partition = of->partition;
    put(s->id, sizeof s->id, of->id);
    put(s->what, sizeof s->what, slice_str(what));
    put(s->expected, sizeof s->expected, slice_str(expected));
    put(s->found, sizeof s->found, slice_str(found));
}

static uint64_t hash_text(uint64_t h, struct slice text) {
    for (size_t i = 0; i < text.n; i++)
        h = (h ^ (unsigned char)text.p[i]) * UINT64_C(0x100000001b3);
    return (h ^ 0xff) * UINT64_C(0x100000001b3); /* an end, so that no two texts are one */
}

/* The values of a row that changes all the time come back. So the version that the find is about is
 * part of it: the account's, or for the join with a customer the customer's. */
static uint64_t signature_of(const struct subject *of, enum check_id check, const char *what,
                             const char *expected, const char *found) {
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)check << 8 ^ (uint64_t)of->entity;
    h = hash_text(h ^ (uint64_t)of->partition << 16, of->id);
    h = hash_text(h, of->account_id);
    h ^= (uint64_t)(check == CHECK_JOINED_CUSTOMER ? of->customer_from : of->account_from);
    h = hash_text(h, slice_str(what));
    h = hash_text(h, slice_str(expected));
    return hash_text(h, slice_str(found));
}

static struct doubt *find(const struct doubts *d, uint64_t signature) {
    for (size_t i = 0; i < d->count; i++)
        if (d->list[i].signature == signature)
            return &d->list[i];
    return NULL;
}

void doubts_note(struct doubts *d, const struct subject *of, enum check_id check, const char *what,
                 const char *expected, const char *found, int64_t now_ms) {
    uint64_t signature = signature_of(of, check, what, expected, found);
    if (d->count == DOUBTS_MAX || find(d, signature) != NULL)
        return;
    d->list = mem_grow(d->list, &d->cap, d->count + 1, sizeof *d->list);
    struct doubt *new = &d->list[d->count++];
    *new = (struct doubt){.check = check, .signature = signature, .since_ms = now_ms};
    buf_set(&new->id, of->id);
    buf_set(&new->account_id, of->account_id);
    sample_set(&new->sample, of, what, expected, found);
}

void doubts_see(struct doubts *d, const struct subject *of, enum check_id check, const char *what,
                const char *expected, const char *found) {
    struct doubt *known = find(d, signature_of(of, check, what, expected, found));
    if (known != NULL)
        known->is_seen = true;
}

static void drop(struct doubts *d, size_t at) {
    buf_release(&d->list[at].id);
    buf_release(&d->list[at].account_id);
    d->list[at] = d->list[--d->count];
}

void doubts_release(struct doubts *d) {
    while (d->count > 0)
        drop(d, d->count - 1);
    free(d->list);
    *d = (struct doubts){0};
}

/* --- the review --- */

/* Where a topic's partition ends, as far as the workers know: its own worker has heard of an end,
 * and others may have sent messages since. -1: the partition is not here. */
static int64_t end_of(const struct metrics *m, enum topic topic, int32_t partition) {
    if (partition >= m->lag[topic].partitions)
        return -1;
    int64_t heard = metric_get(&m->lag[topic].end[partition]),
            sent = metric_get(&m->lag[topic].sent[partition]);
    return heard >= 0 && sent > heard ? sent : heard;
}

/* The partition of the customer that it is about: that is where the links go. Where it is not here,
 * no link was looked at. */
static int32_t partition_of_links(const struct doubt *d, const struct look *look) {
    struct account_attributes now;
    if (d->sample.entity == ENTITY_CUSTOMER || !look->account.timeline.has_current ||
        !account_attributes_decode(look->account.timeline.current.attributes, &now))
        return d->sample.partition;
    int32_t partition = look_partition_of_customer(look, now.customer_id);
    return look->o->is_here[partition] ? partition : d->sample.partition;
}

static void look_again(struct doubt *d, struct look *look) {
    int64_t customer_id;
    d->is_seen = false;
    if (d->sample.entity == ENTITY_ACCOUNT)
        look_for_account(look, d->sample.partition, buf_slice(&d->id));
    else if (task_parse_customer_id(buf_slice(&d->id), &customer_id))
        look_for_link(look, d->sample.partition, customer_id, buf_slice(&d->account_id));
}

/* Whether the task has processed the topic up to the target. Where the topic turns out to end
 * before it, only transaction markers were there. */
static bool is_processed(const struct metrics *m, enum topic topic, int32_t partition,
                         int64_t target, int64_t position) {
    int64_t end = end_of(m, topic, partition);
    return position >= (end >= 0 && end < target ? end : target);
}

/* Ends a round if the messages under way are processed, and begins the next one. */
static void advance(struct doubt *d, const struct look *look, const struct metrics *metrics,
                    doubts_position *position, void *context, int64_t now_ms) {
    int32_t links = partition_of_links(d, look), refs = d->sample.partition;
    if (d->has_targets &&
        is_processed(metrics, TOPIC_ACCOUNT_LINKS, links, d->links_target,
                     position(context, TOPIC_ACCOUNT_LINKS, links)) &&
        is_processed(metrics, TOPIC_CUSTOMER_REFS, refs, d->refs_target,
                     position(context, TOPIC_CUSTOMER_REFS, refs))) {
        d->rounds++;
        d->has_targets = false;
    }
    if (!d->has_targets) {
        d->links_target = end_of(metrics, TOPIC_ACCOUNT_LINKS, links);
        d->refs_target = end_of(metrics, TOPIC_CUSTOMER_REFS, refs);
        d->has_targets = d->links_target >= 0 && d->refs_target >= 0;
    }
    d->is_certain =
        d->is_certain || (d->rounds >= DOUBT_ROUNDS && now_ms - d->since_ms >= DOUBT_MS);
}

void doubts_review(struct doubts *d, struct look *look, const struct metrics *metrics,
                   doubts_position *position, void *context, int64_t now_ms) {
    for (size_t i = d->count; i-- > 0;) {
        struct doubt *one = &d->list[i];
        bool is_here = look->o->is_here[one->sample.partition];
        if (is_here)
            look_again(one, look);
        if (is_here && one->is_seen)
            advance(one, look, metrics, position, context, now_ms);
        else
            drop(d, i);
    }
}

bool doubts_has(const struct doubts *d, enum check_id check) {
    for (size_t i = 0; i < d->count; i++)
        if (d->list[i].check == check)
            return true;
    return false;
}

size_t doubts_certain(const struct doubts *d, enum check_id check,
                      struct sample samples[SAMPLES_MAX]) {
    size_t count = 0;
    for (size_t i = 0; i < d->count; i++) {
        if (d->list[i].check != check || !d->list[i].is_certain)
            continue;
        if (count < SAMPLES_MAX)
            samples[count] = d->list[i].sample;
        count++;
    }
    return count;
}
