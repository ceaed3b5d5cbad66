/* arguments: the command line behind the name of the command, taken apart. */
#ifndef STREAMER_COMMANDS_ARGUMENTS_H
#define STREAMER_COMMANDS_ARGUMENTS_H

#include "streamer/base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Options, as bits: each command says which it takes. --help goes with all. */
enum {
    OPTION_CONFIG = 1 << 0,           /* -c FILE, --config FILE */
    OPTION_SET = 1 << 1,              /* --set key=value, repeated */
    OPTION_EMBEDDED = 1 << 2,         /* --embedded */
    OPTION_ONCE = 1 << 3,             /* --once */
    OPTION_RATE = 1 << 4,             /* --rate N */
    OPTION_CONNECT = 1 << 5,          /* --connect */
    OPTION_MARKDOWN = 1 << 6,         /* --markdown */
    OPTION_HELP = 1 << 7,             /* -h, --help */
    OPTION_YES = 1 << 8,              /* --yes */
    OPTION_DELIMITER = 1 << 9,        /* --delimiter CHARACTER */
    OPTION_MAP = 1 << 10,             /* --map COLUMN=FIELD, repeated */
    OPTION_MISSING = 1 << 11,         /* --missing FIELD, repeated */
    OPTION_KEEP_QUARANTINE = 1 << 12, /* --keep-quarantine */
    OPTION_METRICS = 1 << 13,         /* --metrics */
};

/* What was given; the texts are borrowed from argv. */
struct arguments {
    unsigned options; /* those that were there */
    const char *config_path;
    const char **sets;
    size_t set_count;
    int64_t rate;
    char delimiter; /* '\0': not given */
    const char **maps;
    size_t map_count;
    const char **missing;
    size_t missing_count;
    const char **operands;
    size_t operand_count;
};

/* argv without the program and the command. Options and operands may mix; "--" ends the options;
 * "-" is an operand; "--rate 5" and "--rate=5" are the same, and "-c FILE" and "-cFILE". False with
 * an error that names the nearest option. */
bool arguments_parse(struct arguments *a, unsigned allowed, int argc, char *const *argv,
                     struct err *e);
void arguments_release(struct arguments *a);

#endif
