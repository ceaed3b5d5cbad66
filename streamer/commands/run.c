/* run: the processor, until SIGTERM or SIGINT. SIGHUP reads secrets and certificates again. */
#include "streamer/commands/command.h"
#include "streamer/service/service.h"
#include "streamer/service/signals.h"
#include "streamer/service/start_watch.h"

#include <signal.h>
#include <unistd.h>

static void reload(struct service *s, const struct arguments *a) {
    struct err e;
    struct config fresh;
    bool ok = arguments_load_config(a, &fresh, &e);
    if (ok && service_reload(s, &fresh, &e))
        return;
    if (ok)
        config_release(&fresh);
    log_error("secrets and certificates stay as they were", "reason=%s",
              log_quote(&(struct log_value){0}, e.text));
}

static int run(const struct config *c, const struct arguments *a) {
    struct err e = {0};
    bool embedded = arguments_has(a, "--embedded");
    bool on_terminal = isatty(STDIN_FILENO) == 1;
    signals_block(true);
    struct start_watch *watch = NULL;
    /* An embedded run leaves its directory to nobody. */
    if (!embedded && (watch = start_watch_begin(&e)) == NULL)
        return command_fail_in_log(&e);
    struct service *s = service_start(c, embedded, &e);
    start_watch_end(watch);
    if (s == NULL)
        return signals_stop_is_pending() ? EXIT_DONE : command_fail_in_log(&e);
    while (service_wait(s) == SERVICE_RELOAD) {
        if (on_terminal && !isatty(STDIN_FILENO)) /* a terminal that is closed sends SIGHUP, too */
            (void)kill(getpid(), SIGTERM);
        else
            reload(s, a);
    }
    return service_stop(s, &e) ? EXIT_DONE : command_fail_in_log(&e);
}

static const struct option options[] = {
    {"--embedded", .help = "with a broker inside the process, nothing else to install"},
    {0},
};

static const char *const examples[] = {
    "streamer run -c streamer.properties",
    "streamer run --embedded --set state.dir=/tmp/streamer",
    NULL,
};

const struct command run_command = {
    .name = "run",
    .summary = "the processor, until SIGTERM or SIGINT",
    .options = options,
    .examples = examples,
    .run = run,
    .fail = command_fail_in_log,
};
