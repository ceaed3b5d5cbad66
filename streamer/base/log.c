#include "streamer/base/log.h"

#include "streamer/base/clock.h"
#include "streamer/base/slice.h"
#include "streamer/base/utf8.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PAIRS_MAX = 3072, LINE_MAX_BYTES = 3 * PAIRS_MAX + 4096 };

static atomic_int threshold = LOG_INFO;
static atomic_int line_format = LOG_LOGFMT;

void log_set_level(enum log_level level) {
    atomic_store(&threshold, level);
}

enum log_level log_get_level(void) {
    return (enum log_level)atomic_load(&threshold);
}

const char *log_level_name(enum log_level level) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    return names[level];
}

void log_set_format(enum log_format format) {
    atomic_store(&line_format, format);
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

/* --- a line under construction --- */

/* A byte of the pairs becomes at most three bytes of JSON, so that any line has room. */
struct line {
    char text[LINE_MAX_BYTES];
    size_t n;
};

static void put(struct line *l, const char *bytes, size_t n) {
    assert(l->n + n < sizeof l->text);
    memcpy(l->text + l->n, bytes, n);
    l->n += n;
}

static void put_text(struct line *l, const char *text) {
    put(l, text, strlen(text));
}

/* Puts the first character of `rest` into a JSON string and returns how many bytes it has. A byte
 * that is not UTF-8 becomes U+FFFD. */
static size_t put_json_char(struct line *l, struct slice rest) {
    size_t n = utf8_char_length(rest);
    if (n == 0)
        put_text(l, "\xEF\xBF\xBD");
    else if (rest.p[0] == '"' || rest.p[0] == '\\')
        put(l, (char[]){'\\', rest.p[0]}, 2);
    else if ((unsigned char)rest.p[0] < 0x20)
        put_text(l, " ");
    else
        put(l, rest.p, n);
    return n > 0 ? n : 1;
}

static void put_json_text(struct line *l, struct slice text) {
    put_text(l, "\"");
    for (size_t i = 0; i < text.n;)
        i += put_json_char(l, slice_of(text.p + i, text.n - i));
    put_text(l, "\"");
}

/* Puts a value of logfmt, in quotes or not, as a JSON string. Returns the text after the value. */
static struct slice put_json_value(struct line *l, struct slice rest) {
    bool quoted = rest.n > 0 && rest.p[0] == '"';
    size_t i = quoted;
    put_text(l, "\"");
    while (i < rest.n && rest.p[i] != (quoted ? '"' : ' ')) {
        i += quoted && rest.p[i] == '\\' && i + 1 < rest.n;
        i += put_json_char(l, slice_of(rest.p + i, rest.n - i));
    }
    put_text(l, "\"");
    i += i < rest.n; /* the end of the value */
    return slice_of(rest.p + i, rest.n - i);
}

static void put_json_pairs(struct line *l, struct slice rest) {
    for (rest = slice_trim(rest); rest.n > 0; rest = slice_trim(rest)) {
        const char *equals = memchr(rest.p, '=', rest.n);
        if (equals == NULL) /* cut short */
            return;
        size_t key = (size_t)(equals - rest.p);
        put_text(l, ",");
        put_json_text(l, slice_of(rest.p, key));
        put_text(l, ":");
        rest = put_json_value(l, slice_of(equals + 1, rest.n - key - 1));
    }
}

static void put_time(struct line *l) {
    int64_t ms = clock_ms(clock_of_machine(), CLOCK_REALTIME);
    time_t seconds = ms / 1000;
    struct tm tm;
    char text[40];
    (void)gmtime_r(&seconds, &tm);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text + n, sizeof text - n, ".%03dZ", (int)(ms % 1000));
    put_text(l, text);
}

static void put_logfmt(struct line *l, enum log_level level, const char *msg, struct slice pairs) {
    put_text(l, "time=");
    put_time(l);
    put_text(l, " level=");
    put_text(l, log_level_name(level));
    put_text(l, " msg=");
    put_text(l, log_quote(&(struct log_value){0}, msg));
    put_text(l, pairs.n > 0 ? " " : "");
    put(l, pairs.p, pairs.n);
}

static void put_json(struct line *l, enum log_level level, const char *msg, struct slice pairs) {
    put_text(l, "{\"time\":\"");
    put_time(l);
    put_text(l, "\",\"level\":\"");
    put_text(l, log_level_name(level));
    put_text(l, "\",\"msg\":");
    put_json_text(l, slice_of(msg, strnlen(msg, sizeof(struct log_value))));
    put_json_pairs(l, pairs);
    put_text(l, "}");
}

void log_line(enum log_level level, const char *msg, const char *pairs, ...) {
    if (level < log_get_level())
        return;
    char text[PAIRS_MAX] = "";
    struct line l;
    l.n = 0;
    va_list args;
    va_start(args, pairs);
    (void)vsnprintf(text, sizeof text, pairs, args);
    va_end(args);
    (atomic_load(&line_format) == LOG_JSON ? put_json : put_logfmt)(&l, level, msg,
                                                                    slice_trim(slice_str(text)));
    put_text(&l, "\n");
    /* One write for a line, so that lines of threads do not mix. */
    (void)fwrite(l.text, 1, l.n, stderr);
}
