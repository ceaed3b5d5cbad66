/* commands: the functions behind `streamer <command>`. Each returns the exit code: 0 is done, 1
 * failed while running, 2 wrong usage or configuration. A command that fails has written one line
 * to standard error when it returns; for `run` that is a line of the log. */
#ifndef STREAMER_COMMANDS_COMMANDS_H
#define STREAMER_COMMANDS_COMMANDS_H

#include "streamer/commands/feed.h"
#include "streamer/config/config.h"
#include "streamer/registry/registry.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* The sources of the configuration, so that `run` can read them again. Borrowed. */
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
/* `yes`: does not ask the user. */
int command_reset(const struct config *c, bool yes, bool keep_quarantine);
/* Asks the instance at `url`; NULL: that of the configuration. EXIT_FAILED if an input has an
 * error, or an instance cannot be reached. */
int command_freshness(const struct config *c, const char *url, bool as_json);
/* The same of the quality checks. EXIT_FAILED if a check fails or an instance cannot be reached. */
int command_quality(const struct config *c, const char *url, bool as_json);
/* The same of the whole status. EXIT_FAILED if an instance is not ready or cannot be reached, or a
 * problem is an error. `watches`: shows it again and again, until a signal. */
int command_status(const struct config *c, const char *url, bool as_json, bool watches);
/* `format`: text, json, dot or mermaid; NULL: text. */
int command_topology(const struct config *c, const char *format);
/* `words`: none, "show" and the name of a schema, "register" or "check". */
int command_schemas(const struct config *c, const char *const *words, size_t count);
/* Prints what the registry holds of each public schema. EXIT_FAILED if it does not answer, or would
 * not take one of them, or if `run` could not begin without one. For `schemas` and `check`. */
int schemas_check(const struct config *c, struct registry *r);

/* Writes "streamer: <text>" to standard error. Returns the exit code for the class of the error. */
int command_fail(const struct err *e);

/* The same, but as the last line of the log, for a command that runs for long and is watched by
 * machines. */
int command_fail_in_log(const struct err *e);

#endif
