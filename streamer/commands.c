#include "streamer/commands.h"

#include <stdio.h>

int command_fail(const struct err *e) {
    (void)fprintf(stderr, "streamer: %s\n", e->text);
    return e->class == ERR_CONFIG ? EXIT_USAGE : EXIT_FAILED;
}

const char *streamer_version(void) {
    return STREAMER_VERSION;
}
