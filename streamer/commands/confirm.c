#include "streamer/commands/confirm.h"

#include "streamer/commands/interrupt.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 100

/* Waits until there is an answer, or the user has interrupted. A signal can come just before the
 * answer is read, which then would not end: so this looks again and again. */
static bool is_answered(void) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (!atomic_load(interrupt_flag()))
        if (poll(&input, 1, LOOK_MS) > 0)
            return true;
    return false;
}

bool confirm_yes(FILE *out, const char *question) {
    char answer[16];
    (void)fprintf(out, "%s", question);
    (void)fflush(out);
    if (is_answered() && fgets(answer, sizeof answer, stdin) != NULL &&
        strcmp(answer, "yes\n") == 0)
        return true;
    if (atomic_load(interrupt_flag())) {
        (void)fputs("\n", out); /* what follows begins a line */
        (void)fflush(out);
    }
    return false;
}

bool confirm(const char *command, bool yes, struct err *e) {
    if (fflush(stdout) != 0 || ferror(stdout))
        return err_set(e, ERR_STOP, "%s: cannot write to standard output, nothing was changed",
                       command);
    if (yes || confirm_yes(stdout, "Type yes to go on: "))
        return true;
    if (atomic_load(interrupt_flag()))
        return err_set(e, ERR_STOP, "%s: interrupted", command);
    return err_set(e, ERR_STOP,
                   "%s: not confirmed, nothing was changed (--yes goes on without asking)",
                   command);
}
