#include "streamer/commands/confirm.h"

#include <stdio.h>
#include <string.h>

bool confirm(const char *command, bool yes, struct err *e) {
    char answer[16];
    if (yes)
        return true;
    (void)printf("Type yes to go on: ");
    (void)fflush(stdout);
    if (fgets(answer, sizeof answer, stdin) != NULL && strcmp(answer, "yes\n") == 0)
        return true;
    return err_set(e, ERR_STOP,
                   "%s: not confirmed, nothing was changed (--yes goes on without asking)",
                   command);
}
