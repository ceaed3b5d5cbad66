/* commands: what `streamer <command>` calls. Each returns the exit code: 0 done, 1 failed while
 * running, 2 wrong usage or configuration; a failure has been said on standard error, in one line,
 * when it returns. That of `run` is a line of the log. */
#ifndef STREAMER_COMMANDS_COMMANDS_H
#define STREAMER_COMMANDS_COMMANDS_H

#include "streamer/commands/feed.h"
#include "streamer/config/config.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* What config_load read, so that it can be read again; borrowed. */
struct config_source {
    const char *path;
    const char *const *sets;
    size_t set_count;
};

int command_run(const struct config *c, bool embedded, const struct config_source *source);
int command_demo(const struct config *c, bool once);
int command_feed(const struct config *c, enum entity entity, const char *const *files,
                 size_t file_count, const struct feed_options *o);
int command_check(const struct config *c, bool connect);
/* yes: without asking. */
int command_reset(const struct config *c, bool yes, bool keep_quarantine);

/* "streamer: <text>" on standard error; returns the exit code that goes with the error. */
int command_fail(const struct err *e);

/* The same as a line of the log, the last one: for what runs for long and is watched by
 * machines. */
int command_fail_in_log(const struct err *e);

#endif
