/* The life of the program: it finds the command in the table, parses its arguments, loads the
 * configuration where the command wants it, and runs it. */
#include "streamer/commands/arguments.h"
#include "streamer/commands/command_table.h"
#include "streamer/commands/help.h"
#include "streamer/commands/interrupt.h"
#include "streamer/kafka/kafka.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static const struct command *choose_command(int argc, char **argv, struct err *e) {
    if (argc >= 2)
        return command_find(command_table, argv[1], e);
    (void)err_set(e, ERR_CONFIG, "which command? `streamer help` lists them");
    return NULL;
}

static int run_configured(const struct command *command, const struct arguments *a) {
    struct config config;
    struct err e;
    if (!arguments_load_config(a, &config, &e))
        return command_report(command, &e);
    log_set_level(config.log_level);
    log_set_format(config.log_format);
    config.stop = interrupt_flag();
    int code = command->run(&config, a);
    config_release(&config);
    return code;
}

static int run(const struct command *command, const struct arguments *a) {
    if (arguments_has(a, "--help"))
        return help_print(command);
    if (command->run != NULL)
        return run_configured(command, a);
    return command->run_bare != NULL ? command->run_bare(a) : command->run_about(command_table, a);
}

/* Writes what is still buffered, which may fail: a full disk, a closed pipe. */
static int finish_output(void) {
    struct err e;
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return EXIT_DONE;
    (void)err_set(&e, ERR_STOP, "cannot write to standard output: the output is not complete");
    return command_fail(&e);
}

/* Ends the process. The threads of a client that could not be ended (kafka_destroy) may use what
 * the exit handlers of libraries take apart, OpenSSL's among them. So with such a client these
 * handlers are left out. */
static int leave(int code) {
    if (!kafka_clients_ended(0)) {
        (void)fflush(NULL);
        _exit(code);
    }
    return code;
}

int main(int argc, char **argv) {
    struct err e;
    struct arguments arguments;
    (void)signal(SIGPIPE, SIG_IGN); /* writing to a closed pipe is an error, not the end */
    const struct command *command = choose_command(argc, argv, &e);
    if (command == NULL)
        return command_fail(&e);
    if (!arguments_parse(&arguments, command, argc - 2, argv + 2, &e))
        return command_refuse(command, &e);
    int code = run(command, &arguments);
    arguments_release(&arguments);
    int finished = finish_output();
    return leave(code == EXIT_DONE ? finished : code);
}
