/* arguments: parses the command line after the name of the command, by the command's table. */
#ifndef STREAMER_COMMANDS_ARGUMENTS_H
#define STREAMER_COMMANDS_ARGUMENTS_H

#include "streamer/base/err.h"
#include "streamer/config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct command;

/* The parsed command line. Its texts are borrowed from argv. */
struct arguments {
    const struct command *command;
    struct arguments_given *given; /* by option of the command */
    const char **operands;
    size_t operand_count;
};

/* Parses argv, which is without the program and the command. Options and operands may mix. "--"
 * ends the options, and "-" is an operand. "--rate 5" is the same as "--rate=5", and "-c FILE" as
 * "-cFILE". False: the error names the nearest option, choice or word, and there is nothing to
 * release. With --help any operands will do. */
bool arguments_parse(struct arguments *a, const struct command *command, int argc,
                     char *const *argv, struct err *e);
void arguments_release(struct arguments *a);

/* What was given of an option, by its name "--rate", which the command must have. */
bool arguments_has(const struct arguments *a, const char *option);
/* The last value; NULL: not given. */
const char *arguments_value(const struct arguments *a, const char *option);
/* All values, in their order, good until the release. Returns their number. */
size_t arguments_values(const struct arguments *a, const char *option, const char *const **values);
/* Reads a whole number within min and max; `value` stays as it is if the option was not given. */
bool arguments_integer(const struct arguments *a, const char *option, int64_t min, int64_t max,
                       int64_t *value, struct err *e);
/* Whether --format is json. */
bool arguments_wants_json(const struct arguments *a);

/* Loads what -c, the environment and --set say, for a command with these options. */
bool arguments_load_config(const struct arguments *a, struct config *c, struct err *e);

#endif
