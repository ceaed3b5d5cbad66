#include "streamer/commands/commands.h"

#include <stdio.h>

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
