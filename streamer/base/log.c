#include "streamer/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static enum log_level threshold = LOG_INFO;

void log_set_level(enum log_level level) {
    threshold = level;
}

const char *log_quote(struct log_value *v, const char *text) {
    size_t n = 0;
    v->text[n++] = '"';
    for (; *text != '\0' && n < sizeof v->text - 3; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            v->text[n++] = '\\';
        v->text[n++] = c < 0x20 ? ' ' : *text;
    }
    v->text[n++] = '"';
    v->text[n] = '\0';
    return v->text;
}

void log_line(enum log_level level, const char *msg, const char *pairs, ...) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if (level < threshold)
        return;
    char line[4096];
    struct timespec now;
    struct tm tm;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(line, sizeof line, "time=%Y-%m-%dT%H:%M:%S", &tm);
    int w = snprintf(line + n, sizeof line - n, ".%03ldZ level=%s msg=%s ", now.tv_nsec / 1000000,
                     names[level], log_quote(&(struct log_value){0}, msg));
    n += w > 0 ? (size_t)w : 0;
    va_list args;
    va_start(args, pairs);
    w = vsnprintf(line + n, sizeof line - n, pairs, args);
    va_end(args);
    n += w > 0 ? (size_t)w : 0;
    if (n > sizeof line - 2)
        n = sizeof line - 2;
    while (n > 0 && line[n - 1] == ' ')
        n--;
    line[n++] = '\n';
    (void)fwrite(line, 1, n, stderr); /* one write a line: lines of threads do not mix */
}
