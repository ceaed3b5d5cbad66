#include "streamer/http/http_stream.h"

#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/base/steady_cond.h"

#include <pthread.h>
#include <stdlib.h>

struct http_stream {
    pthread_mutex_t lock; /* over all that follows */
    pthread_cond_t room;  /* the writer waits for it */
    int owners;
    struct http_stream_hooks hooks;
    bool is_paused;  /* the connection is */
    bool has_reader; /* the server has not left */
    bool has_ended, is_whole;
    size_t first, count; /* the queue: `count` bytes from `first` on, around the end of `bytes` */
    char bytes[HTTP_STREAM_BYTES];
};

struct http_stream *http_stream_new(void) {
    struct http_stream *s = mem_calloc(1, sizeof *s);
    (void)pthread_mutex_init(&s->lock, NULL);
    steady_cond_init(&s->room);
    s->owners = 2;
    s->has_reader = true;
    return s;
}

/* Gives up the lock, too. */
static void drop(struct http_stream *s) {
    bool is_last = --s->owners == 0;
    (void)pthread_mutex_unlock(&s->lock);
    if (!is_last)
        return;
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->room);
    free(s);
}

/* --- the queue --- */

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Returns how many bytes it has taken. */
static size_t put(struct http_stream *s, struct slice bytes) {
    size_t at = (s->first + s->count) % HTTP_STREAM_BYTES;
    size_t n = least(bytes.n, HTTP_STREAM_BYTES - s->count);
    size_t up_to_end = least(n, HTTP_STREAM_BYTES - at);
    memcpy(s->bytes + at, bytes.p, up_to_end);
    memcpy(s->bytes, bytes.p + up_to_end, n - up_to_end);
    s->count += n;
    return n;
}

static size_t take(struct http_stream *s, char *to, size_t room) {
    size_t n = least(room, s->count);
    size_t up_to_end = least(n, HTTP_STREAM_BYTES - s->first);
    memcpy(to, s->bytes + s->first, up_to_end);
    memcpy(to + up_to_end, s->bytes, n - up_to_end);
    s->first = (s->first + n) % HTTP_STREAM_BYTES;
    s->count -= n;
    return n;
}

/* --- the writer --- */

static void wake_reader(struct http_stream *s) {
    if (s->is_paused && s->has_reader)
        s->hooks.resume(s->hooks.context);
    s->is_paused = false;
}

static void wait_for_room(struct http_stream *s) {
    int64_t now_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
    (void)steady_cond_wait(&s->room, &s->lock, now_ms + HTTP_STREAM_WAIT_MS);
}

bool http_stream_write(struct http_stream *s, struct slice bytes, const atomic_bool *is_stopping) {
    bool goes_on;
    (void)pthread_mutex_lock(&s->lock);
    while ((goes_on = s->has_reader && !atomic_load(is_stopping)) && bytes.n > 0) {
        if (s->count == HTTP_STREAM_BYTES) {
            wait_for_room(s);
            continue;
        }
        size_t n = put(s, bytes);
        bytes = slice_of(bytes.p + n, bytes.n - n);
        wake_reader(s);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return goes_on;
}

void http_stream_end(struct http_stream *s, bool is_whole) {
    (void)pthread_mutex_lock(&s->lock);
    s->has_ended = true;
    s->is_whole = is_whole;
    wake_reader(s);
    drop(s);
}

/* --- the server --- */

void http_stream_attach(struct http_stream *s, const struct http_stream_hooks *hooks) {
    (void)pthread_mutex_lock(&s->lock);
    s->hooks = *hooks;
    (void)pthread_mutex_unlock(&s->lock);
}

static enum http_stream_state state_of(const struct http_stream *s) {
    if (s->has_ended && !s->is_whole)
        return HTTP_STREAM_IS_BROKEN;
    if (s->count > 0)
        return HTTP_STREAM_HAS_BYTES;
    return s->has_ended ? HTTP_STREAM_IS_WHOLE : HTTP_STREAM_IS_EMPTY;
}

enum http_stream_state http_stream_read(struct http_stream *s, char *to, size_t room, size_t *n) {
    (void)pthread_mutex_lock(&s->lock);
    enum http_stream_state state = state_of(s);
    *n = state == HTTP_STREAM_HAS_BYTES ? take(s, to, room) : 0;
    s->is_paused = state == HTTP_STREAM_IS_EMPTY;
    if (s->is_paused)
        s->hooks.pause(s->hooks.context);
    if (s->count <= HTTP_STREAM_BYTES / 2) /* so that the writer is not woken for a few bytes */
        (void)pthread_cond_signal(&s->room);
    (void)pthread_mutex_unlock(&s->lock);
    return state;
}

void http_stream_leave(struct http_stream *s) {
    (void)pthread_mutex_lock(&s->lock);
    s->has_reader = false;
    (void)pthread_cond_signal(&s->room);
    drop(s);
}
