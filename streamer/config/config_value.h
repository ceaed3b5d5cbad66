/* config_value: reads a configuration value of each kind. Pure. Each function returns false with an
 * error that says what is wrong and what to do. */
#ifndef STREAMER_CONFIG_CONFIG_VALUE_H
#define STREAMER_CONFIG_CONFIG_VALUE_H

#include "streamer/base/err.h"
#include "streamer/base/log.h"

#include <stdint.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

/* Whether the value looks as if a comment followed it ("x # y"). Comments have their own lines. */
bool is_comment_behind(const char *value);

/* A rule for a text. */
typedef bool value_check(const char *value, struct err *e);

value_check check_directory;
/* app.id begins the names of internal topics, so it leaves room for their suffixes. */
value_check check_app_id;
value_check check_instance_id; /* or empty */
value_check check_topic;
value_check check_servers;         /* HOST[:PORT],... */
value_check check_listen;          /* HOST:PORT, or empty */
value_check check_url;             /* of an instance (address.h), or empty */
value_check check_hosts;           /* patterns (address.h) */
value_check check_registry_urls;   /* http[s]://HOST[:PORT][/PATH],..., or empty */
value_check check_openlineage_url; /* http[s]://HOST[:PORT][/PATH], or empty */
/* Of a secret, or empty. The error does not show it. */
value_check check_receiver_url; /* http[s]://HOST[:PORT][/PATH][?QUERY] */
value_check check_bearer_token;
value_check check_user_info; /* USER:PASSWORD */

bool parse_integer(const char *text, int64_t min, int64_t max, int64_t *value, struct err *e);
/* Reads "3d", "2h", "10m", "15s" or "100ms"; a number without a unit is refused. */
bool parse_duration(const char *text, int64_t min_ms, int64_t max_ms, int64_t *ms, struct err *e);
bool parse_log_level(const char *text, enum log_level *level, struct err *e);

struct duration_text {
    char text[32];
};
/* The duration in the largest unit that gives a whole number: "3d". */
struct duration_text duration_text(int64_t ms);

#endif
