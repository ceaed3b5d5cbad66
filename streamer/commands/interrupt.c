#include "streamer/commands/interrupt.h"

#include <signal.h>
#include <stddef.h>

/* A signal handler can reach nothing but what is static. */
static atomic_bool interrupted;

static void note(int signal_number) {
    (void)signal_number;
    atomic_store(&interrupted, true);
}

void interrupt_install(void) {
    /* SA_RESETHAND: the next signal ends the process. SA_RESTART is not set, so that a read from a
     * terminal or a pipe returns. */
    struct sigaction action = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

const atomic_bool *interrupt_flag(void) {
    return &interrupted;
}
