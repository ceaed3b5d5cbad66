#include "streamer/http/http_connections.h"

#include "streamer/base/clock.h"
#include "streamer/base/mem.h"
#include "streamer/base/steady_cond.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#define WATCH_INTERVAL_MAX_MS 1000

struct http_seat {
    LIST_ENTRY(http_seat) entry;
    int fd;
    bool was_asked;    /* it has had a request */
    bool is_answered;  /* an answer is under way; else it waits for a request */
    bool counts;       /* the answer counts: it is not about health */
    bool is_ended;     /* it was shut down, and will leave soon */
    int64_t since_ms;  /* when it began what it does now; monotonic */
    bool is_streamed;  /* the answer is */
    bool is_making;    /* the server makes the next bytes of it; else the client takes them */
    int64_t making_ms; /* since when; monotonic */
    int64_t sent;      /* bytes of it that the client has taken since since_ms */
    int64_t asked_ms;  /* when the answer that is under way was asked for; monotonic */
};

struct http_connections {
    struct http_limits limits;
    pthread_t watchdog;
    pthread_mutex_t lock; /* over what follows */
    pthread_cond_t wake;
    bool stopping;
    LIST_HEAD(, http_seat) seats;
    int64_t taken;   /* seats that are not ended */
    int64_t answers; /* answers that count and are under way */
};

static void set_answered(struct http_connections *r, struct http_seat *seat, bool answered,
                         bool counts) {
    r->answers += counts - seat->counts;
    seat->is_answered = answered;
    seat->is_streamed = seat->is_making = false;
    seat->sent = 0;
    seat->counts = counts;
    seat->since_ms = seat->asked_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
}

static void end(struct http_connections *r, struct http_seat *seat) {
    seat->is_ended = true;
    r->taken--;
    (void)shutdown(seat->fd, SHUT_RDWR);
}

/* --- room */

/* The connection that is ended to make room: one that waits for a request rather than one that is
 * answered, and of these the one that has done so longest. Never `newcomer`. */
static struct http_seat *first_to_go(struct http_connections *r, const struct http_seat *newcomer) {
    struct http_seat *best = NULL, *seat;
    LIST_FOREACH(seat, &r->seats, entry) {
        if (seat->is_ended || seat == newcomer)
            continue;
        if (best == NULL || seat->is_answered < best->is_answered ||
            (seat->is_answered == best->is_answered && seat->since_ms <= best->since_ms))
            best = seat;
    }
    return best;
}

struct http_seat *http_connections_enter(struct http_connections *r, int fd) {
    struct http_seat *seat = mem_calloc(1, sizeof *seat);
    seat->fd = fd;
    seat->since_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
    (void)pthread_mutex_lock(&r->lock);
    LIST_INSERT_HEAD(&r->seats, seat, entry);
    if (++r->taken > r->limits.answers + HTTP_CONNECTIONS_SPARE)
        end(r, first_to_go(r, seat));
    (void)pthread_mutex_unlock(&r->lock);
    return seat;
}

void http_connections_leave(struct http_connections *r, struct http_seat *seat) {
    (void)pthread_mutex_lock(&r->lock);
    set_answered(r, seat, false, false);
    r->taken -= !seat->is_ended;
    LIST_REMOVE(seat, entry);
    (void)pthread_mutex_unlock(&r->lock);
    free(seat);
}

bool http_connections_begin(struct http_connections *r, struct http_seat *seat,
                            bool is_about_health) {
    (void)pthread_mutex_lock(&r->lock);
    bool ok = is_about_health || r->answers < r->limits.answers;
    seat->was_asked = true;
    set_answered(r, seat, true, ok && !is_about_health);
    (void)pthread_mutex_unlock(&r->lock);
    return ok;
}

void http_connections_end(struct http_connections *r, struct http_seat *seat) {
    (void)pthread_mutex_lock(&r->lock);
    set_answered(r, seat, false, false);
    (void)pthread_mutex_unlock(&r->lock);
}

/* --- streamed answers */

void http_connections_making(struct http_connections *r, struct http_seat *seat) {
    (void)pthread_mutex_lock(&r->lock);
    seat->is_streamed = seat->is_making = true;
    seat->making_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
    (void)pthread_mutex_unlock(&r->lock);
}

/* The client has answer_ms again for each stream_bytes. */
void http_connections_sending(struct http_connections *r, struct http_seat *seat, size_t bytes) {
    (void)pthread_mutex_lock(&r->lock);
    int64_t now_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
    if (seat->is_making)
        seat->since_ms += now_ms - seat->making_ms; /* that time was the server's */
    seat->is_streamed = true;
    seat->is_making = false;
    seat->sent += (int64_t)bytes;
    if (seat->sent >= r->limits.stream_bytes) {
        seat->since_ms = now_ms;
        seat->sent = 0;
    }
    (void)pthread_mutex_unlock(&r->lock);
}

/* --- the watchdog */

static bool is_over(const struct http_connections *r, const struct http_seat *seat,
                    int64_t now_ms) {
    const struct http_limits *l = &r->limits;
    if (!seat->is_answered)
        return now_ms - seat->since_ms >= (seat->was_asked ? l->next_ms : l->first_ms);
    if (seat->is_streamed && now_ms - seat->asked_ms >= l->stream_ms)
        return true;
    return !seat->is_making && now_ms - seat->since_ms >= l->answer_ms;
}

static int64_t interval_of(const struct http_limits *l) {
    int64_t shortest = l->first_ms < l->next_ms ? l->first_ms : l->next_ms;
    int64_t interval = (shortest < l->answer_ms ? shortest : l->answer_ms) / 4;
    return interval < WATCH_INTERVAL_MAX_MS ? interval + 1 : WATCH_INTERVAL_MAX_MS;
}

static void *watch(void *room) {
    struct http_connections *r = room;
    (void)pthread_mutex_lock(&r->lock);
    while (!r->stopping) {
        int64_t now_ms = clock_ms(clock_of_machine(), CLOCK_MONOTONIC),
                next_ms = now_ms + interval_of(&r->limits);
        struct http_seat *seat;
        LIST_FOREACH(seat, &r->seats, entry) {
            if (!seat->is_ended && is_over(r, seat, now_ms))
                end(r, seat);
        }
        (void)steady_cond_wait(&r->wake, &r->lock, next_ms);
    }
    (void)pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* --- life */

static void destroy(struct http_connections *r) {
    (void)pthread_mutex_destroy(&r->lock);
    (void)pthread_cond_destroy(&r->wake);
    free(r);
}

struct http_connections *http_connections_new(const struct http_limits *limits, struct err *e) {
    struct http_connections *r = mem_calloc(1, sizeof *r);
    r->limits = *limits;
    LIST_INIT(&r->seats);
    steady_cond_init(&r->wake);
    (void)pthread_mutex_init(&r->lock, NULL);
    int error = pthread_create(&r->watchdog, NULL, watch, r);
    if (error == 0)
        return r;
    (void)err_set(e, ERR_STOP, "http: cannot start a thread: %s", strerror(error));
    destroy(r);
    return NULL;
}

void http_connections_free(struct http_connections *r) {
    (void)pthread_mutex_lock(&r->lock);
    r->stopping = true;
    (void)pthread_cond_signal(&r->wake);
    (void)pthread_mutex_unlock(&r->lock);
    (void)pthread_join(r->watchdog, NULL);
    destroy(r);
}
