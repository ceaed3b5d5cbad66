/* log: lines on standard error, in logfmt or as JSON objects. Each has a time, a level, a msg, and
 * then key=value pairs. May be used from any thread. */
#ifndef STREAMER_BASE_LOG_H
#define STREAMER_BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON }; /* in JSON all values are strings */

/* Lines below `level` are dropped. The level may be changed at any time. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
const char *log_level_name(enum log_level level); /* "debug" */
void log_set_format(enum log_format format);

/* Writes one line. `pairs` is a printf format that gives logfmt ("topic=x partition=3"), or "". Use
 * log_quote for text of unknown content. */
void log_line(enum log_level level, const char *msg, const char *pairs, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(msg, ...) log_line(LOG_DEBUG, msg, __VA_ARGS__)
#define log_info(msg, ...) log_line(LOG_INFO, msg, __VA_ARGS__)
#define log_warn(msg, ...) log_line(LOG_WARN, msg, __VA_ARGS__)
#define log_error(msg, ...) log_line(LOG_ERROR, msg, __VA_ARGS__)

struct log_value {
    char text[1100];
};
/* `text` quoted for logfmt, in `v`: log_quote(&(struct log_value){0}, text). Too long a text is
 * cut. */
const char *log_quote(struct log_value *v, const char *text);

#endif
