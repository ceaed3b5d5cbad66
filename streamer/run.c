/* run: the processor, until SIGTERM or SIGINT. */
#include "streamer/commands.h"
#include "streamer/service.h"
#include "streamer/start_watch.h"

int command_run(const struct config *c, bool embedded) {
    struct err e = {0};
    service_block_signals();
    struct start_watch *watch = NULL;
    if (!embedded && (watch = start_watch_begin(&e)) == NULL) /* which leaves its directory to nobody */
        return command_fail_in_log(&e);
    struct service *s = service_start(c, embedded, &e);
    start_watch_end(watch);
    if (s == NULL)
        return command_fail_in_log(&e);
    service_wait(s);
    return service_stop(s, &e) ? EXIT_DONE : command_fail_in_log(&e);
}
