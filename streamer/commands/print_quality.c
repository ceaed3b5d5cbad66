/* print_quality: what the quality checks of all instances say. */
#include "streamer/commands/commands.h"
#include "streamer/commands/quality_text.h"
#include "streamer/commands/show_instances.h"

int command_quality(const struct config *c, const char *url, bool as_json) {
    return show_instances(c, url, "/v1/quality?all=true", as_json, quality_text);
}
