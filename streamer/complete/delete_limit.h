/* delete_limit: how many rows a complete feed may delete (--max-deletes): a number, or a share of
 * the current rows. Pure. */
#ifndef STREAMER_COMPLETE_DELETE_LIMIT_H
#define STREAMER_COMPLETE_DELETE_LIMIT_H

#include "streamer/base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define DELETE_LIMIT_DEFAULT "10%"

struct delete_limit {
    bool is_share;
    int64_t value; /* rows; of a share hundredths of a percent, 0 to 10000 */
};

/* Reads "5", "10%" or "0.5%". False with ERR_CONFIG: it is something else. */
bool delete_limit_parse(const char *text, struct delete_limit *limit, struct err *e);
/* Whether so many of the current rows may be deleted. */
bool delete_limit_allows(const struct delete_limit *limit, uint64_t deletes, uint64_t current);

#endif
