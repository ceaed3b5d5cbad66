#include "streamer/commands/progress.h"

#include "streamer/base/clock.h"

#include <inttypes.h>
#include <string.h>

#define REDRAW_MS 100
#define BAR_CELLS 30

void progress_init(struct progress *p, FILE *out, uint64_t total_bytes) {
    int64_t now = clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
    *p = (struct progress){
        .out = out, .total = total_bytes, .started_ms = now, .drawn_ms = now - REDRAW_MS};
}

static void draw_bar(FILE *out, uint64_t bytes, uint64_t total) {
    uint64_t percent = bytes >= total ? 100 : bytes * 100 / total;
    char bar[BAR_CELLS + 1];
    size_t done = (size_t)(percent * BAR_CELLS / 100);
    memset(bar, '#', done);
    memset(bar + done, '.', BAR_CELLS - done);
    bar[BAR_CELLS] = '\0';
    (void)fprintf(out, "[%s] %3" PRIu64 "%%  ", bar, percent);
}

/* Seconds for the rest, rounded up. Bytes in units of 1024 keep the product small. */
static uint64_t seconds_left(uint64_t elapsed_ms, uint64_t bytes, uint64_t total) {
    uint64_t left_kib = total > bytes ? (total - bytes) / 1024 : 0;
    return (left_kib * elapsed_ms / (bytes / 1024) + 999) / 1000;
}

/* "0:07 left", "2:03:04 left". */
static void draw_time_left(FILE *out, uint64_t seconds) {
    if (seconds >= 3600)
        (void)fprintf(out, ", %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " left", seconds / 3600,
                      seconds / 60 % 60, seconds % 60);
    else
        (void)fprintf(out, ", %" PRIu64 ":%02" PRIu64 " left", seconds / 60, seconds % 60);
}

void progress_show(struct progress *p, uint64_t bytes, uint64_t rows) {
    int64_t now = clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
    if (p->out == NULL || now - p->drawn_ms < REDRAW_MS)
        return;
    p->drawn_ms = now;
    uint64_t elapsed_ms = now > p->started_ms ? (uint64_t)(now - p->started_ms) : 1;
    (void)fputs("\r", p->out);
    if (p->total > 0)
        draw_bar(p->out, bytes, p->total);
    (void)fprintf(p->out, "%" PRIu64 " rows, %" PRIu64 " rows/s", rows, rows * 1000 / elapsed_ms);
    if (bytes >= 1024 && p->total > 0)
        draw_time_left(p->out, seconds_left(elapsed_ms, bytes, p->total));
    /* The cursor goes back to the start, so that a log line writes over this one. */
    (void)fputs("\033[K\r", p->out);
    (void)fflush(p->out);
}

void progress_clear(struct progress *p) {
    if (p->out == NULL)
        return;
    (void)fputs("\r\033[K", p->out);
    (void)fflush(p->out);
}
