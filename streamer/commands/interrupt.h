/* interrupt: lets a command end in order when the user presses Ctrl-C. */
#ifndef STREAMER_COMMANDS_INTERRUPT_H
#define STREAMER_COMMANDS_INTERRUPT_H

#include <stdatomic.h>
#include <stdbool.h>

/* From now on the first SIGINT or SIGTERM sets the flag, and interrupts system calls; the second
 * one ends the process. */
void interrupt_install(void);
/* The flag. It stays set. */
const atomic_bool *interrupt_flag(void);

#endif
