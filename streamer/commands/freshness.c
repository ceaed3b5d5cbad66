/* freshness: how old the newest record of each input is, as `dbt source freshness` tells it. */
#include "streamer/commands/command.h"
#include "streamer/commands/freshness_text.h"
#include "streamer/commands/show_instances.h"

static int run(const struct config *c, const struct arguments *a) {
    return show_instances(c, a, "/v1/freshness?all=true", freshness_text);
}

static const struct option options[] = {OPTION_URL, OPTION_FORMAT, {0}};

static const char *const examples[] = {
    "streamer freshness -c streamer.properties",
    "streamer freshness --url http://localhost:9464 --format json",
    NULL,
};

const struct command freshness_command = {
    .name = "freshness",
    .summary = "how old the newest record of each input is, as all running instances say; exit "
               "code 1 if one is too old (freshness.error) or an instance cannot be reached",
    .options = options,
    .examples = examples,
    .run = run,
};
