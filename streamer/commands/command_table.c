#include "streamer/commands/command_table.h"

/* A line for each command. */
/* clang-format off */
const struct command *const command_table[] = {
    &run_command,
    &feed_command,
    &try_command,
    &demo_command,
    &check_command,
    &reset_command,
    &status_command,
    &freshness_command,
    &quality_command,
    &quarantine_command,
    &export_command,
    &whatif_command,
    &schemas_command,
    &topology_command,
    &completion_command,
    &help_command,
    &version_command,
    NULL,
};
/* clang-format on */
