#include "streamer/commands/completion.h"

#include <stdio.h>
#include <string.h>

static int run(const struct command *const *all, const struct arguments *a) {
    struct err e;
    struct buf script = {0};
    if (a->operand_count != 1) {
        (void)err_set(&e, ERR_CONFIG, "which shell? write streamer completion bash|zsh");
        return command_refuse(&completion_command, &e);
    }
    if (strcmp(a->operands[0], "bash") == 0)
        completion_put_bash(all, &script);
    else
        completion_put_zsh(all, &script);
    (void)fwrite(script.p, 1, script.n, stdout);
    buf_release(&script);
    return EXIT_DONE;
}

static const char *const words[] = {"bash", "zsh", NULL};

static const char *const examples[] = {
    "source <(streamer completion bash)",
    "source <(streamer completion zsh)",
    "streamer completion bash > ~/.local/share/bash-completion/completions/streamer",
    NULL,
};

const struct command completion_command = {
    .name = "completion",
    .operands = "bash|zsh",
    .summary = "a script for the shell, so that it completes commands, options and settings; the "
               "Debian package has it installed",
    .words = words,
    .examples = examples,
    .run_about = run,
};
