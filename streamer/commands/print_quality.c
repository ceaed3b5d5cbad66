/* print_quality: what the quality checks of all instances say. */
#include "streamer/commands/command.h"
#include "streamer/commands/quality_text.h"
#include "streamer/commands/show_instances.h"

static int run(const struct config *c, const struct arguments *a) {
    return show_instances(c, a, "/v1/quality?all=true", quality_text);
}

static const struct option options[] = {OPTION_URL, OPTION_FORMAT, {0}};

static const char *const examples[] = {
    "streamer quality -c streamer.properties",
    "streamer quality --url http://localhost:9464 --format json",
    NULL,
};

const struct command quality_command = {
    .name = "quality",
    .summary = "what the quality checks of all running instances say; exit code 1 if a check fails "
               "or an instance cannot be reached",
    .options = options,
    .examples = examples,
    .run = run,
};
