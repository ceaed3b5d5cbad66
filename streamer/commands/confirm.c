#include "streamer/commands/confirm.h"

#include "streamer/commands/interrupt.h"

#include <stdio.h>
#include <string.h>

bool confirm(const char *command, bool yes, struct err *e) {
    char answer[16];
    if (yes)
        return true;
    (void)printf("Type yes to go on: ");
    (void)fflush(stdout);
    if (!atomic_load(interrupt_flag()) && fgets(answer, sizeof answer, stdin) != NULL &&
        strcmp(answer, "yes\n") == 0)
        return true;
    if (atomic_load(interrupt_flag()))
        return err_set(e, ERR_STOP, "%s: interrupted", command);
    return err_set(e, ERR_STOP,
                   "%s: not confirmed, nothing was changed (--yes goes on without asking)",
                   command);
}
