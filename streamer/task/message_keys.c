#include "streamer/task/message_keys.h"

#include "streamer/base/decimal.h"
#include "streamer/base/timestamp.h"
#include "streamer/task/task.h"
#include "streamer/task/task_history.h"
#include "streamer/task/task_rows.h"

#include <string.h>

/* Splits the key at a bar; NULL: there is none. */
static bool split(struct slice key, const char *bar, struct slice *first, struct slice *second) {
    if (bar == NULL)
        return false;
    *first = slice_of(key.p, (size_t)(bar - key.p));
    *second = slice_of(bar + 1, key.n - first->n - 1);
    return true;
}

/* An account_id may contain bars, so the time stands behind the last one, and a link's customer
 * before the first one. */
bool history_key_read(struct slice key, struct slice *id, int64_t *valid_from) {
    struct slice time;
    return split(key, key.n > 0 ? memrchr(key.p, '|', key.n) : NULL, id, &time) &&
           decimal_parse_integer(time, valid_from) == DECIMAL_OK;
}

bool link_key_read(struct slice key, struct slice *customer_id, struct slice *account_id) {
    return split(key, key.n > 0 ? memchr(key.p, '|', key.n) : NULL, customer_id, account_id);
}

static struct slice behind(struct slice key, const char *prefix) {
    size_t n = strlen(prefix);
    return slice_of(key.p + n, key.n - n);
}

enum confirmations_key confirmations_key_read(struct slice key, enum entity *entity,
                                              struct slice *id, int64_t *at) {
    for (int i = 0; i < ENTITY_COUNT; i++) {
        const struct entity_map *map = entity_map((enum entity)i);
        *entity = (enum entity)i;
        if (slice_has_prefix(key, slice_str(map->memory_prefix))) {
            *id = behind(key, map->memory_prefix);
            return CONFIRMATIONS_MEMORY;
        }
        if (slice_has_prefix(key, slice_str(map->confirmation_prefix)) &&
            history_key_read(behind(key, map->confirmation_prefix), id, at))
            return CONFIRMATIONS_OF_ITS_OWN;
    }
    return CONFIRMATIONS_OTHER;
}

/* The list of an id's own message. */
static bool read_memory(struct slice value, struct timeline *line) {
    struct slice body = slice_of(value.p + 1, value.n - 1);
    timeline_clear(line);
    if (value.p[0] == MESSAGE_FORMAT) /* version 0.1.0 */
        return confirmations_decode(body, line);
    return value.p[0] == CONFIRMATIONS_FORMAT && id_memory_decode(body, line);
}

bool confirmations_value_read(enum confirmations_key kind, int64_t at, struct slice value,
                              struct timeline *line, struct confirmation *newest) {
    *newest = (struct confirmation){.at = TIMESTAMP_NONE};
    if (value.n == 0)
        return false;
    if (kind == CONFIRMATIONS_OF_ITS_OWN)
        return value.p[0] == CONFIRMATIONS_FORMAT &&
               confirmation_decode(slice_of(value.p + 1, value.n - 1), at, newest);
    if (!read_memory(value, line))
        return false;
    if (line->confirmation_count > 0)
        *newest = line->confirmations[line->confirmation_count - 1];
    return true;
}
