/* print_version: the version of the program, and that of its Kafka library. */
#include "streamer/base/version.h"
#include "streamer/commands/command.h"
#include "streamer/kafka/kafka.h"

#include <stdio.h>

static int run(const struct arguments *a) {
    (void)a;
    (void)printf("streamer %s (librdkafka %s)\n", streamer_version(), kafka_library_version());
    return EXIT_DONE;
}

static const char *const examples[] = {"streamer version", NULL};

const struct command version_command = {
    .name = "version",
    .summary = "the version, and that of its Kafka library",
    .examples = examples,
    .run_bare = run,
};
