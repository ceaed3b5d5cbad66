/* command: what the program knows of each command. Parsing, `--help`, the proposals for what was
 * mistyped, and everything that is made for users from it come from these tables. A command lies in
 * a file of its own, which ends with its table; command_table.c lists all of them. */
#ifndef STREAMER_COMMANDS_COMMAND_H
#define STREAMER_COMMANDS_COMMAND_H

#include "streamer/commands/arguments.h"
#include "streamer/config/config.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* An option, which takes a value if one of `value` and `choices` is set. In a table of options the
 * last one has no name. */
struct option {
    const char *name;    /* "--config" */
    const char *value;   /* what its value is, for help: "FILE"; NULL: see choices */
    const char *choices; /* the values that it takes: "text|json"; NULL: any */
    const char *help;    /* one line */
    char letter;         /* 'c': it may also be written -c; '\0': no letter */
    bool repeats;        /* else the last one counts */
};

/* Options that several commands take, for their tables. */
#define OPTION_URL                                                                                 \
    { "--url", .value = "URL", .help = "asks that instance, not the one of the configuration" }
#define OPTION_FORMAT                                                                              \
    { "--format", .choices = "text|json", .help = "for people, which is the default, or programs" }
#define OPTION_YES                                                                                 \
    { "--yes", .help = "does not ask before it begins" }

/* A command. Each table and each list ends with an empty entry or NULL; a list that is NULL is
 * empty. A command with `run` also takes the options of the configuration, and every command
 * takes --help. */
struct command {
    const char *name;
    const char *operands; /* for help: "customers|accounts FILE.csv..."; NULL: it takes none */
    const char *summary;  /* what it does, one line */
    const struct option *options;
    const char *const *words;    /* the first operand is one of these; NULL: it is anything */
    const char *const *examples; /* at least one whole command line, as a shell would run it */
    /* One of these is set. Each returns the exit code, and has then written one line to standard
     * error unless the code is 0; for a command with `fail` that is a line of the log. A command
     * about commands gets the table of all of them. */
    int (*run)(const struct config *c, const struct arguments *a);
    int (*run_bare)(const struct arguments *a); /* does without the configuration */
    int (*run_about)(const struct command *const *all, const struct arguments *a);
    int (*fail)(const struct err *e); /* how errors before `run` are reported; NULL: command_fail */
};

/* What the command takes: its own options, then those that it shares with others. NULL: there are
 * no more than `i`. */
const struct option *command_option(const struct command *command, size_t i);

/* Finds a command by its name, or "-h", "--help", "-V", "--version". NULL: the error names the
 * nearest. */
const struct command *command_find(const struct command *const *all, const char *name,
                                   struct err *e);

/* Writes "streamer: <text>" to standard error. Returns the exit code for the class of the error. */
int command_fail(const struct err *e);
/* The same, but as the last line of the log, for a command that runs for long and is watched by
 * machines. */
int command_fail_in_log(const struct err *e);
/* Reports an error as the command wants it: one of the two above. */
int command_report(const struct command *command, const struct err *e);
/* Reports wrong usage of the command: the text with the command's name before it. */
int command_refuse(const struct command *command, struct err *e);

extern const struct command check_command;
extern const struct command completion_command;
extern const struct command demo_command;
extern const struct command export_command;
extern const struct command feed_command;
extern const struct command freshness_command;
extern const struct command help_command;
extern const struct command quality_command;
extern const struct command quarantine_command;
extern const struct command reset_command;
extern const struct command run_command;
extern const struct command schemas_command;
extern const struct command status_command;
extern const struct command topology_command;
extern const struct command try_command;
extern const struct command version_command, whatif_command;
extern const struct command whatif_command;

#endif
