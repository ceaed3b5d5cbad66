#include "streamer/commands/command.h"

#include "streamer/base/mem.h"
#include "streamer/base/nearest.h"

#include <stdio.h>
#include <string.h>

static const struct option configured[] = {
    {"--config", .value = "FILE", .letter = 'c', .help = "the settings, one key=value a line"},
    {"--set", .value = "KEY=VALUE", .repeats = true, .help = "a setting, which wins over the file"},
};

static const struct option help = {"--help", .letter = 'h', .help = "this text"};

const struct option *command_option(const struct command *command, size_t i) {
    size_t own = 0, shared = command->run != NULL ? ARRAY_LEN(configured) : 0;
    while (command->options != NULL && command->options[own].name != NULL)
        own++;
    if (i < own)
        return &command->options[i];
    if (i < own + shared)
        return &configured[i - own];
    return i == own + shared ? &help : NULL;
}

const struct command *command_find(const struct command *const *all, const char *name,
                                   struct err *e) {
    if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0)
        name = "help";
    if (strcmp(name, "-V") == 0 || strcmp(name, "--version") == 0)
        name = "version";
    struct nearest nearest = nearest_to(name);
    for (; *all != NULL; all++) {
        if (strcmp((*all)->name, name) == 0)
            return *all;
        nearest_offer(&nearest, (*all)->name);
    }
    if (nearest.best[0] != '\0')
        (void)err_set(e, ERR_CONFIG, "unknown command %.80s, did you mean %s?", name, nearest.best);
    else
        (void)err_set(e, ERR_CONFIG, "unknown command %.80s, `streamer help` lists the valid ones",
                      name);
    return NULL;
}

static int exit_code(const struct err *e) {
    return e->class == ERR_CONFIG ? EXIT_USAGE : EXIT_FAILED;
}

int command_fail(const struct err *e) {
    (void)fprintf(stderr, "streamer: %s\n", e->text);
    return exit_code(e);
}

int command_fail_in_log(const struct err *e) {
    log_error("failed", "exit_code=%d reason=%s", exit_code(e),
              log_quote(&(struct log_value){0}, e->text));
    return exit_code(e);
}

int command_report(const struct command *command, const struct err *e) {
    return (command->fail != NULL ? command->fail : command_fail)(e);
}

int command_refuse(const struct command *command, struct err *e) {
    (void)err_prefix(e, "%s", command->name);
    return command_report(command, e);
}
