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

void progress_show(struct progress *p, uint64_t bytes, uint64_t rows) {
    int64_t now = clock_ms(clock_of_machine(), CLOCK_MONOTONIC);
    if (p->out == NULL || now - p->drawn_ms < REDRAW_MS)
        return;
    p->drawn_ms = now;
    uint64_t elapsed_ms = now > p->started_ms ? (uint64_t)(now - p->started_ms) : 1;
    (void)fputs("\r", p->out);
    if (p->total > 0)
        draw_bar(p->out, bytes, p->total);
    /* The cursor goes back to the start, so that a log line writes over this one. */
    (void)fprintf(p->out, "%" PRIu64 " rows, %" PRIu64 " rows/s\033[K\r", rows,
                  rows * 1000 / elapsed_ms);
    (void)fflush(p->out);
}

void progress_clear(struct progress *p) {
    if (p->out == NULL)
        return;
    (void)fputs("\r\033[K", p->out);
    (void)fflush(p->out);
}
