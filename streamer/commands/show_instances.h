/* show_instances: a command that asks all instances once, and prints what they say. */
#ifndef STREAMER_COMMANDS_SHOW_INSTANCES_H
#define STREAMER_COMMANDS_SHOW_INSTANCES_H

#include "streamer/commands/arguments.h"
#include "streamer/commands/instance.h"
#include "streamer/commands/paint.h"

/* Puts the answers as text. False: the command ends with EXIT_FAILED. */
typedef bool show_instances_text(const struct instances *all, struct paint *p);

/* Asks the instance that --url or the configuration names for `path`, which has "all=true". Prints
 * the answer as text, or as it is (--format json). Returns the exit code; an error is reported. */
int show_instances(const struct config *c, const struct arguments *a, const char *path,
                   show_instances_text *put_text);

#endif
