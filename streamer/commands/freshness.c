/* freshness: how old the newest record of each input is, as `dbt source freshness` tells it. */
#include "streamer/commands/commands.h"
#include "streamer/commands/freshness_text.h"
#include "streamer/commands/show_instances.h"

int command_freshness(const struct config *c, const char *url, bool as_json) {
    return show_instances(c, url, "/v1/freshness?all=true", as_json, freshness_text);
}
