/* arguments: parses the command line after the name of the command. */
#ifndef STREAMER_COMMANDS_ARGUMENTS_H
#define STREAMER_COMMANDS_ARGUMENTS_H

#include "streamer/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Options, as bits. Each command says which of them it takes; all take --help. */
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
    OPTION_URL = 1 << 14,             /* --url URL */
    OPTION_FORMAT = 1 << 15,          /* --format text|json */
    OPTION_WATCH = 1 << 16,           /* --watch */
    OPTION_DRAWING = 1 << 17,         /* --format FORMAT of topology */
};

/* The parsed command line. Its texts are borrowed from argv. */
struct arguments {
    unsigned options; /* bits of the options that were given */
    const char *config_path;
    const char **sets;
    size_t set_count;
    int64_t rate;
    char delimiter;  /* '\0': not given */
    const char *url; /* NULL: not given */
    bool is_json;    /* --format json */
    const char **maps;
    size_t map_count;
    const char **missing;
    size_t missing_count;
    const char *drawing; /* NULL: not given */
    const char **operands;
    size_t operand_count;
};

/* Parses argv, which is without the program and the command. Options and operands may mix. "--"
 * ends the options, and "-" is an operand. "--rate 5" is the same as "--rate=5", and "-c FILE" as
 * "-cFILE". False: the error names the nearest option, and there is nothing to release. */
bool arguments_parse(struct arguments *a, unsigned allowed, int argc, char *const *argv,
                     struct err *e);
void arguments_release(struct arguments *a);

#endif
