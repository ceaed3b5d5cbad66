/* run: the processor, until SIGTERM or SIGINT. */
#include "streamer/commands.h"
#include "streamer/service.h"

int command_run(const struct config *c, bool embedded) {
    struct err e = {0};
    service_block_signals();
    struct service *s = service_start(c, embedded, &e);
    if (s == NULL)
        return e.class == ERR_NONE ? EXIT_DONE : command_fail(&e);
    service_wait(s);
    return service_stop(s, &e) ? EXIT_DONE : command_fail(&e);
}
