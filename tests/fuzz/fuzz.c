#include "fuzz.h"

#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/base/utf8.h"
#include "streamer/layers/source/decode_parts.h"
#include "streamer/layers/staging/standardize.h"
#include "streamer/model/position.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define REASON_MAX_BYTES 8192
#define POSITION_MAX_BYTES 300

struct slice take(struct slice *input, size_t n) {
    struct slice head = {input->p, n < input->n ? n : input->n};
    input->p += head.n;
    input->n -= head.n;
    return head;
}

uint8_t take_byte(struct slice *input) {
    struct slice byte = take(input, 1);
    return byte.n == 1 ? (uint8_t)byte.p[0] : 0;
}

char *copy(struct slice s) {
    char *bytes = mem_alloc(s.n);
    return s.n > 0 ? memcpy(bytes, s.p, s.n) : bytes;
}

void make_file(struct slice content, char path[64], int *fd) {
    *fd = memfd_create("fuzz", MFD_CLOEXEC);
    assert(*fd >= 0 && write(*fd, content.p, content.n) == (ssize_t)content.n);
    (void)snprintf(path, 64, "/proc/self/fd/%d", *fd);
}

static bool is_text(struct slice s) {
    return utf8_is_valid(s) && (s.n == 0 || memchr(s.p, 0, s.n) == NULL);
}

static bool is_time(int64_t ms) {
    return ms >= TIMESTAMP_MIN && ms <= TIMESTAMP_MAX;
}

static void check_reason(bool ok, const struct reason *why) {
    assert(ok == (why->code == REASON_NONE));
    assert(ok || (why->text.n > 0 && is_text(buf_slice(&why->text))));
    assert(ok || why->text.n < REASON_MAX_BYTES);
}

static bool id_is_read(enum entity entity, const struct decoded *d) {
    return d->fields[entity_info(entity)->id].p != NULL;
}

/* Of an accepted record, and of a refused one. */
static void check_decoded(enum entity entity, const struct decoded *d) {
    for (int f = 0; f < FIELD_COUNT; f++)
        assert(is_text(d->fields[f]) &&
               ((d->unavailable & FIELD_BIT(f)) == 0 || d->fields[f].p == NULL));
    assert(d->unavailable >> FIELD_COUNT == 0 &&
           (d->unavailable & FIELD_BIT(entity_info(entity)->id)) == 0);
    assert(!d->has_source_time || (is_time(d->source_time_ms) && d->source_time_ms != 0));
    assert(d->has_metadata || (!d->has_source_time && d->position.n == 0));
    assert(d->kind != CHANGE_TOMBSTONE || !d->has_metadata);
    assert(d->kind != CHANGE_TRUNCATE || !id_is_read(entity, d));
    assert(d->kind == CHANGE_UPSERT || d->fields[FIELD_UPDATED_AT].p == NULL);
    assert(d->kind == CHANGE_UPSERT || (d->unavailable == 0 && !d->is_read));
    assert(!d->id_is_from_key || d->kind == CHANGE_TOMBSTONE || d->kind == CHANGE_DELETE);
    assert(d->position.n <= POSITION_MAX_BYTES && is_text(d->position) &&
           is_text(d->strange_names));
    if (d->position.n > 0)
        assert(position_comparable(d->position, d->position) &&
               position_compare(d->position, d->position) == 0);
}

/* Of any record: who it is and when. */
static void check_place(const struct decoded *d, const struct event *e) {
    assert(e->id.n <= TEXT_MAX_BYTES && is_text(e->id) && slice_eq(e->id, slice_trim(e->id)));
    assert(is_time(e->event_at_ms) && e->loaded_at_ms == FUZZ_KAFKA_TIME);
    assert(e->has_own_time || e->event_at_ms == FUZZ_KAFKA_TIME);
    assert(e->has_own_time || !d->has_source_time);
    assert(e->kind == d->kind && e->is_read == d->is_read && slice_eq(e->position, d->position));
    assert(e->kind == CHANGE_UPSERT || e->has_own_time == d->has_source_time);
    assert(e->kind != CHANGE_TRUNCATE || e->id.n == 0);
    assert((e->null_fields & e->unavailable) == 0);
}

static void check_event(const struct event *e) {
    assert(e->id.n > 0 || e->kind == CHANGE_TRUNCATE);
    assert(e->balance_cents >= 0 && e->balance_cents <= INT64_C(999999999999999999));
    if (e->kind != CHANGE_UPSERT)
        assert(e->null_fields == 0 && e->unavailable == 0);
    else if (e->entity == ENTITY_CUSTOMER && (e->unavailable & FIELD_BIT(FIELD_CUSTOMER_NAME)) == 0)
        assert(e->customer_name.n > 0 && is_text(e->customer_name));
}

bool check_record(struct decoder *d, enum entity entity, const struct record *r,
                  struct decoded *out, struct reason *why) {
    struct standardizer standardizer = {0};
    struct event event;
    bool decoded = decode(d, entity, r, out, why) == DECODE_EVENT;
    check_reason(decoded, why);
    check_decoded(entity, out);
    if (decoded) {
        struct reason refusal = {0};
        bool ok = standardize(&standardizer, entity, out, FUZZ_KAFKA_TIME, &event, &refusal);
        check_reason(ok, &refusal);
        if (ok)
            check_event(&event);
        buf_release(&refusal.text);
    } else {
        standardize_rejected(&standardizer, entity, out, FUZZ_KAFKA_TIME, &event);
    }
    check_place(out, &event);
    standardizer_release(&standardizer);
    return decoded;
}
