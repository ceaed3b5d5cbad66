/* config_value: reads one configuration value of each kind. Pure. False with "what, what to do" in
 * the error.
 */
#ifndef STREAMER_CONFIG_CONFIG_VALUE_H
#define STREAMER_CONFIG_CONFIG_VALUE_H

#include "streamer/base/err.h"
#include "streamer/base/log.h"

#include <stdint.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

/* Does it look as if a comment stood behind the value? ("x # y"; files of settings have none
 * there.) */
bool is_comment_behind(const char *value);

/* A rule for a text. */
typedef bool value_check(const char *value, struct err *e);

value_check check_directory;
value_check
    check_app_id; /* a part of topic names, with room for the suffixes of the internal ones */
value_check check_instance_id; /* or empty */
value_check check_topic;
value_check check_servers; /* HOST[:PORT],... */
value_check check_listen;  /* HOST:PORT, or empty */
value_check check_url;     /* of an instance (address.h), or empty */
value_check check_hosts;   /* patterns (address.h) */

bool parse_integer(const char *text, int64_t min, int64_t max, int64_t *value, struct err *e);
/* "3d", "2h", "10m", "15s" or "100ms", never a number alone. */
bool parse_duration(const char *text, int64_t min_ms, int64_t max_ms, int64_t *ms, struct err *e);
bool parse_log_level(const char *text, enum log_level *level, struct err *e);

struct duration_text {
    char text[32];
};
/* In the largest unit that gives a whole number: "3d". */
struct duration_text duration_text(int64_t ms);

#endif
