/* log: logfmt lines on standard error: time, level, msg, then key=value pairs. Safe from any thread. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Lines below `level` are dropped. Call before threads start. */
void log_set_level(enum log_level level);
/* `pairs` is printf text that is already logfmt ("topic=x partition=3"), or "" . Use log_value for text of
 * unknown content. */
void log_line(enum log_level level, const char *msg, const char *pairs, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(msg, ...) log_line(LOG_DEBUG, msg, __VA_ARGS__)
#define log_info(msg, ...) log_line(LOG_INFO, msg, __VA_ARGS__)
#define log_warn(msg, ...) log_line(LOG_WARN, msg, __VA_ARGS__)
#define log_error(msg, ...) log_line(LOG_ERROR, msg, __VA_ARGS__)

struct log_value {
    char text[1100];
};
/* `text` quoted for logfmt; use as log_quote(&(struct log_value){0}, text). */
const char *log_quote(struct log_value *v, const char *text);

#endif
